import { activateUpload } from '../db/activate-upload.ts';
import type { Database } from '../db/database.ts';
import { listManifestEntries } from '../db/key-secrets.ts';
import { pruneShares } from '../db/key-shares.ts';
import { listStoredKeypairs } from '../db/keypairs.ts';
import { withVaultLock } from '../db/locks.ts';
import type { OracleSet } from '../db/oracle-sets.ts';
import { readVault, type Vault } from '../db/vaults.ts';
import { type DepositDataEntry, formatDepositData } from '../domain/consensus/deposit-data.ts';
import { assignAdded } from '../domain/fleet/assignment.ts';
import { operatorDigest, validatorsDigest } from '../domain/fleet/fact-digests.ts';
import { computeManifestMac } from '../domain/keys/manifest.ts';
import { compareBytes, equalBytes, fromHex, toHex } from '../lib/bytes.ts';
import { OperatorError } from '../lib/errors.ts';
import type { ProgressReporter } from '../lib/progress.ts';
import type { WorkerPool } from '../workers/pool.ts';
import { auditActor } from './audit-actor.ts';
import { assertKeysAtHand, checkDepositData } from './check-deposit-data.ts';
import { proveKeys } from './prove-keys.ts';
import { type KeystoreLocation, type ReadKeystore, readKeystores } from './read-keystores.ts';
import { type PlanState, planStateOf, readHistory, signFacts } from './sign-facts.ts';
import { storeKeystores, storeSharesAnew } from './store-keypairs.ts';
import { assertManifest, type UnlockedVault, unlockVault, type VaultRef } from './unlock-vault.ts';
import { openVaultSigner, type VaultSigner } from './vault-signing-key.ts';

export interface UploadDeps {
  readonly database: Database;
  readonly pool: WorkerPool;
  readonly progress: ProgressReporter;
  /** Root that the chain has for the vault's deposit data; null when none is set. */
  readonly fetchDepositDataRoot: () => Promise<Uint8Array | null>;
  readonly fetchOracleSet: () => Promise<OracleSet>;
  /** Lines of the manual. */
  readonly say: (line: string) => void;
  readonly warn: (line: string) => void;
}

export interface UploadOptions {
  readonly ref: VaultRef;
  readonly encryptKey: string;
  readonly keystores: KeystoreLocation;
  readonly depositData: { readonly path: string; readonly entries: readonly DepositDataEntry[] };
  /** Removes oracle sets that are no longer anybody's. */
  readonly pruneShares: boolean;
  /** How long another upload of this vault is waited for. */
  readonly lockTimeoutMs: number;
}

export interface UploadResult {
  readonly keystores: number;
  /** Keypairs whose key or shares were stored by this run; the others were complete. */
  readonly stored: number;
  readonly shares: number;
  readonly oracles: number;
  readonly threshold: number;
  readonly prunedShares: number;
  /** The key that has signed what readers see now, 32 bytes. */
  readonly verifyingKey: Uint8Array;
}

/**
 * Puts the vault's keystores and their shares of the current oracle set into the remote database. Batches are committed
 * as they are ready and seen by nobody; the last transaction makes all of it current at once. Can be killed anywhere
 * and run again.
 * @throws OperatorError for whatever is wrong with key, database, keystores, deposit data, chain or oracle configuration;
 *   readers then see what they saw before
 */
export async function uploadKeypairs(deps: UploadDeps, options: UploadOptions): Promise<UploadResult> {
  using unlocked = await unlockVault(deps.database, options.ref, options.encryptKey);
  const { vaultId } = unlocked.vault;
  const onWait = () => deps.warn('Another upload of this vault is running; waiting for its end.');
  return await withVaultLock(deps.database, { vaultId, timeoutMs: options.lockTimeoutMs, onWait }, () =>
    uploadLocked(deps, options, unlocked),
  );
}

