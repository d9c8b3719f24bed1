import type { Difference, DifferenceCode } from '../../../domain/fleet/drift/difference.ts';
import {
  countRetired,
  factsOf,
  type Observation,
  type Seen,
} from '../../../domain/fleet/observation/observation.ts';
import { count, numberText, silence } from '../../../domain/fleet/observation/words.ts';
import { type Tone, toneOf } from './tone.ts';

/** A stretch of a bar. */
interface Stretch {
  readonly kind: 'there' | 'waiting' | 'gone';
  readonly keys: number;
}

/** One place on the way of the keys from the mnemonic to the chain. */
export interface Stage {
  readonly name: string;
  /** Undefined where nobody knows it. */
  readonly keys: number | undefined;
  readonly stretches: readonly Stretch[];
  readonly detail: string;
  readonly tone: Tone;
}

/** Which differences a stage is coloured by: the page never says more or less than the list on its top. */
const CODES = {
  deposits: ['deposit-data-missing-keys', 'deposit-data-root-differs'],
  database: [
    'keys-not-uploaded',
    'prune-unfinished',
    'upload-unfinished',
    'shares-stale',
    'oracle-set-outdated',
  ],
  signers: ['signer-empty', 'signer-keys-missing'],
  clients: [
    'client-files-outdated',
    'client-keys-misplaced',
    'client-keys-missing',
    'client-runs-nothing',
    'keys-run-twice',
    'keys-unassigned',
    'plan-changed',
    'plan-missing',
  ],
  chain: ['validators-slashed', 'keys-run-out'],
} as const satisfies Readonly<Record<string, readonly DifferenceCode[]>>;

/** The stages of an observation, in the order in which keys pass them: their bars, which leave out retired keys, have to be equal. */
export function stagesOf(observation: Observation, differences: readonly Difference[]): readonly Stage[] {
  const tone = (part: keyof typeof CODES) =>
    toneOf(differences, ({ code }) => CODES[part].some(own => own === code));
  return [
    createdStage(observation),
    depositStage(observation, tone('deposits')),
    databaseStage(observation, tone('database')),
    signerStage(observation, tone('signers')),
    clientStage(observation, tone('clients')),
    chainStage(observation, tone('chain')),
  ];
}

/** Counts keys where retired ones are not told apart from others. */
function withoutRetired(keys: number, { database }: Observation): number {
  return Math.max(0, keys - countRetired(factsOf(database)));
}

function createdStage(observation: Observation): Stage {
  const { local } = observation;
  const facts = factsOf(local);
  if (facts === undefined) return unknownStage('Created', local);
  const { createdKeys, keystores } = facts;
  if (createdKeys === undefined && keystores === 0)
    return silentStage('Created', 'not known on this machine', 'unknown');
  const keys = withoutRetired(createdKeys ?? keystores, observation);
  return stage('Created', keys, `${count(keystores, 'keystore')} here`, 'ok');
}

function depositStage(observation: Observation, tone: Tone): Stage {
  const { local, database, contracts, beaconChain } = observation;
  const stored = factsOf(database);
  const own = factsOf(local);
  const entries = stored?.depositDataEntries ?? own?.depositDataEntries;
  if (entries === undefined) return silentStage('Deposit data', silence(database) ?? 'none', 'unknown');
  const root = stored?.depositDataRoot ?? own?.depositDataRoot;
  const seen = factsOf(contracts);
  // What is registered already is left out when a vault grows.
  const total = stored?.total ?? entries;
  const used = total - (factsOf(beaconChain)?.unregistered ?? total);
  const leftOut = Math.max(0, Math.min(total - entries, used));
  const parts: string[] = [];
  if (contracts.answer === 'failed') parts.push('not compared with the chain');
  else if (seen?.depositDataUsed)
    parts.push(root === seen.depositDataRoot ? 'root is on the chain' : 'the chain has another root');
  if (leftOut > 0) parts.push(`${numberText(entries)} entries, ${numberText(leftOut)} registered before`);
  const detail = parts.join(', ');
  const shown = contracts.answer === 'failed' ? worseThanUnknown(tone) : tone;
  const keys = withoutRetired(entries + leftOut, observation);
  if (leftOut === 0) return stage('Deposit data', keys, detail, shown);
  // Retired keys are of validators, and so among those that were registered before.
  const gone = Math.max(0, leftOut - countRetired(stored));
  const stretches: Stretch[] = [
    { kind: 'there', keys: keys - gone },
    { kind: 'gone', keys: gone },
  ];
  return { name: 'Deposit data', keys, stretches, detail, tone: shown };
}

