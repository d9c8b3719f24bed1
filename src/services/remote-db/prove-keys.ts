import { type Database, inSnapshot } from '../../db/database.ts';
import { listManifestEntries } from '../../db/key-secrets.ts';
import { listVisibleShares } from '../../db/key-shares.ts';
import { listActiveKeypairs } from '../../db/keypairs.ts';
import type { StoredSecret } from '../../db/sealed-record.ts';
import { findStatement } from '../../db/statements.ts';
import { readVault, vaultRemoved } from '../../db/vaults.ts';
import { type OperatorFacts, operatorDigest } from '../../domain/fleet/fact-digests.ts';
import { openStatement } from '../../domain/fleet/statement.ts';
import { compareBytes, equalBytes, type Hex, toHex, wipe } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { HASH_LENGTH } from '../../lib/lengths.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import { openPage } from './open-keys.ts';
import { findOperatorFacts } from './read-operator-facts.ts';
import { assertManifest, type UnlockedVault } from './unlock-vault.ts';
import { readVisibleRows } from './visible-rows.ts';

type Keys = Pick<OperatorFacts, 'keypairs' | 'shares'>;

/** A state of the vault whose validators and shares are those that were sealed. */
export interface ProvenKeys {
  readonly manifestCounter: bigint;
  /** {@link keysDigest} of them. */
  readonly digest: Uint8Array;
  readonly publicKeys: readonly Uint8Array[];
}

export interface ProveKeysOptions {
  /** Public half of the vault's signing key. */
  readonly verifyingKey: Uint8Array;
  /** Validators that an upload proves by itself, while their keystores are at hand. */
  readonly except?: ReadonlySet<Hex> | undefined;
}

/**
 * Proves the public rows of validators and shares before they are signed: rows of which the manifest knows nothing, or that
 * were exchanged among themselves, must not become genuine. What the vault's key has signed before need not be opened again;
 * otherwise every sealed row is opened, which binds it to its kind, its validator and its place.
 * @throws OperatorError 'manifest-mismatch', 'row-tampered', 'facts-changed'
 */
export async function proveKeys(
  { database, pool }: { readonly database: Database; readonly pool: WorkerPool },
  unlocked: UnlockedVault,
  { verifyingKey, except = new Set() }: ProveKeysOptions,
): Promise<ProvenKeys> {
  const { vaultId } = unlocked.vault;
  const state = await inSnapshot(database, async session => {
    const vault = await readVault(session, vaultId);
    if (vault === undefined) throw vaultRemoved();
    assertManifest(unlocked, vault, await listManifestEntries(session, vaultId));
    const signed = await findStatement(session, vaultId);
    const facts = await findOperatorFacts(session, vault);
    const keys = facts ?? {
      keypairs: await listActiveKeypairs(session, vaultId),
      shares: await listVisibleShares(session, vaultId),
    };
    return { vault, facts, keys, statement: signed && openStatement(verifyingKey, unlocked.context, signed) };
  });
  const { facts, keys, statement, vault } = state;
  const digest = keysDigest(keys);
  const isSigned =
    facts !== undefined &&
    statement?.manifestCounter === vault.manifestCounter &&
    equalBytes(statement.operatorDigest, operatorDigest(facts));
  if (!isSigned) await compareWithSealed({ database, pool }, unlocked, keys, except);
  return {
    manifestCounter: vault.manifestCounter,
    digest,
    publicKeys: keys.keypairs.map(({ publicKey }) => publicKey),
  };
}

/** SHA-256 over validators and shares. */
export function keysDigest({ keypairs, shares }: Keys): Uint8Array {
  const oracleSet = { hash: new Uint8Array(HASH_LENGTH), configIpfsHash: '', threshold: 0 };
  return operatorDigest({ oracleSet, document: '', keypairs, shares });
}

async function compareWithSealed(
  { database, pool }: { readonly database: Database; readonly pool: WorkerPool },
  unlocked: UnlockedVault,
  keys: Keys,
  except: ReadonlySet<Hex>,
): Promise<void> {
  const rows = await readVisibleRows(database, unlocked.vault.vaultId);
  assertManifest(unlocked, rows.vault, rows.manifestEntries());
  const sealed = rows
    .slice(0, rows.length)
    .filter(({ publicKey, parentPublicKey }) => !except.has(toHex(parentPublicKey ?? publicKey)));
  wipe(await openPage(pool, unlocked, sealed));
  const rest: Keys = {
    keypairs: keys.keypairs.filter(({ publicKey }) => !except.has(toHex(publicKey))),
    shares: keys.shares.filter(({ parentPublicKey }) => !except.has(toHex(parentPublicKey))),
  };
  if (equalBytes(keysDigest(keysOf(sealed)), keysDigest(rest))) return;
  throw new OperatorError(
    'facts-changed',
    'The validators or shares in the remote db are not those that were sealed: rows were added, or exchanged among themselves.',
    { hint: 'Run "remote-db verify" for the details, and restore the database from a backup.' },
  );
}

/** Validators and shares as the sealed rows name them. */
function keysOf(sealed: readonly StoredSecret[]): Keys {
  const shares = sealed.flatMap(({ publicKey, parentPublicKey, shareIndex, oracleSetHash }) =>
    parentPublicKey === null || shareIndex === null || oracleSetHash === null
      ? []
      : [{ publicKey, parentPublicKey, shareIndex, oracleSetHash }],
  );
  const setOf = new Map(shares.map(share => [toHex(share.parentPublicKey), share.oracleSetHash]));
  const keypairs = sealed
    .filter(({ kind }) => kind === 'validator')
    .map(({ publicKey }) => ({
      publicKey,
      sharesSetHash: setOf.get(toHex(publicKey)) ?? new Uint8Array(HASH_LENGTH),
    }));
  shares.sort((a, b) => compareBytes(a.parentPublicKey, b.parentPublicKey) || a.shareIndex - b.shareIndex);
  return { keypairs, shares };
}
