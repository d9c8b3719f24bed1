import { setImmediate } from 'node:timers/promises';
import type { SignerClient } from '../../clients/signer/signer-client.ts';
import { type ExitMessage, type ExitNetwork, exitSigningRoot } from '../../domain/consensus/exit-message.ts';
import type { RemoteSignerConfig } from '../../domain/fleet/remote-signer-config.ts';
import {
  knownShares,
  planShards,
  type ShardWay,
  type SharesProblem,
} from '../../domain/fleet/signing-ability.ts';
import type { encryptEcies } from '../../domain/protocol/ecies.ts';
import { type OracleConfig, refuseThresholdOfOne } from '../../domain/protocol/oracle-config.ts';
import {
  areSharesOfSignature,
  type ExitShardMode,
  findKeySharesFault,
  type KeySharesFault,
  splitSignature,
} from '../../domain/protocol/signature-share.ts';
import { type Hex, toHex, wipe } from '../../lib/bytes.ts';
import { ExternalError, OperatorError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';

export interface MakeExitShardsDeps {
  readonly signer: Pick<SignerClient, 'signExits'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Is told how the shards of a batch are made. */
  readonly onExitShardMode?: ((mode: ShardWay) => void) | undefined;
}

interface Validator {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  readonly validatorIndex: bigint;
}

export interface ExitShardsOptions {
  /** Checksummed, for messages. */
  readonly vault: string;
  readonly validators: readonly Validator[];
  readonly network: ExitNetwork;
  /** The current oracle set. */
  readonly oracles: Pick<OracleConfig, 'oracles' | 'exitSignatureRecoverThreshold'>;
  readonly mode: ExitShardMode;
  /** Shares in the signer; undefined when it was never told of any. */
  readonly config: RemoteSignerConfig | undefined;
  /** What the signer has loaded, lower case. */
  readonly loadedKeys: ReadonlySet<Hex>;
  /** Ends the making between two validators; what has been signed by then is overwritten. */
  readonly signal?: AbortSignal | undefined;
}

/** What the oracles are sent for one validator; in oracle order. */
interface ExitShards extends Validator {
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
 * every signature is verified, and the shares are proven to be of one polynomial of the oracles' threshold: any so many of them
 * recombine to the validator's own signature.
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
  // With it comes libsecp256k1, 6 MB that an operator does not take as long as it has no shards to make.
  const { encryptEcies } = await import('../../domain/protocol/ecies.ts');
  const keys = options.validators.map(({ publicKey }, i) =>
    plan.mode === 'split' ? [publicKey] : (plan.shares[i] ?? []),
  );
  if (plan.mode === 'key-shares') await proveShares(options, keys);
  const exits = options.validators.map(validator => exitOf(validator, options));
  const requests = exits.flatMap((exit, i) =>
    (keys[i] ?? []).map(publicKey => ({ ...exit, network: options.network, publicKey })),
  );
  const signatures = await deps.signer.signExits(requests, { verify: 'batch' });
  // Not before: where the signer refuses nothing is made in either way, pass after pass.
  deps.log.info({ vault: options.vault, mode, validators: options.validators.length }, plan.reason);
  deps.onExitShardMode?.(mode);
  try {
    const validators: ExitShards[] = [];
    let from = 0;
    for (const [i, { publicKey, validatorIndex }] of options.validators.entries()) {
      // In between, whatever else the process has to do gets its turn.
      await setImmediate();
      options.signal?.throwIfAborted();
      const publicKeys = keys[i] ?? [];
      const signed = { publicKeys, signatures: signatures.slice(from, from + publicKeys.length) };
      from += publicKeys.length;
      const plain = mode === 'split' ? splitExit(options, { publicKey, validatorIndex }, signed) : signed;
      validators.push({ publicKey, validatorIndex, ...encryptShards(plain, options.oracles, encryptEcies) });
    }
    return { mode, validators };
  } finally {
    wipe(signatures);
  }
}

function exitOf({ validatorIndex }: Validator, { network }: ExitShardsOptions): ExitMessage {
  return { validatorIndex, epoch: BigInt(network.capellaForkEpoch) };
}

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

/**
 * Proves that shares are those of the validators' keys. As each share's signature is verified, any threshold of them then
 * recombine to the only signature that the validator's key has of its exit.
 */
async function proveShares(
  { oracles, validators, signal }: ExitShardsOptions,
  shares: readonly (readonly Uint8Array[])[],
): Promise<void> {
  for (const [i, { publicKey }] of validators.entries()) {
    await setImmediate();
    signal?.throwIfAborted();
    const fault = findKeySharesFault(publicKey, shares[i] ?? [], oracles.exitSignatureRecoverThreshold);
    if (fault !== undefined) throw inconsistent(publicKey, describeFault(fault, oracles));
  }
}

function describeFault(
  fault: KeySharesFault,
  { exitSignatureRecoverThreshold: threshold }: ExitShardsOptions['oracles'],
): string {
  return fault.kind === 'too-few-suffice'
    ? `recombine to its public key when there are fewer than ${threshold}`
    : `${fault.from} to ${fault.to} do not recombine to its public key`;
}

/** Shards of a validator's signature in place of the one signature. */
function splitExit(
  options: ExitShardsOptions,
  validator: Validator,
  { signatures: [signature = new Uint8Array()] }: PlainShards,
): PlainShards {
  const { network, oracles } = options;
  const { publicKey } = validator;
  const threshold = oracles.exitSignatureRecoverThreshold;
  const message = exitSigningRoot(exitOf(validator, options), network);
  try {
    const count = oracles.oracles.length;
    const split = splitSignature({ publicKey, signature, threshold, count, message });
    if (areSharesOfSignature(signature, split.signatures, threshold)) return split;
    wipe(split.signatures);
    throw inconsistent(publicKey, 'of its signature do not recombine to it');
  } finally {
    wipe(signature);
  }
}

/** Encrypts each signature for its oracle, and overwrites it. */
function encryptShards(
  { publicKeys, signatures }: PlainShards,
  { oracles }: ExitShardsOptions['oracles'],
  encrypt: typeof encryptEcies,
): Pick<ExitShards, 'publicKeyShards' | 'encryptedShards'> {
  try {
    const encryptedShards = oracles.map((oracle, i) =>
      encrypt(oracle.publicKey, signatures[i] ?? new Uint8Array()),
    );
    return { publicKeyShards: publicKeys, encryptedShards };
  } finally {
    wipe(signatures);
  }
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
