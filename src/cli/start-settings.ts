import type { FeeHistoryQuery } from '../clients/execution/read-transactions.ts';
import { passwordOf } from '../db/database-url.ts';
import { UsageError } from '../lib/errors.ts';
import { WEI_PER_GWEI } from '../lib/units.ts';
import { processEnvironment, readEnvironment } from '../settings/environment.ts';
import type {
  ObservabilitySettings,
  OperatorPolicy,
  OperatorSettings,
  OperatorSigningSettings,
  StakingPolicy,
} from '../settings/operator-settings.ts';
import type { KeySourceSettings } from '../settings/signer-settings.ts';
import { findVaultConfig, readVaultConfig } from '../settings/vault-config.ts';
import { vaultConfigPath } from '../settings/vault-directory.ts';
import { chooseExitKeys } from './choose-key-source.ts';
import { listIgnored } from './flags/foreign-settings.ts';
import { hotWalletPlace, warnOfPlainWallet } from './flags/hot-wallet.ts';
import { consensusSettings, executionSettings, ipfsSettings, proxySettings } from './flags/nodes.ts';
import { type StartGiven, terminationLog } from './flags/start.ts';
import { statusPageSettings } from './flags/status-page.ts';
import { operatorDatabase } from './flags/transactions.ts';
import { readSignerTls, signerConnection } from './signer-connection.ts';

/** 10 ETH: that of the newest Python operator. */
const DEFAULT_MIN_DEPOSIT_GWEI = 10_000_000_000;
const DEFAULT_MIN_DEPOSIT_DELAY_SECONDS = 3600;

/**
 * What `start` was told, as the composition takes it.
 * @throws UsageError 'network-missing', 'no-key-source', 'hashi-vault-incomplete'; OperatorError 'vault-not-initialised', or
 *   naming a TLS file that cannot be read
 */
export async function operatorSettings(given: StartGiven): Promise<OperatorSettings> {
  const { vault, dataDir } = given;
  const notes = notesOnIgnored(given);
  const network = await networkName(given);
  return {
    vault: { vault, network, dataDir },
    database: operatorDatabase(given),
    facts: { vaultPublicKey: given.vaultPublicKey, depositDataFile: given.depositDataFile },
    nodes: {
      execution: executionSettings(given),
      executionJwt: given.executionJwtSecret,
      consensus: consensusSettings(given),
      ipfs: ipfsSettings(given),
      proxies: proxySettings(),
    },
    signing: await signingSettings(given, line => notes.push(line)),
    policy: policyOf(given),
    observability: observabilitySettings(given, notes),
    statusPage: await statusPage(given, network),
  };
}

/** How often a page of a running operator looks at the fleet: once in a slot of mainnet, as `status --watch`. */
const LOOK_INTERVAL_MS = 12_000;
/** What each counterpart has. */
const LOOK_LIMIT_MS = 10_000;

/** The page of the fleet, which asks the counterparts that the operator itself has. */
async function statusPage(given: StartGiven, network: string): Promise<OperatorSettings['statusPage']> {
  const { vault, dataDir, dbUrl, dbSchema, statusPort } = given;
  if (statusPort === undefined) return undefined;
  return {
    page: statusPageSettings(given, { port: statusPort, intervalMs: LOOK_INTERVAL_MS }),
    fleet: {
      vault,
      network,
      dataDir,
      keystoresDir: given.keystoresDir,
      // The embedded database is open in this process, and nobody else gets in.
      database: dbUrl === undefined ? undefined : { dbUrl, dbSchema },
      executionEndpoints: given.executionEndpoints,
      executionJwt: given.executionJwtSecret,
      consensusEndpoints: given.consensusEndpoints,
      ipfs: ipfsSettings(given),
      proxies: proxySettings(),
      signerUrls: given.remoteSignerUrl ?? [],
      keymanagers: [],
      operatorUrls: [],
      tls: await readSignerTls(given),
      walletFile: given.hotWalletFile ?? given.walletFile,
      limitMs: LOOK_LIMIT_MS,
      verbose: false,
    },
  };
}

/** `--termination-log` as the environment has it: for a command line that cannot be parsed. */
export function terminationLogOfEnvironment(): string | undefined {
  return terminationLog.env === undefined ? undefined : readEnvironment(terminationLog.env);
}

/**
 * Name or path of the vault's network: what is given is enough, as in a pod that was never asked anything; else that of the
 * vault's config.json, which `init` makes, and which a database stands in for.
 * @throws OperatorError 'vault-not-initialised'; UsageError 'network-missing'
 */
async function networkName({ network, dataDir, vault, dbUrl }: StartGiven): Promise<string> {
  if (network !== undefined) return network;
  const read = dbUrl === undefined ? readVaultConfig : findVaultConfig;
  const config = await read(dataDir, vault);
  if (config !== undefined) return config.network;
  throw new UsageError('network-missing', 'Name the network with --network.', {
    hint: `There is no ${vaultConfigPath(dataDir, vault)} to take it from.`,
  });
}

async function signingSettings(
  given: StartGiven,
  say: (line: string) => void,
): Promise<OperatorSigningSettings> {
  return {
    ...(await signerConnection(given)),
    exitKeys: chooseExitKeys(given, say, keysOfDatabase(given)),
    concurrency: given.signerConcurrency,
    wallet: hotWalletPlace(given),
    poolSize: given.poolSize,
  };
}

