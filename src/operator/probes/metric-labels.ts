import { ERROR_CODES } from '../../lib/error-codes.ts';
import { BLOCKED_REASONS } from '../../services/staking/registration/blocked-registration.ts';
import { WITHDRAWAL_WAITS } from '../../services/staking/withdrawals/withdrawal-waits.ts';
import { TRANSACTION_KINDS } from '../../transactions/transaction.ts';
import { WAIT_REASONS } from './wait-reasons.ts';

/** Calls that are counted, by whom they go to. */
export const CALL_TARGETS = ['signer', 'oracle', 'rpc', 'beacon', 'ipfs'] as const;

/** Servers that are told apart: an oracle set names its own, and sets change for as long as the process lives. */
export const MAX_SERVERS = 256;

/** What stands for a value that is none of those which a label may have. */
export const OTHER = 'other';

/** What bounds the values of a label. */
interface LabelBound {
  /** Where its values come from. */
  readonly source: string;
  /** So many values it has at most, however long the process lives. */
  readonly atMost: number;
}

/**
 * Every label of the operator's figures. A label without a bound would make a new series for ever; one that is not here
 * cannot be declared, and none may hold what is not for everybody: a scraper shows it to whoever asks.
 */
export const METRIC_LABELS = {
  network: { source: 'the name of the network', atMost: 1 },
  vault: { source: 'the address of the vault', atMost: 1 },
  version: { source: 'the version of this program', atMost: 1 },
  node: { source: 'the version of Node', atMost: 1 },
  target: { source: 'CALL_TARGETS', atMost: CALL_TARGETS.length },
  server: {
    source: 'scheme, host and port of nodes, signers, gateways and oracles, without paths and credentials',
    atMost: MAX_SERVERS + 1,
  },
  outcome: { source: 'ok and failed of a pass; ok, refused, timeout and unreachable of a call', atMost: 5 },
  task: { source: 'the tasks of list-tasks', atMost: 8 },
  mode: { source: 'the two ways of making exit shards', atMost: 2 },
  reason: {
    source:
      'BLOCKED_REASONS; WITHDRAWAL_WAITS; fee_ceiling of a transaction; of a task that waits WAIT_REASONS and ERROR_CODES, one at a time',
    atMost:
      new Set<string>([...BLOCKED_REASONS, ...WITHDRAWAL_WAITS, ...WAIT_REASONS, ...Object.keys(ERROR_CODES)])
        .size + 1,
  },
  kind: { source: 'TRANSACTION_KINDS', atMost: TRANSACTION_KINDS.length + 1 },
  status: { source: 'what becomes of a transaction (TransactionOutcome)', atMost: 7 },
} as const satisfies Readonly<Record<string, LabelBound>>;

export type MetricLabel = keyof typeof METRIC_LABELS;

/** Lets so many values through, those that come first; every other one is `other`. */
export function boundedValues(atMost: number): (value: string) => string {
  const known = new Set<string>();
  return value => {
    if (!known.has(value) && known.size >= atMost) return OTHER;
    known.add(value);
    return value;
  };
}
