// --env-file, as scripts, units and people at a shell use it.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { it } from '../support/fixtures.ts';
import { type CliOptions, PROJECT_ROOT, runCli } from '../support/programs/cli.ts';
import { startOperatorProcess } from '../support/programs/operator-process.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';

function write(directory: string, name: string, text: string | Uint8Array, mode = 0o600): string {
  const path = join(directory, name);
  writeFileSync(path, text, { mode });
  return path;
}

/** The schema that "remote-db grants" takes, which needs no database. */
async function schemaOf(args: readonly string[], options: CliOptions = {}): Promise<unknown> {
  const run = await runCli(['remote-db', 'grants', '--json', ...args], options);
  expect(run.exitCode, run.stderr).toBe(0);
  return JSON.parse(run.stdout).schema;
}

describe('--env-file', () => {
  it('a variable of the file counts where neither the command line nor the environment has it', async ({
    directory,
  }) => {
    const file = write(directory, 'env', '# for tests\nREMOTE_DB_SCHEMA="of_file"\nNOBODY_KNOWS_IT=1\n');
    expect(await schemaOf(['--env-file', file])).toBe('of_file');
    expect(await schemaOf([`--env-file=${file}`])).toBe('of_file');
    const env = { REMOTE_DB_SCHEMA: 'of_environment' };
    expect(await schemaOf(['--env-file', file], { env })).toBe('of_environment');
    expect(await schemaOf(['--env-file', file], { env: { REMOTE_DB_SCHEMA: '' } })).toBe('of_file');
    expect(await schemaOf(['--env-file', file, '--db-schema', 'of_line'], { env })).toBe('of_line');
  });

  it('the last file that has a variable counts, and an empty variable is none', async ({ directory }) => {
    const files = ['REMOTE_DB_SCHEMA=first\n', 'REMOTE_DB_SCHEMA=second\r\n', 'REMOTE_DB_SCHEMA=\n'].map(
      (text, index) => `--env-file=${write(directory, `env${index}`, text)}`,
    );
    expect(await schemaOf(files)).toBe('second');
  });

  it('it stands anywhere, before the command and before the command of a group, too', async ({
    directory,
  }) => {
    const file = write(directory, 'env', 'REMOTE_DB_SCHEMA=of_file\n');
    for (const words of [
      ['--env-file', file, 'remote-db', 'grants'],
      ['remote-db', '--env-file', file, 'grants'],
    ]) {
      const run = await runCli(words);
      expect(run.stdout, run.stderr).toContain('"of_file"');
    }
  });

  it('a file that is not there, is no file, is no text, or is not named is refused with exit code 2', async ({
    directory,
  }) => {
    const missing = join(directory, 'missing');
    const binary = write(directory, 'binary', Uint8Array.of(0x41, 0x3d, 0xff, 0xfe, 0xfd));
    mkdirSync(join(directory, 'folder'));
    const cases = [
      [['--env-file', missing], `Invalid value for '--env-file': File '${missing}' does not exist.`],
      [
        ['--env-file', join(directory, 'folder')],
        `Invalid value for '--env-file': File '${join(directory, 'folder')}' is a directory.`,
      ],
      [['--env-file', binary], `Invalid value for '--env-file': ${binary} is not UTF-8 text.`],
      [['--env-file'], "Option '--env-file' requires an argument."],
    ] as const;
    for (const command of [['remote-db', 'grants'], ['start'], ['create-keys']]) {
      for (const [words, message] of cases) {
        const run = await runCli([...command, ...words]);
        expect(run.stderr).toContain(`Usage: operator ${command.join(' ')} [OPTIONS]\n`);
        expect(run.stderr).toContain(`Error: ${message}\n`);
        expect(run.stdout).toBe('');
        expect(run.exitCode).toBe(2);
      }
    }
    expect((await runCli(['start', '--env-file', missing, '--help'])).exitCode).toBe(0);
  });

  it('a file with a secret that others can read is warned of, once, and no other one', async ({
    directory,
  }) => {
    const secret =
      'REMOTE_DB_URL=postgresql://operator:pass@127.0.0.1:1/db\nREMOTE_DB_ENCRYPT_KEY=' +
      `${'1'.repeat(64)}\nNETWORK=hoodi\nVAULT=${VAULT}\n`;
    const open = write(directory, 'open', secret, 0o644);
    const closed = write(directory, 'closed', secret, 0o600);
    const warning = `Warning: ${open} can be read by other users (mode 0644); chmod 600 keeps it private.`;
    const run = await runCli(['remote-db', 'verify', '--env-file', open]);
    expect(run.stderr.split('\n').filter(line => line === warning)).toHaveLength(1);
    expect(run.stderr).toContain('port 1 failed: Connection refused');
    expect((await runCli(['remote-db', 'verify', '--env-file', closed])).stderr).not.toContain('Warning');
    const harmless = write(directory, 'harmless', 'REMOTE_DB_SCHEMA=of_file\n', 0o644);
    const grants = await runCli(['remote-db', 'grants', '--env-file', harmless]);
    expect(grants.stderr).not.toContain('Warning');
  });

  it('.env.example is such a file: nothing in it is refused', async ({ directory }) => {
    const example = readFileSync(join(PROJECT_ROOT, '.env.example'), 'utf8');
    const file = write(directory, '.env', example);
    const run = await runCli(['start', '--env-file', file]);
    expect(run.stderr).toContain(
      "Error: Missing options '--vault', '--consensus-endpoints', '--execution-endpoints'.",
    );
    const filled = write(directory, 'filled', example.replace('VAULT=\n', `VAULT=${VAULT}\n`));
    const grants = await runCli(['remote-db', 'grants', '--env-file', filled]);
    expect(grants.exitCode, grants.stderr).toBe(0);
  });

  it.for(['start', 'create-keys'])(
    'a pipe is read once also by "%s", which begins again as the same process',
    command => {
      // A value that is refused shows that the variables have come through.
      const script = `./operator ${command} --env-file <(echo LOG_FORMAT=neither)`;
      const run = spawnSync('bash', ['-c', script], { cwd: PROJECT_ROOT, encoding: 'utf8' });
      expect(run.stderr).toContain(
        "Invalid value for '--log-format': 'neither' is not one of 'plain', 'json'.",
      );
      expect(run.status).toBe(2);
    },
  );

  it('secrets of a file do not come into the environment that the kernel shows of "start"', async ({
    directory,
  }) => {
    const file = write(
      directory,
      'env',
      `VAULT=${VAULT}\nNETWORK=hoodi\nREMOTE_DB_URL=postgresql://operator:in_file@127.0.0.1:1/db\n` +
        'EXECUTION_ENDPOINTS=http://127.0.0.1:1\nCONSENSUS_ENDPOINTS=http://127.0.0.1:1\n' +
        'REMOTE_SIGNER_URL=http://127.0.0.1:1\n',
    );
    await using operator = startOperatorProcess(['--env-file', file], {
      env: { HASHI_VAULT_TOKEN: 'in_environment', HOME: directory },
    });
    await operator.printed('Connection refused');
    const shown = execFileSync('cat', [`/proc/${operator.pid}/environ`], { encoding: 'utf8' });
    expect(shown).toContain('in_environment');
    expect(shown).not.toContain('in_file');
    expect((await operator.stop()).exitCode).toBe(0);
  });
});
