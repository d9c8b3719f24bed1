import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** `pglite:PATH` of an embedded database that does not exist yet, removed when it is disposed. */
export async function createPgliteUrl(): Promise<{ url: string; path: string } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), 'stakewise-pglite-'));
  const path = join(directory, 'db');
  const remove = () => rm(directory, { recursive: true, force: true });
  return { url: `pglite:${path}`, path, [Symbol.asyncDispose]: remove };
}
