// The comparison of two revisions, in a small repository whose benches print what they are told.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect } from 'vitest';
import { it } from '../../support/fixtures.ts';
import { PROJECT_ROOT } from '../../support/programs/cli.ts';
import { waitUntil } from '../../support/wait-until.ts';

const CHILD = join(PROJECT_ROOT, 'test/support/programs/compare-child.ts');

/** A bench that prints a cost and writes down that it ran; `wait` goes on until it is told to end. */
const MAIN = `
import { appendFileSync, readFileSync } from 'node:fs';
const names = NAMES;
const name = process.argv[2];
if (!names.includes(name)) {
  console.error('No such bench: ' + name + '. There are: ' + names.join(', ') + '.');
  process.exit(2);
}
const [seconds] = readFileSync('dist', 'utf8').split(' ');
appendFileSync(process.env.BENCH_RUNS, name + ' ' + seconds + '\\n');
if (name === 'fail') process.exit(1);
if (name === 'wait') await new Promise(resolve => setTimeout(resolve, 60_000));
console.log(name + ': TITLE');
console.log('  cost     ' + seconds + ' s | ' + 2 * seconds + ' s CPU | 50 MB   (load average 1.00)');
process.exit(3);
`;

interface Repository {
  readonly root: string;
  readonly runsFile: string;
  commit(seconds: string, names: readonly string[], title?: string): void;
}

/** The last commit is the checkout. */
function createRepository(directory: string): Repository {
  const root = join(directory, 'repository');
  mkdirSync(join(root, 'test/bench'), { recursive: true });
  mkdirSync(join(root, 'node_modules'));
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: root, stdio: 'pipe' });
  git('init', '--quiet');
  writeFileSync(join(root, '.gitignore'), 'node_modules\ndist\n');
  writeFileSync(join(root, 'package-lock.json'), '{}');
  return {
    root,
    runsFile: join(directory, 'runs'),
    commit(seconds, names, title = 'the same work') {
      const build = `node -e "fs.writeFileSync('dist','${seconds} ')"`;
      writeFileSync(join(root, 'package.json'), JSON.stringify({ type: 'module', scripts: { build } }));
      const main = MAIN.replace('NAMES', JSON.stringify(names)).replace('TITLE', title);
      writeFileSync(join(root, 'test/bench/main.ts'), main);
      writeFileSync(join(root, 'dist'), `${seconds} `);
      git('add', '.');
      git('commit', '--quiet', '-m', seconds);
    },
  };
}

function compare({ root, runsFile }: Repository, ...args: string[]) {
  const TMPDIR = join(root, '../temporary');
  mkdirSync(TMPDIR, { recursive: true });
  const child = spawn(process.execPath, [CHILD, root, ...args], {
    env: { PATH: process.env.PATH, HOME: TMPDIR, TMPDIR, BENCH_RUNS: runsFile },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return {
    child,
    ended: output.then(([stdout, stderr, [exitCode]]) => ({ stdout, stderr, exitCode })),
    left: () => readdirSync(TMPDIR).filter(name => name.startsWith('stakewise-compare-')),
  };
}

describe('npm run bench -- --compare', () => {
  it('a comparison runs both revisions in turn, and prints the ratio of each pair and their median', async ({
    directory,
  }) => {
    const repository = createRepository(directory);
    repository.commit('4', ['version', 'derive']);
    repository.commit('3', ['version', 'derive', 'kdf']);
    const { ended, left } = compare(repository, 'HEAD~1', '2', 'kdf', 'version');
    const { stdout, stderr, exitCode } = await ended;
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(stdout).toContain('HEAD~1 does not know kdf: left out.');
    expect(stdout).toContain(
      'version\n  cost, s       4.00 → 3.00  0.75 | 4.00 → 3.00  0.75 | median 0.75\n',
    );
    expect(stdout).toContain('  cost, CPU, s  8.00 → 6.00  0.75 |');
    expect(readFileSync(repository.runsFile, 'utf8')).toBe('version 4\nversion 3\nversion 4\nversion 3\n');
    expect(left()).toEqual([]);
  });

  it('a comparison says so when a bench measures something else by now', async ({ directory }) => {
    const repository = createRepository(directory);
    repository.commit('1', ['version'], 'ten keys');
    repository.commit('1', ['version'], 'twenty keys');
    const { stdout } = await compare(repository, 'HEAD~1', '1').ended;
    expect(stdout).toContain('Mind: they measure different things: version: ten keys / version: twenty keys');
  });

  it.for([
    ['an unknown revision', ['nonsense', '1', 'version'], 'There is no revision nonsense.'],
    ['a bench that fails', ['HEAD', '1', 'fail'], 'ended with 1'],
  ] as const)(
    'a comparison ends with an error and leaves nothing behind: %s',
    async ([, args, message], { directory }) => {
      const repository = createRepository(directory);
      repository.commit('1', ['version', 'fail']);
      const { ended, left } = compare(repository, ...args);
      const { stderr, exitCode } = await ended;
      expect(stderr).toContain(message);
      expect(exitCode).toBe(1);
      expect(left()).toEqual([]);
    },
  );

  it('a comparison ends its benches at Ctrl-C, removes what it has made, and exits as a shell expects', async ({
    directory,
  }) => {
    const repository = createRepository(directory);
    repository.commit('1', ['wait']);
    const { child, ended, left } = compare(repository, 'HEAD', '1', 'wait');
    await waitUntil('the bench to run', () => existsSync(repository.runsFile));
    expect(left()).toHaveLength(1);
    child.kill('SIGINT');
    const { stdout, exitCode } = await ended;
    expect(stdout).toContain('Interrupted by SIGINT.');
    expect(exitCode).toBe(130);
    expect(left()).toEqual([]);
  });
});
