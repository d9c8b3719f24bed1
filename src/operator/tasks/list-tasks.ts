import type { BeaconNode } from '../../clients/beacon/beacon-node.ts';
import { BeaconSnapshotReader } from '../../clients/beacon/beacon-snapshot.ts';
import { fetchHeader } from '../../clients/execution/block-headers.ts';
import type { ChainReader, ChainSnapshot } from '../../clients/execution/chain-snapshot.ts';
import { noOracleConfig } from '../../clients/execution/contracts/keeper.ts';
import { fetchCanHarvest, fetchExitSignaturesNonce } from '../../clients/execution/contracts/vault-views.ts';
import type { ExecutionNode } from '../../clients/execution/execution-node.ts';
import type { HttpDeps } from '../../clients/http.ts';
import type { IpfsOptions } from '../../clients/ipfs/ipfs.ts';
import type { SignerClient } from '../../clients/signer/signer-client.ts';
import type { Database } from '../../db/database.ts';
import type { RemoteSignerConfig } from '../../domain/fleet/remote-signer-config.ts';
import type { OracleConfig } from '../../domain/protocol/oracle-config.ts';
import type { HarvestParams, HarvestRules } from '../../domain/protocol/rewards.ts';
import { fromHex } from '../../lib/bytes.ts';
import { ADDRESS_LENGTH } from '../../lib/lengths.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Network } from '../../networks/network.ts';
import type { ExitShardsOptions } from '../../services/exits/make-exit-shards.ts';
import { rotateExitSignatures } from '../../services/exits/rotation/rotate-exit-signatures.ts';
import { VaultValidators } from '../../services/local-keys/vault-validators.ts';
import type { OracleSetGuard } from '../../services/oracles/oracle-set-guard.ts';
import { ValidatorFunding } from '../../services/staking/funding/fund-validators.ts';
import { findLastFunding } from '../../services/staking/funding/last-funding.ts';
import { type FundingRules, VaultStakingPlanner } from '../../services/staking/funding/plan-vault-staking.ts';
import { fetchHarvestParams } from '../../services/staking/harvest/fetch-harvest-params.ts';
import { harvestVault } from '../../services/staking/harvest/harvest-vault.ts';
import type { NetworkValidators } from '../../services/staking/network-validators/network-validators.ts';
import type { OwnKeys } from '../../services/staking/registration/own-keys.ts';
import {
  type RegisterValidatorsDeps,
  ValidatorRegistrar,
} from '../../services/staking/registration/register-validators.ts';
import type { RegistrationMode } from '../../services/staking/registration/registration-mode.ts';
import type { StakingOptions } from '../../services/staking/registration/staking-options.ts';
import { ethereumVaultVersion } from '../../services/staking/registration/vault-version.ts';
import { findLastSubmission } from '../../services/staking/withdrawals/last-submission.ts';
import { RedemptionReserve } from '../../services/staking/withdrawals/redemption-reserve.ts';
import type { VaultStakeDeps } from '../../services/staking/withdrawals/vault-stake.ts';
import { ValidatorWithdrawals } from '../../services/staking/withdrawals/withdraw-from-validators.ts';
import type { Outbox } from '../../transactions/outbox.ts';
import type { KeySupply } from '../key-supply.ts';
import type { Task } from '../loop/run-task.ts';
import type { OperatorMetrics } from '../probes/metrics.ts';
import type { Outlook } from '../probes/outlook.ts';
import type { OperatorSources } from '../sources.ts';
import { checkOracles } from './check-oracles-task.ts';
import { countUnusedKeys } from './count-unused-keys-task.ts';
import { harvestVaultTask } from './harvest-task.ts';
import { registerValidators, stakingTaskName } from './registration-task.ts';
import { rotateExitSignaturesTask } from './rotation-task.ts';
import { trackValidators } from './track-validators-task.ts';
import { untilSynced } from './until-synced.ts';
import { watchChain } from './watch-chain-task.ts';
import { withdrawFromValidators } from './withdrawals-task.ts';

