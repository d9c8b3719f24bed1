import type { BeaconNode, BeaconValidator } from '../../clients/beacon/beacon-node.ts';
import type { SignerClient } from '../../clients/signer/signer-client.ts';
import { verifySignature } from '../../domain/consensus/bls.ts';
import {
  type ExitMessage,
  type ExitNetwork,
  exitSigningRoot,
  FAR_FUTURE_EPOCH,
} from '../../domain/consensus/exit-message.ts';
import type { RemoteSignerConfig } from '../../domain/fleet/remote-signer-config.ts';
import { findExitKeys, knownShares, type SigningKeys } from '../../domain/fleet/signing-ability.ts';
import type { PointCombiner } from '../../domain/protocol/point-combiner.ts';
import { equalBytes, fromHex, type Hex, toHex } from '../../lib/bytes.ts';
import { ExternalError, OperatorError, UsageError } from '../../lib/errors.ts';
import { ADDRESS_LENGTH } from '../../lib/lengths.ts';
import { nameList } from '../../lib/name-list.ts';
import type { ProgressReporter } from '../../lib/progress.ts';
import { type Network, withdrawalAddresses } from '../../networks/network.ts';

/** `SHARD_COMMITTEE_PERIOD` of the consensus specification: how long a validator is active before it may exit. */
const SHARD_COMMITTEE_PERIOD = 256n;

export interface PlanExitsOptions {
  /** Checksummed. */
  readonly vault: string;
  readonly network: Pick<Network, 'contracts'>;
  /** Keys that can be signed with, 48 bytes each. */
  readonly publicKeys: readonly Uint8Array[];
  /** How many validators are exited at most, those of the lowest indexes. */
  readonly count: number | undefined;
  /** Exactly these. */
  readonly indexes: readonly bigint[] | undefined;
}

interface RefusedExit {
  readonly validator: BeaconValidator;
  readonly reason: string;
}

export interface ExitPlan {
  /** Validators that are to be exited, by index. */
  readonly validators: readonly BeaconValidator[];
  /** Validators that have left, or are on their way out. */
  readonly exited: readonly BeaconValidator[];
  /** Validators whose exit the chain would not take now. */
  readonly refused: readonly RefusedExit[];
  /** Validators that the chain knows, but not with this vault's withdrawal credentials. */
  readonly foreign: number;
}

/**
 * Which of the vault's validators can exit now; reads only.
 * @throws OperatorError 'no-active-validators', 'exit-not-possible' with every reason when an index asked for cannot
 *   exit; UsageError 'unknown-validator'
 */
export async function planExits(node: BeaconNode, options: PlanExitsOptions): Promise<ExitPlan> {
  const found = await node.fetchValidators(options.publicKeys);
  const [currentEpoch, pendingWithdrawals] = await Promise.all([
    node.fetchCurrentEpoch(),
    node.fetchPendingPartialWithdrawals(),
  ]);
  const addresses = withdrawalAddresses(options.network, options.vault).map(address =>
    fromHex(address, ADDRESS_LENGTH),
  );
  const all = [...found.values()].sort((a, b) => (a.index < b.index ? -1 : 1));
  const isOwn = ({ withdrawalCredentials }: BeaconValidator) =>
    addresses.some(address => equalBytes(withdrawalCredentials.subarray(12), address));
  const own = all.filter(isOwn);
  const wanted = options.indexes === undefined ? own : pickIndexes(own, options.indexes);
  const exited = wanted.filter(isExiting);
  const refused: RefusedExit[] = [];
  const validators: BeaconValidator[] = [];
  for (const validator of wanted.filter(one => !isExiting(one))) {
    const reason = reasonAgainst(validator, currentEpoch, pendingWithdrawals);
    if (reason === undefined) validators.push(validator);
    else refused.push({ validator, reason });
  }
  if (options.indexes !== undefined && refused.length > 0) throw exitNotPossible(refused);
  if (validators.length === 0 && exited.length === 0) {
    throw refused.length > 0 ? exitNotPossible(refused) : noActiveValidators(options.vault);
  }
  return {
    validators: validators.slice(0, options.count),
    exited,
    refused,
    foreign: all.length - own.length,
  };
}

export interface ExitValidatorsDeps {
  readonly node: BeaconNode;
  readonly signer: Pick<SignerClient, 'signExit' | 'signExits'>;
  readonly loadCombiner: () => Promise<PointCombiner>;
  readonly progress: ProgressReporter;
  /** Takes what is to be said when the work is interrupted from now on. */
  readonly whenInterrupted?: ((kept: string) => void) | undefined;
}

