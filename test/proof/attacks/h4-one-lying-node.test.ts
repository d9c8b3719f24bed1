import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { oracleSetHash } from '../../../src/domain/protocol/oracle-config.ts';
import { startServer } from '../../devnet/http-server.ts';
import { startKeymanager } from '../../devnet/keymanager.ts';
import { freePort } from '../../devnet/listen.ts';
import { BEACON_CHAIN } from '../../devnet/network-file.ts';
import { createOracleKey, describeOracleSet, type OracleKey } from '../../devnet/oracle-set.ts';
import type { OracleLie } from '../../devnet/rpc-lies.ts';
import { type RpcFaults, type RpcProxy, startRpcProxy } from '../../devnet/rpc-proxy.ts';
import { createTestDatabase, runSql, type TestDatabase } from '../../support/postgres/postgres.ts';
import { runCli } from '../../support/programs/cli.ts';
import { type OperatorProcess, startOperatorProcess } from '../../support/programs/operator-process.ts';
import { type OperatorScene, startOperatorScene } from '../../support/scenes/operator-scene.ts';
import {
  ORACLES,
  startWorkflow,
  THRESHOLD,
  type WorkflowFixture,
} from '../../support/scenes/workflow-scene.ts';
import { waitUntil } from '../../support/wait-until.ts';

/**
 * The attack: a node says that the keeper has published another document, which lists keys of the attacker. Exit shards
 * that are encrypted to them are exit signatures in his hand. IPFS proves the document against its hash, nothing proves
 * the event.
 */

const STAKE = 32;
/** What the attacker's oracles would be sent. */
interface AttackerOracles extends AsyncDisposable {
  readonly keys: readonly OracleKey[];
  readonly document: string;
  /** Everything that reached them. */
  readonly requests: readonly { readonly path: string; readonly body: string }[];
}

