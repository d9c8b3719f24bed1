import type { Difference } from '../../../domain/fleet/drift/difference.ts';
import {
  factsOf,
  type KeymanagerFacts,
  type Observation,
  type Seen,
} from '../../../domain/fleet/observation/observation.ts';
import { ago, count, numberText, short, silence } from '../../../domain/fleet/observation/words.ts';
import { type Html, html } from './html.ts';
import { type Stage, stagesOf } from './pipeline.ts';
import { mark, type Tone, toneOf, worstOf } from './tone.ts';

/** Cells of one kind that a page has; what is not as it should be comes first. */
const MOST_CELLS = 200;

/** A part of the page with a heading. */
export function section(id: string, title: string, body: Html): Html {
  return html`<section class="card" id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${body}</section>`;
}

/** A line for a part that nobody has asked, or that says nothing. */
export function quietLine(text: string): Html {
  return html`<p class="quiet">${text}</p>`;
}

/** A line for a part that is not seen: quiet where nobody has asked, and as a counterpart that is down where it has not answered. */
export function silentLine(name: string, seen: Seen<unknown>): Html {
  const says = `${name}: ${silence(seen) ?? ''}.`;
  return seen.answer === 'failed' ? tonedLine('warning', says) : quietLine(says);
}

/** A line with the mark of what is wrong, if anything is. */
export function tonedLine(tone: Tone, text: string): Html {
  if (tone === 'ok') return html`<p>${text}</p>`;
  return html`<p class="${tone}">${mark(tone)} ${text}</p>`;
}

/** The way of the keys as bars, which have to be equal. */
export function pipelineSection(observation: Observation, differences: readonly Difference[]): Html {
  const stages = stagesOf(observation, differences);
  const whole = stages.reduce((most, { keys = 0 }) => Math.max(most, keys), 1);
  return section(
    'pipeline',
    'Keys, from the mnemonic to the chain',
    html`<ol class="stages">${stages.map(stage => stageItem(stage, whole))}</ol>`,
  );
}

function stageItem({ name, keys, stretches, detail, tone }: Stage, whole: number): Html {
  let from = 0;
  const bars = stretches.map(stretch => {
    const width = (100 * stretch.keys) / whole;
    const bar = html`<rect class="${stretch.kind}" x="${from.toFixed(2)}%" width="${width.toFixed(2)}%" height="100%"></rect>`;
    from += width;
    return bar;
  });
  return html`<li class="stage ${tone}"><span class="name">${mark(tone)} ${name}</span><span class="keys">${keys === undefined ? '–' : numberText(keys)}</span><svg class="bar" aria-hidden="true" focusable="false">${bars}</svg><span class="detail">${detail}</span></li>`;
}

/** Signers by what they have, lack, and how they answer. */
export function signerSection({ signers }: Observation, differences: readonly Difference[]): Html {
  if (signers.length === 0) return section('signers', 'Signers', quietLine('Not asked.'));
  const rows = signers.map(({ name, seen }) => {
    const tone = toneOf(differences, ({ where }) => where === `signer ${name}`);
    const facts = factsOf(seen);
    const head = html`<th scope="row">${mark(tone)} ${name}</th>`;
    if (facts === undefined || seen.answer !== 'answered')
      return html`<tr class="${tone}">${head}<td colspan="4">${wordsOfSilence(seen)}</td></tr>`;
    const { loaded, expected, missing, extra } = facts;
    const lacks = expected === undefined ? 'not known' : numberText(missing.total);
    return html`<tr class="${tone}">${head}<td>${numberText(loaded)}</td><td>${lacks}</td><td>${numberText(extra.total)}</td><td>${numberText(seen.latencyMs)} ms</td></tr>`;
  });
  return section(
    'signers',
    'Signers',
    html`<table><thead><tr><th scope="col">Signer</th><th scope="col">Keys</th><th scope="col">Missing</th><th scope="col">Others</th><th scope="col">Took</th></tr></thead><tbody>${rows}</tbody></table>`,
  );
}

function wordsOfSilence(seen: Seen<unknown>): string {
  return seen.answer === 'failed' ? seen.fault.message : (silence(seen) ?? '');
}

/** A cell of a grid: its name, what it says, and how it is. */
interface Cell {
  readonly name: string;
  readonly lines: readonly string[];
  readonly tone: Tone;
}

function cellList(cells: readonly Cell[], kind: string): Html {
  const worstFirst = cells
    .filter(({ tone }) => tone !== 'ok')
    .concat(cells.filter(({ tone }) => tone === 'ok'));
  // In their own order as long as all of them are shown.
  const shown = cells.length <= MOST_CELLS ? cells : worstFirst.slice(0, MOST_CELLS);
  const items = shown.map(
    ({ name, lines, tone }) =>
      html`<li class="cell ${tone}"><span class="name">${mark(tone)} ${name}</span>${lines.map(line => html`<span class="detail">${line}</span>`)}</li>`,
  );
  const rest = cells.length - shown.length;
  return html`<ul class="cells">${items}</ul>${rest > 0 ? quietLine(`and ${count(rest, kind)} more`) : undefined}`;
}

