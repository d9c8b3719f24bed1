import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fromHex, type Hex, toHex } from '../../../lib/bytes.ts';
import { OperatorError } from '../../../lib/errors.ts';
import { PUBLIC_FILE_MODE, readTextFile, syncDirectoryEntry, writeFileAtomic } from '../../../lib/files.ts';
import { parseJson } from '../../../lib/json.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { describeFault, matchSchema } from '../../../lib/match-schema.ts';
import { formatPythonJson } from '../../../lib/python-json.ts';

const fileSchema = z.array(
  z.string().regex(/^0x[0-9a-f]{96}$/i, 'is not a public key (0x and 96 hex digits)'),
);

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
    text = await readTextFile(path);
  } catch (error) {
    if (error instanceof OperatorError && error.code === 'file-missing') return new Set();
    throw error;
  }
  const json = parseJson(text);
  const checked = matchSchema(fileSchema, json);
  if (checked.success) return new Set(checked.data.map(key => toHex(fromHex(key, PUBLIC_KEY_LENGTH))));
  const reason = json === undefined ? 'it is not JSON' : describeFault(checked.fault);
  throw new OperatorError('invalid-obsolete-keys', `${path} is not a list of public keys: ${reason}.`, {
    hint: 'Move it away: it only says which keys of the signer are no longer needed.',
  });
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
