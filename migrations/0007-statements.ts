import { type Kysely, sql } from 'kysely';

/** Oldest version of this program that can work with a database on which this step has run. */
export const oldestProgram = '1.0.0';

/**
 * What proves a vault's facts to whoever has only the vault's public key: an Ed25519 key, sealed as the data key beside it
 * is, and one signed statement over the validators, the plan of clients, the deposit data and the operator's facts.
 *
 * Both go with what they belong to, also when a program that does not know them removes it: a signing key with the data key
 * that it was made with, the statement with the signing key.
 */
export async function up(db: Kysely<unknown>, schema: string): Promise<void> {
  const table = (name: string) => sql.id(schema, name);
  await sql`create table ${table('signing_keys')} (
    vault_id integer primary key,
    data_key_id integer not null,
    verifying_key bytea not null check (octet_length(verifying_key) = 32),
    nonce bytea not null check (octet_length(nonce) = 12),
    ciphertext bytea not null check (octet_length(ciphertext) = 48),
    created_at timestamptz not null default clock_timestamp(),
    foreign key (vault_id, data_key_id) references ${table('data_keys')} on delete cascade
  )`.execute(db);
  await sql`create table ${table('statements')} (
    vault_id integer primary key references ${table('signing_keys')} on delete cascade,
    body bytea not null check (octet_length(body) between 1 and 1024),
    signature bytea not null check (octet_length(signature) = 64),
    updated_at timestamptz not null default clock_timestamp()
  )`.execute(db);
}
