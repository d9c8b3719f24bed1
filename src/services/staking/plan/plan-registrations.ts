import type { BeaconSnapshot } from '../../../clients/beacon/beacon-snapshot.ts';
import type { KnownShares } from '../../../domain/fleet/signing-ability.ts';
import { toBeaconGwei } from '../../../domain/protocol/stake-units.ts';
import type { Hex } from '../../../lib/bytes.ts';
import type { Network } from '../../../networks/network.ts';
import type { ExpectedCall } from '../../../transactions/expected-funds.ts';
import { findUsedAtHead } from '../network-validators/find-used-at-head.ts';
import { chooseLargerBatch, type ExitShardSettings } from '../registration/exit-shard-maker.ts';
import {
  type ChosenValidator,
  type ChosenValidators,
  isBatch,
  type NoBatch,
  type RegistrationMode,
} from '../registration/registration-mode.ts';
import type { RegistrationPlan } from '../registration/registration-planner.ts';
import type { StakingOptions } from '../registration/staking-options.ts';
import { stakePerToken } from '../registration/vault-version.ts';
import type { PlannedRegistrations, PlanState } from './vault-plan.ts';

/** The keys that new validators may have. */
export interface RegistrationKeys {
  /** How validators are registered; undefined where nobody has said where their keys are. */
  readonly mode: RegistrationMode | undefined;
  /** What messages call the place of the keys. */
  readonly source: string | undefined;
  /** What the signer has loaded, lower case. */
  readonly loadedKeys: ReadonlySet<Hex>;
  /** Public keys that are looked up, 48 bytes each; more than these may be. */
  readonly ownKeys: readonly Uint8Array[];
  /** Shares in the signer; undefined when it was never told of any. */
  readonly shares: KnownShares | undefined;
  readonly exitShards: ExitShardSettings['mode'];
}

export interface PlanRegistrationsOptions {
  readonly network: Pick<Network, 'currency' | 'genesisForkVersion'>;
  readonly staking: Pick<StakingOptions, 'type'>;
  readonly registration: RegistrationKeys | { readonly off: string };
  readonly snapshot: Pick<BeaconSnapshot, 'fetchValidators' | 'fetchPendingDeposits'>;
  /** What is waited for where the wallet is known not to pay for a call; undefined where that cannot be told. */
  readonly findShortfall: (call: ExpectedCall) => string | undefined;
}

/** Which validators would be registered of what was planned; nothing is signed for them. */
export async function planRegistrations(
  look: RegistrationPlan,
  options: PlanRegistrationsOptions,
): Promise<PlannedRegistrations> {
  const { registration: keys, network } = options;
  const { planned, stakeableAssetsWei } = look;
  const stakeableGwei = planned?.stakeableGwei ?? toBeaconGwei(stakeableAssetsWei, stakePerToken(network));
  const forTopUpsGwei = sumGwei(planned?.topUps ?? []) + (planned?.reservedGwei ?? 0n);
  const finish = (outlook: PlanState, validators: readonly ChosenValidator[] = []) => ({
    outlook,
    validators,
    type: 'off' in keys ? undefined : options.staking.type,
    keySource: 'off' in keys ? undefined : keys.source,
    amountsGwei: look.amountsGwei,
    restGwei: stakeableGwei - forTopUpsGwei - sumGwei(validators),
  });
  if ('off' in keys) return finish({ state: 'off', reason: keys.off });
  const obstacle = findObstacle(look);
  if (obstacle !== undefined) return finish(obstacle);
  const { mode } = keys;
  if (mode === undefined) return finish({ state: 'waiting', reason: NO_KEYS });
  const chosen = await chooseValidators(mode, look, keys, options);
  if (!isBatch(chosen)) return finish({ state: 'waiting', reason: chosen.waitsFor });
  const { validators } = chosen;
  const unpaid = options.findShortfall({ kind: 'register-validators', validators: validators.length });
  return unpaid === undefined
    ? finish({ state: 'acting' }, validators)
    : finish({ state: 'waiting', reason: unpaid });
}

const NO_KEYS =
  'a place of validator keys: name it with --remote-signer-url, --keystores-dir, --hashi-vault-url or --db-url';

/** Why no validator is chosen at all. */
function findObstacle({ decision, amountsGwei }: RegistrationPlan): PlanState | undefined {
  const tooLittle = 'there is less than a validator takes';
  switch (decision.status) {
    case 'waiting':
      // What is kept for top-ups is told of there.
      return decision.code === 'funding-interval'
        ? { state: 'idle', reason: tooLittle }
        : { state: 'waiting', reason: decision.waitsFor };
    case 'idle':
      return { state: 'idle', reason: tooLittle };
    case 'register':
      return decision.count === 0 || amountsGwei.length === 0
        ? { state: 'idle', reason: tooLittle }
        : undefined;
  }
}

/** The same choice as the task's, by what the beacon chain says which keys are used. */
function chooseValidators(
  mode: RegistrationMode,
  { round, decision, amountsGwei }: RegistrationPlan,
  { loadedKeys, shares, exitShards }: RegistrationKeys,
  { snapshot, network }: PlanRegistrationsOptions,
): Promise<ChosenValidators | NoBatch> {
  const limit = decision.status === 'register' ? decision.count : 0;
  return chooseLargerBatch({ config: round.config, loadedKeys, shares, mode: exitShards, limit }, isAtHand =>
    mode.chooseValidators(round.snapshot, {
      limit,
      amountsGwei: amountsGwei.slice(0, limit),
      loadedKeys,
      isAtHand,
      findRegistered: publicKeys => findUsedAtHead(snapshot, publicKeys, network.genesisForkVersion),
    }),
  );
}

function sumGwei(amounts: readonly { readonly amountGwei: bigint }[]): bigint {
  return amounts.reduce((sum, { amountGwei }) => sum + amountGwei, 0n);
}
