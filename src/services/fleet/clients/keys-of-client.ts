import { join } from 'node:path';
import type { AssignmentPlan } from '../../../db/assignments.ts';
import { decideRemovals, type RemovalPolicy } from '../../../domain/fleet/removals.ts';
import { VALIDATOR_FILES } from '../../../domain/fleet/validator-clients.ts';
import { CLIENT_KEYS, findRemoved } from '../../../domain/fleet/written-keys.ts';
import { compareBytes, fromHex, type Hex, toHex } from '../../../lib/bytes.ts';
import { DifferencesError } from '../../../lib/errors.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { nameList } from '../../../lib/name-list.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import type { FoundRetiredKeys } from '../../remote-db/retired/read-retired-keys.ts';
import { readKeysOfFile } from '../keys-of-file.ts';

export interface ClientKeysOptions {
  readonly directory: string;
  /** {@link readPresentKeys} of it. */
  readonly present: RecordTable;
  readonly clientIndex: number;
  readonly removals: RemovalPolicy;
  /** Keys may move to other clients: whoever asked for that has stopped this one. */
  readonly mayMove: boolean;
  /** Keys that no client needs any more. */
  readonly retired: FoundRetiredKeys;
}

export interface ClientKeys {
  /** Public keys of the client, in order. */
  readonly publicKeys: readonly Uint8Array[];
  /** Keys that no file has yet. */
  readonly added: readonly Hex[];
  /** Keys that the files have and lose, and how many. */
  readonly removed: readonly Hex[];
  readonly removedKeys: number;
  /** Keys that are no longer the vault's and stayed, by `--removals keep`. */
  readonly keptKeys: number;
  /** Keys that the plan gives to the client and that are left out, since they are retired. */
  readonly retiredKeys: number;
  readonly warnings: readonly string[];
}

/**
 * The keys that a validator client's files are to have: those of the plan, compared with the files that are there. Nobody
 * needs an encryption key to change a plan, so the files are the witness: too many keys that go are a hollowed database, or
 * another client's gain. Keys that are retired go without question where that is signed.
 * @throws DifferencesError 'too-many-removals'; 'keys-of-another-client' when keys that are another client's now were to be
 *   kept
 */
export function chooseClientKeys(plan: AssignmentPlan, options: ClientKeysOptions): ClientKeys {
  const { directory, present, clientIndex, removals: policy, retired } = options;
  const isRetired = (publicKey: Uint8Array) => retired.keys.isTakenFrom('clients', publicKey);
  const own = plan.assignments.filter(assignment => assignment.clientIndex === clientIndex);
  const planned = own.map(({ publicKey }) => publicKey).filter(publicKey => !isRetired(publicKey));
  const retiredKeys = own.length - planned.length;
  const removed = findRemoved(present, planned);
  const clientOf = new Map(
    removed.length === 0
      ? []
      : plan.assignments
          .filter(({ publicKey }) => !isRetired(publicKey))
          .map(each => [toHex(each.publicKey), each.clientIndex]),
  );
  const moved = removed.filter(key => clientOf.has(key));
  // A row that nothing proves takes a key away no more easily than any other change of the database.
  const isUnquestioned = (key: Hex) =>
    (options.mayMove && clientOf.has(key)) || (retired.isProven && isRetired(bytesOf(key)));
  const questioned = removed.filter(key => !isUnquestioned(key));
  const decision = decideRemovals({
    before: present.length - (retired.isProven ? removed.filter(key => isRetired(bytesOf(key))).length : 0),
    removed: questioned.length,
    named: questioned,
    policy,
    from: `the files of this validator client in ${directory}${describeMoves(moved, clientOf)}`,
    hint: 'Check that this is the right database, vault and --validator-index; if the keys are to go, stop this client and repeat with --removals allow.',
  });
  const added = planned.filter(publicKey => !present.has(publicKey)).map(toHex);
  const warnings = [...warnOfGrowth(present, added)];
  if (decision === 'remove') {
    const removedKeys = removed.length;
    return { publicKeys: planned, added, removed, removedKeys, keptKeys: 0, retiredKeys, warnings };
  }
  if (moved.length > 0 && !options.mayMove) throw keysOfAnotherClient(moved, clientOf);
  const isGone = (key: Hex) => clientOf.has(key) || isUnquestioned(key);
  const kept = removed.filter(key => !isGone(key)).map(bytesOf);
  const gone = removed.filter(isGone);
  warnings.push(
    `${kept.length} of ${present.length} keys in ${directory} are no longer this vault's and were kept; --removals allow removes them.`,
  );
  return {
    publicKeys: [...planned, ...kept].sort(compareBytes),
    added,
    removed: gone,
    removedKeys: gone.length,
    keptKeys: kept.length,
    retiredKeys,
    warnings,
  };
}

function bytesOf(publicKey: Hex): Uint8Array {
  return fromHex(publicKey, PUBLIC_KEY_LENGTH);
}

/** Keys of the files that are there, by whomever they were written. */
export async function readPresentKeys(directory: string): Promise<RecordTable> {
  const present = new RecordTable(PUBLIC_KEY_LENGTH);
  for (const name of VALIDATOR_FILES.filter(name => name.endsWith('.yml'))) {
    const found = await readKeysOfFile(join(directory, name), CLIENT_KEYS);
    for (let place = 0; place < found.length; place++) present.add(found.at(place));
  }
  return present;
}

/** No brake can tell new keys from another client's; what is certain is that somebody should know. */
function warnOfGrowth(present: RecordTable, added: readonly Hex[]): string[] {
  if (present.length === 0 || added.length * 10 <= present.length) return [];
  return [
    `This validator client gets ${added.length} keys beside the ${present.length} in its files: if another client has run them so far, stop that one first. --vault-public-key proves the plan.`,
  ];
}

function describeMoves(moved: readonly Hex[], clientOf: ReadonlyMap<Hex, number>): string {
  if (moved.length === 0) return '';
  return ` (${moved.length} of them are ${clientsOf(moved, clientOf)} now)`;
}

function keysOfAnotherClient(moved: readonly Hex[], clientOf: ReadonlyMap<Hex, number>): DifferencesError {
  return new DifferencesError(
    'keys-of-another-client',
    `${moved.length} keys of these files, such as ${nameList(moved)}, are ${clientsOf(moved, clientOf)} now: kept here, they would run on two clients. Nothing was changed.`,
    {
      hint: 'Stop this client and repeat with --removals allow, or see "remote-db assign" for the plan.',
    },
  );
}

function clientsOf(moved: readonly Hex[], clientOf: ReadonlyMap<Hex, number>): string {
  const clients = [...new Set(moved.map(key => clientOf.get(key)))].sort((a, b) => (a ?? 0) - (b ?? 0));
  return `those of ${clients.length > 1 ? 'validators' : 'validator'} ${nameList(clients)}`;
}
