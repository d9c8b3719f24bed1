import type { Difference, Severity } from '../../../domain/fleet/drift/difference.ts';
import { type Html, html } from './html.ts';

/** How a part of the page is drawn: as it should be, to be mended, dangerous, or not known. */
export type Tone = 'ok' | 'warning' | 'error' | 'unknown';

/** Marks, since colours alone are not seen by everybody. Drawn, since not every font has them. */
const MARKS: Readonly<Record<Tone | 'remedy', string>> = {
  ok: 'M2.5 8.5l3.5 4L13.5 4',
  warning: 'M8 2v8M8 13v1',
  error: 'M3 3l10 10M13 3L3 13',
  unknown: 'M5 5.5a3 3 0 1 1 4.4 2.7C8.4 8.8 8 9.3 8 10.5M8 13v1',
  remedy: 'M2 8h11M9 4l4 4-4 4',
};

/** The mark of a tone, or of what to do; whoever hears the page hears the words beside it. */
export function mark(tone: Tone | 'remedy'): Html {
  return html`<svg class="mark ${tone}" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d="${MARKS[tone]}"></path></svg>`;
}

const TONES: Readonly<Record<Severity, Tone>> = { note: 'ok', warning: 'warning', error: 'error' };
const RANKS: Readonly<Record<Tone, number>> = { error: 3, warning: 2, unknown: 1, ok: 0 };

/** The worst of some tones; that of what is in order where there are none. */
export function worstOf(tones: readonly Tone[]): Tone {
  return tones.reduce<Tone>((worst, tone) => (RANKS[tone] > RANKS[worst] ? tone : worst), 'ok');
}

/** The tone of what these differences are about. */
export function toneOf(
  differences: readonly Difference[],
  isAbout: (difference: Difference) => boolean,
): Tone {
  return worstOf(differences.filter(isAbout).map(({ severity }) => TONES[severity]));
}
