import type { Network } from '../../networks/network.ts';

/**
 * When passes begin: a third of a slot after its beginning. By then the slot's block is at the nodes, if there is one, as
 * validators attest to it at that moment; a pass at any other time sees it a slot later at worst.
 * @param options.now - of the clock that tasks go by, in ms
 * @param options.unixMs - the same moment, in ms since 1970
 * @returns the last such moment, of the tasks' clock
 */
export function lastBlockTime(
  { genesisTimestamp, secondsPerSlot }: Pick<Network, 'genesisTimestamp' | 'secondsPerSlot'>,
  { now, unixMs }: { readonly now: number; readonly unixMs: number },
): number {
  const slotMs = secondsPerSlot * 1000;
  const sinceMs = unixMs - genesisTimestamp * 1000 - slotMs / 3;
  return now - (((sinceMs % slotMs) + slotMs) % slotMs);
}
