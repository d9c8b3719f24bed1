import type { HttpCall } from '../../clients/http.ts';
import type { ShardWay } from '../../domain/fleet/signing-ability.ts';
import { Counter, createRegistry, Gauge, Histogram, type Registry } from '../../lib/metrics.ts';
import {
  BLOCKED_REASONS,
  type BlockedReason,
} from '../../services/staking/registration/blocked-registration.ts';
import type { OnTransactionBlock } from '../../transactions/transaction.ts';
import type { TaskObserver } from '../loop/run-task.ts';

/** Calls that are counted, by whom they go to. */
export type CallTarget = 'signer' | 'oracle' | 'rpc' | 'beacon' | 'ipfs';

/** Figures of the operator under the manual's names, and its own. */
export interface OperatorMetrics extends TaskObserver {
  readonly registry: Registry;
  readonly blockNumber: Gauge;
  readonly slotNumber: Gauge;
  /** wei */
  readonly walletBalance: Gauge;
  readonly outdatedSignatures: Gauge;
  /** wei */
  readonly stakeableAssets: Gauge;
  readonly unusedValidatorKeys: Gauge;
  readonly leader: Gauge;
  readonly oracleSetUnconfirmed: Gauge;
  readonly oracleSetChanges: Counter;
  /** Shows what is in the way of registration and does not go by itself; undefined when nothing is. */
  showRegistrationBlocked(reason: BlockedReason | undefined): void;
  /** Shows the way in which the last exit shards were made. */
  showExitShardMode(mode: ShardWay): void;
  readonly transactions: Counter<'kind' | 'status'>;
  /** Shows what a transaction of a kind waits for. */
  readonly showTransactionBlock: OnTransactionBlock;
  /** An `observe` for clients, which counts and times their calls. */
  observe(target: CallTarget): (call: HttpCall) => void;
}

export interface OperatorMetricsOptions {
  readonly version: string;
  /** Comes before every name of the operator's own, with a `_`; empty for none. */
  readonly prefix: string;
  /** The network's name, which every figure is labelled with, as those of the newest Python operator are. */
  readonly network: string;
}

const CALL_BUCKETS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const TASK_BUCKETS = [0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Makes the figures; nothing is served yet. */
export function createOperatorMetrics({ version, prefix, network }: OperatorMetricsOptions): OperatorMetrics {
  const registry = createRegistry({ network });
  const nameOf = (name: string) => (prefix === '' ? name : `${prefix.replace(/_+$/, '')}_${name}`);
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name: nameOf(name), help, labelNames, registers: [registry] });
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name: nameOf(name), help, labelNames, registers: [registry] });
  const histogram = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    buckets: number[],
  ) => new Histogram<L>({ name: nameOf(name), help, labelNames, buckets, registers: [registry] });

  gauge('app_version_info', 'V3 Operator version', ['version']).set({ version: `v${version}` }, 1);
  const calls = histogram(
    'request_duration_seconds',
    'Requests to signers, oracles, nodes and IPFS gateways',
    ['target', 'server', 'outcome'],
    CALL_BUCKETS,
  );
  const passes = histogram('task_duration_seconds', 'Passes of tasks', ['task', 'outcome'], TASK_BUCKETS);
  const lastSuccess = gauge(
    'task_last_success_timestamp_seconds',
    'When a pass of the task last ended without a failure',
    ['task'],
  );
  const exitShardsMode = gauge('exit_shards_mode', 'How the last exit shards were made', ['mode']);
  const registrationBlocked = gauge(
    'registration_blocked',
    'Whether validators cannot be registered until somebody does something, by the reason',
    ['reason'],
  );
  const showRegistrationBlocked = (reason: BlockedReason | undefined) => {
    for (const one of BLOCKED_REASONS) registrationBlocked.set({ reason: one }, one === reason ? 1 : 0);
  };
  showRegistrationBlocked(undefined);
  const blocked = gauge('transactions_blocked', 'Whether a transaction waits, and for what', [
    'kind',
    'reason',
  ]);
  return {
    registry,
    showRegistrationBlocked,
    blockNumber: gauge('block_number', 'Current block number'),
    slotNumber: gauge('slot_number', 'Current slot number'),
    walletBalance: gauge('wallet_balance', 'Current wallet balance'),
    outdatedSignatures: gauge('outdated_signatures', 'The number of outdated signatures'),
    stakeableAssets: gauge('stakeable_assets', 'The amount of stakeable assets'),
    unusedValidatorKeys: gauge(
      'unused_validator_keys',
      'The number of unused validator keys in deposit data file',
    ),
    leader: gauge('leader', 'Whether this process is the one that sends transactions'),
    oracleSetUnconfirmed: gauge(
      'oracle_set_unconfirmed',
      'Whether an execution node names an oracle set that is not confirmed, so that the old one stays in use, or none',
    ),
    oracleSetChanges: counter('oracle_set_changes_total', 'Confirmed changes of the oracle set'),
    showExitShardMode(mode) {
      for (const one of ['key-shares', 'split'] as const)
        exitShardsMode.set({ mode: one }, one === mode ? 1 : 0);
    },
    transactions: counter('transactions_total', 'Transactions by what became of them', ['kind', 'status']),
    showTransactionBlock(kind, block) {
      blocked.set({ kind, reason: 'fee_ceiling' }, block === 'fee-ceiling' ? 1 : 0);
    },
    observe:
      target =>
      ({ server, durationMs, outcome }) =>
        calls.observe({ target, server, outcome }, durationMs / 1000),
    passBegan: () => undefined,
    passEnded(task, { durationMs, error }) {
      const outcome = error === undefined ? 'ok' : 'failed';
      passes.observe({ task, outcome }, durationMs / 1000);
      if (outcome === 'ok') lastSuccess.set({ task }, Date.now() / 1000);
    },
  };
}
