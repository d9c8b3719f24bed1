import { daysLeft } from '../../domain/fleet/drift/key-drift.ts';
import { countRetired, factsOf, type Observation } from '../../domain/fleet/observation/observation.ts';
import { ago, count, numberText, silence } from '../../domain/fleet/observation/words.ts';

/** The database, and who has changed it last. */
export function databaseParts({ database, lastChange, seenAt }: Observation): string[] {
  const facts = factsOf(database);
  if (facts === undefined) return [silence(database) ?? ''];
  const change = factsOf(lastChange);
  const parts = [facts.server, `step ${facts.step.slice(0, 4)}`, `manifest ${facts.manifestCounter}`];
  if (change !== undefined)
    parts.push(`changed ${ago(change.changedAt, seenAt)} by ${change.actor} (${change.command})`);
  return parts;
}

/** The way of the keys from the mnemonic to the beacon chain. */
export function keyParts(observation: Observation): string[] {
  const local = factsOf(observation.local);
  const stored = factsOf(observation.database);
  const seen = factsOf(observation.beaconChain);
  const place = factsOf(observation.contracts)?.nextIndex;
  const parts: string[] = [];
  const created = local?.createdKeys;
  if (created !== undefined) parts.push(`created ${numberText(created)}`);
  const deposits = stored?.depositDataEntries ?? local?.depositDataEntries;
  if (deposits !== undefined) parts.push(`deposit data ${numberText(deposits)}${rootText(observation)}`);
  if (stored !== undefined) parts.push(`in database ${numberText(stored.total)}`);
  if (seen !== undefined) {
    const { pending, active, exiting, exited, slashed, unregistered } = seen;
    parts.push(
      `registered ${numberText(pending + active + exiting + exited)}`,
      `active ${numberText(active)}`,
    );
    if (exiting > 0) parts.push(`exiting ${numberText(exiting)}`);
    parts.push(`exited ${numberText(exited)}`);
    if (slashed.total > 0) parts.push(`✗ slashed ${numberText(slashed.total)}`);
    const days = daysLeft(observation);
    const enough = days === undefined ? '' : `, ${count(days, 'day')}`;
    parts.push(`unused ${numberText(unregistered)}${enough}`);
  }
  const retired = countRetired(stored);
  if (retired > 0) parts.push(`retired ${numberText(retired)}`);
  if (place !== undefined) parts.push(`next index ${numberText(place)}`);
  if (parts.length > 0) return parts;
  return [silence(observation.beaconChain) ?? 'none'];
}

function rootText({ contracts, database, local }: Observation): string {
  const seen = factsOf(contracts);
  const own = factsOf(database)?.depositDataRoot ?? factsOf(local)?.depositDataRoot;
  if (own === undefined || !seen?.depositDataUsed) return '';
  return seen.depositDataRoot === own ? ' (root = chain)' : ' (✗ root differs from the chain)';
}

/** Shares and oracle set against the keeper's. */
export function shareParts({ database, contracts, oracles }: Observation): string[] {
  const stored = factsOf(database);
  if (stored === undefined) return [silence(database) ?? ''];
  if (stored.threshold === undefined) return ['no oracle set yet'];
  const named = factsOf(oracles);
  const published = factsOf(contracts)?.oracleConfig;
  const whole = stored.total - countRetired(stored);
  const keys = `${numberText(whole - stored.stale)} of ${count(whole, 'key')} current`;
  const parts = [`${stored.threshold} of ${stored.setSize ?? '?'}`];
  if (named !== undefined)
    parts.push(
      named.oracleSetHash === stored.oracleSetHash
        ? "oracle set = keeper's"
        : '✗ the keeper has other oracles',
    );
  else if (published !== undefined)
    parts.push(
      published === stored.oracleConfig ? "oracle document = keeper's" : '✗ the keeper has another document',
    );
  else parts.push("the keeper's oracle set is not known");
  return [...parts, keys];
}

/** How many oracles answer, and how fast. */
export function oracleParts({ oracles }: Observation): string[] {
  const facts = factsOf(oracles);
  if (facts === undefined) return [silence(oracles) ?? ''];
  const { members } = facts;
  const good = members.filter(({ result }) => result === 'answered');
  const refused = members.filter(({ result }) => result === 'refused').length;
  const slowest = good.reduce((most, { latencyMs }) => Math.max(most, latencyMs), 0);
  const parts = [`${good.length} of ${members.length} answer`, `slowest ${slowest} ms`];
  if (refused > 0) parts.push(`✗ ${refused} refused`);
  return parts;
}
