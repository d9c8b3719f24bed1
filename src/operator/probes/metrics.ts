import type { HttpCall } from '../../clients/http.ts';
import type { ShardWay } from '../../domain/fleet/signing-ability.ts';
import { Counter, createRegistry, Gauge, Histogram, type Registry } from '../../lib/metrics.ts';
import {
  BLOCKED_REASONS,
  type BlockedReason,
} from '../../services/staking/registration/blocked-registration.ts';
import {
  WITHDRAWAL_WAITS,
  type WithdrawalWait,
} from '../../services/staking/withdrawals/withdrawal-waits.ts';
import type { LeaseObserver } from '../../transactions/lease.ts';
import {
  type OnTransactionBlock,
  type OnTransactionPending,
  TRANSACTION_KINDS,
} from '../../transactions/transaction.ts';
import type { TaskObserver } from '../loop/run-task.ts';
import { boundedValues, type CALL_TARGETS, MAX_SERVERS, type MetricLabel, OTHER } from './metric-labels.ts';
import { WaitFigure } from './wait-figure.ts';
import type { WaitReason } from './wait-reasons.ts';

/** Calls that are counted, by whom they go to. */
export type CallTarget = (typeof CALL_TARGETS)[number];

/** Figures of the operator under the manual's names, and its own. */
export interface OperatorMetrics extends TaskObserver {
  readonly registry: Registry;
  readonly serviceStarted: Gauge;
  readonly blockNumber: Gauge;
  readonly slotNumber: Gauge;
  /** wei */
  readonly baseFee: Gauge;
  /** wei */
  readonly walletBalance: Gauge;
  readonly outdatedSignatures: Gauge;
  /** wei */
  readonly stakeableAssets: Gauge;
  readonly lastRegistrationBlock: Gauge;
  readonly lastFundingBlock: Gauge;
  readonly lastWithdrawalBlock: Gauge;
  /** gwei of the beacon chain */
  readonly queuedAssets: Gauge;
  /** Validators of the vault. */
  readonly validatorsExitedByOracles: Gauge;
  /** Shows why withdrawals that the exit queue needs are not requested; undefined when nothing is in the way. */
  showWithdrawalsBlocked(reason: WithdrawalWait | undefined): void;
  readonly unusedValidatorKeys: Gauge;
  readonly leader: Gauge;
  readonly oracleSetUnconfirmed: Gauge;
  readonly oracleSetChanges: Counter;
  /** Whether the process that holds the hot wallet runs. */
  readonly signerProcessUp: Gauge;
  readonly signerReachable: Gauge;
  readonly signerKeys: Gauge;
  /** Validators that the configuration names. */
  readonly configuredValidators: Gauge;
  /** Those of them that the signer cannot sign for. */
  readonly unsignableValidators: Gauge;
  readonly databaseUp: Gauge;
  /** Is told of the lease, and by it of the database. */
  readonly lease: LeaseObserver;
  /** Shows a task before its first pass: a figure that is not there yet is no zero. */
  expectTask(task: string): void;
  /** Is told during a pass what the task waits for; undefined when nothing is in its way. */
  showWait(task: string, reason: WaitReason | undefined): void;
  /** A task that has ended with the lease fails no more, and waits for nothing. */
  taskEnded(task: string): void;
  showOracles(oracles: OracleCounts): void;
  /** Shows what is in the way of registration and does not go by itself; undefined when nothing is. */
  showRegistrationBlocked(reason: BlockedReason | undefined): void;
  /** Shows the way in which the last exit shards were made. */
  showExitShardMode(mode: ShardWay): void;
  readonly transactions: Counter<'kind' | 'status'>;
  /** Shows what a transaction of a kind waits for. */
  readonly showTransactionBlock: OnTransactionBlock;
  /** Shows since when a transaction of a kind is under way. */
  readonly showTransactionPending: OnTransactionPending;
  /** What was held, waiting, blocked or under way under a lease is the next holder's to show. */
  leaseEnded(): void;
  /** An `observe` for clients, which counts and times their calls. */
  observe(target: CallTarget): (call: HttpCall) => void;
}

/** The oracles of the set in use. */
interface OracleCounts {
  readonly known: number;
  readonly reachable: number;
  /** So many have to approve. */
  readonly required: number;
}

