import { concatBytes, fromHex, wipe } from '../../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { type KeystoreLocation, readKeystores } from '../../../services/local-keys/read-keystores.ts';
import { createWorkerPool } from '../../../workers/pool.ts';
import type { KeySource } from '../key-ring.ts';

/** EIP-2335 keystores of a directory and of those below it. Each key is proven by its keystore's public key. */
export function keystoreSource(
  deps: { readonly warn: (message: string) => void },
  options: KeystoreLocation & { readonly poolSize?: number | undefined },
): KeySource {
  return {
    description: `keystores of ${options.keystoresDir}`,
    load: async () => {
      const files = await readKeystores(options, deps.warn);
      await using pool = createWorkerPool({ size: options.poolSize });
      const secretKeys = await pool.decryptKeystores(
        files.map(({ path, keystore, password }) => ({
          name: path,
          text: JSON.stringify(keystore),
          password,
        })),
      );
      try {
        const publicKeys = files.map(({ keystore }) => fromHex(keystore.pubkey, PUBLIC_KEY_LENGTH));
        return { publicKeys, secretKeys: concatBytes(secretKeys) };
      } finally {
        wipe(secretKeys);
      }
    },
  };
}
