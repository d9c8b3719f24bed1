import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect } from 'vitest';
import { visibleFilesOf } from '../../../src/lib/visible-files.ts';
import { it } from '../../support/fixtures.ts';
import { mountSecret } from '../../support/scenes/secret-volume.ts';

const listed = (directory: string) =>
  Array.from(visibleFilesOf(directory), path => relative(directory, path)).sort();

describe('visibleFilesOf', () => {
  it('visibleFilesOf gives each file of a Kubernetes volume once, also of one with folders', ({
    directory,
  }) => {
    const volume = join(directory, 'volume');
    mountSecret(volume, { 'a.json': '1', 'b.json': '2', 'below/c.json': '3' });
    expect(listed(volume)).toEqual(['a.json', 'b.json', 'below/c.json']);
  });

  it('visibleFilesOf passes over what editors and file managers leave, and folders of theirs and of file systems', ({
    directory,
  }) => {
    mkdirSync(join(directory, 'below', '.git'), { recursive: true });
    mkdirSync(join(directory, 'lost+found'));
    for (const name of ['a', '.a.swp', '._a', 'below/b', 'below/.b', 'below/.git/c', 'lost+found/d'])
      writeFileSync(join(directory, name), '');
    expect(listed(directory)).toEqual(['a', 'below/b']);
  });

  it('visibleFilesOf goes through a folder once, whatever links lead to it, and gives links that lead nowhere', ({
    directory,
  }) => {
    mkdirSync(join(directory, 'one'));
    writeFileSync(join(directory, 'one', 'a'), '');
    symlinkSync('one', join(directory, 'two'));
    symlinkSync('..', join(directory, 'one', 'up'));
    symlinkSync('gone', join(directory, 'dangling'));
    expect(listed(directory)).toEqual(['dangling', 'one/a']);
    renameSync(join(directory, 'one'), join(directory, 'three'));
    expect(listed(directory)).toEqual(['dangling', 'three/a', 'two']);
  });
});
