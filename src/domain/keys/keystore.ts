import { randomBytes } from 'node:crypto';
import { create, type IKdfModule } from '@chainsafe/bls-keystore';
import { z } from 'zod';
import { equalBytes, fromHex, toHex, wipe } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { foreignText } from '../../lib/foreign-text.ts';
import { parseJson } from '../../lib/json.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { describeFault, matchSchema } from '../../lib/match-schema.ts';
import { formatPythonJson } from '../../lib/python-json.ts';
import { publicKeyOf } from './derivation.ts';
import {
  bareHex,
  type KDF_LIMITS,
  memoryOfScrypt,
  roundsSchema,
  saltSchema,
  scryptSchema,
} from './kdf-cost.ts';
import { decryptMessage } from './keystore-cipher.ts';

export type KeystoreKdf = 'scrypt' | 'pbkdf2';

/** What keystores that are made here cost. */
const SCRYPT_COST = { n: 262144, r: 8, p: 1 };

const hex = (bytes: number) =>
  z.preprocess(
    bareHex,
    z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`), { error: `is not ${bytes} bytes of hex` }),
  );

/** What nothing is opened by: other makers leave it out, or write null. */
const words = z
  .string()
  .nullish()
  .transform(text => text ?? '');

const kdfSchema = z.discriminatedUnion('function', [
  z.object({
    function: z.literal('scrypt'),
    params: scryptSchema,
    message: z.literal(''),
  }),
  z.object({
    function: z.literal('pbkdf2'),
    params: z.object({
      dklen: z.literal(32),
      c: roundsSchema,
      prf: z.literal('hmac-sha256'),
      salt: saltSchema,
    }),
    message: z.literal(''),
  }),
]);

/** An EIP-2335 keystore of version 4. Whatever the clients do without may be missing, as in those of Prysm, or be null. */
const keystoreSchema = z.object({
  crypto: z.object({
    kdf: kdfSchema,
    checksum: z.object({ function: z.literal('sha256'), params: z.object({}), message: hex(32) }),
    cipher: z.object({
      function: z.literal('aes-128-ctr'),
      params: z.object({ iv: hex(16) }),
      message: hex(32),
    }),
  }),
  description: words,
  /** Bare hex in lower case. EIP-2335 does not ask for it. */
  pubkey: z.preprocess(
    value => (value === null || value === '' ? undefined : value),
    hex(PUBLIC_KEY_LENGTH).optional(),
  ),
  path: words,
  uuid: words,
  version: z.literal(4),
});
export type Keystore = z.infer<typeof keystoreSchema>;
/** A keystore whose public key is known: as the file says, or derived. */
export type NamedKeystore = Keystore & { readonly pubkey: string };
/** Made once: to make a schema takes ten times as long as to use it. */
const versionSchema = z.object({ version: z.unknown() });

/**
 * Reads a keystore, and refuses one that costs too much to open ({@link KDF_LIMITS}).
 * @param name - how errors call it, such as its file name
 * @throws OperatorError 'keystore-not-json', 'keystore-version' or 'keystore-invalid'
 */
export function parseKeystore(text: string, name = 'keystore'): Keystore {
  return readKeystore(parseJson(text), name);
}

/** {@link parseKeystore} of what `parseJson` gave. */
export function readKeystore(json: unknown, name: string): Keystore {
  if (json === undefined) throw new OperatorError('keystore-not-json', `${name} is not JSON.`);
  const version = versionSchema.safeParse(json).data?.version;
  if (version !== undefined && String(version) !== '4') {
    throw new OperatorError(
      'keystore-version',
      `${name} is a keystore of version ${foreignText(String(version))}, not 4.`,
    );
  }
  const checked = matchSchema(keystoreSchema, json);
  if (checked.success) return checked.data;
  throw new OperatorError(
    'keystore-invalid',
    `${name} is not an EIP-2335 keystore: ${describeFault(checked.fault)}`,
  );
}

/** The memory in bytes that decrypting it takes, by the numbers in the file; pbkdf2 takes none. */
export function memoryToDecrypt({ crypto: { kdf } }: Keystore): number {
  return kdf.function === 'scrypt' ? memoryOfScrypt(kdf.params) : 0;
}

/** The work of decrypting it, by the numbers in the file, in rounds of pbkdf2, of which a usual one makes 262,144. */
export function workToDecrypt({ crypto: { kdf } }: Keystore): number {
  // The usual scrypt (n · r = 2^21) takes about as long as the usual pbkdf2.
  return kdf.function === 'scrypt' ? (kdf.params.n * kdf.params.r * kdf.params.p) / 8 : kdf.params.c;
}

/** The memory in bytes that encrypting one takes. */
export function memoryToEncrypt(kdf: KeystoreKdf): number {
  return kdf === 'scrypt' ? memoryOfScrypt(SCRYPT_COST) : 0;
}

/**
 * Encrypts a secret key. The key derivation is node:crypto's and blocks this thread for its whole second: bulk work
 * belongs into the worker pool.
 * @param options.kdf - scrypt with n = 2^18, r = 8, p = 1, or pbkdf2 with c = 2^18
 * @returns a keystore, to be written by {@link formatKeystore}
 */
export async function encryptKeystore(options: {
  readonly secretKey: Uint8Array;
  readonly password: string;
  readonly path: string;
  readonly kdf?: KeystoreKdf | undefined;
}): Promise<Keystore> {
  const { secretKey, password, path, kdf = 'scrypt' } = options;
  const made = await create(password, secretKey, publicKeyOf(secretKey), path, null, kdfModule(kdf));
  return keystoreSchema.parse({ ...made, description: '' });
}

/**
 * Encrypts a secret key for a key manager request, in which the password stands beside it: with the cheapest derivation
 * that is valid (pbkdf2, c = 1), under a password of 256 random bits. Never to be kept.
 */
export async function encryptTransportKeystore(options: {
  readonly secretKey: Uint8Array;
  readonly path: string;
}): Promise<{ text: string; password: string }> {
  const { secretKey, path } = options;
  const password = randomBytes(32).toString('hex');
  const kdf = kdfModule('pbkdf2');
  const light = { ...kdf, params: { ...kdf.params, c: 1 } } as IKdfModule;
  const made = await create(password, secretKey, publicKeyOf(secretKey), path, null, light);
  return { text: formatKeystore(keystoreSchema.parse({ ...made, description: '' })), password };
}

/** The keystore's text as the staking deposit CLI lays it out: on one line, members in its order. */
export function formatKeystore({ crypto, description, pubkey, path, uuid, version }: Keystore): string {
  return formatPythonJson({ crypto, description, pubkey, path, uuid, version });
}

/**
 * Decrypts a keystore and proves the key by its public key. Blocks this thread as {@link encryptKeystore} does.
 * @param password - normalised as EIP-2335 has it (NFKD, control characters removed); {@link decryptMessage} says what else is tried
 * @returns the 32-byte secret key; the caller wipes it
 * @throws OperatorError 'keystore-wrong-password' (or a damaged checksum: nobody can tell them apart),
 *   'keystore-wrong-public-key', 'keystore-kdf' when OpenSSL refuses the parameters
 */
export async function decryptKeystore(
  keystore: Keystore,
  password: string,
  name = 'keystore',
): Promise<Uint8Array> {
  const decrypted = decryptBytes(keystore, password, name);
  const secretKey = new Uint8Array(decrypted);
  wipe(decrypted);
  const expected = keystore.pubkey === undefined ? undefined : fromHex(keystore.pubkey);
  const derived = tryPublicKey(secretKey);
  if (derived !== undefined && (expected === undefined || equalBytes(derived, expected))) return secretKey;
  wipe(secretKey);
  const named = expected === undefined ? 'no public key' : `public key ${toHex(expected)}`;
  const held = expected === undefined ? 'no secret key of BLS' : 'the secret key of another';
  throw new OperatorError('keystore-wrong-public-key', `${name} names ${named}, but holds ${held}.`);
}

/**
 * A keystore with its public key, which takes a decryption where the file does not name it.
 * @throws OperatorError as {@link decryptKeystore} does
 */
export async function nameKeystore(
  keystore: Keystore,
  password: string,
  name: string,
): Promise<NamedKeystore> {
  const { pubkey } = keystore;
  if (pubkey !== undefined) return { ...keystore, pubkey };
  const secretKey = await decryptKeystore(keystore, password, name);
  try {
    return { ...keystore, pubkey: toHex(publicKeyOf(secretKey)).slice(2) };
  } finally {
    wipe(secretKey);
  }
}

function decryptBytes({ crypto }: Keystore, password: string, name: string): Uint8Array {
  let decrypted: Uint8Array | undefined;
  try {
    decrypted = decryptMessage(crypto, password);
  } catch (cause) {
    throw new OperatorError(
      'keystore-kdf',
      `${name} asks for key derivation parameters that cannot be computed.`,
      { cause },
    );
  }
  if (decrypted !== undefined) return decrypted;
  throw new OperatorError(
    'keystore-wrong-password',
    `The password does not open ${name}, or its checksum is damaged.`,
  );
}

function tryPublicKey(secretKey: Uint8Array): Uint8Array | undefined {
  try {
    return publicKeyOf(secretKey);
  } catch {
    return undefined;
  }
}

function kdfModule(kdf: KeystoreKdf): IKdfModule {
  const salt = randomBytes(32).toString('hex');
  return kdf === 'scrypt'
    ? { function: 'scrypt', params: { dklen: 32, ...SCRYPT_COST, salt }, message: '' }
    : { function: 'pbkdf2', params: { dklen: 32, c: 262144, prf: 'hmac-sha256', salt }, message: '' };
}
