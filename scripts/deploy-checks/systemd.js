// deploy/systemd, as systemd reads it. Its command lines are run by test/cli/systemd.test.ts.
import { chmodSync, cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inFolder, root } from './tools.js';

const UNITS = join(root, 'deploy/systemd');
/** "Exposure" as systemd-analyze counts it: 0 is nothing, 10 is everything. */
const MOST_EXPOSED = 2;

const units = () => readdirSync(UNITS).filter(name => name.endsWith('.service'));

export const systemdSteps = [
  {
    name: 'systemd-verify',
    run: ({ tools }) =>
      inFolder(folder => {
        // It looks whether what is started is there.
        const system = join(folder, 'etc/systemd/system');
        mkdirSync(system, { recursive: true });
        cpSync(UNITS, system, { recursive: true });
        const operator = join(folder, 'operator');
        writeFileSync(operator, '#!/bin/sh\n');
        chmodSync(operator, 0o755);
        const files = units().map(name => join(system, name));
        tools.run('sed', ['-i', `s#/usr/local/bin/operator#${operator}#`, ...files]);
        // It ends with 0 after warnings, too: nothing may be said.
        const { status, stdout, stderr } = tools.attempt('systemd-analyze', ['verify', '--man=no', ...files]);
        if (status !== 0 || stdout + stderr !== '') throw new Error(stdout + stderr);
      }),
  },
  {
    name: 'systemd-security',
    run: ({ tools }) => {
      for (const name of units()) {
        const said = tools.run('systemd-analyze', ['security', '--offline=true', join(UNITS, name)]);
        const exposure = Number(/Overall exposure level.*: ([\d.]+)/.exec(said)?.[1]);
        if (!(exposure <= MOST_EXPOSED))
          throw new Error(`${name}: ${exposure} is more than ${MOST_EXPOSED}\n${said}`);
      }
    },
  },
];
