// A container runs as the user of its image, and what is mounted into it belongs to a user of the host.
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect } from 'vitest';
import { it } from '../support/fixtures.ts';
import { PROJECT_ROOT, runCli } from '../support/programs/cli.ts';
import { asUser, requireOtherUsers } from '../support/programs/namespaces.ts';
import { runProcess } from '../support/programs/run-process.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const HOST_USER = { uid: 1000, gid: 1010 };
/** `nobody`, whom the image of the Python operator runs as. */
const IMAGE_USER = 65_534;
const MNEMONIC = `${'abandon '.repeat(23)}art`;
const NODE = 'http://127.0.0.1:1';
/** Any port: keys are read first. */
const LISTEN = ['--listen', '127.0.0.1:0'];
const NODES = ['--execution-endpoints', NODE, '--consensus-endpoints', NODE];

beforeAll(requireOtherUsers);

/** A data directory as its user has made it: secret files are for him alone. */
async function fillDataDir(dataDir: string): Promise<string> {
  const own = join(dataDir, VAULT.toLowerCase());
  const args = ['--data-dir', dataDir, '--vault', VAULT];
  const init = await runCli(['init', '--network', 'hoodi', '--language', 'english', '--no-verify', ...args]);
  writeFileSync(join(dataDir, 'mnemonic'), init.stdout, { mode: 0o600 });
  const mnemonic = ['--mnemonic-file', join(dataDir, 'mnemonic')];
  expect((await runCli(['create-keys', '--count', '1', ...mnemonic, ...args])).exitCode).toBe(0);
  for (const name of ['.', ...readdirSync(dataDir, { recursive: true }).map(String)])
    chownSync(join(dataDir, name), HOST_USER.uid, HOST_USER.gid);
  for (const path of [dataDir, own]) chmodSync(path, 0o755);
  return own;
}

describe('a data directory of another user', () => {
  it('each command that is kept out by another user’s files names him, and the --user that a container needs', async ({
    directory,
  }) => {
    chmodSync(directory, 0o755);
    const dataDir = join(directory, 'data');
    mkdirSync(dataDir);
    const own = await fillDataDir(dataDir);
    const locked = join(directory, 'locked');
    mkdirSync(locked, { mode: 0o700 });
    chownSync(locked, HOST_USER.uid, HOST_USER.gid);
    const keystores = join(own, 'keystores');
    const cases = [
      ['start', '--data-dir', dataDir, '--vault', VAULT, ...NODES],
      ['start', '--data-dir', locked, '--vault', VAULT, ...NODES],
      ['create-keys', '--count', '1', '--mnemonic', MNEMONIC, '--data-dir', dataDir, '--vault', VAULT],
      ['signer', '--network', 'hoodi', '--keystores-dir', keystores, ...LISTEN],
    ];
    for (const args of cases) {
      const words = asUser(IMAGE_USER, [join(PROJECT_ROOT, 'operator'), ...args]);
      const { stderr, exitCode } = await runProcess(words);
      expect(stderr).toMatch(
        /belongs to user 1000[;,] this process runs as user 65534.*\n?.*--user 1000:1010\b/,
      );
      expect(exitCode).toBe(1);
    }
  });

  it('a file that is closed to its own user is called so, and nobody else is named', async ({
    directory,
  }) => {
    chmodSync(directory, 0o755);
    const own = join(directory, 'keystores');
    mkdirSync(own);
    writeFileSync(join(own, 'keystore-1.json'), '{}');
    chmodSync(join(own, 'keystore-1.json'), 0);
    for (const path of [own, join(own, 'keystore-1.json')]) chownSync(path, IMAGE_USER, IMAGE_USER);
    const signer = ['signer', '--network', 'hoodi', '--keystores-dir', own, ...LISTEN];
    const { stderr, exitCode } = await runProcess(
      asUser(IMAGE_USER, [join(PROJECT_ROOT, 'operator'), ...signer]),
    );
    expect(stderr).toContain('keystore-1.json is not readable for this user.\n');
    expect(stderr).not.toContain('belongs to');
    expect(exitCode).toBe(1);
  });
});
