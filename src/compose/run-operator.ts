import { hostname } from 'node:os';
import { createChainReader } from '../clients/execution/chain-snapshot.ts';
import { fetchLateRegistrations } from '../clients/execution/contracts/vault-registrations.ts';
import { distinctEndpoints } from '../clients/execution/execution-node.ts';
import type { IpfsOptions } from '../clients/ipfs/ipfs.ts';
import type { EndpointUrl } from '../lib/endpoint-url.ts';
import { OperatorError } from '../lib/errors.ts';
import { createServiceLogger } from '../lib/logger.ts';
import { createScrubber } from '../lib/scrub.ts';
import { listenForStop } from '../lib/stop-signals.ts';
import { WEI_PER_GWEI } from '../lib/units.ts';
import { resolveNetwork } from '../networks/resolve-network.ts';
import { KeySupply, RECENT_DAYS } from '../operator/key-supply.ts';
import { runOnce, type SinglePass } from '../operator/loop/run-once.ts';
import { lastBlockTime } from '../operator/loop/slot-grid.ts';
import { type StartOperatorDeps, startOperator } from '../operator/loop/start-operator.ts';
import type { OwnKeysOptions } from '../operator/own-keys.ts';
import { createOperatorMetrics } from '../operator/probes/metrics.ts';
import { Outlook } from '../operator/probes/outlook.ts';
import { startHealthServer } from '../operator/probes/probe-server.ts';
import { createOperatorStatus } from '../operator/probes/status.ts';
import { askCounterparts } from '../operator/startup/ask-counterparts.ts';
import {
  type AskedCounterparts,
  checkStartup,
  type FoundDepositData,
  type StartupFacts,
} from '../operator/startup/check-startup.ts';
import {
  actingTasks,
  type OperatorTasksDeps,
  type OperatorTasksOptions,
  watchingTasks,
} from '../operator/tasks/list-tasks.ts';
import { openAcceptedOracleSets } from '../services/oracles/accepted-oracle-sets.ts';
import { OracleSetGuard } from '../services/oracles/oracle-set-guard.ts';
import { createNetworkValidators } from '../services/staking/network-validators/network-validators.ts';
import { DEFAULT_VALIDATOR_TYPE } from '../services/staking/registration/choose-registration-mode.ts';
import { validatorAssetsWei } from '../services/staking/registration/vault-version.ts';
import type {
  OperatorNodesSettings,
  OperatorPolicy,
  OperatorSettings,
  ProbeSettings,
} from '../settings/operator-settings.ts';
import type { ExitKeysSettings } from '../settings/signing-settings.ts';
import { vaultDirectory } from '../settings/vault-directory.ts';
import { holdLease } from '../transactions/lease.ts';
import { createOutbox } from '../transactions/outbox.ts';
import {
  type FeeCeilings,
  feeCeilings,
  priorityFeeRules,
  warnOfDefaultCeiling,
} from '../transactions/transaction-fees.ts';
import { ipfsOptions } from './nodes.ts';
import { type OperatorContext, type OperatorHandles, openCounterparts, openSigning } from './operator.ts';
import { fundingOf, prepareRegistration, stakingOf, withdrawalsOf } from './staking-rules.ts';

/** Longest time from the first signal to the end of the process. */
const STOP_MS = 9_000;
/** How long a node may take for what it was asked before. */
const LATE_MS = 4_000;

/**
 * Runs the operator until SIGTERM or SIGINT: what is under way ends, and everything is released in reverse. With `once` it ends
 * when every task has had its pass.
 * @returns those passes; undefined without `once`
 * @throws what stops it before: UsageError and OperatorError for failures that waiting does not mend
 */
