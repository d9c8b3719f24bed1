// Writes docs/errors.md from the table of error codes and their texts, or with --check fails when the page is not what the table says.
import { ERROR_CODES, EXIT_CODES_OF_KINDS } from '../src/lib/error-codes.ts';
import { ERROR_TEXTS } from '../src/lib/error-texts.ts';
import { asMarkdown, writeOrCheck } from './generated-page.js';

/** The groups of the page, in its order, by the kind of their errors. */
const GROUPS = [
  {
    kind: 'usage',
    title: 'The command line or a setting is wrong',
    text: 'Nothing has been done yet. Correct what the message names and run the command again.',
  },
  {
    kind: 'differences',
    title: 'Differences were found, or a brake stopped the command',
    text: 'Nothing was changed. The command waits for your decision, since what it would do next could hurt.',
  },
  {
    kind: 'external',
    title: 'Something outside refused, was unreachable or answered nonsense',
    text: 'A node, a signer, an oracle, a gateway or the database. Many of these are over by themselves: the operator repeats its step, and a command can be run again.',
  },
  {
    kind: 'failure',
    title: 'The command could not do its work',
    text: 'Files, keys, the contents of the database, or the state of the vault are not as they have to be.',
  },
  {
    kind: 'bug',
    title: 'A bug of the program',
    text: 'Nothing that you did should lead here.',
  },
];

const INTRODUCTION = `# Errors

<!-- Written by scripts/error-reference.js from src/lib/error-texts.ts: change the texts there. -->

Every error has a code, which stays the same when its message is worded anew. This page says of each code what has
happened and what to do next. The message itself is more exact: it names the file, the key or the server.

Where the code stands:

- With \`--json\`, in the document on stdout: \`{"error": {"code": "…", "message": "…", "hint": "…"}}\`.
- With \`-v\` or \`--verbose\`, in the last line on stderr: \`Code: …\`.
- In the log of \`start\`, in the field \`code\` of a task's failure.

The exit code tells the kind of an error:

| exit code | meaning |
| --- | --- |
| 0 | Done. |
| 1 | Something outside refused or could not be reached, or the command could not do its work. |
| 2 | The command line or a setting is wrong; nothing has been done. |
| 3 | Differences were found, or a brake stopped the command; nothing was changed. |
| 70 | A bug of the program. |
`;

const codes = Object.keys(ERROR_CODES).sort();
const page = `${[INTRODUCTION, ...GROUPS.map(groupText)].join('\n')}`;
writeOrCheck(page, { name: 'errors.md', script: 'errors' });

/** The codes of one kind. One of several kinds is explained where it comes first, since a heading is a link's target. */
function groupText({ kind, title, text }) {
  const own = codes.filter(code => ERROR_CODES[code].kinds.includes(kind));
  const explained = own.filter(code => groupOf(code) === kind);
  const others = own.filter(code => groupOf(code) !== kind);
  const links = others.map(code => `[\`${code}\`](#${code})`);
  const also =
    links.length === 0 ? '' : `\nExplained above, and possible here as well: ${links.join(', ')}.\n`;
  const sections = explained.map(codeText).join('\n');
  return `## ${title} (exit code ${EXIT_CODES_OF_KINDS[kind]})\n\n${text}\n${also}\n${sections}`;
}

function groupOf(code) {
  return GROUPS.find(({ kind }) => ERROR_CODES[code].kinds.includes(kind)).kind;
}

function codeText(code) {
  const { meaning, remedy } = ERROR_TEXTS[code];
  return `### \`${code}\`\n\n${asMarkdown(meaning)}\n\n**What to do:** ${asMarkdown(remedy)}\n`;
}