/** Oracles that listen, and call every exit signature outdated. */
async function startAttackerOracles(count: number, threshold: number): Promise<AttackerOracles> {
  const server = await startServer(({ path }) =>
    path.includes('signatures')
      ? {
          status: 200,
          body: { exit_signature_block_number: null, validators: [0, 1, 2, 3].map(index => ({ index })) },
        }
      : { status: 500, body: {} },
  );
  const keys = Array.from({ length: count }, (_, i) => {
    const key = createOracleKey(i);
    return { ...key, endpoints: [`${server.url}/oracle-${i}`] };
  });
  return {
    keys,
    document: JSON.stringify(describeOracleSet(keys, threshold)),
    requests: server.requests,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function hashOf({ oracles, threshold }: { oracles: readonly OracleKey[]; threshold: number }): string {
  const hash = oracleSetHash({ exitSignatureRecoverThreshold: threshold, oracles });
  return `0x${Buffer.from(hash).toString('hex')}`;
}

function mend(faults: RpcFaults): void {
  for (const name of Object.keys(faults)) delete (faults as Record<string, unknown>)[name];
}

/** The lie from the present head on: an event of the attacker's, and, if he is thorough, its oracles in the keeper. */
async function lieOf(
  devnet: WorkflowFixture['devnet'],
  attacker: AttackerOracles,
  { isThorough = true }: { readonly isThorough?: boolean } = {},
): Promise<OracleLie> {
  const head = await devnet.protocol.provider.getBlock('latest');
  const ipfsHash = await devnet.ipfs.add(attacker.document);
  return {
    keeper: devnet.addresses.keeper,
    event: { ipfsHash, blockNumber: head?.number ?? 0, blockHash: head?.hash ?? '' },
    ...(isThorough && { oracles: attacker.keys.map(({ address }) => address) }),
  };
}

describe('H4 · the oracle set of an upload', () => {
  let fixture: WorkflowFixture;
  let attacker: AttackerOracles;
  let nodes: readonly RpcProxy[];
  let database: TestDatabase;

  beforeAll(async () => {
    fixture = await startWorkflow(2);
    attacker = await startAttackerOracles(ORACLES, THRESHOLD);
    nodes = await Promise.all([1, 2, 3].map(() => startRpcProxy(fixture.devnet.rpcUrl)));
  });
  afterAll(async () => {
    for (const node of nodes) await node[Symbol.asyncDispose]();
    await attacker[Symbol.asyncDispose]();
    await fixture[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    database = await createTestDatabase();
    await fixture.run(database.url, ['setup', ...fixture.vaultArgs, ...fixture.keyArgs]);
  });
  afterEach(async () => {
    for (const { faults } of nodes) mend(faults);
    await database[Symbol.asyncDispose]();
  });

  const node = (index: number): RpcProxy => {
    const found = nodes[index];
    if (found === undefined) throw new Error(`no node ${index}`);
    return found;
  };
  const upload = (count: 1 | 2 | 3, ...more: string[]) => {
    const args = fixture.uploadArgs(2);
    const at = args.indexOf('--execution-endpoints');
    const endpoints = nodes.slice(0, count).map(({ url }) => url);
    return fixture.runToEnd(database.url, [
      ...args.toSpliced(at, 2, '--execution-endpoints', endpoints.join()),
      ...more,
    ]);
  };
  /** Public keys of the oracles that shares were made for. */
  const uploadedSets = async () => {
    const rows = await runSql(database.url, 'select oracle_set_hash from stakewise_operator.oracle_sets');
    return rows.map(row => `0x${Buffer.from(row.oracle_set_hash as Uint8Array).toString('hex')}`);
  };
  const honest = () => hashOf(fixture.devnet.oracleSet);

  it('one node: the first of two names an upload its own document → refused, both are quoted, no share is made', async () => {
    node(0).faults.lies = await lieOf(fixture.devnet, attacker);
    const run = await upload(2, '--json');
    expect(run.exitCode).toBe(1);
    const { error } = JSON.parse(run.stdout);
    expect(error).toMatchObject({ code: 'oracle-set-unconfirmed' });
    const { ipfsHash, blockNumber } = node(0).faults.lies?.event ?? {};
    expect(error.message).toContain(`${node(0).url} names ${ipfsHash} of block ${blockNumber}`);
    expect(error.message).toContain(`${node(1).url} names ${fixture.devnet.oracleSet.configIpfsHash}`);
    expect(await uploadedSets()).toEqual([]);
  });

  it.each([0, 1, 2])(
    'one node: number %i of three lies → the honest set is used, the liar is named',
    async liar => {
      const lie = await lieOf(fixture.devnet, attacker);
      await fixture.devnet.mine(3);
      node(liar).faults.lies = lie;
      const run = await upload(3);
      expect(run.exitCode, run.stderr).toBe(0);
      expect(run.stderr).toMatch(
        new RegExp(`The execution endpoint ${node(liar).url} contradicts the others .* is left out`),
      );
      expect(await uploadedSets()).toEqual([honest()]);
    },
  );

  it('one node: the only one, whose document lists oracles that the keeper does not know → refused', async () => {
    node(0).faults.lies = await lieOf(fixture.devnet, attacker, { isThorough: false });
    const run = await upload(1, '--json');
    expect(run.exitCode).toBe(1);
    const { error } = JSON.parse(run.stdout);
    expect(error.message).toMatch(/says that the keeper has no oracle 0x[0-9a-fA-F]{40} and 2 more of it/);
    expect(await uploadedSets()).toEqual([]);
  });

  it('one node: the only one, whose document leaves out an oracle of the keeper → refused', async () => {
    const { oracles, threshold } = fixture.devnet.oracleSet;
    const document = JSON.stringify(describeOracleSet(oracles.slice(1), threshold));
    node(0).faults.lies = await lieOf(fixture.devnet, { ...attacker, document }, { isThorough: false });
    const run = await upload(1, '--json');
    expect(run.exitCode).toBe(1);
    expect(JSON.parse(run.stdout).error.message).toContain('the keeper has 3 oracles, and the document 2');
    expect(await uploadedSets()).toEqual([]);
  });

  it('one node: lies while the second one is syncing → that one has no vote, and a single one decides nothing', async () => {
    node(0).faults.lies = await lieOf(fixture.devnet, attacker);
    node(1).faults.syncing = 5;
    const run = await upload(2, '--json');
    expect(run.exitCode).toBe(1);
    expect(JSON.parse(run.stdout).error.message).toMatch(
      new RegExp(`${node(1).url} has no vote \\(.* is syncing`),
    );
    expect(await uploadedSets()).toEqual([]);
  });

  it('one node: lies of a block that the second has not reached → that one has no vote on it, and nothing is decided', async () => {
    await fixture.devnet.mine(8);
    node(0).faults.lies = await lieOf(fixture.devnet, attacker);
    node(1).faults.behind = 4;
    const run = await upload(2, '--json');
    expect(run.exitCode).toBe(1);
    expect(JSON.parse(run.stdout).error.code).toBe('oracle-set-unconfirmed');
    expect(await uploadedSets()).toEqual([]);
  });

  it('one node: is given twice, in two ways to write it → it is one endpoint, which decides alone and is said to', async () => {
    const { url } = node(1);
    const args = fixture.uploadArgs(2);
    const at = args.indexOf('--execution-endpoints');
    const endpoints = `${url},${url}/,${url.replace('://', '://user:pass@')}`;
    const run = await fixture.runToEnd(
      database.url,
      args.toSpliced(at, 2, '--execution-endpoints', endpoints),
    );
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.stderr).toContain(`Warning: Only one execution endpoint is given: ${url} alone decides`);
  });

  it('one node: of three says that the keeper has other oracles than the document → it is named, the others decide', async () => {
    node(1).faults.lies = {
      keeper: fixture.devnet.addresses.keeper,
      oracles: attacker.keys.map(({ address }) => address),
    };
    const run = await upload(3);
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.stderr).toMatch(
      new RegExp(`The execution endpoint ${node(1).url} contradicts the others .* has no oracle 0x`),
    );
    expect(await uploadedSets()).toEqual([honest()]);
    // Of two it is not known which one is right, and nobody is called wrong.
    const two = await upload(2);
    expect(two.exitCode, two.stderr).toBe(0);
    await runSql(database.url, 'delete from stakewise_operator.accepted_oracle_sets');
    const undecided = await upload(2);
    expect(undecided.exitCode).toBe(1);
    expect(undecided.stderr).not.toContain('is left out');
  });

  it("one node: hides the keeper's event → the others decide", async () => {
    node(0).faults.lies = { keeper: fixture.devnet.addresses.keeper, event: null };
    const run = await upload(3);
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.stderr).toContain('knows of no ConfigUpdated event');
    expect(await uploadedSets()).toEqual([honest()]);
  });

  it('one node: names another set than the pinned one → refused with both hashes; the pinned one is taken', async () => {
    const pin = `0x${randomBytes(32).toString('hex')}`;
    const refused = await upload(2, '--oracle-set-hash', pin);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain(`The keeper's oracle set is ${honest()}`);
    expect(refused.stderr).toContain(`not ${pin} of --oracle-set-hash`);
    expect(await uploadedSets()).toEqual([]);

    node(0).faults.lies = await lieOf(fixture.devnet, attacker);
    const alone = await upload(1, '--oracle-set-hash', honest());
    expect(alone.exitCode).toBe(1);
    expect(alone.stderr).toContain(`not ${honest()} of --oracle-set-hash`);
    mend(node(0).faults);
    const taken = await upload(1, '--oracle-set-hash', honest());
    expect(taken.exitCode, taken.stderr).toBe(0);
    expect(taken.stderr).not.toContain('Only one execution endpoint');
  });

  it('one node: is out, and the other names what was accepted before → uploads go on; a new set waits', async () => {
    expect((await upload(2)).exitCode).toBe(0);
    node(1).faults.down = true;
    const again = await upload(2);
    expect(again.exitCode, again.stderr).toBe(0);
    node(0).faults.lies = await lieOf(fixture.devnet, attacker);
    const refused = await upload(2, '--json');
    expect(refused.exitCode).toBe(1);
    expect(JSON.parse(refused.stdout).error.code).toBe('oracle-set-unconfirmed');
    expect(await uploadedSets()).toEqual([honest()]);
  });

  it("database writer: calls the attacker's set accepted, in a row of his own or by changing one → not believed", async () => {
    const lie = await lieOf(fixture.devnet, attacker);
    const table = 'stakewise_operator.accepted_oracle_sets';
    expect((await upload(2)).exitCode).toBe(0);
    const wanted = [
      Buffer.from(hashOf({ oracles: attacker.keys, threshold: THRESHOLD }).slice(2), 'hex'),
      lie.event?.ipfsHash,
    ];
    const changes = [
      `update ${table} set oracle_set_hash = $1, config_ipfs_hash = $2`,
      `update ${table} set oracle_set_hash = $1, config_ipfs_hash = $2, mac = sha256('guess')`,
    ];
    node(0).faults.lies = lie;
    for (const change of changes) {
      await runSql(database.url, change, wanted);
      const run = await upload(2);
      expect(run.exitCode).toBe(1);
      expect(run.stderr).toContain('the record is not one of the encryption key: it is not believed');
    }
    expect(await uploadedSets()).toEqual([honest()]);
  });

  it('one node: puts logs of other contracts, topics and blocks between the right ones → they reach nobody', async () => {
    const lie = await lieOf(fixture.devnet, attacker);
    node(0).onAnswer = ({ method }, answer) => {
      if (method !== 'eth_getLogs') return;
      const logs = answer.result as Record<string, unknown>[];
      const last = logs.at(-1);
      if (last === undefined) return;
      const forged = { ...last, logIndex: '0x99', data: forgedData(lie.event?.ipfsHash ?? '') };
      answer.result = [
        ...logs,
        { ...forged, address: fixture.devnet.addresses.vault },
        { ...forged, topics: [`0x${'12'.repeat(32)}`] },
        { ...forged, blockNumber: '0xfffffff' },
        { ...forged, removed: true },
      ];
    };
    try {
      const run = await upload(1);
      expect(run.exitCode, run.stderr).toBe(0);
      expect(await uploadedSets()).toEqual([honest()]);
    } finally {
      node(0).onAnswer = undefined;
    }
  });
});

