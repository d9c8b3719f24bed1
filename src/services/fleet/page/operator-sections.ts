import type { Difference } from '../../../domain/fleet/drift/difference.ts';
import {
  factsOf,
  type Observation,
  type OperatorFacts,
  type TransactionFacts,
} from '../../../domain/fleet/observation/observation.ts';
import { ago, count, numberText, short, silence } from '../../../domain/fleet/observation/words.ts';
import { formatEther } from '../../../lib/units.ts';
import { quietLine, section, silentLine, tonedLine } from './fleet-sections.ts';
import { type Html, html } from './html.ts';
import { mark, type Tone, toneOf, worstOf } from './tone.ts';

/** Operators, who leads, and what each task does and waits for. */
export function operatorSection(
  { operators, lease, seenAt }: Observation,
  differences: readonly Difference[],
): Html {
  const rows = operators.flatMap(({ name, seen }) => {
    const tone = toneOf(differences, ({ where }) => where === `operator ${name}`);
    const facts = factsOf(seen);
    if (facts !== undefined) return operatorRows(name, facts, { tone, seenAt });
    const says = seen.answer === 'failed' ? seen.fault.message : (silence(seen) ?? '');
    return [html`<tr class="${tone}"><th scope="row">${mark(tone)} ${name}</th><td>${says}</td></tr>`];
  });
  const held = factsOf(lease);
  const leads =
    held === undefined
      ? silentLine('Lease', lease)
      : tonedLine(
          toneOf(differences, ({ where }) => where === 'lease' || where === 'operators'),
          leaderText(held, seenAt),
        );
  const table =
    rows.length === 0
      ? quietLine('No operator was asked.')
      : html`<table><thead><tr><th scope="col">Operator, task</th><th scope="col">State</th></tr></thead><tbody>${rows}</tbody></table>`;
  return section('operators', 'Operators and tasks', html`${leads}${table}`);
}

function leaderText(
  { holder, held, epoch, expiresAt }: Extract<Observation['lease'], { answer: 'answered' }>['facts'],
  seenAt: string,
): string {
  if (holder === '') return 'Nobody has ever held the lease.';
  if (held) return `${holder} leads (epoch ${numberText(epoch)}).`;
  const since = expiresAt === undefined ? '' : ` until ${ago(expiresAt, seenAt)}`;
  return `Nobody leads; ${holder} did${since}.`;
}

function operatorRows(
  name: string,
  { phase, ready, waitsFor, tasks, unusedKeys }: OperatorFacts,
  { tone, seenAt }: { readonly tone: Tone; readonly seenAt: string },
): Html[] {
  const says = [ready ? phase : `${phase}, not ready`];
  if (waitsFor !== undefined) says.push(`waits for ${waitsFor}`);
  if (unusedKeys !== undefined) says.push(`${count(unusedKeys, 'key')} unused`);
  const own = worstOf([tone, ready ? 'ok' : 'warning']);
  return [
    html`<tr class="${own}"><th scope="row">${mark(own)} ${name}</th><td>${says.join(', ')}</td></tr>`,
    ...tasks.map(task => {
      const shade = task.failures > 0 ? 'warning' : 'ok';
      return html`<tr class="task ${shade}"><th scope="row">${mark(shade)} ${task.task}</th><td>${taskText(task, seenAt)}</td></tr>`;
    }),
  ];
}

function taskText(
  { failures, message, waitsFor, running, succeededAt }: OperatorFacts['tasks'][number],
  seenAt: string,
): string {
  if (failures > 0) return `failed ${count(failures, 'time')}${message === undefined ? '' : `: ${message}`}`;
  if (waitsFor !== undefined) return `waits for ${waitsFor}`;
  if (running) return 'at work';
  return succeededAt === undefined ? 'not run yet' : `done ${ago(succeededAt, seenAt)}`;
}

