// What the environment tells a command is known to be right before anything is opened: the tables of options say what is.
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listenOnLoopback } from '../devnet/listen.ts';
import { runCli, temporaryDirectory } from '../support/programs/cli.ts';
import { startOperatorProcess } from '../support/programs/operator-process.ts';
import { listOptionVariables } from '../support/programs/option-variables.ts';
import { waitUntil } from '../support/wait-until.ts';

/** Values that are none, by what stands for the value in help. */
const BAD_VALUES: readonly (readonly [placeholder: RegExp, value: string])[] = [
  [/^switch$/, 'maybe'],
  [/^INTEGER$/, 'many'],
  [/^SECONDS$/, 'soon'],
  [/^DURATION$/, 'soon'],
  [/^URL/, 'ftp://nowhere'],
  [/^\[/, 'neither'],
  [/^HOST:PORT$/, 'nowhere'],
  [/^HASH$/, '0x12'],
  [/^MODE$/, 'rwx'],
  [/^UID/, 'root'],
  [/^NAME$/, 'a b'],
  [/^NAMESPACE$/, 'a b'],
];
/** Texts, of which every one will do; what is looked for on the disk; what is checked by a sum. */
const OTHERS = /^(TEXT|FILE|DIRECTORY|ADDRESS|HEX|NAME|PATH)/;
/** The value may hold a password: it is not repeated. */
const UNSPOKEN = ['FROM_DB_URL', 'REMOTE_DB_URL', 'SLASHING_DB_URL'];

/** It needs no database, and reads none of its group's variables. */
const WITHOUT_GROUP = 'remote-db grants';

const commands = [...listOptionVariables()].filter(([words]) => words !== WITHOUT_GROUP);

const badValues = commands.flatMap(([words, variables]) =>
  variables.flatMap(variable => {
    const value = BAD_VALUES.find(([pattern]) => pattern.test(variable.placeholder))?.[1];
    return value === undefined ? [] : [{ words, ...variable, value }];
  }),
);

/** A server that nobody is to reach, and directories in which nobody is to write. */
let trap: Server;
let port = 0;
let visitors = 0;
const folder = temporaryDirectory();

beforeAll(async () => {
  trap = createServer(socket => {
    visitors += 1;
    socket.destroy();
  });
  port = await listenOnLoopback(trap);
  mkdirSync(join(folder.path, 'tmp'));
});
afterAll(() => {
  trap.close();
  folder[Symbol.dispose]();
});

/** All that the commands need to go on and open what is in the trap. */
function setting(): Record<string, string> {
  const url = `http://127.0.0.1:${port}`;
  return {
    HOME: folder.path,
    TMPDIR: join(folder.path, 'tmp'),
    VAULT: '0x1234567890AbcdEF1234567890aBcdef12345678',
    NETWORK: 'hoodi',
    REMOTE_DB_URL: `postgresql://operator:password@127.0.0.1:${port}/operator`,
    REMOTE_DB_ENCRYPT_KEY: '1'.repeat(64),
    EXECUTION_ENDPOINTS: url,
    CONSENSUS_ENDPOINTS: url,
    IPFS_FETCH_ENDPOINTS: url,
    REMOTE_SIGNER_URL: url,
    HASHI_VAULT_URL: url,
    HASHI_VAULT_TOKEN: 'token',
    HASHI_VAULT_KEY_PATH: 'keys',
    SIGNER_LISTEN: `127.0.0.1:${port}`,
    METRICS_HOST: '127.0.0.1',
    METRICS_PORT: String(port),
    ENABLE_METRICS: 'true',
  };
}

const opened = () => ({
  visitors,
  home: readdirSync(folder.path),
  tmp: readdirSync(join(folder.path, 'tmp')),
});

describe('a bad value of a variable', () => {
  it('every kind of value that an option has is known to this test with a bad one', () => {
    const placeholders = commands.flatMap(([, variables]) => variables.map(one => one.placeholder));
    const unknown = placeholders.filter(
      one => !OTHERS.test(one) && !BAD_VALUES.some(([pattern]) => pattern.test(one)),
    );
    expect(unknown).toEqual([]);
    expect(new Set(badValues.map(one => one.name)).size).toBeGreaterThan(40);
  });

  it.each(badValues)(
    '$name=$value stops "$words" with exit code 2 and is named, before a file, a socket or a process is opened',
    async ({ words, name, option, value }) => {
      const before = opened();
      const run = await runCli(words.split(' '), { env: { ...setting(), [name]: value } });
      const [, named, reason] = /^Error: Invalid value for '([^']+)': (.*)$/m.exec(run.stderr) ?? [];
      expect([option, name], run.stderr).toContain(named);
      expect(reason).toContain(UNSPOKEN.includes(name) ? '' : value);
      expect(run.exitCode).toBe(2);
      expect(run.stdout).toBe('');
      expect(opened()).toEqual(before);
    },
  );

  it('"remote-db verify" and "start" open what is there when every variable has a good value', async () => {
    const before = visitors;
    expect((await runCli(['remote-db', 'verify'], { env: setting() })).exitCode).toBe(1);
    expect(visitors).toBeGreaterThan(before);
    const seen = visitors;
    await using start = startOperatorProcess([], { env: { ...setting(), ENABLE_METRICS: 'false' } });
    await waitUntil('"start" to open what is there', () => visitors > seen, { lastSeen: () => start.output });
    await start.stop();
  });
});

describe('the termination log', () => {
  it.each([
    ['of the option', (path: string) => ['--termination-log', path], 'TERMINATION_LOG_UNUSED'],
    ['of the variable', () => [], 'TERMINATION_LOG'],
  ])('%s holds why "start" was refused its command line', async (_name, flags, variable) => {
    using directory = temporaryDirectory();
    const path = join(directory.path, 'log');
    const run = await runCli(['start', ...flags(path)], { env: { [variable]: path } });
    expect(run.exitCode).toBe(2);
    expect(readFileSync(path, 'utf8')).toMatch(/^Missing options '--vault', /);
  });

  it('the file of TERMINATION_LOG holds why a command line was refused that could not be parsed', async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, 'log');
    const run = await runCli(['start', '--no-such-option'], { env: { TERMINATION_LOG: path } });
    expect(run.exitCode).toBe(2);
    expect(existsSync(path)).toBe(true);
  });
});
