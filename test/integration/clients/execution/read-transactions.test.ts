import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { ExecutionNode } from '../../../../src/clients/execution/execution-node.ts';
import { broadcastTransaction, estimateCall } from '../../../../src/clients/execution/read-transactions.ts';
import { listenOnLoopback } from '../../../devnet/listen.ts';

const CALL = { from: `0x${'1'.repeat(40)}`, to: `0x${'2'.repeat(40)}`, data: '0x' } as const;

/** A node that tells its chain, and answers everything else with an error. */
async function startRefusingNode(error: object) {
  const server = createServer(async (request, response) => {
    const requests = [JSON.parse(await text(request))].flat();
    const answers = requests.map(({ id, method }) =>
      method === 'eth_chainId' ? { jsonrpc: '2.0', id, result: '0x1' } : { jsonrpc: '2.0', id, error },
    );
    response.end(JSON.stringify(answers));
  });
  const endpoint = `http://127.0.0.1:${await listenOnLoopback(server)}`;
  const node = new ExecutionNode(
    {},
    { endpoints: [endpoint], chainId: 1, timeoutMs: 5_000, retryTimeoutMs: 0 },
  );
  return {
    node,
    [Symbol.dispose]() {
      node.destroy();
      server.closeAllConnections();
      server.close();
    },
  };
}

describe('the words in which nodes refuse', () => {
  it.each([
    ['geth, Reth, Erigon', { code: 3, message: 'execution reverted', data: '0x7a933234' }, '0x7a933234'],
    ['Nethermind', { code: -32000, message: 'execution reverted', data: '0x7a933234' }, '0x7a933234'],
    [
      'Nethermind before 2025',
      { code: -32015, message: 'VM execution error.', data: 'Reverted 0x7a933234' },
      '0x7a933234',
    ],
    ['Nethermind, without data', { code: -32015, message: 'VM execution error.', data: 'revert' }, undefined],
    ['geth, out of gas', { code: -32000, message: 'gas required exceeds allowance (50000000)' }, undefined],
  ])('estimateCall knows a revert by the words of %s', async (_node, error, data) => {
    using refusing = await startRefusingNode(error);
    expect(await estimateCall(refusing.node, CALL)).toMatchObject({ status: 'reverts', data });
  });

  it.each([
    ['a block that this node does not have', { code: -32000, message: 'header not found' }, true],
    ['too many requests', { code: -32005, message: 'daily request count exceeded' }, true],
    ['an unknown method', { code: -32601, message: 'the method is not available' }, false],
  ])('estimateCall and call take no other refusal for a revert: %s', async (_what, error, retryable) => {
    using refusing = await startRefusingNode(error);
    await expect(estimateCall(refusing.node, CALL)).rejects.toMatchObject({ code: 'rpc-error', retryable });
    await expect(refusing.node.call(CALL)).rejects.toMatchObject({ code: 'rpc-error', retryable });
  });

  it.each([
    ['geth', 'replacement transaction underpriced', { status: 'underpriced' }],
    ['Nethermind', 'ReplacementNotAllowed, existing transaction has a higher fee', { status: 'underpriced' }],
    ['Nethermind', 'FeeTooLowToCompete, the pool is full', { status: 'underpriced' }],
    ['geth', 'already known', { status: 'accepted' }],
    ['Nethermind', 'AlreadyKnown', { status: 'accepted' }],
    ['geth', 'nonce too low: next nonce 5, tx nonce 3', { status: 'nonce-taken' }],
  ])('broadcastTransaction understands the refusal of %s: %s', async (_node, message, outcome) => {
    using refusing = await startRefusingNode({ code: -32000, message });
    expect(await broadcastTransaction(refusing.node, '0x02')).toMatchObject(outcome);
  });
});
