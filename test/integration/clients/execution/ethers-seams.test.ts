import { expect, it } from 'vitest';
import { ExecutionNode } from '../../../../src/clients/execution/execution-node.ts';
import { RpcError } from '../../../../src/clients/execution/rpc-error.ts';
import { startServer } from '../../../support/servers/http-server.ts';

interface RpcRequest {
  readonly id: number;
  readonly method: string;
}
type RpcAnswer = { readonly result: unknown } | { readonly error: Readonly<Record<string, unknown>> };

const CHAIN_ID = 17_000;
const ADDRESS = '0x0000000000000000000000000000000000000001';

/** A node that answers each method as it is told, and an ExecutionNode that asks it. */
async function openScene(answers: Readonly<Record<string, RpcAnswer>> = {}) {
  const all: Readonly<Record<string, RpcAnswer>> = {
    eth_chainId: { result: '0x4268' },
    eth_blockNumber: { result: '0x7' },
    eth_getBalance: { result: '0x2a' },
    ...answers,
  };
  const answer = ({ id, method }: RpcRequest) => ({ jsonrpc: '2.0', id, ...all[method] });
  const server = await startServer(({ body }) => {
    const asked = JSON.parse(body) as RpcRequest | RpcRequest[];
    return { body: JSON.stringify(Array.isArray(asked) ? asked.map(answer) : answer(asked)) };
  });
  const node = new ExecutionNode(
    {},
    { endpoints: [server.url], chainId: CHAIN_ID, timeoutMs: 2_000, retryTimeoutMs: 0 },
  );
  return {
    node,
    bodies: () => server.seen.map(({ body }) => JSON.parse(body) as unknown),
    [Symbol.asyncDispose]: async () => {
      node.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

it('ethers has an ExecutionNode send what is asked for together as one request, after the one for the chain', async () => {
  await using scene = await openScene();
  const { node } = scene;
  expect((await node.getNetwork()).chainId).toBe(17_000n);
  const answers = await Promise.all([node.getBlockNumber(), node.getBalance(ADDRESS), node.getBlockNumber()]);
  expect(answers).toEqual([7, 42n, 7]);
  expect(scene.bodies()).toEqual([
    { id: 0, jsonrpc: '2.0', method: 'eth_chainId', params: [] },
    [
      { id: expect.any(Number), jsonrpc: '2.0', method: 'eth_blockNumber', params: [] },
      { id: expect.any(Number), jsonrpc: '2.0', method: 'eth_getBalance', params: [ADDRESS, 'latest'] },
      { id: expect.any(Number), jsonrpc: '2.0', method: 'eth_blockNumber', params: [] },
    ],
  ]);
  await node.getBlockNumber();
  const [, , last] = scene.bodies();
  expect(last).toMatchObject({ method: 'eth_blockNumber' });
});

it('ethers has an ExecutionNode send 20 requests at a time at most', async () => {
  await using scene = await openScene();
  await scene.node.getBlockNumber();
  const before = scene.bodies().length;
  await Promise.all(Array.from({ length: 21 }, () => scene.node.send('eth_blockNumber', [])));
  const sizes = scene
    .bodies()
    .slice(before)
    .map(body => [body].flat().length);
  expect(sizes.sort()).toEqual([1, 20]);
});

it('ethers lets an ExecutionNode say what each error of a batch means', async () => {
  const custom = '0x7a933234';
  await using scene = await openScene({
    eth_call: { error: { code: -32_015, message: 'VM execution error.', data: `Reverted ${custom}` } },
    eth_estimateGas: { error: { code: -32_602, message: 'wrong parameters' } },
    eth_sendRawTransaction: { error: { code: -32_000, message: 'nonce too low' } },
    eth_syncing: { error: { code: -32_601, message: 'the method eth_syncing does not exist' } },
  });
  const { node } = scene;
  const outcomes = await Promise.allSettled([
    node.call({ to: ADDRESS }),
    node.send('eth_estimateGas', [{ to: ADDRESS }]),
    node.send('eth_sendRawTransaction', ['0x02']),
    node.send('eth_syncing', []),
    node.getBalance(ADDRESS),
  ]);
  const [call, gas, raw, unknown] = outcomes.map(outcome =>
    outcome.status === 'rejected' ? outcome.reason : undefined,
  );
  expect(call).toMatchObject({ code: 'CALL_EXCEPTION', data: custom });
  expect(gas).toBeInstanceOf(RpcError);
  expect(gas).toMatchObject({ rpcCode: -32_602, retryable: false });
  expect(raw).toMatchObject({ code: 'NONCE_EXPIRED' });
  expect(unknown).toBeInstanceOf(RpcError);
  expect(outcomes[4]).toMatchObject({ status: 'fulfilled', value: 42n });
  expect(scene.bodies()).toHaveLength(2);
});

it('ethers lets a destroyed ExecutionNode ask for nothing', async () => {
  await using scene = await openScene();
  scene.node.destroy();
  await expect(scene.node.send('eth_blockNumber', [])).rejects.toMatchObject({
    code: 'UNSUPPORTED_OPERATION',
  });
  expect(scene.bodies()).toEqual([]);
});
