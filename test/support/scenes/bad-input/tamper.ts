import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { expect } from 'vitest';
import { dumpDatabase, listTree } from '../../postgres/snapshot.ts';
import {
  encryptKey,
  expectNoSecrets,
  parseResult,
  remoteDb,
  runInScene,
  type Scene,
  withScene,
} from './scene.ts';
import { openWorkshop, setupValidator, type Workshop } from './workshop.ts';

/** The commands that read what an upload wrote; the first two have the encryption key. */
const READERS = ['verify', 'setup-web3signer', 'setup-operator', 'setup-validator'] as const;
export type Reader = (typeof READERS)[number];

/** What each reader writes for a database that nobody touched, by path below its output directory. */
type Outputs = Readonly<Record<Reader, Readonly<Record<string, string>>>>;

export interface TamperBench extends AsyncDisposable {
  readonly workshop: Workshop;
  readonly otherVault: string;
  readonly sound: Outputs;
}

/**
 * One database with two vaults, and in the first one shares of two oracle sets and a plan. `older` is what a backup has
 * kept of it; meanwhile the shares of the first set were made anew, the deposit data has another order and keys moved.
 */
export async function openTamperBench(): Promise<TamperBench> {
  await using resources = new AsyncDisposableStack();
  const workshop = resources.use(await openWorkshop('planned'));
  const { devnet, vault, folder } = workshop;
  const uploadArgs = (...more: string[]) => [
    'upload-keypairs',
    '--encrypt-key-file',
    join(folder, 'encrypt-key'),
    '--execution-endpoints',
    devnet.rpcUrl,
    ...more,
  ];
  const otherVault = await addVault(workshop, uploadArgs());
  const first = devnet.oracleSet.configIpfsHash;
  await workshop.save('older');

  await devnet.updateOracles({ count: 4, threshold: 3 });
  await workshop.remoteDb(uploadArgs('--prune-shares'));
  await reverseDepositData(workshop);
  const { configIpfsHash } = await devnet.updateOracles({ count: 3, threshold: 2 });
  if (configIpfsHash !== first) throw new Error('another document of the first oracles');
  await workshop.remoteDb(uploadArgs());
  await workshop.remoteDb(['assign', '--total-validators', '2', '--like-reference', '--reassign']);
  await workshop.save('newer');
  if (vault === otherVault) throw new Error('one vault instead of two');

  const sound = await withScene(workshop, 'newer', async scene => {
    const outputs: Partial<Record<Reader, Readonly<Record<string, string>>>> = {};
    for (const reader of READERS) {
      const { run, written } = await runReader(scene, reader);
      expect(run.exitCode, run.stderr).toBe(0);
      outputs[reader] = written;
    }
    return outputs as Outputs;
  });
  const owned = resources.move();
  return { workshop, otherVault, sound, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Statements on the database behind the program's back; `$vault` and `$other` stand for the ids of the two vaults. */
export async function tamper(url: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    // No foreign key and no trigger holds up somebody who can write to the files.
    await client.query('set session_replication_role = replica');
    await client.query('set search_path = stakewise_operator');
    for (const statement of statements) {
      const { rowCount } = await client.query(statement.replaceAll('$vault', '1').replaceAll('$other', '2'));
      if (rowCount === 0) throw new Error(`no row was touched by: ${statement}`);
    }
  } finally {
    await client.end();
  }
}

/**
 * Lets every reader work on a database that was tampered with. Each must refuse and write nothing, or, where it does not
 * read what was changed, write exactly what it writes without the change.
 * @returns the readers that refused, with their exit codes
 */
export async function runReaders(
  { workshop, sound }: TamperBench,
  spoil: (scene: Scene) => Promise<void>,
): Promise<Partial<Record<Reader, string>>> {
  return await withScene(workshop, 'newer', async scene => {
    await spoil(scene);
    const before = { database: await dumpRead(scene.url), files: listTree(scene.folder) };
    const refusals: Partial<Record<Reader, string>> = {};
    const outcomes = await Promise.all(
      READERS.map(async reader => ({ reader, ...(await runReader(scene, reader)) })),
    );
    for (const { reader, run, written } of outcomes) {
      expectNoSecrets(run, workshop.secrets);
      expect(run.exitCode, `${reader} has a bug: ${run.stderr}`).not.toBe(70);
      if (run.exitCode === 0) {
        const wrong = `${reader} wrote something else than for a sound database`;
        expect(written, wrong).toEqual(sound[reader]);
      } else {
        expect(written, `${reader} refused, but wrote:`).toEqual({});
        const { error } = parseResult(run);
        refusals[reader] = `${run.exitCode} ${error?.code ?? 'findings'}`;
      }
    }
    expect(await dumpRead(scene.url)).toEqual(before.database);
    // What the readers wrote lies beside the scene's folder: nothing inside has changed.
    expect(listTree(scene.folder)).toEqual(before.files);
    return refusals;
  });
}

/** The database without the one table that a reader writes to: `setup-validator` records there which files it has written. */
async function dumpRead(url: string) {
  const { 'stakewise_operator.written_key_sets': recorded, ...others } = await dumpDatabase(url);
  expect(recorded).toBeDefined();
  return others;
}

async function runReader(scene: Scene, reader: Reader) {
  const directory = join(`${scene.folder}-output`, reader);
  mkdirSync(`${scene.folder}-output`, { recursive: true });
  scene.defer(() => rmSync(`${scene.folder}-output`, { recursive: true, force: true }));
  const args = {
    verify: ['verify', ...encryptKey(scene)],
    'setup-web3signer': ['setup-web3signer', ...encryptKey(scene), '--output-dir', directory],
    'setup-operator': ['setup-operator', '--output-dir', directory],
    'setup-validator': setupValidator(0, directory),
  }[reader];
  const run = await runInScene(scene, [...remoteDb(scene, ...args), '--json'], { program: 'v3-operator' });
  const tree = existsSync(directory) ? listTree(directory) : {};
  const written = Object.fromEntries(
    Object.entries(tree).map(([path, value]) => [path.slice(directory.length), value]),
  );
  return { run, written };
}

/** A second vault of the same database, with another mnemonic. */
export async function addVault(workshop: Workshop, uploadArgs: readonly string[]): Promise<string> {
  const { devnet, folder } = workshop;
  const vault = await devnet.createVault(1);
  const file = (name: string) => join(folder, name);
  const local = ['--vault', vault, '--data-dir', file('data')];
  const init = await workshop.run([
    'init',
    '--language',
    'english',
    '--no-verify',
    '--network',
    file('network.json'),
    ...local,
  ]);
  writeFileSync(file('other-mnemonic'), init.stdout, { mode: 0o600 });
  const mnemonic = ['--mnemonic-file', file('other-mnemonic')];
  await workshop.run(['create-keys', '--count', '2', '--kdf', 'pbkdf2', ...mnemonic, ...local]);
  const root = await workshop.run(['get-validators-root', ...local]);
  await devnet.setDepositDataRoot(/0x[0-9a-f]{64}/.exec(root.stdout)?.[0] ?? '', vault);
  await workshop.remoteDb(['setup', '--encrypt-key-file', file('encrypt-key')], vault);
  await workshop.remoteDb(uploadArgs, vault);
  return vault;
}

async function reverseDepositData({ devnet, folder, vault, run }: Workshop): Promise<void> {
  const path = join(folder, 'data', vault.toLowerCase(), 'deposit_data.json');
  const entries: unknown[] = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify(entries.toReversed()));
  const root = await run(['get-validators-root', '--vault', vault, '--data-dir', join(folder, 'data')]);
  await devnet.setDepositDataRoot(/0x[0-9a-f]{64}/.exec(root.stdout)?.[0] ?? '');
}
