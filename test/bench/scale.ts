// npm run bench -- scale: whether the whole programs go through with 300,000 keys, and what each takes: 5 minutes of CPU, too
// many for a test. KEYS and KEYSTORES make it smaller; run by itself, this file takes names of steps.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'undici';
import { openDatabase } from '../../src/db/database.ts';
import { insertKeypairs } from '../../src/db/keypairs.ts';
import { migrateDatabase } from '../../src/db/migrator.ts';
import { insertOracleSet } from '../../src/db/oracle-sets.ts';
import { renderKeyFiles } from '../../src/domain/fleet/web3signer-key-file.ts';
import { generateEncryptionKey } from '../../src/domain/keys/envelope.ts';
import { resolveNetwork } from '../../src/networks/resolve-network.ts';
import { setupVault } from '../../src/services/remote-db/setup-vault.ts';
import { unlockVault } from '../../src/services/remote-db/unlock-vault.ts';
import { createWorkerPool, type WorkerPool } from '../../src/workers/pool.ts';
import { startPostgresServer } from '../support/postgres/postgres-server.ts';
import { activateRawKeys, recordAt, sealRawKeys } from '../support/scenes/sealed-vault.ts';
import { startWorkflow } from '../support/scenes/workflow-scene.ts';
import { benchOracleSet, NETWORK, VAULT } from './inputs.ts';
import { check } from './measure.ts';

const ROOT = join(import.meta.dirname, '../..');
const KEYS = Number(process.env.KEYS || 300_000);
const KEYSTORES = Number(process.env.KEYSTORES || 20_000);
/** Few: a third of the rows are validators, of which most lists are made. */
const ORACLES = 2;
const BATCH = 500;
const ref = { network: resolveNetwork(NETWORK), address: VAULT };

/** Numbers as secret keys: any but zero will do. */
function numberedKeys(count: number, first: number): Uint8Array {
  const flat = new Uint8Array(32 * count);
  const view = new DataView(flat.buffer);
  for (let i = 0; i < count; i++) {
    flat[32 * i] = 1;
    view.setUint32(32 * i + 28, first + i);
  }
  return flat;
}

async function makeKeys(pool: WorkerPool, count: number) {
  const secretKeys = numberedKeys(count, 1);
  return { secretKeys, publicKeys: await pool.derivePublicKeys(secretKeys) };
}

/** Runs a launcher to its end, or until it has printed the line after which `meanwhile` is done, and tells what it took. */
async function runProgram(
  args: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly meanwhile?: { readonly line: string; run(): Promise<void> };
  } = {},
): Promise<string> {
  const { env, meanwhile } = options;
  const folder = mkdtempSync(join(tmpdir(), 'stakewise-scale-'));
  const usageFile = join(folder, 'usage.json');
  const reporter = join(import.meta.dirname, 'report-usage.mjs');
  const began = performance.now();
  const child = spawn(join(ROOT, 'operator'), args, {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: tmpdir(),
      LANG: 'C.UTF-8',
      NODE_OPTIONS: `--import=${reporter}`,
      BENCH_USAGE_FILE: usageFile,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  let waited: Promise<void> | undefined;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (meanwhile === undefined || waited !== undefined || !stdout.includes(meanwhile.line)) return;
    waited = meanwhile.run().finally(() => child.kill('SIGTERM'));
  });
  const exitCode = await new Promise<number | null>((resolve, reject) =>
    child.once('close', resolve).once('error', reject),
  );
  await waited;
  const wallMs = performance.now() - began;
  const name = args.find(arg => ['signer', 'setup-web3signer', 'verify', 'upload-keypairs'].includes(arg));
  const { cpuMs, peakMb } = JSON.parse(readFileSync(usageFile, 'utf8'));
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  console.log(
    `${name}: exit ${exitCode}, ${seconds(cpuMs)} CPU, ${seconds(wallMs)} wall, peak ${Math.round(peakMb)} MB`,
  );
  rmSync(folder, { recursive: true });
  check(exitCode === 0, `${name} ended with ${exitCode}: ${stdout.slice(-2_000)}${stderr.slice(-2_000)}`);
  return stdout;
}

