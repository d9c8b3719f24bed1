import { type HashiVaultOptions, readHashiVaultKeys } from '../../../clients/hashi-vault.ts';
import type { HttpDeps } from '../../../clients/http.ts';
import { concatBytes, equalBytes, toHex, wipe } from '../../../lib/bytes.ts';
import { OperatorError } from '../../../lib/errors.ts';
import { createWorkerPool } from '../../../workers/pool.ts';
import type { KeySource } from '../key-ring.ts';
import { deriveRecords } from './derive-records.ts';

/** Keys of a HashiCorp Vault, each derived and compared with the public key that it is stored under. */
export function hashiVaultSource(
  http: HttpDeps,
  options: Omit<HashiVaultOptions, 'token'> & {
    /** Asked at every load: tokens are renewed. */
    readonly readToken: () => Promise<string>;
    readonly poolSize?: number | undefined;
  },
): KeySource {
  return {
    description: `HashiCorp Vault ${new URL(options.url).origin}`,
    load: async () => {
      const keys = await readHashiVaultKeys(http, { ...options, token: await options.readToken() });
      try {
        const flat = concatBytes(keys.map(({ secretKey }) => secretKey));
        await using pool = createWorkerPool({ size: options.poolSize });
        const publicKeys = await deriveRecords(pool, flat, place => `The key of ${nameOf(keys[place])} is`);
        for (const [place, key] of keys.entries()) {
          const publicKey = publicKeys[place];
          if (publicKey !== undefined && equalBytes(publicKey, key.publicKey)) continue;
          throw new OperatorError(
            'key-mislabelled',
            `The key of ${nameOf(key)} belongs to another public key.`,
            {
              hint: 'Nothing of the Vault was loaded. Store the key under its own public key.',
            },
          );
        }
        return { publicKeys, secretKeys: flat };
      } finally {
        wipe(keys.map(({ secretKey }) => secretKey));
      }
    },
  };
}

function nameOf(key: { readonly publicKey: Uint8Array; readonly path: string } | undefined): string {
  return key === undefined ? '' : `${toHex(key.publicKey)} in ${key.path}`;
}
