import { type Kysely, sql } from 'kysely';

/** Oldest version of this program that can work with a database on which this step has run. */
export const oldestProgram = '1.0.0';

/**
 * What the last upload has proven of what it made current, under a MAC of the encryption key: rows that were opened and deposit
 * data whose signatures were verified need not be proven again while they are byte for byte the same.
 *
 * It goes with the vault, also when a program that does not know it removes that one.
 */
export async function up(db: Kysely<unknown>, schema: string): Promise<void> {
  const table = (name: string) => sql.id(schema, name);
  await sql`create table ${table('upload_proofs')} (
    vault_id integer primary key references ${table('vaults')} on delete cascade,
    rows_digest bytea not null check (octet_length(rows_digest) = 32),
    document_digest bytea not null check (octet_length(document_digest) = 32),
    mac bytea not null check (octet_length(mac) = 32),
    updated_at timestamptz not null default clock_timestamp()
  )`.execute(db);
}
