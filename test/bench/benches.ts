import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from './bench.ts';
import { runProgram, runStep, timeProgram } from './child-process.ts';
import { startDelayProxy } from './delay-proxy.ts';
import { FILE_BENCHES } from './file-benches.ts';
import { type Cost, check } from './measure.ts';
import { type BenchContext, ROWS, SCHEME } from './prepare.ts';

const { count, oracles, threshold } = SCHEME;
const RECORDED = 'the recorded mnemonic of the vectors (01-create-keys/holesky)';
const DELAY_MS = 10;

const derive: Bench = {
  name: 'derive',
  title: `${count} keys of a mnemonic, with their public keys`,
  input: RECORDED,
  reference: '1,200 s CPU',
  targets: { wallMs: 3_000 },
  needsDatabase: false,
  async run() {
    const { cost } = await runStep('derive', SCHEME);
    const bare = await runStep('derive-bare', SCHEME);
    return {
      cost,
      bare: {
        cost: bare.cost,
        by: 'cpuMs',
        label: 'blst: three EIP-2333 children and a public key each, one thread',
      },
      verified: 'the first five are the recorded ones, all distinct, 50 public keys derived again by noble',
    };
  },
};

const seal: Bench = {
  name: 'seal',
  title: `split, derive and seal ${count * oracles} shares of ${count} keys`,
  input: `${RECORDED}, ${threshold} of ${oracles} oracles`,
  reference: '65 s CPU',
  targets: { wallMs: 12_000 },
  needsDatabase: false,
  async run() {
    const { cost } = await runStep('seal', SCHEME);
    const bare = await runStep('seal-bare', SCHEME);
    return {
      cost,
      bare: {
        cost: bare.cost,
        by: 'cpuMs',
        label: 'blst public key per share, AES-256-GCM per row by a KeyObject made once, one thread',
      },
      verified: `shares of 50 keys opened, ${threshold} of them recombined to the key, public keys by noble`,
    };
  },
};

const insert: Bench = {
  name: 'insert',
  title: `insert ${ROWS} sealed rows and their ${ROWS} public facts`,
  input: 'the sealed rows of "seal", in transactions of 500 keypairs; Postgres on this machine',
  reference: '2.1 s CPU of the client, one round trip per row',
  targets: { wallMs: 4_000 },
  needsDatabase: true,
  async run(context) {
    const { result, url } = await context.filled();
    const bare = await runStep('copy-bare', { ...SCHEME, url });
    const away = await insertFarAway(context);
    const roundTrips = Math.max(0, away.cost.wallMs - result.cost.wallMs) / DELAY_MS;
    return {
      cost: result.cost,
      bare: {
        cost: bare.cost,
        by: 'wallMs',
        label: 'COPY of the same rows into tables with the same indexes',
      },
      verified: 'rows of all tables counted past the program; setup-web3signer opens every one of them',
      notes: {
        far: `${(away.cost.wallMs / 1000).toFixed(2)} s with a proxy that adds ${DELAY_MS} ms to every answer: about ${Math.round(roundTrips)} round trips for ${ROWS} rows (${((ROWS * DELAY_MS) / 60_000).toFixed(0)} minutes at one per row)`,
        activate: `${Math.round(Number(result.figures?.activateMs))} ms for the last transaction, which shows all of it to readers`,
      },
    };
  },
};

async function insertFarAway({ createDatabase, server, encryptKey }: BenchContext) {
  await using proxy = await startDelayProxy(server, DELAY_MS);
  const url = Object.assign(new URL(await createDatabase()), { port: String(proxy.port) }).href;
  return await runStep('fill', { ...SCHEME, url, encryptKey });
}

const setupWeb3Signer: Bench = {
  name: 'setup-web3signer',
  title: `setup-web3signer of ${ROWS} keys into an empty directory, each opened, derived and compared`,
  input: 'the database of "insert"; ./v3-operator as a whole process',
  reference: '71 s CPU, 260 MB, nothing compared',
  targets: { wallMs: 12_000, peakMb: 400 },
  needsDatabase: true,
  async run(context) {
    const { url } = await context.filled();
    const directory = context.createDirectory();
    const { cost } = await syncInto(context, directory);
    await runStep('check-key-files', { url, directory, rows: ROWS });
    const { files, bytes } = sizeOf(directory);
    const open = await runStep('open-bare', SCHEME);
    const write = await runStep('write-files-bare', { directory: context.createDirectory(), files, bytes });
    rmSync(directory, { recursive: true });
    return {
      cost,
      bare: {
        cost: {
          ...open.cost,
          cpuMs: open.cost.cpuMs + write.cost.cpuMs,
          wallMs: open.cost.wallMs + write.cost.wallMs,
        },
        by: 'cpuMs',
        label: `AES-256-GCM by a KeyObject made once and blst public key per row, ${files} files of the same size, one thread`,
      },
      verified: `${ROWS} keys read back from ${files} files, all public keys derived and compared with the database's`,
    };
  },
};

const unchanged: Bench = {
  name: 'setup-web3signer-again',
  title: `setup-web3signer of ${ROWS} keys again, nothing changed`,
  input: 'the directory that "setup-web3signer" wrote; ./v3-operator as a whole process',
  targets: { wallMs: 4_000 },
  needsDatabase: true,
  async run(context) {
    const { url } = await context.filled();
    const directory = context.createDirectory();
    await syncInto(context, directory);
    const before = mtimes(directory);
    const { cost } = await syncInto(context, directory);
    check(JSON.stringify(mtimes(directory)) === JSON.stringify(before), 'a file was written again');
    await runStep('check-key-files', { url, directory, rows: ROWS });
    const bare = await runStep('read-bare', { url, directory });
    rmSync(directory, { recursive: true });
    return {
      cost,
      bare: { cost: bare.cost, by: 'wallMs', label: 'every row selected by pg, every file read and hashed' },
      verified: 'no mtime moved; all keys read back and compared with the database',
    };
  },
};

