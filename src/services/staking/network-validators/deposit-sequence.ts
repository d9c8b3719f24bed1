import type { DepositCursor } from '../../../db/network-validators.ts';
import type { RegistryDeposit } from '../../../domain/consensus/deposit-log.ts';
import { ExternalError } from '../../../lib/errors.ts';

/**
 * Proves that none of these deposits is missing: the contract numbers them.
 * @param rewind - called with the block of the last deposit that was read before, when some after it were missed
 * @returns the number that the next one must have; null when there was none yet
 * @throws ExternalError 'deposits-missing'
 */
export async function followIndexes(
  deposits: readonly RegistryDeposit[],
  position: Pick<DepositCursor, 'nextDepositIndex' | 'lastDepositBlock'>,
  rewind: (lastDepositBlock: number) => Promise<void>,
): Promise<bigint | null> {
  const [first] = deposits;
  const { nextDepositIndex, lastDepositBlock } = position;
  if (first === undefined) return nextDepositIndex;
  if (nextDepositIndex !== null && lastDepositBlock !== null && first.index > nextDepositIndex) {
    await rewind(lastDepositBlock);
    throw depositsMissing(nextDepositIndex, first.index);
  }
  let next = first.index;
  for (const { index } of deposits) {
    if (index !== next) throw depositsMissing(next, index);
    next++;
  }
  return nextDepositIndex !== null && nextDepositIndex > next ? nextDepositIndex : next;
}

/** What is thrown when the execution node leaves out deposits. */
export function depositsMissing(expected: bigint, found: bigint): ExternalError {
  return new ExternalError(
    'deposits-missing',
    `The execution node does not tell all deposits: the next one must have number ${expected}, but it is ${found}.`,
    { retryable: true, hint: 'Check that the execution node is synced and keeps the logs of old blocks.' },
  );
}
