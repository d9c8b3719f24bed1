// Exits through the built-in signer over its socket, beside the bare cost of a BLS signature; and its start-up.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { signMessage } from '../../src/domain/consensus/bls.ts';
import { renderKeyFiles } from '../../src/domain/fleet/web3signer-key-file.ts';
import { createKeyDeriver, publicKeyOf } from '../../src/domain/keys/derivation.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { resolveNetwork } from '../../src/networks/resolve-network.ts';
import { type SpawnSettings, spawnSigner } from '../../src/signer-process/spawn-signer.ts';
import { startPostgresServer } from '../support/postgres/postgres-server.ts';
import { storeTestVault } from '../support/scenes/stored-vault.ts';

const IN_FLIGHT = [1, 8, 64];
const SECONDS = 4;
const BARE_SIGNATURES = 2_000;
const STARTUP_KEYS = 12_000;
const VAULT = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';
const log = { warn: () => undefined, error: console.error };

/** Prints the figures. */
export async function benchSigner(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'stakewise-bench-'));
  try {
    const keys = makeKeys(join(directory, 'few'), 16);
    await benchRates(join(directory, 'few'), keys);
    makeKeys(join(directory, 'many'), STARTUP_KEYS);
    const keys12k = { kind: 'key-files', directory: join(directory, 'many') } as const;
    await benchStart('256 key files', { network: 'mainnet', keys: keys12k });
    await benchDatabaseStart(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** CPU time of one signature in milliseconds, whatever else the machine does. */
function measureBare(): number {
  const key = new Uint8Array(32).fill(7);
  const root = new Uint8Array(32);
  const before = process.cpuUsage();
  for (let i = 0; i < BARE_SIGNATURES; i++) {
    root[i % 32] = i & 255;
    signMessage(key, root);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / BARE_SIGNATURES;
}

async function benchRates(keysDirectory: string, keys: readonly string[]): Promise<void> {
  const settings = { network: 'mainnet', keys: { kind: 'key-files', directory: keysDirectory } } as const;
  // As it is run: all cores, which the client of this bench uses, too.
  {
    await using signer = await spawnSigner({ log }, settings);
    for (const inFlight of IN_FLIGHT) {
      const rate = await measureRate(signer.socketPath, keys, inFlight);
      console.log(
        `${inFlight} in flight, signer and client on the same ${availableParallelism()} cores: ${describe(rate)}`,
      );
    }
  }
  // One core for the signer alone: its cost beside the bare one, measured on the same core before and after.
  await using signer = await spawnSigner({ log }, { ...settings, poolSize: 1 });
  const pid = childOf(process.pid);
  pin(pid, '0');
  for (const inFlight of IN_FLIGHT) {
    pin(process.pid, '0');
    const before = measureBare();
    pin(process.pid, '1');
    const rate = await measureRate(signer.socketPath, keys, inFlight, pid);
    pin(process.pid, '0');
    const bare = (before + measureBare()) / 2;
    const share = ((100 * bare) / (rate.cpuMs ?? Number.NaN)).toFixed(0);
    console.log(
      `${inFlight} in flight, signer on one core of its own: ${describe(rate)}; a bare signature ${bare.toFixed(3)} ms: ` +
        `${share} % of the core's bare rate${inFlight === 64 ? ' (target 80 %)' : ''}`,
    );
  }
  pin(process.pid, `0-${availableParallelism() - 1}`);
  console.log('A real Web3Signer: some 1,500 exits/s at 8 or 64 in flight, at 0.6 ms CPU each.');
}

/** Needs two cores, and taskset of util-linux. */
function pin(pid: number, cores: string): void {
  execFileSync('taskset', ['-acp', cores, String(pid)]);
}

interface Rate {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the signer for each exit. */
  readonly cpuMs?: number | undefined;
}

function describe({ perSecond, p50Ms, p99Ms, cpuMs }: Rate): string {
  const cpu = cpuMs === undefined ? '' : `, ${cpuMs.toFixed(3)} ms CPU each`;
  return `${perSecond.toFixed(0)} exits/s, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms${cpu}`;
}

async function measureRate(
  socketPath: string,
  keys: readonly string[],
  inFlight: number,
  pid?: number,
): Promise<Rate> {
  await using pool = openPool(socketPath, inFlight);
  const { genesisValidatorsRoot } = resolveNetwork('mainnet');
  const fork = { previous_version: '0x03000000', current_version: '0x03000000', epoch: '194048' };
  const fork_info = { fork, genesis_validators_root: toHex(genesisValidatorsRoot) };
  let sent = 0;
  const sendOne = async () => {
    const number = sent++;
    const voluntary_exit = { epoch: '400000', validator_index: String(number) };
    const { statusCode, body } = await pool.client.request({
      method: 'POST',
      path: `/api/v1/eth2/sign/${keys[number % keys.length]}`,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ type: 'VOLUNTARY_EXIT', fork_info, voluntary_exit }),
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`${statusCode} ${text}`);
  };
  await runLanes(inFlight, 1_000, sendOne);
  const cpuBefore = pid === undefined ? 0 : cpuSecondsOf(pid);
  const { latencies, seconds } = await runLanes(inFlight, SECONDS * 1000, sendOne);
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.floor(share * latencies.length)] ?? Number.NaN;
  return {
    perSecond: latencies.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    cpuMs: pid === undefined ? undefined : ((cpuSecondsOf(pid) - cpuBefore) * 1000) / latencies.length,
  };
}

function openPool(socketPath: string, connections: number): AsyncDisposable & { readonly client: Pool } {
  const client = new Pool('http://localhost', { connect: { socketPath }, connections, pipelining: 1 });
  return { client, [Symbol.asyncDispose]: () => client.close() };
}

async function runLanes(count: number, durationMs: number, step: () => Promise<void>) {
  const latencies: number[] = [];
  const start = performance.now();
  const lane = async () => {
    while (performance.now() - start < durationMs) {
      const begun = performance.now();
      await step();
      latencies.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: count }, lane));
  return { latencies, seconds: (performance.now() - start) / 1000 };
}