const verify: Bench = {
  name: 'verify',
  title: `verify of ${ROWS} rows: each opened, derived and compared, the shares of every validator tested`,
  input: 'the database of "insert"; ./v3-operator as a whole process',
  targets: { wallMs: 9_000, cpuMs: 16_000, peakMb: 300 },
  needsDatabase: true,
  async run({ filled, encryptKeyFile }) {
    const { remoteDb } = await filled();
    const args = [...remoteDb, 'verify', '--encrypt-key-file', encryptKeyFile];
    const { cost, stdout } = await runProgram('./v3-operator', args);
    check(stdout.includes(`Opened ${count} keypairs and ${count * oracles} shares`), stdout);
    check(stdout.includes('Everything is as it was uploaded.'), stdout);
    const open = await runStep('open-bare', SCHEME);
    return {
      cost,
      bare: {
        cost: open.cost,
        by: 'cpuMs',
        label: 'AES-256-GCM by a KeyObject made once and blst public key per row, one thread',
      },
      verified: `${count} keypairs and ${count * oracles} shares were opened, and nothing was found`,
    };
  },
};

async function syncInto(
  { filled, encryptKeyFile }: BenchContext,
  directory: string,
): Promise<{ cost: Cost }> {
  const { remoteDb } = await filled();
  return runProgram('./v3-operator', [
    ...remoteDb,
    'setup-web3signer',
    '--encrypt-key-file',
    encryptKeyFile,
    '--output-dir',
    directory,
  ]);
}

const setupValidator: Bench = {
  name: 'setup-validator',
  title: `setup-validator of client 3 of 10, ${count} keys`,
  input: 'the database of "insert", the plan of 10 clients stored; ./v3-operator as a whole process',
  reference: '2.9 s CPU',
  targets: { cpuMs: 600 },
  needsDatabase: true,
  async run(context) {
    const { remoteDb, url } = await context.filled();
    const client = (index: number, directory: string) =>
      runProgram('./v3-operator', [
        ...remoteDb,
        'setup-validator',
        '--validator-index',
        String(index),
        '--total-validators',
        '10',
        '--web3signer-endpoint',
        'http://web3signer:9000',
        '--output-dir',
        directory,
        '--fee-recipient',
        '0xb793c3D2Cec1d0F35fF88BCA7655B88A44669e4B',
      ]);
    const first = await client(0, context.createDirectory());
    const directory = context.createDirectory();
    const { cost, stdout } = await client(3, directory);
    check(stdout.includes(`Generated configs with ${count / 10} keys`), 'number of keys');
    await runStep('check-client-files', { url, directory, clientIndex: 3, keys: count / 10 });
    const bare = await runProgram(process.execPath, [
      join(import.meta.dirname, 'select-bare.ts'),
      url,
      context.createDirectory(),
    ]);
    return {
      cost,
      bare: {
        cost: bare.cost,
        by: 'cpuMs',
        label: 'a Node process that selects the plan by pg and writes three files',
      },
      verified: `${count / 10} keys in each file, those of the plan in the database`,
      notes: { first: `${Math.round(first.cost.cpuMs)} ms CPU for the first call, which stores the plan` },
    };
  },
};

const depositTree: Bench = {
  name: 'deposit-tree',
  title: `deposit data of ${count}: JSON to tree, root compared`,
  input: 'fixed pseudo-random keys and signatures',
  reference: '2.8 s CPU',
  targets: { wallMs: 600 },
  needsDatabase: false,
  async run() {
    const { cost, figures } = await runStep('deposit-tree', SCHEME);
    const bare = await runStep('tree-bare', SCHEME);
    return {
      cost,
      bare: { cost: bare.cost, by: 'cpuMs', label: 'the keccak hashes of such a tree' },
      verified: "the root is that of OpenZeppelin's StandardMerkleTree over the same leaves",
      notes: { proof: `${Number(figures?.multiproofOf10Ms).toFixed(1)} ms for a multiproof of 10` },
    };
  },
};

const RUNS = 11;
const version: Bench = {
  name: 'version',
  title: `operator --version, median of ${RUNS}`,
  input: './operator as a whole process',
  reference: '2.4 s',
  targets: { wallMs: 150 },
  needsDatabase: false,
  async run() {
    const { wallMs, stdout } = await timeProgram('./operator', ['--version'], RUNS);
    check(/^operator, version \d+\.\d+\.\d+\n$/.test(stdout), stdout);
    const bare = await timeProgram(process.execPath, ['-e', '0'], RUNS);
    const cost = { cpuMs: Number.NaN, peakMb: Number.NaN };
    return {
      cost: { ...cost, wallMs },
      bare: { cost: { ...cost, wallMs: bare.wallMs }, by: 'wallMs', label: 'node -e 0' },
      verified: 'the printed line',
    };
  },
};

export const BENCHES: readonly Bench[] = [
  derive,
  seal,
  insert,
  setupWeb3Signer,
  unchanged,
  verify,
  setupValidator,
  depositTree,
  ...FILE_BENCHES,
  version,
];

function sizeOf(directory: string): { files: number; bytes: number } {
  const sizes = readdirSync(directory).map(name => statSync(join(directory, name)).size);
  return { files: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

function mtimes(directory: string): [string, number][] {
  return readdirSync(directory)
    .filter(name => !name.startsWith('.'))
    .map(name => [name, statSync(join(directory, name)).mtimeMs]);
}