function forgedData(text: string): string {
  const bytes = Buffer.from(text);
  const padded = Buffer.alloc(Math.ceil(bytes.length / 32) * 32);
  bytes.copy(padded);
  const word = (value: number) => value.toString(16).padStart(64, '0');
  return `0x${word(32)}${word(bytes.length)}${padded.toString('hex')}`;
}

describe('H4 · the oracle set of a remote signer', () => {
  it('one node: the first of two names remote-signer-setup its own document → nothing is imported', async () => {
    await using attacker = await startAttackerOracles(ORACLES, THRESHOLD);
    await using signer = await startKeymanager(BEACON_CHAIN);
    await using scene = await startOperatorScene({ validators: 2, oracles: 3, threshold: 2 });
    const lie = await lieOf(scene.devnet, attacker);
    await using liar = await startRpcProxy(scene.devnet.rpcUrl, { lies: lie });
    const run = await runCli([
      'remote-signer-setup',
      '--vault',
      scene.vault,
      '--data-dir',
      scene.dataDir,
      '--keep-keystores',
      '--remote-signer-url',
      signer.url,
      '--execution-endpoints',
      `${liar.url},${scene.devnet.rpcUrl}`,
    ]);
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain(`${liar.url} names ${lie.event?.ipfsHash}`);
    expect(signer.keys.size).toBe(0);
  });
});

