import { encodeUpdateState } from '../../../domain/protocol/rewards.ts';
import { type Hex, toHex } from '../../../lib/bytes.ts';
import { ExternalError } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import type { Outbox } from '../../../transactions/outbox.ts';
import {
  type FetchHarvestParamsDeps,
  type FetchHarvestParamsOptions,
  fetchHarvestParams,
} from './fetch-harvest-params.ts';

export interface HarvestVaultDeps extends FetchHarvestParamsDeps {
  readonly outbox: Pick<Outbox, 'send'>;
  /** `Keeper.canHarvest(vault)` at the head. */
  readonly fetchCanHarvest: () => Promise<boolean>;
  readonly log: Pick<Logger, 'info'>;
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
  | { readonly status: 'harvested'; readonly hash: Hex }
  /** Something changed in the middle; the next round looks again. */
  | { readonly status: 'restarted'; readonly reason: string };

const RESTARTS = {
  expired: 'the harvest expired',
  'already-done': 'the vault was harvested by another transaction',
  outdated: 'the chain has moved past this harvest',
  cancelled: 'the transaction of the harvest was cancelled',
};

/**
 * Harvests the vault when the keeper says that it can be: `updateState` with the vault's part of the last rewards update.
 * @throws ExternalError `harvest-refused`, and what `fetchHarvestParams` and the outbox throw
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
  const { status } = outcome;
  if (status === 'reverted' || status === 'would-revert') {
    throw new ExternalError(
      'harvest-refused',
      `The vault ${vault} refuses the harvest: ${outcome.reason.replace(/\.$/, '')}.`,
      { retryable: true },
    );
  }
  if (status !== 'confirmed') return { status: 'restarted', reason: RESTARTS[status] };
  deps.log.info({ vault, hash: outcome.hash }, 'Successfully harvested vault');
  return { status: 'harvested', hash: outcome.hash };
}
