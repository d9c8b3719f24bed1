import type pg from 'pg';
import { UsageError } from '../lib/errors.ts';

const TARGETS = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const;

/** Which of several servers is wanted, in libpq's words (`target_session_attrs`). */
export type TargetSession = (typeof TARGETS)[number];
/** What one server is asked for; `prefer-standby` asks all for a standby, and takes any if there is none. */
export type WantedSession = Exclude<TargetSession, 'prefer-standby'>;

/** @throws UsageError 'invalid-db-url' */
export function readTargetSession(text: string | undefined): TargetSession {
  const target = TARGETS.find(known => known === (text ?? 'any'));
  if (target !== undefined) return target;
  throw new UsageError('invalid-db-url', `Invalid target_session_attrs "${text}" in the database URL.`, {
    hint: `It is one of ${TARGETS.join(', ')}.`,
  });
}

/** What the servers are asked for, one round after another. */
export function roundsOf(target: TargetSession): readonly WantedSession[] {
  return target === 'prefer-standby' ? ['standby', 'any'] : [target];
}

/** Both are known to every server since Postgres 9, and to what stands in front of one. */
const STATE_OF_SESSION = `select pg_catalog.pg_is_in_recovery() as standby,
  pg_catalog.current_setting('transaction_read_only') = 'on' as read_only`;

/**
 * Asks a server that was just reached whether it is one of those that are wanted.
 * @throws WrongSessionError
 */
export async function requireSession(client: pg.ClientBase, wanted: WantedSession): Promise<void> {
  if (wanted === 'any') return;
  const { rows } = await client.query<{ standby: boolean; read_only: boolean }>(STATE_OF_SESSION);
  const { standby = false, read_only: readOnly = false } = rows[0] ?? {};
  const isReadOnly = standby || readOnly;
  if (wanted === 'read-write' && isReadOnly) throw new WrongSessionError('session is read-only');
  if (wanted === 'read-only' && !isReadOnly) throw new WrongSessionError('session is not read-only');
  if (wanted === 'primary' && standby) throw new WrongSessionError('server is in hot standby mode');
  if (wanted === 'standby' && !standby) throw new WrongSessionError('server is not in hot standby mode');
}

/** A server was reached and is not one of those that are wanted. The words are libpq's. */
class WrongSessionError extends Error {
  /** Its place in the table of errors of connections. */
  readonly code = 'WRONG_SESSION';
}
