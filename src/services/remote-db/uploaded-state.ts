import { type Database, inSnapshot, type Session } from '../../db/database.ts';
import { pageManifestEntries } from '../../db/key-secrets.ts';
import { findUploadProof } from '../../db/upload-proofs.ts';
import { readVault, type Vault, vaultChanged } from '../../db/vaults.ts';
import { isSameMac } from '../../domain/keys/manifest.ts';
import { computeProofMac } from '../../domain/keys/upload-proof.ts';
import { equalBytes } from '../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { RecordTable } from '../../lib/record-table.ts';
import { digestRows, KnownRows } from './known-rows.ts';
import { assertManifestPages, type UnlockedVault } from './unlock-vault.ts';
import { readValidatorRows } from './validator-rows.ts';

/** What the last upload has left, and what of it is proven. */
export interface UploadedState {
  readonly vault: Vault;
  /** The validators of the manifest. */
  readonly visible: RecordTable;
  /** Validators whose rows are those that were proven: all that are visible, or none. */
  readonly known: KnownRows;
  /** SHA-256 over all rows that readers see, when they are those that were proven. */
  readonly visibleDigest: Uint8Array | undefined;
  /** Root of the deposit data when this is the digest of its text, and all of that was found good for this vault. */
  provenRootOf(documentDigest: Uint8Array): Uint8Array | undefined;
}

/**
 * The vault as it is now that the lock is ours, and which keys its manifest has.
 * @param genesisForkVersion - 4 bytes of the network: what was proven under another one is not
 * @throws OperatorError 'vault-changed', 'manifest-mismatch'
 */
export function readUploadedState(
  database: Database,
  unlocked: UnlockedVault,
  genesisForkVersion: Uint8Array,
): Promise<UploadedState> {
  return inSnapshot(database, async session => {
    const vault = await readVault(session, unlocked.vault.vaultId);
    if (vault === undefined || vault.dataKeyId !== unlocked.vault.dataKeyId) {
      throw vaultChanged('it was set up anew');
    }
    const known = new KnownRows();
    const { digest, validators } = await readValidatorRows(
      session,
      vault.vaultId,
      ({ publicKey, records }) => {
        known.add(publicKey, digestRows(records));
        return undefined;
      },
    );
    const proof = await findProof(session, unlocked, vault, genesisForkVersion);
    const isProven = proof !== undefined && equalBytes(proof.rowsDigest, digest);
    // The proof is of this manifest's MAC and of all that the MAC covers, so that it need not be computed again.
    if (!isProven) await assertManifestPages(unlocked, vault, pageManifestEntries(session, vault.vaultId));
    return {
      vault,
      visible: RecordTable.of(validators, PUBLIC_KEY_LENGTH),
      known: isProven ? known : new KnownRows(),
      visibleDigest: isProven ? digest : undefined,
      provenRootOf: documentDigest =>
        proof !== undefined && equalBytes(proof.documentDigest, documentDigest)
          ? proof.depositDataRoot
          : undefined,
    };
  });
}

/** What the last upload has proven; undefined when there is none that the encryption key has made of this very state. */
async function findProof(
  session: Session,
  { encryptionKey, context }: UnlockedVault,
  { vaultId, manifestCounter, manifestMac, depositDataRoot }: Vault,
  genesisForkVersion: Uint8Array,
) {
  const stored = await findUploadProof(session, vaultId);
  if (stored === undefined || manifestMac === null || depositDataRoot === null) return undefined;
  const { rowsDigest, documentDigest } = stored;
  const mac = computeProofMac(encryptionKey, context, {
    manifestCounter,
    manifestMac,
    rowsDigest,
    depositDataRoot,
    documentDigest,
    genesisForkVersion,
  });
  return isSameMac(mac, stored.mac) ? { rowsDigest, documentDigest, depositDataRoot } : undefined;
}
