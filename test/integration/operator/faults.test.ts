import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../devnet/exit-signature.ts';
import { startKeymanager } from '../../devnet/keymanager.ts';
import { BEACON_CHAIN } from '../../devnet/network-file.ts';
import type { OracleFaults, OracleServer } from '../../devnet/oracle-server.ts';
import { type RpcFaults, type RpcProxy, startRpcProxy } from '../../devnet/rpc-proxy.ts';
import { type OperatorProcess, startOperatorProcess } from '../../support/programs/operator-process.ts';
import { type OperatorScene, startOperatorScene } from '../../support/scenes/operator-scene.ts';
import { waitUntil } from '../../support/wait-until.ts';

/** Each fault of the world around a running operator: what it does then, and that nothing is lost or done twice. */

const STAKE = 32;
const SECONDS = 1000;
/** How long oracles have for an approval: on a busy machine more than the ten seconds of the default. */
const ORACLE_TIMEOUT_MS = 40 * SECONDS;

let scene: OperatorScene;
let first: RpcProxy;
let second: RpcProxy;
let operator: OperatorProcess;
/** Registered so far, by this test's reckoning. */
let expected = 0;
beforeAll(async () => {
  scene = await startOperatorScene({
    validators: 32,
    oracles: 4,
    threshold: 3,
    oracleServers: { replicas: 2 },
  });
  first = await startRpcProxy(scene.devnet.rpcUrl);
  second = await startRpcProxy(scene.devnet.rpcUrl);
  operator = startOperator([
    '--vault',
    scene.vault,
    '--data-dir',
    scene.dataDir,
    '--consensus-endpoints',
    scene.beacon.url,
    '--execution-endpoints',
    `${first.url},${second.url}`,
  ]);
  await operator.printed('Started operator service');
});
afterAll(async () => {
  await operator[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  await scene[Symbol.asyncDispose]();
});

afterEach(() => {
  for (const { faults } of [first, second, ...scene.devnet.oracles.servers]) mend(faults);
  scene.devnet.ipfs.fault = undefined;
});

/** Lets time pass in which something must not happen. */
const pass = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));
const lastSeen = () => operator.output;

/** The operator with patience for oracles on a busy machine. */
function startOperator(args: readonly string[]): OperatorProcess {
  const env = { ORACLES_VALIDATORS_TIMEOUT: String(ORACLE_TIMEOUT_MS / SECONDS) };
  return startOperatorProcess(args, { env });
}

/** Registered validators, each once and in the order of the deposit data. */
async function countRegistered(): Promise<number> {
  const { registered } = await scene.devnet.readVaultLog();
  expect(registered).toEqual(scene.publicKeys.slice(0, registered.length));
  return registered.length;
}

async function waitForRegistrations(): Promise<void> {
  const isRegistered = async () => (await countRegistered()) === expected;
  await waitUntil(`validator ${expected} to be registered`, isRegistered, { everyMs: 50, lastSeen });
}

/** Assets arrive; returns after how many ms the validator was registered. */
async function register(): Promise<number> {
  const beganAt = performance.now();
  await scene.devnet.depositEther(STAKE);
  expected++;
  await waitForRegistrations();
  return performance.now() - beganAt;
}

function oracleAt(index: number): OracleServer {
  const server = scene.devnet.oracles.servers[index];
  if (server === undefined) throw new Error(`no oracle ${index}`);
  return server;
}

function mend(faults: OracleFaults | RpcFaults): void {
  for (const name of Object.keys(faults)) delete (faults as Record<string, unknown>)[name];
}

describe('an oracle with a fault', () => {
  const faults: readonly [string, OracleFaults][] = [
    ['is down', { down: true }],
    ['is silent', { silent: true }],
    ['is slow', { slowMs: 120 * SECONDS }],
    ['fails', { status: 500 }],
    ['refuses', { status: 400 }],
    ['answers no JSON', { garbage: '<html>' }],
    ['signs something else', { lies: 'signature' }],
    ['signs with the key of another one', { lies: 'other-oracle' }],
    ['sends no signature', { lies: 'no-signature' }],
    ['signs for another document', { lies: 'ipfs-hash' }],
    ['signs for another deadline', { lies: 'deadline' }],
  ];
  it.each(faults)('the operator loses no time when one oracle %s', async (_, fault) => {
    const oracle = oracleAt(expected % 4);
    Object.assign(oracle.faults, fault);
    expect(await register()).toBeLessThan(ORACLE_TIMEOUT_MS - 2 * SECONDS);
  });

  it('the operator loses no time when every oracle has only one replica of two', async () => {
    for (const index of [0, 1, 2, 3])
      Object.assign(oracleAt(index).replicas[index % 2] ?? {}, { isDown: true });
    expect(await register()).toBeLessThan(ORACLE_TIMEOUT_MS - 2 * SECONDS);
    for (const index of [0, 1, 2, 3])
      Object.assign(oracleAt(index).replicas[index % 2] ?? {}, { isDown: false });
  });
});

