import { OperatorError } from '../../../lib/errors.ts';
import type { Observation, Seen } from '../observation/observation.ts';
import type { Difference } from './difference.ts';

/** Codes of errors which say that a counterpart is there and belongs to another chain, network or vault. */
const OTHER_NETWORK: ReadonlySet<string> = new Set([
  'contract-not-found',
  'vault-not-registered',
  'vault-other-chain',
  'wrong-chain',
  'wrong-network',
]);

/** A counterpart by the name that a user knows it by. */
interface Counterpart {
  readonly where: string;
  readonly seen: Seen<unknown>;
}

/** Every counterpart that was asked, whether it has answered or not. */
function counterpartsOf(observation: Observation): readonly Counterpart[] {
  const named = (kind: string, list: readonly { readonly name: string; readonly seen: Seen<unknown> }[]) =>
    list.map(({ name, seen }) => ({ where: `${kind} ${name}`, seen }));
  return [
    { where: 'database', seen: observation.database },
    { where: 'validator clients in the database', seen: observation.clients },
    { where: 'lease', seen: observation.lease },
    { where: 'transactions', seen: observation.transactions },
    { where: 'audit log', seen: observation.lastChange },
    { where: 'vault directory', seen: observation.local },
    ...named('execution node', observation.executionNodes),
    ...named('consensus node', observation.consensusNodes),
    { where: 'contracts', seen: observation.contracts },
    { where: 'beacon chain', seen: observation.beaconChain },
    { where: 'oracles', seen: observation.oracles },
    ...named('signer', observation.signers),
    ...named('validator client', observation.keymanagers),
    ...named('operator', observation.operators),
    { where: 'wallet', seen: observation.wallet },
  ].filter(({ seen }) => seen.answer !== 'not-asked');
}

/** Whether anything at all was seen. The vault's directory alone is this machine, and says nothing of a fleet. */
export function isAnythingSeen(observation: Observation): boolean {
  return counterpartsOf(observation).some(
    ({ where, seen }) => seen.answer === 'answered' && where !== 'vault directory',
  );
}

/**
 * Insists that anything has answered.
 * @throws OperatorError 'nothing-seen'
 */
export function requireSomethingSeen(observation: Observation): void {
  if (isAnythingSeen(observation)) return;
  const faults = unseen(observation).map(({ where, what }) => `${where}: ${what.replace(/\.$/, '')}`);
  const why = faults.length === 0 ? 'no counterpart was named' : faults.join('; ');
  throw new OperatorError('nothing-seen', `Nothing of the fleet could be seen: ${why}.`, {
    hint: 'Name counterparts with --db-url, --signer-url, --keymanager, --operator-url, --execution-endpoints and --consensus-endpoints.',
  });
}

/** What was asked and has not answered. What one outage keeps from being read of several is told once. */
export function unseen(observation: Observation): Difference[] {
  const told = new Set<string>();
  return counterpartsOf(observation).flatMap(({ where, seen }): Difference[] => {
    if (seen.answer !== 'failed') return [];
    const { code, message, hint } = seen.fault;
    if (told.has(message)) return [];
    told.add(message);
    const isOther = OTHER_NETWORK.has(code);
    return [
      {
        code: isOther ? 'other-network' : 'not-seen',
        severity: isOther ? 'error' : 'warning',
        where,
        what: message,
        remedy: hint ?? `Look into ${where}: docs/errors.md#${code} tells more.`,
      },
    ];
  });
}