async function benchStart(where: string, settings: SpawnSettings): Promise<void> {
  const start = performance.now();
  await using signer = await spawnSigner({ log }, settings);
  const seconds = ((performance.now() - start) / 1000).toFixed(2);
  console.log(`start to ready with ${signer.keyCount} keys of ${where}: ${seconds} s`);
}

/** 1,000 validators with 11 shares each are 12,000 keys. */
async function benchDatabaseStart(dataDir: string): Promise<void> {
  await using server = await startPostgresServer();
  const stored = await storeTestVault(server.url, { validators: STARTUP_KEYS / 12, oracles: 11 });
  const db = {
    vault: stored.address,
    network: 'holesky',
    dbSchema: undefined,
    dataDir,
    dbUrl: { url: server.url, file: undefined },
  };
  const encryptKey = { value: stored.encryptKey, file: undefined };
  await benchStart('the database', { network: 'holesky', keys: { kind: 'remote-db', db, encryptKey } });
}

/** Key files as setup-web3signer writes them, and the public keys. */
function makeKeys(directory: string, count: number): string[] {
  mkdirSync(directory);
  const derive = createKeyDeriver(new Uint8Array(64).fill(3));
  const keys = Array.from({ length: count }, (_, i) => {
    const secretKey = derive(i);
    return { secretKey, publicKey: publicKeyOf(secretKey) };
  });
  const files = renderKeyFiles(keys, { network: 'mainnet', vault: VAULT, layout: 'buckets' });
  for (const [name, content] of files) writeFileSync(join(directory, name), content, { mode: 0o600 });
  return keys.map(({ publicKey }) => toHex(publicKey));
}

function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').at(-1));
}

/** User and system time of a process; the clock of /proc has 100 ticks a second. */
function cpuSecondsOf(pid: number): number {
  const [user, system] =
    readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ').slice(11, 13) ?? [];
  return (Number(user) + Number(system)) / 100;
}

if (import.meta.main) await benchSigner();
