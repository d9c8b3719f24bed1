import { type Kysely, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { MIGRATIONS } from '../../migrations/index.ts';
import { OperatorError } from '../lib/errors.ts';
import { foreignText } from '../lib/foreign-text.ts';
import { type Database, type Session, tableOf } from './database.ts';

/** One step of the schema that has run. */
export interface SchemaStep {
  readonly name: string;
  readonly oldestProgram: string;
}

/** A frozen file of `migrations/`. */
export interface Migration {
  readonly oldestProgram: string;
  readonly up: (db: Kysely<unknown>, schema: string) => Promise<void>;
}

export interface MigrationOptions {
  /** Version of this program, `major.minor.patch`. */
  readonly programVersion: string;
  /** Default: those of this program. Tests bring their own. */
  readonly migrations?: Readonly<Record<string, Migration>> | undefined;
}

/**
 * Brings the schema up to this program, all steps in one transaction, forward only. Two processes may do it at once: one
 * waits for the other (an advisory lock of the database) and finds nothing left to do.
 * @returns the names of the steps that ran now
 * @throws OperatorError 'program-too-old' before anything is changed; ExternalError db-permission-denied, db-read-only, …
 */
export async function migrateDatabase(database: Database, options: MigrationOptions): Promise<string[]> {
  const migrations = options.migrations ?? MIGRATIONS;
  const before = (await listSchemaSteps(database)) ?? [];
  refuseOldProgram(before, database, options.programVersion);
  // A newer program has been here and still lets this one work: the steps that it lacks are none of its business.
  if (Object.keys(migrations).every(name => before.some(step => step.name === name))) return [];
  const migrator = new Migrator({
    db: database.db,
    provider: { getMigrations: async () => withRecords(database, migrations) },
    migrationTableSchema: database.schema,
    migrationTableName: 'schema_migrations',
    migrationLockTableName: 'schema_migrations_lock',
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
  return (results ?? []).filter(result => result.status === 'Success').map(result => result.migrationName);
}

/** The names of all steps, which {@link migrateDatabase} runs on a database that has none. */
export function listMigrations(): string[] {
  return Object.keys(MIGRATIONS);
}

/** The names of the steps that {@link migrateDatabase} would run. Changes nothing. @throws OperatorError 'program-too-old' */
export async function listPendingMigrations(database: Session, options: MigrationOptions): Promise<string[]> {
  const steps = (await listSchemaSteps(database)) ?? [];
  refuseOldProgram(steps, database, options.programVersion);
  return missingSteps(steps, options);
}

/**
 * Checks that this program and the schema fit. Changes nothing.
 * @throws OperatorError 'db-schema-missing', 'db-schema-too-old', 'program-too-old'
 */
export async function checkSchema(database: Session, options: MigrationOptions): Promise<void> {
  const steps = await listSchemaSteps(database);
  if (steps === undefined || steps.length === 0) throw schemaMissing(database);
  refuseOldProgram(steps, database, options.programVersion);
  const missing = missingSteps(steps, options);
  if (missing.length > 0) throw schemaTooOld(database, missing);
}

function missingSteps(steps: readonly SchemaStep[], { migrations = MIGRATIONS }: MigrationOptions): string[] {
  return Object.keys(migrations).filter(name => !steps.some(step => step.name === name));
}

/** The steps that have run, in order; undefined when the schema is not there. */
export async function listSchemaSteps(database: Session): Promise<SchemaStep[] | undefined> {
  const name = `"${database.schema.replaceAll('"', '""')}".schema_steps`;
  const { rows } = await sql<{ exists: boolean }>`select to_regclass(${name}) is not null as exists`.execute(
    database.db,
  );
  if (rows[0]?.exists !== true) return undefined;
  return database.db
    .selectFrom('schema_steps')
    .select(['name', 'oldest_program as oldestProgram'])
    .orderBy('name')
    .execute();
}

// Kysely's own table has no place for the oldest program, so each step is recorded beside it, in its transaction.
function withRecords(database: Database, migrations: Readonly<Record<string, Migration>>) {
  return Object.fromEntries(
    Object.entries(migrations).map(([name, migration]) => [
      name,
      {
        async up(db: Kysely<unknown>) {
          await migration.up(db, database.schema);
          await sql`insert into ${tableOf(database, 'schema_steps')} (name, oldest_program)
            values (${name}, ${migration.oldestProgram})`.execute(db);
        },
      },
    ]),
  );
}

function refuseOldProgram(steps: readonly SchemaStep[], database: Session, programVersion: string): void {
  const demanding = steps.find(step => compareVersions(step.oldestProgram, programVersion) > 0);
  if (demanding === undefined) return;
  throw new OperatorError(
    'program-too-old',
    `The database schema "${database.schema}" needs version ${foreignText(demanding.oldestProgram)} of this program or newer ` +
      `(step ${demanding.name}); this is ${programVersion}.`,
    { hint: 'Install the newer version; nothing was changed.' },
  );
}

/** Order of two versions `major.minor.patch`; what follows a hyphen is left aside. */
function compareVersions(a: string, b: string): number {
  const numbers = (version: string) => (version.split('-')[0] ?? '').split('.').map(Number);
  const left = numbers(a);
  const right = numbers(b);
  for (let index = 0; index < 3; index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function schemaMissing(database: Session): OperatorError {
  return new OperatorError(
    'db-schema-missing',
    `The database has no tables of this program in schema "${database.schema}".`,
    { hint: 'Run "remote-db setup", or correct --db-url or --db-schema.' },
  );
}

function schemaTooOld(database: Session, missing: readonly string[]): OperatorError {
  return new OperatorError(
    'db-schema-too-old',
    `The database schema "${database.schema}" is older than this program: ${missing.join(', ')} not applied.`,
    { hint: 'Run "remote-db migrate".' },
  );
}
