import type { RemoteSignerConfig } from '../../../domain/fleet/remote-signer-config.ts';
import type { ValidatorShards } from '../../../domain/protocol/approval.ts';
import { type OracleConfig, oracleSetHash } from '../../../domain/protocol/oracle-config.ts';
import { equalBytes, type Hex, toHex } from '../../../lib/bytes.ts';
import type { Network } from '../../../networks/network.ts';
import {
  type ExitShardsOptions,
  type MakeExitShardsDeps,
  makeExitShards,
} from '../../exits/make-exit-shards.ts';
import { isBatch, type NextValidator, type NoBatch, type RegistrationBatch } from './registration-mode.ts';

export interface ExitShardSettings {
  readonly mode: ExitShardsOptions['mode'];
  /** Shares in the signer; undefined when it was never told of any. */
  readonly config: RemoteSignerConfig | undefined;
}

/** What the oracles are sent for one validator. */
type ValidatorWithShards = NextValidator & ValidatorShards;

/** Makes the exit shards of batches; those of the last one are kept for when the oracles are asked again. */
export interface ExitShardMaker {
  /** The larger batch: of validators whose key shares the signer has, or whose key. A batch is made in one way. */
  choose(
    given: { readonly config: OracleConfig; readonly loadedKeys: ReadonlySet<Hex>; readonly limit: number },
    plan: (isAtHand: (publicKey: Uint8Array) => boolean) => Promise<RegistrationBatch | NoBatch>,
  ): Promise<RegistrationBatch | NoBatch>;
  make(
    oracles: OracleConfig,
    loadedKeys: ReadonlySet<Hex>,
    batch: RegistrationBatch,
    firstIndex: bigint,
  ): Promise<readonly ValidatorWithShards[]>;
}

export function createExitShardMaker(
  deps: MakeExitShardsDeps,
  options: {
    readonly vault: string;
    readonly network: Network;
    readonly exitShards: ExitShardSettings;
  },
): ExitShardMaker {
  const { vault, network, exitShards } = options;
  const sharesOf = new Map(
    exitShards.config?.validators.map(({ publicKey, shares }) => [toHex(publicKey), shares]),
  );
  let last: { readonly key: string; readonly made: readonly ValidatorWithShards[] } | undefined;

  /** Which validators' exits can be signed, for each way of making shards that is allowed, the preferred one first. */
  const waysOf = (oracles: OracleConfig, loadedKeys: ReadonlySet<Hex>) => {
    const hasKey = (publicKey: Uint8Array) => loadedKeys.has(toHex(publicKey));
    const hasShares = (publicKey: Uint8Array) => {
      const shares = sharesOf.get(toHex(publicKey)) ?? [];
      return shares.length === oracles.oracles.length && shares.every(hasKey);
    };
    const set = exitShards.config?.oracleSet;
    const isCurrent = set === undefined || equalBytes(set.configHash, oracleSetHash(oracles));
    const useShares = exitShards.mode !== 'split' && sharesOf.size > 0 && isCurrent;
    // Where shares are insisted on and are of another set, the making of them says so.
    if (exitShards.mode === 'key-shares') return [useShares ? hasShares : () => true];
    return [...(useShares ? [hasShares] : []), hasKey];
  };

  return {
    async choose({ config, loadedKeys, limit }, plan) {
      let best: RegistrationBatch | NoBatch | undefined;
      for (const isAtHand of waysOf(config, loadedKeys)) {
        const next = await plan(isAtHand);
        if (best === undefined || sizeOf(next) > sizeOf(best)) best = next;
        if (sizeOf(best) === limit) break;
      }
      return best as RegistrationBatch | NoBatch;
    },
    async make(oracles, loadedKeys, { validators, encoded }, firstIndex) {
      const key = [firstIndex, toHex(oracleSetHash(oracles)), toHex(encoded)].join(' ');
      if (last?.key === key) return last.made;
      const { validators: shards } = await makeExitShards(deps, {
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
      const made = shards.map(({ publicKey, publicKeyShards, encryptedShards }, i) => ({
        publicKey,
        publicKeyShards,
        encryptedShards,
        depositSignature: validators[i]?.depositSignature ?? new Uint8Array(),
      }));
      last = { key, made };
      return made;
    },
  };
}

function sizeOf(plan: RegistrationBatch | NoBatch): number {
  return isBatch(plan) ? plan.validators.length : 0;
}
