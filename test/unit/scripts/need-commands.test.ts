import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { it } from '../../support/fixtures.ts';

const SCRIPT = join(import.meta.dirname, '../../../scripts/need-commands.sh');

function need(path: string, ...needs: readonly string[]) {
  return spawnSync('/bin/sh', [SCRIPT, ...needs], { env: { PATH: path }, encoding: 'utf8' });
}

it('what a check needs of the machine and cannot be had is named, with its package, and nothing is passed over', ({
  directory,
}) => {
  expect(need('/usr/bin:/bin', 'sh:dash=0.5*')).toMatchObject({ status: 0, stderr: '' });
  // Nothing is on this path, nor is apt-get.
  const without = need(directory, 'sh:dash=0.5*', 'ip:iproute2=1:6.*');
  expect(without.stderr).toBe(
    'This machine lacks sh ip. They come from Debian 12: dash=0.5* iproute2=1:6.*.\n',
  );
  expect(without.status).toBe(1);
});
