import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import {
  defaulted,
  flag,
  optional,
  repeated,
  required,
  requiredUnless,
} from '../../../../src/cli/options/option.ts';
import { type OptionInput, resolveOptions } from '../../../../src/cli/options/resolve-options.ts';
import { choice, httpUrls, integer, text } from '../../../../src/cli/options/value-kinds.ts';
import type { Prompter } from '../../../../src/cli/terminal/prompt.ts';
import { it as base } from '../../../support/fixtures.ts';

/** Writes a file and gives its path. */
const it = base.extend(
  'secretFile',
  ({ directory }) =>
    (name: string, content: string, mode = 0o600): string => {
      const path = join(directory, name);
      writeFileSync(path, content, { mode });
      return path;
    },
);

function given(input: Partial<OptionInput> = {}) {
  const warnings: string[] = [];
  return {
    warnings,
    input: {
      flags: {},
      environment: {},
      prompter: undefined,
      warn: (w: string) => warnings.push(w),
      ...input,
    },
  };
}

/** A user who gives these answers one after another. */
function user(answers: string[]): Prompter & { readonly log: string[] } {
  const log: string[] = [];
  return {
    log,
    askLine: async (question, hidden) => {
      log.push(hidden ? `${question}(hidden)` : question);
      return answers.shift() ?? '';
    },
    waitForKey: async () => {},
    print: line => void log.push(line),
    clear() {},
    columns: 80,
  };
}

const KEY = {
  key: required({
    description: '',
    value: text,
    env: 'KEY',
    secret: true,
    prompt: 'Enter the key',
    hidden: true,
  }),
};

describe('one option', () => {
  it('resolveOptions prefers the flag to the variable, and takes an empty variable as unset', async () => {
    const options = { count: optional({ description: '', value: integer({ min: 1 }), env: 'COUNT' }) };
    const resolve = (flags: object, environment: NodeJS.ProcessEnv) =>
      resolveOptions(options, given({ flags: { ...flags }, environment }).input);
    expect(await resolve({ count: '3' }, { COUNT: '4' })).toEqual({ count: 3 });
    expect(await resolve({}, { COUNT: '4' })).toEqual({ count: 4 });
    expect(await resolve({}, { COUNT: '' })).toEqual({ count: undefined });
    await expect(resolve({}, { COUNT: 'x' })).rejects.toThrow(
      "Invalid value for '--count': 'x' is not a valid integer.",
    );
  });

  it('resolveOptions reads switches from variables as click reads booleans', async () => {
    const options = { verbose: flag({ description: '', env: 'VERBOSE' }) };
    const resolve = async (VERBOSE: string) =>
      (await resolveOptions(options, given({ environment: { VERBOSE } }).input)).verbose;
    for (const word of ['1', 'true', 'T', 'Yes', 'y', 'ON']) expect(await resolve(word)).toBe(true);
    for (const word of ['', '0', 'False', 'f', 'no', 'N', 'off']) expect(await resolve(word)).toBe(false);
    await expect(resolve('maybe')).rejects.toThrow(
      "Invalid value for 'VERBOSE': 'maybe' is not a valid boolean.",
    );
  });

  it('resolveOptions takes defaults, and splits repeated options at the commas of their variable', async () => {
    const options = {
      kdf: defaulted(() => 'scrypt', { description: '', value: choice(['scrypt', 'pbkdf2']) }),
      urls: repeated({ description: '', value: text, env: 'URLS' }),
      endpoints: optional({ description: '', value: httpUrls }),
    };
    const { input } = given({ flags: { endpoints: 'http://a/, https://b' }, environment: { URLS: 'a, b' } });
    const { endpoints, ...others } = await resolveOptions(options, input);
    expect(others).toEqual({ kdf: 'scrypt', urls: ['a', 'b'] });
    expect(endpoints?.map(url => url.reveal())).toEqual(['http://a', 'https://b']);
    const flags = { urls: ['c'], endpoints: 'b:9000' };
    await expect(resolveOptions(options, given({ flags }).input)).rejects.toThrow(
      "'b:9000' is not an http or https URL.",
    );
  });
});

