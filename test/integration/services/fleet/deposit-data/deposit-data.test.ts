// "operator deposit-data" for vaults on a devnet, part of whose validators the oracles have approved and the vault registered.
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDepositData } from '../../../../support/checkers/operator-files.ts';
import { unseenResults } from '../../../../support/programs/json-results.ts';
import { type StandingProgram, startStandingProgram } from '../../../../support/programs/standing-program.ts';
import {
  addValidator,
  type GrowingVault,
  growingVault,
  rootOf,
  writeDeposits,
  writeGrownKeystores,
} from '../../../../support/scenes/growing-vault.ts';
import {
  type RegistrationScene,
  startRegistrationScene,
} from '../../../../support/scenes/registration-scene.ts';

const resources = new AsyncDisposableStack();
let scene: RegistrationScene;
let program: StandingProgram;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(realpathSync(tmpdir()), 'stakewise-deposit-data-'));
  resources.defer(() => rmSync(folder, { recursive: true, force: true }));
  program = resources.use(startStandingProgram());
  scene = resources.use(await startRegistrationScene({ oracles: 4, threshold: 3 }));
});
afterAll(() => resources.disposeAsync());

const depositData = (vault: GrowingVault, ...more: string[]) =>
  program.run(['deposit-data', ...vault.args, ...more]);

async function written(vault: GrowingVault, ...more: string[]) {
  const run = await depositData(vault, ...more, '--json');
  expect(run.exitCode, run.stderr).toBe(0);
  return { result: JSON.parse(run.stdout), stderr: run.stderr };
}

/** The keys of a file in their order, found and verified by an independent reader. */
function keysIn(path: string, vault: GrowingVault): string[] {
  const { genesisForkVersion } = JSON.parse(readFileSync(join(folder, 'network.json'), 'utf8'));
  const file = { vault: vault.vault.address, genesisForkVersion };
  return readDepositData(readFileSync(path, 'utf8'), file);
}

describe.each([
  ['version 1', 1],
  ['version 3, through the deposit data registry', 3],
])('a vault of %s that grows', (_, version) => {
  it('deposit-data writes what is not registered and signs what has no entry, and the vault registers by its root, twice', async () => {
    const vault = await growingVault(scene, folder, { version, validators: 4, registered: 2 });
    const { address, validators } = vault.vault;
    let known = [...validators];
    let registered: string[] = vault.keys.slice(0, 2);
    let used = 2;
    for (const growth of [1, 2]) {
      const before = readFileSync(vault.depositDataFile, 'utf8');
      const grown = [addValidator(scene, address), addValidator(scene, address)];
      // The index has two digits: the order is not that of the names.
      writeGrownKeystores(join(vault.vaultDir, 'keystores'), grown, growth === 1 ? 9 : 11);
      const open = [...known.slice(registered.length), ...grown];
      const { result, stderr } = await written(vault);
      expect(result).toEqual({
        vault: address,
        root: rootOf(address, open),
        depositDataFile: vault.depositDataFile,
        previousFile: expect.stringMatching(/deposit_data-before-[0-9a-f]{8}\.json$/),
        validators: open.length,
        used,
        signed: 2,
        notAtHand: 0,
      });
      expect(readFileSync(result.previousFile, 'utf8')).toBe(before);
      expect(stderr).toContain(`Left out, since a deposit has used them already: ${used} keys.`);
      const keys = keysIn(vault.depositDataFile, vault);
      expect(keys).toEqual(open.map(({ entry }) => `0x${Buffer.from(entry.publicKey).toString('hex')}`));

      await scene.devnet.setDepositDataRoot(result.root, address);
      await scene.devnet.depositEther(32 * open.length, address);
      const { run } = await scene.openRegistrar({ address, version, validators: open });
      expect(await run()).toMatchObject({ status: 'registered', publicKeys: keys });
      registered = [...registered, ...keys];
      used = keys.length;
      known = [...known, ...grown];
    }
    expect((await scene.devnet.readVaultLog(address)).registered).toEqual(registered);

    const run = await depositData(vault);
    expect(run).toMatchObject({ exitCode: 1, stdout: '' });
    // Those of the file, and of all keystores.
    expect(run.stderr).toContain('4 keys found, each with a deposit');
  });
});

