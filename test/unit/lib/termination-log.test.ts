import { execFileSync } from 'node:child_process';
import { chownSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, vi } from 'vitest';
import { writeTerminationLog } from '../../../src/lib/termination-log.ts';
import { it } from '../../support/fixtures.ts';

let stderr: string;
beforeEach(() => {
  stderr = '';
  vi.spyOn(process.stderr, 'write').mockImplementation(text => {
    stderr += String(text);
    return true;
  });
});
afterEach(() => void vi.restoreAllMocks());

describe('the termination log', () => {
  it('writeTerminationLog makes its file, and appends to it', ({ directory }) => {
    const path = join(directory, 'log');
    writeTerminationLog(path, 'first');
    writeTerminationLog(path, 'second');
    expect(readFileSync(path, 'utf8')).toBe('first\nsecond\n');
    expect(stderr).toBe('');
  });

  it('writeTerminationLog follows a link in a directory of this user, as /dev/stderr is one of root', ({
    directory,
  }) => {
    symlinkSync(join(directory, 'target'), join(directory, 'log'));
    writeTerminationLog(join(directory, 'log'), 'why');
    expect(readFileSync(join(directory, 'target'), 'utf8')).toBe('why\n');
    expect(stderr).toBe('');
  });

  it.runIf(process.getuid?.() === 0)(
    'writeTerminationLog follows no link that others could have put there',
    ({ directory }) => {
      const theirs = join(directory, 'theirs');
      const target = join(directory, 'passwd');
      mkdirSync(theirs);
      chownSync(theirs, 1000, 1000);
      writeFileSync(target, 'root');
      symlinkSync(target, join(theirs, 'log'));
      writeTerminationLog(join(theirs, 'log'), 'why');
      expect(readFileSync(target, 'utf8')).toBe('root');
      expect(stderr).toMatch(/^Warning: cannot write .*theirs\/log: ELOOP/);
    },
  );

  it('writeTerminationLog neither writes to a second name of a file nor waits for a pipe that nobody reads', ({
    directory,
  }) => {
    writeFileSync(join(directory, 'file'), 'content');
    linkSync(join(directory, 'file'), join(directory, 'second'));
    writeTerminationLog(join(directory, 'second'), 'why');
    expect(readFileSync(join(directory, 'file'), 'utf8')).toBe('content');
    expect(stderr).toContain('it has another name as well');
    execFileSync('mkfifo', [join(directory, 'pipe')]);
    writeTerminationLog(join(directory, 'pipe'), 'why');
    expect(stderr).toMatch(/pipe: ENXIO/);
  });
});
