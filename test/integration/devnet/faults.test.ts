import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';
import { exitSigningRoot, hex, sign } from '../../devnet/exit-signature.ts';
import { BEACON_CHAIN } from '../../devnet/network-file.ts';
import { startRpcProxy } from '../../devnet/rpc-proxy.ts';
import { createValidator } from './oracle-request-builder.ts';

let devnet: Devnet;
beforeAll(async () => {
  devnet = await startDevnet({ oracles: 1, threshold: 1, slotsPerEpoch: 2 });
});
afterAll(() => devnet.stop());

async function call(url: string, method: string, ...params: readonly unknown[]) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body });
  return ((await response.json()) as { result: never }).result;
}

describe('a node that is behind', () => {
  it('the RPC proxy of a node that is behind answers as of its own head in everything', async () => {
    const { vault, keeper } = devnet.addresses;
    await devnet.mine(5);
    const old = Number(await call(devnet.rpcUrl, 'eth_blockNumber'));
    await devnet.depositEther(32);
    await devnet.mine(2);
    await using proxy = await startRpcProxy(devnet.rpcUrl, { behind: 3 });
    const ask = (method: string, ...params: readonly unknown[]) => call(proxy.url, method, ...params);
    expect(Number(await ask('eth_blockNumber'))).toBe(old);
    expect(Number(await ask('eth_getBalance', vault, 'latest'))).toBe(0);
    expect(Number(await ask('eth_getBalance', vault, 'pending'))).toBe(0);
    expect(await ask('eth_getLogs', { address: vault, fromBlock: '0x0', toBlock: 'latest' })).toEqual([]);
    const { blockNumber, transactionHash } =
      (await devnet.protocol.provider.getLogs({ address: vault, fromBlock: 0 })).at(-1) ?? {};
    expect(blockNumber).toBe(old + 1);
    expect(await ask('eth_getTransactionReceipt', transactionHash)).toBe(null);
    expect(await ask('eth_getBlockByNumber', `0x${(old + 1).toString(16)}`, false)).toBe(null);
    expect(Number(((await ask('eth_getBlockByNumber', 'latest', false)) as { number: string }).number)).toBe(
      old,
    );
    expect(
      Number(((await ask('eth_getBlockByNumber', 'finalized', false)) as { number: string }).number),
    ).toBe(old - 4);
    expect(await ask('eth_getCode', keeper, 'latest')).not.toBe('0x');
    delete proxy.faults.behind;
    expect(BigInt(await ask('eth_getBalance', vault, 'latest'))).toBe(32n * 10n ** 18n);
  });
});

describe('the proxy', () => {
  it('the RPC proxy drops every third connection, loses answers, refuses, and is of another chain', async () => {
    await using proxy = await startRpcProxy(devnet.rpcUrl, { dropEvery: 3 });
    const asked = [];
    for (let i = 0; i < 6; i++) asked.push(await call(proxy.url, 'eth_chainId').catch(() => 'cut'));
    expect(asked).toEqual(['0x7a69', '0x7a69', 'cut', '0x7a69', '0x7a69', 'cut']);
    delete proxy.faults.dropEvery;
    const heard: string[] = [];
    proxy.onRequest = ({ method }) => void heard.push(`> ${method}`);
    proxy.onAnswer = ({ method }) => void heard.push(`< ${method}`);
    proxy.faults.losesAnswersOf = 'evm_mine';
    const before = await devnet.protocol.provider.getBlockNumber();
    await expect(call(proxy.url, 'evm_mine')).rejects.toThrow();
    expect(await devnet.protocol.provider.getBlockNumber()).toBe(before + 1);
    expect(heard).toEqual(['> evm_mine', '< evm_mine']);
    Object.assign(proxy.faults, {
      chainId: 5,
      syncing: 7,
      refuses: { method: 'eth_gasPrice', message: 'no' },
    });
    expect(await call(proxy.url, 'eth_chainId')).toBe('0x5');
    expect(await call(proxy.url, 'eth_syncing')).toMatchObject({ highestBlock: '0x3ef' });
    expect(await call(proxy.url, 'eth_gasPrice')).toBe(undefined);
  });
});

describe('a reorganisation', () => {
  it('reorganise takes back what was in the last blocks, and brings it again when asked', async () => {
    const balance = () => devnet.protocol.provider.getBalance(devnet.addresses.vault);
    const before = await balance();
    await devnet.depositEther(1);
    await devnet.mine(2);
    const head = await devnet.protocol.provider.getBlock('latest');
    await devnet.reorganise(3, { resends: true });
    expect((await balance()) - before).toBe(10n ** 18n);
    await devnet.reorganise(1);
    expect(await balance()).toBe(before);
    const replaced = await devnet.protocol.provider.getBlock(head?.number ?? 0);
    expect(replaced?.hash).not.toBe(head?.hash);
  });
});

describe('a beacon node that follows the chain', () => {
  it('the devnet’s beacon node knows a validator by its deposit, and takes its exit', async () => {
    const { vault } = devnet.addresses;
    await using beacon = await devnet.startBeaconNode();
    const validator = createValidator(vault, 0);
    const { publicKey, secretKey, depositSignature } = validator;
    const get = async (path: string) =>
      (await (await fetch(`${beacon.url}${path}`)).json()) as { data: never };
    const path = `/eth/v1/beacon/states/head/validators?id=${hex(publicKey)}`;
    expect((await get(path)).data).toEqual([]);
    const unsigned = { publicKey: createValidator(vault, 1).publicKey, depositSignature };
    await devnet.registerDirectly([unsigned, { publicKey, depositSignature }]);
    expect((await get(path)).data).toMatchObject([
      {
        index: '0',
        status: 'active_ongoing',
        validator: { withdrawal_credentials: `0x01${'00'.repeat(11)}${vault.slice(2).toLowerCase()}` },
      },
    ]);
    beacon.headEpoch = 1000n;
    const signature = sign(secretKey, exitSigningRoot({ epoch: 0n, validatorIndex: 0n }, BEACON_CHAIN));
    const exit = { message: { epoch: '0', validator_index: '0' }, signature: hex(signature) };
    const posted = await fetch(`${beacon.url}/eth/v1/beacon/pool/voluntary_exits`, {
      method: 'POST',
      body: JSON.stringify(exit),
    });
    expect(posted.status).toBe(200);
    expect(beacon.pool.has(0n)).toBe(true);
    const { head_slot: slot } = (await get('/eth/v1/node/syncing')).data as { head_slot: string };
    expect(Number(slot)).toBeGreaterThanOrEqual(0);
    await devnet.reorganise(3);
    expect((await get(path)).data).toEqual([]);
  });
});
