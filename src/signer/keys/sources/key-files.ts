import { join } from 'node:path';
import { readKeyFile } from '../../../domain/fleet/web3signer-key-file.ts';
import { concatBytes, wipe } from '../../../lib/bytes.ts';
import { OperatorError } from '../../../lib/errors.ts';
import { listFiles } from '../../../lib/file-set.ts';
import { readFileBytes } from '../../../lib/files.ts';
import { createWorkerPool } from '../../../workers/pool.ts';
import type { KeySource } from '../key-ring.ts';
import { deriveRecords } from './derive-records.ts';

/**
 * A Web3Signer key directory, as `remote-db setup-web3signer` writes it: `file-raw` documents in `.yaml` files, dot files
 * and other names skipped. Other than there, one bad file refuses the whole directory.
 */
export function keyFileSource(options: {
  readonly directory: string;
  readonly poolSize?: number | undefined;
}): KeySource {
  const { directory } = options;
  return {
    description: `key files of ${directory}`,
    load: async () => {
      const { secretKeys, names } = await readDirectory(directory);
      try {
        if (secretKeys.length === 0) {
          throw new OperatorError('key-files-missing', `There are no key files in ${directory}.`, {
            hint: 'Run "remote-db setup-web3signer", or check --keys-dir.',
          });
        }
        const flat = concatBytes(secretKeys);
        await using pool = createWorkerPool({ size: options.poolSize });
        const publicKeys = await deriveRecords(pool, flat, place => `${names[place]} holds a key that is`);
        return { publicKeys, secretKeys: flat };
      } finally {
        wipe(secretKeys);
      }
    },
  };
}

async function readDirectory(directory: string): Promise<{ secretKeys: Uint8Array[]; names: string[] }> {
  const secretKeys: Uint8Array[] = [];
  const names: string[] = [];
  try {
    for (const name of await listFiles(directory)) {
      if (!/\.ya?ml$/i.test(name) || name.startsWith('.')) continue;
      const content = await readFileBytes(join(directory, name));
      for (const secretKey of readKeyFile(content, join(directory, name))) {
        secretKeys.push(secretKey);
        names.push(name);
      }
      wipe(content);
    }
    return { secretKeys, names };
  } catch (error) {
    wipe(secretKeys);
    throw error;
  }
}
