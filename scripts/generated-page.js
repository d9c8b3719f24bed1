// A page of docs/, or another file, that is written from a table of the program: written anew, or with --check compared, so that it can be stale
// nowhere. Another file than the page can be named, for the tests of these scripts.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Writes the page, or with --check says that it is stale and makes the process fail.
 * @param name - of the page in its folder
 * @param script - of package.json, which writes it
 * @param folder - below the project's. Default: docs
 */
export function writeOrCheck(text, { name, script, folder = 'docs' }) {
  const { file, isCheck } = readArguments(`${folder}/${name}`, process.argv.slice(2));
  if (!isCheck) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  } else if (text !== readPage(file)) {
    process.stderr.write(`${folder}/${name} is stale: run "npm run ${script}".\n`);
    process.exitCode = 1;
  }
}

function readArguments(path, words) {
  const [named] = words.filter(word => !word.startsWith('--'));
  return {
    file: named ?? fileURLToPath(new URL(`../${path}`, import.meta.url)),
    isCheck: words.includes('--check'),
  };
}

function readPage(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A text of a table, with commands, options and variables as code. */
export function asMarkdown(text) {
  const isCode =
    /"([^"]+)"|(--[a-z][a-z0-9-]*(?: 0x0\d)?|<mount>\/[a-z]+\/<path>|\b[A-Z]+(?:_[A-Z]+)+\b(?:=\w+)?)/g;
  return text.replaceAll(isCode, (_, quoted, bare) => `\`${quoted ?? bare}\``);
}