async function uploadLocked(
  deps: UploadDeps,
  options: UploadOptions,
  unlocked: UnlockedVault,
): Promise<UploadResult> {
  const { database, say } = deps;
  const vault = await readCheckedVault(database, unlocked);
  const vaultSigner = await openVaultSigner(database, unlocked);
  say(`Loading keystores from ${options.keystores.keystoresDir}...`);
  const keystores = await readKeystores(options.keystores, deps.warn);
  const root = checkDepositData(options.ref, options.depositData, await fetchRoot(deps, options));
  say('Fetching oracles config...');
  const oracleSet = await deps.fetchOracleSet();
  refuseThresholdOfOne(oracleSet);
  const plan = await planUpload(database, vault, oracleSet, keystores);
  const { publicKeys: proven } = await proveKeys(deps, unlocked, {
    verifyingKey: vaultSigner.signer.verifyingKey,
    except: new Set(plan.publicKeys.map(toHex)),
  });
  assertKnown(plan, proven);
  assertKeysAtHand(options.depositData, plan.publicKeysAtHand);
  warnOfUnlistedKeys(deps, options, keystores);

  say(`Calculating and encrypting shares for ${keystores.length} keystores...`);
  const stored = await storeMissing(deps, { ...unlocked, vault }, oracleSet, plan);
  say('Uploading updates to the remote db...');
  await activate(deps, options, { ...unlocked, vault }, { oracleSet, root, plan, stored, vaultSigner });
  const pruned = options.pruneShares ? (await pruneShares(database, vault.vaultId)).shares : 0;
  return {
    keystores: keystores.length,
    stored,
    shares: keystores.length * oracleSet.publicKeys.length,
    oracles: oracleSet.publicKeys.length,
    threshold: oracleSet.threshold,
    prunedShares: pruned,
    verifyingKey: vaultSigner.signer.verifyingKey,
  };
}

/** The vault as it is now that the lock is ours; what an upload would seal anew must be sound before. */
async function readCheckedVault(database: Database, unlocked: UnlockedVault): Promise<Vault> {
  const vault = await readVault(database, unlocked.vault.vaultId);
  if (vault === undefined || vault.dataKeyId !== unlocked.vault.dataKeyId) {
    throw new OperatorError('vault-changed', 'The vault was set up anew meanwhile.', {
      hint: 'Run the command again.',
    });
  }
  assertManifest(unlocked, vault, await listManifestEntries(database, vault.vaultId));
  return vault;
}

async function fetchRoot(deps: UploadDeps, { ref }: UploadOptions): Promise<Uint8Array | null> {
  const root = await deps.fetchDepositDataRoot();
  if (root === null) {
    deps.warn(
      `No deposit data root is set on the chain for vault ${ref.address}: the deposit data could not be compared.`,
    );
  }
  return root;
}

/** The polynomial would be constant: every share is the validator's own key. */
function refuseThresholdOfOne({ threshold, configIpfsHash }: OracleSet): void {
  if (threshold > 1) return;
  throw new OperatorError(
    'oracle-threshold-one',
    `The oracle configuration ${configIpfsHash} has a threshold of 1: each oracle's share would be the validator key itself.`,
    { hint: 'Check that the network and the keeper are the right ones.' },
  );
}