export interface OperatorTasksDeps {
  readonly log: Logger;
  readonly metrics: OperatorMetrics;
  readonly outlook: Outlook;
  readonly database: Database;
  readonly chain: ChainReader;
  readonly node: ExecutionNode;
  readonly beacon: BeaconNode;
  readonly signer: SignerClient;
  readonly networkValidators: NetworkValidators;
  readonly sources: OperatorSources;
  readonly http: { readonly oracle: HttpDeps; readonly ipfs: HttpDeps };
  readonly ipfs: IpfsOptions;
  readonly oracleSets: Pick<OracleSetGuard, 'configFor'>;
  /** Is told of the validator keys that are left where they come from the signer. */
  readonly keySupply?: KeySupply | undefined;
}

export interface OperatorTasksOptions {
  readonly network: Network;
  /** Checksummed. */
  readonly vault: string;
  readonly vaultVersion: number;
  readonly harvestRules: HarvestRules;
  readonly exitShards: ExitShardsOptions['mode'];
  /** Whether a remote signer is used: only then its configuration counts. */
  readonly isRemoteSigner: boolean;
  readonly maxFeePerGasGwei: bigint;
  readonly minVaultBalanceWei: bigint;
  /** Time limit of one question to all oracles together. */
  readonly oraclesTimeoutMs: number;
  /** How validators are registered; undefined when none are to be. */
  readonly registrationMode: RegistrationMode | undefined;
  /** The keys that are registered without deposit data. */
  readonly ownKeys?: OwnKeys | undefined;
  /** What new validators get. */
  readonly staking?: StakingOptions | undefined;
  /** How validators are topped up; undefined when none are to be, or the vault is of an older version. */
  readonly funding?: FundingOptions | undefined;
  /** Time limit of the list of the vault's validators from one IPFS gateway. */
  readonly dumpTimeoutMs: number;
  readonly harvest: boolean;
  /** How withdrawals from validators are requested; undefined when none are to be, or the vault is of an older version. */
  readonly withdrawals: WithdrawalsOptions | undefined;
}

interface WithdrawalsOptions {
  /** The vault's validators manager, checksummed. */
  readonly wallet: string;
  readonly maxRequestFeeWei: bigint;
  readonly intervalMs: number;
  /** Whether only partial withdrawals are requested. */
  readonly isWithoutExits: boolean;
}

interface FundingOptions extends FundingRules {
  /** The vault's validators manager, checksummed. */
  readonly wallet: string;
}

/** What is done all the time, whoever acts for the vault. */
export function watchingTasks(
  deps: OperatorTasksDeps,
  { network, isRemoteSigner, oraclesTimeoutMs, ownKeys }: OperatorTasksOptions,
): Task[] {
  const withTaskLog = (task: string) => ({ ...deps, log: deps.log.child({ task }) });
  return [
    watchChain(withTaskLog('watch-chain'), network),
    trackValidators(withTaskLog('track-validators'), network),
    untilSynced(countUnusedKeys({ ...deps, supply: deps.keySupply }, { network, isRemoteSigner, ownKeys })),
    checkOracles(
      { ...withTaskLog('check-oracles'), http: deps.http.oracle },
      { network, timeoutMs: oraclesTimeoutMs },
    ),
  ];
}

/** What the holder of the lease does. */
export function actingTasks(deps: OperatorTasksDeps, outbox: Outbox, options: OperatorTasksOptions): Task[] {
  const { metrics, outlook } = deps;
  const { network, registrationMode, funding, harvest, withdrawals } = options;
  const isRegistering = registrationMode !== undefined;
  const shared = createSharedReads(deps, options);
  const parts = { deps, options, shared, outbox: countTransactions(outbox, metrics) };
  const log = deps.log.child({ task: 'rotate-exit-signatures' });
  return [
    ...(isRegistering || funding !== undefined
      ? [
          untilSynced(
            registerValidators(
              {
                metrics,
                outlook,
                log: deps.log.child({ task: stakingTaskName(isRegistering) }),
                now: Date.now,
                loadRegistrar: registrarLoader(parts, registrationMode),
              },
              network,
              { isRegistering },
            ),
          ),
        ]
      : []),
    rotateExitSignaturesTask({ metrics, rotate: rotator({ ...parts, log }) }, network),
    ...(harvest ? [harvestVaultTask({ harvest: harvester(parts) }, network)] : []),
    ...(withdrawals === undefined
      ? []
      : [withdrawFromValidators({ metrics, withdraw: withdrawer(parts, withdrawals) }, network)]),
  ];
}

