import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ChainReader, createChainReader } from '../../../../src/clients/execution/chain-snapshot.ts';
import { connectExecutionNode } from '../../../../src/clients/execution/execution-node.ts';
import { signJwt } from '../../../../src/clients/execution/jwt.ts';
import { fromHex } from '../../../../src/lib/bytes.ts';
import { type Devnet, startDevnet } from '../../../devnet/devnet.ts';
import { mined } from '../../../devnet/mined.ts';
import { startRpcProxy } from '../../../devnet/rpc-proxy.ts';
import { startServer } from '../../../support/servers/http-server.ts';

const WALLET = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';

let devnet: Devnet;
beforeAll(async () => {
  devnet = await startDevnet();
  await devnet.mine(100);
});
afterAll(() => devnet.stop());

async function connect(urls: readonly string[]) {
  return await connectExecutionNode(
    {},
    { endpoints: urls, chainId: devnet.chainId, timeoutMs: 2_000, retryTimeoutMs: 500 },
  );
}

async function openReader(
  urls: readonly string[],
  options: { vault?: string; vaultVersion?: number; maxAgeMs?: number } = {},
): Promise<ChainReader & Disposable> {
  const node = await connect(urls);
  const reader = createChainReader(node, {
    contracts: devnet.addresses,
    vault: options.vault ?? devnet.addresses.vault,
    vaultVersion: options.vaultVersion ?? 1,
    wallet: WALLET,
    maxAgeMs: options.maxAgeMs ?? 0,
  });
  return { ...reader, [Symbol.dispose]: () => node.destroy() };
}

describe('a snapshot', () => {
  it('readSnapshot gives all that a round of the operator looks at, as of one block', async () => {
    const { protocol, addresses } = devnet;
    const root = `0x${'5a'.repeat(32)}`;
    await devnet.setDepositDataRoot(root);
    const vault = protocol.at('VaultV1', addresses.vault);
    const deposit = await vault.getFunction('deposit').send(addresses.vault, addresses.vault, { value: 7n });
    await mined(protocol.provider, deposit);
    using reader = await openReader([devnet.rpcUrl]);
    const snapshot = await reader.readSnapshot();
    const block = await protocol.provider.getBlock('latest');
    const registry = protocol.at('DepositContract', addresses.depositContract);
    expect(snapshot).toEqual({
      blockNumber: block?.number,
      blockHash: block?.hash,
      timestamp: block?.timestamp,
      baseFeePerGasWei: block?.baseFeePerGas,
      walletBalanceWei: await protocol.provider.getBalance(WALLET),
      registryRoot: fromHex(await registry.getFunction('get_deposit_root')()),
      depositCount: 0n,
      vault: {
        withdrawableAssetsWei: 7n,
        depositData: { root: fromHex(root), index: 0 },
        validatorsManager: null,
      },
      keeper: {
        isCollateralized: false,
        canHarvest: false,
        isHarvestRequired: false,
        rewardsNonce: 1n,
        exitSignaturesNonce: 0n,
        validatorsMinOracles: 3,
      },
      events: {
        config: { ipfsHash: devnet.oracleSet.configIpfsHash, blockNumber: expect.any(Number) },
        rewards: null,
        exitSignatures: null,
      },
    });
  });

  it('readSnapshot tells the validators manager and the registry’s root of a vault of version 5', async () => {
    const vault = await devnet.createVault(5);
    const root = `0x${'6b'.repeat(32)}`;
    await devnet.setDepositDataRoot(root, vault);
    await devnet.protocol.send(devnet.protocol.at('VaultV5', vault), 'setValidatorsManager', WALLET);
    using reader = await openReader([devnet.rpcUrl], { vault, vaultVersion: 5 });
    expect((await reader.readSnapshot()).vault).toEqual({
      withdrawableAssetsWei: 0n,
      depositData: { root: fromHex(root), index: 0 },
      validatorsManager: WALLET,
    });
  });

  it('readSnapshot costs one call without a new block, three with one, and none within its maximum age', async () => {
    await using proxy = await startRpcProxy(devnet.rpcUrl);
    using reader = await openReader([proxy.url]);
    await reader.readSnapshot();
    const callsOf = async (work: () => Promise<unknown>) => {
      const before = proxy.methods.length;
      await work();
      return proxy.methods.slice(before);
    };
    expect(await callsOf(() => reader.readSnapshot())).toEqual(['eth_getBlockByNumber']);
    await devnet.mine(1);
    const calls = await callsOf(() => Promise.all([reader.readSnapshot(), reader.readSnapshot()]));
    expect(calls.sort()).toEqual(['eth_call', 'eth_getBlockByNumber', 'eth_getLogs']);
    // After missed blocks it also makes sure that those it has read are still there.
    await devnet.mine(5);
    expect(await callsOf(() => reader.readSnapshot())).toHaveLength(4);

    using patient = await openReader([proxy.url], { maxAgeMs: 60_000 });
    await patient.readSnapshot();
    await devnet.mine(1);
    expect(await callsOf(() => patient.readSnapshot())).toEqual([]);
    const { blockNumber } = await patient.readSnapshot({ fresh: true });
    expect(blockNumber).toBe(await devnet.protocol.provider.getBlockNumber());
  });

  it('readSnapshot gets the wallet’s balance also with a multicall contract that tells no balances', async () => {
    const { provider } = devnet.protocol;
    const { multicall } = devnet.addresses;
    const code = await provider.getCode(multicall);
    // The selector of getEthBalance becomes another.
    const selector = '4d2301cc';
    await provider.send('anvil_setCode', [multicall, code.replaceAll(selector, '00000000')]);
    try {
      using reader = await openReader([devnet.rpcUrl]);
      const first = await reader.readSnapshot();
      await devnet.mine(1);
      const second = await reader.readSnapshot();
      expect([first.walletBalanceWei, second.walletBalanceWei]).toEqual([
        await provider.getBalance(WALLET),
        await provider.getBalance(WALLET),
      ]);
    } finally {
      await provider.send('anvil_setCode', [multicall, code]);
    }
  });
});