describe('which keys a deposit has used', () => {
  it('deposit-data leaves out keys of deposits that the vault’s log does not know, and keeps those of invalid ones', async () => {
    const vault = await growingVault(scene, folder, { version: 1, validators: 3, registered: 0 });
    const [first, second] = vault.vault.validators;
    if (first === undefined || second === undefined) throw new Error('no validators');
    await scene.devnet.registerDirectly(
      [
        { publicKey: first.entry.publicKey, depositSignature: first.entry.signature },
        { publicKey: second.entry.publicKey, depositSignature: first.entry.signature },
      ],
      vault.vault.address,
    );
    const { result } = await written(vault);
    expect(result).toMatchObject({ validators: 2, used: 1 });
    expect(keysIn(vault.depositDataFile, vault)).toEqual(vault.keys.slice(1));
  });

  it('deposit-data leaves out keys that the vault’s log names, though no deposit is found', async () => {
    const vault = await growingVault(scene, folder, { version: 3, validators: 3, registered: 0 });
    const [, second] = vault.vault.validators;
    await scene.devnet.emitRegistrations([second?.entry.publicKey ?? new Uint8Array()], vault.vault.address);
    expect((await written(vault)).result).toMatchObject({ validators: 2, used: 1 });
    expect(keysIn(vault.depositDataFile, vault)).toEqual([vault.keys[0], vault.keys[2]]);
  });

  it('deposit-data of a vault that has registered nothing changes neither bytes nor root', async () => {
    const vault = await growingVault(scene, folder, { version: 1, validators: 2, registered: 0 });
    const before = readFileSync(vault.depositDataFile);
    const { result } = await written(vault);
    expect(result).toMatchObject({
      validators: 2,
      used: 0,
      root: rootOf(vault.vault.address, vault.vault.validators),
    });
    expect(result).not.toHaveProperty('previousFile');
    expect(readFileSync(vault.depositDataFile)).toEqual(before);
  });
});

