// --dry-run, also called --check: a command says what it would do, and not a row, file or key is another one afterwards.
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { publicKeyOf } from '../../src/domain/keys/derivation.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { startBeaconNode } from '../devnet/beacon-node.ts';
import { startKeymanager } from '../devnet/keymanager.ts';
import { it } from '../support/postgres/fixtures.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres/postgres.ts';
import { dumpDatabase, listTree } from '../support/postgres/snapshot.ts';
import { PROJECT_ROOT, runCli } from '../support/programs/cli.ts';
import { RECORDED_MNEMONIC, recordedSecretKeys, writeKeystores } from '../support/recorded/recorded-vault.ts';
import { credentialsOf, EXIT_CHAIN } from '../support/scenes/signing-fixtures.ts';
import { startWorkflow, type WorkflowFixture } from '../support/scenes/workflow-scene.ts';

const VECTORS = join(PROJECT_ROOT, 'test/vectors/v3-operator/01-create-keys');
const RECORDED_VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const CLIENTS = 2;

const resources = new AsyncDisposableStack();
let workflow: WorkflowFixture;
beforeAll(async () => {
  workflow = resources.use(await startWorkflow(6));
});
afterAll(() => resources.disposeAsync());

const remoteDb = (url: string, args: readonly string[]) => runCli(['remote-db', '--db-url', url, ...args]);

/** Runs a remote-db command that must not change database or files. @returns what it has printed */
async function preview(url: string, args: readonly string[], exitCode = 0, name = '--dry-run') {
  const before = [await dumpDatabase(url), listTree(workflow.folder)];
  const run = await remoteDb(url, [...args, name]);
  expect([await dumpDatabase(url), listTree(workflow.folder)]).toEqual(before);
  expect(run.exitCode, run.stderr).toBe(exitCode);
  return run;
}

async function mustRun(url: string, args: readonly string[]) {
  const run = await remoteDb(url, args);
  expect(run.exitCode, run.stderr).toBe(0);
  return run;
}

