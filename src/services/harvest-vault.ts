import { encodeUpdateState } from '../domain/protocol/rewards.ts';
import { toHex } from '../lib/bytes.ts';
import type { Logger } from '../lib/logger.ts';
import type { Outbox, TransactionOutcome } from '../operator/outbox.ts';
import {
  type FetchHarvestParamsDeps,
  type FetchHarvestParamsOptions,
  fetchHarvestParams,
} from './fetch-harvest-params.ts';

export interface HarvestVaultDeps extends FetchHarvestParamsDeps {
  readonly outbox: Pick<Outbox, 'send'>;
  /** `Keeper.canHarvest(vault)` at the head. */
  readonly fetchCanHarvest: () => Promise<boolean>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

export interface HarvestVaultOptions extends FetchHarvestParamsOptions {
  /** `Keeper.canHarvest(vault)` of the round. */
  readonly canHarvest: boolean;
  readonly signal: AbortSignal;
}

export type HarvestOutcome =
  | { readonly status: 'nothing-to-harvest' }
  /** The rewards document has no entry of the vault yet. */
  | { readonly status: 'waiting'; readonly waitsFor: string }
  | TransactionOutcome;

/**
 * Harvests the vault when the keeper says that it can be: `updateState` with the vault's part of the last rewards update.
 * @throws what `fetchHarvestParams` and the outbox throw
 */
export async function harvestVault(
  deps: HarvestVaultDeps,
  options: HarvestVaultOptions,
): Promise<HarvestOutcome> {
  const { vault, rewards, canHarvest, signal } = options;
  if (!canHarvest || rewards === null) return { status: 'nothing-to-harvest' };
  const params = await fetchHarvestParams(deps, options);
  if (params === null) {
    return { status: 'waiting', waitsFor: `an entry of the vault in the rewards ${rewards.ipfsHash}` };
  }
  deps.log.info({ vault, rewards: rewards.ipfsHash }, 'Starting vault harvest');
  const outcome = await deps.outbox.send(
    {
      kind: 'harvest',
      key: `harvest ${toHex(rewards.root)}`,
      to: vault,
      data: encodeUpdateState(params),
      isDone: async () => !(await deps.fetchCanHarvest()),
    },
    { signal },
  );
  if (outcome.status === 'confirmed') {
    deps.log.info({ vault, hash: outcome.hash }, 'Successfully harvested vault');
  } else if (outcome.status === 'reverted' || outcome.status === 'would-revert') {
    deps.log.warn({ vault }, `The vault was not harvested: ${outcome.reason}`);
  }
  return outcome;
}
