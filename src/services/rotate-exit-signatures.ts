import { setTimeout as sleep } from 'node:timers/promises';
import type { BeaconNode, BeaconValidator } from '../clients/beacon-node.ts';
import type { HttpDeps } from '../clients/http.ts';
import { fetchSignaturesStatus, postRotation } from '../clients/oracle.ts';
import type { SignerClient } from '../clients/signer-client.ts';
import type { Approval, ValidatorShards } from '../domain/protocol/approval.ts';
import type { OracleConfig } from '../domain/protocol/oracle-config.ts';
import {
  createRotationRequest,
  encodeUpdateExitSignatures,
  findOutdatedSignatures,
  type OutdatedSignatures,
  rotationDigest,
  type SignaturesStatus,
} from '../domain/protocol/signature-rotation.ts';
import { equalBytes, fromHex, type Hex, toHex } from '../lib/bytes.ts';
import { ExternalError, messageOf, OperatorError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Network } from '../networks.ts';
import type { Outbox } from '../operator/outbox.ts';
import { collectApprovals } from './collect-approvals.ts';
import { type ExitShardsOptions, type MakeExitShardsDeps, makeExitShards } from './make-exit-shards.ts';

export interface RotateExitSignaturesDeps {
  readonly http: HttpDeps;
  readonly beacon: Pick<BeaconNode, 'fetchValidatorsByIndex'>;
  readonly signer: Pick<SignerClient, 'signExit' | 'signExits' | 'listPublicKeys'>;
  readonly combiner: MakeExitShardsDeps['combiner'];
  readonly outbox: Pick<Outbox, 'send'>;
  /** Number of the last finalized block; asked for only where it matters. */
  readonly fetchFinalizedBlock: () => Promise<number>;
  /** `Keeper.exitSignaturesNonces(vault)` at the head. */
  readonly fetchNonce: () => Promise<bigint>;
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** What has been warned of; its owner keeps it from one pass to the next, so that it is said once. */
  readonly warned: Set<string>;
}

