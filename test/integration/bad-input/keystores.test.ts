import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { describe } from 'vitest';
import { type CheapKeystore, createCheapKeystore } from '../../support/scenes/bad-input/keystore.ts';
import { type BadCase, expectRefusal, type Scene, upload } from '../../support/scenes/bad-input/scene.ts';
import { itInWorkshop } from '../../support/scenes/bad-input/workshop.ts';

const it = itInWorkshop('set-up');

const passwordFile = (scene: Scene) => scene.path('keystores', 'password.txt');
const WRONG_PASSWORD = 'Tr0ub4dor&3-not-the-password';

const CASES: BadCase[] = [
  {
    name: 'no password file',
    args: scene => upload(scene),
    arrange: scene => scene.remove(passwordFile(scene)),
    exitCode: 1,
    code: 'password-missing',
    message: 'No password file for keystore {folder}/data/{VAULT}/keystores/keystore-0.json.',
  },
  {
    name: 'a password file that is named and not there',
    args: scene => upload(scene, '--keystores-password-file', scene.path('no-such-file')),
    exitCode: 2,
    code: 'file-missing',
    message: "Invalid value for '--keystores-password-file': File '{folder}/no-such-file' does not exist.",
  },
  {
    name: 'a directory of password files without the one that is needed',
    args: scene => upload(scene, '--keystores-password-dir', scene.path('home')),
    arrange: scene => scene.remove(passwordFile(scene)),
    exitCode: 1,
    code: 'password-missing',
    message: 'No password file for keystore {folder}/data/{VAULT}/keystores/keystore-0.json.',
  },
  {
    name: 'an empty password file',
    args: scene => upload(scene),
    arrange: scene => scene.write(passwordFile(scene), '\n'),
    exitCode: 1,
    code: 'empty-secret-file',
    message: '{folder}/data/{VAULT}/keystores/password.txt is empty, expected a secret.',
  },
  {
    name: 'a password file that is not text',
    args: scene => upload(scene),
    arrange: scene => scene.write(passwordFile(scene), Uint8Array.of(0x70, 0xff, 0xfe, 0x01)),
    exitCode: 1,
    code: 'invalid-secret-file',
    message: '{folder}/data/{VAULT}/keystores/password.txt is not UTF-8 text.',
  },
  {
    name: 'the wrong password for all keystores',
    args: scene => upload(scene),
    arrange: scene => {
      scene.write(passwordFile(scene), WRONG_PASSWORD);
      return [WRONG_PASSWORD];
    },
    exitCode: 1,
    code: 'keystore-wrong-password',
    message:
      /^The password does not open \{folder\}\/data\/\{VAULT\}\/keystores\/keystore-\d\.json, or its checksum is damaged\.$/,
  },
  {
    name: 'the wrong password for one keystore, in a file of its own',
    args: scene => upload(scene),
    arrange: scene => {
      scene.write(scene.path('keystores', 'keystore-2.txt'), WRONG_PASSWORD);
      return [WRONG_PASSWORD];
    },
    exitCode: 1,
    code: 'keystore-wrong-password',
    message:
      'The password does not open {folder}/data/{VAULT}/keystores/keystore-2.json, or its checksum is damaged.',
  },
  {
    name: 'a keystore that is not JSON',
    args: scene => upload(scene),
    arrange: scene => scene.write(scene.keystore(1), '{"crypto": '),
    exitCode: 1,
    code: 'keystore-not-json',
    message: '{folder}/data/{VAULT}/keystores/keystore-1.json is not JSON.',
  },
  {
    name: 'a keystore of version 3',
    args: scene => upload(scene),
    arrange: scene => editKeystore(scene, 1, keystore => ({ ...keystore, version: 3 })),
    exitCode: 1,
    code: 'keystore-version',
    message: '{folder}/data/{VAULT}/keystores/keystore-1.json is a keystore of version 3, not 4.',
  },
  {
    name: 'a keystore without its cipher',
    args: scene => upload(scene),
    arrange: scene =>
      editKeystore(scene, 1, ({ crypto: { kdf, checksum }, ...rest }) => ({
        ...rest,
        crypto: { kdf, checksum },
      })),
    exitCode: 1,
    code: 'keystore-invalid',
    message:
      /^\{folder\}\/data\/\{VAULT\}\/keystores\/keystore-1\.json is not an EIP-2335 keystore: crypto\.cipher: /,
  },
  {
    name: 'a keystore that asks for all memory',
    args: scene => upload(scene),
    arrange: scene =>
      editKeystore(scene, 1, keystore => {
        keystore.crypto.kdf = {
          function: 'scrypt',
          params: { dklen: 32, n: 2 ** 30, r: 8, p: 1, salt: '00'.repeat(32) },
          message: '',
        };
      }),
    exitCode: 1,
    code: 'keystore-invalid',
    message:
      '{folder}/data/{VAULT}/keystores/keystore-1.json is not an EIP-2335 keystore: crypto.kdf.params: asks for more than 1 GiB of memory',
  },
  {
    name: 'a keystore with a wrong checksum',
    args: scene => upload(scene),
    arrange: scene =>
      editKeystore(scene, 1, keystore => {
        keystore.crypto.checksum.message = 'ab'.repeat(32);
      }),
    exitCode: 1,
    code: 'keystore-wrong-password',
    message:
      'The password does not open {folder}/data/{VAULT}/keystores/keystore-1.json, or its checksum is damaged.',
  },
  {
    name: 'a keystore with a public key that is not its own',
    args: scene => upload(scene),
    arrange: scene => {
      const [first, second] = scene.workshop.validators;
      const password = scene.read(passwordFile(scene));
      const keystore = createCheapKeystore(
        first?.secretKey ?? new Uint8Array(),
        second?.publicKey ?? '',
        password,
      );
      scene.write(scene.keystore(1), JSON.stringify(keystore));
    },
    exitCode: 1,
    code: 'keystore-wrong-public-key',
    message:
      '{folder}/data/{VAULT}/keystores/keystore-1.json names public key {key1}, but holds the secret key of another.',
  },
  {
    name: 'one key in two keystores',
    args: scene => upload(scene),
    arrange: scene =>
      scene.write(
        scene.path('keystores', 'copy.json'),
        scene
          .read(scene.keystore(1))
          .replace(/"pubkey":"([0-9a-f]+)"/, (_, key) => `"pubkey":"0x${key.toUpperCase()}"`),
      ),
    exitCode: 1,
    code: 'keystore-duplicate',
    message:
      'Public key {key1} stands in two keystores: {folder}/data/{VAULT}/keystores/copy.json and {folder}/data/{VAULT}/keystores/keystore-1.json.',
  },
  {
    name: 'no keystores',
    args: scene => upload(scene, '--keystores-dir', scene.path('home')),
    exitCode: 1,
    code: 'keystores-missing',
    message: 'Keystores not found in {folder}/home.',
  },
  {
    name: 'a directory of keystores that is not there',
    args: scene => upload(scene),
    arrange: scene => rmSync(scene.path('keystores'), { recursive: true }),
    exitCode: 1,
    code: 'file-missing',
    message: '{folder}/data/{VAULT}/keystores does not exist.',
  },
  {
    name: 'a keystore that is a directory',
    args: scene => upload(scene),
    arrange: scene => {
      scene.remove(scene.keystore(1));
      mkdirSync(scene.keystore(1));
    },
    // No keystore, but its key is in the deposit data.
    exitCode: 1,
    code: 'deposit-data-other-keys',
    message:
      '{folder}/data/{VAULT}/deposit_data.json does not match the keystores: 1 of its 3 public keys are neither among these nor in the remote db, first {key1}.',
  },
  {
    name: 'a damaged keystore when more keys are made',
    args: createKeys,
    arrange: scene => scene.write(scene.keystore(1), 'not JSON'),
    exitCode: 1,
    code: 'keystore-not-json',
    message: '{folder}/data/{VAULT}/keystores/keystore-1.json is not JSON.',
  },
  {
    name: 'a lost password when more keys are made',
    args: createKeys,
    arrange: scene => renameSync(passwordFile(scene), scene.path('home', 'password.txt')),
    exitCode: 1,
    code: 'password-missing',
    message:
      '{folder}/data/{VAULT}/keystores/password.txt is missing, and {folder}/data/{VAULT}/keystores/keystore-0.json can only be opened with it.',
  },
];

function createKeys(scene: Scene): string[] {
  return [
    'create-keys',
    '--count',
    '1',
    '--kdf',
    'pbkdf2',
    '--mnemonic-file',
    scene.path('mnemonic'),
    '--vault',
    scene.workshop.vault,
    '--data-dir',
    scene.path('data'),
  ];
}

function editKeystore(scene: Scene, index: number, change: (keystore: CheapKeystore) => unknown): void {
  scene.edit<CheapKeystore>(scene.keystore(index), change);
}

describe('keystores and their passwords', () => {
  it.for(CASES)(
    'upload-keypairs and create-keys refuse unusable keystores and passwords and change nothing: $name',
    (bad, { workshop }) => expectRefusal(workshop, bad),
  );
});