export async function runOperator(
  settings: OperatorSettings,
  { version }: { readonly version: string },
): Promise<readonly SinglePass[] | undefined> {
  const { policy, nodes, observability } = settings;
  const network = resolveNetwork(settings.vault.network);
  const ceilings = feeCeilings(policy, network);
  const scrub = createScrubber(observability.secrets);
  const log = createServiceLogger({ ...observability.log, scrub });
  const status = createOperatorStatus(scrub);
  const metrics = createOperatorMetrics({
    version,
    prefix: observability.metricsPrefix,
    network: network.name,
    vault: settings.vault.vault,
    limits: {
      feeCeilingWei: ceilings.maxFeePerGasWei,
      walletMinimumWei: network.minWalletBalanceGwei * WEI_PER_GWEI,
      assetsPerValidatorWei: validatorAssetsWei(network),
    },
  });
  log.info(`Starting operator service, version v${version}`);
  for (const note of observability.notes) log.info(note);
  if (observability.warning !== undefined) log.warn(observability.warning);
  if (policy.maxFeePerGasGwei === undefined) log.warn(warnOfDefaultCeiling(network));
  using stop = listenForStop({
    graceMs: STOP_MS,
    lateMs: LATE_MS,
    onStop: name => {
      log.info(`Received ${name}, stopping...`);
      status.enter('stopping');
    },
    onForce: why => log.warn(`Ends at once: ${why}`),
  });
  const context = { log, status, metrics, version, signal: stop.signal, lateSignal: stop.lateSignal };
  let passes: readonly SinglePass[] | undefined;
  try {
    await using stack = new AsyncDisposableStack();
    await serve(stack, context, observability.probes);
    await servePage(stack, context, { statusPage: settings.statusPage, scrub });
    const { vault, database, facts, signing } = settings;
    const counterparts = stack.use(
      await openCounterparts(context, { vault, database, facts, nodes, network }),
    );
    const asked = await askCounterparts(
      { ...counterparts, log, status },
      { network, vault: vault.vault, isRegistering: policy.register, signal: context.signal },
    );
    const signers = stack.use(
      await openSigning(context, { vault, signing, ceilings, policy, log: observability.log }),
    );
    passes = await work(context, { ...counterparts, ...signers }, asked, {
      vault: vault.vault,
      nodes,
      policy,
      ceilings,
      exitKeys: signing.exitKeys,
      vaultDirectory: vaultDirectory(vault.dataDir, vault.vault),
      isDepositDataNamed: facts.depositDataFile?.isThere === true,
    });
  } catch (error) {
    // What the stop itself has interrupted is no failure.
    if (!stop.signal.aborted) throw scrubError(error, scrub);
  }
  log.info('Stopped');
  if (!policy.once || passes !== undefined) return passes;
  throw new OperatorError('passes-interrupted', 'Stopped before every task had its pass.', {
    hint: 'What was sent is recorded: the next run follows it.',
  });
}

/** Probes are answered from the beginning, so that a start that waits can be told from one that hangs. */
async function serve(
  stack: AsyncDisposableStack,
  { log, status, metrics }: OperatorContext,
  { host, metricsPort, healthPort }: ProbeSettings,
): Promise<void> {
  if (metricsPort !== undefined) {
    const registry = metrics.registry;
    const options = { host, port: metricsPort, name: 'metrics', registry, status };
    const server = stack.use(await startHealthServer(options));
    log.info(`Metrics at ${server.url}/metrics`);
  }
  if (healthPort === undefined || (healthPort === metricsPort && healthPort !== 0)) return;
  const server = stack.use(await startHealthServer({ host, port: healthPort, name: 'health', status }));
  log.info(`Probes at ${server.url}/livez and ${server.url}/readyz`);
}

/** The page of the fleet. Loaded where somebody wants it: a running operator is otherwise without what looks at fleets. */
async function servePage(
  stack: AsyncDisposableStack,
  { log, status, version }: OperatorContext,
  { statusPage, scrub }: Pick<OperatorSettings, 'statusPage'> & { readonly scrub: (text: string) => string },
): Promise<void> {
  if (statusPage === undefined) return;
  const { openStatusPage } = await import('./status-page.ts');
  const operator = { name: `${hostname()} ${process.pid}`, report: status.report };
  const warn = (line: string) => log.warn(line);
  const page = stack.use(
    await openStatusPage(statusPage, { programVersion: version, warn, scrub, operator }),
  );
  log.info(`Status page at ${page.url}/`);
}

/** What the operator works by. */
interface WorkSettings {
  /** Checksummed. */
  readonly vault: string;
  readonly nodes: OperatorNodesSettings;
  readonly policy: OperatorPolicy;
  readonly ceilings: FeeCeilings;
  readonly exitKeys: ExitKeysSettings;
  readonly vaultDirectory: string;
  /** Whether somebody has named a file of deposit data, which is there. */
  readonly isDepositDataNamed: boolean;
}

