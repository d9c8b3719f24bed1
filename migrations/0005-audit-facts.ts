import { type Kysely, sql } from 'kysely';

/** Oldest version of this program that can work with a database on which this step has run. */
export const oldestProgram = '1.0.0';

/**
 * Who wrote an entry of the audit log, and when, is filled by the database alone: whatever a writer gives for it is replaced.
 *
 * `database_role` is the role whose rights were used, `login_role` the one that logged in; they differ after SET ROLE. The
 * function has a search path of its own and qualified names, since it runs with the writer's settings.
 */
export async function up(db: Kysely<unknown>, schema: string): Promise<void> {
  const table = (name: string) => sql.id(schema, name);
  for (const statement of statements(table)) await statement.execute(db);
}

function statements(table: (name: string) => ReturnType<typeof sql.id>) {
  return [
    // Null in entries from before this step.
    sql`alter table ${table('audit_log')} add column login_role text`,
    sql`create function ${table('fill_audit_facts')}() returns trigger language plpgsql
      set search_path = pg_catalog, pg_temp as $$
      begin
        new.at := pg_catalog.clock_timestamp();
        new.database_role := current_user;
        new.login_role := session_user;
        return new;
      end $$`,
    sql`create trigger audit_log_facts before insert on ${table('audit_log')}
      for each row execute function ${table('fill_audit_facts')}()`,
  ];
}
