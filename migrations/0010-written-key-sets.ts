import { type Kysely, sql } from 'kysely';

/** Oldest version of this program that can work with a database on which this step has run. */
export const oldestProgram = '1.0.0';

/**
 * The keys that the files of each validator client were written with last, and where: what tells files that are outdated from those
 * that are not, wherever they lie. No row of it decides anything: it is read by people.
 *
 * It goes with the vault, also when a program that does not know it removes that one.
 */
export async function up(db: Kysely<unknown>, schema: string): Promise<void> {
  const table = (name: string) => sql.id(schema, name);
  await sql`create table ${table('written_key_sets')} (
    vault_id integer not null references ${table('vaults')} on delete cascade,
    client_index integer not null check (client_index >= 0),
    total_clients integer not null check (total_clients > client_index),
    key_count integer not null check (key_count >= 0),
    digest bytea not null check (octet_length(digest) = 32),
    manifest_counter bigint not null check (manifest_counter >= 0),
    host text not null check (length(host) between 1 and 255),
    written_at timestamptz not null default clock_timestamp(),
    primary key (vault_id, client_index)
  )`.execute(db);
}
