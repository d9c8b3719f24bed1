import { type Kysely, sql } from 'kysely';

/** Oldest version of this program that can work with a database on which this step has run. */
export const oldestProgram = '1.0.0';

/** The tables whose rows tell of every change of what is written into files. */
const TABLES = ['vaults', 'assignment_plans', 'statements'] as const;

/**
 * Whoever follows a vault is told when it has changed, and looks at once instead of at its next look: a notification on the channel
 * `stakewise_vault_changed` with the vault's number, and nothing else.
 *
 * The triggers are of statements: one that changes a whole fleet tells once. What they tell is heard at the commit. The function takes
 * the vaults from the rows of its statement, which every trigger calls `changed`, so that it serves any table with a `vault_id`. It has
 * a search path of its own, since it runs with the writer's settings.
 */
export async function up(db: Kysely<unknown>, schema: string): Promise<void> {
  const table = (name: string) => sql.id(schema, name);
  await sql`create function ${table('notify_vault_changed')}() returns trigger language plpgsql
    set search_path = pg_catalog, pg_temp as $$
    declare changed_vault integer;
    begin
      for changed_vault in select distinct c.vault_id from changed c loop
        perform pg_catalog.pg_notify('stakewise_vault_changed', changed_vault::text);
      end loop;
      return null;
    end $$`.execute(db);
  for (const name of TABLES) {
    // Rows of a statement have a name in triggers of one event only.
    for (const [event, rows] of [
      ['insert', 'new'],
      ['update', 'new'],
      ['delete', 'old'],
    ] as const) {
      await sql`create trigger ${sql.id(`${name}_${event}_notified`)} after ${sql.raw(event)} on ${table(name)}
        referencing ${sql.raw(rows)} table as changed
        for each statement execute function ${table('notify_vault_changed')}()`.execute(db);
    }
  }
}
