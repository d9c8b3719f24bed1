// The single executable on a machine without Node and without a network, and where it puts its files.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect } from 'vitest';
import { freePort } from '../devnet/listen.ts';
import { it as base } from '../support/fixtures.ts';
import { PROJECT_ROOT } from '../support/programs/cli.ts';
import { asUser, requireOtherUsers } from '../support/programs/namespaces.ts';
import { type OperatorProcess, startOperatorProcess } from '../support/programs/operator-process.ts';
import { startOperatorScene } from '../support/scenes/operator-scene.ts';
import { waitUntil } from '../support/wait-until.ts';

const BINARY = join(PROJECT_ROOT, 'release/operator-linux-x64');
const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const MAX_MB = 140;
const MAX_VERSION_MS = 80;
const MOST_TRIES = 60;

/** Runs it with a home of its own, and with nothing else: no PATH on which a Node could be found, no network. */
const it = base.extend(
  'runAlone',
  ({ directory }) =>
    (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
      spawnSync('/usr/bin/unshare', ['--net', '--', BINARY, ...args], {
        cwd: directory,
        env: { HOME: directory, PATH: '/nonexistent', ...env },
        maxBuffer: 1 << 28,
        encoding: 'utf8',
      }),
);

beforeAll(requireOtherUsers);

/** The folder of the running version below a folder of caches. */
function cacheIn(directory: string): string {
  const own = join(directory, '.cache/stakewise-operator');
  const [name = ''] = readdirSync(own);
  return join(own, name);
}

describe('the single executable', () => {
  it(`the single executable has ${MAX_MB} MB at most, and tells its version in ${MAX_VERSION_MS} ms`, ({
    runAlone,
    directory,
  }) => {
    expect(statSync(BINARY).size / 1e6).toBeLessThanOrEqual(MAX_MB);
    const times: number[] = [];
    do {
      const beganAt = performance.now();
      const { stdout } = spawnSync(BINARY, ['--version'], { env: { HOME: directory }, encoding: 'utf8' });
      times.push(performance.now() - beganAt);
      expect(stdout).toMatch(/^operator, version \d/);
    } while (times.length < 9 || (times.length < MOST_TRIES && Math.min(...times) > MAX_VERSION_MS));
    console.log(
      `${(statSync(BINARY).size / 1e6).toFixed(1)} MB; --version in ${Math.min(...times).toFixed(0)} ms`,
    );
    // What else the machine does makes single ones longer.
    expect(Math.min(...times)).toBeLessThanOrEqual(MAX_VERSION_MS);
    expect(runAlone(['--version']).stdout).toMatch(/^operator, version \d/);
    expect(existsSync(join(directory, '.cache'))).toBe(false);
  });

  it('offline commands make keys in threads, on a machine without Node and network, from files that are its user’s alone', ({
    runAlone,
    directory,
  }) => {
    const data = ['--data-dir', join(directory, 'data'), '--vault', VAULT];
    const init = runAlone(['init', '--network', 'hoodi', '--language', 'english', '--no-verify', ...data]);
    expect(init.status, init.stderr).toBe(0);
    const mnemonic = join(directory, 'mnemonic');
    writeFileSync(mnemonic, init.stdout, { mode: 0o600 });
    const commands = [
      ['create-keys', '--count', '2', '--mnemonic-file', mnemonic, ...data],
      ['create-wallet', '--mnemonic-file', mnemonic, ...data],
      ['get-validators-root', ...data],
    ];
    for (const args of commands) {
      const run = runAlone(args);
      expect(run.status, run.stderr).toBe(0);
    }
    const cache = cacheIn(directory);
    expect(lstatSync(cache).mode & 0o777).toBe(0o700);
    const kinds = readdirSync(cache, { recursive: true }).map(String);
    expect(kinds.some(path => path.endsWith('.node'))).toBe(true);
    for (const path of kinds) expect(lstatSync(join(cache, path)).mode & 0o077, path).toBe(0);
  });

  it('a file of the cache that was changed or is missing is put right before it is used', ({
    runAlone,
    directory,
  }) => {
    const run = () => runAlone(['get-validators-root', '--vault', VAULT, '--data-dir', directory]);
    const first = run();
    const cache = cacheIn(directory);
    const main = join(cache, 'dist/src/cli/main.js');
    const text = readFileSync(main, 'utf8');
    writeFileSync(main, 'console.log("not this program");');
    const native =
      readdirSync(cache, { recursive: true })
        .map(String)
        .find(path => path.endsWith('.node')) ?? '';
    appendFileSync(join(cache, native), 'x');
    expect(run()).toMatchObject({ status: first.status, stdout: first.stdout, stderr: first.stderr });
    expect(readFileSync(main, 'utf8')).toBe(text);
  });

  it('a folder for its files that others can write to is not used', ({ runAlone, directory }) => {
    const shared = join(directory, 'shared');
    mkdirSync(shared);
    chmodSync(shared, 0o777);
    const own = join(directory, 'tmp');
    mkdirSync(own, { mode: 0o700 });
    const help = runAlone(['--help'], { XDG_CACHE_HOME: shared, HOME: '', TMPDIR: own });
    expect(help.status).toBe(0);
    expect(readdirSync(own)).toEqual([expect.stringMatching(/^stakewise-operator-/)]);
    const nowhere = runAlone(['--help'], { XDG_CACHE_HOME: shared, HOME: '', TMPDIR: shared });
    expect(nowhere.stderr).toContain('can be written by other users (mode 777)');
    expect(nowhere.stderr).toContain('Set XDG_CACHE_HOME');
    expect(nowhere.status).toBe(1);
  });

  it('a link on the way to the folder for its files is followed once, so that it cannot lead elsewhere later', ({
    runAlone,
    directory,
  }) => {
    const own = join(directory, 'own');
    mkdirSync(own, { mode: 0o700 });
    const link = join(directory, 'link');
    symlinkSync(own, link);
    const help = runAlone(['--help'], { XDG_CACHE_HOME: link, NODE_DEBUG: 'esm' });
    expect(help.status).toBe(0);
    expect(help.stderr).toContain(`${own}/stakewise-operator/`);
    expect(help.stderr).not.toContain(`${link}/`);
  });

  it('a folder for its files that another user has made is not used', ({ directory }) => {
    chmodSync(directory, 0o755);
    const foreign = join(directory, 'foreign');
    mkdirSync(foreign, { mode: 0o755 });
    chownSync(foreign, 1234, 1234);
    // The checkout is given to the other user at another place.
    const [program, ...words] = asUser(4321, [
      'env',
      '-i',
      `XDG_CACHE_HOME=${foreign}`,
      `TMPDIR=${foreign}`,
      BINARY,
      '--help',
    ]);
    const run = spawnSync(program, words, { encoding: 'utf8' });
    expect(run.stderr).toContain(foreign);
    expect(run.status).toBe(1);
  });
});

describe('--env-file of the single executable', () => {
  const start = (directory: string, line: string) =>
    spawnSync('bash', ['-c', `"$BINARY" ${line}`], {
      env: { HOME: directory, PATH: '/usr/bin:/bin', BINARY },
      encoding: 'utf8',
    });

  it('a pipe of variables counts where Node is told to leave it alone, and nobody goes on without it where Node is not', ({
    directory,
  }) => {
    const pipe = '--env-file <(echo REMOTE_DB_SCHEMA=of_pipe)';
    const read = start(directory, `--node-options=-- remote-db grants --json ${pipe}`);
    expect(JSON.parse(read.stdout || read.stderr)).toMatchObject({ schema: 'of_pipe' });
    const lost = start(directory, `remote-db grants --json ${pipe}`);
    expect(lost.stderr).toContain('operator --node-options=-- start');
    expect(lost.status).toBe(2);
  });

  it('a file counts as in a clone; of one that is not there Node speaks first, unless it is told to leave it alone', ({
    directory,
  }) => {
    const file = join(directory, 'variables');
    writeFileSync(file, 'REMOTE_DB_SCHEMA=of_file\nLOG_FORMAT=neither\n', { mode: 0o600 });
    const grants = start(directory, `remote-db grants --log-format plain --json --env-file ${file}`);
    expect(JSON.parse(grants.stdout || grants.stderr)).toMatchObject({ schema: 'of_file' });
    // It begins again as the same process, and is refused by what stands in the file.
    expect(start(directory, `start --env-file ${file}`).stderr).toContain('neither');
    const missing = `remote-db grants --env-file ${directory}/missing`;
    expect(start(directory, missing).status).toBe(9);
    const refused = start(directory, `--node-options=-- ${missing}`);
    expect(refused.stderr).toContain(
      `Invalid value for '--env-file': File '${directory}/missing' does not exist.`,
    );
    expect(refused.status).toBe(2);
  });
});

/** Resident memory of a process, in MB, when it has stopped to change: it collects a while after its start. */
async function settledMb(operator: OperatorProcess): Promise<number> {
  const readings: number[] = [];
  await waitUntil(
    'the memory to settle',
    async () => {
      await new Promise(resolve => setTimeout(resolve, 1_000));
      const [, kilobytes] =
        /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${operator.pid}/status`, 'latin1')) ?? [];
      readings.push(Number(kilobytes) / 1024);
      const last = readings.slice(-8);
      return last.length === 8 && Math.max(...last) - Math.min(...last) < 1.5;
    },
    { lastSeen: () => readings.join(' ') },
  );
  return Math.min(...readings.slice(-8));
}

describe('start from the single executable', () => {
  it('start has the flags of V8 that it has in a clone, and takes as much memory, within a twentieth', async () => {
    await using scene = await startOperatorScene({ validators: 4 });
    // Of a file that was written a moment ago the kernel maps far larger pieces than of one that it has read: 20 MB of Node's own
    // code, which all processes of that file share.
    execFileSync('sync', [BINARY]);
    execFileSync('dd', [`if=${BINARY}`, 'iflag=nocache', 'count=0'], { stdio: 'ignore' });
    const memory: Record<string, number> = {};
    for (const program of ['operator', BINARY]) {
      const dataDir = scene.writeDataDir(program === BINARY ? 'binary' : 'clone');
      const args = scene.args.map(word => (word === scene.dataDir ? dataDir : word));
      const port = String(await freePort());
      await using operator = startOperatorProcess([...args, '--health-port', port], { program });
      await operator.printed('Started operator service');
      if (program === BINARY) {
        // The embedded database and the signer's process run from the file, too.
        const children = readFileSync(`/proc/${operator.pid}/task/${operator.pid}/children`, 'latin1')
          .trim()
          .split(' ')
          .map(pid => readFileSync(`/proc/${pid}/comm`, 'latin1').trim());
        // The kernel keeps 15 letters of a name.
        expect(children).toContain('stakewise-signe');
        const words = readFileSync(`/proc/${operator.pid}/exe`).subarray(0, 4);
        expect(words.toString('latin1')).toBe('\x7fELF');
      }
      memory[program] = await settledMb(operator);
      expect((await operator.stop()).exitCode).toBe(0);
    }
    const [clone = 0, binary = 0] = Object.values(memory);
    console.log(`start takes ${binary.toFixed(0)} MB, and ${clone.toFixed(0)} MB in a clone`);
    expect(binary, JSON.stringify(memory)).toBeLessThanOrEqual(clone * 1.05);
  });
});
