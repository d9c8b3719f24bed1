import type { SignerClient } from '../../clients/signer/signer-client.ts';
import { verifySignature } from '../../domain/consensus/bls.ts';
import { type ExitMessage, type ExitNetwork, exitSigningRoot } from '../../domain/consensus/exit-message.ts';
import type { RemoteSignerConfig } from '../../domain/fleet/remote-signer-config.ts';
import {
  knownShares,
  planShards,
  type ShardWay,
  type SharesProblem,
} from '../../domain/fleet/signing-ability.ts';
import { encryptEcies } from '../../domain/protocol/ecies.ts';
import { type OracleConfig, refuseThresholdOfOne } from '../../domain/protocol/oracle-config.ts';
import {
  type ExitShardMode,
  type PointCombiner,
  splitSignature,
} from '../../domain/protocol/signature-share.ts';
import { equalBytes, type Hex, toHex, wipe } from '../../lib/bytes.ts';
import { ExternalError, OperatorError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';

export interface MakeExitShardsDeps {
  readonly signer: Pick<SignerClient, 'signExit' | 'signExits'>;
  /** Brings a WebAssembly module: loaded for the first shards. */
  readonly loadCombiner: () => Promise<PointCombiner>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Is told how the shards of a batch are made. */
  readonly onExitShardMode?: ((mode: ShardWay) => void) | undefined;
}

export interface ExitShardsOptions {
  /** Checksummed, for messages. */
  readonly vault: string;
  readonly validators: readonly { readonly publicKey: Uint8Array; readonly validatorIndex: bigint }[];
  readonly network: ExitNetwork;
  /** The current oracle set. */
  readonly oracles: Pick<OracleConfig, 'oracles' | 'exitSignatureRecoverThreshold'>;
  readonly mode: ExitShardMode;
  /** Shares in the signer; undefined when it was never told of any. */
  readonly config: RemoteSignerConfig | undefined;
  /** What the signer has loaded, lower case. */
  readonly loadedKeys: ReadonlySet<Hex>;
}

/** What the oracles are sent for one validator; in oracle order. */
interface ExitShards {
  readonly publicKey: Uint8Array;
  readonly validatorIndex: bigint;
  /** 48 bytes each. */
  readonly publicKeyShards: readonly Uint8Array[];
  /** Exit signature shards of 96 bytes, each encrypted for its oracle: 193 bytes. */
  readonly encryptedShards: readonly Uint8Array[];
}

export interface ExitShardsResult {
  /** The one mode of the whole batch. */
  readonly mode: ShardWay;
  readonly validators: readonly ExitShards[];
}

/** The shards of one validator before encryption. */
interface PlainShards {
  readonly publicKeys: readonly Uint8Array[];
  readonly signatures: readonly Uint8Array[];
}

/**
 * Shares of the validators' exit signatures, encrypted for the oracles. Either the signer signs with each key share, or
 * with the validator's key once and the signature is split here; the oracles cannot tell. Before anything is encrypted,
 * every signature is verified, the shares are proven to be of one polynomial of the oracles' threshold, and what they
 * recombine to is the validator's own signature.
 * @throws OperatorError 'oracle-threshold-one', 'shares-outdated', 'shares-not-loaded', 'exit-key-not-loaded'; ExternalError
 *   'shares-inconsistent' and those of the signer
 */
export async function makeExitShards(
  deps: MakeExitShardsDeps,
  options: ExitShardsOptions,
): Promise<ExitShardsResult> {
  refuseThresholdOfOne(options.oracles.exitSignatureRecoverThreshold, 'The current oracle set');
  const plan = chooseMode(options);
  const { mode } = plan;
  deps.log.info({ vault: options.vault, mode, validators: options.validators.length }, plan.reason);
  deps.onExitShardMode?.(mode);
  const parts = { signer: deps.signer, combiner: await deps.loadCombiner() };
  const validators = await Promise.all(
    options.validators.map(async ({ publicKey, validatorIndex }, i) => {
      const exit = { validatorIndex, epoch: BigInt(options.network.capellaForkEpoch) };
      const plain =
        plan.mode === 'split'
          ? await splitExit(parts, options, publicKey, exit)
          : await signWithShares(parts, options, { publicKey, shares: plan.shares[i] ?? [] }, exit);
      return { publicKey, validatorIndex, ...encryptShards(plain, options) };
    }),
  );
  return { mode, validators };
}

type SigningParts = Pick<MakeExitShardsDeps, 'signer'> & { readonly combiner: PointCombiner };

type Plan =
  | { readonly mode: 'split'; readonly reason: string }
  | {
      readonly mode: 'key-shares';
      readonly reason: string;
      /** Public keys of the shares of each validator. */
      readonly shares: readonly (readonly Uint8Array[])[];
    };

function chooseMode({ validators, config, oracles, loadedKeys, mode }: ExitShardsOptions): Plan {
  const keys = { loaded: loadedKeys, shares: knownShares(config) };
  const publicKeys = validators.map(({ publicKey }) => publicKey);
  const plan = planShards(keys, oracles, mode, publicKeys);
  switch (plan.kind) {
    case 'key-shares':
      return {
        mode: 'key-shares',
        reason: 'Exits are signed with the key shares in the signer.',
        shares: plan.shares,
      };
    case 'split':
      return { mode: 'split', reason: reasonToSplit(plan.sharesProblem) };
    case 'shares-unusable':
      throw sharesUnusable(plan.sharesProblem);
    case 'key-not-loaded':
      throw keyNotLoaded(plan.publicKey, reasonToSplit(plan.sharesProblem));
  }
}

async function signWithShares(
  { signer, combiner }: SigningParts,
  { network, oracles, vault }: ExitShardsOptions,
  validator: { readonly publicKey: Uint8Array; readonly shares: readonly Uint8Array[] },
  exit: ExitMessage,
): Promise<PlainShards> {
  const { publicKey, shares } = validator;
  const threshold = oracles.exitSignatureRecoverThreshold;
  assertOnePolynomial(combiner, validator, threshold);
  const requests = shares.map(share => ({ ...exit, network, publicKey: share }));
  const signatures = await signer.signExits(requests, { verify: 'batch' });
  const points = signatures.slice(0, threshold).map((point, index) => ({ index, point }));
  const signature = combiner.combineSignatures(points);
  // A key has one signature of a message: the valid one is the validator's own.
  const isOwn = verifySignature({ publicKey, message: exitSigningRoot(exit, network), signature });
  wipe(signature);
  if (!isOwn) throw inconsistent(publicKey, `of vault ${vault} do not recombine to its signature`);
  return { publicKeys: shares, signatures };
}

/**
 * Fewer than `threshold` shares do not give the validator's key, else fewer oracles would recover its exit; of the key
 * itself named as each of its shares, one would. And every window of `threshold` neighbouring shares gives the
 * validator's key: then all of them lie on the one polynomial through it, and whichever oracles come together recover
 * the same exit.
 */
function assertOnePolynomial(
  combiner: PointCombiner,
  { publicKey, shares }: { readonly publicKey: Uint8Array; readonly shares: readonly Uint8Array[] },
  threshold: number,
): void {
  const points = shares.map((point, index) => ({ index, point }));
  const keyOfTooFew = combiner.combinePublicKeys(points.slice(0, threshold - 1));
  if (equalBytes(keyOfTooFew, publicKey)) {
    throw inconsistent(publicKey, `recombine to its public key when there are fewer than ${threshold}`);
  }
  for (let from = 0; from + threshold <= points.length; from++) {
    const combined = combiner.combinePublicKeys(points.slice(from, from + threshold));
    if (!equalBytes(combined, publicKey)) {
      throw inconsistent(publicKey, `${from} to ${from + threshold - 1} do not recombine to its public key`);
    }
  }
}

async function splitExit(
  { signer, combiner }: SigningParts,
  { network, oracles }: ExitShardsOptions,
  publicKey: Uint8Array,
  exit: ExitMessage,
): Promise<PlainShards> {
  const signature = await signer.signExit({ ...exit, network, publicKey });
  const threshold = oracles.exitSignatureRecoverThreshold;
  const split = splitSignature({
    publicKey,
    signature,
    threshold,
    count: oracles.oracles.length,
    message: exitSigningRoot(exit, network),
  });
  const points = split.signatures.slice(-threshold).map((point, i) => ({
    index: split.signatures.length - threshold + i,
    point,
  }));
  const combined = combiner.combineSignatures(points);
  const isOwn = equalBytes(combined, signature);
  wipe([signature, combined]);
  if (!isOwn) throw inconsistent(publicKey, 'of its signature do not recombine to it');
  return split;
}

function encryptShards(
  { publicKeys, signatures }: PlainShards,
  { oracles }: ExitShardsOptions,
): Pick<ExitShards, 'publicKeyShards' | 'encryptedShards'> {
  const encryptedShards = oracles.oracles.map((oracle, i) =>
    encryptEcies(oracle.publicKey, signatures[i] ?? new Uint8Array()),
  );
  wipe(signatures);
  return { publicKeyShards: publicKeys, encryptedShards };
}

function reasonToSplit(sharesProblem: SharesProblem | undefined): string {
  if (sharesProblem === undefined) return 'Exit signatures are split, as configured.';
  return `Exit signatures are split: ${sharesUnusable(sharesProblem).message}`;
}

function sharesUnusable(problem: SharesProblem): OperatorError {
  const hint = 'Run "remote-db upload-keypairs" and "setup-operator", or "remote-signer-setup", again.';
  switch (problem.kind) {
    case 'no-configuration':
      return new OperatorError('shares-outdated', 'There is no remote signer configuration.', { hint });
    case 'other-oracle-set':
      return new OperatorError(
        'shares-outdated',
        'The remote signer configuration has shares of another oracle set.',
        { hint },
      );
    case 'other-share-count':
      return new OperatorError(
        'shares-outdated',
        `The remote signer configuration has ${problem.count} shares of validator ${toHex(problem.publicKey)} for ${problem.expected} oracles.`,
        { hint },
      );
    case 'shares-not-loaded':
      return new OperatorError(
        'shares-not-loaded',
        `The signer has not loaded ${problem.missing} of the ${problem.count} shares of validator ${toHex(problem.publicKey)}.`,
        { hint: 'Have it read its key files again, or upload the shares again.' },
      );
  }
}

function keyNotLoaded(publicKey: Uint8Array, reason: string): OperatorError {
  return new OperatorError(
    'exit-key-not-loaded',
    `The signer has not loaded the key of validator ${toHex(publicKey)}. ${reason}`,
    { hint: 'Load the validator’s key into the signer, or shares of the current oracle set.' },
  );
}

function inconsistent(publicKey: Uint8Array, reason: string): ExternalError {
  return new ExternalError(
    'shares-inconsistent',
    `The shares of validator ${toHex(publicKey)} ${reason}; nothing is sent.`,
    {
      hint: 'Make the shares anew: "remote-db upload-keypairs" or "remote-signer-setup"; or split signatures.',
    },
  );
}
