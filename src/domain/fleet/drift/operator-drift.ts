import { countOf } from '../../../lib/plural.ts';
import {
  factsOf,
  type Observation,
  type OperatorFacts,
  type TransactionFacts,
} from '../observation/observation.ts';
import type { Difference } from './difference.ts';

/** A task that fails so often in a row is in trouble, as /readyz has it. */
const FAILING = 3;
/** A transaction that is under way for longer is stuck: the follower looks once a slot, and raises fees within minutes. */
const STUCK_MS = 30 * 60_000;
/** Blocks that an endpoint may be behind another one. */
const BEHIND_BLOCKS = 5;
/** Age of a newest block from which on its node is not at the head, with a minute for clocks. */
const BEHIND_MS = 6 * 60_000;

/** The operator's processes, its wallet and transactions, and the nodes that it works with. */
export function operatorDrift(observation: Observation): Difference[] {
  return [
    ...processDrift(observation),
    ...leaseDrift(observation),
    ...walletDrift(observation),
    ...transactionDrift(observation),
    ...nodeDrift(observation),
  ];
}

function processDrift({ operators }: Observation): Difference[] {
  const leaders = operators.filter(({ seen }) => factsOf(seen)?.phase === 'running');
  const found = operators.flatMap(({ name, seen }) => {
    const facts = factsOf(seen);
    return facts === undefined ? [] : driftOf(`operator ${name}`, facts);
  });
  if (leaders.length > 1) {
    found.push({
      code: 'two-leaders',
      severity: 'error',
      where: 'operators',
      what: `${leaders.map(({ name }) => name).join(' and ')} all lead: they do not share one database`,
      remedy: 'Stop all but one, and give all of them the same --db-url',
    });
  }
  return found;
}

function driftOf(where: string, { ready, phase, waitsFor, tasks }: OperatorFacts): Difference[] {
  const failing = tasks.filter(({ failures }) => failures >= FAILING);
  const found = failing.map(
    (task): Difference => ({
      code: 'task-failing',
      severity: 'warning',
      where,
      what: `fails to ${task.task}, ${task.failures} times in a row: ${task.message ?? 'it does not say why'}`,
      remedy: 'Do what the error says; the operator’s log has more',
    }),
  );
  if (ready || failing.length > 0) return found;
  return [
    {
      code: 'operator-not-ready',
      severity: 'warning',
      where,
      what: `is ${phase} and not ready: ${waitsFor ?? 'it does not say why'}`,
      remedy: 'operator doctor, with the options of start',
    },
  ];
}

function leaseDrift({ lease }: Observation): Difference[] {
  const seen = factsOf(lease);
  // Nobody has ever held it where the operators keep their state elsewhere, or were never started.
  if (seen === undefined || seen.held || seen.holder === '') return [];
  return [
    {
      code: 'no-leader',
      severity: 'warning',
      where: 'lease',
      what: `is held by no operator since ${seen.expiresAt ?? 'a while'}; the last one was ${seen.holder}`,
      remedy: 'operator start, or see why it ended',
    },
  ];
}

function walletDrift({ wallet }: Observation): Difference[] {
  const seen = factsOf(wallet);
  if (seen === undefined) return [];
  const balance = BigInt(seen.balanceWei);
  if (balance >= BigInt(seen.recommendedWei)) return [];
  const isEmpty = balance === 0n;
  return [
    {
      code: isEmpty ? 'wallet-empty' : 'wallet-low',
      severity: isEmpty ? 'error' : 'warning',
      where: `wallet ${seen.address}`,
      what: isEmpty ? 'has nothing to pay transactions with' : 'has less than is recommended',
      remedy: `Send ${seen.currency} to it`,
    },
  ];
}

function transactionDrift({ transactions, seenAt }: Observation): Difference[] {
  const seen = factsOf(transactions);
  if (seen === undefined) return [];
  return [...seen.newestTransactions.filter(isOpen).flatMap(one => stuck(one, seenAt)), ...reverted(seen)];
}

type Listed = TransactionFacts['newestTransactions'][number];

function isOpen({ state }: Listed): boolean {
  return state === 'intended' || state === 'sent';
}

function stuck({ id, kind, nonce, createdAt }: Listed, seenAt: string): Difference[] {
  const minutes = Math.floor((Date.parse(seenAt) - Date.parse(createdAt)) / 60_000);
  if (minutes * 60_000 < STUCK_MS) return [];
  return [
    {
      code: 'transaction-stuck',
      severity: 'warning',
      where: 'transactions',
      what: `${kind} with nonce ${nonce} has been under way for ${countOf(minutes, 'minute')}`,
      remedy: `operator tx bump --id=${id}`,
    },
  ];
}

/** Only the newest that has ended counts: an old failure has been made up for. */
function reverted({ newestTransactions }: TransactionFacts): Difference[] {
  const last = newestTransactions.find(one => !isOpen(one));
  if (last?.state !== 'reverted') return [];
  return [
    {
      code: 'transaction-reverted',
      severity: 'warning',
      where: 'transactions',
      what: `${last.kind} with nonce ${last.nonce} was reverted: ${last.reason ?? 'nobody knows why'}`,
      remedy: 'operator tx list, and the operator’s log of that time',
    },
  ];
}

function nodeDrift({ executionNodes, consensusNodes, seenAt }: Observation): Difference[] {
  const blocks = executionNodes.map(({ seen }) => factsOf(seen)?.block ?? 0);
  const highest = blocks.reduce((one, other) => Math.max(one, other), 0);
  const execution = executionNodes.flatMap(({ name, seen }) => {
    const facts = factsOf(seen);
    if (facts === undefined) return [];
    const ageMs = Date.parse(seenAt) - Date.parse(facts.producedAt);
    const isBehind = highest - facts.block > BEHIND_BLOCKS;
    if (!isBehind && ageMs <= BEHIND_MS) return [];
    const howFar = isBehind
      ? `${highest - facts.block} blocks behind another node`
      : `its newest block ${Math.floor(ageMs / 60_000)} minutes old`;
    return [behind(`execution node ${name}`, `is at block ${facts.block}, ${howFar}`)];
  });
  const epochs = consensusNodes.map(({ seen }) => factsOf(seen)?.epoch ?? 0);
  const newest = epochs.reduce((one, other) => Math.max(one, other), 0);
  const consensus = consensusNodes.flatMap(({ name, seen }) => {
    const epoch = factsOf(seen)?.epoch;
    if (epoch === undefined || newest - epoch <= 1) return [];
    return [
      behind(`consensus node ${name}`, `is in epoch ${epoch}, ${newest - epoch} epochs behind another node`),
    ];
  });
  return [...execution, ...consensus];
}

function behind(where: string, what: string): Difference {
  return {
    code: 'node-behind',
    severity: 'warning',
    where,
    what,
    remedy: 'Wait until it is synced, or name another one first',
  };
}
