import { readFile, realpath } from 'node:fs/promises';

/** What this process sees mounted, one mount a line: proc(5). */
const MOUNTS = '/proc/self/mountinfo';

/** Whether a path lies on a mount that was made read-only for this process. False where that cannot be known. */
export async function isOnReadOnlyMount(path: string): Promise<boolean> {
  try {
    // The kernel's own text, in which every byte beyond ASCII stands as it is.
    const [real, table] = await Promise.all([realpath(path), readFile(MOUNTS, 'latin1')]);
    return mountOptions(table, Buffer.from(real).toString('latin1')).includes('ro');
  } catch {
    return false;
  }
}

/** Options of the mount that a path without links lies on: the deepest one, and of several there the last. */
export function mountOptions(table: string, path: string): string[] {
  let found = { length: -1, options: '' };
  for (const line of table.split('\n')) {
    const [, , , , place = '', options = ''] = line.split(' ');
    const mount = place.replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8)));
    const isAbove = mount !== '' && (path === mount || path.startsWith(mount === '/' ? '/' : `${mount}/`));
    if (isAbove && mount.length >= found.length) found = { length: mount.length, options };
  }
  return found.options.split(',');
}
