import { countOf } from '../../../lib/plural.ts';
import { factsOf, type Observation } from '../observation/observation.ts';
import type { Difference } from './difference.ts';

const UPLOAD = 'operator remote-db upload-keypairs';

/** Shares and oracle set against the keeper's, and whether enough oracles answer. */
export function oracleDrift(observation: Observation): Difference[] {
  return [...setDrift(observation), ...answerDrift(observation)];
}

function setDrift({ database, contracts, oracles }: Observation): Difference[] {
  const stored = factsOf(database);
  if (stored === undefined) return [];
  if (isOutdated({ database, contracts, oracles })) {
    return [
      {
        code: 'oracle-set-outdated',
        severity: 'warning',
        where: 'database',
        what: `has shares for oracles that the keeper has replaced: ${countOf(stored.total, 'key')} to be shared anew`,
        remedy: `${UPLOAD}, then operator remote-db setup-web3signer, then /reload of each signer`,
      },
    ];
  }
  if (stored.stale === 0) return [];
  return [
    {
      code: 'shares-stale',
      severity: 'warning',
      where: 'database',
      what: `has shares of an earlier oracle set for ${stored.stale} of ${countOf(stored.total, 'key')}`,
      remedy: `${UPLOAD} with the keystores of these keys`,
    },
  ];
}

/** The set's own hash counts where it is known: a new document may list the same oracles. */
function isOutdated({
  database,
  contracts,
  oracles,
}: Pick<Observation, 'database' | 'contracts' | 'oracles'>) {
  const stored = factsOf(database);
  if (stored?.oracleSetHash === undefined) return false;
  const named = factsOf(oracles);
  if (named !== undefined) return named.oracleSetHash !== stored.oracleSetHash;
  const published = factsOf(contracts)?.oracleConfig;
  return published !== undefined && published !== stored.oracleConfig;
}

function answerDrift({ oracles, contracts }: Observation): Difference[] {
  const seen = factsOf(oracles);
  if (seen === undefined) return [];
  const silent = seen.members.filter(({ result }) => result !== 'answered');
  if (silent.length === 0) return [];
  const answered = seen.members.length - silent.length;
  const needed = factsOf(contracts)?.minOracles ?? seen.threshold;
  const first = silent[0]?.message ?? '';
  const what = `${answered} of ${seen.members.length} answer: ${first}`;
  if (answered >= needed) {
    return [
      {
        code: 'oracle-not-answering',
        severity: 'note',
        where: 'oracles',
        what,
        remedy: `Nothing has to be done: ${needed} are enough`,
      },
    ];
  }
  return [
    {
      code: 'oracles-too-few',
      severity: 'error',
      where: 'oracles',
      what: `${what}; ${needed} have to approve`,
      remedy: 'Check the way from here to the oracles: proxies, firewalls, DNS',
    },
  ];
}
