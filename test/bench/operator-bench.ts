import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { encryptKeystoreJson, Wallet } from 'ethers/wallet';
import { signMessage, verifySignature } from '../../src/domain/consensus/bls.ts';
import { type DepositDataEntry, formatDepositData } from '../../src/domain/consensus/deposit-data.ts';
import { publicKeyOf } from '../../src/domain/keys/derivation.ts';
import { createDepositData } from '../../src/domain/keys/signed-deposit.ts';
import { buildDepositTree } from '../../src/domain/protocol/deposit-tree.ts';
import { encryptEcies } from '../../src/domain/protocol/ecies.ts';
import { splitSignature } from '../../src/domain/protocol/signature-share.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import type { Network } from '../../src/networks/network.ts';
import { resolveNetwork } from '../../src/networks/resolve-network.ts';
import { createCheapKeystore } from '../support/scenes/bad-input/keystore.ts';
import { type Cost, check, measure } from './measure.ts';
import type { Mark, WorldMethod, WorldOptions, WorldPlaces } from './operator-world.ts';

export const ORACLES = { oracles: 11, threshold: 8 };
const PASSWORD = 'pa55word';

/** An operator's data directory and the world that it is for. */
export interface OperatorBench extends AsyncDisposable, WorldPlaces {
  readonly folder: string;
  readonly network: Network;
  readonly networkFile: string;
  readonly entries: readonly DepositDataEntry[];
  readonly secretKeys: readonly Uint8Array[];
  /** What `start` is given. */
  readonly args: readonly string[];
  call(method: WorldMethod, ...args: readonly unknown[]): Promise<unknown>;
  takeMarks(): Promise<readonly Mark[]>;
}

/**
 * Starts the world, and writes keystores, wallet and deposit data of so many validators of its vault, version 1. A vault of version 5
 * has the hot wallet as its validators manager, and no deposit data.
 */
export async function prepareOperator(
  validators: number,
  options: Partial<WorldOptions> = {},
): Promise<OperatorBench> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'stakewise-bench-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const world = stack.use(await startWorld({ slotsPerEpoch: 32, ...ORACLES, ...options }));
  const { places, call } = world;
  const vault = fromHex(places.vault, 20);
  const networkFile = join(folder, 'network.json');
  await call('writeNetworkFile', networkFile);
  const network = resolveNetwork(networkFile);
  const secretKeys = Array.from({ length: validators }, (_, i) => testKey(i));
  const entries = secretKeys.map(secretKey => createDepositData({ secretKey, vault, network }));
  const isManaged = options.vaultVersion === 5;
  const wallet = new Wallet(`0x${'5a'.repeat(32)}`);
  if (isManaged) await call('setValidatorsManager', wallet.address);
  else await call('setDepositDataRoot', buildDepositTree(entries, vault).root);
  const dataDir = join(folder, 'data');
  const own = join(dataDir, places.vault.toLowerCase());
  mkdirSync(join(own, 'keystores'), { recursive: true });
  mkdirSync(join(own, 'wallet'));
  const write = (path: string, text: string) => writeFileSync(join(own, path), text, { mode: 0o600 });
  const names = entries.map(({ publicKey }) => toHex(publicKey));
  write(
    'config.json',
    JSON.stringify({ network: networkFile, mnemonic_next_index: validators, first_public_key: names[0] }),
  );
  if (!isManaged) write('deposit_data.json', formatDepositData(entries));
  await call('setBalance', wallet.address, 10n ** 20n);
  const account = { address: wallet.address, privateKey: wallet.privateKey };
  const json = await encryptKeystoreJson(account, PASSWORD, { scrypt: { N: 1024, r: 8, p: 1 } });
  write('wallet/wallet.json', json);
  for (const directory of ['wallet', 'keystores']) write(`${directory}/password.txt`, PASSWORD);
  for (const [i, secretKey] of secretKeys.entries()) {
    const keystore = createCheapKeystore(secretKey, names[i]?.slice(2) ?? '', PASSWORD);
    write(`keystores/keystore-${i}.json`, JSON.stringify(keystore));
  }
  const owned = stack.move();
  return {
    ...places,
    folder,
    network,
    networkFile,
    entries,
    secretKeys,
    call,
    args: [
      '--vault',
      places.vault,
      '--data-dir',
      dataDir,
      '--execution-endpoints',
      places.rpcUrl,
      '--consensus-endpoints',
      places.beaconUrl,
    ],
    takeMarks: async () => (await call('takeMarks')) as readonly Mark[],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function startWorld(options: WorldOptions) {
  const script = join(import.meta.dirname, 'operator-world.ts');
  const child = fork(script, [JSON.stringify(options)], { serialization: 'advanced' });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const [{ result }] = (await once(child, 'message')) as [{ result: WorldPlaces }];
  child.on('message', (answer: { id: number; result: unknown; error?: string }) => {
    const call = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (answer.error === undefined) call?.resolve(answer.result);
    else call?.reject(new Error(answer.error));
  });
  let last = 0;
  return {
    places: result,
    call(method: WorldMethod, ...args: readonly unknown[]): Promise<unknown> {
      const call = Promise.withResolvers<unknown>();
      waiting.set(++last, call);
      child.send({ id: last, method, args });
      return call.promise;
    },
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

/** The curve's generator, in place of an oracle's public key: whose key it is makes no difference in cost. */
const ORACLE_POINT = Buffer.from(
  '79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8',
  'hex',
);

/** The bare primitives of exit shards, on one thread: a signature, a check, a split, an encryption for each oracle. */
export function timeExitShards({ entries, secretKeys }: OperatorBench, count: number): Promise<Cost> {
  const message = new Uint8Array(32).fill(9);
  const scheme = { threshold: ORACLES.threshold, count: ORACLES.oracles };
  const work = () => {
    for (const [i, secretKey] of secretKeys.slice(0, count).entries()) {
      const { publicKey = new Uint8Array() } = entries[i] ?? {};
      const signature = signMessage(secretKey, message);
      check(verifySignature({ publicKey, message, signature }), 'signature');
      const { signatures } = splitSignature({ ...scheme, publicKey, message, signature });
      for (const share of signatures) encryptEcies(ORACLE_POINT, share);
    }
  };
  return measure(work).then(({ cost }) => cost);
}

/** The signer that an operator has spawned. */
export function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').at(-1));
}

/** Figures of a process from /proc, in ms of CPU time and MB. */
export function usageOf(pid: number): { cpuMs: number; residentMb: number; peakMb: number } {
  const [user, system] =
    readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ').slice(11, 13) ?? [];
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mb = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
  return { cpuMs: (Number(user) + Number(system)) * 10, residentMb: mb('VmRSS'), peakMb: mb('VmHWM') };
}

/** Prints a target and remembers, for the exit code, that it was missed. */
export function judge(what: string, actual: number, limit: number, unit: string): void {
  const isMet = actual <= limit;
  const digits = limit < 10 ? 2 : 0;
  console.log(`  target   ${what} ${actual.toFixed(digits)} of ${limit} ${unit} ${isMet ? 'met' : 'MISSED'}`);
  if (!isMet) process.exitCode = 3;
}

export function loadText(): string {
  return `load average ${loadavg()[0]?.toFixed(2)}`;
}

export function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
}

/** A key of its own for each number. */
function testKey(number: number): Uint8Array {
  const key = new Uint8Array(32).fill(1);
  new DataView(key.buffer).setUint32(28, number);
  return key;
}

/** Public key of 48 bytes. */
export function publicKeysOf(secretKeys: readonly Uint8Array[]): Uint8Array[] {
  return secretKeys.map(publicKeyOf);
}