export interface RotateExitSignaturesOptions {
  /** Checksummed. */
  readonly vault: string;
  readonly network: Network;
  readonly oracles: OracleConfig;
  /** Of the keeper: `validatorsMinOracles`. */
  readonly threshold: number;
  /** Of the keeper: before the vault's first registration there is nothing to rotate. */
  readonly isCollateralized: boolean;
  /** Block of the vault's last ExitSignaturesUpdated event; null when there was none. */
  readonly lastUpdateBlock: number | null;
  /** `Keeper.exitSignaturesNonces(vault)`. */
  readonly nonce: bigint;
  readonly exitShards: {
    readonly mode: ExitShardsOptions['mode'];
    readonly config: ExitShardsOptions['config'];
  };
  /** For one oracle, all its replicas together. */
  readonly oracleTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** A validator whose exit signature is outdated and cannot be made anew here. */
export interface SkippedRotation {
  readonly validatorIndex: bigint;
  /** Null when the beacon node does not know the index. */
  readonly publicKey: Hex | null;
  readonly reason: string;
}

export type RotationOutcome = {
  /** Signatures that are outdated after the pass; null when the oracles could not tell. */
  readonly outdated: number | null;
  readonly rotated: readonly bigint[];
  readonly skipped: readonly SkippedRotation[];
} & (
  | { readonly status: 'up-to-date' | 'rotated' }
  /** The same text as long as nothing changes. */
  | { readonly status: 'waiting'; readonly waitsFor: string }
  /** Something changed in the middle; the next round starts again. */
  | { readonly status: 'restarted'; readonly reason: string }
);

/** Oracles sign the nonce that their own node tells them: after a batch it may be a block behind. */
const APPROVAL_ATTEMPTS = 4;
/** Codes of what is wrong with one validator's key, not with the signer. */
const KEY_ERRORS: ReadonlySet<string> = new Set([
  'shares-outdated',
  'shares-not-loaded',
  'shares-inconsistent',
  'exit-key-not-loaded',
  'key-not-loaded',
  'signer-refused-exit',
]);

/**
 * One pass: makes anew, batch by batch, the exit signatures that the oracles call outdated, has each batch approved and
 * tells the keeper. Validators that cannot be signed for are reported and do not hold up the others.
 * @throws ExternalError `not-enough-approvals`, and what signer, beacon node, execution node or outbox fail with
 */
export async function rotateExitSignatures(
  deps: RotateExitSignaturesDeps,
  options: RotateExitSignaturesOptions,
): Promise<RotationOutcome> {
  if (!options.isCollateralized) return { status: 'up-to-date', outdated: 0, rotated: [], skipped: [] };
  const found = await askOracles(deps, options);
  if (found.kind === 'waiting') {
    return { status: 'waiting', waitsFor: found.reason, outdated: null, rotated: [], skipped: [] };
  }
  if (found.indexes.length === 0) return { status: 'up-to-date', outdated: 0, rotated: [], skipped: [] };
  const skipped: SkippedRotation[] = [];
  const loadedKeys = await deps.signer.listPublicKeys();
  const validators = await findSignable(deps, { ...options, loadedKeys }, found.indexes, skipped);
  deps.log.info(
    { vault: options.vault, validators: validators.length, skipped: skipped.length },
    'Starting exit signature rotation',
  );
  const rotated: bigint[] = [];
  let nonce = options.nonce;
  let restart: string | undefined;
  const limit = options.oracles.validatorsExitRotationBatchLimit;
  for (let from = 0; from < validators.length && restart === undefined; from += limit) {
    const batch = await makeShards(
      deps,
      { ...options, loadedKeys },
      validators.slice(from, from + limit),
      skipped,
    );
    if (batch.shards.length === 0) continue;
    restart = await rotateBatch(deps, options, { ...batch, nonce });
    if (restart !== undefined) break;
    rotated.push(...batch.indexes);
    nonce++;
  }
  warnOnce(deps, options, skipped);
  const facts = { outdated: found.indexes.length - rotated.length, rotated, skipped };
  if (restart !== undefined) return { status: 'restarted', reason: restart, ...facts };
  if (rotated.length > 0) return { status: 'rotated', ...facts };
  return { status: 'waiting', waitsFor: describeSkipped(skipped), ...facts };
}

/** Ends as soon as as many oracles have told what an approval takes; the others need not be waited for. */
async function askOracles(
  deps: RotateExitSignaturesDeps,
  options: RotateExitSignaturesOptions,
): Promise<OutdatedSignatures> {
  const { lastUpdateBlock, threshold, oracles, vault, signal } = options;
  const finalizedBlock = lastUpdateBlock === null ? 0 : await deps.fetchFinalizedBlock();
  const statuses: SignaturesStatus[] = [];
  const find = () => findOutdatedSignatures({ lastUpdateBlock, finalizedBlock, threshold, statuses });
  if (lastUpdateBlock !== null && lastUpdateBlock > finalizedBlock) return find();
  const end = new AbortController();
  const call = { timeoutMs: options.oracleTimeoutMs, signal: AbortSignal.any([signal, end.signal]) };
  const known = Promise.withResolvers<OutdatedSignatures>();
  const answers = oracles.oracles.map(async oracle => {
    try {
      statuses.push(await fetchSignaturesStatus(deps.http, oracle, vault, call));
      const now = find();
      if (now.kind === 'known') known.resolve(now);
    } catch (error) {
      if (!call.signal.aborted) {
        deps.log.debug({ oracle: oracle.address }, `No status of exit signatures: ${messageOf(error)}`);
      }
    }
  });
  try {
    return await Promise.race([known.promise, Promise.all(answers).then(find)]);
  } finally {
    end.abort();
    signal.throwIfAborted();
  }
}

type WithKeys = RotateExitSignaturesOptions & {
  /** What the signer has loaded, lower case. */
  readonly loadedKeys: ReadonlySet<Hex>;
};

/** The validators of these indexes that are the vault's and that the signer has keys of; the others are skipped. */
async function findSignable(
  { beacon }: RotateExitSignaturesDeps,
  options: WithKeys,
  indexes: readonly bigint[],
  skipped: SkippedRotation[],
): Promise<BeaconValidator[]> {
  const known = await beacon.fetchValidatorsByIndex(indexes);
  const addresses = withdrawalAddresses(options);
  const validators: BeaconValidator[] = [];
  for (const validatorIndex of indexes) {
    const validator = known.get(validatorIndex);
    const publicKey = validator === undefined ? null : toHex(validator.publicKey);
    const skip = (reason: string) => skipped.push({ validatorIndex, publicKey, reason });
    if (validator === undefined) skip('the beacon node does not know it');
    else if (!addresses.some(address => equalBytes(validator.withdrawalCredentials.subarray(12), address))) {
      skip('it does not withdraw to the vault');
    } else if (!hasKeys(validator.publicKey, options)) {
      skip('the signer has not loaded its key');
    } else validators.push(validator);
  }
  return validators;
}

/** An exit is never signed for a validator of another vault, even if the oracles ask for it. */
function withdrawalAddresses({ vault, network }: RotateExitSignaturesOptions): Uint8Array[] {
  const { genesisVault, v2PoolEscrow } = network.contracts;
  // The genesis vault took over the validators of the second version of the protocol.
  const own = vault === genesisVault && v2PoolEscrow !== undefined ? [vault, v2PoolEscrow] : [vault];
  return own.map(address => fromHex(address, 20));
}

function hasKeys(publicKey: Uint8Array, { exitShards, loadedKeys }: WithKeys): boolean {
  if (loadedKeys.has(toHex(publicKey))) return true;
  const shares = exitShards.config?.validators.find(one => equalBytes(one.publicKey, publicKey))?.shares;
  return shares?.every(share => loadedKeys.has(toHex(share))) ?? false;
}

interface Batch {
  readonly indexes: readonly bigint[];
  readonly shards: readonly ValidatorShards[];
}

/** Shards of a batch; when it fails for a key, of each of its validators alone, so that the key is found. */
async function makeShards(
  deps: RotateExitSignaturesDeps,
  options: WithKeys,
  validators: readonly BeaconValidator[],
  skipped: SkippedRotation[],
): Promise<Batch> {
  const { vault, network, oracles, exitShards, loadedKeys } = options;
  options.signal.throwIfAborted();
  try {
    const { validators: shards } = await makeExitShards(deps, {
      ...{ vault, network, oracles, ...exitShards, loadedKeys },
      validators: validators.map(({ publicKey, index }) => ({ publicKey, validatorIndex: index })),
    });
    return { indexes: validators.map(({ index }) => index), shards };
  } catch (error) {
    if (!(error instanceof OperatorError && KEY_ERRORS.has(error.code))) throw error;
    const [first] = validators;
    if (validators.length > 1) {
      const alone: Batch[] = [];
      for (const validator of validators) alone.push(await makeShards(deps, options, [validator], skipped));
      return { indexes: alone.flatMap(one => one.indexes), shards: alone.flatMap(one => one.shards) };
    }
    if (first !== undefined) {
      const { index: validatorIndex, publicKey } = first;
      skipped.push({ validatorIndex, publicKey: toHex(publicKey), reason: error.message });
    }
    return { indexes: [], shards: [] };
  }
}

/** @returns why the pass has to start again; undefined when the batch is done */
async function rotateBatch(
  deps: RotateExitSignaturesDeps,
  options: RotateExitSignaturesOptions,
  batch: Batch & { readonly nonce: bigint },
): Promise<string | undefined> {
  const { vault, network, signal } = options;
  const approval = await approveBatch(deps, options, batch);
  const outcome = await deps.outbox.send(
    {
      kind: 'update-exit-signatures',
      key: `update-exit-signatures ${batch.nonce}`,
      to: network.contracts.keeper,
      data: encodeUpdateExitSignatures(vault, approval),
      deadline: approval.deadline,
      isDone: async () => (await deps.fetchNonce()) > batch.nonce,
    },
    { signal },
  );
  switch (outcome.status) {
    case 'confirmed':
      deps.log.info(
        { vault, indexes: batch.indexes.map(String), hash: outcome.hash },
        'Successfully rotated exit signatures',
      );
      return undefined;
    case 'reverted':
    case 'would-revert':
      return `the keeper refused the exit signatures: ${outcome.reason}`;
    case 'expired':
      return 'the approval of the exit signatures expired before its transaction was mined';
    case 'already-done':
      return 'the exit signatures were updated by another transaction';
    case 'cancelled':
      return 'the transaction of the exit signatures was cancelled';
  }
}

async function approveBatch(
  deps: RotateExitSignaturesDeps,
  options: RotateExitSignaturesOptions,
  { shards, nonce }: Batch & { readonly nonce: bigint },
): Promise<Approval> {
  const { vault, network, oracles, threshold, oracleTimeoutMs, signal } = options;
  const domain = { chainId: network.chainId, keeper: network.contracts.keeper };
  for (let attempt = 1; ; attempt++) {
    const nowMs = deps.now();
    const deadline = BigInt(Math.floor((nowMs + oracles.signatureValidityPeriodMs) / 1000));
    const body = createRotationRequest({ vault, validators: shards, deadline });
    try {
      return await collectApprovals(deps, {
        ...{ oracles: oracles.oracles, threshold, timeoutMs: oracleTimeoutMs, signal },
        now: BigInt(Math.floor(nowMs / 1000)),
        digestOf: (ipfsHash, until) => rotationDigest(domain, { vault, ipfsHash, nonce, deadline: until }),
        send: (oracle, ended) =>
          postRotation(deps.http, oracle, body, { timeoutMs: oracleTimeoutMs, signal: ended }),
      });
    } catch (error) {
      const isBehind = nonce > options.nonce && attempt < APPROVAL_ATTEMPTS;
      if (!isBehind || !(error instanceof ExternalError)) throw error;
      deps.log.debug({ vault, attempt }, messageOf(error));
      await sleep(network.secondsPerSlot * 1000, undefined, { signal });
    }
  }
}

function describeSkipped(skipped: readonly SkippedRotation[]): string {
  const [first] = skipped;
  const more = skipped.length > 1 ? ` (and ${skipped.length - 1} more)` : '';
  return `keys of ${skipped.length} validators with outdated exit signatures: validator ${first?.validatorIndex}${more}: ${first?.reason}`;
}

function warnOnce(
  { log, warned }: RotateExitSignaturesDeps,
  { vault }: RotateExitSignaturesOptions,
  skipped: readonly SkippedRotation[],
): void {
  const news = skipped.filter(({ validatorIndex, reason }) => !warned.has(`${validatorIndex} ${reason}`));
  warned.clear();
  for (const { validatorIndex, reason } of skipped) warned.add(`${validatorIndex} ${reason}`);
  if (news.length === 0) return;
  log.warn(
    { vault, indexes: news.map(({ validatorIndex }) => String(validatorIndex)) },
    `Exit signatures cannot be rotated: the protocol waits for ${describeSkipped(news)}`,
  );
}