interface UploadPlan {
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

async function planUpload(
  database: Database,
  { vaultId }: Vault,
  { hash, publicKeys: oracles }: OracleSet,
  keystores: readonly ReadKeystore[],
): Promise<UploadPlan> {
  const stored = await listStoredKeypairs(database, {
    vaultId,
    oracleSetHash: hash,
    shareCount: oracles.length,
  });
  const byKey = new Map(stored.map(keypair => [toHex(keypair.publicKey), keypair]));
  const fresh: ReadKeystore[] = [];
  const stale: Uint8Array[] = [];
  const publicKeys = keystores.map(({ keystore }) => fromHex(keystore.pubkey, 48));
  for (const [index, publicKey] of publicKeys.entries()) {
    const known = byKey.get(toHex(publicKey));
    if (known?.isComplete) continue;
    const keystore = keystores[index];
    if (known?.isActive) stale.push(publicKey);
    else if (keystore !== undefined) fresh.push(keystore);
  }
  const active = stored.filter(keypair => keypair.isActive).map(keypair => keypair.publicKey);
  const after = new Map([...active, ...publicKeys].map(publicKey => [toHex(publicKey), publicKey]));
  return {
    publicKeys: publicKeys.toSorted(compareBytes),
    fresh,
    stale,
    publicKeysAtHand: new Set(after.keys()),
    activeAfterwards: [...after.values()].sort(compareBytes),
  };
}

/**
 * Insists that readers will see no key but the uploaded ones and those that were proven to be the vault's.
 * @throws OperatorError 'vault-changed'
 */
function assertKnown({ publicKeys, activeAfterwards }: UploadPlan, proven: readonly Uint8Array[]): void {
  const known = new Set([...publicKeys, ...proven].map(toHex));
  const stranger = activeAfterwards.find(publicKey => !known.has(toHex(publicKey)));
  if (stranger !== undefined) throw changedMeanwhile(toHex(stranger));
}

function changedMeanwhile(what: string): OperatorError {
  return new OperatorError(
    'vault-changed',
    `The validators of the vault were changed by somebody else meanwhile: ${what}.`,
    { hint: 'Run "remote-db verify", then upload-keypairs again.' },
  );
}

/** Keys of validators that were registered from earlier deposit data; worth a word, since a wrong file looks the same. */
function warnOfUnlistedKeys(
  deps: UploadDeps,
  { depositData }: UploadOptions,
  keystores: readonly ReadKeystore[],
): void {
  const listed = new Set(depositData.entries.map(entry => toHex(entry.publicKey)));
  const unlisted = keystores.filter(
    ({ keystore }) => !listed.has(toHex(fromHex(keystore.pubkey, 48))),
  ).length;
  if (unlisted > 0) deps.warn(`${unlisted} of ${keystores.length} keystores are not in ${depositData.path}.`);
}

async function storeMissing(
  deps: UploadDeps,
  unlocked: UnlockedVault,
  oracleSet: OracleSet,
  plan: UploadPlan,
): Promise<number> {
  const total = plan.fresh.length + plan.stale.length;
  if (total === 0) return 0;
  const bar = deps.progress.start('Encrypting keypairs', total);
  const stored =
    (await storeSharesAnew(deps, unlocked, oracleSet, plan.stale, bar)) +
    (await storeKeystores(deps, unlocked, oracleSet, plan.fresh, bar));
  bar.finish();
  return stored;
}

async function activate(
  { database, warn }: UploadDeps,
  { ref, depositData }: UploadOptions,
  { vault, encryptionKey, context }: UnlockedVault,
  upload: {
    oracleSet: OracleSet;
    root: Uint8Array;
    plan: UploadPlan;
    stored: number;
    vaultSigner: VaultSigner;
  },
): Promise<void> {
  const { oracleSet, root, plan, vaultSigner } = upload;
  const validators = validatorsDigest(plan.activeAfterwards);
  const outcome: { plan: PlanState } = { plan: 'none' };
  await activateUpload(database, {
    vaultId: vault.vaultId,
    expectedManifestCounter: vault.manifestCounter,
    publicKeys: plan.publicKeys,
    oracleSet,
    depositData: {
      root,
      document: formatDepositData(depositData.entries),
      entryCount: depositData.entries.length,
    },
    validatorsDigest: validators,
    digestOperatorFacts: operatorDigest,
    sealManifest: facts => computeManifestMac(encryptionKey, context, facts),
    freshSigningKey: vaultSigner.fresh,
    signFacts: facts => {
      const publicKeys = facts.facts.keypairs.map(({ publicKey }) => publicKey);
      if (!equalBytes(validatorsDigest(publicKeys), validators))
        throw changedMeanwhile(`${publicKeys.length} instead of ${plan.activeAfterwards.length}`);
      const history = readHistory(vaultSigner.signer, context, {
        before: facts.before,
        isExpected: vaultSigner.fresh === undefined && vault.manifestCounter > 0n,
      });
      outcome.plan = planStateOf(history, facts.planBefore);
      return signFacts(history, facts, outcome.plan === 'signed' ? facts.planAfter : null);
    },
    assignNewKeys: (stored, newKeys) => assignAdded(stored.assignments, newKeys, stored.totalClients),
    audit: {
      actor: auditActor(),
      command: 'remote-db upload-keypairs',
      network: ref.network.name,
      vault: context.vault,
      counts: {
        keystores: plan.publicKeys.length,
        stored: upload.stored,
        oracles: oracleSet.publicKeys.length,
      },
    },
  });
  // Whoever only uploads has not looked at the plan: a changed one must not become genuine by that.
  if (outcome.plan === 'changed') {
    warn(
      'The plan of validator clients was changed without the encryption key and is not signed any more; "remote-db assign --encrypt-key-file" shows it and signs it.',
    );
  }
}
