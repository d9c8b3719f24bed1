import { ACCEPTED_BY_UPLOADS } from '../../db/accepted-oracle-sets.ts';
import { activateUpload } from '../../db/activate-upload.ts';
import type { Database } from '../../db/database.ts';
import { pruneShares } from '../../db/key-shares.ts';
import { withVaultLock } from '../../db/locks.ts';
import { listRetiredKeys } from '../../db/retired-keys.ts';
import type { DepositList } from '../../domain/consensus/deposit-list.ts';
import { assignAdded } from '../../domain/fleet/assignment.ts';
import { validatorsDigest } from '../../domain/fleet/fact-digests.ts';
import { ManifestMac } from '../../domain/keys/manifest.ts';
import { computeOracleSetMac } from '../../domain/keys/oracle-set-mac.ts';
import { computeProofMac } from '../../domain/keys/upload-proof.ts';
import type { OracleSet } from '../../domain/protocol/oracle-config.ts';
import { equalBytes, type Hex } from '../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import type { ProgressReporter } from '../../lib/progress.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import {
  type AcceptedOracleSet,
  type AcceptedOracleSets,
  openAcceptedOracleSets,
} from '../oracles/accepted-oracle-sets.ts';
import { auditActor } from './audit-actor.ts';
import type { StoreTarget } from './batch-writer.ts';
import { assertKeysAtHand, startDepositCheck } from './check-deposit-data.ts';
import { assertNextIsFree, changesVault, type NextEntryDeps } from './check-next-entry.ts';
import type { KeySource } from './key-source.ts';
import {
  assertKnown,
  changedMeanwhile,
  countReplacedOnly,
  planUpload,
  type UploadPlan,
} from './plan-upload.ts';
import { proveKeys } from './prove-keys.ts';
import { assertReplaceable, type ProvenUpload, proveUpload } from './prove-upload.ts';
import { type PlanState, planStateOf, readHistory, signFacts } from './statements/sign-facts.ts';
import { openVaultSigner, type VaultSigner } from './statements/vault-signing-key.ts';
import { storeKeys, storeSharesAnew } from './store-keypairs.ts';
import { type UnlockedVault, unlockVault, type VaultRef } from './unlock-vault.ts';
import { readUploadedState } from './uploaded-state.ts';

export interface UploadDeps extends NextEntryDeps {
  readonly database: Database;
  readonly pool: WorkerPool;
  readonly progress: ProgressReporter;
  /** Root that the chain has for the vault's deposit data; null when none is set. */
  readonly fetchDepositDataRoot: () => Promise<Uint8Array | null>;
  /** Fetches the oracle set, given the memory of what uploads under this encryption key have accepted. */
  readonly fetchOracleSet: (accepted: AcceptedOracleSets) => Promise<OracleSet>;
  /** Lines of the manual. */
  readonly say: (line: string) => void;
  /** Takes what is to be said when the work is interrupted from now on. */
  readonly whenInterrupted?: ((kept: string) => void) | undefined;
}

export interface UploadOptions {
  readonly ref: VaultRef;
  readonly encryptKey: string;
  /** Finds the keys to upload. */
  readonly findKeys: () => Promise<KeySource>;
  readonly depositData: DepositList;
  /** Removes oracle sets that are no longer anybody's. */
  readonly pruneShares: boolean;
  /** Uploads other keys or deposit data also when the next entry of the deposit data is registered already. */
  readonly allowRegistered: boolean;
  /** Goes through all of it, and stores nothing. */
  readonly check?: boolean | undefined;
  /** What the audit log calls the command. */
  readonly command: string;
  /** How long another upload of this vault is waited for. */
  readonly lockTimeoutMs: number;
}

/** What readers see before and after an upload. */
interface UploadPreview {
  readonly validatorsBefore: number;
  readonly validatorsAfterwards: number;
  readonly isOtherDepositData: boolean;
}

export interface UploadResult {
  readonly keys: number;
  /** Keypairs whose key or shares were stored by this run, or with `check` would be; the others were complete. */
  readonly stored: number;
  readonly shares: number;
  readonly oracles: number;
  readonly threshold: number;
  readonly prunedShares: number;
  readonly preview: UploadPreview;
  /** The key that has signed what readers see now, 32 bytes. */
  readonly verifyingKey: Uint8Array;
}