interface Parts {
  readonly deps: OperatorTasksDeps;
  readonly outbox: Outbox;
  readonly options: OperatorTasksOptions;
  readonly shared: SharedReads;
}

/** What several tasks look at, read once. */
interface SharedReads {
  readRemoteSigner(): Promise<RemoteSignerConfig | undefined>;
  fetchOracleConfig(configIpfsHash: string): Promise<OracleConfig>;
  fetchHarvest(snapshot: ChainSnapshot): Promise<HarvestParams | null>;
  /** What has been fetched of them. */
  readonly harvests: Map<string, HarvestParams | null>;
  /** What a vault of version 5 has on both chains is read by; it keeps what stays. */
  readonly stake: VaultStakeDeps & { readonly reserve: RedemptionReserve };
}

function createSharedReads(deps: OperatorTasksDeps, options: OperatorTasksOptions): SharedReads {
  const { node, log, http, ipfs, oracleSets, sources } = deps;
  const { vault, network, dumpTimeoutMs } = options;
  const harvests = new Map<string, HarvestParams | null>();
  return {
    harvests,
    readRemoteSigner: async () => (options.isRemoteSigner ? sources.remoteSigner.read() : undefined),
    fetchOracleConfig: hash => oracleSets.configFor(hash),
    fetchHarvest: ({ events }) =>
      fetchHarvestParams(
        { http: http.ipfs, cache: harvests },
        { vault, rewards: events.rewards, rules: options.harvestRules, ipfs },
      ),
    stake: {
      node,
      beacon: new BeaconSnapshotReader(deps.beacon),
      validators: new VaultValidators({ node, http: http.ipfs }, { vault, network, dumpTimeoutMs }),
      reserve: new RedemptionReserve({ node, log, http: http.ipfs }, { vault, network, ipfs }),
    },
  };
}

/** A registrar keeps what its passes have in common; another configuration of the signer makes another one. */
function registrarLoader(
  { deps, outbox, options, shared }: Parts,
  mode: RegistrationMode | undefined,
): () => Promise<ValidatorRegistrar> {
  const log = deps.log.child({ task: stakingTaskName(mode !== undefined) });
  const staking = openStaking({ deps: { ...deps, log }, outbox, options, shared });
  let last:
    | { readonly config: RemoteSignerConfig | undefined; readonly value: ValidatorRegistrar }
    | undefined;
  return async () => {
    const config = await shared.readRemoteSigner();
    if (last !== undefined && last.config === config) return last.value;
    const { fetchOracleConfig, fetchHarvest } = shared;
    const value = new ValidatorRegistrar(
      {
        ...deps,
        ...staking,
        log,
        mode,
        outbox,
        fetchOracleConfig,
        fetchHarvest,
        http: deps.http.oracle,
        now: Date.now,
        onExitShardMode: deps.metrics.showExitShardMode,
      },
      { ...options, exitShards: { mode: options.exitShards, config } },
    );
    last = { config, value };
    return value;
  };
}

/** What of a vault of version 5 is planned, and topped up; older ones have nothing to plan. */
function openStaking({
  deps,
  outbox,
  options,
  shared,
}: Parts): Pick<RegisterValidatorsDeps, 'planner' | 'funding'> {
  const { node, log, database } = deps;
  const { vault, network, staking, funding, registrationMode } = options;
  const isVersion5 = ethereumVaultVersion(network, vault, options.vaultVersion) >= 5;
  if (!isVersion5 || staking === undefined) return {};
  const scope = { chainId: network.chainId, vault: fromHex(vault, ADDRESS_LENGTH) };
  const planner = new VaultStakingPlanner(
    { ...shared.stake, findLastFunding: () => findLastFunding(database, scope) },
    { ...options, staking, isRegistering: registrationMode !== undefined },
  );
  if (funding === undefined) return { planner };
  const { wallet } = funding;
  return { planner, funding: new ValidatorFunding({ node, outbox, log }, { vault, wallet, network }) };
}

