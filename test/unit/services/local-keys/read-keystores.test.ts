import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { publicKeyOf } from '../../../../src/domain/keys/derivation.ts';
import { decryptKeystore } from '../../../../src/domain/keys/keystore.ts';
import { toHex } from '../../../../src/lib/bytes.ts';
import { readKeystoreDirectory } from '../../../../src/services/local-keys/keystore-directory.ts';
import { holdsKeystores } from '../../../../src/services/local-keys/keystore-names.ts';
import {
  findKeystorePaths,
  findKeystores,
  readKeystores,
} from '../../../../src/services/local-keys/read-keystores.ts';
import { it } from '../../../support/fixtures.ts';
import { type CheapKeystore, createCheapKeystore } from '../../../support/scenes/bad-input/keystore.ts';
import { mountSecret } from '../../../support/scenes/secret-volume.ts';

const VECTORS = join(import.meta.dirname, '../../../vectors/foreign-keystores');
const PASSWORD = 'correct horse';

const KEYS = [1, 2].map(value => {
  const secretKey = new Uint8Array(32).fill(value);
  return { secretKey, publicKey: toHex(publicKeyOf(secretKey)).slice(2) };
});

function keystoreOf(place: number, password = PASSWORD): CheapKeystore {
  const { secretKey, publicKey } = KEYS[place] ?? expect.fail(`there is no key ${place}`);
  return createCheapKeystore(secretKey, publicKey, password);
}

const textOf = (place: number) => JSON.stringify(keystoreOf(place));
const FILES = { 'keystore-0.json': textOf(0), 'keystore-1.json': textOf(1), 'password.txt': PASSWORD };

function locationOf(directory: string) {
  return { keystoresDir: directory, passwordFiles: [join(directory, 'password.txt')] };
}

/** The public keys that the keystores hold, decrypted, and what was warned of. */
async function open(directory: string) {
  const warnings: string[] = [];
  const files = await readKeystores(locationOf(directory), line => warnings.push(line));
  const keys: string[] = [];
  for (const { keystore, password, path } of files) {
    const secretKey = await decryptKeystore(keystore, password, path);
    expect(toHex(publicKeyOf(secretKey)).slice(2)).toBe(keystore.pubkey);
    keys.push(keystore.pubkey);
  }
  return { keys, warnings: warnings.filter(line => !line.includes('chmod')) };
}

function writeAll(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
}

/** Directories that hold the two keystores once, beside what volumes, editors and file systems put there. */
const PLACES: Readonly<Record<string, (directory: string) => void>> = {
  'a secret volume': directory => mountSecret(directory, FILES),
  'a secret volume with a folder for each keystore': directory =>
    mountSecret(directory, {
      'a/keystore.json': textOf(0),
      'b/keystore.json': textOf(1),
      'password.txt': PASSWORD,
    }),
  'backups of an editor and of a notebook': directory => {
    writeAll(directory, FILES);
    for (const hidden of ['.backup', '.ipynb_checkpoints', '.git']) {
      mkdirSync(join(directory, hidden));
      writeAll(join(directory, hidden), FILES);
    }
    writeAll(directory, { '.keystore-0.json': textOf(0), '._keystore-0.json': 'x', 'keystore-0.json~': 'x' });
  },
  'the folder of lost files at the root of a volume': directory => {
    writeAll(directory, FILES);
    mkdirSync(join(directory, 'lost+found'));
    writeAll(join(directory, 'lost+found'), { '#12.json': '{' });
  },
  'a link to a folder beside it, and one to itself': directory => {
    mkdirSync(join(directory, 'real'));
    writeAll(join(directory, 'real'), FILES);
    writeAll(directory, { 'password.txt': PASSWORD });
    symlinkSync('real', join(directory, 'same'));
    symlinkSync('..', join(directory, 'real', 'up'));
  },
};

/** What lies beside keystores in the wild, by file name. */
const FOREIGN: Readonly<Record<string, unknown>> = {
  'slashing_protection.json': { metadata: { interchange_format_version: '5' }, data: [] },
  'pubkeys.json': ['not', 'a', 'keystore'],
  'config.json': { network: 'mainnet', mnemonic_next_index: 2 },
  'my-deposits.json': [{ pubkey: 'ab', signature: 'cd', amount: 32_000_000_000 }],
  'wallet.json': { address: 'ab', crypto: { cipher: 'aes-128-ctr' }, id: 'x', version: 3 },
  'package.json': { name: 'x', version: '1.0.0' },
  'null.json': null,
  'text.json': 'text',
};

