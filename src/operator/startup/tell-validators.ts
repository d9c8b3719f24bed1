import type { BeaconNode } from '../../clients/beacon/beacon-node.ts';
import { messageOf } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { countOf } from '../../lib/plural.ts';

export interface TellValidatorsDeps {
  readonly log: Pick<Logger, 'debug' | 'info'>;
  readonly beacon: Pick<BeaconNode, 'fetchValidators'>;
  /** Milliseconds, on a clock that never goes back. */
  readonly now: () => number;
}

/** Keys that are asked for at once; after each page it is looked whether there is time for another. */
const PAGE = 1000;
/** No start waits longer for a figure. */
const PATIENCE_MS = 5_000;

/**
 * Says how many of these keys are validators on the beacon chain, and how many of those are active; of a large fleet only of the
 * first ones, as far as that is known soon. A node that cannot tell is no failure.
 * @param publicKeys - of the vault, 48 bytes each
 */
export async function tellValidators(
  { log, beacon, now }: TellValidatorsDeps,
  publicKeys: readonly Uint8Array[],
): Promise<void> {
  const until = now() + PATIENCE_MS;
  let looked = 0;
  let total = 0;
  let active = 0;
  try {
    while (looked < publicKeys.length && now() < until) {
      const page = publicKeys.slice(looked, looked + PAGE);
      const found = await beacon.fetchValidators(page);
      looked += page.length;
      total += found.size;
      active += [...found.values()].filter(({ status }) => status.startsWith('active_')).length;
    }
  } catch (error) {
    log.debug(`The consensus node does not tell which validators are active: ${messageOf(error)}`);
    return;
  }
  const keys =
    looked < publicKeys.length
      ? `the first ${looked} of ${publicKeys.length} keys`
      : countOf(publicKeys.length, 'key');
  log.info(`Validators of ${keys} on the beacon chain: ${total}, of them active: ${active}`);
}