describe('secrets', () => {
  it('resolveOptions takes a secret from its file flag, its variable or its file variable, in this order', async ({
    secretFile,
  }) => {
    const flagFile = secretFile('flag', 'from-flag-file\n');
    const envFile = secretFile('env', 'from-env-file');
    const all = { flags: { 'key-file': flagFile }, environment: { KEY: 'from-env', KEY_FILE: '' } };
    expect(await resolveOptions(KEY, given(all).input)).toEqual({ key: 'from-flag-file' });
    expect(await resolveOptions(KEY, given({ environment: { KEY: 'from-env' } }).input)).toEqual({
      key: 'from-env',
    });
    expect(await resolveOptions(KEY, given({ environment: { KEY_FILE: envFile } }).input)).toEqual({
      key: 'from-env-file',
    });
  });

  it('resolveOptions warns of a secret in argv or in a file that others can read', async ({ secretFile }) => {
    const inArgv = given({ flags: { key: 'hunter2' } });
    await resolveOptions(KEY, inArgv.input);
    expect(inArgv.warnings).toEqual([
      "--key on the command line can be seen by other users and stays in the shell's history; --key-file or KEY_FILE keeps it private.",
    ]);
    const open = given({ flags: { 'key-file': secretFile('open', 'hunter2', 0o644) } });
    await resolveOptions(KEY, open.input);
    expect(open.warnings[0]).toMatch(/open can be read by other users \(mode 0644\)/);
  });

  it('resolveOptions refuses a secret whose flag and file flag, or variable and file variable, differ', async ({
    secretFile,
  }) => {
    const file = secretFile('other', 'b');
    const both = given({ flags: { key: 'a', 'key-file': file } });
    await expect(resolveOptions(KEY, both.input)).rejects.toThrow(
      '--key and --key-file give different values; use one of them.',
    );
    const variables = given({ environment: { KEY: 'a', KEY_FILE: file } });
    await expect(resolveOptions(KEY, variables.input)).rejects.toThrow(
      'KEY and KEY_FILE give different values',
    );
    const same = given({ flags: { key: 'b', 'key-file': file } });
    expect(await resolveOptions(KEY, same.input)).toEqual({ key: 'b' });
  });

  it('resolveOptions names a secret’s file that is missing', async () => {
    const { input } = given({ environment: { KEY_FILE: '/nowhere/key' } });
    await expect(resolveOptions(KEY, input)).rejects.toThrow(
      "Invalid value for 'KEY_FILE': /nowhere/key does not exist.",
    );
  });
});

describe('missing answers', () => {
  const options = {
    index: required({ description: '', value: integer({ min: 0 }), prompt: 'Enter the index' }),
    ...KEY,
    outputDir: required({
      description: '',
      value: text,
      prompt: 'Enter the folder',
      suggestion: () => '/here',
    }),
    size: required({
      description: '',
      value: choice(['S', 'L']),
      prompt: 'Choose a size',
      fallback: () => 'L',
    }),
  };

  it('resolveOptions names all missing options in one error without a terminal, also those with a suggestion', async () => {
    await expect(resolveOptions(options, given().input)).rejects.toThrow(
      expect.objectContaining({
        message: "Missing options '--index', '--key', '--output-dir'.",
        hint: 'There is no terminal to ask on. Secrets are better read from a file: --key-file or KEY_FILE.',
        exitCode: 2,
      }),
    );
    const flags = { index: '0', key: 'k', 'output-dir': '/x' };
    expect(await resolveOptions(options, given({ flags }).input)).toMatchObject({ size: 'L' });
  });

  it('resolveOptions does not ask for an option that a switch makes needless', async () => {
    const pair = { key: requiredUnless('bare', KEY.key), bare: flag({ description: '' }) };
    expect(await resolveOptions(pair, given({ flags: { bare: true } }).input)).toEqual({ bare: true });
    const prompter = user([]);
    await resolveOptions(pair, given({ flags: { bare: true }, prompter }).input);
    expect(prompter.log).toEqual([]);
    await expect(resolveOptions(pair, given().input)).rejects.toThrow("Missing option '--key'.");
  });

  it('resolveOptions asks on a terminal for missing options in their order, until the answers are right', async () => {
    const prompter = user(['-1', '2', '', 'k', '', 'x', '']);
    expect(await resolveOptions(options, given({ prompter }).input)).toEqual({
      index: 2,
      key: 'k',
      outputDir: '/here',
      size: 'L',
    });
    expect(prompter.log).toEqual([
      'Enter the index: ',
      'Error: -1 is not in the range x>=0.\n',
      'Enter the index: ',
      'Enter the key: (hidden)',
      'Enter the key: (hidden)',
      'Enter the folder [/here]: ',
      'Choose a size (S, L) [L]: ',
      "Error: 'x' is not one of 'S', 'L'.\n",
      'Choose a size (S, L) [L]: ',
    ]);
  });
});