/**
 * Puts the vault's keys and their shares of the current oracle set into the remote database. Batches are committed
 * as they are ready and seen by nobody; the last transaction makes all of it current at once. Can be killed anywhere
 * and run again.
 * @throws OperatorError for whatever is wrong with key, database, keys, deposit data, chain or oracle configuration;
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
  opened: UnlockedVault,
): Promise<UploadResult> {
  const { database, say } = deps;
  const { ref, depositData } = options;
  const state = await readUploadedState(database, opened, ref.network.genesisForkVersion);
  const unlocked = { ...opened, vault: state.vault };
  const vaultSigner = await openVaultSigner(database, unlocked);
  const provenRoot = state.provenRootOf(depositData.text.digest);
  using depositCheck = startDepositCheck(deps.pool, ref, { list: depositData, provenRoot });
  const keys = await options.findKeys();
  const root = await depositCheck.rootOf(await fetchRoot(deps, options));
  depositData.letGoOfProofs();
  await assertNextIsFree(deps, {
    depositData,
    root,
    isChange: changesVault(state, { root, keys }),
    isAllowed: options.allowRegistered,
  });
  say('Fetching oracles config...');
  const accepted = rememberLater(acceptedSets(deps, options, unlocked));
  const oracleSet = await deps.fetchOracleSet(accepted);
  const { vault, visible, known } = state;
  const plan = await planUpload(database, vault, { oracleSet, keys, visible });
  assertKeysAtHand(depositData, plan.activeAfterwards, keys.noun);
  warnOfUnlistedKeys(deps, options, keys);
  await warnOfRetiredKeys(deps, vault.vaultId, keys);

  say(`Calculating and encrypting shares for ${keys.length} ${keys.noun}...`);
  const target = { unlocked, oracleSet, known, check: options.check };
  if (!options.check) {
    deps.whenInterrupted?.(
      'Readers see what they saw before. Keypairs that were stored already stay in the database, seen by nobody: run the same command again, and it goes on with the others.',
    );
  }
  const { stored: added, unopened } = await storeMissing(deps, target, plan, keys);
  const { visibleDigest } = state;
  const upload = { plan, keys, unopened, visibleDigest };
  // What was not stored cannot be read back: of a check, only one that would store nothing is proven from what readers would see.
  const isUnstored = options.check && added + unopened.size > 0;
  if (isUnstored) assertReplaceable(unopened, keys);
  const proven = isUnstored ? undefined : await proveUpload(deps, target, upload);
  const replacements = proven?.replacements ?? [];
  if (replacements.length > 0) {
    deps.warn(
      `The rows of ${replacements.length} validators in the remote db were not what was written; they ${options.check ? 'would be' : 'are'} replaced from the ${keys.noun}.`,
    );
  }
  const { publicKeys: others } = await proveKeys(deps, unlocked, {
    verifyingKey: vaultSigner.signer.verifyingKey,
    except: keys.publicKeys,
  });
  assertKnown(plan, { uploaded: keys.publicKeys, proven: others });
  const stored = added + countReplacedOnly(plan, keys, { unopened, replaced: replacements });
  let pruned = 0;
  if (!options.check && proven !== undefined) {
    say('Uploading updates to the remote db...');
    deps.whenInterrupted?.(
      'Readers see all of this upload by now, or what they saw before. Run the same command again: it does what is missing, if anything is.',
    );
    await accepted.settle();
    await activate(deps, options, unlocked, { oracleSet, root, plan, stored, proven, vaultSigner });
    deps.whenInterrupted?.(
      `Readers see all of this upload.${options.pruneShares ? ' Shares that nobody uses may be there still: run the same command again.' : ' Nothing is left to do.'}`,
    );
    if (options.pruneShares) pruned = (await pruneShares(database, vault.vaultId)).shares;
  }
  const { depositDataRoot } = vault;
  return {
    keys: keys.length,
    stored,
    shares: keys.length * oracleSet.publicKeys.length,
    oracles: oracleSet.publicKeys.length,
    threshold: oracleSet.threshold,
    prunedShares: pruned,
    preview: {
      validatorsBefore: visible.length,
      validatorsAfterwards: plan.activeAfterwards.length,
      isOtherDepositData: depositDataRoot === null || !equalBytes(depositDataRoot, root),
    },
    verifyingKey: vaultSigner.signer.verifyingKey,
  };
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

/** Remembered under the encryption key, which the database does not hold. */
function acceptedSets(
  { database, warn }: UploadDeps,
  { ref: { network, address } }: UploadOptions,
  { encryptionKey }: UnlockedVault,
): AcceptedOracleSets {
  const mac = async (record: Uint8Array) => computeOracleSetMac(encryptionKey, record);
  return openAcceptedOracleSets(
    { database, mac, warn },
    {
      chainId: network.chainId,
      vault: address,
      keeper: network.contracts.keeper,
      acceptedBy: ACCEPTED_BY_UPLOADS,
    },
  );
}

