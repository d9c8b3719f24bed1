import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Directory of this package, where `templates/` and `package.json` lie: the sources and their compiled form in `dist`
 * are at different depths below it.
 * @throws Error when the installation is broken (a bug, not a user's mistake)
 */
export function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error('package.json of this program not found');
    directory = parent;
  }
  return directory;
}
