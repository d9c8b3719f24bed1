// What "upload-keypairs" does about deposit data whose next entry the vault has registered already.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase } from '../../../support/postgres/postgres.ts';
import { dumpDatabase } from '../../../support/postgres/snapshot.ts';
import type { CliRun } from '../../../support/programs/cli.ts';
import { type StandingProgram, startStandingProgram } from '../../../support/programs/standing-program.ts';
import {
  addValidator,
  type GrowingVault,
  growingVault,
  rootOf,
  writeDeposits,
  writeGrownKeystores,
} from '../../../support/scenes/growing-vault.ts';
import {
  type RegistrationScene,
  startRegistrationScene,
} from '../../../support/scenes/registration-scene.ts';

const resources = new AsyncDisposableStack();
let scene: RegistrationScene;
let program: StandingProgram;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'stakewise-next-entry-'));
  resources.defer(() => rmSync(folder, { recursive: true, force: true }));
  program = resources.use(startStandingProgram());
  scene = resources.use(await startRegistrationScene({ oracles: 4, threshold: 3 }));
});
afterAll(() => resources.disposeAsync());

/** A database of a vault's own, with its encryption key, and `upload-keypairs` to it. */
async function openUpload(stack: AsyncDisposableStack, { args, vaultDir }: GrowingVault) {
  const { url } = stack.use(await createTestDatabase());
  const [local, execution] = [args.slice(0, 4), args.slice(4)];
  const encryptKey = ['--encrypt-key-file', join(vaultDir, 'encrypt-key')];
  const env = { REMOTE_DB_URL: url, IPFS_FETCH_ENDPOINTS: scene.devnet.ipfs.url };
  const setup = await program.run(['remote-db', ...local, 'setup', ...encryptKey], { env });
  expect(setup.exitCode, setup.stderr).toBe(0);
  const upload = ['remote-db', ...local, 'upload-keypairs', ...encryptKey, ...execution, '--pool-size', '1'];
  return {
    url,
    env,
    upload: (...more: string[]): Promise<CliRun> => program.run([...upload, ...more], { env }),
  };
}

it.each([
  ['version 1', 1],
  ['version 3, through the deposit data registry', 3],
])(
  'upload-keypairs of more keys for a vault of %s is refused while the next entry is registered',
  async (_, version) => {
    await using stack = new AsyncDisposableStack();
    const grown = await growingVault(scene, folder, { version, validators: 4, registered: 0 });
    const { address, validators } = grown.vault;
    const keystores = join(grown.vaultDir, 'keystores');
    writeGrownKeystores(keystores, validators);
    const { url, env, upload } = await openUpload(stack, grown);
    const first = await upload();
    expect(first.exitCode, first.stderr).toBe(0);
    expect(first.stderr).not.toContain('is registered already');

    // Two of four are registered: the contract goes on with the third, and this very deposit data is right.
    await scene.devnet.depositEther(64, address);
    const { run } = await scene.openRegistrar(grown.vault);
    expect(await run()).toMatchObject({ status: 'registered', publicKeys: grown.keys.slice(0, 2) });
    const again = await upload();
    expect(again.exitCode, again.stderr).toBe(0);
    expect(again.stderr).not.toContain('is registered already');

    // One key more, appended: at its root the contract begins again at the first entry.
    const added = addValidator(scene, address);
    writeGrownKeystores(keystores, [added], 4);
    writeDeposits(grown.depositDataFile, [...validators, added]);
    await scene.devnet.setDepositDataRoot(rootOf(address, [...validators, added]), address);
    const before = await dumpDatabase(url);
    const refused = await upload('--json');
    expect(refused.exitCode).toBe(3);
    expect(JSON.parse(refused.stdout).error).toMatchObject({
      code: 'deposit-data-next-registered',
      message: expect.stringContaining(`entry 0, ${grown.keys[0]}, is registered already`),
      hint: expect.stringMatching(/operator deposit-data.*--allow-registered/),
    });
    expect(await dumpDatabase(url)).toEqual(before);

    // The way on: the rest alone, with the entries of the database and of the file.
    const local = [...grown.args, '--deposit-data-file', grown.depositDataFile, '--json'];
    const rest = await program.run(['deposit-data', ...local], { env });
    expect(rest.exitCode, rest.stderr).toBe(0);
    const { root, validators: left, used } = JSON.parse(rest.stdout);
    expect({ root, left, used }).toEqual({
      root: rootOf(address, [...validators.slice(2), added]),
      left: 3,
      used: 2,
    });
    await scene.devnet.setDepositDataRoot(root, address);
    const done = await upload();
    expect(done.exitCode, done.stderr).toBe(0);
    expect(done.stderr).not.toContain('is registered already');
  },
);

it('upload-keypairs --allow-registered uploads all the same, and a refresh of shares for new oracles only warns then', async () => {
  await using stack = new AsyncDisposableStack();
  const grown = await growingVault(scene, folder, { version: 1, validators: 3, registered: 1 });
  const { address, validators } = grown.vault;
  writeGrownKeystores(join(grown.vaultDir, 'keystores'), validators);
  const { upload } = await openUpload(stack, grown);
  // Without a root on the chain the next one begins at entry 0 as well.
  await scene.devnet.setDepositDataRoot(`0x${'00'.repeat(32)}`, address);
  expect((await upload()).exitCode).toBe(3);
  const allowed = await upload('--allow-registered');
  expect(allowed.exitCode, allowed.stderr).toBe(0);
  expect(allowed.stderr).toContain(`entry 0, ${grown.keys[0]}, is registered already`);
  const before = scene.devnet.oracleSet;
  await scene.devnet.updateOracles({ count: 5, threshold: 3 });
  const refreshed = await upload();
  await scene.devnet.updateOracles({ count: before.oracles.length, threshold: before.threshold });
  expect(refreshed.exitCode, refreshed.stderr).toBe(0);
  expect(refreshed.stderr).toContain('Warning: The vault would register no validator by');
});

it('upload-keypairs does not ask for the order of a vault whose validators manager is the hot wallet', async () => {
  await using stack = new AsyncDisposableStack();
  const grown = await growingVault(scene, folder, { version: 5, validators: 2, registered: 0 });
  await scene.devnet.setValidatorsManager(scene.wallet.address, grown.vault.address);
  const [first] = grown.vault.validators;
  if (first === undefined) throw new Error('no validator');
  await scene.devnet.registerDirectly(
    [{ publicKey: first.entry.publicKey, depositSignature: first.entry.signature }],
    grown.vault.address,
  );
  writeGrownKeystores(join(grown.vaultDir, 'keystores'), grown.vault.validators);
  const { upload } = await openUpload(stack, grown);
  const run = await upload();
  expect(run.exitCode, run.stderr).toBe(0);
  expect(run.stderr).not.toContain('is registered already');
});
