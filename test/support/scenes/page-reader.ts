/** A row of a table, a cell, a stage or a difference, as a page shows it. */
export interface PageRow {
  /** Id of the section that it stands in. */
  readonly section: string;
  /** How it is drawn; what has no tone of its own, such as a line of words, is `plain`. */
  readonly tone: string;
  readonly text: string;
}

/** A section with its id, whatever stands in it. */
const SECTION = /<section class="([^"]*)" id="([^"]+)"[^>]*>(.*?)<\/section>/gs;
/** What is of one kind: rows of tables, items of lists, and words. */
const ROW = /<(tr|li|p)(?: class="([^"]*)")?>(.*?)<\/\1>/gs;
const TONE = /\b(?:ok|warning|error|unknown)\b/;

/** Reads a page as somebody does who sees it: what stands where, and in which colour. Knows its markup, and nothing of what made it. */
export function readPage(markup: string): readonly PageRow[] {
  return [...markup.matchAll(SECTION)].flatMap(([, classes = '', section = '', body = '']) => {
    const head = /<h2[^>]*>(.*?)<\/h2>/s.exec(body)?.[1] ?? '';
    const rows = [...body.matchAll(ROW)].map(([, , own = '', inner = '']) => ({
      section,
      tone: TONE.exec(own)?.[0] ?? 'plain',
      text: textOf(inner),
    }));
    return [{ section, tone: TONE.exec(classes)?.[0] ?? 'plain', text: textOf(head) }, ...rows];
  });
}

function textOf(markup: string): string {
  return markup
    .replace(/<[^>]+>/g, ' ')
    .replace(/&(lt|gt|quot|#39|amp);/g, (_, name: string) => SIGNS[name] ?? '')
    .replace(/\s+/g, ' ')
    .trim();
}

const SIGNS: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' };