/** The newest transactions, and the wallet that sends them. */
export function walletSection(observation: Observation, differences: readonly Difference[]): Html {
  const { wallet, transactions, seenAt } = observation;
  const facts = factsOf(wallet);
  const tone = toneOf(differences, ({ code }) => code === 'wallet-empty' || code === 'wallet-low');
  const balance =
    facts === undefined
      ? silentLine('Wallet', wallet)
      : html`<p class="${tone}">${mark(tone)} ${short(facts.address)} has <strong>${formatEther(BigInt(facts.balanceWei), facts.currency)}</strong>; at least ${formatEther(BigInt(facts.recommendedWei), facts.currency)} is recommended.</p>`;
  const sent = factsOf(transactions);
  const list =
    sent === undefined
      ? silentLine('Transactions', transactions)
      : transactionTable(sent, differences, seenAt);
  return section('wallet', 'Wallet and transactions', html`${balance}${list}`);
}

const STATE_TONES: Readonly<Record<TransactionFacts['newestTransactions'][number]['state'], Tone>> = {
  intended: 'unknown',
  sent: 'unknown',
  confirmed: 'ok',
  reverted: 'warning',
  cancelled: 'ok',
  abandoned: 'ok',
};

function transactionTable(
  { open, newestTransactions }: TransactionFacts,
  differences: readonly Difference[],
  seenAt: string,
): Html {
  if (newestTransactions.length === 0) return quietLine('No transaction yet.');
  const rows = newestTransactions.map(({ kind, state, nonce, hash, reason, updatedAt }) => {
    const own = `${kind} with nonce ${nonce} `;
    const told = toneOf(differences, ({ where, what }) => where === 'transactions' && what.startsWith(own));
    const tone = worstOf([STATE_TONES[state], told]);
    const what = reason === undefined ? state : `${state}: ${reason}`;
    return html`<tr class="${tone}"><th scope="row">${mark(tone)} ${kind}</th><td>${what}</td><td>${nonce}</td><td>${hash === undefined ? 'not signed' : short(hash)}</td><td>${ago(updatedAt, seenAt)}</td></tr>`;
  });
  return html`<p>${numberText(open)} under way.</p><table><thead><tr><th scope="col">For</th><th scope="col">State</th><th scope="col">Nonce</th><th scope="col">Hash</th><th scope="col">Changed</th></tr></thead><tbody>${rows}</tbody></table>`;
}

/** Nodes, database, shares and the newest change. */
export function groundSection(observation: Observation, differences: readonly Difference[]): Html {
  const { executionNodes, consensusNodes, database, lastChange, seenAt } = observation;
  const node = (kind: string, name: string, says: string) => {
    const tone = toneOf(differences, ({ where }) => where === `${kind} node ${name}`);
    return html`<tr class="${tone}"><th scope="row">${mark(tone)} ${kind} ${name}</th><td>${says}</td></tr>`;
  };
  const nodes = [
    ...executionNodes.map(({ name, seen }) =>
      node(
        'execution',
        name,
        silenceOr(seen, ({ block }) => `block ${numberText(block)}`),
      ),
    ),
    ...consensusNodes.map(({ name, seen }) =>
      node(
        'consensus',
        name,
        silenceOr(seen, ({ epoch }) => `epoch ${numberText(epoch)}`),
      ),
    ),
  ];
  const dbTone = toneOf(differences, ({ where }) => where === 'database');
  const change = factsOf(lastChange);
  const changed =
    change === undefined
      ? undefined
      : html`<tr class="ok"><th scope="row">${mark('ok')} last change</th><td>${change.command}, ${ago(change.changedAt, seenAt)} by ${change.actor}</td></tr>`;
  const stored = silenceOr(
    database,
    ({ server, step, manifestCounter }) => `${server}, step ${step.slice(0, 4)}, manifest ${manifestCounter}`,
  );
  return section(
    'ground',
    'Nodes and database',
    html`<table><thead><tr><th scope="col">What</th><th scope="col">State</th></tr></thead><tbody>${nodes}<tr class="${dbTone}"><th scope="row">${mark(dbTone)} database</th><td>${stored}</td></tr>${changed}</tbody></table>`,
  );
}

function silenceOr<F>(seen: Parameters<typeof factsOf<F>>[0], say: (facts: F) => string): string {
  const facts = factsOf(seen);
  if (facts !== undefined) return say(facts);
  return seen.answer === 'failed' ? seen.fault.message : (silence(seen) ?? '');
}
