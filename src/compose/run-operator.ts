import { hostname } from 'node:os';
import { createChainReader } from '../clients/execution/chain-snapshot.ts';
import { distinctEndpoints } from '../clients/execution/execution-node.ts';
import type { IpfsOptions } from '../clients/ipfs/ipfs.ts';
import { createServiceLogger } from '../lib/logger.ts';
import { createScrubber } from '../lib/scrub.ts';
import { listenForStop } from '../lib/stop-signals.ts';
import { lastBlockTime } from '../operator/loop/slot-grid.ts';
import { startOperator } from '../operator/loop/start-operator.ts';
import { createOperatorMetrics } from '../operator/probes/metrics.ts';
import { startHealthServer } from '../operator/probes/probe-server.ts';
import { createOperatorStatus } from '../operator/probes/status.ts';
import { checkStartup, type StartupFacts } from '../operator/startup/check-startup.ts';
import {
  actingTasks,
  type OperatorTasksDeps,
  type OperatorTasksOptions,
  watchingTasks,
} from '../operator/tasks/list-tasks.ts';
import { openAcceptedOracleSets } from '../services/oracles/accepted-oracle-sets.ts';
import { OracleSetGuard } from '../services/oracles/oracle-set-guard.ts';
import { createNetworkValidators } from '../services/staking/network-validators/network-validators.ts';
import { chooseRegistrationMode } from '../services/staking/registration/choose-registration-mode.ts';
import type { OperatorSettings } from '../settings/operator-settings.ts';
import { readTimeoutMs } from '../settings/timeouts.ts';
import { holdLease } from '../transactions/lease.ts';
import { createOutbox } from '../transactions/outbox.ts';
import { feeCeilings } from '../transactions/transaction-fees.ts';
import { ipfsOptions } from './nodes.ts';
import { findNetworkName, type OperatorContext, type OperatorHandles, openOperator } from './operator.ts';

/** Longest time from the first signal to the end of the process. */
const STOP_MS = 9_000;
/** How long a node may take for what it was asked before. */
const LATE_MS = 4_000;

/**
 * Runs the operator until SIGTERM or SIGINT: what is under way ends, and everything is released in reverse.
 * @throws what stops it before: UsageError and OperatorError for failures that waiting does not mend
 */
export async function runOperator(
  settings: OperatorSettings,
  { version }: { readonly version: string },
): Promise<void> {
  const networkName = await findNetworkName(settings);
  const scrub = createScrubber(settings.secrets);
  const log = createServiceLogger({ ...settings.log, scrub });
  const status = createOperatorStatus(scrub);
  const metrics = createOperatorMetrics({ version, prefix: settings.metrics.prefix });
  log.info(`Starting operator service, version v${version}`);
  if (settings.ignored.length > 0) log.info(`Accepted and ignored: ${settings.ignored.join(', ')}`);
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
  try {
    await using stack = new AsyncDisposableStack();
    await serve(stack, context, settings);
    const handles = stack.use(await openOperator(context, settings, networkName));
    await work(context, handles, settings);
  } catch (error) {
    // What the stop itself has interrupted is no failure.
    if (!stop.signal.aborted) throw scrubError(error, scrub);
  }
  log.info('Stopped');
}

/** Probes are answered from the beginning, so that a start that waits can be told from one that hangs. */
async function serve(
  stack: AsyncDisposableStack,
  { log, status, metrics }: OperatorContext,
  { metrics: { isEnabled, host, port }, healthPort }: OperatorSettings,
): Promise<void> {
  if (isEnabled) {
    const registry = metrics.registry;
    const server = stack.use(await startHealthServer({ host, port, name: 'metrics', registry, status }));
    log.info(`Metrics at ${server.url}/metrics`);
  }
  if (healthPort === undefined || (isEnabled && healthPort === port && port !== 0)) return;
  const server = stack.use(await startHealthServer({ host, port: healthPort, name: 'health', status }));
  log.info(`Probes at ${server.url}/livez and ${server.url}/readyz`);
}

