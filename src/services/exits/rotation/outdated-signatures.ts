import type { HttpDeps } from '../../../clients/http.ts';
import { fetchSignaturesStatus } from '../../../clients/oracle.ts';
import type { Oracle } from '../../../domain/protocol/oracle-config.ts';
import {
  findOutdatedSignatures,
  type OutdatedSignatures,
  type SignaturesStatus,
} from '../../../domain/protocol/signature-rotation.ts';
import { messageOf } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';

export interface FetchOutdatedSignaturesDeps {
  readonly http: HttpDeps;
  /** Number of the last finalized block; asked for only where it matters. */
  readonly fetchFinalizedBlock: () => Promise<number>;
  readonly log: Pick<Logger, 'debug'>;
}

export interface FetchOutdatedSignaturesOptions {
  /** Checksummed. */
  readonly vault: string;
  readonly oracles: readonly Oracle[];
  /** The keeper's `validatorsMinOracles`. */
  readonly threshold: number;
  /** Block of the vault's last ExitSignaturesUpdated event; null when there was none. */
  readonly lastUpdateBlock: number | null;
  /** Time limit of one oracle, all its replicas together. */
  readonly oracleTimeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Asks all oracles whose exit signatures are outdated. Ends when as many have told as an approval takes: the others need
 * not be waited for.
 */
export async function fetchOutdatedSignatures(
  { http, fetchFinalizedBlock, log }: FetchOutdatedSignaturesDeps,
  options: FetchOutdatedSignaturesOptions,
): Promise<OutdatedSignatures> {
  const { lastUpdateBlock, threshold, oracles, vault, signal } = options;
  const finalizedBlock = lastUpdateBlock === null ? 0 : await fetchFinalizedBlock();
  const statuses: SignaturesStatus[] = [];
  const find = () => findOutdatedSignatures({ lastUpdateBlock, finalizedBlock, threshold, statuses });
  if (lastUpdateBlock !== null && lastUpdateBlock > finalizedBlock) return find();
  const end = new AbortController();
  const call = { timeoutMs: options.oracleTimeoutMs, signal: AbortSignal.any([signal, end.signal]) };
  const known = Promise.withResolvers<OutdatedSignatures>();
  const answers = oracles.map(async oracle => {
    try {
      statuses.push(await fetchSignaturesStatus(http, oracle, vault, call));
      const now = find();
      if (now.kind === 'known') known.resolve(now);
    } catch (error) {
      if (call.signal.aborted) return;
      log.debug({ oracle: oracle.address }, `No status of exit signatures: ${messageOf(error)}`);
    }
  });
  try {
    const found = await Promise.race([known.promise, Promise.all(answers).then(find)]);
    signal.throwIfAborted();
    return found;
  } finally {
    end.abort();
  }
}
