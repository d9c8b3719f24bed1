import type { Session } from '../../../db/database.ts';
import { findStatement } from '../../../db/statements.ts';
import type { VaultFacts } from '../../../db/vaults.ts';
import {
  decodeStatement,
  formatVaultPublicKey,
  isSignedBy,
  openStatement,
  type Statement,
  statementDigest,
} from '../../../domain/fleet/statement.ts';
import { equalBytes, fromHex, toHex } from '../../../lib/bytes.ts';
import { OperatorError } from '../../../lib/errors.ts';
import { ADDRESS_LENGTH } from '../../../lib/lengths.ts';
import type { VaultRef } from '../unlock-vault.ts';

/** A statement that the vault's key has signed. */
export interface ProvenStatement {
  readonly statement: Statement;
  /** SHA-256 over its bytes. */
  readonly digest: Uint8Array;
  /** The key that has signed it. */
  readonly verifyingKey: Uint8Array;
}

const SIGN_AGAIN =
  'Run "remote-db assign --encrypt-key-file", or upload-keypairs, where the encryption key is: they sign what the vault has.';
const COMPARE =
  'Run "remote-db verify" with the encryption key: it tells what was changed. What was changed on purpose is signed by "remote-db assign --encrypt-key-file".';

/**
 * The vault's statement, when this key has signed it for this vault. Nothing of it is compared with rows yet.
 * @throws OperatorError 'statement-missing', 'statement-invalid', 'statement-other-vault'
 */
export async function requireStatement(
  session: Session,
  vault: VaultFacts,
  { ref, verifyingKey }: { readonly ref: VaultRef; readonly verifyingKey: Uint8Array },
): Promise<ProvenStatement> {
  const signed = await findStatement(session, vault.vaultId);
  if (signed === undefined) {
    throw new OperatorError(
      'statement-missing',
      `What the remote db has of vault ${ref.address} is not signed, and --vault-public-key asks for it.`,
      { hint: SIGN_AGAIN },
    );
  }
  if (!isSignedBy(verifyingKey, signed)) {
    throw new OperatorError(
      'statement-invalid',
      `What the remote db has of vault ${ref.address} is not signed by the key ${formatVaultPublicKey(verifyingKey)}.`,
      {
        hint: `Compare --vault-public-key with what "remote-db verify" prints where the encryption key is. ${SIGN_AGAIN}`,
      },
    );
  }
  const scope = { chainId: ref.network.chainId, vault: fromHex(ref.address, ADDRESS_LENGTH) };
  const statement = openStatement(verifyingKey, scope, signed);
  if (statement === undefined) {
    const other = decodeStatement(signed.body);
    const whose =
      other === undefined ? 'of no known form' : `about ${toHex(other.vault)} of chain ${other.chainId}`;
    throw new OperatorError(
      'statement-other-vault',
      `The statement that the remote db has of vault ${ref.address} is ${whose}.`,
      { hint: 'Restore the database from a backup.' },
    );
  }
  return { statement, digest: statementDigest(signed), verifyingKey };
}

/**
 * Insists that rows are those of a statement.
 * @param what - how the message calls them
 * @throws OperatorError 'statement-mismatch'
 */
export function assertSigned(
  ref: VaultRef,
  what: string,
  actual: Uint8Array | null,
  signed: Uint8Array | null,
): void {
  if (actual !== null && signed !== null && equalBytes(actual, signed)) return;
  if (actual === null && signed === null) return;
  throw new OperatorError(
    'statement-mismatch',
    `${what} of vault ${ref.address} in the remote db are not those that were signed.`,
    { hint: COMPARE },
  );
}

/** @throws OperatorError 'plan-not-signed' unless this very plan of clients was signed */
export function assertPlanSigned(
  ref: VaultRef,
  plan: Uint8Array | null,
  { statement }: ProvenStatement,
): void {
  const { planDigest } = statement;
  if (plan !== null && planDigest !== null && equalBytes(plan, planDigest)) return;
  const lacks =
    plan === null
      ? `Vault ${ref.address} has no plan of validator clients in the remote db`
      : `The plan of validator clients of vault ${ref.address} in the remote db is not one that was signed`;
  throw new OperatorError('plan-not-signed', `${lacks}, and --vault-public-key asks for a signed one.`, {
    hint: 'Run "remote-db assign --encrypt-key-file" where the encryption key is: it shows the plan and signs it.',
  });
}
