import { writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { renderStatus } from '../../../../../src/cli/fleet-screen/render-status.ts';
import { checkObservation } from '../../../../../src/domain/fleet/doctor/check-observation.ts';
import { isDrift } from '../../../../../src/domain/fleet/drift/difference.ts';
import { OBSERVATION } from '../../../../../src/domain/fleet/observation/observation-schema.ts';
import { EndpointUrl } from '../../../../../src/lib/endpoint-url.ts';
import { renderMain } from '../../../../../src/services/fleet/page/render-page.ts';
import type { FleetSettings } from '../../../../../src/settings/fleet-settings.ts';
import { startDelayProxy } from '../../../../bench/delay-proxy.ts';
import { freePort, listenOnLoopback } from '../../../../devnet/listen.ts';
import { createTestDatabase, roleUrl, runSql } from '../../../../support/postgres/postgres.ts';
import { PAGES } from '../../../../support/scenes/fleet-fault-pages.ts';
import {
  databaseSettings,
  type FleetScene,
  KEYS,
  startFleet,
} from '../../../../support/scenes/fleet-scene.ts';
import { type PageRow, readPage } from '../../../../support/scenes/page-reader.ts';

let scene: FleetScene;
const undo: (() => unknown)[] = [];

beforeAll(async () => {
  scene = await startFleet();
}, 300_000);
afterAll(() => scene[Symbol.asyncDispose]());
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** Sets a member of a part of the fleet until the test ends. */
function set<T extends object, K extends keyof T>(part: T, member: K, value: T[K]): void {
  const before = part[member];
  undo.push(() => {
    if (before === undefined) delete part[member];
    else part[member] = before;
  });
  part[member] = value;
}

/** Changes rows until the test ends. */
async function change(sql: string, back: string): Promise<void> {
  await scene.sql(sql);
  undo.push(() => scene.sql(back));
}

type Settings = Partial<FleetSettings>;
/** Breaks a part, and gives the settings to look with, where they are others. */
type Break = () => unknown;

const first = () => scene.signers[0];
const clientZero = () => scene.clients[0];
const KEY = `0x${'ab'.repeat(48)}`;
/** Long enough for all that do answer, on a machine that has much to do. */
const SHORT = { limitMs: 2_500 };

/** A server that takes connections and says nothing. */
async function mute(): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  const port = await listenOnLoopback(server);
  undo.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return port;
}