function databaseStage({ database }: Observation, tone: Tone): Stage {
  const facts = factsOf(database);
  if (facts === undefined) return unknownStage('Database', database);
  const retired = countRetired(facts);
  const parts = [facts.stale === 0 ? 'shares current' : `${numberText(facts.stale)} with old shares`];
  if (retired > 0) parts.push(`${numberText(retired)} retired`);
  return stage('Database', facts.total - retired, parts.join(', '), tone);
}

/** The keys that every signer has: those that one lacks count as missing. */
function signerStage(observation: Observation, tone: Tone): Stage {
  const { signers, database, local } = observation;
  const [first] = signers;
  if (first === undefined) return silentStage('Signers', 'not asked', 'unknown');
  const facts = signers.map(({ seen }) => factsOf(seen)).filter(one => one !== undefined);
  const whole = factsOf(database)?.total ?? factsOf(local)?.depositDataEntries;
  const shares = facts.map(({ expected, missing }) =>
    expected === undefined || expected === 0 ? undefined : (expected - missing.total) / expected,
  );
  const known = shares.filter(share => share !== undefined);
  if (whole === undefined || known.length === 0) return unknownStage('Signers', first.seen);
  const missing = facts.reduce((most, one) => Math.max(most, one.missing.total), 0);
  const unseen = signers.length - facts.length;
  const parts = [count(signers.length, 'signer')];
  if (missing > 0) parts.push(`${numberText(missing)} keys or shares missing`);
  if (unseen > 0) parts.push(`${unseen} not seen`);
  const keys = Math.floor(
    withoutRetired(whole, observation) * known.reduce((least, share) => Math.min(least, share)),
  );
  return stage('Signers', keys, parts.join(', '), unseen > 0 && tone === 'ok' ? 'warning' : tone);
}

/** The keys that clients have by their files; by what they run where nobody knows of files. */
function clientStage({ clients, keymanagers }: Observation, tone: Tone): Stage {
  const rows = factsOf(clients)?.rows ?? [];
  const running = keymanagers.map(({ seen }) => factsOf(seen)).filter(one => one !== undefined);
  const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
  if (rows.some(({ written }) => written !== undefined)) {
    const current = rows.filter(({ written }) => written?.current);
    const parts = [count(rows.length, 'client'), `${numberText(current.length)} with current files`];
    return stage('Clients', sum(current.map(({ planned }) => planned)), parts.join(', '), tone);
  }
  if (running.length > 0)
    return stage('Clients', sum(running.map(({ runs }) => runs)), `${running.length} asked`, tone);
  return rows.length > 0
    ? silentStage('Clients', 'files not known', worseThanUnknown(tone))
    : unknownStage('Clients', clients);
}

function chainStage({ beaconChain, database }: Observation, tone: Tone): Stage {
  const facts = factsOf(beaconChain);
  if (facts === undefined) return unknownStage('Chain', beaconChain);
  const { unregistered, pending, active, exiting, slashed } = facts;
  const exited = Math.max(0, facts.exited - countRetired(factsOf(database)));
  const there = pending + active + exiting;
  const parts = [`${numberText(active)} active`];
  if (pending > 0) parts.push(`${numberText(pending)} pending`);
  if (exiting > 0) parts.push(`${numberText(exiting)} exiting`);
  if (exited > 0) parts.push(`${numberText(exited)} exited`);
  if (slashed.total > 0) parts.push(`${numberText(slashed.total)} slashed`);
  parts.push(`${numberText(unregistered)} unused`);
  return {
    name: 'Chain',
    keys: there + exited + unregistered,
    stretches: [
      { kind: 'there', keys: there },
      { kind: 'gone', keys: exited },
      { kind: 'waiting', keys: unregistered },
    ],
    detail: parts.join(', '),
    tone,
  };
}

function stage(name: string, keys: number, detail: string, tone: Tone): Stage {
  return { name, keys, stretches: [{ kind: 'there', keys }], detail, tone };
}

function silentStage(name: string, detail: string, tone: Tone): Stage {
  return { name, keys: undefined, stretches: [], detail, tone };
}

function unknownStage(name: string, seen: Seen<unknown>): Stage {
  if (seen.answer === 'failed') return silentStage(name, 'not seen', 'warning');
  return silentStage(name, silence(seen) ?? 'not known', 'unknown');
}

function worseThanUnknown(tone: Tone): Tone {
  return tone === 'ok' ? 'unknown' : tone;
}