describe('events', () => {
  it('readSnapshot follows the events of the chain from its first snapshot on', async () => {
    using reader = await openReader([devnet.rpcUrl]);
    await reader.readSnapshot();
    await devnet.publishConfigHash('QmNext');
    await devnet.mine(3);
    const { events, blockNumber } = await reader.readSnapshot();
    expect(events.config).toEqual({ ipfsHash: 'QmNext', blockNumber: blockNumber - 3 });
  });

  it('readSnapshot drops events that a reorganisation took away and has those of the new chain', async () => {
    const { provider } = devnet.protocol;
    await devnet.publishConfigHash('QmStays');
    await devnet.mine(70);
    using reader = await openReader([devnet.rpcUrl]);
    await reader.readSnapshot();
    const snapshot = await provider.send('evm_snapshot', []);
    await devnet.publishConfigHash('QmGone');
    await devnet.mine(2);
    expect((await reader.readSnapshot()).events.config?.ipfsHash).toBe('QmGone');
    await provider.send('evm_revert', [snapshot]);
    await provider.send('evm_increaseTime', [5]);
    await devnet.mine(9);
    expect((await reader.readSnapshot()).events.config?.ipfsHash).toBe('QmStays');
    await devnet.publishConfigHash('QmThen');
    expect((await reader.readSnapshot()).events.config?.ipfsHash).toBe('QmThen');
  });
});

describe('nodes', () => {
  it('readSnapshot never goes back to the state of a node that is behind', async () => {
    const { provider } = devnet.protocol;
    const head = await provider.getBlockNumber();
    await devnet.mine(4);
    await using behind = await startLaggingNode(head);
    await using proxy = await startRpcProxy(devnet.rpcUrl);
    using reader = await openReader([proxy.url, behind.url]);
    const before = await reader.readSnapshot();
    expect(before.blockNumber).toBe(head + 4);
    proxy.faults.down = true;
    await expect(reader.readSnapshot()).rejects.toMatchObject({ code: 'node-behind', retryable: true });
    proxy.faults.down = false;
    await devnet.mine(1);
    expect((await reader.readSnapshot()).blockNumber).toBe(head + 5);
  });

  it('connectExecutionNode shows the node a fresh token of the shared JWT secret', async () => {
    const secret = fromHex('aa'.repeat(32));
    const tokens: string[] = [];
    await using server = await startServer(async request => {
      tokens.push(String(request.headers.authorization));
      return { status: 200, body: JSON.stringify({ jsonrpc: '2.0', id: 1, result: '0x7a69' }) };
    });
    await connectExecutionNode(
      {},
      { endpoints: [server.url], chainId: 31_337, timeoutMs: 10_000, retryTimeoutMs: 0, jwtSecret: secret },
    ).catch(() => undefined);
    const [header = '', payload = '', signature] = tokens[0]?.replace('Bearer ', '').split('.') ?? [];
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'HS256', typ: 'JWT' });
    const { iat } = JSON.parse(Buffer.from(payload, 'base64url').toString());
    expect(Math.abs(iat - Date.now() / 1000)).toBeLessThan(10);
    expect(signature).toBe(createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url'));
    expect(signJwt(secret, 1_700_000_000_000)).toMatch(/^[\w-]+\.eyJpYXQiOjE3MDAwMDAwMDB9\.[\w-]+$/);
  });
});

/** A node that does not get beyond a block. */
async function startLaggingNode(head: number) {
  return await startServer(async request => {
    const rewritten = request.body.replaceAll('"latest"', `"0x${head.toString(16)}"`);
    const answer = await fetch(devnet.rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: rewritten,
    });
    return { status: 200, body: await answer.text() };
  });
}
