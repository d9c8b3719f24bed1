import { type Hex, toHex } from '../../lib/bytes.ts';
import { ExternalError } from '../../lib/errors.ts';
import { hasNoDutyLeft, type ValidatorExit } from './last-duty.ts';

/** What one node says of validators in a state that the chain can never take back. */
export interface FinalizedExits {
  /** What stands in messages. */
  readonly endpoint: string;
  /** The epoch of the finalized block: its beginning is finalized, and perhaps a later one's. */
  readonly epoch: bigint;
  /** The exits by public key in lower-case hex; keys that the chain does not know are missing. */
  readonly exits: ReadonlyMap<Hex, ValidatorExit>;
}

export interface AgreedExits {
  /** The oldest of the finalized epochs: what is agreed on is as of its beginning. */
  readonly epoch: bigint;
  /** Public keys of the validators that can never have to sign again. */
  readonly finished: readonly Uint8Array[];
}

/** Nodes finalize an epoch within minutes of each other; one that is further behind is not one to be asked. */
const MOST_EPOCHS_BEHIND = 4n;

/**
 * The validators of which every node says that they can never have to sign again, and says the same. An exit that was over by an
 * epoch which all of them have finalized had begun long before, so no honest node can know another one.
 * @param answers - at least one
 * @throws ExternalError 'node-behind', 'beacon-nodes-differ'
 */
export function agreeOnFinished(
  answers: readonly FinalizedExits[],
  publicKeys: readonly Uint8Array[],
): AgreedExits {
  const sorted = answers.toSorted((a, b) => Number(a.epoch - b.epoch));
  const [oldest, newest] = [sorted.at(0), sorted.at(-1)];
  if (oldest === undefined || newest === undefined) throw new Error('no node has answered');
  if (newest.epoch - oldest.epoch > MOST_EPOCHS_BEHIND) {
    throw new ExternalError(
      'node-behind',
      `${oldest.endpoint} has finalized epoch ${oldest.epoch} only, and ${newest.endpoint} epoch ${newest.epoch}.`,
      { hint: 'Wait until it has caught up, or name another one with --consensus-endpoints.' },
    );
  }
  const { epoch } = oldest;
  const finished = publicKeys.filter(publicKey => isFinished(answers, epoch, toHex(publicKey)));
  return { epoch, finished };
}

function isFinished(answers: readonly FinalizedExits[], epoch: bigint, publicKey: Hex): boolean {
  const told = answers.map(({ endpoint, exits }) => ({ endpoint, exit: exits.get(publicKey) }));
  const sure = told.find(({ exit }) => exit !== undefined && hasNoDutyLeft(exit, epoch));
  if (sure?.exit === undefined) return false;
  const { exitEpoch, withdrawableEpoch } = sure.exit;
  const other = told.find(
    ({ exit }) => exit?.exitEpoch !== exitEpoch || exit.withdrawableEpoch !== withdrawableEpoch,
  );
  if (other === undefined) return true;
  throw new ExternalError(
    'beacon-nodes-differ',
    `${sure.endpoint} says that validator ${publicKey} has exited in epoch ${exitEpoch}, and ${other.endpoint} says ${describe(other.exit)}.`,
    { hint: 'Find out which of them is wrong, and name others with --consensus-endpoints.' },
  );
}

function describe(exit: ValidatorExit | undefined): string {
  if (exit === undefined) return 'that there is no such validator';
  return `exit epoch ${exit.exitEpoch} and withdrawable epoch ${exit.withdrawableEpoch}`;
}
