import type { RemoteSignerConfig } from '../../../domain/fleet/remote-signer-config.ts';
import { findShardWays, type KnownShares, knownShares } from '../../../domain/fleet/signing-ability.ts';
import type { ValidatorShards } from '../../../domain/protocol/approval.ts';
import { type OracleConfig, oracleSetHash } from '../../../domain/protocol/oracle-config.ts';
import { type Hex, toHex } from '../../../lib/bytes.ts';
import type { Network } from '../../../networks/network.ts';
import {
  type ExitShardsOptions,
  type MakeExitShardsDeps,
  makeExitShards,
} from '../../exits/make-exit-shards.ts';
import {
  type ChosenValidators,
  isBatch,
  type NextValidator,
  type NoBatch,
  type RegistrationBatch,
} from './registration-mode.ts';

export interface ExitShardSettings {
  readonly mode: ExitShardsOptions['mode'];
  /** Shares in the signer; undefined when it was never told of any. */
  readonly config: RemoteSignerConfig | undefined;
}

export interface ExitShardMakerOptions {
  /** Checksummed. */
  readonly vault: string;
  readonly network: Network;
  readonly exitShards: ExitShardSettings;
}

/** What the oracles are sent for one validator. */
export type ValidatorWithShards = NextValidator & ValidatorShards;

/** Which validators of a vault's deposit data a batch may be of. */
type IsAtHand = (publicKey: Uint8Array) => boolean;

/** Makes the exit shards of batches; those of the last one are kept for when the oracles are asked again. */
export class ExitShardMaker {
  readonly #deps: MakeExitShardsDeps;
  readonly #options: ExitShardMakerOptions;
  readonly #shares: KnownShares | undefined;
  #last: { readonly key: string; readonly made: readonly ValidatorWithShards[] } | undefined;

  constructor(deps: MakeExitShardsDeps, options: ExitShardMakerOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#shares = knownShares(options.exitShards.config);
  }

  /** {@link chooseLargerBatch}, by the shares that the signer is told to have. */
  choose(
    given: Pick<BatchChoice, 'config' | 'loadedKeys' | 'limit'>,
    plan: (isAtHand: IsAtHand) => Promise<RegistrationBatch | NoBatch>,
  ): Promise<RegistrationBatch | NoBatch> {
    const { mode } = this.#options.exitShards;
    return chooseLargerBatch({ ...given, mode, shares: this.#shares }, plan);
  }

  async make(
    oracles: OracleConfig,
    loadedKeys: ReadonlySet<Hex>,
    { validators, encoded }: RegistrationBatch,
    firstIndex: bigint,
  ): Promise<readonly ValidatorWithShards[]> {
    const key = [firstIndex, toHex(oracleSetHash(oracles)), toHex(encoded)].join(' ');
    if (this.#last?.key === key) return this.#last.made;
    const { vault, network, exitShards } = this.#options;
    const { validators: shards } = await makeExitShards(this.#deps, {
      vault,
      network,
      oracles,
      loadedKeys,
      mode: exitShards.mode,
      config: exitShards.config,
      validators: validators.map(({ publicKey }, i) => ({
        publicKey,
        validatorIndex: firstIndex + BigInt(i),
      })),
    });
    const made = validators.map((validator, i) => ({
      publicKeyShards: shards[i]?.publicKeyShards ?? [],
      encryptedShards: shards[i]?.encryptedShards ?? [],
      ...validator,
    }));
    this.#last = { key, made };
    return made;
  }
}

/** What a batch is chosen by. */
export interface BatchChoice {
  readonly config: OracleConfig;
  /** What the signer has loaded, lower case. */
  readonly loadedKeys: ReadonlySet<Hex>;
  /** Shares in the signer; undefined when it was never told of any. */
  readonly shares: KnownShares | undefined;
  readonly mode: ExitShardsOptions['mode'];
  /** Largest number of validators. */
  readonly limit: number;
}

/** The larger batch: of validators whose key shares the signer has, or whose key. A batch is made in one way. */
export async function chooseLargerBatch<B extends ChosenValidators>(
  { config, loadedKeys, shares, mode, limit }: BatchChoice,
  plan: (isAtHand: IsAtHand) => Promise<B | NoBatch>,
): Promise<B | NoBatch> {
  const ways = findShardWays({ loaded: loadedKeys, shares }, config, mode);
  // Where shares are insisted on and are of no use, the making of them says so.
  const [preferred = () => true, ...others] = ways.map(({ isPossible }): IsAtHand => isPossible);
  let best = await plan(preferred);
  for (const isAtHand of others) {
    if (sizeOf(best) === limit) break;
    const next = await plan(isAtHand);
    if (sizeOf(next) > sizeOf(best)) best = next;
  }
  return best;
}

function sizeOf(plan: ChosenValidators | NoBatch): number {
  return isBatch(plan) ? plan.validators.length : 0;
}