export interface ExitValidatorsOptions {
  readonly validators: readonly BeaconValidator[];
  readonly network: ExitNetwork;
  /** Shares of keys that the signer has not got whole. */
  readonly config: RemoteSignerConfig | undefined;
  /** What the signer has loaded, lower case. */
  readonly loadedKeys: ReadonlySet<Hex>;
}

export interface ExitOutcome {
  readonly index: bigint;
  readonly publicKey: Hex;
  /** `already`: the chain or the node's pool has an exit of it. */
  readonly result: 'submitted' | 'already' | 'failed';
  readonly reason?: string | undefined;
  /** What to change. */
  readonly hint?: string | undefined;
}

/**
 * Signs the validators' exits, verifies each and gives it to the beacon node. One failure does not stop the others; a
 * signer or node that does not answer at all does, and the rest is not tried.
 * @returns one outcome per validator, in order
 */
export async function exitValidators(
  deps: ExitValidatorsDeps,
  options: ExitValidatorsOptions,
): Promise<ExitOutcome[]> {
  const bar = deps.progress.start('Exiting validators\t\t', options.validators.length);
  const outcomes: ExitOutcome[] = [];
  const keys = { loaded: options.loadedKeys, shares: knownShares(options.config) };
  let outage: string | undefined;
  for (const validator of options.validators) {
    deps.whenInterrupted?.(describeSent(options.validators, outcomes));
    const identity = { index: validator.index, publicKey: toHex(validator.publicKey) };
    if (outage === undefined) {
      try {
        outcomes.push({ ...identity, ...(await exitOne(deps, options, keys, validator)) });
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
        outcomes.push({ ...identity, result: 'failed', reason: error.message, hint: error.hint });
        // It was waited for once; waiting again for each of the others would take hours.
        if (error instanceof ExternalError && error.retryable) outage = error.message;
      }
    } else outcomes.push({ ...identity, result: 'failed', reason: 'not tried' });
    bar.advance();
  }
  deps.whenInterrupted?.(
    'Every exit was tried; run the command again with --dry-run to see which validators are left.',
  );
  bar.finish();
  return outcomes;
}

/**
 * What is sent cannot be taken back, and what is being sent may have arrived. The others are named: a number of validators would
 * be counted anew.
 */
function describeSent(validators: readonly BeaconValidator[], outcomes: readonly ExitOutcome[]): string {
  const sent = outcomes.filter(({ result }) => result !== 'failed').map(({ index }) => index);
  const [next, ...others] = validators.slice(outcomes.length).map(({ index }) => index);
  const done =
    sent.length === 0
      ? 'No exit was accepted yet'
      : `Exits of validators ${nameList(sent)} were sent, for good`;
  const left = others.length === 0 ? '' : ` Not sent: ${nameList(others)}.`;
  return `${done}; that of validator ${next} may have been.${left} Go on with --indexes, which sends none twice; --count would exit so many others.`;
}

async function exitOne(
  deps: ExitValidatorsDeps,
  { network }: ExitValidatorsOptions,
  keys: SigningKeys,
  validator: BeaconValidator,
): Promise<Pick<ExitOutcome, 'result' | 'reason'>> {
  const { index, publicKey } = validator;
  const exit = { validatorIndex: index, epoch: BigInt(network.capellaForkEpoch) };
  const signature = await signExit(deps, network, keys, publicKey, exit);
  const answer = await deps.node.submitVoluntaryExit({ ...exit, signature });
  if (answer.kind === 'accepted') return { result: 'submitted' };
  // Clients word it in many ways; the chain's own word counts.
  const isGone = answer.isAlreadyKnown || (await hasExited(deps.node, publicKey));
  return { result: isGone ? 'already' : 'failed', reason: answer.reason };
}

async function hasExited(node: BeaconNode, publicKey: Uint8Array): Promise<boolean> {
  const validator = (await node.fetchValidators([publicKey])).get(toHex(publicKey));
  return validator !== undefined && isExiting(validator);
}

