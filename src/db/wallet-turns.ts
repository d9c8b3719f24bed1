import { sql } from 'kysely';
import { type Session, tableOf } from './database.ts';
import { heldLease, type LeaseRef } from './leases.ts';

/** A nonce of a wallet that several vaults may have. */
export interface WalletNonce {
  /** 20 bytes. */
  readonly wallet: Uint8Array;
  readonly nonce: bigint;
}

/**
 * Takes the turn to send a wallet's next transaction, if the lease is held: it is one vault's until the chain has gone on
 * to another nonce. A vault that has it may take it again, which tells the others that it is still at work.
 * @param options.force - also from another vault, which has had it for too long
 * @returns undefined when it is this vault's; else since when it is another one's
 */
export async function takeTurn(
  session: Session,
  lease: LeaseRef,
  { wallet, nonce, force = false }: WalletNonce & { readonly force?: boolean | undefined },
): Promise<Date | undefined> {
  const turns = tableOf(session, 'wallet_turns');
  const { rows } = await sql`
    with held as ${heldLease(session, lease)}
    insert into ${turns} as t (chain_id, wallet, vault, nonce, taken_at)
    select ${lease.chainId}::bigint, ${wallet}::bytea, ${lease.vault}::bytea, ${nonce}::bigint, clock_timestamp()
    from held
    on conflict (chain_id, wallet) do update
      set vault = excluded.vault, nonce = excluded.nonce, taken_at = excluded.taken_at
      where t.vault = excluded.vault or t.nonce < excluded.nonce or ${force}::boolean
    returning 1`.execute(session.db);
  if (rows.length > 0) return undefined;
  const row = await session.db
    .selectFrom('wallet_turns')
    .select(['vault', 'taken_at'])
    .where('chain_id', '=', BigInt(lease.chainId))
    .where('wallet', '=', wallet)
    .where('vault', '<>', lease.vault)
    .executeTakeFirst();
  return row?.taken_at;
}