describe('--dry-run of commands that change the remote database', () => {
  it('setup and migrate --dry-run name the migrations and the key file, and make neither', async ({
    empty,
  }) => {
    const { vaultArgs } = workflow;
    const keyFile = join(workflow.folder, 'another-key');
    const setup = ['setup', ...vaultArgs, '--encrypt-key-file', keyFile];
    const fresh = await preview(empty.url, setup);
    expect(fresh.stdout).toMatch(/^Would migrate the database: \S.*\n/);
    expect(fresh.stdout).toContain(`Would give the vault an encryption key, saved to ${keyFile} file.\n`);
    expect((await preview(empty.url, ['migrate', ...vaultArgs])).stdout).toMatch(
      /^Would migrate the database: /,
    );

    await mustRun(empty.url, ['migrate', ...vaultArgs]);
    expect((await preview(empty.url, ['migrate', ...vaultArgs])).stdout).toBe(
      'The database is up to date.\n',
    );
    const json = await preview(empty.url, [...setup, '--json']);
    expect(JSON.parse(json.stdout)).toEqual({ migrations: [], created: true, keyFile, dryRun: true });

    await mustRun(empty.url, setup);
    const again = await preview(empty.url, setup, 3);
    expect(again.stderr).toContain('has an encryption key already, which it keeps.');
    const ifNeeded = await preview(empty.url, [...setup, '--if-needed']);
    expect(ifNeeded.stdout).toBe('The remote database is configured already.\n');
    const replaced = await preview(empty.url, [...setup, '--replace-key']);
    expect(replaced.stdout).toBe('Would give the vault an encryption key.\n');
  });

  it.for(['setup', 'migrate'])('%s --dry-run makes no embedded database', async (command, { directory }) => {
    const path = join(directory, 'db', 'vault');
    const run = await remoteDb(`pglite:${path}`, [command, ...workflow.vaultArgs, '--dry-run']);
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.stdout).toContain(`Would make the embedded database at ${path}.\n`);
    expect(listTree(directory)).toEqual({ [directory]: expect.anything() });
  });

  describe('of a vault with keys', () => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = resources.use(await createTestDatabase());
      const { vaultArgs, keyArgs } = workflow;
      await mustRun(database.url, ['setup', ...vaultArgs, ...keyArgs]);
      // Key folders are made when they are asked for.
      workflow.uploadArgs(4);
      workflow.uploadArgs(6);
    });

    it('upload-keypairs --dry-run says how many keypairs it would store, and leaves all rows as they are', async () => {
      const { url } = database;
      const first = await preview(url, workflow.uploadArgs(4));
      expect(first.stdout).toContain(
        'Would store 4 keypairs with 3 shares each (2 of 3 oracles); 0 of 4 keystores are stored already.\n',
      );
      expect(first.stdout).toContain(
        'Readers would see 4 validators instead of 0; an upload removes none.\n',
      );
      expect(first.stdout).toContain('The deposit data would be replaced.\n');
      expect(first.stdout).not.toContain('Uploading');

      await mustRun(url, workflow.uploadArgs(4));
      const more = await preview(url, [...workflow.uploadArgs(6), '--json'], 0, '--check');
      expect(JSON.parse(more.stdout)).toEqual({
        keystores: 6,
        stored: 2,
        shares: 18,
        oracles: 3,
        threshold: 2,
        prunedShares: 0,
        dryRun: true,
      });
      const same = await preview(url, workflow.uploadArgs(4));
      expect(same.stdout).toContain('Would store 0 keypairs');
      expect(same.stdout).toContain('The deposit data would stay as it is.\n');
    });

    it('upload-keypairs --dry-run fails on a keystore that the password does not open, as the upload would', async () => {
      const directory = join(workflow.folder, 'wrong-password');
      const args = workflow.uploadArgs(6);
      const at = args.indexOf('--keystores-dir') + 1;
      cpSync(args[at] ?? '', directory, { recursive: true });
      writeFileSync(join(directory, 'password.txt'), 'another password', { mode: 0o600 });
      const wrong = args.with(at, directory);
      const dry = await preview(database.url, wrong, 1);
      const real = await remoteDb(database.url, wrong);
      expect(real.exitCode).toBe(1);
      expect(dry.stderr).toBe(real.stderr);
      rmSync(directory, { recursive: true });
    });

    it('upload-keypairs --dry-run makes shares for another oracle set and stores none of them', async () => {
      await workflow.devnet.updateOracles({ count: 4, threshold: 3, replace: true });
      const run = await preview(database.url, workflow.uploadArgs(4));
      expect(run.stdout).toContain('Would store 4 keypairs with 4 shares each (3 of 4 oracles)');
      await workflow.devnet.updateOracles({ count: 3, threshold: 2, replace: true });
    });

    it('assign --dry-run shows keys and moves, signed or not, and stores no plan', async () => {
      const { url } = database;
      const assign = (total: number, ...more: string[]) => [
        'assign',
        ...workflow.vaultArgs,
        '--total-validators',
        String(total),
        ...more,
      ];
      const shown = 'Would assign 4 keys to 2 validators (2, 2 keys); 0 keys would move.\n';
      expect((await preview(url, assign(2), 3)).stdout).toBe(shown);
      const signed = await preview(url, assign(2, ...workflow.keyArgs), 3);
      expect(signed.stdout).toBe(shown);
      expect(signed.stderr).toContain('The plan would be signed');
      // A preview of one client's files needs a plan, and stores none either.
      const directory = join(workflow.folder, 'client-0');
      const client = await preview(url, workflow.setupValidatorArgs(0, CLIENTS, directory), 3);
      expect(client.stderr).toContain('would change');

      await mustRun(url, assign(2));
      const refused = await preview(url, assign(4), 3);
      expect(refused.stderr).toContain('keys would move to another client');
      const moved = await preview(url, assign(4, '--reassign'), 3);
      const { movedKeys } = JSON.parse((await remoteDb(url, [...assign(4, '--reassign'), '--json'])).stdout);
      expect(moved.stdout).toBe(
        `Would assign 4 keys to 4 validators (1, 1, 1, 1 keys); ${movedKeys} keys would move.\n`,
      );
      const same = await preview(url, [...assign(4), '--json']);
      expect(JSON.parse(same.stdout)).toMatchObject({ changed: false, dryRun: true });
    });

    it.for(['--check', '--dry-run'])(
      'setup-web3signer and setup-operator take %s, and exit with 3',
      async name => {
        const { vaultArgs, keyArgs, folder } = workflow;
        for (const args of [
          ['setup-web3signer', ...vaultArgs, ...keyArgs, '--output-dir', join(folder, 'keys')],
          ['setup-operator', ...vaultArgs, '--output-dir', join(folder, 'operator')],
        ]) {
          const run = await preview(database.url, args, 3, name);
          expect(run.stdout).toContain('would be written');
        }
      },
    );

    it('cleanup --dry-run counts what would go, asks nothing, and removes nothing', async () => {
      const { vaultArgs, devnet } = workflow;
      const run = await preview(database.url, ['cleanup', ...vaultArgs]);
      expect(run.stdout).toBe(
        `Would remove all the entries for the ${devnet.addresses.vault} vault: 4 keypairs, 12 shares of 1 oracle set, 1 deposit data document, 4 assignments and its encryption key.\n`,
      );
      const unasked = await remoteDb(database.url, ['cleanup', ...vaultArgs]);
      expect([unasked.exitCode, unasked.stderr]).toEqual([
        2,
        expect.stringContaining("Missing option '--yes'"),
      ]);
      const json = await preview(database.url, ['cleanup', ...vaultArgs, '--json']);
      const { dryRun, ...counts } = JSON.parse(json.stdout);
      expect(dryRun).toBe(true);
      const removed = await mustRun(database.url, ['cleanup', ...vaultArgs, '--yes', '--json']);
      expect(JSON.parse(removed.stdout)).toEqual(counts);
    });
  });
});

