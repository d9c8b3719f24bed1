import { setTimeout as sleep } from 'node:timers/promises';
import type { BeaconNode } from '../../../clients/beacon/beacon-node.ts';
import { postRotation } from '../../../clients/oracle.ts';
import type { SignerClient } from '../../../clients/signer/signer-client.ts';
import type { Approval } from '../../../domain/protocol/approval.ts';
import type { OracleConfig } from '../../../domain/protocol/oracle-config.ts';
import {
  createRotationRequest,
  encodeUpdateExitSignatures,
  rotationDigest,
} from '../../../domain/protocol/signature-rotation.ts';
import { ExternalError, messageOf } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import { nameList } from '../../../lib/name-list.ts';
import type { Network } from '../../../networks/network.ts';
import { describeShortfall } from '../../../transactions/expected-funds.ts';
import type { Outbox } from '../../../transactions/outbox.ts';
import { collectApprovals } from '../../oracles/collect-approvals.ts';
import type { ExitShardsOptions, MakeExitShardsDeps } from '../make-exit-shards.ts';
import {
  type FetchOutdatedSignaturesDeps,
  type FetchOutdatedSignaturesOptions,
  fetchOutdatedSignatures,
} from './outdated-signatures.ts';
import {
  findRotatable,
  makeRotationBatches,
  type RotationBatch,
  remedyFor,
  type SkippedRotation,
} from './rotation-batch.ts';
import { RotationBatches } from './rotation-batches.ts';

export interface RotateExitSignaturesDeps extends FetchOutdatedSignaturesDeps, MakeExitShardsDeps {
  readonly beacon: Pick<BeaconNode, 'fetchValidatorsByIndex'>;
  readonly signer: Pick<SignerClient, 'signExits' | 'listPublicKeys'>;
  /** What sends; the wallet is looked at before the oracles are asked where there is a `findShortfall`. */
  readonly outbox: Pick<Outbox, 'send'> & Partial<Pick<Outbox, 'findShortfall'>>;
  /** `Keeper.exitSignaturesNonces(vault)` at the head. */
  readonly fetchNonce: () => Promise<bigint>;
  /** What the keeper says at the head, or said a moment ago. */
  readonly readKeeper: () => Promise<KeeperFacts>;
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** What has been warned of; its owner keeps it from one pass to the next, so that it is said once. */
  readonly warned: Set<string>;
}

/** What a pass goes by from its beginning to its end. */
interface KeeperFacts {
  /** IPFS hash of the oracle configuration. */
  readonly configIpfsHash: string | undefined;
  /** `Keeper.exitSignaturesNonces(vault)`. */
  readonly nonce: bigint;
}

