import { inSnapshot, type Session } from '../../../db/database.ts';
import { listRetiredKeys } from '../../../db/retired-keys.ts';
import { findStatement } from '../../../db/statements.ts';
import type { RetiredKeys } from '../../../domain/fleet/retired-keys.ts';
import { openStatement } from '../../../domain/fleet/statement.ts';
import { findVaultSigner, type SigningVault } from '../statements/vault-signing-key.ts';
import type { VaultRef } from '../vault-ref.ts';
import { areSigned, retiredNotSigned } from './read-retired-keys.ts';

/**
 * The vault's retired keys, for whoever has the encryption key: that one opens the key that has signed them.
 * @throws OperatorError 'retired-keys-not-signed', 'signing-key-tampered'
 */
export function readOwnRetiredKeys(
  session: Session,
  unlocked: SigningVault,
  ref: VaultRef,
): Promise<RetiredKeys> {
  const { vaultId } = unlocked.vault;
  return inSnapshot(session, async snapshot => {
    const keys = await listRetiredKeys(snapshot, vaultId);
    const signed = await findStatement(snapshot, vaultId);
    if (keys.length === 0 && signed === undefined) return keys;
    const signer = await findVaultSigner(snapshot, unlocked);
    const statement = signer && signed && openStatement(signer.verifyingKey, unlocked.context, signed);
    // A statement that is not this key's is what those say who look at all of it: here it has signed no retired keys.
    if (statement === undefined ? keys.length > 0 : !areSigned(keys, statement))
      throw retiredNotSigned(ref, keys);
    return keys;
  });
}
