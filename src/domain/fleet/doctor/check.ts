import type { DifferenceCode } from '../drift/difference.ts';

/** What a check came to. `skip`: what it needs was not named. A `warn` alone leaves the exit code at 0. */
export const CHECK_SEVERITIES = ['ok', 'warn', 'fail', 'skip'] as const;
export type CheckSeverity = (typeof CHECK_SEVERITIES)[number];

/** What is checked beside the differences of an observation, which have codes of their own; in alphabetical order. */
export const CHECK_CODES = [
  'answers',
  'clear-text',
  'clock',
  'database-pooler',
  'database-role',
  'database-tls',
  'database-version',
  'disabled-validators',
  'encryption-key',
  'file-mode',
  'ipfs-gateway',
  'key-files-on-disk',
  'proxy',
  'signer-health',
  'signer-imports',
  'signer-signs',
  'signer-version',
  'slashing-database',
  'slashing-network',
  'slashing-shared',
] as const;
export type CheckCode = (typeof CHECK_CODES)[number];

/** What one look at one thing has found. */
export interface Check<Code extends string = CheckCode | DifferenceCode> {
  /** One of {@link CHECK_CODES}, or the code of a difference. */
  readonly code: Code;
  readonly severity: CheckSeverity;
  /** What was looked at. */
  readonly where: string;
  readonly what: string;
  /** What to do; undefined where nothing has to be done. */
  readonly hint?: string | undefined;
}

export type OwnCheck = Check<CheckCode>;

/** A check that found all well. */
export function passed(code: CheckCode, where: string, what: string): OwnCheck {
  return { code, severity: 'ok', where, what };
}

/** A check that could not be made. @param what - what is missing for it */
export function skipped(code: CheckCode, where: string, what: string): OwnCheck {
  return { code, severity: 'skip', where, what };
}