/** Writes nothing down until `settle` is called: an upload that is refused changes nothing. */
function rememberLater(sets: AcceptedOracleSets): AcceptedOracleSets & { settle(): Promise<void> } {
  let accepted: AcceptedOracleSet | undefined;
  return {
    find: () => sets.find(),
    async remember(set) {
      accepted = set;
    },
    async settle() {
      if (accepted !== undefined) await sets.remember(accepted);
    },
  };
}

/** Keys of validators that were registered from earlier deposit data; worth a word, since a wrong file looks the same. */
function warnOfUnlistedKeys(
  deps: UploadDeps,
  { depositData }: UploadOptions,
  { noun, publicKeys, length }: KeySource,
): void {
  let unlisted = 0;
  for (let place = 0; place < length; place++) {
    if (!depositData.publicKeys.has(publicKeys.at(place))) unlisted += 1;
  }
  if (unlisted > 0) deps.warn(`${unlisted} of ${length} ${noun} are not in ${depositData.path}.`);
}

/** Keystores say nothing of what the beacon chain says of their validators: an upload brings no retired key back. */
async function warnOfRetiredKeys(
  { database, warn }: UploadDeps,
  vaultId: number,
  { noun, publicKeys, length }: KeySource,
): Promise<void> {
  const retired = await listRetiredKeys(database, vaultId);
  const count = Iterator.from(retired).reduce(
    (sum, { publicKey }) => sum + (publicKeys.has(publicKey) ? 1 : 0),
    0,
  );
  if (count === 0) return;
  warn(
    `${count} of ${length} ${noun} are of retired keys, which stay retired; "remote-db prune --undo" brings them back.`,
  );
}

async function storeMissing(
  deps: UploadDeps,
  target: StoreTarget,
  { fresh, stale }: UploadPlan,
  keys: KeySource,
): Promise<{ stored: number; unopened: ReadonlySet<Hex> }> {
  const total = fresh.length + stale.length / PUBLIC_KEY_LENGTH;
  if (total === 0) return { stored: 0, unopened: new Set() };
  const bar = deps.progress.start('Encrypting keypairs', total, { lanes: deps.pool.size });
  const { stored, unopened } = await storeSharesAnew(deps, target, stale, bar);
  const added = await storeKeys(deps, target, keys.jobsOf(fresh), bar);
  bar.finish();
  return { stored: stored + added, unopened };
}

async function activate(
  { database, warn }: UploadDeps,
  { ref, depositData, command }: UploadOptions,
  { vault, encryptionKey, context }: UnlockedVault,
  upload: {
    readonly oracleSet: OracleSet;
    readonly root: Uint8Array;
    readonly plan: UploadPlan;
    readonly stored: number;
    readonly proven: ProvenUpload;
    readonly vaultSigner: VaultSigner;
  },
): Promise<void> {
  const { oracleSet, root, plan, vaultSigner } = upload;
  const validators = validatorsDigest([plan.activeAfterwards.flat()]);
  const outcome: { plan: PlanState } = { plan: 'none' };
  await activateUpload(database, {
    vaultId: vault.vaultId,
    expectedManifestCounter: vault.manifestCounter,
    publicKeys: plan.publicKeys,
    oracleSet,
    replacements: upload.proven.replacements,
    rowsDigest: upload.proven.rowsDigest,
    depositData: { root, text: depositData.text, entryCount: depositData.length },
    startManifest: head => new ManifestMac(encryptionKey, context, head),
    freshSigningKey: vaultSigner.fresh,
    signFacts: facts => {
      const { validatorCount } = facts.facts;
      if (!equalBytes(facts.facts.validatorsDigest, validators))
        throw changedMeanwhile(`${validatorCount} instead of ${plan.activeAfterwards.length}`);
      const history = readHistory(vaultSigner.signer, context, {
        before: facts.before,
        isExpected: vaultSigner.fresh === undefined && vault.manifestCounter > 0n,
      });
      outcome.plan = planStateOf(history, facts.planBefore);
      return signFacts(history, facts, outcome.plan === 'signed' ? facts.planAfter : null);
    },
    sealProof: facts =>
      computeProofMac(encryptionKey, context, {
        manifestCounter: facts.manifestCounter,
        manifestMac: facts.manifestMac,
        rowsDigest: facts.rowsDigest,
        depositDataRoot: root,
        documentDigest: facts.documentDigest,
        genesisForkVersion: ref.network.genesisForkVersion,
      }),
    assignNewKeys: (stored, newKeys) => assignAdded(stored.assignments, newKeys, stored.totalClients),
    audit: {
      actor: auditActor(),
      command,
      network: ref.network.name,
      vault: context.vault,
      counts: {
        keystores: plan.publicKeys.length / PUBLIC_KEY_LENGTH,
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