async function work(
  context: OperatorContext,
  handles: OperatorHandles,
  asked: AskedCounterparts,
  settings: WorkSettings,
): Promise<readonly SinglePass[] | undefined> {
  const { log, status, metrics, signal } = context;
  const { vault, nodes, policy, ceilings, exitKeys } = settings;
  const { network, database, wallet } = handles;
  const ipfs = ipfsOptions(nodes.ipfs, network, line => log.warn(line));
  const { oracleSetHash } = policy;
  const { endpoints } = nodes.execution;
  const oracleSets = createOracleSetGuard(context, handles, { vault, oracleSetHash, endpoints }, ipfs);
  const facts = await checkStartup(
    { ...handles, log, status, oracleSets },
    {
      network,
      vault,
      signal,
      wallet: wallet.address,
      remoteSignerUrl: exitKeys.kind === 'remote' ? exitKeys.urls : undefined,
      skipWaiting: policy.skipWaiting,
      isRegistering: policy.register,
      operations: policy,
      oracleTimeoutMs: policy.oraclesTimeoutMs,
    },
    asked,
  );
  metrics.serviceStarted.set(1);
  const found = { facts, ipfs, oracleSets, depositData: asked.depositData };
  const { tasks, options } = await prepareTasks(context, handles, settings, found);
  const pollMs = network.secondsPerSlot * 1000;
  const scope = { chainId: network.chainId, vault };
  const holder = `${hostname()} ${process.pid}`;
  const deps: StartOperatorDeps = {
    log,
    status,
    metrics,
    countFrom: () => lastBlockTime(network, { now: performance.now(), unixMs: Date.now() }),
    holdLease: signal => holdLease({ database, log, observer: metrics.lease }, { ...scope, holder, signal }),
    watching: watchingTasks(tasks, options),
    act(lease) {
      const deps = {
        database,
        lease,
        log,
        node: handles.node,
        signer: wallet,
        onBlock: metrics.showTransactionBlock,
        onPending: metrics.showTransactionPending,
      };
      const priorityFee = priorityFeeRules(network, policy.feeHistory);
      const outbox = createOutbox(deps, { ...scope, ...ceilings, priorityFee, pollMs });
      return { reconcile: signal => outbox.reconcile(signal), tasks: actingTasks(tasks, outbox, options) };
    },
  };
  if (policy.once) return runOnce(deps, signal);
  await startOperator(deps, signal);
  return undefined;
}

/** What stands between one node's word and the oracles that exit shards are made for. */
function createOracleSetGuard(
  { log, metrics }: OperatorContext,
  { network, database, node, executionNodes, wallet, http }: OperatorHandles,
  settings: {
    readonly vault: string;
    readonly oracleSetHash: Uint8Array | undefined;
    readonly endpoints: readonly EndpointUrl[];
  },
  ipfs: IpfsOptions,
): OracleSetGuard {
  const { vault, oracleSetHash } = settings;
  const { chainId, contracts, secondsPerSlot } = network;
  const endpoints = distinctEndpoints(settings.endpoints);
  if (endpoints.length === 1 && oracleSetHash === undefined) {
    log.warn(
      'Only one execution endpoint is given: it alone decides which oracles get exit signatures, and enough oracles together can exit validators. Give two or more of different operators, or --oracle-set-hash.',
    );
  }
  const accepted = openAcceptedOracleSets(
    {
      database,
      mac: record => wallet.macRecord('oracle-set', record),
      warn: line => log.warn(line),
    },
    { chainId, vault, keeper: contracts.keeper, acceptedBy: `wallet ${wallet.address}` },
  );
  const endpointsAt = (places: readonly number[]) =>
    places.map(place => endpoints[place]).filter(endpoint => endpoint !== undefined);
  return new OracleSetGuard(
    {
      accepted,
      log: log.child({ task: 'oracle-set' }),
      voters: executionNodes,
      http: http.ipfs,
      onVerdict(wrong, right) {
        for (const endpoint of endpointsAt(wrong)) node.leaveOut(endpoint);
        for (const endpoint of endpointsAt(right)) node.takeBack(endpoint);
      },
      showUnconfirmed: isUnconfirmed => metrics.oracleSetUnconfirmed.set(isUnconfirmed ? 1 : 0),
      countChange: () => metrics.oracleSetChanges.inc(),
    },
    { contracts, ipfs, pinnedHash: oracleSetHash, retryAfterMs: secondsPerSlot * 1000 },
  );
}