describe('too few oracles', () => {
  it('the operator asks again with pauses while too few oracles agree, and sends nothing until then', async () => {
    oracleAt(1).faults.lies = 'signature';
    oracleAt(2).faults.status = 400;
    let asked = 0;
    // Others are whether it is there, and what is outdated.
    scene.devnet.oracles.onRequest = (_, { method }) => {
      if (method === 'POST') asked++;
    };
    await scene.devnet.depositEther(STAKE);
    const rounds = () => asked / 3;
    await waitUntil('a round of the oracles', () => rounds() >= 1, { lastSeen });
    await pass(6 * SECONDS);
    expect(await countRegistered()).toBe(expected);
    expect(rounds()).toBeGreaterThanOrEqual(1);
    expect(rounds()).toBeLessThanOrEqual(8);
    expect(operator.output).toMatch(/[12] of the 3 oracles approved that are needed/);
    scene.devnet.oracles.onRequest = undefined;
    for (const index of [1, 2]) mend(oracleAt(index).faults);
    expected++;
    await waitForRegistrations();
  });
});

describe('the execution nodes', () => {
  const faults: readonly [string, RpcFaults][] = [
    ['drop connections', { dropEvery: 3 }],
    ['are down, one of them', { down: true }],
    ['fail, one of them', { status: 503 }],
    ['are behind, one of them', { behind: 6 }],
    ['limit log ranges', { maxLogBlocks: 20 }],
    ['lose the answer to the transaction', { losesAnswersOf: 'eth_sendRawTransaction' }],
  ];
  it.each(faults)(
    'the operator registers each validator once when its execution nodes %s',
    async (_, fault) => {
      Object.assign(first.faults, fault);
      if ('dropEvery' in fault || 'maxLogBlocks' in fault) Object.assign(second.faults, fault);
      await register();
      await pass(2 * SECONDS);
      expect(await countRegistered()).toBe(expected);
    },
  );

  it('the operator makes no registration twice that comes back after a reorganisation', async () => {
    await register();
    const { registrations } = await scene.devnet.readVaultLog();
    await scene.devnet.reorganise(2, { resends: true });
    await waitForRegistrations();
    await pass(2 * SECONDS);
    expect(await scene.devnet.readVaultLog()).toMatchObject({ registrations });
    expect(await countRegistered()).toBe(expected);
  });

  it('the operator makes a registration again that a reorganisation took away', async () => {
    await register();
    const { registrations } = await scene.devnet.readVaultLog();
    const head = await scene.devnet.protocol.provider.getBlockNumber();
    const [last] = (
      await scene.devnet.protocol.provider.getLogs({ address: scene.vault, fromBlock: head - 5 })
    ).toReversed();
    await scene.devnet.reorganise(head - (last?.blockNumber ?? head) + 1);
    await waitForRegistrations();
    expect(await scene.devnet.readVaultLog()).toMatchObject({ registrations });
  });
});

describe('IPFS', () => {
  it('the operator does not believe a new oracle set while IPFS serves wrong bytes for it', async () => {
    scene.devnet.ipfs.fault = 'wrong-bytes';
    await scene.devnet.updateOracles({ count: 5, threshold: 3 });
    await scene.devnet.depositEther(STAKE);
    await pass(4 * SECONDS);
    expect(await countRegistered()).toBe(expected);
    scene.devnet.ipfs.fault = undefined;
    expected++;
    await waitForRegistrations();
    // The exits of those registered before are then outdated: they rotate, as often as their batches ask for.
    await waitUntil('a rotation', async () => (await scene.devnet.readVaultLog()).rotations.length > 0, {
      lastSeen,
    });
  });
});

describe('the signer', () => {
  it('the operator asks no oracle while its signer is dead, and registers all when it is back', async () => {
    expect((await operator.stop()).exitCode).toBe(0);
    await using signer = await startKeymanager(BEACON_CHAIN);
    for (const [i, name] of scene.publicKeys.entries()) {
      const secretKey = new Uint8Array(32).fill(i + 1, 1);
      expect(Buffer.from(publicKeyOf(secretKey)).toString('hex')).toBe(name.slice(2));
      signer.addKey(name, { secretKey, path: '', isReadOnly: false });
    }
    writeFileSync(
      join(scene.vaultDir, 'remote_signer_config.json'),
      JSON.stringify({ pubkeys_to_shares: Object.fromEntries(scene.publicKeys.map(key => [key, []])) }),
    );
    operator = startOperator([...scene.args, '--remote-signer-url', signer.url]);
    await operator.printed('Started operator service');
    signer.diesAfter = 1;
    const posts = () =>
      scene.devnet.oracles.servers.flatMap(({ requests }) =>
        requests.filter(({ method, path }) => method === 'POST' && path === '/'),
      ).length;
    const before = posts();
    await scene.devnet.depositEther(2 * STAKE);
    await waitUntil('the death of the signer', () => signer.diesAfter === 0, { lastSeen });
    await pass(2 * SECONDS);
    expect(posts()).toBe(before);
    signer.diesAfter = undefined;
    expected += 2;
    await waitForRegistrations();
    expect((await operator.stop()).exitCode).toBe(0);
    rmSync(join(scene.vaultDir, 'remote_signer_config.json'));
  });
});
