import { join } from 'node:path';
import type { RemoteSignerConfig } from '../../../domain/fleet/remote-signer-config.ts';
import { parseRemoteSignerConfig } from '../../../domain/fleet/remote-signer-document.ts';
import { OperatorError } from '../../../lib/errors.ts';
import { readTextFile } from '../../../lib/files.ts';

/** Path of what tells the operator which keys and shares its signer has. */
export function remoteSignerConfigPath(vaultDirectory: string): string {
  return join(vaultDirectory, 'remote_signer_config.json');
}

/**
 * The remote signer configuration of a vault; undefined when there is none.
 * @throws OperatorError 'invalid-remote-signer-config', 'not-readable'
 */
export async function findRemoteSignerConfig(
  vaultDirectory: string,
): Promise<RemoteSignerConfig | undefined> {
  const path = remoteSignerConfigPath(vaultDirectory);
  try {
    return parseRemoteSignerConfig(await readTextFile(path), path);
  } catch (error) {
    if (error instanceof OperatorError && error.code === 'file-missing') return undefined;
    throw error;
  }
}
