import { spawnSync } from 'node:child_process';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT_ROOT, temporaryDirectory } from '../support/programs/cli.ts';

const SCHEMAS = join(PROJECT_ROOT, 'docs/schemas');

describe('npm run schemas', () => {
  it('the check of docs/schemas passes what is there, and names what is stale, missing or too many', () => {
    using directory = temporaryDirectory();
    const folder = join(directory.path, 'schemas');
    cpSync(SCHEMAS, folder, { recursive: true });
    const run = (...words: string[]) => {
      const script = ['scripts/result-schemas.js', ...words];
      const { status, stderr } = spawnSync(process.execPath, script, { cwd: PROJECT_ROOT, encoding: 'utf8' });
      return { status, stderr };
    };
    expect(run('--check')).toEqual({ status: 0, stderr: '' });
    writeFileSync(join(folder, 'init.json'), '{}');
    writeFileSync(join(folder, 'other.json'), '{}');
    rmSync(join(folder, 'error.json'));
    expect(run('--check', folder)).toEqual({
      status: 1,
      stderr: 'docs/schemas is stale (error.json, init.json, other.json): run "npm run schemas".\n',
    });
    expect(run(folder)).toEqual({ status: 0, stderr: '' });
    expect(run('--check', folder)).toEqual({ status: 0, stderr: '' });
  });
});
