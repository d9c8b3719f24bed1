import type { FileHandle } from 'node:fs/promises';

/** Numeric owner of a file, as `chown` takes it; the group stays as it is when left out. */
export interface FileOwner {
  readonly uid: number;
  readonly gid?: number | undefined;
}

/** What a written file must look like whatever the umask: permission bits, and the owner when one is asked for. */
export interface FileAttributes {
  readonly mode: number;
  readonly owner?: FileOwner | undefined;
}

interface Ownership {
  readonly uid: number;
  readonly gid: number;
}

/** Whether a file's mode is this, and its owner too when one is asked for. */
export function hasAttributes(
  stats: Ownership & { readonly mode: number },
  { mode, owner }: FileAttributes,
): boolean {
  return (stats.mode & 0o7777) === mode && ownedBy(stats, owner);
}

/** Whether a file has this owner; any has when none is asked for. */
export function ownedBy(stats: Ownership, owner: FileOwner | undefined): boolean {
  return owner === undefined || (stats.uid === owner.uid && stats.gid === (owner.gid ?? stats.gid));
}

/** Sets mode and owner where they differ. Only for what this process has made itself or proven to be its own to give. */
export async function applyAttributes(
  file: FileHandle,
  { mode, owner }: Partial<FileAttributes>,
): Promise<void> {
  const stats = await file.stat();
  if (mode !== undefined && (stats.mode & 0o7777) !== mode) await file.chmod(mode);
  if (owner && !ownedBy(stats, owner)) await file.chown(owner.uid, owner.gid ?? stats.gid);
}