describe('H4 · the oracle set of a running operator', () => {
  let scene: OperatorScene;
  let attacker: AttackerOracles;
  let nodes: readonly RpcProxy[];
  beforeAll(async () => {
    scene = await startOperatorScene({ validators: 24, oracles: 4, threshold: 3 });
    attacker = await startAttackerOracles(4, 3);
    nodes = await Promise.all([1, 2, 3].map(() => startRpcProxy(scene.devnet.rpcUrl)));
  });
  afterAll(async () => {
    for (const node of nodes) await node[Symbol.asyncDispose]();
    await attacker[Symbol.asyncDispose]();
    await scene[Symbol.asyncDispose]();
  });
  afterEach(() => {
    for (const { faults } of nodes) mend(faults);
  });

  const node = (index: number): RpcProxy => {
    const found = nodes[index];
    if (found === undefined) throw new Error(`no node ${index}`);
    return found;
  };

  async function start(dataDir: string, count: number, ...more: string[]) {
    const port = await freePort();
    const operator = startOperatorProcess([
      '--vault',
      scene.vault,
      '--data-dir',
      dataDir,
      '--consensus-endpoints',
      scene.beacon.url,
      '--execution-endpoints',
      nodes
        .slice(0, count)
        .map(({ url }) => url)
        .join(),
      '--enable-metrics',
      '--metrics-port',
      String(port),
      ...more,
    ]);
    return { operator, metricsUrl: `http://127.0.0.1:${port}/metrics` };
  }

  async function metric(url: string, name: string): Promise<number | undefined> {
    const text = await (await fetch(url)).text();
    const line = text.split('\n').find(one => one.startsWith(`${name}{network="`));
    return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
  }

  async function until(
    what: string,
    operator: OperatorProcess,
    isTrue: () => Promise<boolean>,
  ): Promise<void> {
    await waitUntil(what, isTrue, { everyMs: 50, lastSeen: () => operator.output });
  }

  const registered = async () => (await scene.devnet.readVaultLog()).registered.length;
  async function register(operator: OperatorProcess): Promise<void> {
    const before = await registered();
    await scene.devnet.depositEther(STAKE);
    await until('the registration', operator, async () => (await registered()) === before + 1);
  }

  it("one node: names the attacker's set while the operator runs → the old one stays in use, with a warning and a metric; an honest change is taken up", async () => {
    const { operator, metricsUrl } = await start(scene.writeDataDir('two-nodes'), 2);
    await using _stopped = operator;
    await operator.printed('Started operator service');
    await register(operator);
    expect(await metric(metricsUrl, 'oracle_set_unconfirmed')).toBe(0);
    // With nothing new the second node is not asked at all.
    const idle = node(1).bodies;
    await register(operator);
    expect(node(1).bodies).toBe(idle);

    node(0).faults.lies = await lieOf(scene.devnet, attacker);
    await operator.printed(
      /WARNING +\[oracle-set\] A new oracle set is not confirmed, 0x[0-9a-f]{64} stays in use/,
    );
    expect(await metric(metricsUrl, 'oracle_set_unconfirmed')).toBe(1);
    await register(operator);
    // Also what would be rotated is sent to nobody else.
    let statusesAsked = 0;
    scene.devnet.oracles.onRequest = (_, { path }) => {
      if (path.includes('signatures')) statusesAsked++;
    };
    await until('another pass of the rotation', operator, async () => statusesAsked > 0);
    scene.devnet.oracles.onRequest = undefined;
    expect(attacker.requests).toEqual([]);

    mend(node(0).faults);
    await until(
      'the end of the doubt',
      operator,
      async () => (await metric(metricsUrl, 'oracle_set_unconfirmed')) === 0,
    );
    const next = await scene.devnet.updateOracles({ count: 4, threshold: 3, replace: true });
    await operator.printed(`to ${hashOf(next)}`);
    expect(operator.output).toMatch(/WARNING +\[oracle-set\] Oracle set changed from 0x[0-9a-f]{64} to /);
    expect(await metric(metricsUrl, 'oracle_set_changes_total')).toBe(1);
    await register(operator);
    expect(attacker.requests).toEqual([]);
  });

  it('one node: of three lies from the beginning → it is named and left out, the honest set is used', async () => {
    const lie = await lieOf(scene.devnet, attacker);
    await scene.devnet.mine(3);
    node(0).faults.lies = lie;
    const { operator, metricsUrl } = await start(scene.writeDataDir('three-nodes'), 3);
    await using _stopped = operator;
    await operator.printed('Started operator service');
    expect(operator.output).toMatch(
      new RegExp(`ERROR +\\[oracle-set\\] The execution endpoint ${node(0).url} contradicts the others`),
    );
    const asked = node(0).bodies;
    await register(operator);
    expect(await metric(metricsUrl, 'oracle_set_unconfirmed')).toBe(0);
    // Left out: nothing but what was under way.
    expect(node(0).bodies - asked).toBeLessThanOrEqual(2);
    expect(attacker.requests).toEqual([]);
  });

  it('one node: lies before anything was accepted → the operator waits, and starts when the nodes agree; then it starts with one node out', async () => {
    const dataDir = scene.writeDataDir('from-nothing');
    node(0).faults.lies = await lieOf(scene.devnet, attacker);
    {
      const { operator, metricsUrl } = await start(dataDir, 2);
      await using _stopped = operator;
      await operator.printed(/No oracle set is in use yet, and none is confirmed/);
      expect(await metric(metricsUrl, 'oracle_set_unconfirmed')).toBe(1);
      expect(operator.output).not.toContain('Started operator service');
      mend(node(0).faults);
      await operator.printed('Started operator service');
      expect((await operator.stop()).exitCode).toBe(0);
    }
    node(1).faults.down = true;
    const { operator } = await start(dataDir, 2);
    await using _stopped = operator;
    await operator.printed('Started operator service');
    await register(operator);
    expect(attacker.requests).toEqual([]);
  });

  it("database writer: calls the attacker's set accepted → not believed, whatever node says the same", async () => {
    await using database = await createTestDatabase();
    const lie = await lieOf(scene.devnet, attacker);
    const network = scene.networkFile;
    await runSql(
      database.url,
      `insert into stakewise_operator.accepted_oracle_sets (chain_id, vault, accepted_by, keeper, oracle_set_hash,
           config_ipfs_hash, event_block, event_block_hash, mac) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        scene.devnet.chainId,
        Buffer.from(scene.vault.slice(2), 'hex'),
        `wallet ${scene.wallet}`,
        Buffer.from(scene.devnet.addresses.keeper.slice(2), 'hex'),
        Buffer.from(hashOf({ oracles: attacker.keys, threshold: 3 }).slice(2), 'hex'),
        lie.event?.ipfsHash,
        lie.event?.blockNumber,
        Buffer.from(String(lie.event?.blockHash).slice(2), 'hex'),
        randomBytes(32),
      ],
    );
    node(0).faults.lies = lie;
    const db = ['--db-url', database.url, '--network', network];
    const { operator } = await start(scene.writeDataDir('written'), 2, ...db);
    await using _stopped = operator;
    await operator.printed('it is not believed');
    await operator.printed(/No oracle set is in use yet, and none is confirmed/);
    expect(operator.output).not.toContain('Started operator service');
    mend(node(0).faults);
    await operator.printed('Started operator service');
    await register(operator);
    expect(attacker.requests).toEqual([]);
  });

  it('one node: names another set than the pinned one → start ends with both hashes, exit 1', async () => {
    const pin = `0x${randomBytes(32).toString('hex')}`;
    const { operator } = await start(scene.writeDataDir('pinned'), 2, '--oracle-set-hash', pin);
    await using _stopped = operator;
    expect(await operator.ended).toBe(1);
    expect(operator.output).toContain(`oracle set is ${hashOf(scene.devnet.oracleSet)}`);
    expect(operator.output).toContain(`not ${pin} of --oracle-set-hash`);
  });

  it('one node: is the only one of an operator → start says what it decides, and the operator works', async () => {
    const { operator } = await start(scene.writeDataDir('one-node'), 1);
    await using _stopped = operator;
    await operator.printed(/WARNING .*Only one execution endpoint is given: it alone decides/);
    await operator.printed('Started operator service');
    await register(operator);
  });
});
