import {
  type ClientRows,
  factsOf,
  type KeymanagerFacts,
  type Observation,
  type OperatorFacts,
  type SignerFacts,
} from '../../domain/fleet/observation/observation.ts';
import { ago, count, numberText, short, silence } from '../../domain/fleet/observation/words.ts';
import { formatEther } from '../../lib/units.ts';

/** A row of the screen for each counterpart of a kind, or the one that says why there is none. */
type Rows = readonly (readonly string[])[];

/** Nodes of both layers. */
export function nodeRows({ executionNodes, consensusNodes }: Observation): Rows {
  const execution = executionNodes.map(({ name, seen }) => [
    `execution ${name}`,
    silence(seen) ?? `block ${numberText(factsOf(seen)?.block ?? 0)}`,
  ]);
  const consensus = consensusNodes.map(({ name, seen }) => [
    `consensus ${name}`,
    silence(seen) ?? `epoch ${numberText(factsOf(seen)?.epoch ?? 0)}`,
  ]);
  const rows = [...execution, ...consensus];
  return rows.length > 0
    ? rows
    : [['not asked: neither --execution-endpoints nor --consensus-endpoints names any']];
}

/** Each signer's keys against what it should have. */
export function signerRows({ signers }: Observation): Rows {
  if (signers.length === 0) return [['not asked: --signer-url names none']];
  return signers.map(({ name, seen }) => {
    const facts = factsOf(seen);
    return facts === undefined ? [name, silence(seen) ?? ''] : [name, ...signerParts(facts)];
  });
}

function signerParts({ loaded, expected, missing, extra }: SignerFacts): string[] {
  const parts = [count(loaded, 'key')];
  if (expected === undefined) parts.push('nobody knows which it should have');
  else if (missing.total === 0) parts.push('complete');
  else parts.push(`✗ ${numberText(missing.total)} missing`);
  if (extra.total > 0) parts.push(`${numberText(extra.total)} of others`);
  return parts;
}

/** The files and the running keys of the validator clients: those that are as they should be in one line. */
export function clientRows(observation: Observation): Rows {
  const { clients, keymanagers, seenAt } = observation;
  const rows = factsOf(clients)?.rows;
  const files = rows === undefined ? [[silence(clients) ?? '']] : fileRows(rows, seenAt);
  const running = keymanagers.map(({ name, seen }) => {
    const facts = factsOf(seen);
    return facts === undefined ? [name, silence(seen) ?? ''] : runningParts(name, facts);
  });
  return [...files, ...running];
}

function fileRows(rows: ClientRows['rows'], seenAt: string): string[][] {
  if (rows.length === 0) return [['no plan of validator clients yet']];
  const planned = rows.filter(row => row.planned > 0);
  const sizes = planned.map(row => row.planned);
  const most = sizes.reduce((one, other) => Math.max(one, other), 0);
  const least = sizes.reduce((one, other) => Math.min(one, other), most);
  const each =
    least === most ? `${count(most, 'key')} each` : `${numberText(least)} to ${count(most, 'key')} each`;
  const current = rows.filter(({ written }) => written?.current);
  const unknown = rows.filter(({ written }) => written === undefined);
  const head = [`${rows.length} planned${planned.length === 0 ? '' : `, ${each}`}`];
  if (current.length > 0) head.push(`${ranges(current.map(({ index }) => index))} files current`);
  if (unknown.length > 0) head.push(`${ranges(unknown.map(({ index }) => index))} files not known`);
  const outdated = rows.filter(({ written }) => written !== undefined && !written.current);
  return [
    head,
    ...outdated
      .slice(0, MOST_ROWS)
      .map(({ index, written }) => [
        `#${index} ✗ outdated`,
        `manifest ${written?.manifestCounter ?? 0}`,
        `${count(written?.total ?? 0, 'key')} on ${written?.host ?? ''}`,
        written === undefined ? '' : `written ${ago(written.writtenAt, seenAt)}`,
      ]),
  ];
}

/** Rows of one kind that a screen has; the differences below name the rest. */
const MOST_ROWS = 4;

function runningParts(name: string, facts: KeymanagerFacts): string[] {
  const { index, runs, missing, misplaced, foreign } = facts;
  const parts = [`${index === undefined ? '' : `#${index} `}${name}`, `runs ${count(runs, 'key')}`];
  if (missing.total > 0) parts.push(`✗ ${numberText(missing.total)} missing`);
  if (misplaced.total > 0) parts.push(`✗ ${numberText(misplaced.total)} of other clients`);
  if (foreign > 0) parts.push(`${numberText(foreign)} of others`);
  if (index !== undefined && missing.total + misplaced.total === 0) parts.push('as planned');
  return parts;
}

/** Numbers as they are said: #0–#8, #10. */
export function ranges(numbers: readonly number[]): string {
  const found: { from: number; to: number }[] = [];
  for (const number of numbers) {
    const last = found.at(-1);
    if (last !== undefined && last.to === number - 1) last.to = number;
    else found.push({ from: number, to: number });
  }
  return found.map(({ from, to }) => (from === to ? `#${from}` : `#${from}–#${to}`)).join(', ');
}

/** Each operator with what its tasks wait for, and who leads. */
export function operatorRows({ operators, lease, seenAt }: Observation): Rows {
  const rows = operators.map(({ name, seen }) => {
    const facts = factsOf(seen);
    return facts === undefined ? [name, silence(seen) ?? ''] : [name, ...operatorParts(facts, seenAt)];
  });
  const held = factsOf(lease);
  if (held === undefined) rows.push([`lease ${silence(lease) ?? ''}`]);
  else if (held.holder === '') rows.push(['lease: nobody has ever held it']);
  else
    rows.push([
      `lease: ${held.holder} ${held.held ? 'leads' : '✗ led last'} (epoch ${numberText(held.epoch)})`,
    ]);
  return rows;
}

function operatorParts(
  { phase, ready, waitsFor, tasks, unusedKeys }: OperatorFacts,
  seenAt: string,
): string[] {
  const parts = [`${phase}${ready ? '' : ', ✗ not ready'}`];
  if (waitsFor !== undefined) parts.push(`waits for ${waitsFor}`);
  for (const { task, failures, waitsFor: wanted, succeededAt } of tasks) {
    if (failures > 0) parts.push(`${task}: ✗ failed ${failures} times`);
    else if (wanted !== undefined) parts.push(`${task}: waits for ${wanted}`);
    else if (succeededAt !== undefined) parts.push(`${task}: ${ago(succeededAt, seenAt)}`);
  }
  if (unusedKeys !== undefined) parts.push(`${count(unusedKeys, 'key')} unused`);
  return parts;
}

/** The hot wallet and the last transaction. */
export function walletParts({ wallet, transactions, seenAt }: Observation): string[] {
  const facts = factsOf(wallet);
  const parts =
    facts === undefined
      ? [silence(wallet) ?? '']
      : [short(facts.address), formatEther(BigInt(facts.balanceWei), facts.currency)];
  const sent = factsOf(transactions);
  if (sent === undefined) return [...parts, `transactions ${silence(transactions) ?? ''}`];
  const [last] = sent.newestTransactions;
  if (last === undefined) parts.push('no transaction yet');
  else parts.push(`last tx ${last.kind} ${ago(last.updatedAt, seenAt)}, ${last.state}`);
  if (sent.open > 0) parts.push(`${sent.open} under way`);
  return parts;
}
