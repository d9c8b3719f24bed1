import { appendAuditEntry } from '../../../db/audit-log.ts';
import { type Database, inTransaction, type Session } from '../../../db/database.ts';
import { listValidatorPublicKeys } from '../../../db/keypairs.ts';
import { listRetiredKeys, replaceRetiredKeys } from '../../../db/retired-keys.ts';
import { findStatement, storeStatement } from '../../../db/statements.ts';
import { lockVault, vaultChanged } from '../../../db/vaults.ts';
import { validatorsDigest } from '../../../domain/fleet/fact-digests.ts';
import { RetiredKeys } from '../../../domain/fleet/retired-keys.ts';
import { openStatement, type SignedStatement, type Statement } from '../../../domain/fleet/statement.ts';
import type { StatementSigner } from '../../../domain/keys/signing-key.ts';
import { equalBytes } from '../../../lib/bytes.ts';
import { OperatorError } from '../../../lib/errors.ts';
import { auditActor } from '../../remote-db/audit-actor.ts';
import { areSigned } from '../../remote-db/retired/read-retired-keys.ts';
import { signRetired } from '../../remote-db/statements/sign-facts.ts';
import { assertSigned } from '../../remote-db/statements/signed-statement.ts';
import { findVaultSigner } from '../../remote-db/statements/vault-signing-key.ts';
import type { UnlockedVault } from '../../remote-db/unlock-vault.ts';
import { type VaultRef, vaultContext } from '../../remote-db/vault-ref.ts';

/** What the vault's key has signed, as retirement begins from it. */
export interface SignedRetirement {
  readonly vaultId: number;
  readonly signer: StatementSigner;
  readonly signed: SignedStatement;
  readonly statement: Statement;
  /** Public keys of the vault's validators, which are those that were signed. */
  readonly validators: readonly Uint8Array[];
  /** The retired keys that were signed. */
  readonly retired: RetiredKeys;
  /** How many rows of retired keys are there that were not signed, none of which counts; 0 where all were. */
  readonly unsigned: number;
}

/**
 * Reads what was signed of the vault; to be called within a snapshot. Rows of retired keys that are not exactly the signed ones are
 * none.
 * @throws OperatorError 'statement-missing', 'statement-mismatch', 'signing-key-tampered'
 */
export async function readSignedRetirement(
  session: Session,
  unlocked: UnlockedVault,
  ref: VaultRef,
): Promise<SignedRetirement> {
  const { vaultId } = unlocked.vault;
  const signer = await findVaultSigner(session, unlocked);
  const signed = await findStatement(session, vaultId);
  const statement = signer && signed && openStatement(signer.verifyingKey, unlocked.context, signed);
  if (signer === undefined || signed === undefined || statement === undefined) throw notSigned(ref);
  const validators = await listValidatorPublicKeys(session, vaultId);
  assertSigned(ref, 'The validators', validatorsDigest(validators), statement.validatorsDigest);
  const stored = await listRetiredKeys(session, vaultId);
  const isSigned = areSigned(stored, statement);
  return {
    vaultId,
    signer,
    signed,
    statement,
    validators,
    retired: isSigned ? stored : RetiredKeys.NONE,
    unsigned: isSigned ? 0 : Math.max(1, stored.length),
  };
}

/**
 * Stores retired keys in place of those that were, and signs them; nothing else of what was signed changes.
 * @param counts - for the audit log
 * @throws OperatorError 'vault-changed' when something else was signed meanwhile
 */
export function storeRetirement(
  database: Database,
  ref: VaultRef,
  before: SignedRetirement,
  change: {
    readonly after: RetiredKeys;
    readonly command: string;
    readonly counts: Readonly<Record<string, number>>;
  },
): Promise<void> {
  const { vaultId, signer, statement } = before;
  return inTransaction(database, async transaction => {
    await lockVault(transaction, vaultId);
    const current = await findStatement(transaction, vaultId);
    if (current === undefined || !equalBytes(current.body, before.signed.body))
      throw vaultChanged('something else was signed');
    await replaceRetiredKeys(transaction, vaultId, change.after);
    await storeStatement(transaction, vaultId, signRetired(signer, statement, change.after.digest()));
    await appendAuditEntry(transaction, {
      actor: auditActor(),
      command: change.command,
      network: ref.network.name,
      vault: vaultContext(ref).vault,
      counts: change.counts,
    });
  });
}

function notSigned({ address }: VaultRef): OperatorError {
  return new OperatorError(
    'statement-missing',
    `What the remote db has of vault ${address} is not signed by its key: nothing can be retired before it is.`,
    {
      hint: 'Run "remote-db assign --encrypt-key-file", or upload-keypairs, which sign what the vault has; then repeat this command.',
    },
  );
}