export interface RotateExitSignaturesOptions
  extends Omit<FetchOutdatedSignaturesOptions, 'oracles'>,
    KeeperFacts {
  readonly network: Network;
  /** The oracle configuration of that hash. */
  readonly oracles: OracleConfig;
  /** Whether the keeper calls the vault collateralized: before its first registration there is nothing to rotate. */
  readonly isCollateralized: boolean;
  readonly exitShards: Pick<ExitShardsOptions, 'mode' | 'config'>;
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

/**
 * One pass: makes anew, batch by batch, the exit signatures that the oracles call outdated, has each batch approved and
 * tells the keeper. Validators that cannot be signed for are reported and do not hold up the others.
 * @throws ExternalError `not-enough-approvals`, `rotation-refused`, and what signer, beacon node, execution node or
 *   outbox fail with
 */
export async function rotateExitSignatures(
  deps: RotateExitSignaturesDeps,
  options: RotateExitSignaturesOptions,
): Promise<RotationOutcome> {
  if (!options.isCollateralized) return { status: 'up-to-date', outdated: 0, rotated: [], skipped: [] };
  const found = await fetchOutdatedSignatures(deps, { ...options, oracles: options.oracles.oracles });
  if (found.kind === 'waiting') {
    return { status: 'waiting', waitsFor: found.reason, outdated: null, rotated: [], skipped: [] };
  }
  if (found.indexes.length === 0) return { status: 'up-to-date', outdated: 0, rotated: [], skipped: [] };
  const { rotated, skipped, restart, waitsFor } = await rotateAll(deps, options, found.indexes);
  const facts = { outdated: found.indexes.length - rotated.length, rotated, skipped };
  if (waitsFor !== undefined) return { status: 'waiting', waitsFor, ...facts };
  if (restart !== undefined) return { status: 'restarted', reason: restart, ...facts };
  if (rotated.length > 0) return { status: 'rotated', ...facts };
  return { status: 'waiting', waitsFor: describeSkipped(skipped), ...facts };
}

interface Progress {
  readonly rotated: readonly bigint[];
  readonly skipped: readonly SkippedRotation[];
  /** Why it ended before the last batch. */
  readonly restart?: string | undefined;
  /** What has to come before the first one. */
  readonly waitsFor?: string | undefined;
}

async function rotateAll(
  deps: RotateExitSignaturesDeps,
  options: RotateExitSignaturesOptions,
  indexes: readonly bigint[],
): Promise<Progress> {
  const rotated: bigint[] = [];
  const withKeys = { ...options, loadedKeys: await deps.signer.listPublicKeys() };
  const { validators, skipped: unusable } = await findRotatable(deps.beacon, withKeys, indexes);
  const skipped = [...unusable];
  const limit = options.oracles.validatorsExitRotationBatchLimit;
  const waitsFor = await findUnpaid(deps, options, Math.min(limit, validators.length));
  if (waitsFor !== undefined) {
    warnOnce(deps, options, skipped);
    return { rotated, skipped, waitsFor };
  }
  using batches = new RotationBatches(validators, limit, (group, dropped) =>
    makeRotationBatches(
      deps,
      { ...withKeys, signal: AbortSignal.any([options.signal, dropped]) },
      group,
      skipped,
    ),
  );
  let { nonce } = options;
  try {
    for (;;) {
      const batch = await batches.next();
      if (batch === undefined) return { rotated, skipped };
      // Only now is it known that anything can be signed at all.
      if (rotated.length === 0)
        tellStart(deps, options, validators.length - skipped.length + unusable.length);
      const restart =
        (await findChange(deps, options, nonce)) ??
        (await rotateBatch(deps, options, { ...batch, nonce }, () => batches.prepare()));
      if (restart !== undefined) return { rotated, skipped, restart };
      for (const index of batch.indexes) rotated.push(index);
      nonce++;
    }
  } finally {
    warnOnce(deps, options, skipped);
  }
}

/** Says that a rotation begins, once there is something to send to the oracles. */
function tellStart(
  { log }: Pick<RotateExitSignaturesDeps, 'log'>,
  { vault }: Pick<RotateExitSignaturesOptions, 'vault'>,
  validators: number,
): void {
  log.info({ vault, validators }, 'Starting exit signature rotation');
}

/** What is waited for when the wallet cannot pay for the first batch. @param validators - of the batch; 0 without one */
async function findUnpaid(
  { outbox }: RotateExitSignaturesDeps,
  { network }: RotateExitSignaturesOptions,
  validators: number,
): Promise<string | undefined> {
  if (validators === 0) return undefined;
  const shortfall = await outbox.findShortfall?.({ kind: 'update-exit-signatures', validators });
  return shortfall && describeShortfall(shortfall, network);
}

/**
 * Why a batch after the first must not be used any more: it was made for the oracles of the pass, and for nobody's update but
 * this pass's own in between.
 */
async function findChange(
  deps: RotateExitSignaturesDeps,
  options: RotateExitSignaturesOptions,
  nonce: bigint,
): Promise<string | undefined> {
  if (nonce === options.nonce) return undefined;
  // A snapshot of before the last batch's block says less, and nothing that is wrong.
  const now = await deps.readKeeper();
  let change: keyof typeof RESTARTS | undefined;
  if (now.configIpfsHash !== options.configIpfsHash) change = 'oracles-replaced';
  else if (now.nonce > nonce) change = 'already-done';
  return change === undefined ? undefined : restartBecause(deps, { vault: options.vault }, change);
}

/** @returns why the pass has to start again; undefined when the batch is done */
async function rotateBatch(
  deps: RotateExitSignaturesDeps,
  options: RotateExitSignaturesOptions,
  batch: RotationBatch & { readonly nonce: bigint },
  onApproved: () => void,
): Promise<string | undefined> {
  const { vault, network, signal } = options;
  const approval = await approveBatch(deps, options, batch);
  onApproved();
  const outcome = await deps.outbox.send(
    {
      kind: 'update-exit-signatures',
      key: `update-exit-signatures ${batch.nonce}`,
      to: network.contracts.keeper,
      data: encodeUpdateExitSignatures(vault, approval),
      deadline: approval.deadline,
      validators: batch.indexes.length,
      isDone: async () => (await deps.fetchNonce()) > batch.nonce,
    },
    { signal },
  );
  const { status } = outcome;
  if (status === 'reverted' || status === 'would-revert') {
    throw new ExternalError(
      'rotation-refused',
      `The keeper refuses the exit signatures: ${outcome.reason.replace(/\.$/, '')}.`,
      { retryable: true },
    );
  }
  const facts = { vault, indexes: batch.indexes.map(String) };
  if (status === 'confirmed') {
    deps.log.info({ ...facts, hash: outcome.hash }, 'Successfully rotated exit signatures');
    return undefined;
  }
  return restartBecause(deps, facts, status);
}

function restartBecause(
  { log }: Pick<RotateExitSignaturesDeps, 'log'>,
  facts: { readonly vault: string },
  change: keyof typeof RESTARTS,
): string {
  const reason = RESTARTS[change];
  log.info(facts, `Rotation begins again: ${reason}`);
  return reason;
}

const RESTARTS = {
  expired: 'the approval of the exit signatures expired before its transaction was mined',
  'already-done': 'the exit signatures were updated by another transaction',
  outdated: 'the chain has moved past these exit signatures',
  cancelled: 'the transaction of the exit signatures was cancelled',
  'oracles-replaced': 'the oracles were replaced while it was under way',
};

async function approveBatch(
  deps: RotateExitSignaturesDeps,
  options: RotateExitSignaturesOptions,
  { shards, nonce }: RotationBatch & { readonly nonce: bigint },
): Promise<Approval> {
  const { vault, network, oracles, threshold, oracleTimeoutMs, signal } = options;
  const domain = { chainId: network.chainId, keeper: network.contracts.keeper };
  for (let attempt = 1; ; attempt++) {
    const nowMs = deps.now();
    const deadline = BigInt(Math.floor((nowMs + oracles.signatureValidityPeriodMs) / 1000));
    const body = createRotationRequest({ vault, validators: shards, deadline });
    try {
      return await collectApprovals(deps, {
        oracles: oracles.oracles,
        threshold,
        timeoutMs: oracleTimeoutMs,
        signal,
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
  const byReason = Map.groupBy(skipped, ({ reason }) => reason);
  const parts = Array.from(byReason, ([reason, alike]) => {
    const indexes = nameList(alike.map(({ validatorIndex }) => validatorIndex));
    return `${alike.length === 1 ? 'validator' : 'validators'} ${indexes}: ${reason}`;
  });
  return `keys of ${skipped.length} validators with outdated exit signatures: ${nameList(parts, '; ')}`;
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
  const remedies = new Set(news.map(remedyFor).filter(remedy => remedy !== undefined));
  log.warn(
    { vault, indexes: nameList(news.map(({ validatorIndex }) => validatorIndex)) },
    `Exit signatures cannot be rotated: the protocol waits for ${describeSkipped(news)}. ${[...remedies].join(' ')}`,
  );
}
