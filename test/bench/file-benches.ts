import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from './bench.ts';
import { runProgram, runStep } from './child-process.ts';
import { NETWORK, VAULT } from './inputs.ts';
import { check } from './measure.ts';
import { SCHEME } from './prepare.ts';

const { count, oracles } = SCHEME;
const MADE_UP =
  'fixed pseudo-random keys and signatures, entries with all members; ./operator as a whole process';

const setupOperator: Bench = {
  name: 'setup-operator',
  title: `setup-operator of ${count} validators x ${oracles} shares into an empty directory`,
  input: 'rows and deposit data of made-up keys; ./operator as a whole process',
  reference: '2.0 s CPU, 177 MB',
  targets: { cpuMs: 700, peakMb: 150 },
  needsDatabase: true,
  async run({ createDatabase, createDirectory, encryptKey }) {
    const url = await createDatabase();
    await runStep('fill-operator', { ...SCHEME, url, encryptKey });
    const directory = createDirectory();
    const urlFile = join(createDirectory(), 'db-url');
    writeFileSync(urlFile, url, { mode: 0o600 });
    const { cost } = await runProgram('./operator', [
      'remote-db',
      '--db-url-file',
      urlFile,
      '--vault',
      VAULT,
      '--network',
      NETWORK,
      'setup-operator',
      '--output-dir',
      directory,
    ]);
    await runStep('check-operator-files', { ...SCHEME, url, directory });
    const names = ['remote_signer_config.json', 'deposit_data.json'];
    const bytes = names.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
    const tree = await runStep('tree-bare', SCHEME);
    const write = await runStep('write-files-bare', { directory: createDirectory(), files: 2, bytes });
    rmSync(directory, { recursive: true });
    return {
      cost,
      bare: {
        cost: { ...tree.cost, cpuMs: tree.cost.cpuMs + write.cost.cpuMs },
        by: 'cpuMs',
        label: "the keccak hashes of the deposit data's tree, two files of the same size",
      },
      verified: `${count * oracles} shares read back and compared with the rows, and the deposit data`,
    };
  },
};

const validatorsRoot: Bench = {
  name: 'get-validators-root',
  title: `get-validators-root of ${count} entries`,
  input: MADE_UP,
  reference: '3.5 s CPU',
  targets: { cpuMs: 600 },
  needsDatabase: false,
  async run({ createDirectory }) {
    const directory = createDirectory();
    const { figures } = await runStep('write-deposit-data', { directory, count });
    const { cost, stdout } = await runProgram('./operator', [
      'get-validators-root',
      '--vault',
      VAULT,
      '--data-dir',
      directory,
      '--deposit-data-file',
      join(directory, 'all.json'),
    ]);
    check(stdout.includes(`Merkle tree root: ${figures?.root}\n`), stdout);
    const bare = await runStep('tree-bare', SCHEME);
    rmSync(directory, { recursive: true });
    return {
      cost,
      bare: { cost: bare.cost, by: 'cpuMs', label: 'the keccak hashes of such a tree' },
      verified: "the root is that of OpenZeppelin's StandardMerkleTree",
    };
  },
};

const mergeDepositData: Bench = {
  name: 'merge-deposit-data',
  title: `merge-deposit-data of two files of ${count / 2} entries`,
  input: MADE_UP,
  reference: '1.8 s CPU',
  targets: { cpuMs: 350 },
  needsDatabase: false,
  async run({ createDirectory }) {
    const directory = createDirectory();
    await runStep('write-deposit-data', { directory, count });
    const file = (name: string) => join(directory, `${name}.json`);
    const { cost } = await runProgram('./operator', [
      'merge-deposit-data',
      '-d',
      file('even'),
      '-d',
      file('odd'),
      '-m',
      file('merged'),
    ]);
    check(readFileSync(file('merged')).equals(readFileSync(file('all'))), 'the merged file');
    const bare = await runStep('merge-bare', { directory });
    rmSync(directory, { recursive: true });
    return {
      cost,
      bare: { cost: bare.cost, by: 'cpuMs', label: 'JSON.parse of both files, JSON.stringify of as much' },
      verified: 'every byte: the halves were every second entry of one file',
    };
  },
};

/** Whole programs that read or write files of deposit data. */
export const FILE_BENCHES: readonly Bench[] = [setupOperator, validatorsRoot, mergeDepositData];