async function work(
  context: OperatorContext,
  handles: OperatorHandles,
  settings: OperatorSettings,
): Promise<void> {
  const { log, status, metrics, signal } = context;
  const { vault } = settings;
  const { network, database, wallet } = handles;
  const ipfs = ipfsOptions(network, { allowUnverified: false, warn: line => log.warn(line) });
  const oracleSets = createOracleSetGuard(context, handles, settings, ipfs);
  const facts = await checkStartup(
    { ...handles, log, status, oracleSets },
    {
      network,
      vault,
      signal,
      wallet: wallet.address,
      remoteSignerUrl: settings.remoteSignerUrl,
      skipWaiting: settings.skipWaiting,
      isRegistering: settings.register,
      oracleTimeoutMs: oraclesTimeoutMs(),
    },
  );
  const { tasks, options } = prepareTasks(context, handles, settings, { facts, ipfs, oracleSets });
  const ceilings = feeCeilings(settings, network);
  const pollMs = network.secondsPerSlot * 1000;
  const scope = { chainId: network.chainId, vault };
  const holder = `${hostname()} ${process.pid}`;
  await startOperator(
    {
      log,
      status,
      metrics,
      countFrom: () => lastBlockTime(network, { now: performance.now(), unixMs: Date.now() }),
      holdLease: signal => holdLease({ database, log }, { ...scope, holder, signal }),
      watching: watchingTasks(tasks, options),
      act(lease) {
        const deps = { database, lease, log, node: handles.node, signer: wallet };
        const outbox = createOutbox(deps, { ...scope, ...ceilings, pollMs });
        return { reconcile: signal => outbox.reconcile(signal), tasks: actingTasks(tasks, outbox, options) };
      },
    },
    signal,
  );
}

/** What stands between one node's word and the oracles that exit shards are made for. */
function createOracleSetGuard(
  { log, metrics }: OperatorContext,
  { network, database, node, executionNodes, wallet, http }: OperatorHandles,
  { vault, oracleSetHash, executionEndpoints }: OperatorSettings,
  ipfs: IpfsOptions,
): OracleSetGuard {
  const { chainId, contracts, secondsPerSlot } = network;
  const endpoints = distinctEndpoints(executionEndpoints);
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

function prepareTasks(
  { log, metrics }: OperatorContext,
  handles: OperatorHandles,
  settings: OperatorSettings,
  parts: { readonly facts: StartupFacts; readonly ipfs: IpfsOptions; readonly oracleSets: OracleSetGuard },
): { readonly tasks: OperatorTasksDeps; readonly options: OperatorTasksOptions } {
  const { facts, ipfs, oracleSets } = parts;
  const { vault } = settings;
  const { network, database, node, wallet, sources } = handles;
  const { contracts, secondsPerSlot } = network;
  const { vaultVersion } = facts;
  const chain = createChainReader(node, {
    vault,
    vaultVersion,
    contracts,
    wallet: wallet.address,
    maxAgeMs: secondsPerSlot * 500,
  });
  const registrationMode = settings.register
    ? chooseRegistrationMode(
        { source: sources.depositData, wallet, now: Date.now },
        { ...facts, vault, network },
      )
    : undefined;
  const networkValidators = createNetworkValidators(
    { database, node, http: handles.http.ipfs, log: log.child({ task: 'track-validators' }) },
    {
      network,
      threads: settings.poolSize,
      snapshotTimeoutMs: readTimeoutMs('GENESIS_VALIDATORS_IPFS_TIMEOUT', 300),
    },
  );
  return {
    tasks: { ...handles, log, metrics, chain, ipfs, networkValidators, oracleSets },
    options: {
      network,
      vault,
      vaultVersion,
      registrationMode,
      harvestRules: { hasOwnMevEscrow: facts.hasOwnMevEscrow, currency: network.currency },
      exitShards: settings.exitShards,
      isRemoteSigner: settings.remoteSignerUrl !== undefined,
      maxFeePerGasGwei: settings.maxFeePerGasGwei ?? network.maxFeePerGasGwei,
      minVaultBalanceWei: settings.minVaultBalanceWei,
      oraclesTimeoutMs: oraclesTimeoutMs(),
      harvest: settings.harvest,
    },
  };
}

function oraclesTimeoutMs(): number {
  return readTimeoutMs('ORACLES_VALIDATORS_TIMEOUT', 10);
}

/** What stops the process is printed and written to files: not with a secret in it. */
function scrubError(error: unknown, scrub: (text: string) => string): unknown {
  if (!(error instanceof Error)) return error;
  error.message = scrub(error.message);
  if (error.stack !== undefined) error.stack = scrub(error.stack);
  return error;
}
