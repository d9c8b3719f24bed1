// What the Python operator has read of the network is stored only where chain and beacon chain have the same: no row is believed, and
// none can be missing.
import { afterAll, beforeAll, beforeEach, describe, expect } from 'vitest';
import { connectBeaconNode } from '../../../../../src/clients/beacon/beacon-node.ts';
import {
  connectExecutionNode,
  type ExecutionNode,
} from '../../../../../src/clients/execution/execution-node.ts';
import { type Database, openDatabase } from '../../../../../src/db/database.ts';
import { migrateDatabase } from '../../../../../src/db/migrator.ts';
import { publicKeyOf } from '../../../../../src/domain/keys/derivation.ts';
import { concatBytes, fromHex, toHex } from '../../../../../src/lib/bytes.ts';
import { RecordTable } from '../../../../../src/lib/record-table.ts';
import {
  type ImportScanOptions,
  importV3Scan,
} from '../../../../../src/services/staking/network-validators/import-v3-scan.ts';
import { createNetworkValidators } from '../../../../../src/services/staking/network-validators/network-validators.ts';
import {
  findCursor,
  type SyncOptions,
} from '../../../../../src/services/staking/network-validators/sync-network-validators.ts';
import { type BeaconNode, startBeaconNode } from '../../../../devnet/beacon-node.ts';
import { type Devnet, startDevnet } from '../../../../devnet/devnet.ts';
import { startRpcProxy } from '../../../../devnet/rpc-proxy.ts';
import { it } from '../../../../support/postgres/fixtures.ts';
import { createPgliteUrl } from '../../../../support/postgres/pglite.ts';
import { createTestDatabase } from '../../../../support/postgres/postgres.ts';
import {
  createDeposit,
  DEPOSIT_FORK_VERSION,
  depositKey,
  makeDeposit,
} from '../../../../support/scenes/chain-deposits.ts';
import { EXIT_CHAIN } from '../../../../support/scenes/signing-fixtures.ts';

/** A valid deposit of the chain; between them stand an invalid one and a top-up. */
interface Known {
  readonly publicKey: Uint8Array;
  readonly block: number;
}

const resources = new AsyncDisposableStack();
const opened: Partial<Record<'postgres' | 'pglite', Database>> = {};
let devnet: Devnet;
let node: ExecutionNode;
/** Six validators, all of them final. */
let known: readonly Known[];
let beacon: BeaconNode;

const keyOf = (index: number) => publicKeyOf(depositKey(index));
const INVALID = 20;

beforeAll(async () => {
  const open = async (url: string) => {
    const database = resources.use(await openDatabase({ url }));
    await migrateDatabase(database, { programVersion: '1.0.0' });
    return database;
  };
  devnet = resources.use(await startDevnet());
  opened.postgres = await open(resources.use(await createTestDatabase()).url);
  opened.pglite = await open(resources.use(await createPgliteUrl({ migrated: true })).url);
  node = await connect(devnet.rpcUrl);
  resources.defer(() => node.destroy());
  const made: Known[] = [];
  for (let index = 0; index < 6; index++) {
    made.push({ publicKey: keyOf(index), block: await makeDeposit(devnet, depositKey(index)) });
    if (index === 1) await makeDeposit(devnet, depositKey(INVALID), { signedBy: depositKey(9) });
    if (index === 3) await makeDeposit(devnet, depositKey(0), { signedBy: depositKey(9) });
  }
  known = made;
  await devnet.mine(70);
});
afterAll(() => resources.disposeAsync());

beforeEach(async () => {
  beacon = await startBeaconNode(EXIT_CHAIN, { firstIndex: 0n });
  for (const { publicKey } of known) beacon.addValidator(publicKey);
  return () => beacon[Symbol.asyncDispose]();
});

function connect(url: string): Promise<ExecutionNode> {
  return connectExecutionNode(
    {},
    { endpoints: [url], chainId: devnet.chainId, timeoutMs: 2_000, retryTimeoutMs: 300 },
  );
}

let chains = 0;
/** Rows are kept by chain, so each test gives the chain another number. */
function networkOf(genesisValidatorsIpfsHash = ''): SyncOptions['network'] {
  return {
    chainId: 2_000_000 + chains++,
    contracts: { ...devnet.addresses },
    genesisForkVersion: DEPOSIT_FORK_VERSION,
    genesisValidatorsIpfsHash,
    ipfsGateways: [devnet.ipfs.url],
  };
}

const scanOf = (rows: readonly Known[]) => ({
  publicKeys: RecordTable.from(
    rows.map(row => row.publicKey),
    48,
  ),
  lastBlock: Math.max(...rows.map(row => row.block)),
});

