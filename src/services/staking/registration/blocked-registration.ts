import type { ErrorCode } from '../../../lib/error-codes.ts';
import { ExternalError, messageOf, OperatorError } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import type { RegistrationWait, RegistrationWaitCode } from './decide-registration.ts';
import type { NoBatch } from './registration-mode.ts';

/** Why no validator will be registered until somebody does something, as the metric names it. */
export const BLOCKED_REASONS = [
  'beacon_query_not_served',
  'deposit_not_signed',
  'fee_ceiling',
  'invalid_deposit_data',
  'invalid_deposit_signature',
  'key_not_in_signer',
  'keys_used_up',
  'network_incomplete',
  'next_entry_registered',
  'no_deposit_data',
  'not_validators_manager',
  'oracle_set_refused',
  'root_mismatch',
  'root_not_set',
  'shares_unusable',
  'wallet_funds',
  'other',
] as const;
export type BlockedReason = (typeof BLOCKED_REASONS)[number];

/** A registration that no waiting mends. */
export interface Blocked {
  readonly reason: BlockedReason;
  /** What it waits for, or what is wrong. */
  readonly what: string;
}

/** What a vault's mode finds in the way. */
const REASONS_OF_MODES: Readonly<Record<NoBatch['code'], BlockedReason>> = {
  'deposit-data-root-not-set': 'root_not_set',
  'deposit-data-root-mismatch': 'root_mismatch',
  'deposit-data-used-up': 'keys_used_up',
  'deposit-data-bad-signature': 'invalid_deposit_signature',
  'deposit-not-signed': 'deposit_not_signed',
  'key-not-in-signer': 'key_not_in_signer',
  'key-already-registered': 'next_entry_registered',
  'not-validators-manager': 'not_validators_manager',
  'signer-keys-used-up': 'keys_used_up',
};
/** The same, and what keeps top-ups from being planned. */
const REASONS_OF_OBSTACLES: Readonly<Partial<Record<RegistrationWaitCode, BlockedReason>>> = {
  ...REASONS_OF_MODES,
  'beacon-query-not-served': 'beacon_query_not_served',
  'network-incomplete': 'network_incomplete',
};
const REASONS_OF_WAITS: Readonly<Partial<Record<RegistrationWaitCode, BlockedReason>>> = {
  ...REASONS_OF_OBSTACLES,
  // It may fall, but below a ceiling that is too low it never does.
  'fee-ceiling': 'fee_ceiling',
  'insufficient-funds': 'wallet_funds',
};
/** What a pass fails with. Any other failure that is not of something outside is `other`. */
const REASONS_OF_ERRORS: Readonly<Partial<Record<ErrorCode, BlockedReason>>> = {
  'deposit-data-changed': 'invalid_deposit_data',
  'deposit-data-duplicate': 'invalid_deposit_data',
  'deposit-data-empty': 'no_deposit_data',
  'deposit-data-invalid': 'invalid_deposit_data',
  'deposit-data-missing': 'no_deposit_data',
  'deposit-data-not-json': 'invalid_deposit_data',
  'exit-key-not-loaded': 'key_not_in_signer',
  'file-missing': 'no_deposit_data',
  'insufficient-funds': 'wallet_funds',
  'network-incomplete': 'network_incomplete',
  'oracle-set-hash-mismatch': 'oracle_set_refused',
  'shares-inconsistent': 'shares_unusable',
  'shares-not-loaded': 'shares_unusable',
  'shares-outdated': 'shares_unusable',
};
/** Neither success nor failure of a registration: the next holder of the lease goes on. */
const PASSING: readonly ErrorCode[] = ['lease-lost', 'aborted'];

/** Whether something that no waiting mends is in the way: of the vault's mode, or of the plan. */
export function isBlockedMode(code: string): boolean {
  return Object.hasOwn(REASONS_OF_OBSTACLES, code);
}

/** What of a wait does not end by itself. */
export function blockedByWait({ code, waitsFor }: RegistrationWait): Blocked | undefined {
  const reason = REASONS_OF_WAITS[code];
  return reason && { reason, what: `registration waits for ${waitsFor}` };
}

/** What of a pass's failure no waiting mends; undefined for an outage. */
export function blockedByError(error: unknown): Blocked | undefined {
  if (!(error instanceof OperatorError) || PASSING.includes(error.code)) return undefined;
  const known = REASONS_OF_ERRORS[error.code];
  if (known === undefined && error instanceof ExternalError) return undefined;
  return { reason: known ?? 'other', what: messageOf(error) };
}

const HOUR_MS = 3_600_000;

interface BlockedWatchDeps {
  readonly log: Pick<Logger, 'warn'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Shows the reason; undefined when nothing is in the way. */
  readonly show: (reason: BlockedReason | undefined) => void;
}

/** Repeats every hour that nothing is registered any more, and shows why; the first line is that of the pass itself. */
export class BlockedWatch {
  readonly #deps: BlockedWatchDeps;
  /** The time since when it is blocked; undefined when it is not. */
  #since: number | undefined;
  #toldAt = 0;

  constructor(deps: BlockedWatchDeps) {
    this.#deps = deps;
  }

  /** Is told what each pass has found; undefined when it was not blocked. */
  note(blocked: Blocked | undefined): void {
    const { log, now, show } = this.#deps;
    show(blocked?.reason);
    if (blocked === undefined) {
      this.#since = undefined;
      return;
    }
    const at = now();
    if (this.#since === undefined) {
      this.#since = at;
      this.#toldAt = at;
    }
    if (at - this.#toldAt < HOUR_MS) return;
    this.#toldAt = at;
    log.warn(
      { reason: blocked.reason },
      `No validator has been registered since ${new Date(this.#since).toISOString()}: ${blocked.what}`,
    );
  }
}
