import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pgliteTemplate } from './pglite-template.ts';

/**
 * `pglite:PATH` of an embedded database, removed when it is disposed.
 * @param options.migrated - whether it exists and has the tables; otherwise it does not exist yet
 */
export async function createPgliteUrl({
  migrated = false,
}: {
  readonly migrated?: boolean | undefined;
} = {}): Promise<{ url: string; path: string } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), 'stakewise-pglite-'));
  const path = join(directory, 'db');
  if (migrated) (await pgliteTemplate()).copyTo(path);
  const remove = () => rm(directory, { recursive: true, force: true });
  return { url: `pglite:${path}`, path, [Symbol.asyncDispose]: remove };
}
