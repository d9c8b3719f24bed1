import { createServer } from 'node:http';
import { listenOnLoopback } from '../../devnet/listen.ts';
import { readKeyDirectory } from '../checkers/web3signer.ts';

export interface FakeSigner extends AsyncDisposable {
  readonly url: string;
  /** `METHOD /path` of every request, in order. */
  readonly requests: readonly string[];
}

export interface FakeSignerOptions {
  /** How often the state is asked before a reload has ended. */
  readonly polls?: number;
  /** Keys that it does not load. */
  readonly drop?: number;
  /** Keys of others that it has. */
  readonly foreign?: readonly string[];
}

/**
 * A Web3Signer that answers as the recorded ones (test/vectors/web3signer/reload.json): a reload is accepted at once, reads
 * the key directory in the background and is asked for; until its end the old keys are listed.
 */
export async function startFakeSigner(
  directory: string,
  { polls = 2, drop = 0, foreign = [] }: FakeSignerOptions = {},
): Promise<FakeSigner> {
  const requests: string[] = [];
  let loaded: string[] = [];
  let left = -1;
  let operations = 0;
  const reloadState = () => {
    if (left > 0) {
      left--;
      return { status: 'running' };
    }
    if (left === 0) {
      left = -1;
      operations++;
      loaded = [...readKeyDirectory(directory).publicKeys].slice(drop);
    }
    if (operations === 0) return { status: 'idle' };
    return { lastOperationTime: `2026-11-22T17:19:48.${operations}Z`, status: 'completed' };
  };
  const server = createServer((request, response) => {
    const line = `${request.method} ${request.url}`;
    requests.push(line);
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (line === 'POST /reload') {
      left = polls;
      const message =
        'Reload operation accepted and is running in the background. Use GET /reload to check status.';
      answer(202, { status: 'accepted', message });
    } else if (line === 'GET /reload') answer(200, reloadState());
    else if (line === 'GET /api/v1/eth2/publicKeys') answer(200, [...loaded, ...foreign]);
    else answer(404, {});
  });
  const port = await listenOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
