import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fromHex, type Hex, toHex } from '../../../lib/bytes.ts';
import { OperatorError } from '../../../lib/errors.ts';
import { PUBLIC_FILE_MODE, readFileBytes, syncDirectoryEntry, writeFileAtomic } from '../../../lib/files.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { formatPythonJson } from '../../../lib/python-json.ts';

const fileSchema = z.array(z.string().regex(/^0x[0-9a-f]{96}$/));

/**
 * Where a vault remembers keys in the signer that an earlier configuration named and the current one does not: written
 * before the configuration is replaced, so that they can still be removed by name in a later run.
 */
function obsoleteKeysPath(vaultDirectory: string): string {
  return join(vaultDirectory, 'remote_signer_obsolete_keys.json');
}

/** Public keys, lower case. @throws OperatorError 'invalid-obsolete-keys' */
export async function readObsoleteKeys(vaultDirectory: string): Promise<ReadonlySet<Hex>> {
  const path = obsoleteKeysPath(vaultDirectory);
  let text: string;
  try {
    text = (await readFileBytes(path)).toString('utf8');
  } catch (error) {
    if (error instanceof OperatorError && error.code === 'file-missing') return new Set();
    throw error;
  }
  try {
    return new Set(fileSchema.parse(JSON.parse(text)).map(key => toHex(fromHex(key, PUBLIC_KEY_LENGTH))));
  } catch (cause) {
    throw new OperatorError('invalid-obsolete-keys', `${path} is not a list of public keys.`, {
      hint: 'Move it away: it only says which keys of the signer are no longer needed.',
      cause,
    });
  }
}

/** Remembers these keys and no others; an empty list removes the file. */
export async function writeObsoleteKeys(vaultDirectory: string, keys: ReadonlySet<Hex>): Promise<void> {
  const path = obsoleteKeysPath(vaultDirectory);
  if (keys.size > 0) {
    await writeFileAtomic(path, formatPythonJson([...keys].sort()), { mode: PUBLIC_FILE_MODE });
    return;
  }
  await unlink(path).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  });
  await syncDirectoryEntry(vaultDirectory);
}
