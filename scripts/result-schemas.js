// Writes docs/schemas, a JSON Schema of each command's result and of the error document, with an index, or with --check fails
// when the folder is not what the commands declare. Another folder can be named, for the script's own test.
import { globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ERROR_RESULT } from '../src/cli/error-result.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

const INTRODUCTION = `# Results of commands

<!-- Written by scripts/result-schemas.js from the commands: change the texts there. -->

Every command takes \`--json\`. It then prints one JSON document on stdout and nothing else: its result, or
\`{"error": …}\` when it fails. Questions, warnings and progress go to stderr. This folder has a JSON Schema
(draft 2020-12) of every result, which tells each member's meaning, and one of the error. \`start\` and \`signer\` print their
result when they have been told to stop; \`--help\` and \`--version\` have none.

One rule holds for all of them:

- **Numbers.** Counts, indexes, nonces, block numbers and the numbers that things are called by are JSON numbers: integers
  from 0 to 2^53 - 1.
- **Amounts** are decimal strings, with the unit at the end of the name: \`…Wei\`, \`…Gwei\`.
- **Durations** are JSON numbers in milliseconds, with a name that ends in \`Ms\`. **Times** are ISO 8601 strings in UTC, with a
  name that ends in \`At\`.
- **Bytes** are hex strings with \`0x\`, lower case; only addresses have upper case letters, as their checksum.
- **Yes or no** is \`true\` or \`false\`, and the name is an adjective: \`changed\`, \`created\`, \`planSigned\`.
- **Lists and counts** have a name in the plural. A list has the things themselves or what they are known by
  (\`publicKeys\`, \`migrations\`); of what has no list in a result, the name alone is the count (\`keys\`, \`validators\`).
- **Files** that have a name of their own are paths, with a name that ends in \`File\`; directories end in \`Dir\`. A list
  of paths is \`paths\`.
- **The same thing has the same name** in each command: \`vault\`, \`network\`, \`publicKey\`, \`vaultPublicKey\`, \`index\`,
  \`keystoresDir\`, \`depositDataFile\`, \`remoteSignerConfigFile\`, \`changed\`, \`removedKeys\`; of a transaction \`id\`,
  \`kind\`, \`nonce\`, \`hash\`; of a directory's files \`files\` with \`added\`, \`changed\`, \`adjusted\` and \`removed\`.
- **What is not there is left out**: no member is ever \`null\`, and the schema names the members that may be absent. There are
  no others than those that it names.

| command | result |
| --- | --- |
`;

const { folder, isCheck } = readArguments(process.argv.slice(2));
const wanted = await makeFiles();
if (isCheck) {
  const stale = [...new Set([...wanted.keys(), ...listFolder()])].filter(
    name => wanted.get(name) !== readIfThere(join(folder, name)),
  );
  if (stale.length > 0) {
    process.stderr.write(`docs/schemas is stale (${stale.sort().join(', ')}): run "npm run schemas".\n`);
    process.exitCode = 1;
  }
} else {
  mkdirSync(folder, { recursive: true });
  for (const name of listFolder()) if (!wanted.has(name)) rmSync(join(folder, name), { recursive: true });
  for (const [name, text] of wanted) writeFileSync(join(folder, name), text);
}

function readArguments(words) {
  const [named] = words.filter(word => !word.startsWith('--'));
  return { folder: named ?? join(root, 'docs', 'schemas'), isCheck: words.includes('--check') };
}

function listFolder() {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'EISDIR') return undefined;
    throw error;
  }
}

/** The texts of the folder's files, by name. */
async function makeFiles() {
  const files = new Map();
  const lines = [];
  for (const words of listCommands()) {
    const { default: command } = await import(join(root, 'src', 'commands', `${words.join('/')}.ts`));
    const { RESULT } = await import(join(root, 'src', 'cli', 'results', `${words.join('/')}.ts`));
    const name = `${words.join('-')}.json`;
    const title = `Result of "operator ${words.join(' ')}"`;
    files.set(name, schemaText(name, title, command.summary, RESULT));
    lines.push(`| \`operator ${words.join(' ')}\` | [${name}](${name}) |\n`);
  }
  files.set('error.json', schemaText('error.json', 'Error', ERROR_RESULT.description, ERROR_RESULT));
  lines.push('| each of them, when it fails | [error.json](error.json) |\n');
  files.set('README.md', INTRODUCTION + lines.join(''));
  return files;
}

/** The words of every command, in the order of their names. */
function listCommands() {
  const commands = join(root, 'src', 'commands');
  return globSync(join(commands, '**', '*.ts'))
    .map(path => relative(commands, path).replace(/\.ts$/, '').split('/'))
    .sort((a, b) => (a.join(' ') < b.join(' ') ? -1 : 1));
}

function schemaText(name, title, description, result) {
  const { $schema, ...schema } = z.toJSONSchema(result, {
    target: 'draft-2020-12',
    io: 'input',
    override: ({ jsonSchema }) => {
      // A page of digits that says what the format says.
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
    },
  });
  return `${JSON.stringify({ $schema, $id: name, title, ...schema, description }, undefined, 2)}\n`;
}
