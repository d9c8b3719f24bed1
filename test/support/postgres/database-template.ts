import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import {
  copyDatabase,
  createTestDatabase,
  databaseUrl,
  dropDatabase,
  type TestDatabase,
} from './postgres.ts';

export interface DatabaseTemplate extends AsyncDisposable {
  /** A database of its own with what the template holds; a copy of files, so it costs little. */
  clone(): Promise<TestDatabase>;
}

/**
 * A database that tests take copies of instead of filling one each.
 * @param fill - given the URL of a migrated database; must have closed its connections when it ends
 */
export async function createDatabaseTemplate(
  fill: (url: string) => Promise<void>,
): Promise<DatabaseTemplate> {
  const template = await createTestDatabase();
  const server = inject('postgres').url;
  try {
    await fill(template.url);
  } catch (error) {
    await template[Symbol.asyncDispose]();
    throw error;
  }
  return {
    clone: async () => {
      const name = `${template.name}_${randomBytes(4).toString('hex')}`;
      await copyDatabase(server, name, template.name);
      return {
        url: databaseUrl(server, name),
        name,
        [Symbol.asyncDispose]: () => dropDatabase(server, name),
      };
    },
    [Symbol.asyncDispose]: () => template[Symbol.asyncDispose](),
  };
}
