import {
  type AssignmentPlan,
  assertIntact,
  findAssignmentPlan,
  type StoredPlan,
  updateAssignmentPlan,
} from '../../db/assignments.ts';
import { appendAuditEntry } from '../../db/audit-log.ts';
import { type Database, inSnapshot, inTransaction, type Session } from '../../db/database.ts';
import { listValidatorPublicKeys, noKeypairs } from '../../db/keypairs.ts';
import type { VaultFacts } from '../../db/vaults.ts';
import {
  assignAdded,
  assignContiguous,
  assignLikeReference,
  countMoves,
  reassign,
} from '../../domain/fleet/assignment.ts';
import { validatorsDigest } from '../../domain/fleet/fact-digests.ts';
import { compareBytes, equalBytes, toHex } from '../../lib/bytes.ts';
import { DifferencesError, ExternalError, OperatorError } from '../../lib/errors.ts';
import { nameList } from '../../lib/name-list.ts';
import { auditActor } from '../remote-db/audit-actor.ts';
import { requireVault, type VaultRef, vaultContext } from '../remote-db/vault-ref.ts';

export interface AssignKeysOptions {
  readonly ref: VaultRef;
  readonly totalClients: number;
  /** The Python operator's ranges instead of equal ones: of v1.0.0 and v1.0.1 (floor), or of v1.0.2 and later (ceil). */
  readonly likeReference?: 'floor' | 'ceil' | undefined;
  /** Lets keys move to other clients. */
  readonly reassign: boolean;
  /**
   * Whether the stored plan may be gone on from; left out, it may. One that may not is refused, or with `reassign` replaced by
   * another. It must not use the database.
   */
  readonly isTrusted?: ((stored: StoredPlan, publicKeys: readonly Uint8Array[]) => boolean) | undefined;
  /** Is told the plan before it is stored; what it throws undoes everything. It must not use the database. */
  readonly accept?: ((plan: AssignmentPlan) => void) | undefined;
  /** Decides, and stores nothing. */
  readonly check?: boolean | undefined;
}

export interface AssignKeysResult {
  readonly vault: VaultFacts;
  readonly plan: AssignmentPlan;
  /** Whether the plan was stored or changed now, or with `check` would be. */
  readonly isNew: boolean;
  readonly movedKeys: number;
  /** Validator clients of the plan that was stored before; undefined when none was. */
  readonly clientsBefore: number | undefined;
}

/**
 * Stores which validator client runs which key, or finds that it is stored: then nothing is written or locked, which a role
 * that may only read can do. Of two first calls at once one decides, and both get its plan.
 * @throws DifferencesError 'keys-would-move' with their number, or 'plan-not-signed', unless `reassign`; OperatorError
 *   'no-keypairs', 'keypairs-incomplete', 'assignments-incomplete', 'assignments-changed'; ExternalError
 *   'db-permission-denied' when there is something to store and the role may not
 */
export async function assignKeys(database: Database, options: AssignKeysOptions): Promise<AssignKeysResult> {
  const vault = await requireVault(database, options.ref);
  const decided = await inSnapshot(database, session => decideWithin(session, vault, options));
  const isStored = decided.clientsBefore !== undefined;
  if (options.check || !decided.isNew) return decided;
  return inTransaction(database, transaction => storeDecided(transaction, vault, options)).catch(
    (error: unknown) => {
      throw tellWhoMayStore(error, options, isStored);
    },
  );
}

/** What would be stored, by what a session that only reads sees. */
async function decideWithin(
  session: Session,
  vault: VaultFacts,
  options: AssignKeysOptions,
): Promise<AssignKeysResult> {
  const stored = await findAssignmentPlan(session, vault.vaultId);
  const publicKeys = await listValidatorPublicKeys(session, vault.vaultId);
  const decided = decide(vault, stored, publicKeys, options);
  const plan = decided ?? stored;
  if (plan === undefined) throw new Error('nothing is stored, and nothing was decided');
  const movedKeys = stored && decided ? countMoves(stored.assignments, decided.assignments) : 0;
  return { vault, plan, isNew: decided !== undefined, movedKeys, clientsBefore: stored?.totalClients };
}

/**
 * Like {@link assignKeys}, as a part of a transaction that keeps every other writer of the vault out; with `check` one that
 * reads is enough.
 */
export async function assignKeysWithin(
  transaction: Session,
  options: AssignKeysOptions,
): Promise<AssignKeysResult> {
  const vault = await requireVault(transaction, options.ref);
  return options.check
    ? decideWithin(transaction, vault, options)
    : storeDecided(transaction, vault, options);
}

