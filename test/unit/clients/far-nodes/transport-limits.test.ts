// What stands between us and a node (a proxy, a firewall, a plan with limits) refuses by HTTP what it could not answer otherwise.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ExecutionNode } from '../../../../src/clients/execution/execution-node.ts';
import {
  ACCOUNT,
  ALL_LOGS,
  ASK,
  answerRpc,
  connectRpc,
  HEAD,
  openAgent,
  takesBlocks,
} from '../../../support/scenes/far-rpc.ts';
import { type FarAnswer, type FarNodes, openFarNodes } from '../../../support/servers/far-nodes.ts';

const ENDPOINT = 'http://behind-a-proxy:8545';
const HOUR_MS = 3_600_000;

let nodes: FarNodes;
beforeAll(() => {
  nodes = openFarNodes();
});
afterEach(() => nodes.forget());
afterAll(() => nodes[Symbol.dispose]());

function page(status: number): FarAnswer {
  return { status, headers: { 'content-type': 'text/html' }, body: `<html>${status}</html>` };
}

function rpcError(status: number, message: string): FarAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: `{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"${message}"}}`,
  };
}

describe('a batch', () => {
  it.each([400, 403, 404, 405, 413, 415, 501])(
    'a batch that is refused with HTTP status %i is sent one by one, which is remembered for an hour',
    async status => {
      let areBatchesTaken = false;
      const requests = nodes.answer(ENDPOINT, request =>
        request.body.startsWith('[') && !areBatchesTaken ? page(status) : answerRpc(request, {}),
      );
      await using dispatcher = openAgent();
      let now = 1_000;
      using node = new ExecutionNode(
        { dispatcher },
        { endpoints: [ENDPOINT], chainId: 1, timeoutMs: 10_000, retryTimeoutMs: 0, now: () => now },
      );
      const batches = async () => {
        const before = requests.length;
        expect(await ASK.account(node)).toEqual(ACCOUNT);
        return requests.slice(before).filter(({ body }) => body.startsWith('[')).length;
      };
      expect(await batches()).toBe(1);
      areBatchesTaken = true;
      now += HOUR_MS - 1;
      expect(await batches()).toBe(0);
      now += 1;
      expect(await batches()).toBe(1);
      areBatchesTaken = false;
      expect(await batches()).toBe(1);
      expect(await batches()).toBe(0);
    },
  );

  it.each([401, 429, 500, 503])(
    'a batch that is refused with HTTP status %i and a page is not sent one by one',
    async status => {
      const requests = nodes.answer(ENDPOINT, request =>
        request.body.startsWith('[') ? page(status) : answerRpc(request, {}),
      );
      await using dispatcher = openAgent();
      using node = connectRpc(dispatcher, [ENDPOINT]);
      await expect(ASK.account(node)).rejects.toMatchObject({
        code: 'http-status',
        message: `${ENDPOINT} answered with HTTP status ${status}.`,
        retryable: status !== 401,
      });
      expect(requests.filter(({ body }) => body.startsWith('[')).length).toBe(1);
    },
  );
});

describe('a search of logs', () => {
  it.each([200, 400, 403, 404, 405, 413, 422, 429, 500, 501, 503])(
    'a search that is refused with HTTP status %i and a JSON-RPC error asks for less',
    async status => {
      nodes.answer(ENDPOINT, request => answerRpc(request, takesBlocks(1_000, rpcError(status, 'too wide'))));
      await using dispatcher = openAgent();
      using node = connectRpc(dispatcher, [ENDPOINT]);
      expect(await ASK.logs(node)).toBe(ALL_LOGS);
    },
  );

  it.each([413, 504, 524])(
    'a search that a proxy refuses with HTTP status %i and a page asks for less',
    async status => {
      nodes.answer(ENDPOINT, request => answerRpc(request, takesBlocks(1_000, page(status))));
      await using dispatcher = openAgent();
      using node = connectRpc(dispatcher, [ENDPOINT]);
      expect(await ASK.logs(node)).toBe(ALL_LOGS);
    },
  );

  it.each<readonly [status: number, refusal: FarAnswer]>([
    [401, rpcError(401, 'too wide')],
    [403, page(403)],
    [429, rpcError(429, 'rate limit exceeded')],
    [429, page(429)],
    [500, page(500)],
    [503, page(503)],
  ])('a search is told that HTTP status %i is no answer, and asks for no less', async (status, refusal) => {
    const requests = nodes.answer(ENDPOINT, request => answerRpc(request, takesBlocks(1_000, refusal)));
    await using dispatcher = openAgent();
    using node = connectRpc(dispatcher, [ENDPOINT]);
    await expect(ASK.logs(node)).rejects.toMatchObject({
      code: 'http-status',
      message: `${ENDPOINT} answered with HTTP status ${status}.`,
    });
    expect(requests.filter(({ body }) => body.includes('eth_getLogs')).length).toBe(1);
  });

  it('a search asks for more again when the node takes more', async () => {
    const asked: number[] = [];
    nodes.answer(ENDPOINT, request => {
      for (const { method, params } of [JSON.parse(request.body)].flat()) {
        if (method === 'eth_getLogs') asked.push(widthOf(params[0]));
      }
      // It is busy for the first forty searches.
      const limit = asked.length <= 40 ? 100 : HEAD;
      return answerRpc(request, takesBlocks(limit, rpcError(503, 'too wide')));
    });
    await using dispatcher = openAgent();
    using node = connectRpc(dispatcher, [ENDPOINT]);
    expect(await ASK.logs(node)).toBe(ALL_LOGS);
    const begin = asked.findIndex(width => width <= 100);
    expect(asked.slice(0, begin).every((width, i) => i === 0 || width < (asked[i - 1] ?? 0))).toBe(true);
    expect(Math.max(...asked.slice(40))).toBeGreaterThan(400);
  });

  it('a search that asked for more in vain waits longer before it does so again', async () => {
    const asked: number[] = [];
    nodes.answer(ENDPOINT, request => {
      for (const { method, params } of [JSON.parse(request.body)].flat()) {
        if (method === 'eth_getLogs') asked.push(widthOf(params[0]));
      }
      return answerRpc(request, takesBlocks(100, rpcError(413, 'too wide')));
    });
    await using dispatcher = openAgent();
    using node = connectRpc(dispatcher, [ENDPOINT]);
    expect(await ASK.logs(node)).toBe(ALL_LOGS);
    const refused = asked.filter(width => width > 100).length;
    // 9 times the range is halved; after 16, 32, 64, 128 and 256 windows a larger one is tried.
    expect(refused).toBeLessThanOrEqual(9 + 6);
  });
});

interface Filter {
  readonly fromBlock: string;
  readonly toBlock: string;
}

function widthOf({ fromBlock, toBlock }: Filter): number {
  return Number(toBlock) - Number(fromBlock) + 1;
}
