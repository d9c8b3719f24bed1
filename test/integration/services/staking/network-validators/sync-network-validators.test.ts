import { AbiCoder } from 'ethers/abi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  connectExecutionNode,
  type ExecutionNode,
} from '../../../../../src/clients/execution/execution-node.ts';
import { type Database, openDatabase } from '../../../../../src/db/database.ts';
import { migrateDatabase } from '../../../../../src/db/migrator.ts';
import { publicKeyOf } from '../../../../../src/domain/keys/derivation.ts';
import { concatBytes, fromHex, toHex } from '../../../../../src/lib/bytes.ts';
import { WEI_PER_GWEI as GWEI } from '../../../../../src/lib/units.ts';
import {
  createNetworkValidators,
  type RegistryState,
} from '../../../../../src/services/staking/network-validators/network-validators.ts';
import type { SyncOptions } from '../../../../../src/services/staking/network-validators/sync-network-validators.ts';
import { type Devnet, startDevnet } from '../../../../devnet/devnet.ts';
import { startRpcProxy } from '../../../../devnet/rpc-proxy.ts';
import { createPgliteUrl } from '../../../../support/postgres/pglite.ts';
import { createTestDatabase } from '../../../../support/postgres/postgres.ts';
import {
  DEPOSIT_FORK_VERSION,
  type DepositOptions,
  depositKey,
  makeDeposit,
} from '../../../../support/scenes/chain-deposits.ts';
import { startServer } from '../../../../support/servers/http-server.ts';

let devnet: Devnet;
const databases = new AsyncDisposableStack();
const opened: Partial<Record<'postgres' | 'pglite', Database>> = {};
/** Valid deposits of these keys are final, in this order; between them stand invalid ones, top-ups and repetitions. */
const FINAL_KEYS = 6;
let lastFinalDeposit: number;

beforeAll(async () => {
  const open = async (url: string) => {
    const database = databases.use(await openDatabase({ url }));
    await migrateDatabase(database, { programVersion: '1.0.0' });
    return database;
  };
  const [started] = await Promise.all([
    startDevnet(),
    (async () => {
      opened.postgres = await open(databases.use(await createTestDatabase()).url);
      opened.pglite = await open(databases.use(await createPgliteUrl({ migrated: true })).url);
    })(),
  ]);
  devnet = started;
  await deposit(key(0));
  await deposit(key(1), { amountGwei: GWEI });
  // Not signed by its key, and later signed: counts from then on.
  await deposit(key(2), { signedBy: key(9) });
  await deposit(key(0), { signedBy: key(9) });
  await devnet.mine(20);
  await deposit(key(2));
  await deposit(key(1));
  await deposit(key(8), { signature: new Uint8Array(96) });
  await deposit(key(3));
  await deposit(key(4));
  lastFinalDeposit = await deposit(key(5), { amountGwei: 2048n * GWEI });
  await devnet.mine(70);
});
afterAll(async () => {
  await databases.disposeAsync();
  await devnet.stop();
});

const key = depositKey;

function deposit(secretKey: Uint8Array, options: DepositOptions = {}): Promise<number> {
  return makeDeposit(devnet, secretKey, options);
}

async function connect(url = devnet.rpcUrl): Promise<ExecutionNode> {
  const endpoints = [url];
  return await connectExecutionNode(
    {},
    { endpoints, chainId: devnet.chainId, timeoutMs: 2_000, retryTimeoutMs: 300 },
  );
}

let chains = 0;
/** Rows are kept by chain, so each test gives the chain another number. */
function networkOf(changes: Partial<SyncOptions['network']> = {}): SyncOptions['network'] {
  return {
    chainId: 1_000_000 + chains++,
    contracts: { ...devnet.addresses },
    genesisForkVersion: DEPOSIT_FORK_VERSION,
    genesisValidatorsIpfsHash: '',
    ipfsGateways: [devnet.ipfs.url],
    ...changes,
  };
}

function open(
  kind: 'postgres' | 'pglite',
  node: ExecutionNode,
  options: Partial<SyncOptions> & { log?: { warn: (text: string) => void } } = {},
) {
  const database = opened[kind];
  if (database === undefined) throw new Error('no database');
  const log = { info: () => undefined, warn: options.log?.warn ?? (() => undefined) } as never;
  return createNetworkValidators(
    { database, node, http: {}, log },
    { network: networkOf(), threads: 1, ...options },
  );
}

async function head(): Promise<RegistryState> {
  const { provider } = devnet.protocol;
  const contract = devnet.protocol.at('DepositContract', devnet.addresses.depositContract);
  const count = fromHex(await contract.getFunction('get_deposit_count')());
  return {
    blockNumber: await provider.getBlockNumber(),
    registryRoot: fromHex(await contract.getFunction('get_deposit_root')()),
    depositCount: new DataView(count.buffer).getBigUint64(0, true),
  };
}

