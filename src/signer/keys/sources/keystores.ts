import { concatBytes, fromHex, wipe } from '../../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { compareNumberedPaths } from '../../../lib/numbered-path.ts';
import { type KeystoreLocation, readKeystores } from '../../../services/local-keys/read-keystores.ts';
import { createWorkerPool } from '../../../workers/pool.ts';
import type { KeySource } from '../key-ring.ts';

/** EIP-2335 keystores of a directory and of those below it. Each key is proven by its keystore's public key. */
export function keystoreSource(
  deps: { readonly warn: (message: string) => void },
  options: KeystoreLocation & {
    readonly poolSize?: number | undefined;
    /** Lower-case hex: keystores of others are not decrypted. Default: all. */
    readonly onlyPublicKeys?: readonly string[] | undefined;
  },
): KeySource {
  return {
    description: `keystores of ${options.keystoresDir}`,
    load: async progress => {
      const only = options.onlyPublicKeys && new Set(options.onlyPublicKeys);
      // Listed so: what asks for the next key gets that of the next index.
      const files = (await readKeystores(options, deps.warn))
        .filter(({ keystore }) => only?.has(`0x${keystore.pubkey.toLowerCase()}`) ?? true)
        .sort((a, b) => compareNumberedPaths(a.keystore.path, b.keystore.path));
      await using pool = createWorkerPool({ size: options.poolSize });
      const bar = progress?.start('Decrypting keystores', files.length, { lanes: pool.size });
      const secretKeys = await pool.decryptKeystores(
        files.map(({ path, keystore, password }) => ({
          name: path,
          text: JSON.stringify(keystore),
          password,
        })),
        () => bar?.advance(),
      );
      bar?.finish();
      try {
        const publicKeys = files.map(({ keystore }) => fromHex(keystore.pubkey, PUBLIC_KEY_LENGTH));
        return { publicKeys, secretKeys: concatBytes(secretKeys) };
      } finally {
        wipe(secretKeys);
      }
    },
  };
}