describe('what deposit-data prints and refuses', () => {
  it('deposit-data prints the line of get-validators-root, and what comes next', async () => {
    const vault = await growingVault(scene, folder, { version: 1, validators: 2, registered: 1 });
    const outputFile = join(folder, 'new', 'grown.json');
    const before = readFileSync(vault.depositDataFile);
    const run = await depositData(vault, '--output-file', outputFile);
    expect(run.exitCode, run.stderr).toBe(0);
    const root = rootOf(vault.vault.address, vault.vault.validators.slice(1));
    expect(run.stdout).toBe(
      `Deposit data of 1 validator that no deposit has used saved to ${outputFile} file\n` +
        `The validator deposit data Merkle tree root: ${root}\n`,
    );
    expect(run.stderr).toContain('Next: the keys manager of the vault sets this root');
    expect(readFileSync(vault.depositDataFile)).toEqual(before);
    const printed = await program.run([
      'get-validators-root',
      ...vault.args.slice(0, 4),
      '--deposit-data-file',
      outputFile,
    ]);
    expect(run.stdout).toContain(printed.stdout);
  });

  it('deposit-data writes over no entry of an unused key that it does not have, unless it is told to, and keeps what was there', async () => {
    const vault = await growingVault(scene, folder, { version: 1, validators: 2, registered: 1 });
    const outputFile = join(folder, 'kept.json');
    writeDeposits(outputFile, [...vault.vault.validators, addValidator(scene, vault.vault.address)]);
    const before = readFileSync(outputFile, 'utf8');
    const refused = await depositData(vault, '--output-file', outputFile, '--json');
    expect(refused.exitCode).toBe(3);
    expect(JSON.parse(refused.stdout).error).toMatchObject({
      code: 'deposit-data-entries-lost',
      message: expect.stringContaining('entries of 1 key that no deposit has used'),
    });
    expect(readFileSync(outputFile, 'utf8')).toBe(before);
    const named = await written(
      vault,
      '--deposit-data-file',
      outputFile,
      '--output-file',
      join(folder, 'both.json'),
    );
    expect(named.result).toMatchObject({ validators: 2, used: 1 });
    const { result } = await written(vault, '--output-file', outputFile, '--force');
    expect(result).toMatchObject({ validators: 1 });
    expect(readFileSync(result.previousFile, 'utf8')).toBe(before);
  });

  it.each([
    ['a signature of another key', 'deposit-data-bad-signature', /the deposit signature of 0x/],
    ['credentials of another vault', 'deposit-data-other-vault', /withdrawal credentials of 0x/],
    ['a key twice', 'deposit-data-duplicate', /names public key 0x\w+ twice/],
  ])('deposit-data refuses an entry with %s and writes nothing', async (fault, code, message) => {
    const vault = await growingVault(scene, folder, { version: 1, validators: 3, registered: 1 });
    const text = readFileSync(vault.depositDataFile, 'utf8');
    const entries: Record<string, unknown>[] = JSON.parse(text);
    const [, second = {}, third = {}] = entries;
    if (fault === 'a key twice') entries.push(third);
    else if (fault === 'a signature of another key') {
      third.signature = second.signature;
      delete third.deposit_data_root;
    } else third.withdrawal_credentials = `01${'00'.repeat(11)}${'77'.repeat(20)}`;
    writeFileSync(vault.depositDataFile, JSON.stringify(entries));
    const before = readFileSync(vault.depositDataFile, 'utf8');
    const run = await depositData(vault, '--json');
    expect(run.exitCode).toBe(1);
    expect(JSON.parse(run.stdout).error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(readFileSync(vault.depositDataFile, 'utf8')).toBe(before);
    expect(readdirSync(vault.vaultDir).filter(name => name.includes('before'))).toEqual([]);
  });

  it('deposit-data needs no password while every keystore has an entry, and says which one it lacks otherwise', async () => {
    const vault = await growingVault(scene, folder, { version: 1, validators: 2, registered: 1 });
    const keystores = join(vault.vaultDir, 'keystores');
    writeGrownKeystores(keystores, vault.vault.validators);
    rmSync(join(keystores, 'password.txt'));
    expect((await written(vault)).result).toMatchObject({ validators: 1, signed: 0 });
    writeGrownKeystores(keystores, [addValidator(scene, vault.vault.address)], 2);
    rmSync(join(keystores, 'password.txt'));
    const run = await depositData(vault, '--json');
    expect(run.exitCode).toBe(1);
    expect(JSON.parse(run.stdout).error).toMatchObject({ code: 'password-missing' });
  });

  it('deposit-data leaves out entries whose keys a remote signer does not have, and says how many', async () => {
    const vault = await growingVault(scene, folder, { version: 3, validators: 3, registered: 1 });
    const stranger = addValidator(scene, vault.vault.address, { isLoaded: false });
    writeDeposits(vault.depositDataFile, [...vault.vault.validators, stranger]);
    const signer = ['--remote-signer-url', scene.signer.url];
    const outputFile = join(folder, 'signer.json');
    const { result, stderr } = await written(vault, ...signer, '--output-file', outputFile);
    expect(result).toMatchObject({ validators: 2, used: 1, notAtHand: 1 });
    expect(stderr).toContain('Left out, since the signer does not have the key: 1 entry.');
    // In place, that entry would be lost.
    expect(await depositData(vault, ...signer)).toMatchObject({ exitCode: 3, stdout: '' });
  });

  it('deposit-data of a vault without any deposit data or keystore says so, and makes no file', async () => {
    const vault = await growingVault(scene, folder, { version: 1, validators: 1, registered: 0 });
    rmSync(vault.depositDataFile);
    const run = await depositData(vault, '--json');
    expect(run.exitCode).toBe(1);
    expect(JSON.parse(run.stdout).error).toMatchObject({ code: 'no-unused-keys' });
    expect(existsSync(vault.depositDataFile)).toBe(false);
  });
});

it('deposit-data has shown its result with --json as its schema says', () => {
  expect(unseenResults(import.meta.filename)).toEqual([]);
});
