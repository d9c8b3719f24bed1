import { isErrorCode, isErrorCodeOf } from '../lib/error-codes.ts';
import { EXIT, type ExitCode, ExternalError, OperatorError, UsageError } from '../lib/errors.ts';
import type { LogFormat } from '../lib/log-format.ts';
import type { LogLevel } from '../lib/logger.ts';
import type { SignerSettings } from '../settings/signer-settings.ts';

/** The pipe between a command and the signer that it spawned: one JSON document a line, in both directions. */
export const ORDERS_FD = 3;

/** The first line that the child reads. The pipe then stays open: its end tells the child that its parent is gone. */
export interface SignerOrders {
  readonly settings: SignerSettings;
  readonly logLevel: LogLevel;
  /** Lines like those of the service that has spawned it; left out, documents of JSON. */
  readonly logFormat?: LogFormat | undefined;
}

/** What the child tells: how far its start has come, as often as that changes, and then once that it listens, or why not. */
export type SignerReport =
  | { readonly progress: ReportedProgress }
  | { readonly ready: { readonly keys: number; readonly wallet?: string | undefined } }
  | { readonly error: ReportedError };

/** How far a step of the child's start has come; its last report says that it has ended. */
export interface ReportedProgress {
  readonly label: string;
  readonly total: number;
  readonly done: number;
  readonly lanes?: number | undefined;
  readonly isEnded: boolean;
}

export interface ReportedError {
  /** A code of ERROR_CODES, which whoever reads it checks. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly exitCode: ExitCode;
  /** Whether it may be over by itself later. */
  readonly retryable?: boolean | undefined;
}

/** The child's error as the error it was there; a code that is not of the table is a bug. */
export function errorOfReport({ code, message, hint, exitCode, retryable }: ReportedError): OperatorError {
  if (retryable && isErrorCodeOf('external', code))
    return new ExternalError(code, message, { hint, retryable });
  if (exitCode === EXIT.usage && isErrorCodeOf('usage', code)) return new UsageError(code, message, { hint });
  if (isErrorCode(code)) return new OperatorError(code, message, { hint, exitCode });
  return new OperatorError('internal-error', message, { hint, exitCode: EXIT.bug });
}