describe('the keystores of a directory', () => {
  it.for(Object.keys(PLACES))('readKeystores finds each keystore once in %s', async (name, { directory }) => {
    PLACES[name]?.(directory);
    const { keys, warnings } = await open(directory);
    expect(keys.sort()).toEqual(KEYS.map(({ publicKey }) => publicKey).sort());
    expect(warnings).toEqual([]);
    expect(holdsKeystores(directory)).toBe(true);
  });

  it('readKeystores refuses a key that stands in two visible files', async ({ directory }) => {
    writeAll(directory, { ...FILES, 'keystore-copy.json': textOf(0) });
    await expect(open(directory)).rejects.toMatchObject({ code: 'keystore-duplicate' });
  });

  it.for(readdirSync(VECTORS).filter(name => name !== 'README.md'))(
    'readKeystores opens the keystores of %s as other programs left them',
    async (name, { directory }) => {
      cpSync(join(VECTORS, name), directory, { recursive: true });
      expect((await open(directory)).keys).toHaveLength(2);
      expect(await readKeystoreDirectory(directory)).toHaveLength(2);
      const [text = ''] = readdirSync(directory)
        .filter(file => file.startsWith('keystore'))
        .map(file => readFileSync(join(directory, file), 'utf8'));
      expect(text).toContain('crypto');
    },
  );

  it('readKeystores leaves out JSON that is plainly no keystore, with one line that names it', async ({
    directory,
  }) => {
    writeAll(directory, FILES);
    for (const [name, content] of Object.entries(FOREIGN))
      writeFileSync(join(directory, name), JSON.stringify(content));
    writeFileSync(join(directory, 'deposit_data.json'), '[]');
    writeFileSync(join(directory, 'keystore-0.json.lock'), '');
    const { keys, warnings } = await open(directory);
    expect(keys).toHaveLength(2);
    expect(warnings).toEqual([
      `JSON files in ${directory} that are no keystores are left out: ${Object.keys(FOREIGN).sort().join(', ')}.`,
    ]);
    expect(await readKeystoreDirectory(directory)).toHaveLength(2);
    expect(await findKeystorePaths(directory)).toHaveLength(2);
  });

  it('a directory with nothing but foreign JSON has no keystores', async ({ directory }) => {
    writeAll(directory, { 'a.json': '[]', 'b.json': '{"data": 1}' });
    const location = locationOf(directory);
    await expect(readKeystores(location, () => undefined)).rejects.toMatchObject({
      code: 'keystores-missing',
    });
    expect(await findKeystores(location, () => undefined)).toEqual([]);
    expect(holdsKeystores(directory)).toBe(false);
  });

  it.for([
    ['0xab.json', '{"crypto": ', 'keystore-not-json'],
    ['0xab.json', '{"crypto": {}}', 'keystore-invalid'],
    ['0xab.json', '{"version": 4, "pubkey": "ab"}', 'keystore-invalid'],
    ['voting-keystore.json', '{}', 'keystore-invalid'],
    ['keystore-2.json', '[]', 'keystore-invalid'],
    ['keystore-2.json', '', 'keystore-not-json'],
  ])(
    'readKeystores refuses %s with %j, which may be a broken keystore',
    async ([name = '', text = '', code], { directory }) => {
      writeAll(directory, { ...FILES, [name]: text });
      await expect(open(directory)).rejects.toMatchObject({ code, message: expect.stringContaining(name) });
      expect(await findKeystorePaths(directory)).toHaveLength(3);
    },
  );

  it('readKeystores learns by its password which key a keystore has that does not name it', async ({
    directory,
  }) => {
    const { pubkey: _, ...nameless } = keystoreOf(0);
    writeAll(directory, { ...FILES, 'keystore-0.json': JSON.stringify(nameless) });
    expect((await open(directory)).keys).toEqual(KEYS.map(({ publicKey }) => publicKey));
    const [first] = await readKeystoreDirectory(directory);
    expect(toHex(first?.publicKey ?? new Uint8Array())).toBe(`0x${KEYS[0]?.publicKey}`);
    writeAll(directory, { 'keystore-2.json': textOf(0) });
    await expect(open(directory)).rejects.toMatchObject({ code: 'keystore-duplicate' });
    writeAll(directory, { 'keystore-2.txt': 'wrong' });
    writeAll(directory, { 'keystore-0.txt': 'wrong' });
    await expect(open(directory)).rejects.toMatchObject({ code: 'keystore-wrong-password' });
  });

  it('readKeystores finds the passwords of keystores in a volume of their own', async ({ directory }) => {
    mkdirSync(join(directory, 'keys'));
    mkdirSync(join(directory, 'words'));
    const own = JSON.stringify(keystoreOf(0, 'own word'));
    mountSecret(join(directory, 'keys'), { 'keystore-0.json': own, 'keystore-1.json': textOf(1) });
    mountSecret(join(directory, 'words'), {
      'keystore-0.txt': 'own word\r\n',
      'common.txt': `${PASSWORD} \n`,
    });
    const files = await readKeystores(
      {
        keystoresDir: join(directory, 'keys'),
        passwordsDir: join(directory, 'words'),
        passwordFiles: [join(directory, 'words', 'common.txt')],
      },
      () => undefined,
    );
    for (const { keystore, password } of files)
      expect(await decryptKeystore(keystore, password)).toHaveLength(32);
    expect(files).toHaveLength(2);
  });
});
