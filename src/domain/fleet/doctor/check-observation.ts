import type { Difference, Severity } from '../drift/difference.ts';
import { findDrift } from '../drift/find-drift.ts';
import type { Observation, Seen } from '../observation/observation.ts';
import { factsOf } from '../observation/observation.ts';
import { type Check, type CheckSeverity, passed, skipped } from './check.ts';

const SEVERITIES: Readonly<Record<Severity, CheckSeverity>> = { error: 'fail', warning: 'fail', note: 'ok' };
/** How far a clock may be off before blocks seem to come from the future. */
const CLOCK_SLACK_MS = 2_000;

/** What an observation says to whoever looks for what is wrong: a line for each counterpart, one for each difference, and the clock. */
export function checkObservation(observation: Observation): Check[] {
  return [...answers(observation), ...checkClock(observation), ...findDrift(observation).map(toCheck)];
}

function toCheck({ code, severity, where, what, remedy }: Difference): Check {
  return { code, severity: SEVERITIES[severity], where, what, hint: remedy };
}

/** A counterpart that has answered is well as far as that goes; one that has not is a difference, and told of there. */
function answers(observation: Observation): Check[] {
  const stored = factsOf(observation.database);
  const contracts = factsOf(observation.contracts);
  const oracles = factsOf(observation.oracles);
  const here = factsOf(observation.local);
  return [
    answer(
      'database',
      observation.database,
      stored && `${stored.server}, step ${stored.step}, ${stored.total} keys`,
    ),
    answer('vault directory', observation.local, here && `${here.keystores} keystores`),
    ...each('execution node', observation.executionNodes, ({ block }) => `block ${block}`),
    answer('contracts', observation.contracts, contracts && `vault of version ${contracts.vaultVersion}`),
    ...each('consensus node', observation.consensusNodes, ({ epoch }) => `epoch ${epoch}`),
    answer('beacon chain', observation.beaconChain, 'tells how far each validator is'),
    answer('oracles', observation.oracles, oracles && `${oracles.members.length} of the keeper's document`),
    ...each('signer', observation.signers, ({ loaded }) => `${loaded} keys`),
    ...each('validator client', observation.keymanagers, ({ runs }) => `runs ${runs} keys`),
    ...each('operator', observation.operators, ({ phase }) => phase),
    answer('wallet', observation.wallet, factsOf(observation.wallet)?.address),
    answer('transactions', observation.transactions, 'can be read'),
  ].flat();
}

function each<F>(
  kind: string,
  list: readonly { readonly name: string; readonly seen: Seen<F> }[],
  describe: (facts: F) => string,
): Check[] {
  if (list.length === 0) return [skipped('answers', `${kind}s`, 'none is named')];
  return list.flatMap(({ name, seen }) => {
    const facts = factsOf(seen);
    return answer(`${kind} ${name}`, seen, facts === undefined ? undefined : describe(facts));
  });
}

function answer(where: string, seen: Seen<unknown>, what: string | undefined): Check[] {
  switch (seen.answer) {
    case 'answered':
      return [passed('answers', where, `${what ?? 'answers'} (${seen.latencyMs} ms)`)];
    case 'not-asked':
      return [skipped('answers', where, seen.reason)];
    default:
      return [];
  }
}

/** A block of the future tells of a clock that goes wrong: here, where deadlines and certificates are judged by it. */
function checkClock({ executionNodes, seenAt }: Observation): Check[] {
  const times = executionNodes.flatMap(({ seen }) => factsOf(seen)?.producedAt ?? []);
  const newest = times.reduce((last, time) => Math.max(last, Date.parse(time)), 0);
  if (times.length === 0) return [skipped('clock', 'clock', 'no execution node tells the time')];
  const aheadMs = newest - Date.parse(seenAt);
  if (aheadMs <= CLOCK_SLACK_MS) return [passed('clock', 'clock', 'is not behind the chain')];
  return [
    {
      code: 'clock',
      severity: 'fail',
      where: 'clock',
      what: `of this machine is ${Math.round(aheadMs / 1_000)} s behind the newest block`,
      hint: 'Let NTP set it (timedatectl set-ntp true)',
    },
  ];
}
