import type { BeaconNode } from '../../clients/beacon/beacon-node.ts';
import { fetchConfigEvent } from '../../clients/execution/contracts/keeper.ts';
import { fetchVaultId, fetchVaultVersion } from '../../clients/execution/contracts/vault.ts';
import { fetchMevEscrow, fetchValidatorsManager } from '../../clients/execution/contracts/vault-views.ts';
import type { ExecutionNode } from '../../clients/execution/execution-node.ts';
import type { HttpDeps } from '../../clients/http.ts';
import { checkOracleUp } from '../../clients/oracle.ts';
import type { SignerClient } from '../../clients/signer/signer-client.ts';
import type { RemoteSignerConfig } from '../../domain/fleet/remote-signer-config.ts';
import { canSign, knownShares } from '../../domain/fleet/signing-ability.ts';
import type { Oracle, OracleConfig } from '../../domain/protocol/oracle-config.ts';
import { fromHex, type Hex, toHex } from '../../lib/bytes.ts';
import type { EndpointUrl } from '../../lib/endpoint-url.ts';
import { ExternalError, messageOf, OperatorError, UsageError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { nameList } from '../../lib/name-list.ts';
import { countOf } from '../../lib/plural.ts';
import { formatEther, WEI_PER_GWEI } from '../../lib/units.ts';
import type { Network } from '../../networks/network.ts';
import type { OracleSetGuard } from '../../services/oracles/oracle-set-guard.ts';
import { ethereumVaultVersion } from '../../services/staking/registration/vault-version.ts';
import { passOver, waitOut } from '../loop/wait-out.ts';
import type { OperatorStatus } from '../probes/status.ts';
import type { OperatorSources } from '../sources.ts';
import { checkBeaconNodes, checkExecutionNodes } from './check-nodes.ts';
import { tellValidators } from './tell-validators.ts';

export interface CheckStartupDeps {
  readonly log: Logger;
  readonly status: Pick<OperatorStatus, 'enter'>;
  readonly node: ExecutionNode;
  readonly executionNodes: readonly ExecutionNode[];
  readonly beaconNodes: readonly BeaconNode[];
  /** Any of the beacon nodes. */
  readonly beacon: Pick<BeaconNode, 'fetchValidators'>;
  readonly signer: Pick<SignerClient, 'listPublicKeys'>;
  readonly sources: OperatorSources;
  readonly http: { readonly oracle: HttpDeps; readonly ipfs: HttpDeps };
  readonly oracleSets: Pick<OracleSetGuard, 'begin'>;
}

export interface CheckStartupOptions {
  readonly network: Network;
  /** Checksummed. */
  readonly vault: string;
  /** Checksummed. */
  readonly wallet: string;
  /** The remote signer's URLs; undefined for the built-in signer. */
  readonly remoteSignerUrl: readonly EndpointUrl[] | undefined;
  /** Whether validators are to be registered, which takes deposit data. */
  readonly isRegistering: boolean;
  /** What is to be done with validators that a vault of version 5 has, by its validators manager alone. */
  readonly operations: CheckedOperations;
  /** Goes on past what is down or syncing; what is wrong stops all the same. */
  readonly skipWaiting: boolean;
  readonly oracleTimeoutMs: number;
  readonly signal: AbortSignal;
}

interface CheckedOperations {
  readonly fund: boolean;
  readonly withdraw: boolean;
  /** Time from one request of withdrawals to the next. */
  readonly withdrawalsIntervalMs: number;
}

export interface StartupFacts {
  readonly vaultVersion: number;
  /** Kind of the vault, 32 bytes. */
  readonly vaultId: Uint8Array;
  /** Checksummed; null for version 1, which has none. */
  readonly validatorsManager: string | null;
  readonly hasOwnMevEscrow: boolean;
}

/** What has been found out before the keys are loaded, and need not be asked again. */
export interface AskedCounterparts {
  readonly isConsensusUp: boolean;
  readonly isExecutionUp: boolean;
  readonly facts: StartupFacts | undefined;
  readonly depositData: FoundDepositData;
}

/** The deposit data that there is, which vaults of version 5 can do without. */
export interface FoundDepositData {
  readonly entries: number;
  /** The error that there is none; undefined where there is some, or nobody has looked. */
  readonly missing: OperatorError | undefined;
}

/**
 * Finds out before anything is done whether it can be done: an outage is waited out, a mismatch stops.
 * @param asked - what was found out before the keys were loaded
 * @throws OperatorError naming what does not fit; the signal's reason
 */
export async function checkStartup(
  deps: CheckStartupDeps,
  options: CheckStartupOptions,
  asked: AskedCounterparts,
): Promise<StartupFacts> {
  const { log, status, node } = deps;
  const { network, vault, skipWaiting, signal } = options;
  const onWait = (what: string | undefined) => status.enter('starting', what);
  const wait = <T>(step: () => Promise<T>) => waitOut(log, { onWait, signal }, step);
  const check = (step: () => Promise<unknown>) => (skipWaiting ? passOver(log, step) : wait(step));

  if (!asked.isConsensusUp) await check(() => checkBeaconNodes(log, deps.beaconNodes, network));
  if (!asked.isExecutionUp) await check(() => checkExecutionNodes(log, deps.executionNodes, network));
  const facts = asked.facts ?? (await wait(() => readVaultFacts(node, vault, network)));
  log.info(`Vault ${vault} has version ${facts.vaultVersion}`);
  warnOfManager(log, facts, options);
  log.info(`Checking hot wallet balance ${options.wallet}...`);
  await check(() => checkWallet(deps, options));
  log.info('Checking connection to ipfs nodes and oracles set...');
  await check(async () => requireWithdrawalsInTime(await checkOracles(deps, options), facts, options));
  await check(() => checkSigner(deps, options));
  return facts;
}

/** @throws OperatorError where there is no such vault; ExternalError */
export async function readVaultFacts(
  node: ExecutionNode,
  vault: string,
  { contracts }: Network,
): Promise<StartupFacts> {
  const vaultVersion = await fetchVaultVersion(node, vault, contracts);
  const [vaultId, escrow, validatorsManager] = await Promise.all([
    fetchVaultId(node, vault),
    fetchMevEscrow(node, vault),
    vaultVersion === 1 ? null : fetchValidatorsManager(node, vault),
  ]);
  return { vaultVersion, vaultId, validatorsManager, hasOwnMevEscrow: escrow !== contracts.sharedMevEscrow };
}

/**
 * Reads the deposit data, and says how much there is.
 * @throws OperatorError naming what is wrong with it
 */
export async function checkDepositData({
  log,
  sources,
}: Pick<CheckStartupDeps, 'log' | 'sources'>): Promise<FoundDepositData> {
  const { name } = sources.depositData;
  try {
    const entries = await sources.depositData.read();
    log.info(`Found deposit data of ${countOf(entries.length, 'validator')} in ${name}`);
    return { entries: entries.length, missing: undefined };
  } catch (error) {
    if (error instanceof OperatorError && error.code === 'deposit-data-missing')
      return { entries: 0, missing: error };
    throw error;
  }
}

/** Whether a vault may take validators without deposit data: one of version 5 that names a validators manager of its own. */
export function mayDoWithoutDepositData(
  { vaultVersion, validatorsManager }: StartupFacts,
  vault: string,
  network: Network,
): boolean {
  if (ethereumVaultVersion(network, vault, vaultVersion) < 5 || validatorsManager === null) return false;
  return validatorsManager !== network.contracts.depositDataRegistry;
}

async function checkWallet(
  { log, node }: CheckStartupDeps,
  { network, wallet }: CheckStartupOptions,
): Promise<void> {
  const balance = await node.getBalance(wallet);
  const recommendedWei = network.minWalletBalanceGwei * WEI_PER_GWEI;
  if (balance >= recommendedWei) return;
  log.warn(
    `The hot wallet ${wallet} has ${formatEther(balance, network.currency)}, at least ${formatEther(recommendedWei, network.currency)} are recommended`,
  );
}

/** An oracle that does not answer is no reason to wait: the others may be enough by the time they are needed. */
async function checkOracles(
  { log, node, http, oracleSets }: CheckStartupDeps,
  { network, oracleTimeoutMs, signal }: CheckStartupOptions,
): Promise<OracleConfig> {
  const event = await fetchConfigEvent(node, network.contracts);
  const config = await oracleSets.begin(event?.ipfsHash).catch((error: unknown) => {
    throw asOutage(error);
  });
  const up: Oracle[] = [];
  await Promise.all(
    config.oracles.map(async oracle => {
      try {
        await checkOracleUp(http.oracle, oracle, { timeoutMs: oracleTimeoutMs, signal });
        up.push(oracle);
      } catch (error) {
        signal.throwIfAborted();
        log.warn({ oracle: oracle.address }, `Oracle does not answer: ${messageOf(error)}`);
      }
    }),
  );
  log.info(`Connected to ${up.length} of ${config.oracles.length} oracles`);
  return config;
}

/** Oracles exit whole validators for what the exit queue has lacked for longer than their configuration says: a day, where it says nothing. */
const DEFAULT_FORCE_WITHDRAWALS_MS = 86_400_000;

/**
 * The operator has to look for missing assets before the oracles do.
 * @throws UsageError 'withdrawals-interval-too-long'
 */
function requireWithdrawalsInTime(
  { forceWithdrawalsPeriodMs = DEFAULT_FORCE_WITHDRAWALS_MS }: OracleConfig,
  facts: StartupFacts,
  { network, vault, operations }: CheckStartupOptions,
): void {
  const { withdraw, withdrawalsIntervalMs } = operations;
  if (!withdraw || ethereumVaultVersion(network, vault, facts.vaultVersion) < 5) return;
  if (withdrawalsIntervalMs <= forceWithdrawalsPeriodMs) return;
  const seconds = (ms: number) => `${ms / 1000} seconds`;
  throw new UsageError(
    'withdrawals-interval-too-long',
    `--withdrawals-interval (WITHDRAWALS_INTERVAL) is ${seconds(withdrawalsIntervalMs)}, and the oracles exit validators after ${seconds(forceWithdrawalsPeriodMs)} (force_withdrawals_period of their configuration).`,
    { hint: `Give ${forceWithdrawalsPeriodMs / 1000} or less, or --disable-withdrawals.` },
  );
}

/** A vault of version 5 tops up and withdraws for its validators manager alone. */
function warnOfManager(
  log: Pick<Logger, 'warn'>,
  { vaultVersion, validatorsManager }: StartupFacts,
  { network, vault, wallet, operations }: CheckStartupOptions,
): void {
  if (ethereumVaultVersion(network, vault, vaultVersion) < 5 || validatorsManager === wallet) return;
  if (!operations.fund && !operations.withdraw) return;
  log.warn(
    `The validators manager of the vault ${vault} is ${validatorsManager ?? 'nobody'}, and not the hot wallet ${wallet}: nothing is withdrawn from its validators, and none is topped up. Its admin has to call setValidatorsManager(${wallet}) of the vault.`,
  );
}

/** Gateways that serve wrong bytes are as good as gateways that are down: nothing of this side is misconfigured. */
function asOutage(error: unknown): unknown {
  if (!(error instanceof ExternalError) || error.code !== 'ipfs-document-unproven') return error;
  const { code, message, hint, cause } = error;
  return new ExternalError(code, message, { hint, cause, retryable: true });
}

/** The manual's line, and what the signer lacks. @throws OperatorError 'signer-without-keys' */
async function checkSigner(deps: CheckStartupDeps, options: CheckStartupOptions): Promise<void> {
  const { log, signer, sources, beacon } = deps;
  const { remoteSignerUrl } = options;
  const [config, loaded] = await Promise.all([sources.remoteSigner.read(), signer.listPublicKeys()]);
  requireKeys(log, config, { loaded, remoteSignerUrl });
  // A remote signer may have keys of other vaults.
  const ofBuiltIn = remoteSignerUrl === undefined ? [...loaded].map(key => fromHex(key)) : [];
  const own = config?.validators.map(({ publicKey }) => publicKey) ?? ofBuiltIn;
  if (own.length > 0) await tellValidators({ log, beacon, now: () => performance.now() }, own);
}

function requireKeys(
  log: Pick<Logger, 'info' | 'warn'>,
  config: RemoteSignerConfig | undefined,
  {
    loaded,
    remoteSignerUrl,
  }: { readonly loaded: ReadonlySet<Hex> } & Pick<CheckStartupOptions, 'remoteSignerUrl'>,
): void {
  if (remoteSignerUrl === undefined) return;
  const expected = config?.validators.length ?? loaded.size;
  const keys = { loaded, shares: knownShares(config) };
  const missing = config?.validators.filter(({ publicKey }) => !canSign(keys, publicKey)) ?? [];
  if (expected === 0 || missing.length === expected) {
    throw new OperatorError(
      'signer-without-keys',
      `The remote signer at ${remoteSignerUrl.join(', ')} has none of the vault's keys.`,
      { hint: 'Load its key files, or run "remote-signer-setup"; then start the operator again.' },
    );
  }
  log.info(`Using remote signer at ${remoteSignerUrl.join(', ')} for ${expected} public keys`);
  if (missing.length > 0) {
    log.warn(
      `The remote signer has neither the key nor all shares of ${missing.length} validators, such as ${nameList(missing.map(({ publicKey }) => toHex(publicKey)))}`,
    );
  }
}
