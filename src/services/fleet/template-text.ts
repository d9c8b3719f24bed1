import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Eta } from 'eta';
import { messageOf, OperatorError } from '../../lib/errors.ts';
import { asFileError, readTextFile } from '../../lib/files.ts';
import { packageRoot } from '../../lib/package-root.ts';

/** What a file's name says of how values are written in it. */
export type TemplateFormat = 'json' | 'yaml' | 'text';

const EXTENSION = '.eta';

/**
 * Fills an Eta template: its text ends with a line end, so that others can append lines.
 * @param path - of the template
 * @param name - of the file that it makes
 * @param data - `it` in the template
 * @throws OperatorError 'invalid-template' naming the template; file errors
 */
export async function fillTemplate(path: string, name: string, data: object): Promise<string> {
  const template = await readTextFile(path);
  try {
    const text = renderText(template, data, formatOf(name));
    return text === '' || text.endsWith('\n') ? text : `${text}\n`;
  } catch (error) {
    throw new OperatorError('invalid-template', `Template ${path} does not work: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * Whatever a tag prints, escaped or raw, passes {@link escapeValue}: templates put no quotes around values and values cannot
 * leave their place.
 */
function renderText(template: string, data: object, format: TemplateFormat): string {
  const eta = new Eta({
    autoEscape: false,
    autoFilter: true,
    filterFunction: value => escapeValue(value, format),
    autoTrim: [false, 'nl'],
  });
  return eta.renderString(template, data);
}

function formatOf(name: string): TemplateFormat {
  if (name.endsWith('.json')) return 'json';
  return /\.ya?ml$/.test(name) ? 'yaml' : 'text';
}

// What Python's YAML dump, and with it the Python operator, writes in single quotes: plain it would be a number.
const HEX_VALUE = /^0x[0-9a-fA-F]+$/;
// What every YAML reader takes as the same string without quotes, in a block or in a list.
const PLAIN_URL = /^https?:\/\/[\w.~%/?=&+@:-]*[\w/]$/;
// DEL to U+FFFF but surrogates: U+0085 and U+2028 end a line for YAML 1.1, and YAML knows no escaped surrogates.
const UNSAFE = /[\u007f-\ud7ff\ue000-\uffff]/g;
const LINE_END = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/**
 * A value as one JSON value or one YAML scalar on one line; a JSON value is YAML too. Quotes appear in YAML only where
 * they are needed, as in the Python operator's files. In any other text a string stands as it is, on one line.
 * @throws TypeError for undefined, which a misspelt name in a template gives; for a line end in a text without quotes
 */
export function escapeValue(value: unknown, format: TemplateFormat): string {
  if (format === 'yaml' && typeof value === 'string') {
    if (HEX_VALUE.test(value)) return `'${value}'`;
    if (PLAIN_URL.test(value)) return value;
  }
  if (format === 'text' && typeof value === 'string') {
    if (LINE_END.test(value)) throw new TypeError('a value has a line end, which this file cannot hold');
    return value;
  }
  const json = JSON.stringify(value);
  if (json === undefined) throw new TypeError('a value is missing');
  return json.replace(UNSAFE, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * Path of the template of a file: that of a directory, else the program's own.
 * @throws OperatorError 'file-missing' when the directory does not exist
 */
export function findTemplate(name: string, templateDirectory: string | undefined): string {
  const template = `${name}${EXTENSION}`;
  if (templateDirectory !== undefined) {
    if (!existsSync(templateDirectory)) throw noDirectory(templateDirectory);
    const own = join(templateDirectory, template);
    if (existsSync(own)) return own;
  }
  return join(packageRoot(), 'templates', template);
}

/**
 * Names of the files that the templates of a directory make, sorted. Hidden ones are passed over: volumes and editors leave such.
 * @throws OperatorError 'file-missing' when the directory does not exist, 'not-readable' and such
 */
export function filesOfTemplates(templateDirectory: string): string[] {
  if (!existsSync(templateDirectory)) throw noDirectory(templateDirectory);
  let names: string[];
  try {
    names = readdirSync(templateDirectory);
  } catch (error) {
    throw asFileError(error, templateDirectory, 'read');
  }
  return names
    .filter(name => name.endsWith(EXTENSION) && !name.startsWith('.'))
    .filter(name => !isFolder(join(templateDirectory, name)))
    .map(name => name.slice(0, -EXTENSION.length))
    .sort();
}

/** A link that leads nowhere is none: reading it says what is wrong. */
function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function noDirectory(templateDirectory: string): OperatorError {
  return new OperatorError('file-missing', `Template directory ${templateDirectory} does not exist.`);
}
