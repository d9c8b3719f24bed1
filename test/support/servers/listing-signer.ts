import { setTimeout } from 'node:timers/promises';
import { startServer } from '../../devnet/http-server.ts';

/** What a signer does wrong when it lists its keys. */
interface ListingFaults {
  /** Cuts every connection. */
  down?: boolean;
  /** Never answers. */
  hanging?: boolean;
  /** Answers that much later. */
  slowMs?: number;
  /** Answers with this status. */
  status?: number;
  /** Answers 200 with this text. */
  garbage?: string;
}

/** A Web3Signer that lists keys, says that it is up, and does nothing else. */
export interface ListingSigner extends AsyncDisposable {
  readonly url: string;
  keys: readonly string[];
  readonly faults: ListingFaults;
}

/** Starts a signer that lists these public keys, on loopback. */
export async function startListingSigner(keys: readonly string[]): Promise<ListingSigner> {
  const faults: ListingFaults = {};
  const server = await startServer(async ({ method, path }) => {
    if (faults.down) return 'reset';
    if (faults.hanging) return 'hang';
    if (faults.slowMs !== undefined) await setTimeout(faults.slowMs, undefined, { ref: false });
    if (faults.status !== undefined) return { status: faults.status, body: 'no' };
    if (faults.garbage !== undefined) return { status: 200, body: faults.garbage };
    if (`${method} ${path}` === 'GET /api/v1/eth2/publicKeys') return { status: 200, body: signer.keys };
    if (`${method} ${path}` === 'GET /healthcheck')
      return { status: 200, body: { status: 'UP', checks: [], outcome: 'UP' } };
    return { status: 404, body: 'Not Found' };
  });
  const signer: ListingSigner = {
    url: server.url,
    keys,
    faults,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return signer;
}