function databaseOf(kind: 'postgres' | 'pglite'): Database {
  const database = opened[kind];
  if (database === undefined) throw new Error('no database');
  return database;
}

async function run(
  rows: readonly Known[],
  {
    kind = 'postgres',
    from = node,
    network = networkOf(),
    ...options
  }: Partial<ImportScanOptions> & {
    readonly kind?: 'postgres' | 'pglite';
    readonly from?: ExecutionNode;
  } = {},
) {
  const client = await connectBeaconNode(
    {},
    {
      endpoints: [beacon.url],
      slotsPerEpoch: 32,
      timeoutMs: 2_000,
      retryTimeoutMs: 0,
      genesisValidatorsRoot: EXIT_CHAIN.genesisValidatorsRoot,
    },
  );
  const database = databaseOf(kind);
  const result = await importV3Scan(
    {
      database,
      node: from,
      beacon: client,
      http: {},
      progress: { start: () => ({ advance() {}, finish() {} }) },
    },
    { network, scan: scanOf(rows), isDryRun: false, threads: 1, ...options },
  );
  return { result, network };
}

/** Whether anything of a network was stored. */
async function isStored(network: SyncOptions['network']): Promise<boolean> {
  return (await findCursor({ database: databaseOf('postgres') }, { network })) !== undefined;
}

async function refuse(rows: readonly Known[], options: Parameters<typeof run>[1] = {}): Promise<string> {
  const network = options.network ?? networkOf();
  const refused = await run(rows, { ...options, network }).then(
    () => undefined,
    (error: unknown) => error as { code: string; exitCode: number; message: string },
  );
  expect(refused).toMatchObject({ code: 'operator-db-differs', exitCode: 3 });
  expect(await isStored(network)).toBe(false);
  return refused?.message ?? '';
}

const without = (place: number) => known.filter((_, i) => i !== place);

describe.each(['postgres', 'pglite'] as const)('an operator.db that is right, in %s', kind => {
  it('after an import the network’s validators are read from its last block on, and are those of the chain', async () => {
    const rows = known.slice(0, 4);
    const { result, network } = await run(rows, { kind });
    expect(result).toEqual({ status: 'stored', inSnapshot: 0 });
    await using proxy = await startRpcProxy(devnet.rpcUrl);
    const searchedFrom: number[] = [];
    proxy.onRequest = ({ method, params: [filter] }) => {
      if (method === 'eth_getLogs') searchedFrom.push(Number((filter as { fromBlock: string }).fromBlock));
    };
    using asked = await connect(proxy.url);
    const validators = createNetworkValidators(
      { database: databaseOf(kind), node: asked, http: {} },
      { network, threads: 1 },
    );
    expect((await validators.sync()).added).toBe(2);
    expect(Math.min(...searchedFrom)).toBe(scanOf(rows).lastBlock + 1);
    const keys = [...known.map(one => one.publicKey), keyOf(INVALID)];
    expect(await validators.findRegistered(keys)).toEqual(new Set(keys.slice(0, -1).map(toHex)));
    expect(await run(known, { kind, network })).toMatchObject({ result: { status: 'known' } });
  });
});

