import { accessSync, constants, lstatSync } from 'node:fs';
import { dirname } from 'node:path';

/** The user and the group that a file belongs to. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/** The way to another user's files: containers run as the user of their image, and volumes belong to somebody of the host. */
export function runAsHint({ uid, gid }: FileOwner): string {
  return `Run the command as that user (a container: with --user ${uid}:${gid}), or give the directory with all its files to this one (chown -R).`;
}

/**
 * Another user whose file or directory keeps this one out: that of the path, or else of the nearest directory above it.
 * @returns undefined when that is this user's own, or open to it
 */
export function blockingOwner(path: string, action: 'read' | 'write'): FileOwner | undefined {
  const owner = nearestOwner(path);
  if (owner === undefined || owner.uid === process.geteuid?.()) return undefined;
  return isOpen(owner.path, action) ? undefined : { uid: owner.uid, gid: owner.gid };
}

function nearestOwner(path: string): (FileOwner & { readonly path: string }) | undefined {
  try {
    const { uid, gid } = lstatSync(path);
    return { uid, gid, path };
  } catch {
    // It is missing, or lies in a directory that cannot be entered.
    const above = dirname(path);
    return above === path ? undefined : nearestOwner(above);
  }
}

function isOpen(path: string, action: 'read' | 'write'): boolean {
  try {
    accessSync(path, action === 'read' ? constants.R_OK : constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
