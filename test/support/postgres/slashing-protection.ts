import { runSql } from './postgres.ts';

/**
 * The tables of Web3Signer's slashing protection that say which validators it knows, as its migrations leave them at the
 * version given: `validators` since the first one, `metadata` since 3, `database_version` since 7, `enabled` since 10.
 */
export async function createSlashingProtection(
  url: string,
  { version = 12, schema = 'public' }: { readonly version?: number; readonly schema?: string } = {},
): Promise<void> {
  const statements = [
    `create schema if not exists ${schema}`,
    `create table ${schema}.validators (id serial primary key, public_key bytea not null unique)`,
    `create table ${schema}.metadata (id integer primary key check (id = 1), genesis_validators_root bytea not null)`,
    `create table ${schema}.database_version (id integer primary key, version integer not null)`,
    `insert into ${schema}.database_version values (1, ${version})`,
    `create table ${schema}.signed_attestations (
       validator_id integer references ${schema}.validators (id), source_epoch bigint not null,
       target_epoch bigint not null, signing_root bytea)`,
  ];
  if (version >= 10)
    statements.push(`alter table ${schema}.validators add enabled boolean not null default true`);
  for (const statement of statements) await runSql(url, statement);
}

/** Validators as a signer registers them when it loads their keys, and then disables those that are gone at a reload. */
export async function registerValidators(
  url: string,
  {
    enabled,
    disabled,
    schema = 'public',
  }: {
    readonly enabled: readonly Uint8Array[];
    readonly disabled: readonly Uint8Array[];
    readonly schema?: string;
  },
): Promise<void> {
  for (const key of [...enabled, ...disabled])
    await runSql(url, `insert into ${schema}.validators (public_key) values ($1)`, [Buffer.from(key)]);
  for (const key of disabled)
    await runSql(url, `update ${schema}.validators set enabled = false where public_key = $1`, [
      Buffer.from(key),
    ]);
}
