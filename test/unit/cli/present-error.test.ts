import { describe, expect, it } from 'vitest';
import { CommandLineError } from '../../../src/cli/options/command-line-error.ts';
import { errorLogLine, presentError } from '../../../src/cli/present-error.ts';
import { Aborted } from '../../../src/cli/terminal/aborted.ts';
import { DifferencesError, ExternalError, OperatorError, UsageError } from '../../../src/lib/errors.ts';

const context = { program: 'v3-operator', words: ['remote-db', 'setup'], isGroup: false, isVerbose: false };

describe('presentError', () => {
  it.each([
    [new OperatorError('disk-full', 'Failed.'), 1, 'Error: Failed.\n'],
    [new ExternalError('timeout', 'Down.', { hint: 'Try later.' }), 1, 'Error: Down.\nTry later.\n'],
    [new UsageError('invalid-url', 'Wrong.'), 2, 'Error: Wrong.\n'],
    [new DifferencesError('files-differ', 'Differs.'), 3, 'Error: Differs.\n'],
    [new Aborted(), 1, 'Aborted!\n'],
    [
      new CommandLineError('missing-option', 'Missing option.'),
      2,
      "Usage: v3-operator remote-db setup [OPTIONS]\nTry 'v3-operator remote-db setup --help' for help.\n\nError: Missing option.\n",
    ],
  ])('presentError gives exit code and text of "%s"', (error, exitCode, text) => {
    expect(presentError(error, context)).toMatchObject({ exitCode, text });
  });

  it.each([
    [
      new ExternalError('timeout', 'Down.', { hint: 'Try later.' }),
      'Error: Down.\nTry later.\nCode: timeout\n',
    ],
    [new Aborted(), 'Aborted!\nCode: aborted\n'],
    [new TypeError('x'), expect.stringMatching(/^Error: this is a bug [\s\S]*\nCode: internal-error\n$/)],
  ])(
    'presentError ends the lines of %s with its code under --verbose, and leaves the document as it is',
    (error, text) => {
      const verbose = presentError(error, { ...context, isVerbose: true });
      const { text: _, ...rest } = presentError(error, context);
      expect(verbose).toEqual({ ...rest, text });
    },
  );

  it('presentError gives code, message and hint as JSON, and the stack of a bug in its text only', () => {
    const { json } = presentError(new OperatorError('disk-full', 'Failed.', { hint: 'Do x.' }), context);
    expect(json).toEqual({ error: { code: 'disk-full', message: 'Failed.', hint: 'Do x.' } });
    const bug = presentError(new TypeError('x is undefined'), context);
    expect(bug.exitCode).toBe(70);
    expect(bug.text).toMatch(/bug in the program.*\nTypeError: x is undefined\n {4}at /);
    expect(bug.json).toEqual({ error: { code: 'internal-error', message: 'x is undefined' } });
    expect(JSON.parse(errorLogLine(bug))).toMatchObject({
      level: 'fatal',
      code: 'internal-error',
      msg: 'x is undefined',
      stack: expect.stringMatching(/^TypeError: x is undefined\n {4}at /),
    });
  });
});