/** A vault of KEYS rows, written by the program's own queries. */
async function fillVault(url: string, encryptKey: string): Promise<void> {
  await using database = await openDatabase({ url, statementTimeoutMs: 0 });
  await migrateDatabase(database, { programVersion: '1.0.0' });
  await setupVault(database, { ref, programVersion: '1.0.0', encryptKey, ifNeeded: true });
  using unlocked = await unlockVault(database, ref, encryptKey);
  const oracleSet = benchOracleSet({ oracles: ORACLES, threshold: 2 });
  await using pool = createWorkerPool();
  const keys = await makeKeys(pool, Math.floor(KEYS / (1 + ORACLES)));
  const keypairs = await sealRawKeys(pool, unlocked, keys, oracleSet);
  await insertOracleSet(database, unlocked.vault.vaultId, oracleSet);
  for (let from = 0; from < keypairs.length; from += BATCH) {
    await insertKeypairs(database, {
      vaultId: unlocked.vault.vaultId,
      oracleSetHash: oracleSet.hash,
      dataKeyId: unlocked.vault.dataKeyId,
      keypairs: keypairs.slice(from, from + BATCH),
    });
  }
  await activateRawKeys(database, unlocked, ref, oracleSet, keypairs);
}

/** `signer --keys-dir`: starts, lists every key, and stops. */
async function runSigner(directory: string): Promise<void> {
  const socketDirectory = mkdtempSync(join(tmpdir(), 'stakewise-scale-socket-'));
  const socketPath = join(socketDirectory, 'signer.sock');
  const listAll = async () => {
    const client = new Client('http://signer', { socketPath });
    const { body } = await client.request({ path: '/api/v1/eth2/publicKeys', method: 'GET' });
    const listed = (await body.json()) as string[];
    await client.close();
    check(new Set(listed).size === KEYS, `the signer lists ${listed.length} keys`);
  };
  await runProgram(['signer', '--network', NETWORK, '--keys-dir', directory, '--socket', socketPath], {
    meanwhile: { line: 'Signing exits with', run: listAll },
  });
  rmSync(socketDirectory, { recursive: true });
}

async function benchKeyFiles(folder: string): Promise<void> {
  const directory = join(folder, 'key-files');
  mkdirSync(directory, { mode: 0o700 });
  // Spread over as many files as the program writes, by a made-up public key: the signer derives them anyway.
  const secretKeys = numberedKeys(KEYS, 1);
  const keys = Array.from({ length: KEYS }, (_, i) => ({
    secretKey: recordAt(secretKeys, i, 32),
    publicKey: new Uint8Array(48).fill(i & 255),
  }));
  for (const [name, content] of renderKeyFiles(keys, { network: NETWORK, vault: VAULT, layout: 'buckets' }))
    writeFileSync(join(directory, name), content, { mode: 0o600 });
  await runSigner(directory);
}

async function benchDatabase(folder: string): Promise<void> {
  await using server = await startPostgresServer();
  const encryptKey = generateEncryptionKey();
  const encryptKeyFile = join(folder, 'encrypt-key');
  writeFileSync(encryptKeyFile, `${encryptKey}\n`, { mode: 0o600 });
  const urlFile = join(folder, 'db-url');
  writeFileSync(urlFile, server.url, { mode: 0o600 });
  const began = performance.now();
  await fillVault(server.url, encryptKey);
  console.log(`${KEYS} rows written in ${((performance.now() - began) / 1000).toFixed(0)} s`);
  const remoteDb = ['remote-db', '--db-url-file', urlFile, '--vault', VAULT, '--network', NETWORK];
  const keyArgs = ['--encrypt-key-file', encryptKeyFile];
  const directory = join(folder, 'web3signer');
  const sync = [...remoteDb, 'setup-web3signer', ...keyArgs, '--output-dir', directory];
  await runProgram(sync);
  await runProgram(sync);
  await runProgram([...remoteDb, 'verify', ...keyArgs]);
}

async function benchUpload(): Promise<void> {
  await using server = await startPostgresServer();
  const began = performance.now();
  await using workflow = await startWorkflow(KEYSTORES);
  await workflow.run(server.url, ['setup', ...workflow.vaultArgs, ...workflow.keyArgs]);
  const args = workflow.uploadArgs(KEYSTORES);
  console.log(`${KEYSTORES} keystores written in ${((performance.now() - began) / 1000).toFixed(0)} s`);
  const env = { REMOTE_DB_URL: server.url };
  await runProgram(['remote-db', ...args], { env });
  await runProgram(['remote-db', 'verify', ...workflow.vaultArgs, ...workflow.keyArgs], { env });
}

const STEPS = { 'key-files': benchKeyFiles, database: benchDatabase, upload: benchUpload };
const wanted = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'stakewise-scale-'));
try {
  for (const [name, step] of Object.entries(STEPS))
    if (wanted.length === 0 || wanted.includes(name)) await step(folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
