import { scrypt as opensslScrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { scryptAsync } from '@noble/hashes/scrypt.js';
import { scrypt } from 'ethers/crypto';
import { decryptKeystoreJson, encryptKeystoreJson, HDNodeWallet } from 'ethers/wallet';
import { z } from 'zod';
import { fromHex, toHex, wipe } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { formatPythonJson } from '../../lib/python-json.ts';
import { mnemonicToSeed } from './mnemonic.ts';

const WALLET_PATH = "m/44'/60'/0'/0/0";
/** Accepted by OpenSSL, geth, web3j and eth-account alike: N stays below 2^(16 · r). */
const SCRYPT = { N: 262144, r: 8, p: 1 };
const MAX_SCRYPT_MEMORY_BYTES = 1024 ** 3;

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
 * @param name - how errors call it, such as its path
 * @returns the checksummed address and the 32-byte secret key, which the caller wipes. ethers holds it as a hex string,
 *   too, which cannot be overwritten.
 * @throws OperatorError 'wallet-invalid' or 'wallet-wrong-password'
 */
export async function decryptWallet(
  json: string,
  password: string,
  name = 'wallet',
): Promise<{ address: string; secretKey: Uint8Array }> {
  if (!walletSchema.safeParse(parseJson(json)).success) {
    throw new OperatorError('wallet-invalid', `${name} is not a version 3 JSON wallet.`);
  }
  useFastScrypt();
  try {
    const account = await decryptKeystoreJson(json, password);
    return { address: account.address, secretKey: fromHex(account.privateKey, 32) };
  } catch (cause) {
    if (cause instanceof Error && cause.message.includes('incorrect password')) {
      throw new OperatorError('wallet-wrong-password', `The password does not open ${name}.`);
    }
    throw new OperatorError('wallet-invalid', `${name} is not a version 3 JSON wallet that can be opened.`, {
      cause,
    });
  }
}

/**
 * Gives ethers OpenSSL's scrypt in place of its own in JavaScript. N ≥ 2^(16 · r) is outside the standard: OpenSSL and
 * ethers refuse it, but the Python operator's wallets are made so, and @noble/hashes computes it.
 */
function useFastScrypt(): void {
  scrypt.register(async (password, salt, N, r, p, dkLen) => {
    const memory = 128 * N * r;
    if (memory > MAX_SCRYPT_MEMORY_BYTES) throw new RangeError('asks for more than 1 GiB of memory');
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

const walletSchema = z.object({ version: z.literal(3) });

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
