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

export interface StoredAuditEntry extends AuditEntry {
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

/** Every entry about a vault, oldest first. */
export async function listAuditEntries(
  { db }: Session,
  { network, vault }: { network: string; vault: Uint8Array },
): Promise<StoredAuditEntry[]> {
  const rows = await db
    .selectFrom('audit_log')
    .selectAll()
    .where('network', '=', network)
    .where('vault', '=', vault)
    .orderBy('audit_id')
    .execute();
  return rows.map(({ audit_id, database_role, login_role, ...row }) => ({
    ...row,
    auditId: audit_id,
    databaseRole: database_role,
    loginRole: login_role,
  }));
}
