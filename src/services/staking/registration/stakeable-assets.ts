import { isCallException } from 'ethers/utils';
import type { ChainSnapshot } from '../../../clients/execution/chain-snapshot.ts';
import {
  decodeWithdrawableAssets,
  encodeWithdrawableAfter,
} from '../../../clients/execution/contracts/vault-calldata.ts';
import type { ExecutionNode } from '../../../clients/execution/execution-node.ts';
import type { HarvestParams } from '../../../domain/protocol/rewards.ts';
import { ExternalError, messageOf } from '../../../lib/errors.ts';
import type { ChangeLog } from './change-log.ts';

export interface StakeableAssets {
  readonly assetsWei: bigint;
  /** The harvest that goes before a registration; null when none is pending, or it cannot be had and is not needed. */
  readonly harvest: HarvestParams | null;
  /** What is waited for when the vault takes no validators before a harvest that cannot be had. */
  readonly waitsFor?: string | undefined;
}

/**
 * What the vault could stake now: its withdrawable assets, as they are after a pending harvest. A harvest that cannot be
 * had stops registration only where the vault insists on it (two rewards updates behind).
 */
export async function findStakeableAssets(
  deps: {
    readonly node: ExecutionNode;
    readonly fetchHarvest: (snapshot: ChainSnapshot) => Promise<HarvestParams | null>;
  },
  changes: ChangeLog,
  vault: string,
  snapshot: ChainSnapshot,
): Promise<StakeableAssets> {
  const assetsWei = snapshot.vault.withdrawableAssetsWei;
  if (!snapshot.keeper.canHarvest) return { assetsWei, harvest: null };
  const found = await simulateHarvest(deps, vault, snapshot);
  changes.warn('harvest', 'problem' in found ? `A harvest is pending, but ${found.problem}` : undefined);
  if (!('problem' in found)) return found;
  if (!snapshot.keeper.isHarvestRequired) return { assetsWei, harvest: null };
  return { assetsWei, harvest: null, waitsFor: `a harvest of vault ${vault}: ${found.problem}` };
}

async function simulateHarvest(
  {
    node,
    fetchHarvest,
  }: {
    readonly node: ExecutionNode;
    readonly fetchHarvest: (snapshot: ChainSnapshot) => Promise<HarvestParams | null>;
  },
  vault: string,
  snapshot: ChainSnapshot,
): Promise<{ readonly assetsWei: bigint; readonly harvest: HarvestParams } | { readonly problem: string }> {
  try {
    const harvest = await fetchHarvest(snapshot);
    if (harvest === null) return { problem: 'the last rewards update names no rewards of this vault' };
    const data = encodeWithdrawableAfter(harvest);
    const answer = await node.call({ to: vault, data, blockTag: snapshot.blockNumber });
    return { assetsWei: decodeWithdrawableAssets(answer), harvest };
  } catch (error) {
    if (isCallException(error)) return { problem: `it would revert: ${error.shortMessage}` };
    if (error instanceof ExternalError) return { problem: messageOf(error) };
    throw error;
  }
}
