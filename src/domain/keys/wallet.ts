import { scrypt as opensslScrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { scryptAsync } from '@noble/hashes/scrypt.js';
import { scrypt } from 'ethers/crypto';
import { decryptKeystoreJson, encryptKeystoreJson, HDNodeWallet } from 'ethers/wallet';
import { z } from 'zod';
import { fromHex, toHex, wipe } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { parseJson } from '../../lib/json.ts';
import { SECRET_KEY_LENGTH } from '../../lib/lengths.ts';
import { describeFault, matchSchema } from '../../lib/match-schema.ts';
import { formatPythonJson } from '../../lib/python-json.ts';
import { trimmedForms } from '../../lib/secret.ts';
import { type KDF_LIMITS, memoryOfScrypt, roundsSchema, saltSchema, scryptSchema } from './kdf-cost.ts';
import { mnemonicToSeed } from './mnemonic.ts';

const WALLET_PATH = "m/44'/60'/0'/0/0";
/** Accepted by OpenSSL, geth, web3j and eth-account alike: N stays below 2^(16 · r). */
const SCRYPT = { N: 262144, r: 8, p: 1 };

/**
 * The hot wallet of a mnemonic at m/44'/60'/0'/0/0, encrypted as a version 3 JSON wallet (Web3 Secret Storage).
 * @returns its checksummed address and the file's text
 */
export async function createWallet(
  mnemonic: string,
  password: string,
): Promise<{ address: string; json: string }> {
  useFastScrypt();
  const seed = mnemonicToSeed(mnemonic);
  try {
    const { address, privateKey } = HDNodeWallet.fromSeed(seed).derivePath(WALLET_PATH);
    const json = await encryptKeystoreJson({ address, privateKey }, password, { scrypt: SCRYPT });
    const made = writtenSchema.parse(JSON.parse(json));
    // ethers writes "Crypto"; the lower-case name is what every reader knows.
    const { address: bare, Crypto: crypto, id, version } = made;
    return { address, json: formatPythonJson({ address: bare, crypto, id, version }) };
  } finally {
    wipe(seed);
  }
}

/**
 * Opens any version 3 JSON wallet, also one whose scrypt has N = 2^18 and r = 1, which OpenSSL refuses.
 * @param password - tried in Unicode's composed form, as ethers takes it; then as it stands, as geth and Python take it; then both
 *   without blanks around it
 * @param name - how errors call it, such as its path
 * @returns the checksummed address and the 32-byte secret key, which the caller wipes. ethers holds it as a hex string,
 *   too, which cannot be overwritten.
 * @throws OperatorError 'wallet-invalid', also for one that costs too much to open ({@link KDF_LIMITS}), or
 *   'wallet-wrong-password'
 */
export async function decryptWallet(
  json: string,
  password: string,
  name = 'wallet',
): Promise<{ address: string; secretKey: Uint8Array }> {
  const wallet = readWallet(json, name);
  useFastScrypt();
  const text = JSON.stringify(wallet);
  for (const form of passwordForms(password)) {
    try {
      const account = await decryptKeystoreJson(text, Buffer.from(form));
      return { address: account.address, secretKey: fromHex(account.privateKey, SECRET_KEY_LENGTH) };
    } catch (cause) {
      if (cause instanceof Error && cause.message.includes('incorrect password')) continue;
      throw new OperatorError(
        'wallet-invalid',
        `${name} is not a version 3 JSON wallet that can be opened.`,
        {
          cause,
        },
      );
    }
  }
  throw new OperatorError('wallet-wrong-password', `The password does not open ${name}.`);
}

/** Each once: for most passwords that is one form. */
function passwordForms(password: string): Iterable<string> {
  const typed = [password, ...trimmedForms(password)];
  return new Set(typed.flatMap(form => [form.normalize('NFKC'), form]));
}

/**
 * Gives ethers OpenSSL's scrypt in place of its own in JavaScript. N ≥ 2^(16 · r) is outside the standard: OpenSSL and
 * ethers refuse it, but the Python operator's wallets are made so, and @noble/hashes computes it.
 */
function useFastScrypt(): void {
  scrypt.register(async (password, salt, N, r, p, dkLen) => {
    const memory = memoryOfScrypt({ n: N, r, p });
    if (N >= 2 ** (16 * r)) return toHex(await scryptAsync(password, salt, { N, r, p, dkLen }));
    return toHex(
      await promisify<Buffer>(done =>
        opensslScrypt(password, salt, dkLen, { N, r, p, maxmem: 2 * memory }, done),
      )(),
    );
  });
}

const writtenSchema = z.object({
  address: z.string(),
  Crypto: z.looseObject({}),
  id: z.string(),
  version: z.literal(3),
});

/** ethers reads names in any case and numbers that are written as text, so both are made plain before they are judged. */
function readKdfParams(params: unknown): unknown {
  if (typeof params !== 'object' || params === null) return params;
  const plain = ([name, value]: [string, unknown]): [string, unknown] => {
    if (typeof value !== 'string') return [name, value];
    return [name, /^\d{1,15}$/.test(value) ? Number(value) : value];
  };
  return Object.fromEntries(Object.entries(params).map(plain));
}

const walletSchema = z.object({
  version: z.literal(3),
  address: z.string().nullish(),
  // What else stands in it is ethers' to read; none of it costs anything.
  crypto: z.discriminatedUnion('kdf', [
    z.looseObject({ kdf: z.literal('scrypt'), kdfparams: z.preprocess(readKdfParams, scryptSchema) }),
    z.looseObject({
      kdf: z.literal('pbkdf2'),
      kdfparams: z.preprocess(
        readKdfParams,
        z.object({ c: roundsSchema, dklen: z.literal(32), prf: z.string(), salt: saltSchema }),
      ),
    }),
  ]),
});

/** The parts of a wallet by which it is opened, exactly those that were judged. */
function readWallet(text: string, name: string): z.infer<typeof walletSchema> {
  const json = withPlainNames(parseJson(text));
  const checked = matchSchema(walletSchema, json);
  if (checked.success) return checked.data;
  const isVersion3 = z.object({ version: z.literal(3) }).safeParse(json).success;
  throw new OperatorError(
    'wallet-invalid',
    isVersion3
      ? `${name} is not a wallet that can be opened: ${describeFault(checked.fault)}.`
      : `${name} is not a version 3 JSON wallet.`,
  );
}

/** All names in lower case; of several, the first one counts. */
function withPlainNames(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const members = new Map<string, unknown>();
  for (const [name, member] of Object.entries(value)) {
    const plain = name.toLowerCase();
    if (!members.has(plain)) members.set(plain, withPlainNames(member));
  }
  return Object.fromEntries(members);
}
