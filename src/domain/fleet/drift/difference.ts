/** How much a difference matters: a `note` alone is no drift; a `warning` is to be mended; an `error` endangers money. */
export const SEVERITIES = ['note', 'warning', 'error'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Every kind of difference, in alphabetical order; docs/fleet-reference.md explains each. */
export const DIFFERENCE_CODES = [
  'client-files-outdated',
  'client-files-unknown',
  'client-keys-misplaced',
  'client-keys-missing',
  'client-not-planned',
  'client-runs-nothing',
  'deposit-data-missing-keys',
  'deposit-data-root-differs',
  'keys-not-uploaded',
  'keys-run-out',
  'keys-run-twice',
  'keys-unassigned',
  'no-leader',
  'node-behind',
  'not-seen',
  'operator-not-ready',
  'oracle-not-answering',
  'oracle-set-outdated',
  'oracles-too-few',
  'other-network',
  'plan-changed',
  'plan-missing',
  'prune-unfinished',
  'shares-stale',
  'signer-empty',
  'signer-keys-foreign',
  'signer-keys-missing',
  'task-failing',
  'transaction-reverted',
  'transaction-stuck',
  'two-leaders',
  'upload-unfinished',
  'validators-exited',
  'validators-slashed',
  'wallet-empty',
  'wallet-low',
] as const;
export type DifferenceCode = (typeof DIFFERENCE_CODES)[number];

/** What is not as it should be. */
export interface Difference {
  readonly code: DifferenceCode;
  readonly severity: Severity;
  /** The counterpart that differs. */
  readonly where: string;
  /** What it has, and what it should have: a sentence without its subject's name. */
  readonly what: string;
  /** The command that mends it, or what to do where none does. */
  readonly remedy: string;
}

/** Whether there is anything to be mended. */
export function isDrift({ severity }: Pick<Difference, 'severity'>): boolean {
  return severity !== 'note';
}
