import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const shim = join(import.meta.dirname, '..', '..', 'bin', 'python');
const run = promisify(execFile);

describe('python src/main.py', () => {
  it('runs the program and warns about the file mode the charts need', async () => {
    const { stdout, stderr } = await run(shim, ['src/main.py', '--version'], {
      env: { PATH: process.env.PATH },
    });
    expect(stdout.trim()).toMatch(/\d+\.\d+\.\d+/);
    expect(stderr).toContain('0644');
  });

  it('is silent when a mode is given', async () => {
    const { stderr } = await run(shim, ['src/main.py', '--version'], {
      env: { PATH: process.env.PATH, REMOTE_DB_FILE_MODE: '0640' },
    });
    expect(stderr).toBe('');
  });

  it.each([[['-c', 'print(1)']], [['src/other.py']], [[]]])('refuses %j with exit 2', async args => {
    await expect(run(shim, args)).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('not Python'),
    });
  });
});
