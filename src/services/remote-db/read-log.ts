import { z } from 'zod';
import { listAuditEntries, type Since, type StoredAuditEntry } from '../../db/audit-log.ts';
import type { Session } from '../../db/database.ts';
import { findLease, type LeaseState } from '../../db/leases.ts';
import { foreignText } from '../../lib/foreign-text.ts';
import { timeText } from '../../lib/time-text.ts';
import { type VaultRef, vaultContext } from './vault-ref.ts';

/** A change of the vault's rows as a user sees it: its texts are fit to print, whoever wrote them. */
export interface LogEntry {
  readonly id: number;
  /** When it was written, by the database's clock. */
  readonly writtenAt: string;
  /** What the writer says of itself: user and host. */
  readonly actor: string;
  readonly command: string;
  /** How much of what the change was; undefined where the entry has something else there. */
  readonly rows: readonly { readonly kind: string; readonly count: number }[] | undefined;
  /** The role whose rights were used, and the one that logged in: both filled by the database. */
  readonly databaseRole: string;
  readonly loginRole: string | undefined;
}

/** Who acts for the vault. */
export interface LeaseSummary {
  readonly holder: string;
  readonly epoch: number;
  readonly expiresAt: string;
  readonly held: boolean;
}

export interface VaultLog {
  /** The newest first. */
  readonly entries: readonly LogEntry[];
  /** Whether there are earlier ones that were not asked for. */
  readonly more: boolean;
  readonly lease: LeaseSummary | undefined;
}

const COUNTS = z.record(z.string(), z.int().min(0));

/** Reads the latest entries of a vault's audit log, and who holds the lease. The vault itself may be gone. */
export async function readLog(
  database: Session,
  ref: VaultRef,
  { since, limit }: { readonly since: Since | undefined; readonly limit: number },
): Promise<VaultLog> {
  const scope = vaultContext(ref);
  const place = { network: ref.network.name, vault: scope.vault };
  const rows = await listAuditEntries(database, place, { since, limit: limit + 1 });
  const lease = await findLease(database, scope);
  return {
    entries: rows.slice(0, limit).map(summarize),
    more: rows.length > limit,
    lease: lease && summarizeLease(lease),
  };
}

/** What {@link logRow} has, for people. */
export const LOG_HEADINGS = ['ID', 'WRITTEN', 'COMMAND', 'ACTOR', 'ROLE', 'ROWS'] as const;

/** An entry as a row of a table. */
export function logRow(entry: LogEntry): string[] {
  const { id, writtenAt, command, actor } = entry;
  return [String(id), timeText(writtenAt), command, actor, roleOf(entry), rowsOf(entry)];
}

/** An entry in one line. */
export function describeLogEntry(entry: LogEntry): string {
  const { id, writtenAt, command, actor } = entry;
  const rows = rowsOf(entry);
  return [String(id), writtenAt, command, actor, roleOf(entry), ...(rows === '' ? [] : [rows])].join('  ');
}

/** Who holds the lease, as a sentence. */
export function describeLease(lease: LeaseSummary | undefined): string {
  if (lease === undefined) return 'No operator has ever held the lease of this vault.';
  const { holder, epoch, expiresAt, held } = lease;
  if (held)
    return `${holder} holds the lease until ${expiresAt}, unless it renews it (taken ${epoch} times).`;
  return `Nobody holds the lease: that of ${holder} ended at ${expiresAt} (taken ${epoch} times).`;
}

function roleOf({ databaseRole, loginRole }: LogEntry): string {
  return loginRole === undefined || loginRole === databaseRole
    ? databaseRole
    : `${databaseRole} (${loginRole})`;
}

function rowsOf({ rows }: LogEntry): string {
  if (rows === undefined) return 'counts that this program has not written';
  return rows.map(({ kind, count }) => `${kind} ${count}`).join(', ');
}

function summarize(row: StoredAuditEntry): LogEntry {
  const counts = COUNTS.safeParse(row.counts);
  return {
    id: Number(row.auditId),
    writtenAt: row.at.toISOString(),
    actor: foreignText(row.actor),
    command: foreignText(row.command),
    rows: counts.success
      ? Object.entries(counts.data).map(([kind, count]) => ({ kind: foreignText(kind), count }))
      : undefined,
    databaseRole: foreignText(row.databaseRole),
    loginRole: row.loginRole === null ? undefined : foreignText(row.loginRole),
  };
}

/** A lease, fit to print. */
export function summarizeLease({ holder, epoch, expiresAt, isHeld }: LeaseState): LeaseSummary {
  return {
    holder: foreignText(holder),
    epoch: Number(epoch),
    expiresAt: expiresAt.toISOString(),
    held: isHeld,
  };
}
