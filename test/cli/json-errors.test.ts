// LOG_FORMAT=json: the error that ends a command is one line of JSON, and nothing stands beside it.
import { describe, expect, it } from 'vitest';
import { runCli, temporaryDirectory } from '../support/programs/cli.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';

/** The only line of stderr, as a log reads it. */
function lineOf(stderr: string): Record<string, unknown> {
  expect(stderr).toMatch(/^\{.*\}\n$/);
  return JSON.parse(stderr);
}

const NO_OPTION = { code: 'no-such-option', msg: 'No such option: --bad' };
const NO_COMMAND = {
  code: 'no-such-command',
  msg: "No such command 'strat'.",
  hint: 'Did you mean "start"?',
};
const MISSING = {
  code: 'missing-option',
  msg: expect.stringMatching(/^Missing options '--vault', /),
  hint: 'There is no terminal to ask on.',
};
const NO_URL = {
  code: 'invalid-url',
  msg: "Invalid value for '--execution-endpoints': 'ftp://x' is not an http or https URL.",
  hint: 'Write it with its scheme, for example http://localhost:9000.',
};

describe('an error with LOG_FORMAT=json', () => {
  it.each([
    [['create-keys', '--bad=secret'], 2, NO_OPTION],
    [['strat'], 2, NO_COMMAND],
    [['start'], 2, MISSING],
    [['start', '--vault', VAULT, '--execution-endpoints', 'ftp://x'], 2, NO_URL],
    [
      ['start', '--env-file', '/nowhere/env'],
      2,
      { code: 'file-missing', msg: "Invalid value for '--env-file': File '/nowhere/env' does not exist." },
    ],
    [
      [
        'remote-db',
        'migrate',
        '--vault',
        VAULT,
        '--network',
        'hoodi',
        '--db-url',
        'postgresql://127.0.0.1:1/x',
      ],
      1,
      { code: 'db-unreachable', msg: expect.stringContaining('Connection refused') },
    ],
  ])('%j ends with %i and one line of stderr, stdout is empty', async (args, exitCode, fields) => {
    const run = await runCli(args, { env: { LOG_FORMAT: 'JSON' } });
    expect(run.exitCode).toBe(exitCode);
    expect(lineOf(run.stderr)).toEqual({
      level: 'fatal',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      ...fields,
    });
    expect(run.stdout).toBe('');
  });

  it('--log-format comes before the variable, and --json has its document on stdout beside the line', async () => {
    const args = ['remote-db', '--log-format', 'json', 'verify', '--json', '--bad'];
    const run = await runCli(args, { env: { LOG_FORMAT: 'plain' } });
    expect(lineOf(run.stderr)).toMatchObject(NO_OPTION);
    expect(JSON.parse(run.stdout)).toEqual({
      error: { code: 'no-such-option', message: 'No such option: --bad' },
    });
    const plain = await runCli(['init', '--log-format=plain', '--bad'], { env: { LOG_FORMAT: 'json' } });
    expect(plain.stderr).toContain('\nError: No such option: --bad\n');
  });

  it('a format that is none is refused by every command, in plain text', async () => {
    const run = await runCli(['get-validators-root', '--vault', VAULT], { env: { LOG_FORMAT: 'xml' } });
    expect(run.stderr).toContain(
      "Error: Invalid value for '--log-format': 'xml' is not one of 'plain', 'json'.\n",
    );
    expect(run.exitCode).toBe(2);
  });

  it('warnings before it are lines of JSON as well', async () => {
    using directory = temporaryDirectory();
    const run = await runCli(
      ['remote-db', 'migrate', '--vault', VAULT, '--db-url', 'postgresql://u:pass@127.0.0.1:1/x'],
      { env: { LOG_FORMAT: 'json', HOME: directory.path } },
    );
    const lines = run.stderr.trimEnd().split('\n');
    expect(lines.map(line => JSON.parse(line).level)).toEqual(['warn', 'fatal']);
    expect(run.stderr).not.toContain('pass@');
  });
});
