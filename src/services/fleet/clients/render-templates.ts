import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Eta } from 'eta';
import type { ValidatorConfig } from '../../../domain/fleet/validator-config.ts';
import { messageOf, OperatorError } from '../../../lib/errors.ts';
import { readTextFile } from '../../../lib/files.ts';
import { packageRoot } from '../../../lib/package-root.ts';

/** Files of a validator client, in the order in which they are reported. */
export const VALIDATOR_FILES = [
  'validator_definitions.yml',
  'signer_keys.yml',
  'proposer_config.json',
] as const;
export type ValidatorFile = (typeof VALIDATOR_FILES)[number];

/**
 * The files of one validator client, by file name. Equal data gives equal bytes.
 * @param options.templateDirectory - where `<file>.eta` is looked for before the program's own
 * @throws OperatorError 'invalid-template' naming the template; 'file-missing' when the directory does not exist
 */
export async function renderValidatorFiles(
  config: ValidatorConfig,
  options: { readonly templateDirectory?: string | undefined } = {},
): Promise<Map<ValidatorFile, Uint8Array>> {
  const files = new Map<ValidatorFile, Uint8Array>();
  for (const name of VALIDATOR_FILES) {
    const path = findTemplate(`${name}.eta`, options.templateDirectory);
    const template = await readTextFile(path);
    try {
      files.set(name, Buffer.from(renderText(template, config, name.endsWith('.json') ? 'json' : 'yaml')));
    } catch (error) {
      throw new OperatorError('invalid-template', `Template ${path} does not work: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
  return files;
}

/**
 * Fills an Eta template. Whatever a tag prints, escaped or raw, passes {@link escapeValue}: templates put no quotes
 * around values and values cannot leave their place.
 */
function renderText(template: string, data: object, format: 'json' | 'yaml'): string {
  const eta = new Eta({
    autoEscape: false,
    autoFilter: true,
    filterFunction: value => escapeValue(value, format),
    autoTrim: [false, 'nl'],
  });
  return eta.renderString(template, data);
}

// What Python's YAML dump, and with it the Python operator, writes in single quotes: plain it would be a number.
const HEX_VALUE = /^0x[0-9a-fA-F]+$/;
// What every YAML reader takes as the same string without quotes, in a block or in a list.
const PLAIN_URL = /^https?:\/\/[\w.~%/?=&+@:-]*[\w/]$/;
// DEL to U+FFFF but surrogates: U+0085 and U+2028 end a line for YAML 1.1, and YAML knows no escaped surrogates.
const UNSAFE = /[\u007f-\ud7ff\ue000-\uffff]/g;

/**
 * A value as one JSON value or one YAML scalar on one line; a JSON value is YAML too. Quotes appear in YAML only where
 * they are needed, as in the Python operator's files.
 * @throws TypeError for undefined, which a misspelt name in a template gives
 */
export function escapeValue(value: unknown, format: 'json' | 'yaml'): string {
  if (format === 'yaml' && typeof value === 'string') {
    if (HEX_VALUE.test(value)) return `'${value}'`;
    if (PLAIN_URL.test(value)) return value;
  }
  const json = JSON.stringify(value);
  if (json === undefined) throw new TypeError('a value is missing');
  return json.replace(UNSAFE, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function findTemplate(name: string, templateDirectory: string | undefined): string {
  if (templateDirectory !== undefined) {
    if (!existsSync(templateDirectory)) {
      throw new OperatorError('file-missing', `Template directory ${templateDirectory} does not exist.`);
    }
    const own = join(templateDirectory, name);
    if (existsSync(own)) return own;
  }
  return join(packageRoot(), 'templates', name);
}