describe('what an import proves', () => {
  it('a dry run proves everything and stores nothing', async () => {
    const { result, network } = await run(known, { isDryRun: true });
    expect(result).toEqual({ status: 'proven', inSnapshot: 0 });
    expect(await isStored(network)).toBe(false);
  });

  it('an import stores nothing beside an operator that has begun to read meanwhile', async () => {
    const network = networkOf();
    const validators = createNetworkValidators(
      { database: databaseOf('postgres'), node, http: {} },
      { network, threads: 1 },
    );
    await using proxy = await startRpcProxy(devnet.rpcUrl);
    let isBegun = false;
    proxy.onRequest = async ({ method }) => {
      if (method !== 'eth_getLogs' || isBegun) return;
      isBegun = true;
      await validators.sync();
    };
    using slow = await connect(proxy.url);
    const { result } = await run(known.slice(0, 3), { network, from: slow });
    const cursor = await findCursor({ database: databaseOf('postgres') }, { network });
    expect(result).toEqual({ status: 'known', syncedBlock: cursor?.syncedBlock });
    expect(cursor?.validatorCount).toBe(BigInt(known.length));
  });

  it.for([
    ['of the last week', undefined, 'the deposit of'],
    ['of before', 0, 'neither among its rows'],
  ] as const)('no row %s may be missing, whichever it is', async ([, readAgainBlocks, reason]) => {
    // Without the last row the file is one that ends earlier, as every file does.
    for (const place of [0, 1, 2, 3, 4]) {
      const message = await refuse(without(place), { readAgainBlocks });
      expect(message).toContain(reason);
      expect(message).toContain(toHex(keyOf(place)));
    }
  });

  it('no row may be of another key, or be one too many', async () => {
    const stranger = { publicKey: keyOf(30), block: 5 };
    expect(await refuse([...known, stranger])).toContain(toHex(stranger.publicKey));
    expect(await refuse([...without(2), stranger])).toContain(toHex(stranger.publicKey));
    const invalid = { publicKey: keyOf(INVALID), block: known[1]?.block ?? 0 };
    expect(await refuse([...known, invalid])).toContain(toHex(invalid.publicKey));
  });

  it('the last block must be final, and one with a deposit', async () => {
    const last = known.at(-1) as Known;
    const head = await devnet.protocol.provider.getBlockNumber();
    expect(await refuse([...without(5), { ...last, block: head }])).toContain('is not final');
    expect(await refuse([...without(5), { ...last, block: Number.MAX_SAFE_INTEGER }])).toContain(
      'is not final',
    );
    expect(await refuse([...without(5), { ...last, block: last.block + 1 }])).toContain(
      'no deposit in its last block',
    );
  });

  it('a deposit that file and beacon node lack together is found in the contract if it is of the last week, and only then', async () => {
    await beacon[Symbol.asyncDispose]();
    beacon = await startBeaconNode(EXIT_CHAIN, { firstIndex: 0n });
    for (const { publicKey } of without(2)) beacon.addValidator(publicKey);
    expect(await refuse(without(2))).toContain(`the deposit of ${toHex(keyOf(2))}`);
    // This is what is trusted: that not both of them err in the same validator.
    expect((await run(without(2), { readAgainBlocks: 0 })).result.status).toBe('stored');
  });

  it('an execution node that hides a deposit is found out by the numbers of the contract', async () => {
    await using proxy = await startRpcProxy(devnet.rpcUrl);
    const hidden = known.at(-1)?.block;
    proxy.onAnswer = ({ method }, answer) => {
      if (method !== 'eth_getLogs') return;
      const logs = answer.result as { blockNumber: string }[];
      answer.result = logs.filter(log => Number(log.blockNumber) !== hidden);
    };
    using liar = await connect(proxy.url);
    await expect(run(known.slice(0, 4), { from: liar })).rejects.toMatchObject({ code: 'deposits-missing' });
  });
});

describe('pending deposits', () => {
  /** The beacon chain has not applied the deposits of the last two validators yet. */
  async function leavePending(): Promise<void> {
    await beacon[Symbol.asyncDispose]();
    beacon = await startBeaconNode(EXIT_CHAIN, { firstIndex: 0n });
    for (const { publicKey } of known.slice(0, 4)) beacon.addValidator(publicKey);
    for (const index of [4, 5, 0]) beacon.pendingDeposits.push(createDeposit(devnet, depositKey(index)));
    beacon.pendingDeposits.push(createDeposit(devnet, depositKey(INVALID), { signedBy: depositKey(9) }));
  }

  it('a pending deposit with a valid signature counts as a validator, one without does not', async () => {
    await leavePending();
    expect((await run(known)).result.status).toBe('stored');
    expect((await run(known.slice(0, 3))).result.status).toBe('stored');
    const invalid = { publicKey: keyOf(INVALID), block: known[1]?.block ?? 0 };
    expect(await refuse([...known, invalid])).toContain(toHex(invalid.publicKey));
    expect(await refuse(without(4))).toContain(toHex(keyOf(4)));
  });

  it('a beacon node that does not tell them is not enough', async () => {
    beacon.fault = 'before-electra';
    await expect(run(known)).rejects.toMatchObject({ code: 'pending-deposits-not-served' });
  });
});

describe('the network’s snapshot', () => {
  const publish = (rows: readonly Known[]) =>
    devnet.ipfs.add(
      concatBytes(
        rows.flatMap(({ block, publicKey }) => [fromHex(block.toString(16).padStart(8, '0')), publicKey]),
      ),
    );

  it('validators of the snapshot are not asked for, and none of them may be missing', async () => {
    const network = networkOf(await publish(known.slice(0, 3)));
    expect((await run(known, { network })).result).toEqual({ status: 'stored', inSnapshot: 3 });
    const bodies = beacon.requests.filter(({ path }) => path.endsWith('/validators')).map(({ body }) => body);
    expect(JSON.parse(bodies[0] ?? '').ids[0]).toBe('3');
    const hash = network.genesisValidatorsIpfsHash;
    expect(await refuse(without(1), { network: networkOf(hash) })).toContain(toHex(keyOf(1)));
  });

  it('an operator.db that ends before the snapshot is refused, since it saves nothing', async () => {
    const network = networkOf(await publish(known));
    expect(await refuse(known.slice(0, 3), { network })).toContain('snapshot');
  });
});
