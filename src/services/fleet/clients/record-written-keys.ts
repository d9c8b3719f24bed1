import { hostname } from 'node:os';
import type { Database } from '../../../db/database.ts';
import type { VaultFacts } from '../../../db/vaults.ts';
import { recordWrittenKeySet } from '../../../db/written-key-sets.ts';
import { validatorsDigest } from '../../../domain/fleet/fact-digests.ts';
import { messageOf } from '../../../lib/errors.ts';
import { foreignText } from '../../../lib/foreign-text.ts';

/** What has been written for a validator client. */
export interface WrittenKeys {
  readonly vault: Pick<VaultFacts, 'vaultId' | 'manifestCounter'>;
  readonly clientIndex: number;
  readonly totalClients: number;
  /** 48 bytes each, in order. */
  readonly publicKeys: readonly Uint8Array[];
}

/**
 * Tells the database with which keys the files of a validator client have been written, so that `status` can say whether they are
 * outdated. The files are right whether it can be told or not: what goes wrong is a warning.
 * @returns the warnings
 */
export async function recordWrittenKeys(
  database: Database,
  { vault, clientIndex, totalClients, publicKeys }: WrittenKeys,
): Promise<readonly string[]> {
  try {
    await recordWrittenKeySet(database, vault.vaultId, {
      clientIndex,
      totalClients,
      keyCount: publicKeys.length,
      digest: validatorsDigest(publicKeys),
      manifestCounter: vault.manifestCounter,
      host: foreignText(hostname()) || 'unknown',
    });
    return [];
  } catch (error) {
    return [
      `"operator status" will not know of these files, which the database could not be told of: ${messageOf(error)}`,
    ];
  }
}
