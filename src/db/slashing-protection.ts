import { sql } from 'kysely';
import { ExternalError, OperatorError } from '../lib/errors.ts';
import { PUBLIC_KEY_LENGTH } from '../lib/lengths.ts';
import { RecordTable } from '../lib/record-table.ts';
import { type Database, inSnapshot, type Session } from './database.ts';

/**
 * Validators that Web3Signer's slashing protection database calls disabled: blocks and attestations of theirs are refused by
 * every signer that uses it. Reads only, by a transaction that could not write.
 *
 * Source: Web3Signer, `migrations/postgresql`: table `validators (id, public_key bytea, enabled boolean)`, the last column
 * since database_version 10. Its tables stand in whichever schema its role's search path began with.
 * @throws OperatorError 'slashing-db-other' when there are no such tables; ExternalError 'db-permission-denied' and others
 */
export async function listDisabledValidators(database: Database): Promise<RecordTable> {
  return await inSnapshot(database, async session => {
    const schemas = await findSchemas(session);
    if (schemas.length === 0) throw notSlashingProtection();
    const disabled = new RecordTable(PUBLIC_KEY_LENGTH);
    for (const schema of schemas) {
      for (const publicKey of await readDisabled(session, schema))
        if (publicKey.length === PUBLIC_KEY_LENGTH) disabled.add(publicKey);
    }
    return disabled;
  });
}

/**
 * Genesis validators roots that the signers have told the database, 32 bytes each; one in each of its schemas, none before a signer
 * has used it. Source: Web3Signer, table `metadata (id, genesis_validators_root bytea)`.
 */
export async function readSlashingRoots(database: Database): Promise<Uint8Array[]> {
  const roots: Uint8Array[] = [];
  for (const schema of await findSchemas(database)) {
    const { rows } = await sql<{ root: Uint8Array | null }>`
      select genesis_validators_root as root from ${sql.id(schema, 'metadata')}`.execute(database.db);
    for (const { root } of rows) if (root !== null) roots.push(root);
  }
  return roots;
}

/** How many machines use the database now, this connection aside; those that the role may not see do not count. */
export async function countSlashingClients({ db }: Session): Promise<number> {
  const { rows } = await sql<{ clients: number }>`
    select count(distinct host(client_addr))::int as clients from pg_catalog.pg_stat_activity
    where datname = pg_catalog.current_database() and pid <> pg_catalog.pg_backend_pid() and client_addr is not null`.execute(
    db,
  );
  return rows[0]?.clients ?? 0;
}

/** Schemas with Web3Signer's tables. The catalogue is everybody's to read; what a role may read of the tables, they tell. */
async function findSchemas({ db }: Session): Promise<string[]> {
  const { rows } = await sql<{ schema: string }>`
    select n.nspname as schema
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relname = 'validators' and c.relkind in ('r', 'p')
      and exists (select from pg_catalog.pg_attribute a
                  where a.attrelid = c.oid and a.attname = 'enabled' and a.atttypid = 'boolean'::regtype and not a.attisdropped)
      and exists (select from pg_catalog.pg_attribute a
                  where a.attrelid = c.oid and a.attname = 'public_key' and a.atttypid = 'bytea'::regtype and not a.attisdropped)
      and exists (select from pg_catalog.pg_class v where v.relnamespace = n.oid and v.relname = 'database_version')
    order by n.nspname`.execute(db);
  return rows.map(({ schema }) => schema);
}

async function readDisabled({ db }: Session, schema: string): Promise<Uint8Array[]> {
  try {
    const { rows } = await sql<{ publicKey: Uint8Array }>`
      select public_key as "publicKey" from ${sql.id(schema, 'validators')}
      where not enabled order by public_key`.execute(db);
    return rows.map(({ publicKey }) => publicKey);
  } catch (error) {
    if (!(error instanceof ExternalError) || error.code !== 'db-permission-denied') throw error;
    // The hint of this program's own tables does not fit.
    const hint = `Let its role read them: GRANT USAGE ON SCHEMA ${schema} and GRANT SELECT ON ${schema}.validators.`;
    throw new ExternalError(error.code, error.message, { hint, cause: error });
  }
}

function notSlashingProtection(): OperatorError {
  return new OperatorError(
    'slashing-db-other',
    'The database of --slashing-db-url has no slashing protection of Web3Signer: a table "validators" with a column "enabled" is missing.',
    {
      hint: 'Give the database of Web3Signer’s --slashing-protection-db-url; its schema has that column since version 10.',
    },
  );
}
