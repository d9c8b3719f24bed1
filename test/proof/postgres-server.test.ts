import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runSql } from '../support/postgres/postgres.ts';
import { PROJECT_ROOT } from '../support/programs/cli.ts';
import { firstLineOf } from '../support/programs/first-line.ts';
import { waitUntil } from '../support/wait-until.ts';

describe.each([true, false])('startPostgresServer with inMemory: %s', inMemory => {
  it('startPostgresServer has its Postgres end, and its files go, when the process that started it is killed', async () => {
    const server = join(PROJECT_ROOT, 'test/support/postgres/postgres-server.ts');
    const program = `
    import { startPostgresServer } from ${JSON.stringify(server)};
    console.log((await startPostgresServer({ inMemory: ${inMemory} })).url);
    setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      env: { PATH: process.env.PATH },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const url = (await firstLineOf(child)).trim();
    const [row] = await runSql(
      url,
      `select current_setting('data_directory') as data, current_setting('unix_socket_directories') as area`,
    );
    const directories = [dirname(String(row?.data)), String(row?.area)];
    expect(directories.map(existsSync)).toEqual([true, true]);
    child.kill('SIGKILL');
    await once(child, 'close');
    const isGone = () => !directories.some(directory => existsSync(directory));
    await waitUntil(`${directories.join(' and ')} to be gone`, isGone, { everyMs: 100 });
    await expect(runSql(url, 'select 1')).rejects.toThrow('ECONNREFUSED');
  });
});