function keysOfDatabase(given: StartGiven): KeySourceSettings | undefined {
  const { vault, network, dataDir, dbUrl, dbSchema, encryptKey } = given;
  if (dbUrl === undefined || encryptKey === undefined) return undefined;
  return { kind: 'remote-db', db: { vault, network, dbUrl, dbSchema, dataDir }, encryptKey };
}

/** What is done with a vault's assets and validators, of the options that say so. */
export function stakingPolicy(given: Pick<StartGiven, StakingOption>): StakingPolicy {
  const { maxFeePerGasGwei, maxValidatorBalanceGwei } = given;
  return {
    register: !given.disableValidatorsRegistration,
    validatorType: given.validatorType,
    maxValidatorBalanceGwei:
      maxValidatorBalanceGwei === undefined ? undefined : BigInt(maxValidatorBalanceGwei),
    minDepositAmountGwei: BigInt(given.minDepositAmountGwei ?? DEFAULT_MIN_DEPOSIT_GWEI),
    minDepositDelayMs: (given.minDepositDelay ?? DEFAULT_MIN_DEPOSIT_DELAY_SECONDS) * 1000,
    isRemoteSignerExclusive: given.remoteSignerExclusive,
    fund: !given.disableValidatorsFunding && given.validatorType !== '0x01',
    withdraw: !given.disableWithdrawals,
    withdrawFully: !given.disableFullWithdrawals,
    withdrawalsIntervalMs: given.withdrawalsInterval,
    maxWithdrawalRequestFeeGwei: BigInt(given.maxWithdrawalRequestFeeGwei),
    exitShards: given.exitShards,
    maxFeePerGasGwei: maxFeePerGasGwei === undefined ? undefined : BigInt(maxFeePerGasGwei),
    minVaultBalanceWei: BigInt(given.vaultMinBalanceGwei ?? 0) * WEI_PER_GWEI,
    oraclesTimeoutMs: given.oraclesValidatorsTimeout,
    validatorsListTimeoutMs: given.genesisValidatorsIpfsTimeout,
  };
}

/** Options that {@link stakingPolicy} is made of. */
type StakingOption =
  | 'disableFullWithdrawals'
  | 'disableValidatorsFunding'
  | 'disableValidatorsRegistration'
  | 'disableWithdrawals'
  | 'exitShards'
  | 'genesisValidatorsIpfsTimeout'
  | 'maxFeePerGasGwei'
  | 'maxValidatorBalanceGwei'
  | 'maxWithdrawalRequestFeeGwei'
  | 'minDepositAmountGwei'
  | 'minDepositDelay'
  | 'oraclesValidatorsTimeout'
  | 'remoteSignerExclusive'
  | 'validatorType'
  | 'vaultMinBalanceGwei'
  | 'withdrawalsInterval';

function policyOf(given: StartGiven): OperatorPolicy {
  const { maxFeePerGasGweiBump } = given;
  return {
    ...stakingPolicy(given),
    harvest: given.harvestVault,
    maxFeePerGasGweiBump: maxFeePerGasGweiBump === undefined ? undefined : BigInt(maxFeePerGasGweiBump),
    feeHistory: feeHistoryOf(given),
    oracleSetHash: given.oracleSetHash,
    poolSize: given.poolSize,
    skipWaiting: given.skipStartupChecks,
    once: given.once,
  };
}

/** What the newest Python operator looks at: the 80th percentile of 10 blocks; here only where one of the two is given. */
function feeHistoryOf({
  priorityFeePercentile: percentile,
  priorityFeeNumBlocks: blocks,
}: StartGiven): FeeHistoryQuery | undefined {
  if (percentile === undefined && blocks === undefined) return undefined;
  return { blocks: blocks ?? 10, percentile: percentile ?? 80 };
}

function observabilitySettings(given: StartGiven, notes: readonly string[]): ObservabilitySettings {
  return {
    probes: {
      host: given.metricsHost,
      metricsPort: given.enableMetrics ? given.metricsPort : undefined,
      healthPort: given.healthPort,
    },
    metricsPrefix: given.metricsPrefix ?? '',
    log: { level: given.verbose ? 'DEBUG' : given.logLevel, format: given.logFormat },
    secrets: secretsOf(given),
    notes,
    warning: warnOfPlainWallet(hotWalletPlace(given)),
  };
}

function notesOnIgnored(given: StartGiven): string[] {
  const ignored = listIgnored(given, processEnvironment());
  return ignored.length === 0 ? [] : [`Accepted and ignored: ${ignored.join(', ')}`];
}

/** What must never be printed, in whatever message it comes back. */
function secretsOf(given: StartGiven): (string | undefined)[] {
  const urls = [
    ...given.executionEndpoints,
    ...given.consensusEndpoints,
    ...(given.remoteSignerUrl ?? []),
    ...(given.hashiVaultUrl === undefined ? [] : [given.hashiVaultUrl]),
    ...(given.ipfsFetchEndpoints ?? []),
  ];
  return [
    ...urls.flatMap(url => url.secrets),
    given.dbUrl && passwordOf(given.dbUrl.url),
    given.executionJwtSecret?.text,
    given.hashiVaultToken?.value,
    given.signerPfxPassword,
    given.encryptKey?.value,
    // Also where it stands without 0x.
    given.walletPrivateKey?.slice(2),
  ];
}