async function signExit(
  { signer, loadCombiner }: ExitValidatorsDeps,
  network: ExitNetwork,
  keys: SigningKeys,
  publicKey: Uint8Array,
  exit: ExitMessage,
): Promise<Uint8Array> {
  const name = toHex(publicKey);
  const found = findExitKeys(keys, publicKey);
  // A key that is not loaded is asked for all the same: the signer tells best what it lacks.
  if (found.kind === 'key' || found.kind === 'key-not-loaded') {
    return signer.signExit({ ...exit, network, publicKey });
  }
  if (found.kind === 'too-few-shares') {
    throw new OperatorError(
      'shares-not-loaded',
      `The signer has loaded neither the key nor ${found.threshold} shares of validator ${name}.`,
      { hint: 'Upload the shares again.' },
    );
  }
  const requests = found.shares.map(share => ({ ...exit, network, publicKey: share.publicKey }));
  const signatures = await signer.signExits(requests, { verify: 'batch' });
  const points = found.shares.flatMap(({ index }, i) => {
    const point = signatures[i];
    return point === undefined ? [] : [{ index, point }];
  });
  const signature = (await loadCombiner()).combineSignatures(points);
  if (verifySignature({ publicKey, message: exitSigningRoot(exit, network), signature })) return signature;
  throw new ExternalError(
    'shares-inconsistent',
    `The shares of validator ${name} do not recombine to its signature; nothing is sent.`,
    { hint: 'Make the shares anew, or load the validator’s key into the signer.' },
  );
}

/** @throws ExternalError 'exits-incomplete' naming both groups when any exit failed */
export function assertAllExited(outcomes: readonly ExitOutcome[]): void {
  const failed = outcomes.filter(({ result }) => result === 'failed');
  if (failed.length === 0) return;
  const done = outcomes.filter(({ result }) => result !== 'failed').map(({ index }) => index);
  const exits =
    done.length === 0 ? 'No validator exits.' : `Validators ${nameList(done)} exits successfully initiated.`;
  const failures = nameList(
    failed.map(({ index, reason }) => `${index} (${reason})`),
    '; ',
  );
  const hint = failed.find(outcome => outcome.hint !== undefined)?.hint;
  throw new ExternalError('exits-incomplete', `${exits} Failed: ${failures}`, {
    hint: [
      hint,
      'Run the command again with --indexes of those that failed: exits already made are not made twice. With --count it would exit so many others.',
    ]
      .filter(Boolean)
      .join('\n'),
  });
}

function pickIndexes(own: readonly BeaconValidator[], indexes: readonly bigint[]): BeaconValidator[] {
  const byIndex = new Map(own.map(one => [one.index, one]));
  const unknown = indexes.filter(index => !byIndex.has(index));
  if (unknown.length > 0) {
    throw new UsageError(
      'unknown-validator',
      `No key of the vault is that of validator ${nameList(unknown)}.`,
      { hint: 'Check the indexes; the vault’s own validators with a key at hand can exit.' },
    );
  }
  return own.filter(one => indexes.includes(one.index));
}

function isExiting({ status, exitEpoch }: BeaconValidator): boolean {
  return exitEpoch !== FAR_FUTURE_EPOCH || !(status.startsWith('pending') || status === 'active_ongoing');
}

/** Why the chain would refuse the exit (consensus-specs, `process_voluntary_exit`). */
function reasonAgainst(
  { index, status, activationEpoch }: BeaconValidator,
  currentEpoch: bigint,
  pendingWithdrawals: ReadonlySet<bigint> | undefined,
): string | undefined {
  if (status !== 'active_ongoing') return `it is not active yet (${status})`;
  const firstEpoch = activationEpoch + SHARD_COMMITTEE_PERIOD;
  if (currentEpoch < firstEpoch) {
    return `it has been active since epoch ${activationEpoch} and can exit from epoch ${firstEpoch} on, now is ${currentEpoch}`;
  }
  if (pendingWithdrawals?.has(index)) return 'it has pending partial withdrawals';
  return undefined;
}

function exitNotPossible(refused: readonly RefusedExit[]): OperatorError {
  const reasons = nameList(
    refused.map(({ validator, reason }) => `${validator.index}: ${reason}`),
    '; ',
  );
  return new OperatorError(
    'exit-not-possible',
    `Validators that cannot exit now: ${reasons}. Nothing was sent.`,
  );
}

function noActiveValidators(vault: string): OperatorError {
  return new OperatorError('no-active-validators', `There are no active validators of vault ${vault}.`, {
    hint: 'Only validators whose key or shares the signer has, and whose withdrawals go to the vault, are looked at.',
  });
}