function rotator({ deps, outbox, options, shared, log }: Parts & { readonly log: Logger }) {
  const { chain, node, beacon, signer, http } = deps;
  const { vault, network, exitShards, oraclesTimeoutMs } = options;
  const warned = new Set<string>();
  return async (signal: AbortSignal) => {
    const { keeper, events } = await chain.readSnapshot({ signal });
    if (events.config === null) throw noOracleConfig(network.contracts.keeper);
    const [oracles, config] = await Promise.all([
      shared.fetchOracleConfig(events.config.ipfsHash),
      shared.readRemoteSigner(),
    ]);
    return rotateExitSignatures(
      {
        beacon,
        signer,
        outbox,
        log,
        warned,
        http: http.oracle,
        now: Date.now,
        onExitShardMode: deps.metrics.showExitShardMode,
        fetchFinalizedBlock: async () => (await fetchHeader(node, 'finalized'))?.number ?? 0,
        fetchNonce: () => fetchExitSignaturesNonce(node, network.contracts.keeper, vault),
        readKeeper: async () => {
          const now = await chain.readSnapshot({ signal });
          return { configIpfsHash: now.events.config?.ipfsHash, nonce: now.keeper.exitSignaturesNonce };
        },
      },
      {
        vault,
        network,
        oracles,
        signal,
        exitShards: { mode: exitShards, config },
        threshold: keeper.validatorsMinOracles,
        isCollateralized: keeper.isCollateralized,
        lastUpdateBlock: events.exitSignatures?.blockNumber ?? null,
        configIpfsHash: events.config.ipfsHash,
        nonce: keeper.exitSignaturesNonce,
        oracleTimeoutMs: oraclesTimeoutMs,
      },
    );
  };
}

function countTransactions(outbox: Outbox, metrics: OperatorMetrics): Outbox {
  return {
    ...outbox,
    async send(intent, options) {
      const outcome = await outbox.send(intent, options);
      metrics.transactions.inc({ kind: intent.kind, status: outcome.status });
      if (intent.kind === 'register-validators' && outcome.status === 'confirmed')
        metrics.lastRegistrationBlock.set(outcome.blockNumber);
      if (intent.kind === 'fund-validators' && outcome.status === 'confirmed')
        metrics.lastFundingBlock.set(outcome.blockNumber);
      if (intent.kind === 'withdraw-validators' && outcome.status === 'confirmed')
        metrics.lastWithdrawalBlock.set(outcome.blockNumber);
      return outcome;
    },
  };
}

function harvester({ deps, outbox, options, shared }: Parts) {
  const { chain, node, http, ipfs } = deps;
  const { vault, network, harvestRules: rules } = options;
  const log = deps.log.child({ task: 'harvest-vault' });
  return async (signal: AbortSignal) => {
    const { keeper, events } = await chain.readSnapshot({ signal });
    return harvestVault(
      {
        log,
        outbox,
        cache: shared.harvests,
        http: http.ipfs,
        fetchCanHarvest: () => fetchCanHarvest(node, network.contracts.keeper, vault),
      },
      { vault, rules, ipfs, signal, rewards: events.rewards, canHarvest: keeper.canHarvest },
    );
  };
}

function withdrawer({ deps, outbox, options, shared }: Parts, rules: WithdrawalsOptions) {
  const { chain, http, database } = deps;
  const { vault, network, oraclesTimeoutMs } = options;
  const log = deps.log.child({ task: 'withdraw-validators' });
  const scope = { chainId: network.chainId, vault: fromHex(vault, ADDRESS_LENGTH) };
  const withdrawals = new ValidatorWithdrawals(
    {
      ...shared.stake,
      chain,
      outbox,
      log,
      http: http.oracle,
      fetchOracleConfig: shared.fetchOracleConfig,
      fetchHarvest: shared.fetchHarvest,
      findLastSubmission: () => findLastSubmission(database, scope),
    },
    { ...rules, vault, network, oraclesTimeoutMs },
  );
  return (signal: AbortSignal) => withdrawals.run(signal);
}
