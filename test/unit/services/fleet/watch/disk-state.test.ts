import { chmodSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { DiskState } from '../../../../../src/services/fleet/watch/disk-state.ts';
import { it } from '../../../../support/fixtures.ts';

describe('the state of a directory', () => {
  it('every change of a file, by whatever call, makes another state, and looking makes none', async ({
    directory,
  }) => {
    const folder = join(directory, 'files');
    const disk = new DiskState(folder, () => 0);
    const states: string[] = [];
    const note = async () => {
      states.push(await disk.readNow());
    };
    await note();
    expect(states).toEqual(['missing']);
    mkdirSync(folder);
    const one = join(folder, 'one');
    const changes: (() => void)[] = [
      () => undefined,
      () => writeFileSync(one, 'a'),
      () => writeFileSync(one, 'ab'),
      () => chmodSync(one, 0o600),
      () => writeFileSync(join(folder, 'other'), 'xy'),
      () => renameSync(join(folder, 'other'), one),
      () => utimesSync(one, 1, 1),
      () => rmSync(one),
      () => rmSync(folder, { recursive: true }),
    ];
    for (const change of changes) {
      change();
      await note();
    }
    // Emptied it is as it was when it was empty, and gone as it was before it was there.
    expect(new Set(states).size).toBe(states.length - 2);
    expect(await disk.readNow()).toBe('missing');
  });

  it('a directory is looked at again after five seconds only, unless it is asked for as it is now', async ({
    directory,
  }) => {
    let now = 0;
    const disk = new DiskState(directory, () => now);
    const first = await disk.read();
    writeFileSync(join(directory, 'new'), 'a');
    now = 4_999;
    expect(await disk.read()).toBe(first);
    now = 5_000;
    const second = await disk.read();
    expect(second).not.toBe(first);
    writeFileSync(join(directory, 'newer'), 'a');
    expect(await disk.readNow()).not.toBe(second);
  });

  it('a directory that takes long to look at is looked at so much more rarely', async ({ directory }) => {
    let now = 0;
    // Each look takes a second of this clock.
    const disk = new DiskState(directory, () => {
      now += 500;
      return now;
    });
    const first = await disk.read();
    writeFileSync(join(directory, 'new'), 'a');
    now = 60_000;
    expect(await disk.read()).toBe(first);
    now = 200_000;
    expect(await disk.read()).not.toBe(first);
  });
});
