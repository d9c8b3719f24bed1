import { type Difference, isDrift, type Severity } from '../../../domain/fleet/drift/difference.ts';
import type { Observation } from '../../../domain/fleet/observation/observation.ts';
import { count, short } from '../../../domain/fleet/observation/words.ts';
import { timeText } from '../../../lib/time-text.ts';
import { clientSection, oracleSection, pipelineSection, signerSection } from './fleet-sections.ts';
import { type Html, html } from './html.ts';
import { groundSection, operatorSection, walletSection } from './operator-sections.ts';
import { mark, type Tone } from './tone.ts';

/** Differences that are shown; a hundred clients with one fault would hide everything else. */
const MOST_DIFFERENCES = 20;
const TONES: Readonly<Record<Severity, Tone>> = { note: 'ok', warning: 'warning', error: 'error' };

/** What a page is made of. */
export interface PageContent {
  readonly observation: Observation;
  readonly differences: readonly Difference[];
}

/** A whole page: it needs its style sheet beside it, and shows everything without its script. @param reloadSeconds - for browsers without scripts */
export function renderPage(content: PageContent, reloadSeconds: number): string {
  const { vault, network, seenAt } = content.observation;
  const title = `${short(vault)} on ${network}`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title} – fleet</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/page.css">
<noscript><meta http-equiv="refresh" content="${Math.ceil(reloadSeconds)}"></noscript>
<script src="/page.js" defer></script>
</head>
<body>
<header><h1>Fleet of <span class="vault">${vault}</span> on ${network}</h1>
<p>Seen <time id="seen" datetime="${seenAt}">${seenText(seenAt)}</time><span id="line" hidden> – the connection is lost, trying again</span></p></header>
${mainOf(content)}
</body>
</html>
`.markup;
}

/** The part of the page that changes, for a page that is open. */
export function renderMain(content: PageContent): string {
  return mainOf(content).markup;
}

/** When the fleet was looked at, as the page says it. */
export function seenText(seenAt: string): string {
  return `${timeText(seenAt)} UTC`;
}

function mainOf({ observation, differences }: PageContent): Html {
  return html`<main>${differencesSection(differences)}
${pipelineSection(observation, differences)}
${signerSection(observation, differences)}
${clientSection(observation, differences)}
${operatorSection(observation, differences)}
${oracleSection(observation, differences)}
${walletSection(observation, differences)}
${groundSection(observation, differences)}
</main>`;
}

/** The verdict, and what mends each difference; the worst stands first. */
function differencesSection(differences: readonly Difference[]): Html {
  const drift = differences.filter(isDrift);
  const [worst] = differences;
  const tone = drift.length === 0 || worst === undefined ? 'ok' : TONES[worst.severity];
  const verdict =
    drift.length === 0
      ? 'Everything that was asked is as it should be'
      : `${count(drift.length, 'difference')} to be mended`;
  const shown = differences.slice(0, MOST_DIFFERENCES).map(({ severity, where, what, remedy }) => {
    const shade = TONES[severity];
    return html`<li class="${shade}">${mark(shade)} <span><strong>${where}</strong>: ${what}<span class="remedy">${mark('remedy')} ${remedy}</span></span></li>`;
  });
  const rest = differences.length - MOST_DIFFERENCES;
  const list = shown.length === 0 ? undefined : html`<ul class="differences">${shown}</ul>`;
  const more =
    rest > 0 ? html`<p class="quiet">and ${rest} more: operator status names all of them</p>` : undefined;
  return html`<section class="card verdict ${tone}" id="verdict" aria-labelledby="verdict-title"><h2 id="verdict-title">${mark(tone)} ${verdict}</h2>${list}${more}</section>`;
}
