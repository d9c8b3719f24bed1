/** Something that is not this vault's and has had the wallet's next nonce for a while. */
export interface Rival {
  /** Tells one from another: the nonce, and since when it is another vault's. */
  readonly what: string;
  /** When this process first saw it, by its own clock. */
  readonly sinceMs: number;
}

/** What is known of the wallet's next nonce. */
export interface NonceView {
  readonly nonce: bigint;
  /** The nonce after those that wait. */
  readonly pendingNonce: bigint;
  /** Whether this vault has recorded a form under the nonce: then what waits is its own. */
  readonly isRecordedHere: boolean;
  /** The time from which on the nonce is another vault's; undefined when it is this one's. */
  readonly theirsSince: Date | undefined;
  /** This process's own clock. */
  readonly nowMs: number;
}

export type RivalStep =
  /** Nobody else has the nonce. */
  | { readonly kind: 'go'; readonly rival: undefined }
  | { readonly kind: 'wait'; readonly whose: 'another-vault' | 'stranger'; readonly rival: Rival }
  /** Takes the nonce from what has not got into a block; `force` from another vault, too. */
  | { readonly kind: 'replace'; readonly force: boolean; readonly rival: Rival };

/**
 * Says whether somebody else is to be waited for. Another vault with this wallet may have begun to send, or a transaction
 * of this wallet waits that no database of ours knows, such as one from before a database was lost: it may do the very
 * same. It is given time to get into a block; then its nonce is taken from it. Another vault that offers more for its own
 * has been at work since.
 * @param known - the rival that was decided the last time
 */
export function decideRival(
  { nonce, pendingNonce, isRecordedHere, theirsSince, nowMs }: NonceView,
  known: Rival | undefined,
  { stuckAfterMs }: { readonly stuckAfterMs: number },
): RivalStep {
  const isStrangerWaiting = !isRecordedHere && pendingNonce > nonce;
  if (theirsSince === undefined && !isStrangerWaiting) return { kind: 'go', rival: undefined };
  const what = `${nonce} ${theirsSince?.toISOString() ?? ''}`;
  const rival = known?.what === what ? known : { what, sinceMs: nowMs };
  if (nowMs - rival.sinceMs < stuckAfterMs) {
    return { kind: 'wait', whose: theirsSince === undefined ? 'stranger' : 'another-vault', rival };
  }
  return { kind: 'replace', force: theirsSince !== undefined, rival };
}
