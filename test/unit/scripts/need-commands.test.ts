import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
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

it('apt-get that may not install, or installs something else, is an error with the package, not silence', ({
  directory,
}) => {
  const put = (name: string, body: string) =>
    writeFileSync(join(directory, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  put('id', 'echo 0');
  put('apt-get', 'exit 100');
  const forbidden = need(directory, 'ip:iproute2=6.1.0-*');
  expect(forbidden.stderr).toBe("This machine lacks ip. The lists of Debian's packages cannot be had.\n");
  expect(forbidden.status).toBe(1);
  put('apt-get', '[ "$3" = update ]');
  const refused = need(directory, 'ip:iproute2=6.1.0-*');
  expect(refused.stderr).toBe('This machine lacks ip. apt-get cannot install iproute2=6.1.0-*.\n');
  expect(refused.status).toBe(1);
  put('apt-get', 'exit 0');
  const elsewhere = need(directory, 'ip:iproute2=6.1.0-*');
  expect(elsewhere.stderr).toBe(
    'This machine lacks ip. It still does after apt-get has installed iproute2=6.1.0-*: is PATH complete?\n',
  );
  expect(elsewhere.status).toBe(1);
});
