import { oneLine } from '../../../lib/foreign-text.ts';

/** A piece of a page that is markup already; made by {@link html} alone. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

/** What a place of a template takes: text is escaped, markup stays as it is, undefined is nothing. */
type Piece = string | number | Html | undefined | readonly Piece[];

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Markup with values in it. Every text that is put in is escaped for elements and for attributes in quotes, which are the only
 * places that values may have, and freed of characters that turn the direction of writing or are not seen.
 */
export function html(parts: TemplateStringsArray, ...values: readonly Piece[]): Html {
  return new Html(parts.map((part, i) => part + (i < values.length ? markupOf(values[i]) : '')).join(''));
}

function markupOf(piece: Piece): string {
  if (piece === undefined) return '';
  if (piece instanceof Html) return piece.markup;
  if (typeof piece === 'string' || typeof piece === 'number') return escapeText(String(piece));
  return piece.map(markupOf).join('');
}

function escapeText(text: string): string {
  return oneLine(text).replace(/[&<>"']/g, character => ESCAPES[character] ?? '');
}