/** Validator clients as cells, by the files that they have and the keys that they run. */
export function clientSection(observation: Observation, differences: readonly Difference[]): Html {
  const { clients, keymanagers, seenAt } = observation;
  const rows = factsOf(clients)?.rows ?? [];
  const tones = clientTones(differences);
  const running = Map.groupBy(
    keymanagers.map(({ seen }) => factsOf(seen)).filter(facts => facts !== undefined),
    ({ index }) => index,
  );
  const planned = rows.map(row =>
    clientCell(row, { seenAt, running: running.get(row.index)?.[0], tone: tones.get(row.index) ?? 'ok' }),
  );
  const shown = new Set(rows.map(({ index }) => running.get(index)?.[0]));
  // Those that the plan does not know, that say nothing, and a second one with the keys of another.
  const others = keymanagers.flatMap(({ name, seen }): Cell[] => {
    const facts = factsOf(seen);
    if (facts !== undefined && shown.has(facts)) return [];
    const tone = toneOf(
      differences,
      ({ where }) => where.startsWith('validator client ') && where.endsWith(` ${name}`),
    );
    const says = facts === undefined ? wordsOfSilence(seen) : `runs ${count(facts.runs, 'key')}`;
    return [{ name, lines: [says], tone: facts === undefined ? worstOf([tone, 'unknown']) : tone }];
  });
  const cells = [...planned, ...others];
  if (cells.length > 0) return section('clients', 'Validator clients', cellList(cells, 'client'));
  const why = factsOf(clients) === undefined ? (silence(clients) ?? '') : 'no plan of validator clients yet';
  return section('clients', 'Validator clients', quietLine(why));
}

/** The tone of each client of the plan by its index, from the differences that name it. */
function clientTones(differences: readonly Difference[]): ReadonlyMap<number, Tone> {
  const byIndex = Map.groupBy(differences, ({ where }) => /^validator client #(\d+)(?: |$)/.exec(where)?.[1]);
  return new Map(
    [...byIndex].flatMap(([index, own]) =>
      index === undefined ? [] : [[Number(index), toneOf(own, () => true)] as const],
    ),
  );
}

type ClientRow = Extract<Observation['clients'], { answer: 'answered' }>['facts']['rows'][number];

function clientCell(
  { index, planned, written }: ClientRow,
  {
    seenAt,
    running,
    tone,
  }: { readonly seenAt: string; readonly running: KeymanagerFacts | undefined; readonly tone: Tone },
): Cell {
  const lines = [count(planned, 'key')];
  if (written === undefined) lines.push('files not known');
  else if (written.current) lines.push(`files of ${ago(written.writtenAt, seenAt)}`);
  else lines.push(`outdated files, manifest ${written.manifestCounter}`);
  if (running !== undefined) {
    const { runs, missing, misplaced } = running;
    lines.push(`runs ${numberText(runs)}`);
    if (missing.total > 0) lines.push(`${numberText(missing.total)} missing`);
    if (misplaced.total > 0) lines.push(`${numberText(misplaced.total)} of other clients`);
  }
  const isUnknown = written === undefined && running === undefined;
  return { name: `#${index}`, lines, tone: isUnknown ? worstOf([tone, 'unknown']) : tone };
}

/** The oracles of the keeper: whether each answers, and how fast. */
export function oracleSection({ oracles }: Observation, differences: readonly Difference[]): Html {
  const facts = factsOf(oracles);
  const tone = toneOf(differences, ({ where }) => where === 'oracles');
  if (facts === undefined) {
    const says = wordsOfSilence(oracles);
    const isDown = oracles.answer === 'failed';
    return section(
      'oracles',
      'Oracles',
      isDown ? tonedLine(worstOf([tone, 'warning']), says) : quietLine(says),
    );
  }
  const answering = facts.members.filter(({ result }) => result === 'answered').length;
  const cells = facts.members.map(({ address, result, latencyMs }): Cell => {
    const says = { answered: `${numberText(latencyMs)} ms`, refused: 'refused', failed: 'not reached' }[
      result
    ];
    return { name: short(address), lines: [says], tone: result === 'answered' ? 'ok' : 'warning' };
  });
  const line = tonedLine(
    tone,
    `${answering} of ${facts.members.length} answer; ${facts.threshold} are needed.`,
  );
  return section('oracles', 'Oracles', html`${line}${cellList(cells, 'oracle')}`);
}
