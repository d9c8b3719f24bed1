import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Directory of this package, where `templates/` and `package.json` lie: the sources and the chunks in `dist` are at
 * different depths below it.
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

/**
 * File of a part that is started by itself, a thread or a child process.
 * @param name - its path in `src`, without ending: .ts where the source runs, else .js in `dist`
 */
export function startedFile(name: string): string {
  const isSource = import.meta.url.endsWith('.ts');
  return join(packageRoot(), isSource ? `src/${name}.ts` : `dist/src/${name}.js`);
}
