import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectExecutionNode, distinctEndpoints } from '../../../../src/clients/execution/execution-node.ts';
import { RpcError } from '../../../../src/clients/execution/rpc-error.ts';
import { EndpointUrl } from '../../../../src/lib/endpoint-url.ts';
import { type Anvil, startAnvil } from '../../../devnet/anvil.ts';
import { startRpcProxy } from '../../../devnet/rpc-proxy.ts';

const CHAIN_ID = 17_000;
const ADDRESS = '0x0000000000000000000000000000000000000001';
const UNREACHABLE = 'http://127.0.0.1:1/v3/api-key';

let anvil: Anvil;
beforeAll(async () => {
  anvil = await startAnvil({ chainId: CHAIN_ID, slotsPerEpoch: 32 });
});
afterAll(() => anvil.stop());

function connect(
  endpoints: readonly string[],
  options: { timeoutMs?: number; retryTimeoutMs?: number } = {},
) {
  return connectExecutionNode(
    {},
    { endpoints, chainId: CHAIN_ID, timeoutMs: 2_000, retryTimeoutMs: 0, ...options },
  );
}

it('distinctEndpoints counts an endpoint once, however it is written', () => {
  const [plain, port, path] = ['http://node:8545', 'http://node:8546', 'http://node:8545/v3/key'];
  const written = [
    plain,
    `${plain}/`,
    'HTTP://NODE:8545',
    'http://user:pass@node:8545',
    port,
    path,
    `${path}/`,
  ];
  const distinct = distinctEndpoints(written.map(url => EndpointUrl.parse(url)));
  expect(distinct.map(url => url.reveal())).toEqual([plain, port, path]);
});

