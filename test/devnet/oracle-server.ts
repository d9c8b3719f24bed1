import { setTimeout } from 'node:timers/promises';
import { type Answer, type ReceivedRequest, startServer } from './http-server.ts';
import type { OracleKey } from './oracle-set.ts';

/** What an oracle does wrong: switches for all its replicas. */
export interface OracleFaults {
  /** Cuts every connection. */
  down?: boolean;
  /** Never answers. */
  silent?: boolean;
  /** Answers that much later. */
  slowMs?: number;
  /** Answers with this status, and no more than a complaint. */
  status?: number;
  /** Answers 200 with this text. */
  garbage?: string;
  /**
   * Signs something else than it says (`signature`) or with another oracle's key, sends bytes that are no signature, or
   * signs properly, but for another document or deadline than the others.
   */
  lies?: 'signature' | 'other-oracle' | 'no-signature' | 'ipfs-hash' | 'deadline';
  /** Says that it has read exit signatures up to this block. */
  exitSignatureBlock?: number | null;
  /** Says that these are outdated. */
  outdatedIndexes?: readonly number[];
  /** Names these validators as exiting, whichever are; an answer of this status has none; `garbage` is no list. */
  exits?: readonly number[] | { readonly status: number } | 'garbage';
}

interface OracleReplica {
  readonly url: string;
  /** The switch of this server alone. */
  isDown: boolean;
  readonly requests: readonly ReceivedRequest[];
}

export interface OracleServer extends AsyncDisposable {
  readonly key: OracleKey;
  readonly faults: OracleFaults;
  readonly replicas: readonly OracleReplica[];
  /** The requests to all replicas. */
  readonly requests: readonly ReceivedRequest[];
}

/** Starts the servers of one oracle on loopback. */
export async function startOracleServer(
  key: OracleKey,
  { replicas: count = 1, path = '' }: { readonly replicas?: number; readonly path?: string },
  answer: (server: OracleServer, request: ReceivedRequest) => Promise<Answer>,
): Promise<OracleServer> {
  await using resources = new AsyncDisposableStack();
  const requests: ReceivedRequest[] = [];
  const faults: OracleFaults = {};
  const replicas: OracleReplica[] = [];
  for (let i = 0; i < count; i++) {
    const listener = resources.use(
      await startServer(async request => {
        const replica = replicas[i];
        if (replica?.isDown || faults.down) return 'reset';
        requests.push(request);
        return await misbehave(faults, () =>
          answer(server, { ...request, path: withoutPrefix(path, request.path) }),
        );
      }),
    );
    replicas.push({ url: `${listener.url}${path}`, isDown: false, requests: listener.requests });
  }
  const owned = resources.move();
  const server: OracleServer = {
    key,
    faults,
    replicas,
    requests,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
  return server;
}

async function misbehave(
  faults: OracleFaults,
  answer: () => Promise<Answer>,
): Promise<Answer | 'reset' | 'hang'> {
  if (faults.silent) return 'hang';
  if (faults.slowMs !== undefined) await setTimeout(faults.slowMs, undefined, { ref: false });
  if (faults.status !== undefined) {
    return { status: faults.status, body: { code: faults.status, message: 'not today' } };
  }
  if (faults.garbage !== undefined) return { status: 200, body: faults.garbage };
  return await answer();
}

/** Endpoints with a path know only what is below it. */
function withoutPrefix(prefix: string, path: string): string {
  if (prefix === '') return path;
  if (path === prefix) return '/';
  return path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : `/outside${path}`;
}
