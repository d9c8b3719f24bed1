import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { openDatabase } from '../../../src/db/database.ts';
import { grantsSql, type RoleNames } from '../../../src/db/grants/grants-sql.ts';
import type { Role } from '../../../src/db/grants/table-grants.ts';
import { migrateDatabase } from '../../../src/db/migrator.ts';
import { DEFAULT_SCHEMA } from '../../../src/db/schema.ts';
import { createTestDatabase, roleUrl, runSql } from './postgres.ts';

/** A database whose tables are a role's own, with the roles of `remote-db grants` beside it. */
export interface RolesDatabase extends AsyncDisposable {
  /** The URL of a superuser, to prepare and to look. */
  readonly url: string;
  /** The URL of the role that owns the tables; it is no superuser. */
  readonly ownerUrl: string;
  readonly roles: RoleNames;
  readonly urls: Readonly<Record<Role, string>>;
  /** SQL of `remote-db grants` for these roles. */
  readonly grants: string;
}

const PASSWORD = 'planted-role-password';

/**
 * Migrates as the owner, and gives every role a login.
 * @param options.migrated - false: the tables, and what is granted on them, come later
 */
export async function createRolesDatabase(options: { migrated?: boolean } = {}): Promise<RolesDatabase> {
  const database = await createTestDatabase({ migrated: false });
  const suffix = randomBytes(4).toString('hex');
  const owner = `owner_${suffix}`;
  const nameOf = (role: Role) => `${role.replace('-', '_')}_${suffix}`;
  const roles: RoleNames = {
    uploader: nameOf('uploader'),
    'signer-sync': nameOf('signer-sync'),
    'validator-config': nameOf('validator-config'),
    operator: nameOf('operator'),
    auditor: nameOf('auditor'),
  };
  const everybody = [owner, ...Object.values(roles)];
  for (const role of everybody)
    await runSql(database.url, `create role ${role} login password '${PASSWORD}'`);
  await runSql(database.url, `grant create on database ${database.name} to ${owner}`);
  const urlOf = (role: string) => roleUrl(database.url, role, PASSWORD);
  const scene: RolesDatabase = {
    url: database.url,
    ownerUrl: urlOf(owner),
    roles,
    urls: {
      uploader: urlOf(roles.uploader),
      'signer-sync': urlOf(roles['signer-sync']),
      'validator-config': urlOf(roles['validator-config']),
      operator: urlOf(roles.operator),
      auditor: urlOf(roles.auditor),
    },
    grants: grantsSql({ schema: DEFAULT_SCHEMA, roles }),
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      for (const role of everybody) await runSql(inject('postgres').url, `drop role ${role}`);
    },
  };
  if (options.migrated === false) return scene;
  await using opened = await openDatabase({ url: scene.ownerUrl });
  await migrateDatabase(opened, { programVersion: '1.0.0' });
  await runSql(scene.ownerUrl, scene.grants);
  return scene;
}

/** One connection that tries statements and takes back whatever they do. */
export interface Attempts extends AsyncDisposable {
  /** @returns SQLSTATE of the refusal; undefined when the statement was carried out */
  attempt(text: string, values?: readonly unknown[]): Promise<string | undefined>;
}

export async function openAttempts(url: string): Promise<Attempts> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return {
    async attempt(text, values = []) {
      await client.query('begin');
      try {
        await client.query(text, [...values]);
        return undefined;
      } catch (error) {
        if (!(error instanceof pg.DatabaseError) || error.code === undefined) throw error;
        return error.code;
      } finally {
        await client.query('rollback');
      }
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}

/** Every table of the program's schema, with its columns. */
export async function listTables(url: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await runSql(
    url,
    `select c.relname as "table", array_agg(a.attname::text order by a.attnum) as columns
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
     group by c.relname`,
    [DEFAULT_SCHEMA],
  );
  return new Map(rows.map(row => [String(row.table), row.columns as string[]]));
}