describe('connectExecutionNode', () => {
  it('connectExecutionNode reads the block number and the chain id of a node', async () => {
    using node = await connect([anvil.rpcUrl]);
    expect(await node.getBlockNumber()).toBe(0);
    expect((await node.getNetwork()).chainId).toBe(17_000n);
    expect(node.endpoint).toBe(anvil.rpcUrl);
  });

  it('ExecutionNode goes to the next endpoint when one is down, and stays there', async () => {
    await using first = await startRpcProxy(anvil.rpcUrl);
    await using second = await startRpcProxy(anvil.rpcUrl);
    using node = await connect([UNREACHABLE, first.url, second.url]);
    expect(node.endpoint).toBe(first.url);
    first.faults.down = true;
    expect(await node.getBlockNumber()).toBe(0);
    expect(node.endpoint).toBe(second.url);
    first.faults.down = false;
    const before = first.methods.length;
    await node.getBlockNumber();
    expect(first.methods.length).toBe(before);
    expect(second.methods).toEqual(['eth_chainId', 'eth_blockNumber', 'eth_blockNumber']);
  });

  it.each([
    ['silent', { silent: true }],
    ['broken', { status: 500 }],
    ['rate limiting', { status: 429 }],
    ['no JSON', { garbage: '<html>' }],
    ['no JSON-RPC', { garbage: '{"hello":1}' }],
    ['a chain id that is none', { garbage: '{"jsonrpc":"2.0","id":0,"result":"seventeen"}' }],
    ['another request’s answer', { garbage: '{"jsonrpc":"2.0","id":999999,"result":"0x0"}' }],
  ])('connectExecutionNode passes over a faulty node: %s', async (_what, faults) => {
    await using bad = await startRpcProxy(anvil.rpcUrl, faults);
    using node = await connect([bad.url, anvil.rpcUrl], { timeoutMs: 1_500 });
    expect(node.endpoint).toBe(anvil.rpcUrl);
  });

  it.each([
    ['a limit', { code: -32_005, message: 'daily request count exceeded' }],
    ['a block that it lacks', { code: -32_000, message: 'header not found' }],
    ['a fault of its own', { code: -32_603, message: 'internal error' }],
  ])('ExecutionNode asks the next endpoint when a node answers with %s', async (_what, error) => {
    await using first = await startRpcProxy(anvil.rpcUrl);
    await using second = await startRpcProxy(anvil.rpcUrl);
    using node = await connect([first.url, second.url]);
    first.faults.garbage = JSON.stringify({ jsonrpc: '2.0', id: null, error });
    expect(await node.getBalance(ADDRESS)).toBe(0n);
    expect(node.endpoint).toBe(second.url);
    second.faults.garbage = JSON.stringify({ jsonrpc: '2.0', id: null, error });
    await expect(node.getBalance(ADDRESS)).rejects.toMatchObject({
      code: 'rpc-error',
      message: `${second.url} refused eth_getBalance: ${error.message} (${error.code}).`,
    });
  });

  it('ExecutionNode asks no other endpoint when a call reverts or no node would take it', async () => {
    await using second = await startRpcProxy(anvil.rpcUrl);
    using node = await connect([anvil.rpcUrl, second.url]);
    const revert = { data: '0x60006000fd' };
    await expect(node.call(revert)).rejects.toMatchObject({ code: 'CALL_EXCEPTION' });
    await expect(node.send('eth_noSuchMethod', [])).rejects.toBeInstanceOf(RpcError);
    expect(second.methods).toEqual([]);
  });

  it('connectExecutionNode says what every endpoint did, without paths', async () => {
    await using bad = await startRpcProxy(anvil.rpcUrl, { status: 401 });
    await expect(connect([UNREACHABLE, `${bad.url}/api-key`])).rejects.toMatchObject({
      exitCode: 1,
      message: `http://127.0.0.1:1 cannot be reached: connect ECONNREFUSED 127.0.0.1:1. ${bad.url} answered with HTTP status 401.`,
    });
  });

  it('ExecutionNode waits for an outage to end, but no longer than its retry time', async () => {
    await using proxy = await startRpcProxy(anvil.rpcUrl, { down: true });
    setTimeout(() => {
      proxy.faults.down = false;
    }, 300);
    using node = await connect([proxy.url], { retryTimeoutMs: 1_500 });
    expect(await node.getBlockNumber()).toBe(0);
    proxy.faults.down = true;
    await expect(node.getBlockNumber()).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('ExecutionNode refuses a node of another chain, also as the next endpoint', async () => {
    await using foreign = await startRpcProxy(anvil.rpcUrl, { chainId: 5 });
    const failure = {
      code: 'wrong-chain',
      retryable: false,
      message: `${foreign.url} is a node of another chain: chain id 5 instead of 17000.`,
    };
    await expect(connect([foreign.url, anvil.rpcUrl])).rejects.toMatchObject(failure);
    await using proxy = await startRpcProxy(anvil.rpcUrl);
    using node = await connect([proxy.url, foreign.url]);
    proxy.faults.down = true;
    await expect(node.getBlockNumber()).rejects.toMatchObject(failure);
  });

  it('ExecutionNode gives each of several simultaneous requests its own answer', async () => {
    await using proxy = await startRpcProxy(anvil.rpcUrl);
    using node = await connect([proxy.url]);
    const [block, balance, chain] = await Promise.all([
      node.getBlockNumber(),
      node.getBalance(ADDRESS),
      node.send('eth_chainId', []),
    ]);
    expect([block, balance, chain]).toEqual([0, 0n, '0x4268']);
  });

  it('ExecutionNode names in its error the node that refused, and the method', async () => {
    using node = await connect([anvil.rpcUrl]);
    const refused = node.send('eth_noSuchMethod', []);
    await expect(refused).rejects.toBeInstanceOf(RpcError);
    await expect(refused).rejects.toThrowError(`${anvil.rpcUrl} refused eth_noSuchMethod: `);
  });

  it('ExecutionNode asks an endpoint left out no more until it is taken back, unless it is the last one', async () => {
    await using first = await startRpcProxy(anvil.rpcUrl);
    await using second = await startRpcProxy(anvil.rpcUrl);
    using node = await connect([first.url, second.url]);
    const asked = first.methods.length;
    node.leaveOut(EndpointUrl.parse(first.url));
    second.faults.down = true;
    await expect(node.getBlockNumber()).rejects.toMatchObject({ code: 'unreachable' });
    second.faults.down = false;
    expect(await node.getBlockNumber()).toBe(0);
    expect(first.methods.length).toBe(asked);
    node.leaveOut(EndpointUrl.parse(second.url));
    expect(await node.getBlockNumber()).toBe(0);
    node.takeBack(EndpointUrl.parse(first.url));
    expect(await node.getBlockNumber()).toBe(0);
    expect(node.endpoint).toBe(first.url);
  });

  it.each([
    ['eth_getBlockByNumber', ['0x0', false], 'number', '0x1'],
    ['eth_getTransactionReceipt', [`0x${'12'.repeat(32)}`], 'transactionHash', `0x${'34'.repeat(32)}`],
    ['eth_getTransactionByHash', [`0x${'12'.repeat(32)}`], 'hash', `0x${'34'.repeat(32)}`],
  ] as const)(
    'ExecutionNode takes no answer to %s about anything else than was asked for',
    async (method, params, member, other) => {
      await using first = await startRpcProxy(anvil.rpcUrl);
      await using second = await startRpcProxy(anvil.rpcUrl);
      using node = await connect([first.url, second.url]);
      first.onAnswer = (request, answer) => {
        if (request.method === method) answer.result = { [member]: other };
      };
      second.onAnswer = (request, answer) => {
        if (request.method === method) answer.result = { [member]: params[0] };
      };
      expect(await node.send(method, [...params])).toEqual({ [member]: params[0] });
      expect(node.endpoint).toBe(second.url);
      second.faults.down = true;
      await expect(node.send(method, [...params])).rejects.toThrow(`${first.url} did not answer ${method}.`);
    },
  );

  it.each([[[]], [['anvil:8545']], [['ws://127.0.0.1:8546']]])(
    'connectExecutionNode refuses %j as endpoints',
    async endpoints => {
      await expect(connect(endpoints)).rejects.toMatchObject({ exitCode: 2 });
    },
  );
});
