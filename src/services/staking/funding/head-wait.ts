import type { ErrorCode } from '../../../lib/error-codes.ts';
import { messageOf, OperatorError } from '../../../lib/errors.ts';
import type { RegistrationWait, RegistrationWaitCode } from '../registration/decide-registration.ts';

/** What keeps the head of both chains from being read, and is no outage: some of it goes by itself, some takes somebody. */
const WAITS: Readonly<Partial<Record<ErrorCode, RegistrationWaitCode>>> = {
  'beacon-chain-reorganised': 'beacon-head-unsettled',
  'beacon-node-not-ready': 'beacon-head-unsettled',
  'beacon-query-not-served': 'beacon-query-not-served',
  'chain-heads-differ': 'beacon-head-unsettled',
  'network-incomplete': 'network-incomplete',
  'node-behind': 'beacon-head-unsettled',
};

/** What is waited for when it cannot be told what validators have and get; undefined for any other failure. */
export function waitForHead(error: unknown): RegistrationWait | undefined {
  if (!(error instanceof OperatorError)) return undefined;
  const code = WAITS[error.code];
  if (code === undefined) return undefined;
  const why = [messageOf(error), error.hint].filter(text => text !== undefined).join(' ');
  const what =
    code === 'network-incomplete'
      ? 'a network file that is complete'
      : 'a beacon node that tells what the validators of the vault have';
  return { status: 'waiting', code, waitsFor: `${what}: ${why.replace(/\.$/, '')}` };
}
