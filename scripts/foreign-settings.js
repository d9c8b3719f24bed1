// Writes docs/python-operator-settings.md from the tables of settings of other generations of the Python operator, or with --check
// fails when the page is not what the tables say.
import { FOREIGN_OPTIONS, FOREIGN_VARIABLES } from '../src/cli/flags/foreign-settings.ts';
import { flagName } from '../src/cli/options/option.ts';
import { asMarkdown, writeOrCheck } from './generated-page.js';

const INTRODUCTION = `# Settings of the Python operator

<!-- Written by scripts/foreign-settings.js from src/cli/flags/foreign-settings.ts: change the texts there. -->

\`start\` is given options and variables that other generations of the StakeWise Python operator know, and that mean nothing
here. Each of them is decided by one rule:

- **Ignored** is what changes nothing that this program does. The log names it once, at the start.
- **Refused** is what asks for something that this program does not do: it would have something else staked, signed or left
  undone than it says. The start ends with exit code 2 before anything is opened, and names all that it refuses.

An empty value is not given, whether it is an option's or a variable's; nor is a switch whose variable is \`false\`.
`;

const options = Object.entries(FOREIGN_OPTIONS).map(([key, row]) => {
  const names = [`--${flagName(key)}`, row.env].filter(name => name !== undefined);
  return [names.map(name => `\`${name}\``).join(', '), row.decision, reasonOf(row)];
});
const variables = Object.entries(FOREIGN_VARIABLES).map(([name, row]) => [
  `\`${name}\``,
  row.decision,
  reasonOf(row),
]);

const page = `${INTRODUCTION}
## Options

${tableOf('option, variable', options)}
## Variables

A name that ends in \`*\` stands for all variables that begin like it and have no line of their own.

${tableOf('variable', variables)}`;

writeOrCheck(page, { name: 'python-operator-settings.md', script: 'settings' });

function reasonOf({ why, instead }) {
  const reason = asMarkdown(why);
  return instead === undefined ? reason : `${reason} **Instead:** ${asMarkdown(instead)}`;
}

function tableOf(first, rows) {
  const lines = [[first, 'decision', 'why'], ['---', '---', '---'], ...rows];
  return lines.map(cells => `| ${cells.join(' | ')} |\n`).join('');
}