export interface OperatorMetricsOptions {
  readonly version: string;
  /** Comes before every name of the operator's own, with a `_`; empty for none. */
  readonly prefix: string;
  /** The network's name, which every figure is labelled with, as those of the newest Python operator are. */
  readonly network: string;
  /** Address of the vault: the figures of several vaults meet in one Prometheus. */
  readonly vault: string;
  /** What does not change while the process lives, and what other figures are compared with. */
  readonly limits: MetricLimits;
}

interface MetricLimits {
  readonly feeCeilingWei: bigint;
  /** Below it the hot wallet is warned of. */
  readonly walletMinimumWei: bigint;
  /** What the vault's assets lose to one validator. */
  readonly assetsPerValidatorWei: bigint;
}

const CALL_BUCKETS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const TASK_BUCKETS = [0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Makes metrics of one registry, whose names begin with the prefix. */
function createMakers(registry: Registry, prefix: string) {
  const registers = [registry];
  const nameOf = (name: string) => (prefix === '' ? name : `${prefix.replace(/_+$/, '')}_${name}`);
  return {
    gauge: <L extends MetricLabel>(name: string, help: string, labelNames: readonly L[] = []) =>
      new Gauge<L>({ name: nameOf(name), help, labelNames, registers }),
    counter: <L extends MetricLabel>(name: string, help: string, labelNames: readonly L[] = []) =>
      new Counter<L>({ name: nameOf(name), help, labelNames, registers }),
    histogram: <L extends MetricLabel>(
      name: string,
      help: string,
      labelNames: readonly L[],
      buckets: number[],
    ) => new Histogram<L>({ name: nameOf(name), help, labelNames, buckets, registers }),
  };
}

type Makers = ReturnType<typeof createMakers>;

/** Makes the figures; nothing is served yet. */
export function createOperatorMetrics(options: OperatorMetricsOptions): OperatorMetrics {
  const registry = createRegistry({ network: options.network });
  const makers = createMakers(registry, options.prefix);
  const { gauge, counter } = makers;
  showFacts(makers, options);
  const outdatedSignatures = gauge('outdated_signatures', 'The number of outdated signatures');
  const unusedValidatorKeys = gauge(
    'unused_validator_keys',
    'The number of unused validator keys in deposit data file',
  );
  // Not there before they have been counted, which on a new database takes hours: zero would be an alarm.
  unusedValidatorKeys.remove();
  const leader = gauge('leader', 'Whether this process is the one that sends transactions');
  const registration = createRegistrationFigures(makers);
  const withdrawals = createWithdrawalFigures(makers);
  const transactions = createTransactionFigures(makers);
  const lease = createLeaseFigures(makers);
  const exitShardsMode = gauge('exit_shards_mode', 'How the last exit shards were made', ['mode']);
  return {
    registry,
    serviceStarted: gauge('service_started', 'Whether the checks of the start are behind it'),
    blockNumber: gauge('block_number', 'Current block number'),
    slotNumber: gauge('slot_number', 'Current slot number'),
    baseFee: gauge('base_fee_wei', 'Base fee of the current block, in wei'),
    walletBalance: gauge('wallet_balance', 'Current wallet balance'),
    outdatedSignatures,
    unusedValidatorKeys,
    leader,
    oracleSetUnconfirmed: gauge(
      'oracle_set_unconfirmed',
      'Whether an execution node names an oracle set that is not confirmed, so that the old one stays in use, or none',
    ),
    oracleSetChanges: counter('oracle_set_changes_total', 'Confirmed changes of the oracle set'),
    showExitShardMode(mode) {
      for (const one of ['key-shares', 'split'] as const)
        exitShardsMode.set({ mode: one }, one === mode ? 1 : 0);
    },
    ...createSignerFigures(makers),
    ...createTaskFigures(makers),
    ...createCallFigures(makers),
    ...createOracleFigures(makers),
    ...registration,
    ...withdrawals,
    ...transactions,
    ...lease.shown,
    leaseEnded() {
      leader.set(0);
      lease.end();
      outdatedSignatures.set(0);
      registration.stakeableAssets.set(0);
      withdrawals.queuedAssets.set(0);
      withdrawals.validatorsExitedByOracles.set(0);
      withdrawals.showWithdrawalsBlocked(undefined);
      registration.showRegistrationBlocked(undefined);
      for (const kind of TRANSACTION_KINDS) {
        transactions.showTransactionBlock(kind, undefined);
        transactions.showTransactionPending(kind, undefined);
      }
    },
  };
}

function showFacts({ gauge }: Makers, { version, vault, limits }: OperatorMetricsOptions): void {
  gauge('app_version_info', 'V3 Operator version', ['version']).set({ version: `v${version}` }, 1);
  gauge('build_info', 'Version of the operator, and of the Node that it runs on', ['version', 'node']).set(
    { version: `v${version}`, node: process.version },
    1,
  );
  gauge('vault_info', 'The vault that this operator works for', ['vault']).set({ vault }, 1);
  const { feeCeilingWei, walletMinimumWei, assetsPerValidatorWei } = limits;
  gauge('fee_ceiling_wei', 'No transaction offers more for its gas, in wei').set(Number(feeCeilingWei));
  gauge('wallet_minimum_wei', 'The wallet should have more, in wei').set(Number(walletMinimumWei));
  gauge('assets_per_validator_wei', 'What the assets of the vault lose to one validator, in wei').set(
    Number(assetsPerValidatorWei),
  );
}

function createRegistrationFigures({ gauge }: Makers) {
  const registrationBlocked = gauge(
    'registration_blocked',
    'Whether validators cannot be registered until somebody does something, by the reason',
    ['reason'],
  );
  const showRegistrationBlocked = (reason: BlockedReason | undefined) => {
    for (const one of BLOCKED_REASONS) registrationBlocked.set({ reason: one }, one === reason ? 1 : 0);
  };
  showRegistrationBlocked(undefined);
  return {
    showRegistrationBlocked,
    stakeableAssets: gauge('stakeable_assets', 'The amount of stakeable assets'),
    lastRegistrationBlock: gauge(
      'last_registration_block',
      'Block of the last registration by this process; 0 before the first one',
    ),
    lastFundingBlock: gauge(
      'last_funding_block',
      'Block of the last top-ups of validators by this process; 0 before the first ones',
    ),
  };
}

function createWithdrawalFigures({ gauge }: Makers) {
  const blocked = gauge(
    'withdrawals_blocked',
    'Whether withdrawals that the exit queue needs are not requested, by the reason',
    ['reason'],
  );
  const showWithdrawalsBlocked = (reason: WithdrawalWait | undefined) => {
    for (const one of WITHDRAWAL_WAITS) blocked.set({ reason: one }, one === reason ? 1 : 0);
  };
  showWithdrawalsBlocked(undefined);
  return {
    showWithdrawalsBlocked,
    validatorsExitedByOracles: gauge(
      'validators_exited_by_oracles',
      'Validators of the vault that the oracles exit, when last looked while the exit queue lacked assets',
    ),
    lastWithdrawalBlock: gauge(
      'last_withdrawal_block',
      'Block of the last withdrawals from validators that this process has requested; 0 before the first ones',
    ),
    queuedAssets: gauge(
      'queued_assets',
      'What the exit queue of the vault lacks beyond what is coming in, in gwei of the beacon chain',
    ),
  };
}

function createTransactionFigures({ gauge, counter }: Makers) {
  const blocked = gauge('transactions_blocked', 'Whether a transaction waits, and for what', [
    'kind',
    'reason',
  ]);
  const pendingSince = gauge(
    'transaction_pending_since_timestamp_seconds',
    'Since when a transaction is under way; 0 when none is',
    ['kind'],
  );
  const kindOf = (kind: string) => TRANSACTION_KINDS.find(one => one === kind) ?? OTHER;
  const showTransactionBlock: OnTransactionBlock = (kind, block) =>
    blocked.set({ kind: kindOf(kind), reason: 'fee_ceiling' }, block === 'fee-ceiling' ? 1 : 0);
  const showTransactionPending: OnTransactionPending = (kind, sinceMs = 0) =>
    pendingSince.set({ kind: kindOf(kind) }, sinceMs / 1000);
  const transactions = counter('transactions_total', 'Transactions by what became of them', [
    'kind',
    'status',
  ]);
  for (const kind of TRANSACTION_KINDS) {
    showTransactionBlock(kind, undefined);
    showTransactionPending(kind, undefined);
    transactions.inc({ kind, status: 'confirmed' }, 0);
  }
  return { transactions, showTransactionBlock, showTransactionPending };
}

function createLeaseFigures({ gauge }: Makers) {
  const databaseUp = gauge(
    'database_up',
    'Whether the database has answered the last time that it was asked',
  );
  const acquired = gauge(
    'lease_acquired_timestamp_seconds',
    'Since when this process is the one that acts for the vault; 0 when it is not',
  );
  const renewed = gauge(
    'lease_renewed_timestamp_seconds',
    'When the lease was last renewed, which is done every few seconds; 0 when this process does not hold it',
  );
  const lease: LeaseObserver = {
    databaseAnswered: isAnswered => databaseUp.set(isAnswered ? 1 : 0),
    leaseTaken: () => acquired.set(Date.now() / 1000),
    leaseRenewed: () => renewed.set(Date.now() / 1000),
  };
  const end = () => {
    acquired.set(0);
    renewed.set(0);
  };
  return { shown: { databaseUp, lease }, end };
}

function createSignerFigures({ gauge }: Makers) {
  return {
    signerProcessUp: gauge('signer_process_up', 'Whether the process that holds the hot wallet runs'),
    signerReachable: gauge(
      'signer_reachable',
      'Whether the signer of exits has told its keys when last asked',
    ),
    signerKeys: gauge('signer_keys', 'Keys and key shares that the signer of exits has loaded'),
    configuredValidators: gauge(
      'configured_validators',
      'Validators of the configuration of the remote signer, or of the deposit data where there is none',
    ),
    unsignableValidators: gauge(
      'unsignable_validators',
      'Those of the configured validators of which the signer has neither the key nor enough shares',
    ),
  };
}

function createOracleFigures({ gauge }: Makers) {
  const known = gauge('oracles', 'Oracles of the set in use');
  const reachable = gauge('oracles_reachable', 'Those of them that answered when last asked');
  const required = gauge('oracles_required', 'So many oracles have to approve');
  return {
    showOracles(counts: OracleCounts) {
      known.set(counts.known);
      reachable.set(counts.reachable);
      required.set(counts.required);
    },
  };
}

function createTaskFigures({ gauge, counter, histogram }: Makers) {
  const waits = new WaitFigure(
    gauge(
      'task_waiting',
      'What a task waited for in its last pass, or the code of the error that it failed with',
      ['task', 'reason'],
    ),
  );
  const passes = histogram('task_duration_seconds', 'Passes of tasks', ['task', 'outcome'], TASK_BUCKETS);
  const lastSuccess = gauge(
    'task_last_success_timestamp_seconds',
    'When a pass of the task last ended without a failure',
    ['task'],
  );
  const failures = counter('task_failures_total', 'Passes that failed', ['task']);
  const inARow = gauge('task_failures_in_a_row', 'Passes that failed since the last one that did not', [
    'task',
  ]);
  // The name of the newest Python operator.
  const exceptions = counter('exception_count_total', 'Passes that failed, of all tasks');
  return {
    expectTask(task: string) {
      failures.inc({ task }, 0);
      inARow.set({ task }, 0);
    },
    showWait: (task: string, reason: WaitReason | undefined) => waits.tell(task, reason),
    taskEnded(task: string) {
      inARow.set({ task }, 0);
      waits.taskEnded(task);
    },
    passBegan: () => undefined,
    passEnded: ((task, { durationMs, error }) => {
      waits.passEnded(task, error);
      const outcome = error === undefined ? 'ok' : 'failed';
      passes.observe({ task, outcome }, durationMs / 1000);
      if (outcome === 'ok') {
        lastSuccess.set({ task }, Date.now() / 1000);
        inARow.set({ task }, 0);
      } else {
        failures.inc({ task });
        inARow.inc({ task });
        exceptions.inc();
      }
    }) satisfies TaskObserver['passEnded'],
  };
}

function createCallFigures({ histogram }: Makers) {
  const calls = histogram(
    'request_duration_seconds',
    'Requests to signers, oracles, nodes and IPFS gateways',
    ['target', 'server', 'outcome'],
    CALL_BUCKETS,
  );
  const nameServer = boundedValues(MAX_SERVERS);
  return {
    observe:
      (target: CallTarget) =>
      ({ server, durationMs, outcome }: HttpCall) =>
        calls.observe({ target, server: nameServer(server), outcome }, durationMs / 1000),
  };
}
