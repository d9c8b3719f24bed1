import { type RawBuilder, sql } from 'kysely';
import type { Session } from './database.ts';

/** One change, for people who ask later. Never holds a secret. */
export interface AuditEntry {
  /** Who ran it, as far as the program can tell: user and host of the process. */
  readonly actor: string;
  /** The command, for example `remote-db upload-keypairs`. */
  readonly command: string;
  readonly network: string;
  /** 20 bytes. */
  readonly vault: Uint8Array;
  readonly counts: Readonly<Record<string, number>>;
}

/** An entry as the table has it: texts and counts are whatever a writer has put there. */
export interface StoredAuditEntry extends Omit<AuditEntry, 'counts'> {
  readonly counts: unknown;
  readonly auditId: bigint;
  /** The database's clock. */
  readonly at: Date;
  /** The role whose rights were used, and below it the one that logged in: both filled by the database. */
  readonly databaseRole: string;
  readonly loginRole: string | null;
}

/** Adds an entry. The database refuses to change or remove one later. */
export async function appendAuditEntry({ db }: Session, entry: AuditEntry): Promise<void> {
  const { actor, command, network, vault, counts } = entry;
  await db
    .insertInto('audit_log')
    .values({ actor, command, network, vault, counts: JSON.stringify(counts) })
    .execute();
}

/** A moment, or a time before now by the database's clock, which is the one that entries have. */
export type Since = { readonly at: Date } | { readonly msAgo: number };

/**
 * The latest entries about a vault, the newest first. It need not be in the database any more: the log outlives it.
 * @param limit - how many at most
 */
export async function listAuditEntries(
  { db }: Session,
  { network, vault }: { readonly network: string; readonly vault: Uint8Array },
  { since, limit }: { readonly since?: Since | undefined; readonly limit: number },
): Promise<StoredAuditEntry[]> {
  const rows = await db
    .selectFrom('audit_log')
    .selectAll()
    .where('network', '=', network)
    .where('vault', '=', vault)
    .$if(since !== undefined, query => query.where('at', '>=', beginOf(since ?? { msAgo: 0 })))
    .orderBy('audit_id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ audit_id, database_role, login_role, ...row }) => ({
    ...row,
    auditId: audit_id,
    databaseRole: database_role,
    loginRole: login_role,
  }));
}

function beginOf(since: Since): RawBuilder<Date> {
  if ('at' in since) return sql<Date>`${since.at.toISOString()}::timestamptz`;
  return sql<Date>`clock_timestamp() - ${since.msAgo}::float8 * interval '1 millisecond'`;
}
