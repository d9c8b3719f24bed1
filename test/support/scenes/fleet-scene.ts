import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openFleet } from '../../../src/compose/fleet.ts';
import { openDatabase } from '../../../src/db/database.ts';
import { takeLease } from '../../../src/db/leases.ts';
import { parseDepositData } from '../../../src/domain/consensus/deposit-data.ts';
import type { Difference } from '../../../src/domain/fleet/drift/difference.ts';
import { findDrift } from '../../../src/domain/fleet/drift/find-drift.ts';
import type { Observation } from '../../../src/domain/fleet/observation/observation.ts';
import { buildDepositTree } from '../../../src/domain/protocol/deposit-tree.ts';
import { fromHex } from '../../../src/lib/bytes.ts';
import { EndpointUrl } from '../../../src/lib/endpoint-url.ts';
import { startHealthServer } from '../../../src/operator/probes/probe-server.ts';
import { createOperatorStatus } from '../../../src/operator/probes/status.ts';
import type { FleetSettings } from '../../../src/settings/fleet-settings.ts';
import type { BeaconNode } from '../../devnet/beacon-node.ts';
import { type RpcProxy, startRpcProxy } from '../../devnet/rpc-proxy.ts';
import { startValidatorClient, type ValidatorClient } from '../../devnet/validator-client.ts';
import { createTestDatabase, runSql } from '../postgres/postgres.ts';
import { type ListingSigner, startListingSigner } from '../servers/listing-signer.ts';
import { startWorkflow, type WorkflowFixture } from './workflow-scene.ts';

/** Keys of the vault. */
export const KEYS = 6;
const WALLET = '0x73c5000000000000000000000000000000000001';
const ETHER = 10n ** 18n;

/** A fleet with one of everything, in order; each of its parts can be made to fail. */
export interface FleetScene extends AsyncDisposable {
  readonly workflow: WorkflowFixture;
  readonly databaseUrl: string;
  readonly rpc: RpcProxy;
  readonly beacon: BeaconNode;
  readonly signers: readonly [ListingSigner, ListingSigner];
  readonly clients: readonly [ValidatorClient, ValidatorClient];
  readonly operator: ReturnType<typeof createOperatorStatus>;
  readonly settings: FleetSettings;
  /** Changes a row of the database. */
  sql(text: string): Promise<unknown>;
  /** Looks at the fleet. */
  look(changes?: Partial<FleetSettings>): Promise<{
    readonly observation: Observation;
    readonly differences: readonly Difference[];
    readonly warnings: readonly string[];
  }>;
}

/** Sets the vault up as its team does: keys uploaded, files written for two clients, root on the chain, an operator at work. */
export async function startFleet(): Promise<FleetScene> {
  await using stack = new AsyncDisposableStack();
  const workflow = stack.use(await startWorkflow(KEYS, { oracleServers: {} }));
  const database = stack.use(await createTestDatabase({ migrated: false }));
  const { devnet, folder, network } = workflow;
  const { vault } = devnet.addresses;
  await workflow.run(database.url, [
    'setup',
    ...workflow.vaultArgs,
    '--encrypt-key-file',
    join(folder, 'encrypt-key'),
  ]);
  const upload = workflow.uploadArgs(KEYS);
  const deposits = parseDepositData(
    readFileSync(join(folder, `keys-${KEYS}`, 'deposit_data.json'), 'utf8'),
    'deposit data',
  );
  await devnet.setDepositDataRoot(buildDepositTree(deposits, fromHex(vault, 20)).root);
  await workflow.run(database.url, upload);
  for (const client of [0, 1])
    await workflow.run(
      database.url,
      workflow.setupValidatorArgs(client, 2, join(folder, `client-${client}`)),
    );
  const rows = await runSql(
    database.url,
    `select '0x' || encode(public_key, 'hex') as key, client_index as client from stakewise_operator.assignments order by public_key`,
  );
  const shares = await runSql(
    database.url,
    `select '0x' || encode(public_key, 'hex') as key from stakewise_operator.key_shares`,
  );
  const signerKeys = [...rows, ...shares].map(({ key }) => String(key));
  const keysOf = (client: number) => rows.filter(row => row.client === client).map(({ key }) => String(key));
  const signers = [
    stack.use(await startListingSigner(signerKeys)),
    stack.use(await startListingSigner(signerKeys)),
  ] as const;
  const clients = [
    stack.use(await startValidatorClient('lighthouse', { keys: keysOf(0) })),
    stack.use(await startValidatorClient('lodestar', { keys: keysOf(1), token: 'api-token-0x02' })),
  ] as const;
  const rpc = stack.use(await startRpcProxy(devnet.rpcUrl));
  const beacon = stack.use(await devnet.startBeaconNode());
  const operator = createOperatorStatus(text => text);
  operator.enter('running');
  const probes = stack.use(
    await startHealthServer({ host: '127.0.0.1', port: 0, name: 'health', status: operator }),
  );
  await holdLease(database.url, { chainId: network.chainId, vault });
  await devnet.setBalance(WALLET, ETHER);
  const files = join(folder, 'watched');
  mkdirSync(files);
  writeFileSync(join(files, 'wallet.json'), JSON.stringify({ address: WALLET.slice(2), version: 3 }));
  for (const [i, { token }] of clients.entries())
    writeFileSync(join(files, `token-${i}`), `${token}\n`, { mode: 0o600 });
  const settings: FleetSettings = {
    vault,
    network: workflow.vaultArgs[3],
    dataDir: join(folder, 'data'),
    keystoresDir: undefined,
    database: databaseSettings(database.url),
    executionEndpoints: [EndpointUrl.parse(rpc.url)],
    executionJwt: undefined,
    consensusEndpoints: [EndpointUrl.parse(beacon.url)],
    ipfs: { ownGateways: [], timeoutMs: 2_000, allowUnverified: false },
    proxies: { http: undefined, https: undefined, except: undefined },
    signerUrls: signers.map(({ url }) => EndpointUrl.parse(url)),
    keymanagers: clients.map(({ url }, i) => ({
      url: EndpointUrl.parse(url),
      tokenFile: join(files, `token-${i}`),
    })),
    operatorUrls: [EndpointUrl.parse(probes.url)],
    tls: undefined,
    walletFile: join(files, 'wallet.json'),
    limitMs: 20_000,
    verbose: false,
  };
  const owned = stack.move();
  return {
    workflow,
    databaseUrl: database.url,
    rpc,
    beacon,
    signers,
    clients,
    operator,
    settings,
    sql: text => runSql(database.url, text),
    look: changes => lookAt({ ...settings, ...changes }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** How a database is named by its URL. */
export function databaseSettings(url: string): NonNullable<FleetSettings['database']> {
  const defaults = { passfile: undefined, target_session_attrs: undefined };
  return { dbUrl: { url, file: undefined, defaults }, dbSchema: undefined };
}

async function lookAt(settings: FleetSettings) {
  const warnings: string[] = [];
  await using fleet = await openFleet(settings, {
    programVersion: '1.0.0',
    warn: line => void warnings.push(line),
  });
  const observation = await fleet.observe();
  return { observation, differences: findDrift(observation), warnings };
}

async function holdLease(
  url: string,
  { chainId, vault }: { readonly chainId: number; readonly vault: string },
): Promise<void> {
  await using database = await openDatabase({ url });
  await takeLease(database, { chainId, vault: fromHex(vault, 20) }, { holder: 'op-0', ttlMs: 3_600_000 });
}
