import type { Session } from '../../../db/database.ts';
import { findSigningKey, insertSigningKey, type SealedSigningKey } from '../../../db/statements.ts';
import { vaultChanged } from '../../../db/vaults.ts';
import { openSigningKey, sealSigningKey } from '../../../domain/keys/envelope.ts';
import {
  generateSigningSeed,
  type StatementSigner,
  statementSigner,
} from '../../../domain/keys/signing-key.ts';
import { equalBytes, wipe } from '../../../lib/bytes.ts';
import type { UnlockedVault } from '../unlock-vault.ts';

/** What opens a vault's signing key. */
export type SigningVault = Pick<UnlockedVault, 'context' | 'encryptionKey'> & {
  readonly vault: { readonly vaultId: number; readonly dataKeyId: number };
};

export interface VaultSigner {
  readonly signer: StatementSigner;
  /** A new key, when the vault has none, as one of an earlier version: to be stored with what it signs first. */
  readonly fresh: SealedSigningKey | undefined;
}

/**
 * The key that signs the vault's statements, or a fresh one.
 * @throws OperatorError 'signing-key-tampered'
 */
export async function openVaultSigner(session: Session, unlocked: SigningVault): Promise<VaultSigner> {
  const stored = await findSigningKey(session, unlocked.vault.vaultId);
  const key = stored ?? makeKey(unlocked);
  return { signer: openKey(unlocked, key), fresh: stored === undefined ? key : undefined };
}

/**
 * The vault's signing key; undefined when it has none.
 * @throws OperatorError 'signing-key-tampered'
 */
export async function findVaultSigner(
  session: Session,
  unlocked: SigningVault,
): Promise<StatementSigner | undefined> {
  const stored = await findSigningKey(session, unlocked.vault.vaultId);
  return stored && openKey(unlocked, stored);
}

/**
 * Stores a signing key that is fresh.
 * @throws OperatorError 'vault-changed' when another process has made one meanwhile
 */
export async function storeFreshKey(
  session: Session,
  vaultId: number,
  { fresh }: VaultSigner,
): Promise<void> {
  if (fresh === undefined) return;
  const stored = await insertSigningKey(session, vaultId, fresh);
  if (equalBytes(stored.verifyingKey, fresh.verifyingKey)) return;
  throw vaultChanged('it has a signing key now');
}

function makeKey({ vault, context, encryptionKey }: SigningVault): SealedSigningKey {
  const { dataKeyId } = vault;
  const seed = generateSigningSeed();
  try {
    const { verifyingKey } = statementSigner(seed);
    const keyContext = { chainId: context.chainId, vault: context.vault, dataKeyId, verifyingKey };
    const { nonce, ciphertext } = sealSigningKey(encryptionKey, keyContext, seed);
    return { dataKeyId, verifyingKey, nonce, ciphertext };
  } finally {
    wipe(seed);
  }
}

function openKey({ context, encryptionKey }: SigningVault, stored: SealedSigningKey): StatementSigner {
  const { dataKeyId, verifyingKey } = stored;
  const keyContext = { chainId: context.chainId, vault: context.vault, dataKeyId, verifyingKey };
  const seed = openSigningKey(encryptionKey, keyContext, stored);
  try {
    return statementSigner(seed);
  } finally {
    wipe(seed);
  }
}
