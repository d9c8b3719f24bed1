// How the launchers reach a database: several hosts, libpq's keywords, and passwords from its file.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { it } from '../support/postgres/fixtures.ts';
import { runCli } from '../support/programs/cli.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';

function migrate(url: string, env: Readonly<Record<string, string>> = {}) {
  return runCli(['remote-db', '--vault', VAULT, '--network', 'hoodi', 'migrate'], {
    env: { ...env, REMOTE_DB_URL: url },
  });
}

/** What each form of a URL says, of a database of the test server. */
function partsOf(url: string) {
  const { username, password, hostname, port, pathname } = new URL(url);
  return {
    user: username,
    password: decodeURIComponent(password),
    host: hostname,
    port,
    name: pathname.slice(1),
  };
}

describe('a database URL of several hosts', () => {
  it.for<readonly [what: string, write: (parts: ReturnType<typeof partsOf>) => string]>([
    [
      'hosts in its authority',
      at =>
        `postgresql://${at.user}:${at.password}@127.0.0.1:1,${at.host}:${at.port}/${at.name}?target_session_attrs=read-write`,
    ],
    [
      'hosts in its query',
      at => `postgresql://${at.user}:${at.password}@/${at.name}?host=127.0.0.1,${at.host}&port=1,${at.port}`,
    ],
    [
      'keywords and values',
      at =>
        `host=127.0.0.1,${at.host} port=1,${at.port} user=${at.user} password='${at.password}' dbname=${at.name} target_session_attrs=primary`,
    ],
  ])(
    'a database URL with %s leads to the second host where nobody is at the first',
    async ([, write], { empty }) => {
      const run = await migrate(write(partsOf(empty.url)));
      expect(run.stderr).not.toMatch(/warning|deprecat/i);
      expect(run.exitCode).toBe(0);
    },
  );

  it('a password among keywords on the command line is warned of, and not printed', async () => {
    const words = ['remote-db', '--vault', VAULT, '--network', 'hoodi', '--db-url'];
    const run = await runCli([...words, 'host=127.0.0.1 port=1 password=hunter2 user=u dbname=d', 'migrate']);
    expect(run.stderr).toMatch(/^Warning: --db-url on the command line can be seen by other users/);
    expect(run.stderr).not.toContain('hunter2');
    expect(run.exitCode).toBe(1);
  });
});

describe('a password file', () => {
  it.for([
    ['PGPASSFILE', 'passwords'],
    ['HOME', '.pgpass'],
  ] as const)(
    'the password is read from the file that %s leads to, without a line',
    async ([variable, file], { directory, empty }) => {
      const at = partsOf(empty.url);
      const path = join(directory, file);
      writeFileSync(path, `# mine\n${at.host}:${at.port}:*:${at.user}:${at.password}\n`, { mode: 0o600 });
      const run = await migrate(`postgresql://${at.user}@${at.host}:${at.port}/${at.name}`, {
        HOME: directory,
        [variable]: variable === 'HOME' ? directory : path,
      });
      expect(run.stderr).not.toMatch(/warning|deprecat/i);
      expect(run.exitCode).toBe(0);
    },
  );

  it('a password file that others may read is not read, and said to be so once', async ({
    directory,
    empty,
  }) => {
    const at = partsOf(empty.url);
    const path = join(directory, '.pgpass');
    writeFileSync(path, `*:*:*:*:${at.password}\n`);
    chmodSync(path, 0o644);
    const run = await migrate(`postgresql://${at.user}@${at.host}:${at.port}/${at.name}`, {
      HOME: directory,
    });
    expect(run.stderr.match(/has group or world access/g)).toHaveLength(1);
    expect(run.stderr).toContain(
      `Details: connection to server at "${at.host}", port ${at.port} failed: fe_sendauth: no password supplied`,
    );
    expect(run.exitCode).toBe(1);
  });
});