describe('--dry-run of commands that change files', () => {
  /** Runs a command that must not change anything below the directory. */
  async function previewFiles(directory: string, args: readonly string[], exitCode = 0, name = '--dry-run') {
    const before = listTree(directory);
    const run = await runCli([...args, name]);
    expect(listTree(directory)).toEqual(before);
    expect(run.exitCode, run.stderr).toBe(exitCode);
    return run;
  }

  /** A vault as the recorded `init` left it. */
  function initialise(directory: string): { readonly args: string[]; readonly vaultDir: string } {
    const vaultDir = join(directory, RECORDED_VAULT.toLowerCase());
    mkdirSync(vaultDir);
    copyFileSync(join(VECTORS, 'holesky/0-after-init/config.json'), join(vaultDir, 'config.json'));
    const mnemonic = join(directory, 'mnemonic');
    writeFileSync(mnemonic, RECORDED_MNEMONIC, { mode: 0o600 });
    return {
      args: ['--vault', RECORDED_VAULT, '--data-dir', directory, '--mnemonic-file', mnemonic],
      vaultDir,
    };
  }

  it('create-keys --dry-run names the keys that it would make, and they are made by the command', async ({
    directory,
  }) => {
    const { args, vaultDir } = initialise(directory);
    const create = ['create-keys', ...args, '--count', '2', '--kdf', 'pbkdf2'];
    const dry = await previewFiles(directory, create);
    expect(dry.stdout).toContain(
      `Would generate 2 keys for ${RECORDED_VAULT} vault: indexes 0 to 1 of the mnemonic.\n`,
    );
    expect(dry.stdout).toContain(`Would write 2 keystores to ${join(vaultDir, 'keystores')}\n`);
    const { dryRun, ...result } = JSON.parse((await previewFiles(directory, [...create, '--json'])).stdout);
    expect(dryRun).toBe(true);
    const made = await runCli([...create, '--json']);
    expect(JSON.parse(made.stdout)).toEqual(result);
    const next = await previewFiles(directory, create, 0, '--check');
    expect(next.stdout).toContain('indexes 2 to 3 of the mnemonic');
    expect(next.stdout).toContain('which has 2 entries of other keys.');
  });

  it('create-wallet --dry-run shows the address that the wallet gets, and writes no wallet', async ({
    directory,
  }) => {
    const { args } = initialise(directory);
    const dry = JSON.parse((await previewFiles(directory, ['create-wallet', ...args, '--json'])).stdout);
    const made = await runCli(['create-wallet', ...args, '--json']);
    expect({ ...JSON.parse(made.stdout), dryRun: true }).toEqual(dry);
    const again = await previewFiles(directory, ['create-wallet', ...args], 1);
    expect(again.stderr).toContain('exists already and is not overwritten');
  });

  it('merge-deposit-data --dry-run exits with 3 until the file is what it would write', async ({
    directory,
  }) => {
    const output = join(directory, 'merged.json');
    const files = ['holesky/1-after-first', 'holesky/2-after-second'].map(name =>
      join(VECTORS, name, 'deposit_data.json'),
    );
    const merge = ['merge-deposit-data', ...files.flatMap(file => ['-d', file]), '-m', output];
    const missing = await previewFiles(directory, merge, 3);
    expect(missing.stdout).toBe(`The merged deposit data of 8 validators: ${output} would be written.\n`);
    expect((await runCli(merge)).exitCode).toBe(0);
    const same = await previewFiles(directory, merge);
    expect(same.stdout).toBe(`The merged deposit data of 8 validators: ${output} is up to date.\n`);
    writeFileSync(output, '[]');
    await previewFiles(directory, merge, 3, '--check');
  });

  it('deposit-data --dry-run says how many entries would come and go, and exits with 3 until they are there', async ({
    directory,
  }) => {
    const upload = workflow.uploadArgs(4);
    const source = upload[upload.indexOf('--deposit-data-file') + 1] ?? '';
    const output = join(directory, 'deposit_data.json');
    writeFileSync(output, JSON.stringify(JSON.parse(readFileSync(source, 'utf8')).slice(0, 1)));
    const { devnet, vaultArgs } = workflow;
    const args = ['deposit-data', ...vaultArgs, '--execution-endpoints', devnet.rpcUrl];
    const write = [...args, '--deposit-data-file', source, '--output-file', output];
    const dry = await previewFiles(directory, write, 3);
    expect(dry.stdout).toContain(
      `Deposit data of 4 validators that no deposit has used: ${output} would be written.\n`,
    );
    expect(dry.stderr).toContain('entries of 3 keys would come, and of 0 go.');
    expect((await runCli(write)).exitCode).toBe(0);
    const same = await previewFiles(directory, [...write, '--json']);
    expect(JSON.parse(same.stdout)).toMatchObject({ validators: 4, depositDataFile: output });
  });

  it('remote-signer-setup --dry-run opens the keystores, asks the signer, and changes neither of them', async ({
    directory,
  }) => {
    await using signer = await startKeymanager(EXIT_CHAIN);
    const { devnet, network } = workflow;
    const vaultDir = join(directory, devnet.addresses.vault.toLowerCase());
    writeKeystores(join(vaultDir, 'keystores'), recordedSecretKeys(2));
    const networkFile = join(directory, 'network.json');
    await devnet.writeNetworkFile(networkFile);
    expect(network.name).toBeDefined();
    const first_public_key = toHex(publicKeyOf(recordedSecretKeys(1)[0] ?? new Uint8Array()));
    const config = { network: networkFile, mnemonic_next_index: 2, first_public_key };
    writeFileSync(join(vaultDir, 'config.json'), JSON.stringify(config));
    const local = ['--vault', devnet.addresses.vault, '--data-dir', directory];
    const remote = ['--remote-signer-url', signer.url, '--execution-endpoints', devnet.rpcUrl];
    const setup = ['remote-signer-setup', ...local, ...remote];
    const dry = await previewFiles(directory, setup);
    expect(signer.keys.size).toBe(0);
    expect(dry.stdout).toBe(
      'Would import 6 key shares of 2 validators into remote signer, which has 0 of 6.\n' +
        `Remote signer configuration: ${join(vaultDir, 'remote_signer_config.json')} would be written.\n` +
        'Would remove 2 keystores from local filesystem, after asking; --keep-keystores leaves them there.\n',
    );
    expect((await runCli([...setup, '--keep-keystores'])).exitCode).toBe(0);
    const again = await previewFiles(directory, [...setup, '--keep-keystores', '--json']);
    expect(JSON.parse(again.stdout)).toMatchObject({
      keys: 6,
      importedKeys: 0,
      removedKeystores: 0,
      removedKeys: 0,
      dryRun: true,
    });
    await devnet.updateOracles({ count: 3, threshold: 2, replace: true });
    const replaced = await previewFiles(directory, [...setup, '--keep-keystores', '--remove-existing-keys']);
    expect(replaced.stdout).toContain(
      'Would import 6 key shares of 2 validators into remote signer, which has 0 of 6.',
    );
    expect(replaced.stdout).toContain('Would remove 6 obsolete keys from remote signer.\n');
    expect(signer.keys.size).toBe(6);
    expect(signer.requests.filter(({ method }) => method === 'DELETE')).toEqual([]);
  });

  it('recover --dry-run finds the keys, asks nothing, and leaves the keystores that are there', async ({
    directory,
  }) => {
    const { devnet } = workflow;
    const publicKeys = recordedSecretKeys(2).map(publicKeyOf);
    await devnet.emitRegistrations(publicKeys);
    await using beacon = await startBeaconNode(EXIT_CHAIN);
    const withdrawalCredentials = credentialsOf(devnet.addresses.vault);
    for (const publicKey of publicKeys) beacon.addValidator(publicKey, { withdrawalCredentials });
    const networkFile = join(directory, 'network.json');
    await devnet.writeNetworkFile(networkFile);
    const mnemonic = join(directory, 'mnemonic');
    writeFileSync(mnemonic, RECORDED_MNEMONIC, { mode: 0o600 });
    const recover = [
      'recover',
      '--vault',
      devnet.addresses.vault,
      '--data-dir',
      directory,
      '--network',
      networkFile,
      '--execution-endpoints',
      devnet.rpcUrl,
      '--consensus-endpoints',
      beacon.url,
      '--mnemonic-file',
      mnemonic,
      '--kdf',
      'pbkdf2',
      '--search-limit',
      '10',
    ];
    const keystoresDir = join(directory, devnet.addresses.vault.toLowerCase(), 'keystores');
    const dry = await previewFiles(directory, recover);
    expect(dry.stdout).toContain(
      `Would write 2 keystores to ${keystoresDir}; 0 validators that exited would need none.\n`,
    );
    writeKeystores(keystoresDir, recordedSecretKeys(1));
    const present = await previewFiles(directory, [...recover, '--json']);
    const { dryRun, ...result } = JSON.parse(present.stdout);
    expect(dryRun).toBe(true);
    expect(result.previousKeystoresDir).toBe(`${keystoresDir}.before-recover-1`);
    const recovered = await runCli([...recover, '--no-confirm', '--json']);
    expect(JSON.parse(recovered.stdout)).toEqual(result);
  });
});
