import type { Session } from '../../../db/database.ts';
import { listRetiredKeys } from '../../../db/retired-keys.ts';
import { findStatement } from '../../../db/statements.ts';
import type { RetiredKeys } from '../../../domain/fleet/retired-keys.ts';
import { decodeStatement, type Statement } from '../../../domain/fleet/statement.ts';
import { equalBytes } from '../../../lib/bytes.ts';
import { OperatorError } from '../../../lib/errors.ts';
import type { ProvenStatement } from '../statements/signed-statement.ts';
import type { VaultRef } from '../vault-ref.ts';

/** Retired keys, and whether the vault's key has signed them. */
export interface FoundRetiredKeys {
  readonly keys: RetiredKeys;
  /** Rows that nothing proves are believed as the plan is that nothing proves: removals by them count as any others. */
  readonly isProven: boolean;
}

/**
 * The vault's retired keys, for whoever reads public facts; to be called within one snapshot, that of those facts where there is one.
 * @param proven - the statement that they are held to, where one was asked for
 * @throws OperatorError 'retired-keys-not-signed'
 */
export async function readRetiredKeys(
  session: Session,
  vaultId: number,
  { ref, proven }: { readonly ref: VaultRef; readonly proven: ProvenStatement | undefined },
): Promise<FoundRetiredKeys> {
  const keys = await listRetiredKeys(session, vaultId);
  const stored = proven === undefined ? await findStatement(session, vaultId) : undefined;
  // Whoever can write to the database can store a statement that nobody has signed, too: then nothing is proven, but no row
  // that is merely added, changed or lost decides anything.
  const statement = proven?.statement ?? (stored && decodeStatement(stored.body));
  if (statement === undefined ? keys.length > 0 : !areSigned(keys, statement))
    throw retiredNotSigned(ref, keys);
  return { keys, isProven: proven !== undefined };
}

/** Whether a statement names exactly these. */
export function areSigned(keys: RetiredKeys, { retiredDigest }: Statement): boolean {
  const digest = keys.digest();
  if (digest === null || retiredDigest === null) return digest === retiredDigest;
  return equalBytes(digest, retiredDigest);
}

/** What stops whoever reads rows of retired keys that were not signed. */
export function retiredNotSigned({ address }: VaultRef, { length }: RetiredKeys): OperatorError {
  return new OperatorError(
    'retired-keys-not-signed',
    `The ${length} retired keys that the remote db has of vault ${address} are not those that were signed: somebody without the encryption key has changed them. Nothing was changed here.`,
    {
      hint: 'Run "remote-db prune --exited" where the encryption key is: it retires what the beacon chain says, and nothing else, and signs that. "remote-db log" tells who has written.',
    },
  );
}
