import type { ChainReader, ChainSnapshot } from '../../../clients/execution/chain-snapshot.ts';
import { fetchDepositRoot } from '../../../clients/execution/contracts/deposit-root.ts';
import { noOracleConfig } from '../../../clients/execution/contracts/keeper.ts';
import type { ExecutionNode } from '../../../clients/execution/execution-node.ts';
import type { HttpDeps } from '../../../clients/http.ts';
import { postApproval } from '../../../clients/oracle.ts';
import type { SignerClient } from '../../../clients/signer/signer-client.ts';
import {
  type Approval,
  createApprovalRequest,
  registrationDigest,
} from '../../../domain/protocol/approval.ts';
import type { OracleConfig } from '../../../domain/protocol/oracle-config.ts';
import type { HarvestParams } from '../../../domain/protocol/rewards.ts';
import { equalBytes, type Hex } from '../../../lib/bytes.ts';
import { ExternalError } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import { WEI_PER_GWEI } from '../../../lib/units.ts';
import type { Network } from '../../../networks/network.ts';
import type { Outbox } from '../../../transactions/outbox.ts';
import type { MakeExitShardsDeps } from '../../exits/make-exit-shards.ts';
import { collectApprovals } from '../../oracles/collect-approvals.ts';
import type { NetworkValidators } from '../network-validators/network-validators.ts';
import { createChangeLog } from './change-log.ts';
import { ExitShardMaker, type ExitShardSettings } from './exit-shard-maker.ts';
import { isBatch, type RegistrationBatch, type RegistrationMode } from './registration-mode.ts';
import { sendRegistration } from './send-registration.ts';
import { findStakeableAssets } from './stakeable-assets.ts';
import { ethereumVaultVersion, validatorAssetsWei } from './vault-version.ts';