/** What is found out before the tasks are made. */
interface FoundAtStart {
  readonly facts: StartupFacts;
  readonly ipfs: IpfsOptions;
  readonly oracleSets: OracleSetGuard;
  readonly depositData: FoundDepositData;
}

async function prepareTasks(
  { log, metrics, status }: OperatorContext,
  handles: OperatorHandles,
  settings: WorkSettings,
  found: FoundAtStart,
): Promise<{ readonly tasks: OperatorTasksDeps; readonly options: OperatorTasksOptions }> {
  const { facts, ipfs, oracleSets } = found;
  const { vault, policy, exitKeys } = settings;
  const { network, database, node, wallet } = handles;
  const { contracts, secondsPerSlot } = network;
  const { vaultVersion } = facts;
  const chain = createChainReader(node, {
    vault,
    vaultVersion,
    contracts,
    wallet: wallet.address,
    maxAgeMs: secondsPerSlot * 500,
  });
  const registration = policy.register
    ? await prepareRegistration({ ...handles, log }, { ...settings, keySource: keySourceOf(exitKeys) }, found)
    : undefined;
  const staking =
    registration?.staking ?? stakingOf(policy, network, policy.validatorType ?? DEFAULT_VALIDATOR_TYPE);
  const { ownKeys } = registration ?? {};
  if (ownKeys !== undefined) {
    log.info(
      `Validators of type ${registration?.staking.type} are registered with keys of ${ownKeys.source}`,
    );
  }
  const keySupply =
    ownKeys &&
    new KeySupply({
      log: log.child({ task: 'count-unused-keys' }),
      show: status.showKeys,
      now: () => performance.now(),
      countRecent: async () => {
        const blocks = Math.floor((RECENT_DAYS * 86_400) / secondsPerSlot);
        const fromBlock = Math.max(0, (await node.getBlockNumber()) - blocks);
        return (await fetchLateRegistrations(node, vault, fromBlock)).size;
      },
    });
  const networkValidators = createNetworkValidators(
    { database, node, http: handles.http.ipfs, log: log.child({ task: 'track-validators' }) },
    {
      network,
      threads: policy.poolSize,
      snapshotTimeoutMs: policy.validatorsListTimeoutMs,
    },
  );
  const outlook = new Outlook(
    { log: log.child({ task: 'register-validators' }), now: () => performance.now() },
    { currency: network.currency, assetsPerValidatorWei: validatorAssetsWei(network) },
  );
  return {
    tasks: { ...handles, log, metrics, outlook, chain, ipfs, networkValidators, oracleSets, keySupply },
    options: {
      network,
      vault,
      vaultVersion,
      registrationMode: registration?.mode,
      ownKeys,
      staking,
      funding: fundingOf(policy, facts, { network, vault, wallet: wallet.address, type: staking.type }),
      dumpTimeoutMs: policy.validatorsListTimeoutMs,
      harvestRules: { hasOwnMevEscrow: facts.hasOwnMevEscrow, currency: network.currency },
      exitShards: policy.exitShards,
      isRemoteSigner: exitKeys.kind === 'remote',
      maxFeePerGasGwei: policy.maxFeePerGasGwei ?? network.maxFeePerGasGwei,
      minVaultBalanceWei: policy.minVaultBalanceWei,
      oraclesTimeoutMs: policy.oraclesTimeoutMs,
      harvest: policy.harvest,
      withdrawals: withdrawalsOf(policy, facts, { network, vault, wallet: wallet.address }),
    },
  };
}

/** Who has the keys, as far as it matters whose they are. */
function keySourceOf(exitKeys: ExitKeysSettings): OwnKeysOptions['signer'] {
  if (exitKeys.kind === 'remote') return exitKeys;
  return { kind: 'built-in', hasRows: exitKeys.keys.kind === 'remote-db' };
}

/** What stops the process is printed and written to files: not with a secret in it. */
function scrubError(error: unknown, scrub: (text: string) => string): unknown {
  if (!(error instanceof Error)) return error;
  error.message = scrub(error.message);
  if (error.stack !== undefined) error.stack = scrub(error.stack);
  return error;
}
