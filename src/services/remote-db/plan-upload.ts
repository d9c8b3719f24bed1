import type { Database } from '../../db/database.ts';
import { listStoredKeypairs } from '../../db/keypairs.ts';
import type { Vault } from '../../db/vaults.ts';
import type { OracleSet } from '../../domain/protocol/oracle-config.ts';
import { compareBytes, fromHex, type Hex, toHex } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import type { ReadKeystore } from '../local-keys/read-keystores.ts';
import type { ProvenUpload } from './prove-upload.ts';

/** What an upload has to store, and what readers will see after it. */
export interface UploadPlan {
  /** All keys of this upload, in public-key order. */
  readonly publicKeys: readonly Uint8Array[];
  /** Keystores to decrypt, since the database has no such key. */
  readonly fresh: readonly ReadKeystore[];
  /** Stored keys that lack shares of this oracle set: opened from the database, which costs no KDF. */
  readonly stale: readonly Uint8Array[];
  readonly publicKeysAtHand: ReadonlySet<`0x${string}`>;
  /** What readers will see. */
  readonly activeAfterwards: readonly Uint8Array[];
}

/** Compares the keystores with the keypairs that the database has. */
export async function planUpload(
  database: Database,
  { vaultId }: Vault,
  upload: {
    readonly oracleSet: OracleSet;
    readonly keystores: readonly ReadKeystore[];
    /** Whether a key is one of the manifest's. */
    readonly isVisible: (publicKey: Uint8Array) => boolean;
  },
): Promise<UploadPlan> {
  const { keystores } = upload;
  const { hash, publicKeys: oracles } = upload.oracleSet;
  const stored = await listStoredKeypairs(database, {
    vaultId,
    oracleSetHash: hash,
    shareCount: oracles.length,
  });
  const byKey = new Map(stored.map(keypair => [toHex(keypair.publicKey), keypair]));
  const fresh: ReadKeystore[] = [];
  const stale: Uint8Array[] = [];
  const publicKeys = keystores.map(({ keystore }) => fromHex(keystore.pubkey, PUBLIC_KEY_LENGTH));
  for (const [index, publicKey] of publicKeys.entries()) {
    const known = byKey.get(toHex(publicKey));
    if (known?.isComplete) continue;
    const keystore = keystores[index];
    if (known?.isActive) stale.push(publicKey);
    else if (keystore !== undefined) fresh.push(keystore);
  }
  // By the manifest, and not by a column that anybody who writes to the database can set.
  const active = stored.map(keypair => keypair.publicKey).filter(upload.isVisible);
  const after = new Map([...active, ...publicKeys].map(publicKey => [toHex(publicKey), publicKey]));
  return {
    publicKeys: publicKeys.toSorted(compareBytes),
    fresh,
    stale,
    publicKeysAtHand: new Set(after.keys()),
    activeAfterwards: [...after.values()].sort(compareBytes),
  };
}

/** Replaced keys that had not been stored by this run before. */
export function countReplacedOnly(
  { fresh, stale }: UploadPlan,
  unopened: ReadonlySet<Hex>,
  { replacements }: ProvenUpload,
): number {
  const counted = new Set([
    ...fresh.map(({ keystore }) => toHex(fromHex(keystore.pubkey, PUBLIC_KEY_LENGTH))),
    ...stale.map(toHex).filter(publicKey => !unopened.has(publicKey)),
  ]);
  return replacements.filter(({ publicKey }) => !counted.has(toHex(publicKey))).length;
}

/**
 * Insists that readers will see no key but the uploaded ones and those that were proven to be the vault's.
 * @throws OperatorError 'vault-changed'
 */
export function assertKnown(
  { publicKeys, activeAfterwards }: UploadPlan,
  proven: readonly Uint8Array[],
): void {
  const known = new Set([...publicKeys, ...proven].map(toHex));
  const stranger = activeAfterwards.find(publicKey => !known.has(toHex(publicKey)));
  if (stranger !== undefined) throw changedMeanwhile(toHex(stranger));
}

export function changedMeanwhile(what: string): OperatorError {
  return new OperatorError(
    'vault-changed',
    `The validators of the vault were changed by somebody else meanwhile: ${what}.`,
    { hint: 'Run "remote-db verify", then upload-keypairs again.' },
  );
}
