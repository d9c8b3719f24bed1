import { type Dirent, readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';

const LOST_AND_FOUND = 'lost+found';

/**
 * Paths of the files of a directory and of those below it, folder by folder in the order of the names. Names that begin with a
 * dot are passed over: a volume of Kubernetes has its files in such folders and links to each of them, and editors and file
 * managers leave copies under such names. So is `lost+found`, which a file system has at its root and root alone may read. Links are followed, and each folder is gone through once, however many ways lead there.
 * @throws the error of the file system when the directory, or one below it, cannot be listed
 */
export function* visibleFilesOf(directory: string): Generator<string, void, undefined> {
  yield* filesBelow(directory, new Set());
}

function* filesBelow(directory: string, seen: Set<string>): Generator<string, void, undefined> {
  const place = realpathSync(directory);
  if (seen.has(place)) return;
  seen.add(place);
  const entries = readdirSync(directory, { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.name.startsWith('.') || entry.name === LOST_AND_FOUND) continue;
    const path = join(directory, entry.name);
    if (isFolder(entry, path)) yield* filesBelow(path, seen);
    else yield path;
  }
}

/** A link that leads nowhere is a file: whoever reads it says what is wrong. */
function isFolder(entry: Dirent, path: string): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
