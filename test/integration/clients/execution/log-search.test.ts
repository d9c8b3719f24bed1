import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchConfigIpfsHash } from '../../../../src/clients/execution/contracts/keeper.ts';
import {
  connectExecutionNode,
  type ExecutionNode,
} from '../../../../src/clients/execution/execution-node.ts';
import { findLastLog } from '../../../../src/clients/execution/log-search.ts';
import { type Devnet, startDevnet } from '../../../devnet/devnet.ts';
import { type RpcFaults, startRpcProxy } from '../../../devnet/rpc-proxy.ts';

let devnet: Devnet;
let configHash: string;
beforeAll(async () => {
  devnet = await startDevnet();
  await devnet.mine(300);
  await devnet.publishConfigHash('QmFirst');
  await devnet.publishConfigHash('QmLast');
  configHash = 'QmLast';
  await devnet.mine(400);
});
afterAll(() => devnet.stop());

function connect(url: string, timeoutMs = 2_000): Promise<ExecutionNode> {
  const endpoints = [url];
  return connectExecutionNode({}, { endpoints, chainId: devnet.chainId, timeoutMs, retryTimeoutMs: 5_000 });
}

describe('the last ConfigUpdated event', () => {
  it('fetchConfigIpfsHash finds the last ConfigUpdated event in one request where a node takes the whole range', async () => {
    await using proxy = await startRpcProxy(devnet.rpcUrl);
    using node = await connect(proxy.url);
    expect(await fetchConfigIpfsHash(node, devnet.addresses)).toBe(configHash);
    expect(proxy.methods.filter(method => method === 'eth_getLogs')).toHaveLength(1);
  });

  const limits: readonly RpcFaults[] = [
    { maxLogBlocks: 1_000 },
    { maxLogBlocks: 64 },
    { maxLogBlocks: 64, refusesWithStatus400: true },
    { maxLogBlocks: 7 },
    { maxLogBlocks: 1 },
  ];
  it.each(limits)(
    'fetchConfigIpfsHash finds the last ConfigUpdated event where a node limits ranges: %j',
    async faults => {
      await using proxy = await startRpcProxy(devnet.rpcUrl, faults);
      using node = await connect(proxy.url);
      expect(await fetchConfigIpfsHash(node, devnet.addresses)).toBe(configHash);
    },
  );

  it('fetchConfigIpfsHash asks for no more blocks than it needs', async () => {
    await using proxy = await startRpcProxy(devnet.rpcUrl, { maxLogBlocks: 100 });
    using node = await connect(proxy.url);
    await fetchConfigIpfsHash(node, devnet.addresses);
    // 400 blocks in windows of 92 (7xx halved three times) from the head, up to eight at once, and the refused ones.
    expect(proxy.methods.filter(method => method === 'eth_getLogs').length).toBeLessThanOrEqual(3 + 1 + 8);
  });

  it('fetchConfigIpfsHash fails where the keeper has published no configuration', async () => {
    using node = await connect(devnet.rpcUrl);
    const head = await node.getBlockNumber();
    const search = { keeper: devnet.addresses.keeper, keeperGenesisBlock: head - 10 };
    await expect(fetchConfigIpfsHash(node, search)).rejects.toMatchObject({
      code: 'no-oracle-config',
      message: `The keeper ${devnet.addresses.keeper} has published no oracle configuration.`,
    });
    await expect(
      fetchConfigIpfsHash(node, { ...search, keeperGenesisBlock: head + 10 }),
    ).rejects.toMatchObject({
      code: 'no-oracle-config',
    });
  });

  it('fetchConfigIpfsHash says that there is no keeper contract where its address has no code', async () => {
    using node = await connect(devnet.rpcUrl);
    const nowhere = { keeper: '0x00000000000000000000000000000000000000AA', keeperGenesisBlock: 0 };
    await expect(fetchConfigIpfsHash(node, nowhere)).rejects.toMatchObject({
      code: 'contract-not-found',
      message: `There is no keeper contract at ${nowhere.keeper} on chain 31337 (${devnet.rpcUrl}).`,
    });
  });
});

describe('findLastLog', () => {
  it('findLastLog ends with the node’s error when a node refuses every range', async () => {
    await using proxy = await startRpcProxy(devnet.rpcUrl, { maxLogBlocks: 0 });
    using node = await connect(proxy.url);
    const search = { address: devnet.addresses.keeper, topics: [], fromBlock: 0 };
    await expect(findLastLog(node, search)).rejects.toMatchObject({
      code: 'rpc-error',
      message: `${proxy.url} refused eth_getLogs: block range is limited to 0 (-32005).`,
    });
  });
});