/** What is done to the answer of eth_getLogs on its way; null for a node that fails. */
async function startForger(forge: (logs: Record<string, unknown>[]) => Record<string, unknown>[] | null) {
  return await startServer(async ({ body }) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await (await fetch(devnet.rpcUrl, { method: 'POST', headers, body })).json();
    const requests = [JSON.parse(body)].flat();
    const answers = [answer].flat() as Record<string, unknown>[];
    for (const [i, one] of answers.entries()) {
      if (requests[i]?.method !== 'eth_getLogs') continue;
      one.result = forge(one.result as Record<string, unknown>[]);
      if (one.result === null) return { status: 400, body: 'out of order' };
    }
    return { headers, body: JSON.stringify(answer) };
  });
}

describe.each(['postgres', 'pglite'] as const)('network validators in %s', kind => {
  it('network validators are those with a valid first deposit, final ones stored, others counted up to the head', async () => {
    using node = await connect();
    const validators = open(kind, node);
    await expect(validators.nextValidatorIndex(await head())).rejects.toMatchObject({
      code: 'network-validators-not-synced',
    });
    const before = await head();
    expect(await validators.sync()).toEqual({ block: before.blockNumber - 64, added: FINAL_KEYS });
    expect(await validators.nextValidatorIndex(before)).toBe(BigInt(FINAL_KEYS));

    const snapshot = await devnet.protocol.provider.send('evm_snapshot', []);
    await deposit(key(6));
    await deposit(key(0));
    await deposit(key(7), { signedBy: key(9) });
    expect(await validators.nextValidatorIndex(await head())).toBe(BigInt(FINAL_KEYS) + 1n);
    const keys = [0, 5, 6, 7, 8].map(i => publicKeyOf(key(i)));
    expect(await validators.findRegistered(keys)).toEqual(new Set(keys.slice(0, 3).map(toHex)));
    expect(await validators.sync()).toEqual({ block: before.blockNumber - 61, added: 0 });

    // A reorganisation takes the unfinalized deposits away.
    await devnet.protocol.provider.send('evm_revert', [snapshot]);
    await devnet.mine(5);
    expect(await validators.nextValidatorIndex(await head())).toBe(BigInt(FINAL_KEYS));
    expect(await validators.findRegistered(keys)).toEqual(new Set(keys.slice(0, 2).map(toHex)));
  });

  it('a sync of network validators reads on from where a crash stopped it', async () => {
    let windows = 0;
    await using forger = await startForger(logs => (++windows > 3 ? null : logs));
    const network = networkOf();
    using dying = await connect(forger.url);
    await expect(open(kind, dying, { network, windowBlocks: 4 }).sync()).rejects.toMatchObject({
      code: expect.any(String),
    });
    await using proxy = await startRpcProxy(devnet.rpcUrl);
    using node = await connect(proxy.url);
    const validators = open(kind, node, { network });
    const { added } = await validators.sync();
    expect(added).toBeLessThan(FINAL_KEYS);
    expect(await validators.nextValidatorIndex(await head())).toBe(BigInt(FINAL_KEYS));
  });

  it('a sync of network validators begins with the network’s snapshot when its bytes are right', async () => {
    using node = await connect();
    const records = [21, 22, 23].map(i => [lastFinalDeposit - 5, publicKeyOf(key(i))] as const);
    const document = concatBytes(
      records.map(([block, publicKey]) =>
        concatBytes([fromHex(block.toString(16).padStart(8, '0')), publicKey]),
      ),
    );
    const hash = await devnet.ipfs.add(document);
    const network = networkOf({ genesisValidatorsIpfsHash: hash });
    const first = open(kind, node, { network });
    const { added } = await first.sync();
    // Of the blocks after the snapshot's last one.
    expect(added).toBe(4);
    expect(await first.nextValidatorIndex(await head())).toBe(7n);
    expect(await first.findRegistered([publicKeyOf(key(22)), publicKeyOf(key(0))])).toEqual(
      new Set([toHex(publicKeyOf(key(22)))]),
    );

    devnet.ipfs.fault = 'wrong-bytes';
    const warnings: string[] = [];
    const other = networkOf({ genesisValidatorsIpfsHash: hash });
    const second = open(kind, node, { network: other, log: { warn: text => warnings.push(text) } });
    expect((await second.sync()).added).toBe(FINAL_KEYS);
    devnet.ipfs.fault = undefined;
    expect(warnings).toEqual([expect.stringContaining(`${hash} could not be proven`)]);
  });
});

