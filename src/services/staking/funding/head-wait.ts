import type { ErrorCode } from '../../../lib/error-codes.ts';
import { messageOf, OperatorError } from '../../../lib/errors.ts';
import type { RegistrationWait } from '../registration/decide-registration.ts';

const NODE = 'a beacon node that tells what the validators of the vault have';

/** What goes by itself. The errors name slots and blocks, and so are others in every pass. */
const PASSING: Readonly<Partial<Record<ErrorCode, string>>> = {
  'beacon-chain-reorganised': `${NODE}: the chain is being reorganised`,
  'beacon-node-not-ready': `${NODE}: it is not synced, or its execution node has not verified its head`,
  'chain-heads-differ': `${NODE}: it has another head than the execution node`,
  'node-behind': `${NODE}: it is behind the execution node, or that one behind it`,
};

/**
 * What is waited for when it cannot be told what the validators of a vault have and get: no outage, which lets the pass fail.
 * @returns undefined for any other failure
 */
export function waitForHead(error: unknown): RegistrationWait | undefined {
  if (!(error instanceof OperatorError)) return undefined;
  const { code } = error;
  const passing = PASSING[code];
  if (passing !== undefined) return { status: 'waiting', code: 'beacon-head-unsettled', waitsFor: passing };
  const why = [messageOf(error), error.hint]
    .filter(text => text !== undefined)
    .join(' ')
    .replace(/\.$/, '');
  switch (code) {
    case 'beacon-query-not-served':
      return { status: 'waiting', code, waitsFor: `${NODE}: ${why}` };
    case 'network-incomplete':
      return { status: 'waiting', code, waitsFor: `a network file that is complete: ${why}` };
    default:
      return undefined;
  }
}
