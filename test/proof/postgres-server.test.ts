import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runSql } from '../support/postgres/postgres.ts';
import { PROJECT_ROOT } from '../support/programs/cli.ts';
import { firstLineOf } from '../support/programs/first-line.ts';
import { waitUntil } from '../support/wait-until.ts';

it('startPostgresServer has its Postgres end, and its files go, when the process that started it is killed', async () => {
  const server = join(PROJECT_ROOT, 'test/support/postgres/postgres-server.ts');
  const program = `
    import { startPostgresServer } from ${JSON.stringify(server)};
    console.log((await startPostgresServer()).url);
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = (await firstLineOf(child)).trim();
  const [row] = await runSql(url, `select current_setting('data_directory') as directory`);
  const directory = String(row?.directory);
  child.kill('SIGKILL');
  await once(child, 'close');
  await waitUntil(`${directory} to be gone`, () => !existsSync(directory), { everyMs: 100 });
  expect(existsSync(directory)).toBe(false);
  await expect(runSql(url, 'select 1')).rejects.toThrow('ECONNREFUSED');
});
