import type { Observation } from '../observation/observation.ts';
import { clientDrift } from './client-drift.ts';
import type { Difference, Severity } from './difference.ts';
import { keyDrift } from './key-drift.ts';
import { operatorDrift } from './operator-drift.ts';
import { oracleDrift } from './oracle-drift.ts';
import { signerDrift } from './signer-drift.ts';
import { unseen } from './unseen.ts';

const RANKS: Readonly<Record<Severity, number>> = { error: 0, warning: 1, note: 2 };

/**
 * Everything in an observation that is not as it should be, the worst first. What was not asked is no difference; what was asked
 * and has not answered is one, since nobody knows what it has.
 */
export function findDrift(observation: Observation): readonly Difference[] {
  const found = [
    ...unseen(observation),
    ...keyDrift(observation),
    ...oracleDrift(observation),
    ...signerDrift(observation),
    ...clientDrift(observation),
    ...operatorDrift(observation),
  ];
  return found
    .map(difference => ({ ...difference, what: difference.what.replace(/\.$/, '') }))
    .sort((one, other) => RANKS[one.severity] - RANKS[other.severity]);
}
