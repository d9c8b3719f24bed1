import { type Kysely, sql } from 'kysely';

/** Oldest version of this program that can work with a database on which this step has run. */
export const oldestProgram = '1.0.0';

/**
 * Keys of validators that have exited for good, and how far they have been taken out: 1 of the signers' files, 2 of the validator
 * clients' files as well, 3 of the operator's files as well. The rows alone decide nothing: the vault's statement names their digest.
 * The sealed rows of these keys stay.
 *
 * A row goes with its keypair, also when a program that does not know it removes that one.
 */
export async function up(db: Kysely<unknown>, schema: string): Promise<void> {
  const table = (name: string) => sql.id(schema, name);
  await sql`create table ${table('retired_keys')} (
    vault_id integer not null,
    public_key bytea not null check (octet_length(public_key) = 48),
    stage smallint not null check (stage between 1 and 3),
    primary key (vault_id, public_key),
    foreign key (vault_id, public_key) references ${table('keypairs')} on delete cascade
  )`.execute(db);
}
