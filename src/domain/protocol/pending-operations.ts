import { equalBytes, type Hex, toHex } from '../../lib/bytes.ts';
import {
  type ConsolidationRequest,
  findWithdrawalFault,
  type WithdrawalRequest,
} from '../consensus/execution-requests.ts';
import { MIN_ACTIVATION_BALANCE_GWEI, type ValidatorState } from '../consensus/validator-state.ts';

/** What waits to be done with a vault's validators, all of it read at one block. */
export interface WaitingRequests {
  /** `pending_partial_withdrawals` of the beacon chain, of any validators. */
  readonly partialWithdrawals: readonly { readonly validatorIndex: bigint; readonly amountGwei: bigint }[];
  /** `pending_consolidations` of the beacon chain, of any validators. */
  readonly consolidations: readonly { readonly sourceIndex: bigint; readonly targetIndex: bigint }[];
  /** What waits in the execution layer, from anybody. */
  readonly withdrawalRequests: readonly WithdrawalRequest[];
  readonly consolidationRequests: readonly ConsolidationRequest[];
}

/** What will become of a vault's validators without anything more being asked for; validators by their indexes. */
export interface PendingOperations {
  /** Partial withdrawals that wait, together. */
  readonly partialsGwei: ReadonlyMap<bigint, bigint>;
  /** Validators whose exit waits in the execution layer. */
  readonly exits: ReadonlySet<bigint>;
  readonly consolidationSources: ReadonlySet<bigint>;
  readonly consolidationTargets: ReadonlySet<bigint>;
  /** What consolidations add to their targets. */
  readonly incomingGwei: ReadonlyMap<bigint, bigint>;
  /** Targets of a consolidation whose source is not known, and so not what it adds. */
  readonly unclearTargets: ReadonlySet<bigint>;
}

/**
 * What waits to be done with a vault's validators. In the execution layer only the vault's own requests count: anybody can
 * pay for a request that the beacon chain will find void. So may the vault's own be, as when a key was asked for twice: those
 * that would be void by now do not count either.
 * @param options.vault - 20 bytes
 * @param options.epoch - of the state in which the validators are
 */
export function findPendingOperations({
  vault,
  epoch,
  validators,
  waiting,
}: {
  readonly vault: Uint8Array;
  readonly epoch: bigint;
  readonly validators: readonly ValidatorState[];
  readonly waiting: WaitingRequests;
}): PendingOperations {
  const byIndex = new Map(validators.map(validator => [validator.index, validator]));
  const byKey = keyLookup(validators);
  const partialsGwei = new Map<bigint, bigint>();
  const addPartial = (index: bigint, amountGwei: bigint) =>
    partialsGwei.set(index, (partialsGwei.get(index) ?? 0n) + amountGwei);
  for (const { validatorIndex, amountGwei } of waiting.partialWithdrawals) {
    if (byIndex.has(validatorIndex)) addPartial(validatorIndex, amountGwei);
  }

  const exits = new Set<bigint>();
  for (const request of waiting.withdrawalRequests) {
    const validator = equalBytes(request.source, vault) ? byKey(request.publicKey) : undefined;
    if (validator === undefined || exits.has(validator.index)) continue;
    const pendingGwei = partialsGwei.get(validator.index) ?? 0n;
    if (findWithdrawalFault(request, validator, { epoch, pendingGwei }) !== undefined) continue;
    const leftGwei = validator.balanceGwei - MIN_ACTIVATION_BALANCE_GWEI - pendingGwei;
    if (request.amountGwei === 0n) exits.add(validator.index);
    else addPartial(validator.index, request.amountGwei < leftGwei ? request.amountGwei : leftGwei);
  }

  const pairs: Consolidation[] = waiting.consolidations.map(({ sourceIndex, targetIndex }) => ({
    sourceIndex,
    source: byIndex.get(sourceIndex),
    target: byIndex.get(targetIndex),
  }));
  for (const { source, sourceKey, targetKey } of waiting.consolidationRequests) {
    if (!equalBytes(source, vault)) continue;
    const from = byKey(sourceKey);
    pairs.push({ sourceIndex: from?.index, source: from, target: byKey(targetKey) });
  }
  return { partialsGwei, exits, ...joinConsolidations(pairs) };
}

/** Validators of the vault have their state; those of others, and unknown ones, have none. */
interface Consolidation {
  readonly sourceIndex: bigint | undefined;
  readonly source: ValidatorState | undefined;
  readonly target: ValidatorState | undefined;
}

function joinConsolidations(
  pairs: readonly Consolidation[],
): Omit<PendingOperations, 'partialsGwei' | 'exits'> {
  const consolidationSources = new Set<bigint>();
  const consolidationTargets = new Set<bigint>();
  const unclearTargets = new Set<bigint>();
  const incomingGwei = new Map<bigint, bigint>();
  // A consolidation that waits in both queues, or was asked for twice, happens once.
  const seen = new Set<string>();
  for (const { sourceIndex, source, target } of pairs) {
    if (source !== undefined) consolidationSources.add(source.index);
    if (target === undefined) continue;
    consolidationTargets.add(target.index);
    if (source === undefined) unclearTargets.add(target.index);
    if (source === undefined || seen.has(`${sourceIndex} ${target.index}`)) continue;
    seen.add(`${sourceIndex} ${target.index}`);
    incomingGwei.set(target.index, (incomingGwei.get(target.index) ?? 0n) + source.balanceGwei);
  }
  return { consolidationSources, consolidationTargets, unclearTargets, incomingGwei };
}

/** Finds validators by their keys; the keys are written out only where there is something to look up. */
function keyLookup(
  validators: readonly ValidatorState[],
): (publicKey: Uint8Array) => ValidatorState | undefined {
  let byKey: Map<Hex, ValidatorState> | undefined;
  return publicKey => {
    byKey ??= new Map(validators.map(validator => [toHex(validator.publicKey), validator]));
    return byKey.get(toHex(publicKey));
  };
}
