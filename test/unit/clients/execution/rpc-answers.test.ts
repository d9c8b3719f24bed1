import { describe, expect, it } from 'vitest';
import { chainIdIn, headIn, readAnswers } from '../../../../src/clients/execution/rpc-answers.ts';

const HASH = `0x${'ab'.repeat(32)}`;
const OTHER_HASH = `0x${'cd'.repeat(32)}`;
const LATEST = ['latest', false];

function request(id: number, method: string, params: unknown[] = []) {
  return { id, jsonrpc: '2.0' as const, method, params };
}

/** What is read from an answer of a node to some requests. */
function read(requests: ReturnType<typeof request>[], answer: unknown) {
  const body = new TextEncoder().encode(JSON.stringify(answer));
  return readAnswers('http://node:8545', requests, { status: 200, headers: {}, body });
}

describe('readAnswers', () => {
  it('readAnswers puts the answers into the order of the requests', () => {
    const requests = [request(1, 'eth_chainId'), request(2, 'eth_blockNumber')];
    const answer = [
      { id: 2, result: '0x10' },
      { id: '1', result: '0x1' },
    ];
    expect(read(requests, answer)).toEqual([
      { id: 1, result: '0x1' },
      { id: 2, result: '0x10' },
    ]);
  });

  it.each([
    ['without an id', { id: null, error: { code: -32005, message: 'too many' } }],
    ['with ids that nobody gave', [{ id: 7, error: { code: -32005, message: 'too many' } }]],
  ])('readAnswers takes an error %s as the answer to every request', (_how, answer) => {
    const error = { code: -32005, message: 'too many' };
    expect(read([request(1, 'eth_chainId'), request(2, 'eth_call')], answer)).toEqual([
      { id: 1, error },
      { id: 2, error },
    ]);
  });

  it.each([
    ['a chain id that is no quantity', request(1, 'eth_chainId'), 'one'],
    ['a call that gives no bytes', request(1, 'eth_call'), '0x123'],
    [
      'the receipt of another transaction',
      request(1, 'eth_getTransactionReceipt', [HASH]),
      {
        transactionHash: OTHER_HASH,
      },
    ],
    [
      'another block than the one asked for',
      request(1, 'eth_getBlockByNumber', ['0x5', false]),
      {
        number: '0x6',
      },
    ],
  ])('readAnswers refuses %s', (_what, asked, result) => {
    const words = `http://node:8545 did not answer ${asked.method}.`;
    expect(() => read([asked], { id: 1, result })).toThrow(words);
  });

  it('readAnswers refuses what is not JSON-RPC', () => {
    expect(() => read([request(1, 'eth_chainId')], { status: 'ok' })).toThrow(
      'http://node:8545 did not answer with JSON-RPC.',
    );
  });
});

it('headIn finds the number of the head in an answer to either question for it, and nowhere else', () => {
  const header = { id: 1, result: { number: '0x10' } };
  expect(headIn(request(1, 'eth_blockNumber'), [{ id: 1, result: '0x10' }])).toBe(16n);
  expect(headIn([request(1, 'eth_getBlockByNumber', LATEST)], [header])).toBe(16n);
  expect(headIn([request(1, 'eth_getBlockByNumber', ['0x10', false])], [header])).toBeUndefined();
  expect(headIn(request(1, 'eth_blockNumber'), [{ id: 1, error: { code: -32000 } }])).toBeUndefined();
});

it('chainIdIn reads the chain id of a result, and none from an error or from nothing', () => {
  expect(chainIdIn({ id: 1, result: '0x64' })).toBe(100n);
  expect([chainIdIn({ id: 1, error: { code: -32000 } }), chainIdIn(undefined)]).toEqual([
    undefined,
    undefined,
  ]);
});
