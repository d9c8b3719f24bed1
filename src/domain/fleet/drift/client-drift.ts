import { countOf } from '../../../lib/plural.ts';
import {
  type ClientRows,
  factsOf,
  type KeymanagerFacts,
  type Observation,
} from '../observation/observation.ts';
import type { Difference } from './difference.ts';
import { nameKeys } from './name-keys.ts';

/**
 * What takes a key from a client that runs: at once and, where its key manager was given the key, for good. Stopping it does not, since
 * Lighthouse, Nimbus, Teku and Vero keep such keys over a restart.
 */
const DELETE = 'DELETE /eth/v1/remotekeys';

type ClientRow = ClientRows['rows'][number];

/** Each validator client's files and running keys against the plan. */
export function clientDrift({ clients, database, keymanagers, runTwice }: Observation): Difference[] {
  const planned = factsOf(database)?.planned;
  const rows = factsOf(clients)?.rows ?? [];
  const running = keymanagers.flatMap(({ name, seen }) => {
    const facts = factsOf(seen);
    return facts === undefined ? [] : runningDrift(name, facts, planned);
  });
  const twice: Difference[] =
    runTwice.total === 0
      ? []
      : [
          {
            code: 'keys-run-twice',
            severity: 'error',
            where: 'validator clients',
            what: `run ${nameKeys(runTwice)}, more than one of them each: they will be slashed`,
            remedy: `Delete them from all but one of these clients now (${DELETE}), or stop those`,
          },
        ];
  return [...twice, ...running, ...fileDrift(rows, planned)];
}

function fileDrift(rows: readonly ClientRow[], planned: number | undefined): Difference[] {
  const unknown = rows.filter(row => isPlanned(row, planned) && row.planned > 0 && row.written === undefined);
  const found = rows.flatMap(row => driftOfRow(row, planned));
  if (unknown.length === 0) return found;
  const isNew = rows.every(({ written }) => written === undefined);
  found.push({
    code: 'client-files-unknown',
    severity: 'note',
    where: isNew
      ? 'validator clients'
      : `validator clients ${unknown.map(({ index }) => `#${index}`).join(', ')}`,
    what: 'have files that the database has not been told of',
    remedy: `${writeFiles(unknown[0]?.index ?? 0, planned)}, with a role that may write it down`,
  });
  return found;
}

function driftOfRow(row: ClientRow, planned: number | undefined): Difference[] {
  const { index, written } = row;
  if (written === undefined) return [];
  const where = `validator client #${index}`;
  if (!isPlanned(row, planned)) {
    if (written.total === 0) return [];
    return [
      {
        code: 'client-not-planned',
        severity: 'warning',
        where,
        what: `was given ${countOf(written.total, 'key')} on ${written.host}, and the plan has ${countOf(planned ?? 0, 'client')}`,
        remedy:
          'Stop this client and remove its files, then its row: docs/fleet-reference.md#client-not-planned',
      },
    ];
  }
  if (written.current) return [];
  return [
    {
      code: 'client-files-outdated',
      severity: 'warning',
      where,
      what: `has files of manifest ${written.manifestCounter} on ${written.host} with ${countOf(written.total, 'key')}, which are not the ${row.planned} of the plan`,
      remedy: writeFiles(index, planned),
    },
  ];
}

function isPlanned({ index }: ClientRow, planned: number | undefined): boolean {
  return planned !== undefined && index < planned;
}

function runningDrift(name: string, facts: KeymanagerFacts, planned: number | undefined): Difference[] {
  const { index, missing, misplaced } = facts;
  const where = `validator client ${index === undefined ? '' : `#${index} `}${name}`;
  if (index === undefined) {
    if (planned === undefined) return [];
    const keys = facts.runs === 0 ? 'runs no key' : `runs ${countOf(facts.runs, 'key')}, none of the vault`;
    return [
      {
        code: 'client-runs-nothing',
        severity: 'warning',
        where,
        what: keys,
        remedy: 'operator remote-db setup-validator for this client, then restart it',
      },
    ];
  }
  const found: Difference[] = [];
  if (misplaced.total > 0) {
    found.push({
      code: 'client-keys-misplaced',
      severity: 'error',
      where,
      what: `runs ${nameKeys(misplaced)}, which the plan gives to other clients: run by both, they are slashed`,
      remedy: `Delete them from this client (${DELETE}; stopping it helps for good only where they are in its files), then ${writeFiles(index, planned)} --removals=allow, then restart the client`,
    });
  }
  if (missing.total > 0) {
    found.push({
      code: 'client-keys-missing',
      severity: 'warning',
      where,
      what: `does not run ${nameKeys(missing)}, which the plan gives to it`,
      remedy: `${writeFiles(index, planned)}, then restart the client`,
    });
  }
  return found;
}

function writeFiles(index: number, planned: number | undefined): string {
  return `operator remote-db setup-validator --validator-index=${index} --total-validators=${planned ?? index + 1}`;
}