export interface RegisterValidatorsDeps {
  readonly mode: RegistrationMode;
  readonly chain: Pick<ChainReader, 'readSnapshot'>;
  readonly node: ExecutionNode;
  readonly http: HttpDeps;
  readonly signer: Pick<SignerClient, 'signExit' | 'signExits' | 'listPublicKeys'>;
  readonly loadCombiner: MakeExitShardsDeps['loadCombiner'];
  readonly networkValidators: Pick<NetworkValidators, 'nextValidatorIndex' | 'findRegistered'>;
  readonly outbox: Pick<Outbox, 'send'>;
  /** The oracle configuration of an IPFS hash: asked for in every pass, so that whoever gives it keeps the last one. */
  readonly fetchOracleConfig: (configIpfsHash: string) => Promise<OracleConfig>;
  /** What the vault's `updateState` takes; null when there is nothing of this vault to harvest. */
  readonly fetchHarvest: (snapshot: ChainSnapshot) => Promise<HarvestParams | null>;
  /** Is told how the exit shards of a batch are made. */
  readonly onExitShardMode?: MakeExitShardsDeps['onExitShardMode'] | undefined;
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface RegisterValidatorsOptions {
  /** Checksummed. */
  readonly vault: string;
  /** The vault's version as its `version()` says. */
  readonly vaultVersion: number;
  readonly network: Network;
  readonly maxFeePerGasGwei: bigint;
  readonly exitShards: ExitShardSettings;
  /** Time limit of one question to all oracles together. */
  readonly oraclesTimeoutMs: number;
  /** What stays in the vault and is not staked. Default: nothing. */
  readonly minVaultBalanceWei?: bigint | undefined;
}

type RegistrationOutcome = {
  /** The vault's stakeable assets, with those of a pending harvest. */
  readonly stakeableAssetsWei: bigint;
} & (
  | { readonly status: 'idle' }
  | { readonly status: 'waiting'; readonly code: string; readonly waitsFor: string }
  /** Something changed in the middle: the next pass starts again. */
  | { readonly status: 'restarted'; readonly reason: string }
  /** `hash` is missing when somebody else had sent it. */
  | { readonly status: 'registered'; readonly publicKeys: readonly Hex[]; readonly hash: Hex | undefined }
);

/** Registers one vault's validators, pass after pass. */
export interface ValidatorRegistrar {
  /**
   * One pass: registers one batch of as many validators as the vault's assets, the oracles and the signer allow. What
   * it waits for is logged when it changes.
   * @throws ExternalError 'not-enough-approvals', 'registration-would-revert', those of nodes, signers and IPFS;
   *   OperatorError of the exit shards and the deposit data. The next pass starts from the beginning
   */
  run(signal: AbortSignal): Promise<RegistrationOutcome>;
}

/** What one pass goes by. */
interface Round {
  readonly snapshot: ChainSnapshot;
  readonly config: OracleConfig;
  readonly harvest: HarvestParams | null;
  readonly signal: AbortSignal;
}

/** Prepares the registration of a vault's validators; what the passes have in common is kept in it. */
export function createValidatorRegistrar(
  deps: RegisterValidatorsDeps,
  options: RegisterValidatorsOptions,
): ValidatorRegistrar {
  const { mode, chain, networkValidators, log } = deps;
  const { network } = options;
  const assetsPerValidatorWei = validatorAssetsWei(network);
  const changes = createChangeLog(log);
  const shardMaker = new ExitShardMaker(deps, options);
  let isFreshNeeded = false;

  async function planBatch({ snapshot, config }: Round, limit: number) {
    const [loadedKeys, validatorIndex] = await Promise.all([
      deps.signer.listPublicKeys(),
      networkValidators.nextValidatorIndex(snapshot),
    ]);
    const plan = await shardMaker.choose({ config, loadedKeys, limit }, isAtHand =>
      mode.planBatch(snapshot, {
        limit,
        isAtHand,
        findRegistered: keys => networkValidators.findRegistered(keys),
      }),
    );
    return { plan, loadedKeys, validatorIndex };
  }

  /** Registers up to `limit` validators, from the choice of the batch to the transaction. */
  async function register(round: Round, limit: number) {
    const { snapshot, config, signal } = round;
    const { plan, loadedKeys, validatorIndex } = await planBatch(round, limit);
    if (!isBatch(plan)) return { status: 'waiting', ...plan } as const;
    changes.info(
      'batch',
      `Started registration of ${plan.validators.length} validator(s), start index=${validatorIndex}`,
    );
    const [validators, authority] = await Promise.all([
      shardMaker.make(config, loadedKeys, plan, validatorIndex),
      plan.authorize(snapshot.registryRoot),
    ]);
    signal.throwIfAborted();
    const request = createApprovalRequest({
      vault: options.vault,
      vaultVersion: ethereumVaultVersion(network, options.vault, options.vaultVersion),
      validatorsRegistryRoot: snapshot.registryRoot,
      deadline: deadlineAfter(deps.now(), round),
      validatorIndex,
      validators,
      authority,
    });
    const approval = await askOracles(deps, options, round, plan, request);
    log.info(
      `Fetched oracles approval for validators: deadline=${approval.deadline}, start index=${validatorIndex}`,
    );
    const registryRoot = await fetchDepositRoot(deps.node, network.contracts.depositContract);
    if (!equalBytes(registryRoot, snapshot.registryRoot)) {
      return {
        status: 'restarted',
        reason: 'somebody deposited while the oracles approved, so that their approval is void',
      } as const;
    }
    isFreshNeeded = true;
    return sendRegistration(deps, { vault: options.vault, ...round, approval }, plan);
  }

  async function pass(signal: AbortSignal): Promise<RegistrationOutcome> {
    const snapshot = await chain.readSnapshot({ fresh: isFreshNeeded, signal });
    isFreshNeeded = false;
    if (snapshot.events.config === null) throw noOracleConfig(network.contracts.keeper);
    const config = await deps.fetchOracleConfig(snapshot.events.config.ipfsHash);
    const { assetsWei, harvest, waitsFor } = await findStakeableAssets(
      deps,
      changes,
      options.vault,
      snapshot,
    );
    const stakeableAssetsWei = maxOf(0n, assetsWei - (options.minVaultBalanceWei ?? 0n));
    const limit = config.validatorsApprovalBatchLimit;
    const count = Number(minOf(stakeableAssetsWei / assetsPerValidatorWei, BigInt(limit)));
    if (count === 0) {
      await mode.prepare(snapshot, limit);
      return { status: 'idle', stakeableAssetsWei };
    }
    if (waitsFor !== undefined) {
      return { status: 'waiting', code: 'harvest-not-possible', waitsFor, stakeableAssetsWei };
    }
    if (snapshot.baseFeePerGasWei > options.maxFeePerGasGwei * WEI_PER_GWEI) {
      const waitsFor = `the base fee to fall to ${options.maxFeePerGasGwei} gwei or less`;
      return { status: 'waiting', code: 'gas-price', waitsFor, stakeableAssetsWei };
    }
    try {
      return { ...(await register({ snapshot, config, harvest, signal }, count)), stakeableAssetsWei };
    } catch (error) {
      // The first sync takes its time; that is no failure.
      if (!(error instanceof ExternalError) || error.code !== 'network-validators-not-synced') throw error;
      const waitsFor = 'the validators of the network to be read for the first time';
      return { status: 'waiting', code: error.code, waitsFor, stakeableAssetsWei };
    }
  }

  return {
    async run(signal) {
      const outcome = await pass(signal);
      if (outcome.status === 'registered') {
        log.info(
          { hash: outcome.hash },
          `Successfully registered validators with public keys ${outcome.publicKeys.join(', ')}`,
        );
      }
      changes.info('outcome', describeOutcome(outcome));
      return outcome;
    },
  };
}

/** Until when an approval is asked for, in unix seconds: by the later of two clocks, as the chain's own decides. */
function deadlineAfter(nowMs: number, { snapshot, config }: Round): bigint {
  const fromMs = Math.max(nowMs, snapshot.timestamp * 1000);
  return BigInt(Math.floor((fromMs + config.signatureValidityPeriodMs) / 1000));
}

/** What is told when it changes. */
function describeOutcome(outcome: RegistrationOutcome): string | undefined {
  if (outcome.status === 'waiting') return `Registration waits for ${outcome.waitsFor}.`;
  if (outcome.status === 'restarted') return `Registration starts again: ${outcome.reason}.`;
  return undefined;
}

function askOracles(
  { http, log }: RegisterValidatorsDeps,
  { vault, network, oraclesTimeoutMs }: RegisterValidatorsOptions,
  { snapshot, config, signal }: Round,
  { encoded }: RegistrationBatch,
  request: ReturnType<typeof createApprovalRequest>,
): Promise<Approval> {
  const domain = { chainId: network.chainId, keeper: network.contracts.keeper };
  const validatorsRegistryRoot = snapshot.registryRoot;
  return collectApprovals(
    { log },
    {
      oracles: config.oracles,
      threshold: snapshot.keeper.validatorsMinOracles,
      timeoutMs: oraclesTimeoutMs,
      // The approval has to hold in the next block at least.
      now: BigInt(snapshot.timestamp + network.secondsPerSlot),
      send: (oracle, signal) => postApproval(http, oracle, request, { timeoutMs: oraclesTimeoutMs, signal }),
      digestOf: (ipfsHash, deadline) =>
        registrationDigest(domain, {
          validatorsRegistryRoot,
          vault,
          validators: encoded,
          ipfsHash,
          deadline,
        }),
      signal,
    },
  );
}

function minOf(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function maxOf(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
