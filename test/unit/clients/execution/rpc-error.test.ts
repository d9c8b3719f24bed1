import { describe, expect, it } from 'vitest';
import { isRevert, RpcError, withRevertData } from '../../../../src/clients/execution/rpc-error.ts';

function errorOf(code: number, message: string, data?: unknown) {
  return { id: 1, error: { code, message, data } };
}

function isRetryable(code: number, message: string): boolean {
  return new RpcError('http://node', 'eth_getLogs', errorOf(code, message)).retryable;
}

describe('RpcError', () => {
  it.each([
    [-32700, 'Parse error'],
    [-32600, 'Invalid Request'],
    [-32601, 'Method not found'],
    [-32602, 'invalid argument 0: hex string of odd length'],
  ])('RpcError of a mistake in the question (%d, "%s") is not retryable', (code, message) => {
    expect(isRetryable(code, message)).toBe(false);
  });

  it.each([
    [-32600, 'Invalid Request. Requested data is older than 128 blocks.'],
    [-32602, 'Archive requests require a personal token. Get one at: https://www.allnodes.com/publicnode'],
    [-32601, 'This request is not supported because your node is running with state pruning.'],
    [-32000, 'missing trie node b797f6379be0aef61dbede470f6e6231e2cb26b5415548ed29e640f1252186e4 (path )'],
    [-32000, 'required historical state unavailable (reexec=128)'],
    [4444, 'pruned history unavailable'],
  ])('RpcError of what a node has not kept (%d, "%s") is retryable: another may have it', (code, message) => {
    expect(isRetryable(code, message)).toBe(true);
  });

  it('RpcError names the node, the method, the reason and the code', () => {
    const error = new RpcError('http://node', 'eth_call', { id: 1, error: { code: -32005 } });
    expect(error.message).toBe('http://node refused eth_call: no reason given (-32005).');
    expect(error.rpcCode).toBe(-32005);
  });
});

it('withRevertData takes the data from behind the word of old Nethermind nodes, and leaves all else', () => {
  const old = errorOf(-32015, 'VM execution error.', 'Reverted 0x7a933234');
  expect(withRevertData(old)).toEqual(errorOf(-32015, 'execution reverted', '0x7a933234'));
  const others = [errorOf(-32015, 'VM execution error.', 'OutOfGas'), errorOf(3, 'execution reverted', '0x')];
  expect(others.map(withRevertData)).toEqual(others);
});

it('isRevert is true of what failed in the contract, and false of what failed in the node', () => {
  const reverts = [
    errorOf(3, ''),
    errorOf(-32015, 'VM execution error.'),
    errorOf(-32000, 'execution reverted'),
    errorOf(-32000, 'gas required exceeds allowance (0)'),
  ];
  expect(reverts.map(isRevert)).toEqual([true, true, true, true]);
  expect(isRevert(errorOf(-32000, 'header not found'))).toBe(false);
});
