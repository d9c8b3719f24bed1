import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const shim = join(import.meta.dirname, '..', '..', 'bin', 'python');
const run = promisify(execFile);

describe('python src/main.py', () => {
  const readWith = (argv: readonly string[], env: Record<string, string> = {}) =>
    run(shim, ['src/main.py', ...argv], { env: { PATH: process.env.PATH, ...env } });

  it('python src/main.py runs the program, silently', async () => {
    const { stdout, stderr } = await readWith(['--version']);
    expect(stdout.trim()).toMatch(/\d+\.\d+\.\d+/);
    expect(stderr).toBe('');
  });

  it.each(['./src/main.py', '/app/src/main.py'])('python %s runs the program, too', async path => {
    const { stdout } = await run(shim, [path, '--version'], { env: { PATH: process.env.PATH } });
    expect(stdout).toBe((await readWith(['--version'])).stdout);
  });

  it('python src/main.py remote-db warns of the file mode 0644 that the charts need', async () => {
    expect((await readWith(['remote-db', '--help'])).stderr).toContain('0644');
  });

  it('python src/main.py remote-db is silent when REMOTE_DB_FILE_MODE is given', async () => {
    const { stderr } = await readWith(['remote-db', '--help'], { REMOTE_DB_FILE_MODE: '0640' });
    expect(stderr).toBe('');
  });

  it.each([[['-c', 'print(1)']], [['src/other.py']], [['other-src/main.py']], [[]]])(
    'bin/python refuses the arguments %j with exit code 2',
    async args => {
      await expect(run(shim, args)).rejects.toMatchObject({
        code: 2,
        stderr: expect.stringContaining('not Python'),
      });
    },
  );
});
