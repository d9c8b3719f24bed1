import { hkdfSync } from 'node:crypto';
import { keccak256 } from 'ethers/crypto';
import { computeAddress } from 'ethers/transaction';
import { decryptWallet } from '../../domain/keys/wallet.ts';
import { concatBytes, fromHex, type Hex, toHex, wipe } from '../../lib/bytes.ts';
import { readTextFile } from '../../lib/files.ts';
import { HASH_LENGTH, SECRET_KEY_LENGTH } from '../../lib/lengths.ts';
import { overwriteSigningStack, pointOfSecretKey, signHash } from '../../lib/secp256k1.ts';
import { readSecretFile } from '../../lib/secret.ts';
import type { WalletPlace } from '../../settings/signer-settings.ts';

/** The hot wallet's key. Disposing of it overwrites the key. */
export interface SigningWallet extends Disposable {
  /** Checksummed. */
  readonly address: string;
  /** 64 bytes as lower-case hex: the point without its prefix 04. */
  readonly publicKey: Hex;
  /** Signs the keccak-256 hash of the data: r, s (the lower one) and v of 27 or 28, 65 bytes. */
  sign(data: Uint8Array): Uint8Array;
  /** A 32-byte key by HKDF-SHA256 of the wallet's, which tells nothing of it. The caller wipes it. */
  deriveKey(info: Uint8Array): Uint8Array;
}

/**
 * Opens a version 3 JSON wallet, or takes the key that was given in its stead.
 * @throws OperatorError 'wallet-invalid', 'wallet-wrong-password', or that a file cannot be read
 */
export async function openWallet(place: WalletPlace): Promise<SigningWallet> {
  const { address, secretKey } = await openKey(place);
  return {
    address,
    publicKey: toHex(pointOfSecretKey(secretKey).subarray(1)),
    sign(data) {
      const { signature, recoveryId } = signHash(fromHex(keccak256(data), HASH_LENGTH), secretKey);
      return concatBytes([signature, Uint8Array.of(27 + recoveryId)]);
    },
    [Symbol.dispose]: () => {
      wipe(secretKey);
      overwriteSigningStack();
    },
    deriveKey: info => new Uint8Array(hkdfSync('sha256', secretKey, new Uint8Array(0), info, 32)),
  };
}

async function openKey(
  place: WalletPlace,
): Promise<{ readonly address: string; readonly secretKey: Uint8Array }> {
  if ('privateKey' in place) {
    const secretKey = fromHex(place.privateKey, SECRET_KEY_LENGTH);
    return { address: computeAddress(toHex(pointOfSecretKey(secretKey))), secretKey };
  }
  const { file, passwordFile } = place;
  const [json, password] = await Promise.all([readTextFile(file), readSecretFile(passwordFile)]);
  return await decryptWallet(json, password.value, file);
}