describe('syncing', () => {
  it.each([1_000, 16, 1])(
    'a sync of network validators adapts to a node that allows log ranges of %i blocks',
    async maxLogBlocks => {
      await using proxy = await startRpcProxy(devnet.rpcUrl, { maxLogBlocks });
      using node = await connect(proxy.url);
      const validators = open('postgres', node);
      expect((await validators.sync()).added).toBe(FINAL_KEYS);
      const asked = proxy.methods.filter(method => method === 'eth_getLogs').length;
      const before = proxy.methods.length;
      await validators.sync();
      expect(proxy.methods.slice(before)).toEqual(['eth_getBlockByNumber']);
      expect(asked).toBeLessThan((await head()).blockNumber / maxLogBlocks + 20);
    },
  );

  it('two syncs of network validators at once store everything once', async () => {
    const network = networkOf();
    using node = await connect();
    const results = await Promise.all(
      [3, 5].map(windowBlocks => open('postgres', node, { network, windowBlocks }).sync()),
    );
    expect(results.reduce((sum, { added }) => sum + added, 0)).toBe(FINAL_KEYS);
    const again = open('postgres', node, { network });
    await again.sync();
    expect(await again.nextValidatorIndex(await head())).toBe(BigInt(FINAL_KEYS));
  });

  it('a sync of network validators ends at once when it is told to', async () => {
    using node = await connect();
    const stop = AbortSignal.abort(new Error('stopped'));
    await expect(open('postgres', node).sync(stop)).rejects.toThrow('stopped');
    // Also while it waits for a gateway.
    devnet.ipfs.fault = 'slow';
    const network = networkOf({ genesisValidatorsIpfsHash: await devnet.ipfs.add('slow') });
    const soon = AbortSignal.timeout(100);
    await expect(open('postgres', node, { network }).sync(soon)).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    devnet.ipfs.fault = undefined;
  });
});

describe('a node that lies', () => {
  it('a node that lies cannot add deposits that were not asked for', async () => {
    await using forger = await startForger(logs => {
      const [log] = logs;
      if (log === undefined) return logs;
      return [
        { ...log, address: devnet.addresses.vault },
        { ...log, topics: [`0x${'12'.repeat(32)}`] },
        { ...log, removed: true },
        { ...log, blockNumber: '0xfffff' },
        ...logs.toReversed(),
      ];
    });
    using node = await connect(forger.url);
    const validators = open('postgres', node);
    expect((await validators.sync()).added).toBe(FINAL_KEYS);
    expect(await validators.nextValidatorIndex(await head())).toBe(BigInt(FINAL_KEYS));
  });

  it.each([
    ['too short', '0x1234'],
    ['of another form', AbiCoder.defaultAbiCoder().encode(Array(5).fill('bytes'), Array(5).fill('0x12'))],
  ])('a node that lies cannot make a deposit of data that is %s', async (_, data) => {
    await using forger = await startForger(logs => logs.map(log => ({ ...log, data })));
    using node = await connect(forger.url);
    await expect(open('postgres', node).sync()).rejects.toMatchObject({
      code: 'invalid-answer',
      message: expect.stringContaining('that the deposit contract cannot have made'),
    });
  });

  it('a node that lies cannot hide a deposit, neither between others nor at the end of what it tells', async () => {
    const network = networkOf();
    let hidden = 3;
    const isHidden = (log: Record<string, unknown>) => indexOf(String(log.data)) === hidden;
    await using forger = await startForger(logs => logs.filter(log => !isHidden(log)));
    using liar = await connect(forger.url);
    await expect(open('postgres', liar, { network }).sync()).rejects.toMatchObject({
      code: 'deposits-missing',
      message: expect.stringContaining('must have number 3, but it is 4'),
    });
    // The last one of a window: seen by the next window's first, and read again.
    const small = { network, windowBlocks: 1 };
    await expect(open('postgres', liar, small).sync()).rejects.toMatchObject({ code: 'deposits-missing' });
    hidden = 9;
    const validators = open('postgres', liar, { network });
    expect((await validators.sync()).added).toBeGreaterThan(0);
    await expect(validators.nextValidatorIndex(await head())).rejects.toMatchObject({
      code: 'deposits-missing',
    });
    // The cursor has gone back, so that an honest answer puts it right.
    hidden = -1;
    await validators.sync();
    expect(await validators.nextValidatorIndex(await head())).toBe(BigInt(FINAL_KEYS));
  });

  function indexOf(data: string): number {
    const bytes = fromHex(data);
    return Number(new DataView(bytes.buffer).getBigUint64(0x220, true));
  }
});
