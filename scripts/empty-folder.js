// An empty folder in which a package is installed, and the environment of a machine that has nothing but Node: nothing of the clone's
// node_modules may be found by accident.
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Makes the folder; whoever asks for it removes it.
 * @param variables - given its path, what is set besides
 */
export function createEmptyFolder(name, variables = () => ({})) {
  const folder = mkdtempSync(join(tmpdir(), `stakewise-${name}-`));
  const path = [
    dirname(process.execPath),
    ...(process.env.PATH ?? '').split(delimiter).filter(part => !part.startsWith(root)),
  ];
  const env = { ...process.env, PATH: path.join(delimiter), ...variables(folder) };
  // What npm hands on to its scripts, but where packages come from.
  for (const variable of Object.keys(env))
    if (/^npm_(?!config_(registry|cafile|cache)$)/i.test(variable)) delete env[variable];

  /** Runs a program there, and shows its command line. @returns what it wrote to stdout */
  function run(command, args, options = {}) {
    console.log(`$ ${command} ${args.join(' ')}`);
    return execFileSync(command, args, {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
      ...options,
    });
  }
  return { folder, run };
}
