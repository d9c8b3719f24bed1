import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';

export interface Reader {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Whether a process of another user can read a file: asked of the kernel when the tests run as root, as in containers,
 * else told from modes and owners of the file and of the directories up to `below`.
 */
export function canRead(path: string, reader: Reader, below: string): boolean {
  if (process.getuid?.() === 0) return spawnSync('cat', [path], { ...reader, stdio: 'ignore' }).status === 0;
  let directory = dirname(path);
  while (directory.length >= below.length) {
    if (!hasBit(directory, reader, 0o1)) return false;
    directory = dirname(directory);
  }
  return hasBit(path, reader, 0o4);
}

function hasBit(path: string, { uid, gid }: Reader, bit: number): boolean {
  const stats = statSync(path);
  if (stats.uid === uid) return (stats.mode & (bit << 6)) !== 0;
  return (stats.mode & (stats.gid === gid ? bit << 3 : bit)) !== 0;
}