/** Decides again, now that every other writer is kept out. */
async function storeDecided(
  transaction: Session,
  vault: VaultFacts,
  options: AssignKeysOptions,
): Promise<AssignKeysResult> {
  let movedKeys = 0;
  let clientsBefore: number | undefined;
  const { plan, updated } = await updateAssignmentPlan(transaction, vault.vaultId, (current, publicKeys) => {
    const decided = decide(vault, current, publicKeys, options);
    clientsBefore = current?.totalClients;
    movedKeys = current && decided ? countMoves(current.assignments, decided.assignments) : 0;
    return decided;
  });
  if (plan === undefined) throw new Error('a plan that was just stored is missing');
  if (updated) {
    await appendAuditEntry(transaction, {
      actor: auditActor(),
      command: 'remote-db assign',
      network: options.ref.network.name,
      vault: vaultContext(options.ref).vault,
      counts: { clients: plan.totalClients, keys: plan.assignments.length, moved: movedKeys },
    });
  }
  return { vault, plan, isNew: updated, movedKeys, clientsBefore };
}

/** The plan to store, or undefined where the stored one is right. Both are checked, and shown to who may refuse them. */
function decide(
  vault: VaultFacts,
  stored: StoredPlan | undefined,
  publicKeys: readonly Uint8Array[],
  options: AssignKeysOptions,
): AssignmentPlan | undefined {
  assertAllKeys(vault, publicKeys);
  const isTrusted = stored === undefined || (options.isTrusted?.(stored, publicKeys) ?? true);
  if (stored !== undefined && !isTrusted && !options.reassign) throw planNotSigned(stored);
  const decided = decidePlan(isTrusted ? stored : undefined, publicKeys, options);
  const plan = decided ?? stored;
  if (plan !== undefined) options.accept?.(plan);
  return decided;
}

/** Files of a validator client are written by a role that may not decide which keys it runs. */
function tellWhoMayStore(error: unknown, options: AssignKeysOptions, isStored: boolean): unknown {
  if (!(error instanceof ExternalError) || error.code !== 'db-permission-denied') return error;
  const why = isStored
    ? 'The stored plan of validator clients would change'
    : 'No plan of validator clients is stored yet';
  const assign = `remote-db assign --total-validators ${options.totalClients}`;
  const next = options.reassign
    ? `stop the validator clients that lose keys, then run "${assign} --reassign"`
    : `run "${assign}"`;
  return new ExternalError(error.code, error.message, {
    hint: `${why}: ${next} with the uploader's role of "remote-db grants" first.`,
    cause: error,
  });
}

/**
 * Insists that a plan names validators of the vault and clients that there are: whoever writes to the database can make any
 * plan look as it was stored.
 * @throws OperatorError 'assignments-changed'
 */
function assertPlanOfKeys(plan: AssignmentPlan, publicKeys: readonly Uint8Array[]): void {
  const active = new Set(publicKeys.map(toHex));
  const stray = plan.assignments.find(
    ({ publicKey, clientIndex }) => clientIndex >= plan.totalClients || !active.has(toHex(publicKey)),
  );
  if (stray === undefined) return;
  throw new OperatorError(
    'assignments-changed',
    `The stored plan gives ${toHex(stray.publicKey)} to validator ${stray.clientIndex} of ${plan.totalClients}: there is no such validator client, or no such key.`,
    {
      hint: 'Stop the validator clients, then run "remote-db assign --reassign" or restore the database from a backup.',
    },
  );
}

/**
 * Compares the active keys with the digest that the last upload stored.
 * @throws OperatorError 'no-keypairs', 'keypairs-incomplete'
 */
function assertAllKeys(vault: VaultFacts, publicKeys: readonly Uint8Array[]): void {
  // An upload between the vault's row and its keys changes both; the next run sees them together.
  if (
    vault.validatorsDigest === null ||
    (publicKeys.length === 0 && equalBytes(vault.validatorsDigest, validatorsDigest([])))
  ) {
    throw noKeypairs();
  }
  if (equalBytes(vault.validatorsDigest, validatorsDigest(publicKeys))) return;
  throw new OperatorError(
    'keypairs-incomplete',
    'The public keys in the remote db are not those of the last upload: some were removed, added or changed.',
    { hint: 'If an upload ended just now, run the command again; else run "remote-db verify".' },
  );
}

function decidePlan(
  stored: StoredPlan | undefined,
  publicKeys: readonly Uint8Array[],
  options: AssignKeysOptions,
): AssignmentPlan | undefined {
  const { totalClients, likeReference } = options;
  const fresh = () =>
    likeReference === undefined
      ? assignContiguous(publicKeys, totalClients)
      : assignLikeReference(publicKeys, totalClients, likeReference);
  if (stored === undefined) return { totalClients, assignments: fresh() };
  // As nearly always. Then no key needs to be looked for by its hex digits, which is most of the work for ten thousand.
  const isWhole = givesEachKey(stored, publicKeys);
  if (!options.reassign) {
    assertIntact(stored);
    if (!isWhole) assertPlanOfKeys(stored, publicKeys);
  }
  const complete = isWhole ? stored : completePlan(stored, publicKeys, options);
  const assignments = likeReference === undefined ? reassignIfNeeded(complete, options) : fresh();
  const isKept = isWhole && assignments === stored.assignments;
  const moves = isKept ? 0 : countMoves(stored.assignments, assignments);
  if (moves > 0 && !options.reassign) throw keysWouldMove(stored, totalClients, moves);
  const isSame =
    moves === 0 && totalClients === stored.totalClients && complete === stored && stored.isIntact;
  return isSame ? undefined : { totalClients, assignments };
}

