import {
  appendFileSync,
  chmodSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/database.ts';
import { publicKeyOf } from '../../src/domain/keys/derivation.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { createWorkerPool } from '../../src/workers/pool.ts';
import { readKeyDirectory } from '../support/checkers/web3signer.ts';
import { createDatabaseTemplate, type DatabaseTemplate } from '../support/postgres/database-template.ts';
import { createTestDatabase, roleUrl, runSql } from '../support/postgres/postgres.ts';
import { createSlashingProtection, registerValidators } from '../support/postgres/slashing-protection.ts';
import { dumpDatabase, listTree } from '../support/postgres/snapshot.ts';
import { runCli, temporaryDirectory } from '../support/programs/cli.ts';
import {
  fillWithRecordedVault,
  inventOracleSet,
  RECORDED_ENCRYPT_KEY,
  RECORDED_VAULT,
  recordedDepositData,
  recordedSecretKeys,
  setupRecorded,
  uploadRecorded,
  writeKeystores,
} from '../support/recorded/recorded-vault.ts';
import { recordedPath } from '../support/recorded/vectors.ts';
import { startFakeSigner } from '../support/servers/fake-signer.ts';

const keystores = temporaryDirectory();
let template: DatabaseTemplate;
/** The same vault with two of its ten validators: what a hollowed database looks like. */
let hollowed: DatabaseTemplate;
beforeAll(async () => {
  writeKeystores(join(keystores.path, 'all'), recordedSecretKeys(10));
  writeKeystores(join(keystores.path, 'two'), recordedSecretKeys(2));
  template = await createDatabaseTemplate(url => fillWithRecordedVault(url, join(keystores.path, 'all')));
  hollowed = await createDatabaseTemplate(fillWithTwo);
});
afterAll(async () => {
  keystores[Symbol.dispose]();
  await template[Symbol.asyncDispose]();
  await hollowed[Symbol.asyncDispose]();
});

async function fillWithTwo(url: string): Promise<void> {
  await using session = await openDatabase({ url });
  await using pool = createWorkerPool({ size: 1 });
  await setupRecorded(session);
  const data = recordedDepositData();
  const own = new Set(recordedSecretKeys(2).map(key => toHex(publicKeyOf(key))));
  const entries = data.entries.filter(({ publicKey }) => own.has(toHex(publicKey)));
  const keystoresDir = join(keystores.path, 'two');
  await uploadRecorded(session, pool, { keystoresDir, depositData: { ...data, entries }, root: null });
}

/** A copy of the recorded vault, and a directory whose `out` the commands write to. */
async function openCopy({ of = template } = {}) {
  const database = await of.clone();
  const directory = temporaryDirectory();
  const env = {
    REMOTE_DB_URL: database.url,
    VAULT: RECORDED_VAULT,
    NETWORK: 'holesky',
    DATA_DIR: directory.path,
    REMOTE_DB_ENCRYPT_KEY: RECORDED_ENCRYPT_KEY,
    REMOTE_DB_OUTPUT_DIR: join(directory.path, 'out'),
  };
  return {
    out: join(directory.path, 'out'),
    url: database.url,
    folder: directory.path,
    run: (command: string, ...more: string[]) => runCli(['remote-db', command, ...more], { env }),
    /** Uploads again, to other oracles: every share changes. */
    rotateOracles: async (folder: 'all' | 'two', { oracles = 3, pruneShares = false } = {}) => {
      await using session = await openDatabase({ url: database.url });
      await using pool = createWorkerPool({ size: 1 });
      const keystoresDir = join(keystores.path, folder);
      await uploadRecorded(session, pool, {
        keystoresDir,
        oracleSet: inventOracleSet(oracles, 2),
        pruneShares,
      });
    },
    /** Uploads once more what is there. */
    uploadAgain: async () => {
      await using session = await openDatabase({ url: database.url });
      await using pool = createWorkerPool({ size: 1 });
      await uploadRecorded(session, pool, { keystoresDir: join(keystores.path, 'all') });
    },
    [Symbol.asyncDispose]: async () => {
      directory[Symbol.dispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

const timesOf = (directory: string) =>
  readdirSync(directory).map(name => [
    name,
    statSync(join(directory, name)).mtimeMs,
    statSync(join(directory, name)).ino,
  ]);

const COMMANDS = [
  ['setup-web3signer', [] as string[]],
  ['setup-web3signer', ['--layout', 'one-per-key']],
  [
    'setup-validator',
    [
      '--validator-index',
      '0',
      '--total-validators',
      '3',
      '--web3signer-endpoint',
      'http://web3signer:6174',
      '--fee-recipient',
      '0x48319f97e5da1233c21c48b80097c0fb7a20ff86',
    ],
  ],
  ['setup-operator', []],
] as const;

describe.each(COMMANDS)('%s %j', (command, options) => {
  it('a setup command with --check writes nothing and tells by its exit code; without it, equal files stay', async () => {
    await using copy = await openCopy();
    const check = () => copy.run(command, ...options, '--check');
    const missing = await check();
    expect(missing.exitCode).toBe(3);
    expect(missing.stderr).toContain(copy.out);
    expect(missing.stdout).not.toContain('Successfully');
    expect(listTree(copy.out)).toEqual({ [copy.out]: 'missing' });

    expect((await copy.run(command, ...options)).exitCode).toBe(0);
    const written = listTree(copy.out);
    const times = timesOf(copy.out);
    expect((await check()).exitCode).toBe(0);
    expect((await copy.run(command, ...options)).exitCode).toBe(0);
    expect(listTree(copy.out)).toEqual(written);
    expect(timesOf(copy.out)).toEqual(times);

    const name = readdirSync(copy.out).filter(each => !each.startsWith('.'))[0] ?? '';
    chmodSync(join(copy.out, name), 0o666);
    expect((await check()).exitCode).toBe(3);
    appendFileSync(join(copy.out, name), '\n');
    const spoiled = listTree(copy.out);
    // A numbered file says nothing of its vault: with other bytes it is somebody else's.
    const isLost = options[1] === 'one-per-key';
    expect((await check()).exitCode).toBe(isLost ? 1 : 3);
    expect(listTree(copy.out)).toEqual(spoiled);
    expect((await copy.run(command, ...options)).exitCode).toBe(isLost ? 1 : 0);
    expect(listTree(copy.out)).toEqual(isLost ? spoiled : written);
  });
});

describe('setup-web3signer --removals', () => {
  it('setup-web3signer refuses by default to remove most validators; --removals keep adds only, allow removes', async () => {
    await using copy = await openCopy();
    await using wrong = await openCopy({ of: hollowed });
    const out = ['--output-dir', copy.out];
    await copy.run('setup-web3signer');
    const before = listTree(copy.out);
    for (const options of [out, out.concat('--check')]) {
      const refused = await wrong.run('setup-web3signer', ...options);
      expect(refused.stderr).toContain(
        "This run would remove 8 of 10 keys from the signer's directory; nothing",
      );
      expect(refused.exitCode).toBe(3);
      expect(listTree(copy.out)).toEqual(before);
    }

    const kept = await wrong.run('setup-web3signer', '--removals', 'keep', ...out);
    expect(kept.stderr).toContain('8 of 10 keys');
    expect(kept.exitCode).toBe(0);
    // The shares of the two are others in that database.
    expect(readKeyDirectory(copy.out).publicKeys.size).toBe(50 + 2 * 4);

    const allowed = await wrong.run('setup-web3signer', '--removals', 'allow', '--json', ...out);
    expect(JSON.parse(allowed.stdout)).toMatchObject({ removedKeys: 8, removedShares: 40, keptKeys: 0 });
    expect(allowed.exitCode).toBe(0);
    expect(allowed.stderr).toMatch(
      /The keys of 8 validators are removed .* blocks and attestations are refused/,
    );
    expect(readKeyDirectory(copy.out).publicKeys.size).toBe(10);

    // Back again: the directory remembers whom it had.
    const back = await copy.run('setup-web3signer');
    expect(back.stderr).toMatch(
      /The keys of 8 validators come back .* --slashing-db-url .* UPDATE validators/,
    );
    expect(back.exitCode).toBe(0);
    expect(readKeyDirectory(copy.out).publicKeys.size).toBe(50);
    expect((await copy.run('setup-web3signer')).stderr).not.toContain('come back');
  });

  it.each([
    ['buckets', false],
    ['buckets', true],
    ['one-per-key', false],
    ['one-per-key', true],
  ] as const)(
    'setup-web3signer passes change after change of the oracle set, in layout %s, old shares pruned: %s',
    async (layout, pruneShares) => {
      await using copy = await openCopy();
      const options = ['--layout', layout, '--json'];
      await copy.run('setup-web3signer', ...options);
      let shares = 40;
      for (const oracles of [3, 5, 4]) {
        await copy.rotateOracles('all', { oracles, pruneShares });
        const checked = await copy.run('setup-web3signer', '--check', ...options);
        expect(JSON.parse(checked.stdout).error.code).toBe('files-differ');
        expect(checked.stderr).toContain(`${shares} key shares of a replaced oracle set would be removed`);
        const run = await copy.run('setup-web3signer', ...options);
        expect(run.exitCode, run.stderr).toBe(0);
        expect(run.stderr).toContain(`${shares} key shares of a replaced oracle set were removed`);
        expect(run.stderr).not.toContain('validators');
        expect(JSON.parse(run.stdout)).toMatchObject({ removedKeys: 0, removedShares: shares });
        shares = 10 * oracles;
        expect(readKeyDirectory(copy.out).publicKeys.size).toBe(10 + shares);
      }
    },
  );

  it('setup-web3signer knows replaced shares by the database where an earlier version has written the files', async () => {
    await using copy = await openCopy();
    await copy.run('setup-web3signer');
    const record = readdirSync(copy.out).find(name => name.endsWith('.validators')) ?? expect.fail();
    rmSync(join(copy.out, record));
    await copy.rotateOracles('all');
    const run = await copy.run('setup-web3signer');
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.stderr).toContain('40 key shares of a replaced oracle set were removed');

    // Nobody knows them any more: they count as validators' keys, which need a decision.
    rmSync(join(copy.out, record));
    await copy.rotateOracles('all', { oracles: 5, pruneShares: true });
    const unknown = await copy.run('setup-web3signer');
    expect(unknown.exitCode).toBe(3);
    expect(unknown.stderr).toContain("would remove 30 of 40 keys from the signer's directory");
  });

  it('setup-web3signer opens no row after an upload that has changed nothing', async () => {
    await using copy = await openCopy();
    await copy.run('setup-web3signer');
    await copy.uploadAgain();
    const { stdout } = await copy.run('setup-web3signer');
    expect(stdout).toContain('are those of these 50 keystores already');
    expect(stdout).not.toContain('Decrypting');
  });

  it('setup-web3signer --removals allow leaves files of others alone', async () => {
    await using copy = await openCopy();
    await copy.run('setup-web3signer');
    const foreign = join(copy.out, 'holesky-0x00000000000000000000000000000000000000aa-00.yaml');
    writeFileSync(foreign, 'not ours\n');
    await copy.rotateOracles('all');
    expect((await copy.run('setup-web3signer', '--removals', 'allow')).exitCode).toBe(0);
    expect(readdirSync(copy.out)).toContain('holesky-0x00000000000000000000000000000000000000aa-00.yaml');
  });
});

describe('setup-web3signer and key_N.yaml', () => {
  it('setup-web3signer --layout one-per-key writes as many files as keys, numbered as the reference does', async () => {
    await using copy = await openCopy();
    expect((await copy.run('setup-web3signer', '--layout', 'one-per-key')).exitCode).toBe(0);
    const names = readdirSync(copy.out).filter(name => !name.startsWith('.'));
    expect(names.sort()).toEqual(readdirSync(recordedPath('03-remote-db/3-web3signer')).sort());
    expect(readKeyDirectory(copy.out).publicKeys.size).toBe(50);
  });

  it('setup-web3signer --adopt takes over files of the Python operator whose keys are all this vault’s', async () => {
    await using copy = await openCopy();
    await copy.run('setup-web3signer', '--layout', 'one-per-key');
    // As if another program had written them.
    for (const name of readdirSync(copy.out).filter(each => each.startsWith('.')))
      rmSync(join(copy.out, name));
    const beside = await copy.run('setup-web3signer');
    expect(beside.exitCode).toBe(0);
    expect(beside.stderr).toMatch(
      /also holds 50 files that are not known as this vault's \(key_0\.yaml, .* and 30 more\).* --adopt takes over each/,
    );
    expect(readdirSync(copy.out)).toContain('key_0.yaml');
    // Also where nothing is to be written.
    expect((await copy.run('setup-web3signer')).stderr).toContain('also holds 50 files');
    const adopted = await copy.run('setup-web3signer', '--adopt');
    expect(adopted.exitCode).toBe(0);
    expect(readdirSync(copy.out).filter(name => name.startsWith('key_'))).toEqual([]);
    expect(readKeyDirectory(copy.out).publicKeys.size).toBe(50);
  });

  it('setup-web3signer --adopt takes over no file with a key of somebody else', async () => {
    await using copy = await openCopy();
    await copy.run('setup-web3signer', '--layout', 'one-per-key');
    for (const name of readdirSync(copy.out).filter(each => each.startsWith('.')))
      rmSync(join(copy.out, name));
    const path = join(copy.out, 'key_0.yaml');
    writeFileSync(path, `keyType: BLS\nprivateKey: '0x${'01'.padStart(64, '0')}'\ntype: file-raw\n`);
    const refused = await copy.run('setup-web3signer', '--layout', 'one-per-key', '--adopt');
    expect(refused.stderr).toContain(path);
    expect(refused.exitCode).toBe(1);
    const left = await copy.run('setup-web3signer', '--adopt');
    expect(left.exitCode).toBe(0);
    expect(left.stderr).toMatch(
      /also holds one file .*\(key_0\.yaml\).* --adopt takes over no file that has another key/,
    );
    expect(readdirSync(copy.out).filter(name => name.startsWith('key_'))).toEqual(['key_0.yaml']);
  });
});

describe('setup-web3signer --web3signer-endpoint', () => {
  it('setup-web3signer --web3signer-endpoint has every signer reload, waits for the end, and compares keys', async () => {
    await using copy = await openCopy();
    const foreign = [`0x8${'a'.repeat(95)}`];
    await using first = await startFakeSigner(copy.out);
    await using second = await startFakeSigner(copy.out, { polls: 0, foreign });
    const endpoints = [first, second].flatMap(({ url }) => ['--web3signer-endpoint', url]);
    const run = await copy.run('setup-web3signer', '--json', ...endpoints);
    expect(run.exitCode).toBe(0);
    expect(JSON.parse(run.stdout).signers).toEqual([
      { url: first.url, keys: 50, foreignKeys: 0 },
      { url: second.url, keys: 51, foreignKeys: 1 },
    ]);
    expect(run.stderr).toContain(`${second.url} also has ${foreign[0]}, which is not a key of this vault.`);
    expect(first.requests.filter(line => line === 'POST /reload')).toHaveLength(1);
    expect(first.requests.filter(line => line === 'GET /reload').length).toBeGreaterThan(3);
    expect(first.requests.at(-1)).toBe('GET /api/v1/eth2/publicKeys');
  });

  it('setup-web3signer --web3signer-endpoint fails when a signer lacks a key, and names it', async () => {
    await using copy = await openCopy();
    await using signer = await startFakeSigner(copy.out, { drop: 1, polls: 0 });
    const run = await copy.run('setup-web3signer', '--web3signer-endpoint', signer.url);
    expect(run.stderr).toMatch(
      new RegExp(
        `Error: ${signer.url} lacks 1 of 50 keys after its reload \\(completed\\), first 0x[0-9a-f]{96}\\.`,
      ),
    );
    expect(run.stdout).not.toContain('Successfully');
    expect(run.exitCode).toBe(1);
  });

  it('setup-web3signer --check asks no signer', async () => {
    await using copy = await openCopy();
    await using signer = await startFakeSigner(copy.out);
    expect(
      (await copy.run('setup-web3signer', '--check', '--web3signer-endpoint', signer.url)).exitCode,
    ).toBe(3);
    expect(signer.requests).toEqual([]);
  });
});

describe('setup-web3signer --slashing-db-url', () => {
  const validators = recordedSecretKeys(10).map(publicKeyOf);

  it('setup-web3signer writes the files, names validators that are wanted and disabled, and exits with 3', async () => {
    await using copy = await openCopy();
    await using slashing = await createTestDatabase({ migrated: false });
    await createSlashingProtection(slashing.url);
    // One of them is no key of this vault.
    const disabled = [...validators.slice(0, 2), new Uint8Array(48).fill(9)];
    await registerValidators(slashing.url, { enabled: validators.slice(2), disabled });
    const before = await dumpDatabase(slashing.url);
    // As it stands in the settings of Web3Signer.
    const run = await copy.run('setup-web3signer', '--slashing-db-url', `jdbc:${slashing.url}`);
    expect(run.exitCode).toBe(3);
    expect(run.stdout).toContain('Successfully retrieved');
    const named = validators.slice(0, 2).map(toHex).sort();
    expect(run.stderr).toContain(
      `Error: 2 validators whose keys Web3Signer is to have are disabled in its slashing protection database, so that it refuses blocks and attestations (412): ${named.join(', ')}.`,
    );
    expect(run.stderr).toContain('UPDATE validators SET enabled = true');
    expect(readKeyDirectory(copy.out).publicKeys.size).toBe(50);
    expect(await dumpDatabase(slashing.url)).toEqual(before);

    // The same of files that are there, and with --check.
    const again = await copy.run('setup-web3signer', '--json', '--check', '--slashing-db-url', slashing.url);
    expect([again.exitCode, JSON.parse(again.stdout).error.code]).toEqual([3, 'validators-disabled']);
    await runSql(slashing.url, 'update validators set enabled = true');
    const mended = await copy.run('setup-web3signer', '--slashing-db-url', slashing.url);
    expect(mended.exitCode, mended.stderr).toBe(0);
  });

  it('setup-web3signer takes the URL from a file, warns of a password in argv, and refuses an embedded database', async () => {
    await using copy = await openCopy();
    await using slashing = await createTestDatabase({ migrated: false });
    await createSlashingProtection(slashing.url);
    const path = join(copy.folder, 'slashing-db-url');
    writeFileSync(path, `${slashing.url}\n`, { mode: 0o600 });
    const quiet = await copy.run('setup-web3signer', '--slashing-db-url-file', path);
    expect([quiet.exitCode, quiet.stderr]).toEqual([0, expect.not.stringContaining('--slashing-db-url')]);
    const url = roleUrl(slashing.url, 'nobody', 'planted-secret');
    for (const text of [url, `jdbc:${url}`, 'host=127.0.0.1 port=1 user=nobody password=planted-secret']) {
      const loud = await copy.run('setup-web3signer', '--slashing-db-url', text);
      expect(loud.stderr, text).toContain('--slashing-db-url-file');
      expect(loud.stdout + loud.stderr).not.toContain('planted-secret');
    }
    const embedded = await copy.run('setup-web3signer', '--slashing-db-url', `pglite:${copy.folder}`);
    expect(embedded.exitCode).toBe(2);
    expect(embedded.stderr).toContain("Invalid value for '--slashing-db-url': Web3Signer keeps");
  });

  it('setup-web3signer changes nothing when the slashing protection database does not answer', async () => {
    await using copy = await openCopy();
    const run = await copy.run(
      'setup-web3signer',
      '--slashing-db-url',
      'postgresql://op@127.0.0.1:1/web3signer',
    );
    expect(run.exitCode).toBe(1);
    expect(listTree(copy.out)).toEqual({ [copy.out]: 'missing' });
  });
});

describe('setup-operator', () => {
  it('setup-operator leaves out, with a warning, validators whose shares are of an earlier oracle set', async () => {
    await using copy = await openCopy();
    await copy.rotateOracles('two');
    const run = await copy.run('setup-operator');
    expect(run.stderr).toContain(
      'Warning: 8 validators are left out: their shares are of an earlier oracle set.',
    );
    expect(run.exitCode).toBe(0);
  });

  it('setup-operator keeps deposit data with entries of keys that were not uploaded, unless it is told not to', async () => {
    await using copy = await openCopy();
    expect((await copy.run('setup-operator')).exitCode).toBe(0);
    const path = join(copy.out, 'deposit_data.json');
    const written = readFileSync(path, 'utf8');
    const entries: { readonly pubkey: string }[] = JSON.parse(written);
    // As create-keys appends to it.
    const key = 'ab'.repeat(48);
    const more = JSON.stringify(entries.concat({ ...entries[0], pubkey: key }));
    writeFileSync(path, more);
    for (const options of [[], ['--check'], ['--removals', 'allow']]) {
      const run = await copy.run('setup-operator', ...options);
      expect(run).toMatchObject({ exitCode: 3, stdout: '' });
      expect(run.stderr).toContain(
        `${path} has entries of 1 keys that the remote db does not have, such as 0x${key}: they would be lost.`,
      );
      expect(readFileSync(path, 'utf8')).toBe(more);
    }
    expect((await copy.run('setup-operator', '--force')).exitCode).toBe(0);
    expect(readFileSync(path, 'utf8')).toBe(written);
    // Deposit data for a new root has no entries of validators that are registered; the next may have all again.
    writeFileSync(path, JSON.stringify(entries.slice(0, 1)));
    expect((await copy.run('setup-operator')).exitCode).toBe(0);
    expect(readFileSync(path, 'utf8')).toBe(written);
  });
});
