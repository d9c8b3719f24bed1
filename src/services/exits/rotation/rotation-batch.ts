import type { BeaconNode, BeaconValidator } from '../../../clients/beacon/beacon-node.ts';
import { canSign, knownShares, type ShardWay } from '../../../domain/fleet/signing-ability.ts';
import type { ValidatorShards } from '../../../domain/protocol/approval.ts';
import { equalBytes, fromHex, type Hex, toHex } from '../../../lib/bytes.ts';
import type { ErrorCode } from '../../../lib/error-codes.ts';
import { OperatorError } from '../../../lib/errors.ts';
import { ADDRESS_LENGTH } from '../../../lib/lengths.ts';
import { type Network, withdrawalAddresses } from '../../../networks/network.ts';
import { type ExitShardsOptions, type MakeExitShardsDeps, makeExitShards } from '../make-exit-shards.ts';

/** A validator whose exit signature is outdated and cannot be made anew here. */
export interface SkippedRotation {
  readonly validatorIndex: bigint;
  /** Public key of the validator; null when the beacon node does not know the index. */
  readonly publicKey: Hex | null;
  readonly reason: string;
  /** What mends it, where the reason alone does not tell: see {@link remedyFor}. */
  readonly hint?: string | undefined;
}

const NOT_LOADED = 'the signer has not loaded its key';
const OTHER_VAULT = 'it does not withdraw to the vault';
const UNKNOWN = 'the beacon node does not know it';

const REMEDIES: Readonly<Record<string, string>> = {
  [NOT_LOADED]:
    'Load the key into the signer (for Web3Signer: "remote-db setup-web3signer"), or shares of the current oracles ("remote-db upload-keypairs", "setup-web3signer", "setup-operator").',
  [OTHER_VAULT]:
    'Check --vault and --network; otherwise the oracles name a validator that is not this vault’s.',
  [UNKNOWN]: 'Check that the nodes of --consensus-endpoints are synced and of this network.',
};

/** What mends that a validator cannot be signed for. */
export function remedyFor({ reason, hint }: SkippedRotation): string | undefined {
  return hint ?? REMEDIES[reason];
}

export interface RotatableOptions {
  /** Checksummed. */
  readonly vault: string;
  readonly network: Network;
  readonly exitShards: Pick<ExitShardsOptions, 'mode' | 'config'>;
  /** What the signer has loaded, lower case. */
  readonly loadedKeys: ReadonlySet<Hex>;
}

/** Validators that exit signatures can be made of, and those of which they cannot. */
export interface Rotatable {
  readonly validators: readonly BeaconValidator[];
  readonly skipped: readonly SkippedRotation[];
}

/** The validators of these indexes that are the vault's and that the signer has keys of; the others are skipped. */
export async function findRotatable(
  beacon: Pick<BeaconNode, 'fetchValidatorsByIndex'>,
  options: RotatableOptions,
  indexes: readonly bigint[],
): Promise<Rotatable> {
  const known = await beacon.fetchValidatorsByIndex(indexes);
  const addresses = withdrawalAddresses(options.network, options.vault).map(address =>
    fromHex(address, ADDRESS_LENGTH),
  );
  const keys = { loaded: options.loadedKeys, shares: knownShares(options.exitShards.config) };
  const validators: BeaconValidator[] = [];
  const skipped: SkippedRotation[] = [];
  for (const validatorIndex of indexes) {
    const validator = known.get(validatorIndex);
    const publicKey = validator === undefined ? null : toHex(validator.publicKey);
    const skip = (reason: string) => skipped.push({ validatorIndex, publicKey, reason });
    if (validator === undefined || publicKey === null) skip(UNKNOWN);
    else if (!addresses.some(address => equalBytes(validator.withdrawalCredentials.subarray(12), address))) {
      // An exit is never signed for a validator of another vault, even if the oracles ask for it.
      skip(OTHER_VAULT);
    } else if (!canSign(keys, validator.publicKey)) {
      skip(NOT_LOADED);
    } else validators.push(validator);
  }
  return { validators, skipped };
}

/** Codes of what is wrong with one validator's key, not with the signer. */
const KEY_ERRORS: ReadonlySet<ErrorCode> = new Set([
  'shares-outdated',
  'shares-not-loaded',
  'shares-inconsistent',
  'exit-key-not-loaded',
  'key-not-loaded',
  'signer-refused-exit',
]);

/** Validators that are rotated together, their shards all made in one way. */
export interface RotationBatch {
  readonly mode: ShardWay;
  readonly indexes: readonly bigint[];
  readonly shards: readonly ValidatorShards[];
}

/**
 * Shards of a batch; when it fails for a key, of each of its validators alone, so that the key is found and skipped. What
 * is then made in different ways goes into different batches.
 * @param skipped - gets the validators that are in no batch, as they are found: they are told also when a later one fails
 */
export async function makeRotationBatches(
  deps: MakeExitShardsDeps,
  options: RotatableOptions & Pick<ExitShardsOptions, 'oracles'> & { readonly signal: AbortSignal },
  validators: readonly BeaconValidator[],
  skipped: SkippedRotation[],
): Promise<RotationBatch[]> {
  const { vault, network, oracles, exitShards, loadedKeys, signal } = options;
  signal.throwIfAborted();
  try {
    const { mode, validators: shards } = await makeExitShards(deps, {
      vault,
      network,
      oracles,
      ...exitShards,
      loadedKeys,
      signal,
      validators: validators.map(({ publicKey, index }) => ({ publicKey, validatorIndex: index })),
    });
    return [{ mode, indexes: validators.map(({ index }) => index), shards }];
  } catch (error) {
    if (!(error instanceof OperatorError && KEY_ERRORS.has(error.code))) throw error;
    if (validators.length > 1) {
      const alone: RotationBatch[] = [];
      for (const one of validators) {
        const batches = await makeRotationBatches(deps, options, [one], skipped);
        for (const batch of batches) alone.push(batch);
      }
      return [...Map.groupBy(alone, ({ mode }) => mode)].map(([mode, batches]) => ({
        mode,
        indexes: batches.flatMap(({ indexes }) => indexes),
        shards: batches.flatMap(({ shards }) => shards),
      }));
    }
    for (const { index, publicKey } of validators) {
      const { message: reason, hint } = error;
      skipped.push({ validatorIndex: index, publicKey: toHex(publicKey), reason, hint });
    }
    return [];
  }
}