/** Whether a plan gives each key, once, to a client that there is; both lists are in the order of the public keys. */
function givesEachKey(
  { totalClients, assignments }: AssignmentPlan,
  publicKeys: readonly Uint8Array[],
): boolean {
  if (assignments.length !== publicKeys.length) return false;
  let before: Uint8Array = new Uint8Array();
  return assignments.every(({ publicKey, clientIndex }, place) => {
    const isNext = compareBytes(before, publicKey) < 0;
    before = publicKey;
    return isNext && clientIndex < totalClients && equalBytes(publicKey, publicKeys[place] ?? before);
  });
}

/** Every active key has a client: an upload sees to that. A row that is missing was lost. */
function completePlan(
  stored: AssignmentPlan,
  publicKeys: readonly Uint8Array[],
  { reassign: mayMove }: AssignKeysOptions,
): AssignmentPlan {
  const active = new Set(publicKeys.map(toHex));
  const sound = stored.assignments.filter(
    ({ publicKey, clientIndex }) => clientIndex < stored.totalClients && active.has(toHex(publicKey)),
  );
  const assigned = new Set(sound.map(({ publicKey }) => toHex(publicKey)));
  const unassigned = publicKeys.filter(publicKey => !assigned.has(toHex(publicKey)));
  if (unassigned.length === 0 && sound.length === stored.assignments.length) return stored;
  if (!mayMove) {
    throw new OperatorError(
      'assignments-incomplete',
      `${unassigned.length} keys have no validator client in the stored plan, first ${nameList(unassigned.map(toHex))}.`,
      { hint: 'Their rows were lost. Stop the validator clients, then run "remote-db assign --reassign".' },
    );
  }
  const added = assignAdded(sound, unassigned, stored.totalClients);
  return { totalClients: stored.totalClients, assignments: [...sound, ...added] };
}

function reassignIfNeeded(stored: AssignmentPlan, options: AssignKeysOptions) {
  return stored.totalClients === options.totalClients
    ? stored.assignments
    : reassign(stored.assignments, options.totalClients);
}

function planNotSigned({ totalClients, assignments }: AssignmentPlan): DifferencesError {
  const counts = Array.from(
    { length: Math.min(totalClients, 10) },
    (_, client) => assignments.filter(({ clientIndex }) => clientIndex === client).length,
  );
  const more = totalClients > counts.length ? ', …' : '';
  return new DifferencesError(
    'plan-not-signed',
    `The stored plan of ${totalClients} validator clients (${counts.join(', ')}${more} keys) was stored or changed without the encryption key, and is not signed.`,
    {
      hint: 'Compare it with the files of the validator clients. If it is right, repeat with --trust-stored; if not, stop all of them and repeat with --reassign, which makes another.',
    },
  );
}

function keysWouldMove(stored: AssignmentPlan, totalClients: number, moves: number): DifferencesError {
  return new DifferencesError(
    'keys-would-move',
    `The keys are assigned to ${stored.totalClients} validator clients; with ${totalClients}, ${moves} of ${stored.assignments.length} keys would move to another client.`,
    {
      hint: `Give --total-validators ${stored.totalClients}. To change it, stop the clients that lose keys first, wait two epochs, then run "remote-db assign --total-validators ${totalClients} --reassign".`,
    },
  );
}

/**
 * Insists, after a check, that the plan is stored as it would be: what a deployment asks before it starts another number of
 * validator clients.
 * @throws DifferencesError 'plan-would-change'
 */
export function assertPlanStored({ plan, isNew, movedKeys, clientsBefore }: AssignKeysResult): void {
  if (!isNew) return;
  const { totalClients, assignments } = plan;
  if (clientsBefore === undefined) {
    throw new DifferencesError(
      'plan-would-change',
      `No plan of validator clients is stored yet; one for ${totalClients} would be.`,
      { hint: `Run "remote-db assign --total-validators ${totalClients}".` },
    );
  }
  const next = 'run the command without --check or --dry-run.';
  throw new DifferencesError(
    'plan-would-change',
    `The stored plan of ${clientsBefore} validator clients would become one of ${totalClients}: ${movedKeys} of ${assignments.length} keys would move.`,
    {
      hint:
        movedKeys === 0
          ? `R${next.slice(1)}`
          : `Stop the clients that lose keys first and wait two epochs, then ${next}`,
    },
  );
}
