import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * A secret or a ConfigMap as a kubelet mounts it: the files in a hidden folder with a date, `..data` that links to it, and a link
 * in the place of every file or folder.
 * @param files - contents by path
 */
export function mountSecret(directory: string, files: Readonly<Record<string, string>>): void {
  const hidden = '..2026_11_30_12_00_00.123456789';
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(directory, hidden, dirname(path)), { recursive: true });
    writeFileSync(join(directory, hidden, path), content, { mode: 0o640 });
  }
  symlinkSync(hidden, join(directory, '..data'));
  const names = new Set(Object.keys(files).map(path => path.split('/')[0] ?? path));
  for (const name of names) symlinkSync(join('..data', name), join(directory, name));
}