/** A counterpart, what is wrong with it, how it is made so, and what is found: severity, code, and a part of what is said. */
const CASES: readonly (readonly [string, string, Break, readonly (readonly [string, RegExp])[]])[] = [
  [
    'signer',
    'down',
    () => void set(first().faults, 'down', true),
    [['warning not-seen', /signer .* cut the connection/]],
  ],
  ['signer', 'slow, within its time', () => void set(first().faults, 'slowMs', 200), []],
  [
    'signer',
    'hanging',
    () => {
      set(first().faults, 'hanging', true);
      return SHORT;
    },
    [['warning not-seen', /signer .*within 2\.5 s/]],
  ],
  [
    'signer',
    'lying: no list',
    () => void set(first().faults, 'garbage', '{"data":[]}'),
    [['warning not-seen', /does not answer as a Web3Signer/]],
  ],
  [
    'signer',
    'lying: a list of other things',
    () => void set(first().faults, 'garbage', '["0x00", 7]'),
    [['warning not-seen', /does not answer as a Web3Signer/]],
  ],
  [
    'signer',
    'lying: a list that ends too early',
    () => void set(first().faults, 'garbage', `["${KEY}",`),
    [['warning not-seen', /does not answer as a Web3Signer/]],
  ],
  [
    'signer',
    'refusing',
    () => void set(first().faults, 'status', 403),
    [['warning not-seen', /403|refuse/i]],
  ],
  [
    'signer',
    'half',
    () => void set(first(), 'keys', first().keys.slice(0, 3)),
    [['warning signer-keys-missing', /lacks 21 keys, first 0x/]],
  ],
  [
    'signer',
    'empty',
    () => void set(first(), 'keys', []),
    [['error signer-empty', /lists no key at all: it should have 24/]],
  ],
  [
    'signer',
    'of another vault',
    () => void set(first(), 'keys', [KEY]),
    [
      ['error signer-empty', /lists 1 key, none of the vault/],
      ['note signer-keys-foreign', /1 key/],
    ],
  ],
  [
    'signer',
    'with keys of others',
    () => void set(first(), 'keys', [...first().keys, KEY]),
    [['note signer-keys-foreign', /has 1 key, first 0xabababab/]],
  ],
  [
    'signer',
    'listing keys twice, in capitals, without 0x',
    () =>
      void set(first(), 'keys', [...first().keys, ...first().keys.map(key => key.slice(2).toUpperCase())]),
    [],
  ],

  [
    'client',
    'down',
    () => void set(clientZero().faults, 'down', true),
    [['warning not-seen', /validator client .*cannot be reached/]],
  ],
  ['client', 'slow, within its time', () => void set(clientZero().faults, 'slowMs', 200), []],
  [
    'client',
    'hanging',
    () => {
      set(clientZero().faults, 'hanging', true);
      return SHORT;
    },
    [['warning not-seen', /validator client .*within 2\.5 s/]],
  ],
  [
    'client',
    'lying: no list',
    () => void set(clientZero().faults, 'garbage', '[]'),
    [['warning not-seen', /does not list its keys/]],
  ],
  [
    'client',
    'lying: a list of other things',
    () => void set(clientZero().faults, 'garbage', '{"data":[{"pubkey":7},null]}'),
    [['warning not-seen', /does not list its keys/]],
  ],
  [
    'client',
    'lying: a list of keys that are too short',
    () => void set(clientZero().faults, 'garbage', `{"data":[{"pubkey":"${KEY.slice(0, -2)}"}]}`),
    [['warning not-seen', /does not list its keys/]],
  ],
  [
    'client',
    'without a key manager',
    () => void set(clientZero().faults, 'noApi', true),
    [['warning not-seen', /has no key manager API/]],
  ],
  [
    'client',
    'failing',
    () => void set(clientZero().faults, 'status', 500),
    [['warning not-seen', /HTTP status 500/]],
  ],
  [
    'client',
    'asked with a wrong token',
    wrongToken,
    [['warning not-seen', /refuses the token \(HTTP status 403\)/]],
  ],
  [
    'client',
    'half',
    () => void set(clientZero(), 'keys', clientZero().keys.slice(1)),
    [['warning client-keys-missing', /does not run 1 key/]],
  ],
  [
    'client',
    'empty',
    () => void set(clientZero(), 'keys', []),
    [['warning client-runs-nothing', /runs no key/]],
  ],
  [
    'client',
    'of another vault',
    () => void set(clientZero(), 'keys', [KEY]),
    [['warning client-runs-nothing', /runs 1 key, none of the vault/]],
  ],
  [
    'client',
    'with a key of another client',
    withKeyOfOther,
    [
      ['error keys-run-twice', /1 key, first 0x/],
      ['error client-keys-misplaced', /runs 1 key/],
    ],
  ],
  [
    'client',
    'listing keys in capitals, without 0x',
    () =>
      void set(
        clientZero(),
        'keys',
        clientZero().keys.map(key => key.slice(2).toUpperCase()),
      ),
    [],
  ],

  [
    'operator',
    'down',
    async () => ({ operatorUrls: [EndpointUrl.parse(`http://127.0.0.1:${await freePort()}`)] }),
    [['warning not-seen', /operator .*ECONNREFUSED/]],
  ],
  [
    'operator',
    'hanging',
    async () => ({ ...SHORT, operatorUrls: [EndpointUrl.parse(`http://127.0.0.1:${await mute()}`)] }),
    [['warning not-seen', /operator .*within 2\.5 s/]],
  ],
  [
    'operator',
    'lying',
    () => ({ operatorUrls: [EndpointUrl.parse(first().url)] }),
    [['warning not-seen', /operator .*(404|does not answer as an operator)/]],
  ],
  [
    'operator',
    'slow, within its time',
    async () => ({ operatorUrls: await Promise.all(scene.settings.operatorUrls.map(farAway)) }),
    [],
  ],
  [
    'operator',
    'half: one of its tasks fails',
    () => {
      failTask('register-validators', 3);
      undo.push(() => scene.operator.passEnded('register-validators', { durationMs: 1 }));
      return undefined;
    },
    [['warning task-failing', /fails to register-validators, 3 times in a row: no ether/]],
  ],
  [
    'operator',
    'not ready',
    () => {
      scene.operator.enter('starting', 'an execution node');
      undo.push(() => scene.operator.enter('running'));
      return undefined;
    },
    [['warning operator-not-ready', /is starting and not ready: an execution node/]],
  ],
  [
    'operator',
    'twice, each leading',
    () => ({ operatorUrls: [...scene.settings.operatorUrls, ...scene.settings.operatorUrls] }),
    [['error two-leaders', /all lead/]],
  ],

  [
    'database',
    'down',
    async () => ({
      database: databaseSettings(`postgresql://127.0.0.1:${await freePort()}/x?sslmode=disable`),
    }),
    [['warning not-seen', /database: .*/]],
  ],
  [
    'database',
    'hanging',
    async () => ({
      ...SHORT,
      database: databaseSettings(`postgresql://127.0.0.1:${await mute()}/x?sslmode=disable`),
    }),
    [['warning not-seen', /database: .*/]],
  ],
  [
    'database',
    'asked with a wrong password',
    wrongPassword,
    [['warning not-seen', /database: .*password|authentication/i]],
  ],
  ['database', 'empty', emptyDatabase, [['warning not-seen', /no tables of this program/]]],
  [
    'database',
    'slow, within its time',
    async () => ({
      database: databaseSettings(
        (await farAway(EndpointUrl.parse(scene.databaseUrl.replace('postgresql:', 'http:'))))
          .reveal()
          .replace('http:', 'postgresql:'),
      ),
    }),
    [],
  ],
  [
    'database',
    'lying: another server',
    () => ({
      database: databaseSettings(`postgresql://127.0.0.1:${new URL(first().url).port}/x?sslmode=disable`),
    }),
    [['warning not-seen', /database: .*/]],
  ],
  [
    'database',
    'of another network',
    () =>
      change(
        'update stakewise_operator.vaults set chain_id = 1',
        `update stakewise_operator.vaults set chain_id = ${scene.workflow.network.chainId}`,
      ).then(() => undefined),
    [['error other-network', /database: .*chain/]],
  ],
  [
    'database',
    'of another vault',
    () => ({
      vault: '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc',
      executionEndpoints: [],
      keymanagers: [],
      signerUrls: [],
    }),
    [['warning not-seen', /is not in the remote db/]],
  ],
  [
    'database',
    'half: a key without a client',
    () =>
      change(`delete from stakewise_operator.assignments where client_index = 1`, 'select 1').then(() =>
        restorePlan(),
      ),
    [['error plan-changed', /not as it was stored/]],
  ],
  [
    'database',
    'with unfinished keys',
    unfinishedKey,
    [['warning upload-unfinished', /has 1 key of an upload/]],
  ],
  [
    'database',
    'with files of an earlier plan',
    () =>
      change(
        `update stakewise_operator.written_key_sets set digest = sha256('other') where client_index = 0`,
        restoreDigest(),
      ),
    [['warning client-files-outdated', /validator client #0: has files of manifest/]],
  ],
  [
    'database',
    'with files of a client too many',
    () =>
      change(
        `insert into stakewise_operator.written_key_sets (vault_id, client_index, total_clients, key_count, digest, manifest_counter, host) select vault_id, 7, 8, 3, digest, manifest_counter, 'old-host' from stakewise_operator.written_key_sets where client_index = 0`,
        'delete from stakewise_operator.written_key_sets where client_index = 7',
      ).then(() => undefined),
    [['warning client-not-planned', /#7: was given 3 keys on old-host/]],
  ],
  [
    'database',
    'not told of files',
    () =>
      change(
        'alter table stakewise_operator.written_key_sets rename to hidden_rows',
        'drop table stakewise_operator.written_key_sets; alter table stakewise_operator.hidden_rows rename to written_key_sets',
      )
        .then(() =>
          scene.sql('create table stakewise_operator.written_key_sets (like stakewise_operator.hidden_rows)'),
        )
        .then(() => undefined),
    [['note client-files-unknown', /have files that the database has not been told of/]],
  ],
  [
    'lease',
    'free',
    () =>
      change(
        `update stakewise_operator.operator_leases set expires_at = now() - interval '1 hour'`,
        `update stakewise_operator.operator_leases set expires_at = now() + interval '1 hour'`,
      ),
    [['warning no-leader', /the last one was op-0/]],
  ],

  [
    'execution node',
    'down',
    () => void set(scene.rpc.faults, 'down', true),
    [['warning not-seen', /execution node/]],
  ],
  [
    'execution node',
    'hanging',
    () => {
      set(scene.rpc.faults, 'silent', true);
      return SHORT;
    },
    [['warning not-seen', /execution node/]],
  ],
  [
    'execution node',
    'lying',
    () => void set(scene.rpc.faults, 'garbage', '<html>'),
    [['warning not-seen', /execution node/]],
  ],
  [
    'execution node',
    'of another network',
    () => void set(scene.rpc.faults, 'chainId', 1),
    [['error other-network', /execution node/]],
  ],
  [
    'execution node',
    'syncing',
    () => void set(scene.rpc.faults, 'syncing', 99),
    [['warning not-seen', /is syncing/]],
  ],
  [
    'execution node',
    'behind another one',
    async () => {
      await scene.workflow.devnet.mine(8);
      set(scene.rpc.faults, 'behind', 6);
      const [url] = scene.settings.executionEndpoints;
      const other = EndpointUrl.parse(scene.workflow.devnet.rpcUrl);
      return { executionEndpoints: url === undefined ? [] : [url, other] };
    },
    [['warning node-behind', /execution node .*6 blocks behind another node/]],
  ],
  ['execution node', 'slow, within its time', () => void set(scene.rpc.faults, 'slowMs', 100), []],
  [
    'execution node',
    'asked with a wrong token',
    () => void set(scene.rpc.faults, 'status', 401),
    [['warning not-seen', /execution node .*401/]],
  ],
  [
    'execution node',
    'half: without logs',
    () => void set(scene.rpc.faults, 'refuses', { method: 'eth_getLogs', message: 'pruned history' }),
    [['warning not-seen', /contracts: .*pruned history/]],
  ],
  [
    'execution node',
    'empty: without the contracts',
    () => {
      scene.rpc.onAnswer = ({ method }, answer) => {
        if (method === 'eth_call' || method === 'eth_getCode') answer.result = '0x';
      };
      undo.push(() => {
        scene.rpc.onAnswer = undefined;
      });
      return undefined;
    },
    [['error other-network', /contracts: /]],
  ],
  [
    'consensus node',
    'down',
    () => void set(scene.beacon, 'fault', 'down' as never),
    [['warning not-seen', /consensus node/]],
  ],
  [
    'consensus node',
    'hanging',
    () => {
      set(scene.beacon, 'fault', 'hanging' as never);
      return SHORT;
    },
    [['warning not-seen', /consensus node/]],
  ],
  [
    'consensus node',
    'of another network',
    () => void set(scene.beacon, 'fault', 'other-network' as never),
    [['error other-network', /consensus node/]],
  ],
  [
    'consensus node',
    'syncing',
    () => void set(scene.beacon, 'fault', 'syncing' as never),
    [['warning not-seen', /consensus node/]],
  ],
  [
    'consensus node',
    'slow, within its time',
    async () => ({ consensusEndpoints: await Promise.all(scene.settings.consensusEndpoints.map(farAway)) }),
    [],
  ],
  [
    'consensus node',
    'lying',
    () => void set(scene.beacon, 'fault', 'garbage'),
    [['warning not-seen', /consensus node .*JSON/]],
  ],
  [
    'consensus node',
    'failing',
    () => void set(scene.beacon, 'fault', 'failing'),
    [['warning not-seen', /consensus node .*500/]],
  ],
  [
    'consensus node',
    'half: without its execution node',
    () => void set(scene.beacon, 'fault', 'el-offline'),
    [['warning not-seen', /consensus node /]],
  ],

  [
    'oracle',
    'down, one of three',
    () => void set(oracle(0).faults, 'down', true),
    [['note oracle-not-answering', /2 of 3 answer/]],
  ],
  [
    'oracle',
    'refusing, two of three',
    () => {
      set(oracle(0).faults, 'status', 500);
      set(oracle(1).faults, 'status', 500);
    },
    [['error oracles-too-few', /1 of 3 answer/]],
  ],
  [
    'oracle',
    'hanging, one of three',
    () => {
      set(oracle(0).faults, 'silent', true);
      return SHORT;
    },
    [['note oracle-not-answering', /2 of 3 answer/]],
  ],
  ['oracle', 'slow, within its time', () => void set(oracle(0).faults, 'slowMs', 200), []],
  [
    'IPFS gateway',
    'down',
    () => void set(scene.workflow.devnet.ipfs, 'fault', 'down'),
    [['warning not-seen', /oracles: /]],
  ],
  [
    'IPFS gateway',
    'lying',
    () => void set(scene.workflow.devnet.ipfs, 'fault', 'wrong-bytes'),
    [['warning not-seen', /oracles: /]],
  ],
  [
    'IPFS gateway',
    'hanging',
    () => {
      set(scene.workflow.devnet.ipfs, 'fault', 'slow');
      return SHORT;
    },
    [['warning not-seen', /oracles: /]],
  ],
  [
    'IPFS gateway',
    'empty',
    () => void set(scene.workflow.devnet.ipfs, 'fault', 'missing'),
    [['warning not-seen', /oracles: /]],
  ],
  [
    'keeper',
    'empty: points at no document',
    async () => {
      const { configIpfsHash } = scene.workflow.devnet.oracleSet;
      undo.push(() => scene.workflow.devnet.publishConfigHash(configIpfsHash));
      await scene.workflow.devnet.publishOracleConfig({ oracles: [] });
      return undefined;
    },
    [
      ['warning not-seen', /oracles: /],
      ['warning oracle-set-outdated', /has shares for oracles that the keeper has replaced: 6 keys/],
    ],
  ],
  [
    'transaction',
    'stuck',
    () => transaction('sent', { hours: 2 }),
    [['warning transaction-stuck', /transactions: harvest with nonce 3 has been under way for 12\d minutes/]],
  ],
  [
    'transaction',
    'reverted',
    () => transaction('reverted', { hours: 2 }),
    [['warning transaction-reverted', /transactions: harvest with nonce 3 was reverted: InvalidOracles/]],
  ],
  ['transaction', 'young and under way', () => transaction('sent', { hours: 0 }), []],
  [
    'transaction',
    'without its table',
    () =>
      change(
        'alter table stakewise_operator.transactions rename to hidden_rows',
        'alter table stakewise_operator.hidden_rows rename to transactions',
      ).then(() => undefined),
    [['warning not-seen', /transactions: /]],
  ],
  [
    'wallet',
    'empty',
    async () => {
      await setWallet(0n);
      undo.push(() => setWallet(10n ** 18n));
      return undefined;
    },
    [['error wallet-empty', /has nothing/]],
  ],
  [
    'wallet',
    'low',
    async () => {
      await setWallet(1n);
      undo.push(() => setWallet(10n ** 18n));
      return undefined;
    },
    [['warning wallet-low', /less than is recommended/]],
  ],
  ['wallet', 'of nobody', () => ({ walletFile: '/nowhere/wallet.json' }), []],
];

function oracle(place: number) {
  const found = scene.workflow.devnet.oracles.servers[place];
  if (found === undefined) throw new Error(`there is no oracle ${place}`);
  return found;
}

/** The same server, some way off: each answer comes later. */
async function farAway(url: EndpointUrl): Promise<EndpointUrl> {
  const target = new URL(url.reveal());
  const proxy = await startDelayProxy({ host: target.hostname, port: Number(target.port) }, 30);
  undo.push(() => proxy[Symbol.asyncDispose]());
  target.port = String(proxy.port);
  return EndpointUrl.parse(target.href);
}

function failTask(task: string, times: number): void {
  for (let i = 0; i < times; i++) {
    scene.operator.passBegan(task);
    scene.operator.passEnded(task, { durationMs: 1, error: new Error('no ether') });
  }
}

/** The newest transaction of the vault's operator. */
async function transaction(state: 'sent' | 'reverted', { hours }: { hours: number }): Promise<undefined> {
  const { vault } = scene.workflow.devnet.addresses;
  await change(
    `insert into stakewise_operator.transactions (chain_id, vault, kind, intent_key, lease_epoch, sender, nonce, recipient,
        call_data, gas_limit, state, reason, created_at, updated_at)
      values (${scene.workflow.network.chainId}, decode('${vault.slice(2)}', 'hex'), 'harvest', 'harvest 1', 1,
        decode(repeat('11', 20), 'hex'), 3, decode(repeat('22', 20), 'hex'), '', 21000, '${state}',
        ${state === 'reverted' ? "'InvalidOracles'" : 'null'}, now() - interval '${hours} hours', now() - interval '${hours} hours')`,
    `delete from stakewise_operator.transactions where intent_key = 'harvest 1'`,
  );
  return undefined;
}

function setWallet(wei: bigint) {
  return scene.workflow.devnet.setBalance('0x73c5000000000000000000000000000000000001', wei);
}

function wrongToken(): Settings {
  const tokenFile = join(scene.workflow.folder, 'wrong-token');
  writeFileSync(tokenFile, 'planted-token', { mode: 0o600 });
  const [one, ...others] = scene.settings.keymanagers;
  if (one === undefined) throw new Error('the scene has no client');
  return { keymanagers: [{ ...one, tokenFile }, ...others] };
}

function withKeyOfOther(): undefined {
  const [key = ''] = scene.clients[1].keys;
  set(clientZero(), 'keys', [...clientZero().keys, key]);
  return undefined;
}

async function wrongPassword(): Promise<Settings> {
  return {
    database: databaseSettings(roleUrl(scene.databaseUrl, 'nobody_of_this_name', 'planted-password')),
  };
}

async function emptyDatabase(): Promise<Settings> {
  const database = await createTestDatabase({ migrated: false });
  undo.push(() => database[Symbol.asyncDispose]());
  return { database: databaseSettings(database.url) };
}

let savedPlan: readonly Record<string, unknown>[] = [];
async function restorePlan(): Promise<undefined> {
  undo.push(async () => {
    for (const row of savedPlan)
      await runSql(
        scene.databaseUrl,
        'insert into stakewise_operator.assignments (vault_id, public_key, client_index) values ($1, $2, $3)',
        [row.vault_id, row.public_key, row.client_index],
      );
  });
  return undefined;
}

async function unfinishedKey(): Promise<undefined> {
  await change(
    `insert into stakewise_operator.keypairs (vault_id, public_key) select vault_id, decode(repeat('77', 48), 'hex') from stakewise_operator.vaults`,
    `delete from stakewise_operator.keypairs where public_key = decode(repeat('77', 48), 'hex')`,
  );
  return undefined;
}

let savedDigest = '';
function restoreDigest(): string {
  return `update stakewise_operator.written_key_sets set digest = decode('${savedDigest}', 'hex') where client_index = 0`;
}

/** What a page shows: section, tone and words of each row, without what is another in every run. */
function linesOf(markup: string): readonly string[] {
  return readPage(markup).map(({ section, tone, text }: PageRow) => `${section} ${tone}: ${plain(text)}`);
}

function plain(text: string): string {
  const { settings } = scene;
  const names: readonly (readonly [string, readonly EndpointUrl[]])[] = [
    ['signer', settings.signerUrls],
    ['client', settings.keymanagers.map(({ url }) => url)],
    ['node', settings.executionEndpoints],
    ['beacon', settings.consensusEndpoints],
    ['operator', settings.operatorUrls],
  ];
  let named = text;
  for (const [kind, urls] of names)
    for (const [i, { name }] of urls.entries())
      named = named.replaceAll(name.replace(/\/$/, ''), `${kind}-${'ab'[i]}`);
  return named
    .replace(/(?:https?:\/\/)?(?:127\.0\.0\.1|localhost):\d+/g, 'elsewhere')
    .replace(/0x[0-9a-fA-F]{4,}…?[0-9a-fA-F]*/g, '0x…')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/\d+ (?:s|min|h) ago/g, 'N ago')
    .replace(/[\d,]+ (ms|minutes)\b/g, 'N $1')
    .replace(/\b(block|epoch|manifest) [\d,]+/g, '$1 N')
    .replace(/--id=\d+/, '--id=N')
    .replace(/port \d+/g, 'port N')
    .replace(/stakewise_test_\w+/g, 'DATABASE')
    .replace(/\bbafk\w+/g, 'CID')
    .replace(/PostgreSQL [\d.]+, step \d+/g, 'PostgreSQL N, step N')
    .replaceAll(hostname(), 'HOST');
}

describe('observeFleet', () => {
  let healthyLines: ReadonlySet<string>;

  beforeAll(async () => {
    scene.operator.passEnded('register-validators', { durationMs: 1 });
    healthyLines = new Set(linesOf(renderMain(await scene.look())));
    savedPlan = await runSql(
      scene.databaseUrl,
      'select * from stakewise_operator.assignments where client_index = 1',
    );
    const [row] = await runSql(
      scene.databaseUrl,
      `select encode(digest, 'hex') as digest from stakewise_operator.written_key_sets where client_index = 0`,
    );
    savedDigest = String(row?.digest);
  });

  it('observeFleet finds nothing to mend in a fleet that is in order, and sees all of it', async () => {
    const { observation, differences } = await scene.look();
    expect(differences).toEqual([]);
    expect(OBSERVATION.parse(observation)).toEqual(observation);
    expect(observation).toMatchObject({
      database: { answer: 'answered', facts: { total: KEYS, stale: 0, planned: 2, planIntact: true } },
      contracts: { answer: 'answered', facts: { depositDataUsed: true, nextIndex: 0 } },
      beaconChain: { answer: 'answered', facts: { unregistered: KEYS, active: 0 } },
      oracles: { answer: 'answered', facts: { members: [{}, {}, {}] } },
      signers: [{ seen: { facts: { loaded: 24, expected: 24 } } }, {}],
      clients: { facts: { rows: [{ planned: 3, written: { current: true, total: 3 } }, { planned: 3 }] } },
      keymanagers: [{ seen: { facts: { index: 0, runs: 3 } } }, { seen: { facts: { index: 1, runs: 3 } } }],
      operators: [{ seen: { facts: { ready: true, phase: 'running' } } }],
      lease: { facts: { holder: 'op-0', held: true } },
      wallet: { facts: { balanceWei: String(10n ** 18n) } },
      lastChange: { facts: { command: 'remote-db assign' } },
    });
  });

  it.each(CASES)('observeFleet with a %s that is %s', async (counterpart, what, arrange, expected) => {
    const settings = ((await arrange()) ?? {}) as Settings;
    const { observation, differences } = await scene.look(settings);
    OBSERVATION.parse(observation);
    const found = differences.map(({ severity, code }) => `${severity} ${code}`);
    // What one counterpart keeps from being seen of others is told as well, behind it.
    expect(found.slice(0, Math.max(1, expected.length))).toEqual(expected.map(([line]) => line));
    for (const [i, [, text]] of expected.entries()) {
      const difference = differences[i];
      expect(`${difference?.where}: ${difference?.what}`).toMatch(text);
    }
    // The doctor fails where status finds something to be mended, and names the same remedy.
    const failed = checkObservation(observation).filter(({ severity }) => severity === 'fail');
    const drift = differences.filter(isDrift);
    expect(failed.map(({ code, where, hint }) => [code, where, hint])).toEqual(
      drift.map(({ code, where, remedy }) => [code, where, remedy]),
    );
    const screen = renderStatus(observation, differences, 60).join('\n');
    expect(screen + JSON.stringify(observation)).not.toMatch(/planted-|api-token/);
    for (const line of screen.split('\n')) expect(line.length).toBeLessThanOrEqual(60);
    // The page shows it where it belongs, in its colour, with what mends it, and nothing else becomes another.
    const page = linesOf(renderMain({ observation, differences }));
    const changed = page.filter(line => !healthyLines.has(line));
    expect(changed).toEqual(PAGES[`${counterpart} that is ${what}`]);
  });

  it('the table of pages has a line for every fault, and none for another', () => {
    expect(Object.keys(PAGES).toSorted()).toEqual(
      CASES.map(([counterpart, what]) => `${counterpart} that is ${what}`).toSorted(),
    );
  });

  it('observeFleet asks only those that were named, and says so of the others', async () => {
    const { observation, differences } = await scene.look({
      database: undefined,
      executionEndpoints: [],
      consensusEndpoints: [],
      signerUrls: [],
      keymanagers: [],
      walletFile: undefined,
    });
    expect(differences).toEqual([]);
    for (const part of [
      'database',
      'clients',
      'lease',
      'transactions',
      'contracts',
      'beaconChain',
      'oracles',
      'wallet',
    ] as const)
      expect(observation[part].answer).toBe('not-asked');
    expect(observation.operators).toHaveLength(1);
  });
});
