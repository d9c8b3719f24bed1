import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../programs/cli.ts';

/** A fenced block of code. */
export interface CodeBlock {
  /** Heading above it. */
  readonly heading: string;
  /** `bash`, `yaml`; empty where none is named. */
  readonly language: string;
  readonly code: string;
  /** Line of its fence, from 1. */
  readonly line: number;
}

/** A page of documentation, in the parts that can be held to the program. */
export interface MarkdownPage {
  /** Below the project, as in `docs/machines.md`. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly CodeBlock[];
  /** Anchors of its headings, as GitHub makes them. */
  readonly anchors: ReadonlySet<string>;
  /** Targets of its links, as they are written. */
  readonly links: readonly string[];
  /** What stands between backticks, on one line each. */
  readonly codeSpans: readonly string[];
}

/** The page at a path below the project. */
export function readMarkdownPage(path: string): MarkdownPage {
  const text = readFileSync(join(PROJECT_ROOT, path), 'utf8');
  return parseMarkdownPage(path, text);
}

/** README, docs/ and the other texts at the root. */
export function documentationPages(): MarkdownPage[] {
  return globSync(['*.md', 'docs/*.md', 'docs/schemas/*.md'], { cwd: PROJECT_ROOT })
    .sort()
    .map(readMarkdownPage);
}

/** A page of a text. @throws Error for a block that does not end */
export function parseMarkdownPage(path: string, text: string): MarkdownPage {
  const { blocks, prose } = splitBlocks(path, text);
  const headings = [...prose.matchAll(/^#+ ([^\n]+)$/gm)].map(([, title = '']) => title);
  // Without what stands in code: a template's brackets are no link.
  const plain = prose.replace(/(`+)(.+?)\1/gs, '``');
  return {
    path,
    text,
    blocks,
    anchors: anchorsOf(headings),
    links: [...plain.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target),
    codeSpans: [...prose.matchAll(/(`+)(.+?)\1/gs)].map(([, , code = '']) => code.replace(/\s+/g, ' ')),
  };
}

function splitBlocks(path: string, text: string): { blocks: CodeBlock[]; prose: string } {
  const blocks: CodeBlock[] = [];
  const prose: string[] = [];
  let heading = '';
  let open: { indent: number; language: string; line: number; lines: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const [, indent = '', language] = /^( *)```([\w-]*)$/.exec(line) ?? [];
    if (open === undefined) {
      const [, title] = /^#+ (.+)$/.exec(line) ?? [];
      heading = title ?? heading;
      if (language === undefined) prose.push(line);
      else open = { indent: indent.length, language, line: index + 1, lines: [] };
    } else if (language === '' && indent.length === open.indent) {
      const code = open.lines.map(each => `${each}\n`).join('');
      blocks.push({ heading, language: open.language, code, line: open.line });
      open = undefined;
    } else open.lines.push(line.slice(open.indent));
  }
  if (open !== undefined) throw new Error(`${path}:${open.line}: the block of code does not end`);
  return { blocks, prose: prose.join('\n') };
}

/** GitHub's anchors: small letters, no punctuation, hyphens for spaces, a number behind one that comes again. */
function anchorsOf(headings: readonly string[]): Set<string> {
  const anchors = new Set<string>();
  for (const heading of headings) {
    const base = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-');
    let anchor = base;
    for (let count = 1; anchors.has(anchor); count++) anchor = `${base}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** The command lines of a block of shell, continued ones joined, without comments and blank lines. */
export function commandLines(code: string): string[] {
  return code
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter(line => line.trim() !== '' && !line.trimStart().startsWith('#'));
}
