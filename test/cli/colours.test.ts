import { spawnSync } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { it } from '../support/fixtures.ts';
import { PROJECT_ROOT, runCli, runOnTerminal } from '../support/programs/cli.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const MNEMONIC =
  'okay session silver direct slot fun meat life cargo fall muffin convince discover together apart token ten suffer science sponsor fruit abandon cause diamond';
const ESCAPE = '\u001b';
const RED = `${ESCAPE}[31mError: ${ESCAPE}[39m`;
const YELLOW = `${ESCAPE}[33mWarning: ${ESCAPE}[39m`;
const GREEN = `${ESCAPE}[32mDone. Generated 1 keys for ${VAULT} vault.${ESCAPE}[39m`;
const HEADING = `${ESCAPE}[1mUSAGE${ESCAPE}[22m`;

/** Makes one key, and warns of the mnemonic in the command line. */
function createKey(directory: string): string[] {
  const own = join(directory, VAULT.toLowerCase());
  mkdirSync(own, { recursive: true });
  const recorded = 'test/vectors/v3-operator/01-create-keys/holesky/0-after-init/config.json';
  writeFileSync(join(own, 'config.json'), readFileSync(join(PROJECT_ROOT, recorded)));
  const args = ['create-keys', '--data-dir', directory, '--vault', VAULT, '--count', '1', '--kdf', 'pbkdf2'];
  return [...args, '--mnemonic', MNEMONIC];
}

const NO_VAULT = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';
const noSuchVault = (directory: string) => [
  'get-validators-root',
  '--data-dir',
  directory,
  '--vault',
  NO_VAULT,
];

describe('colours', () => {
  it('a terminal shows errors red, warnings yellow, success green and headings of help bold', async ({
    directory,
  }) => {
    expect((await runOnTerminal(noSuchVault(directory), [])).screen).toContain(RED);
    const { screen } = await runOnTerminal(createKey(directory), []);
    expect(screen).toContain(YELLOW);
    expect(screen).toContain(GREEN);
    expect((await runOnTerminal(['init', '--help'], [])).screen).toContain(HEADING);
  });

  it('a terminal shows no colour with NO_COLOR', async ({ directory }) => {
    const env = { NO_COLOR: '1' };
    const screens = [
      await runOnTerminal(noSuchVault(directory), [], { env }),
      await runOnTerminal(createKey(directory), [], { env }),
      await runOnTerminal(['init', '--help'], [], { env }),
    ];
    // Bars hide and show the cursor; colours and weights end with an "m".
    for (const { screen } of screens)
      expect(screen.split(ESCAPE).filter(part => /^\[\d*m/.test(part))).toEqual([]);
  });

  it('files and pipes get no colour, unless FORCE_COLOR asks for it', async ({ directory }) => {
    const plain = await runCli(createKey(directory));
    expect(plain.stdout + plain.stderr).not.toContain(ESCAPE);
    const env = { FORCE_COLOR: '1' };
    const forced = await runCli(createKey(directory), { env });
    expect(forced.stdout).toContain(GREEN);
    expect(forced.stderr).toContain(YELLOW);
    expect((await runCli(noSuchVault(directory), { env })).stderr).toContain(RED);
  });

  it('documents of --json have no colour, also with FORCE_COLOR', async ({ directory }) => {
    const { stdout } = await runCli([...createKey(directory), '--json'], { env: { FORCE_COLOR: '1' } });
    expect(JSON.parse(stdout)).toMatchObject({ vault: VAULT });
  });
});

describe('a stdout that takes nothing', () => {
  const run = (args: readonly string[], stdout: number | 'pipe') =>
    spawnSync(join(PROJECT_ROOT, 'operator'), args, {
      env: { PATH: process.env.PATH, HOME: tmpdir() },
      stdio: ['ignore', stdout, 'pipe'],
      encoding: 'utf8',
    });

  it('a full disk behind stdout is told in one line, with an exit code of failure', () => {
    const full = openSync('/dev/full', 'w');
    for (const args of [['--version'], ['init', '--help'], ['remote-db', 'grants']]) {
      const { stderr, status } = run(args, full);
      expect(stderr).toMatch(/^(Next: .*\n)?Error: The results cannot be written to stdout: ENOSPC\.\n$/);
      expect(status).toBe(1);
    }
  });

  it('a reader of stdout that has ended is told in one line', () => {
    const command = `'${join(PROJECT_ROOT, 'operator')}' remote-db grants | true; exit "\${PIPESTATUS[0]}"`;
    const { stderr, status } = spawnSync('bash', ['-c', command], {
      env: { PATH: process.env.PATH, HOME: tmpdir() },
      encoding: 'utf8',
    });
    expect(stderr).toMatch(/^Next: .*\nError: The results cannot be written to stdout: EPIPE\.\n$/);
    expect(status).toBe(1);
  });
});
