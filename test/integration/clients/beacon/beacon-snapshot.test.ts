import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectBeaconNode } from '../../../../src/clients/beacon/beacon-node.ts';
import { type BeaconSnapshot, BeaconSnapshotReader } from '../../../../src/clients/beacon/beacon-snapshot.ts';
import { type Hex, toHex } from '../../../../src/lib/bytes.ts';
import {
  type Answer,
  type SeenRequest,
  startServer,
  type TestServer,
} from '../../../support/servers/http-server.ts';

const GENESIS_ROOT = new Uint8Array(32).fill(0xd3);
const SLOT = 1_000n;

interface Validator {
  readonly index: string;
  readonly balance: string;
  readonly status: string;
  readonly validator: Readonly<Record<string, string>>;
}

/** What a node has, and does wrong. */
interface Chain {
  slot: bigint;
  /** Names the block of the slot: another one is another branch. */
  branch: number;
  validators: readonly Validator[];
  deposits: readonly unknown[];
  partials: readonly unknown[];
  consolidations: readonly unknown[];
  /** Answers instead of the node; undefined: the node answers. */
  instead?: ((request: SeenRequest) => Answer | undefined) | undefined;
  /** Has answered by itself when it says so. */
  respond?: ((request: SeenRequest, response: ServerResponse) => boolean) | undefined;
  /** Is told of each request before it is answered. */
  before?: ((request: SeenRequest) => void) | undefined;
}

interface Node extends Chain {
  readonly server: TestServer;
}

let nodes: [Node, Node];
beforeEach(async () => {
  nodes = [await startNode(), await startNode()];
});
afterEach(async () => {
  for (const { server } of nodes) await server[Symbol.asyncDispose]();
});

async function startNode(): Promise<Node> {
  const chain: Chain = {
    slot: SLOT,
    branch: 1,
    validators: [],
    deposits: [],
    partials: [],
    consolidations: [],
  };
  const server = await startServer((request, response) => {
    chain.before?.(request);
    if (chain.respond?.(request, response)) return undefined;
    return chain.instead?.(request) ?? answer(chain, request);
  });
  return Object.assign(chain, { server });
}

const root = (slot: bigint, branch: number) =>
  `0x${(slot * 256n + BigInt(branch)).toString(16).padStart(64, '0')}`;
const data = (value: unknown, more: Readonly<Record<string, unknown>> = {}): Answer => ({
  body: JSON.stringify({ execution_optimistic: false, finalized: false, data: value, ...more }),
});
const NOT_FOUND: Answer = { status: 404, body: '{"code":404,"message":"NOT_FOUND"}' };

function answer(chain: Chain, { method, path, body }: SeenRequest): Answer {
  const { slot, branch } = chain;
  const block = root(slot, branch);
  const state = `/eth/v1/beacon/states/${slot}`;
  switch (`${method} ${path.split('?')[0]}`) {
    case 'GET /eth/v1/beacon/genesis':
      return data({ genesis_validators_root: toHex(GENESIS_ROOT) });
    case 'GET /eth/v1/node/syncing':
      return data({ head_slot: String(slot), sync_distance: '0', is_syncing: false });
    case 'GET /eth/v1/beacon/headers/head':
    case `GET /eth/v1/beacon/headers/${slot}`:
      return data({
        root: block,
        canonical: true,
        header: { message: { slot: String(slot), state_root: root(slot, branch + 100) } },
      });
    case `GET /eth/v1/beacon/blinded_blocks/${block}`:
      return data(blockOf(chain, 'execution_payload_header'));
    case `GET /eth/v2/beacon/blocks/${block}`:
      return data(blockOf(chain, 'execution_payload'));
    case `POST ${state}/validators`: {
      const { ids } = JSON.parse(body) as { readonly ids: readonly string[] };
      return data(chain.validators.filter(({ validator }) => ids.includes(validator.pubkey ?? '')));
    }
    case `GET ${state}/validators`: {
      const ids = new URL(path, 'http://x').searchParams.get('id')?.split(',') ?? [];
      return data(chain.validators.filter(({ validator }) => ids.includes(validator.pubkey ?? '')));
    }
    case `GET ${state}/pending_deposits`:
      return data(chain.deposits, { version: 'electra' });
    case `GET ${state}/pending_partial_withdrawals`:
      return data(chain.partials);
    case `GET ${state}/pending_consolidations`:
      return data(chain.consolidations);
    default:
      return NOT_FOUND;
  }
}

function blockOf({ slot, branch }: Chain, payload: string) {
  return {
    message: {
      slot: String(slot),
      state_root: root(slot, branch + 100),
      body: {
        [payload]: {
          block_number: String(slot + 50n),
          block_hash: root(slot + 50n, branch),
          timestamp: '1700000000',
          transactions: [],
        },
      },
    },
  };
}

const key = (n: number) => {
  const bytes = new Uint8Array(48).fill(n & 0xff);
  bytes[1] = n >> 8;
  return bytes;
};

function validator(n: number, changes: Readonly<Record<string, string>> = {}): Validator {
  return {
    index: String(n),
    balance: String(32_000_000_000 + n),
    status: changes.status ?? 'active_ongoing',
    validator: {
      pubkey: changes.pubkey ?? toHex(key(n)),
      withdrawal_credentials: `0x02${'00'.repeat(11)}${'a1'.repeat(20)}`,
      effective_balance: '32000000000',
      activation_epoch: '3',
      exit_epoch: '18446744073709551615',
      ...changes,
    },
  };
}

const deposit = (n: number, amount: string) => ({
  pubkey: toHex(key(n)),
  withdrawal_credentials: `0x02${'00'.repeat(11)}${'a1'.repeat(20)}`,
  amount,
  signature: `0x${'00'.repeat(96)}`,
  slot: '999',
});

async function openReader(
  endpoints = [nodes[0].server.url],
  retryTimeoutMs = 0,
): Promise<BeaconSnapshotReader> {
  const node = await connectBeaconNode(
    {},
    { endpoints, slotsPerEpoch: 32, timeoutMs: 2_000, retryTimeoutMs, genesisValidatorsRoot: GENESIS_ROOT },
  );
  return new BeaconSnapshotReader(node);
}

const readAll = async (snapshot: BeaconSnapshot) => {
  const [validators, deposits, partials, consolidations] = await Promise.all([
    snapshot.fetchValidators([key(1), key(2), key(3)]),
    snapshot.fetchPendingDeposits([key(1), key(2)]),
    snapshot.fetchPendingPartialWithdrawals(),
    snapshot.fetchPendingConsolidations(),
  ]);
  return { head: snapshot.head, validators, deposits, partials, consolidations };
};
const slotOf = async ({ head }: BeaconSnapshot) => head.slot;
const paths = ({ server }: Node) => server.seen.map(({ method, path }) => `${method} ${path}`);

describe('a snapshot of the beacon chain', () => {
  it('BeaconSnapshotReader reads everything of the head in the state of its slot', async () => {
    const [node] = nodes;
    node.validators = [validator(1), validator(2, { status: 'active_slashed' })];
    node.deposits = [deposit(9, '5'), deposit(2, '32000000000'), deposit(1, '1'), deposit(2, '7')];
    node.partials = [{ validator_index: '1', amount: '5', withdrawable_epoch: '288' }];
    node.consolidations = [{ source_index: '1', target_index: '2' }];
    const reader = await openReader();
    const read = await reader.read(readAll);
    expect(read.head).toEqual({
      slot: SLOT,
      epoch: 31n,
      blockRoot: Uint8Array.from(Buffer.from(root(SLOT, 1).slice(2), 'hex')),
      executionBlock: { number: 1_050, hash: root(SLOT + 50n, 1), timestamp: 1_700_000_000 },
    });
    expect([...read.validators.keys()]).toEqual([toHex(key(1)), toHex(key(2))]);
    expect(read.validators.get(toHex(key(2)))).toMatchObject({
      index: 2n,
      status: 'active_slashed',
      balanceGwei: 32_000_000_002n,
      effectiveBalanceGwei: 32_000_000_000n,
      activationEpoch: 3n,
    });
    expect(read.deposits.map(({ publicKey, amountGwei }) => [toHex(publicKey), amountGwei])).toEqual([
      [toHex(key(2)), 32_000_000_000n],
      [toHex(key(1)), 1n],
      [toHex(key(2)), 7n],
    ]);
    expect(read.deposits[0]).toMatchObject({ slot: 999n, signature: new Uint8Array(96) });
    expect(read.partials).toEqual([{ validatorIndex: 1n, amountGwei: 5n, withdrawableEpoch: 288n }]);
    expect(read.consolidations).toEqual([{ sourceIndex: 1n, targetIndex: 2n }]);
    expect(paths(node).filter(path => path.includes('/states/'))).toHaveLength(4);
    expect(paths(node).every(path => !path.includes('/states/') || path.includes(`/states/${SLOT}/`))).toBe(
      true,
    );
    expect(paths(node).at(-1)).toBe(`GET /eth/v1/beacon/headers/${SLOT}`);
  });

  it('fetchPendingDeposits reads SSZ of a node that has it', async () => {
    const [node] = nodes;
    const records = [deposit(9, '5'), deposit(2, '32000000000'), deposit(1, '18446744073709551615')];
    const ssz = Buffer.concat(
      records.map(({ pubkey, withdrawal_credentials, amount, signature, slot }) => {
        const numbers = Buffer.alloc(16);
        numbers.writeBigUInt64LE(BigInt(amount));
        numbers.writeBigUInt64LE(BigInt(slot), 8);
        const bytes = (text: string) => Buffer.from(text.slice(2), 'hex');
        return Buffer.concat([
          bytes(pubkey),
          bytes(withdrawal_credentials),
          numbers.subarray(0, 8),
          bytes(signature),
          numbers.subarray(8),
        ]);
      }),
    );
    let given = ssz;
    node.respond = ({ path, headers }, response) => {
      if (!path.endsWith('pending_deposits')) return false;
      expect(headers.accept).toMatch(/^application\/octet-stream, application\/json;/);
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(given);
      return true;
    };
    const reader = await openReader();
    const read = () => reader.read(snapshot => snapshot.fetchPendingDeposits([key(1), key(2), key(3)]));
    expect((await read()).map(one => [one.publicKey[0], one.amountGwei, one.slot])).toEqual([
      [2, 32_000_000_000n, 999n],
      [1, 2n ** 64n - 1n, 999n],
    ]);
    given = Buffer.alloc(0);
    expect(await read()).toEqual([]);
    given = ssz.subarray(1);
    await expect(read()).rejects.toMatchObject({
      code: 'invalid-answer',
      message: expect.stringContaining('575 bytes are no pending deposits of 192'),
    });
  });

  it('fetchValidators asks for 5,000 keys at once, and by GET where a node has no POST', async () => {
    const [node] = nodes;
    const reader = await openReader();
    const keys = Array.from({ length: 5_001 }, (_, i) => key(i));
    await reader.read(snapshot => snapshot.fetchValidators([...keys, ...keys]));
    const sizes = node.server.seen
      .filter(({ method }) => method === 'POST')
      .map(({ body }) => (JSON.parse(body) as { ids: string[] }).ids.length);
    expect(sizes).toEqual([5_000, 1]);
    node.validators = [validator(70)];
    node.instead = ({ method }) => (method === 'POST' ? { status: 405 } : undefined);
    const found = await reader.read(snapshot => snapshot.fetchValidators(keys.slice(0, 130)));
    expect([...found.keys()]).toEqual([toHex(key(70))]);
    expect(paths(node).filter(path => path.includes('validators?id='))).toHaveLength(3);
    expect((await reader.read(snapshot => snapshot.fetchValidators([]))).size).toBe(0);
  });

  it('a node that has no blinded blocks is asked for whole ones, and remembered', async () => {
    const [node] = nodes;
    node.instead = ({ path }) => (path.includes('blinded_blocks') ? NOT_FOUND : undefined);
    const reader = await openReader();
    expect(await reader.read(async ({ head }) => head.executionBlock.number)).toBe(1_050);
    await reader.read(slotOf);
    expect(paths(node).filter(path => path.includes('blinded_blocks'))).toHaveLength(1);
    expect(paths(node).filter(path => path.includes('/v2/beacon/blocks/'))).toHaveLength(2);
  });
});

describe('a node that does not do', () => {
  it.each(['pending_deposits', 'pending_partial_withdrawals', 'pending_consolidations'])(
    'a node without %s is named, and another one is asked for everything',
    async queue => {
      const [node, other] = nodes;
      for (const status of [400, 404, 405, 501]) {
        node.instead = ({ path }) => (path.endsWith(queue) ? { status } : undefined);
        const alone = await openReader();
        await expect(alone.read(readAll)).rejects.toMatchObject({
          code: 'beacon-query-not-served',
          message: expect.stringContaining(queue),
          exitCode: 1,
        });
      }
      other.slot = SLOT + 1n;
      const both = await openReader([node.server.url, other.server.url]);
      expect((await both.read(readAll)).head.slot).toBe(SLOT + 1n);
      expect(paths(other).filter(path => path.includes('/states/'))).toHaveLength(4);
    },
  );

  it('a node that is behind what was read before is named, and another one is asked', async () => {
    const [node, other] = nodes;
    const reader = await openReader();
    await reader.read(slotOf);
    node.slot = SLOT - 1n;
    await expect(reader.read(slotOf)).rejects.toMatchObject({ code: 'node-behind', retryable: true });
    node.slot = SLOT;
    const both = await openReader([node.server.url, other.server.url]);
    await both.read(slotOf);
    node.slot = SLOT - 1n;
    expect(await both.read(slotOf)).toBe(SLOT);
  });

  it('a node that is syncing, or whose answers are optimistic, is not asked', async () => {
    const [node] = nodes;
    const reader = await openReader();
    const syncing = { head_slot: '1', sync_distance: '9', is_syncing: true };
    node.instead = ({ path }) => (path.endsWith('/syncing') ? data(syncing) : undefined);
    await expect(reader.read(slotOf)).rejects.toMatchObject({ code: 'beacon-node-not-ready' });
    for (const part of [
      'headers/head',
      'blinded_blocks',
      'validators',
      'pending_deposits',
      'pending_consolidations',
    ]) {
      node.instead = request => {
        if (!request.path.includes(part)) return undefined;
        const { body } = answer(node, request);
        return { body: JSON.stringify({ ...JSON.parse(body ?? ''), execution_optimistic: true }) };
      };
      await expect(reader.read(readAll)).rejects.toMatchObject({
        code: 'beacon-node-not-ready',
        message: expect.stringContaining('optimistic'),
      });
    }
  });

  it.each([
    [
      'another block in its slot',
      (node: Node) => {
        node.branch = 2;
      },
    ],
    [
      'no block in its slot',
      (node: Node) => {
        node.slot = SLOT + 3n;
      },
    ],
  ])('a chain that has %s when all is read gives no snapshot', async (_, reorganise) => {
    const [node] = nodes;
    const reader = await openReader();
    node.before = ({ path }) => {
      if (path.endsWith('pending_consolidations')) reorganise(node);
    };
    await expect(reader.read(readAll)).rejects.toMatchObject({
      code: 'beacon-chain-reorganised',
      retryable: true,
      message: expect.stringContaining(`in slot ${SLOT}`),
    });
  });

  it('a snapshot is read again from the new head when the chain is reorganised', async () => {
    const [node] = nodes;
    const reader = await openReader(undefined, 10_000);
    let reads = 0;
    node.before = ({ path }) => {
      if (!path.endsWith('pending_consolidations') || reads > 1) return;
      node.slot = SLOT + 1n;
      node.branch = 7;
    };
    const { head } = await reader.read(snapshot => {
      reads++;
      return readAll(snapshot);
    });
    expect(reads).toBe(2);
    expect(head.slot).toBe(SLOT + 1n);
    expect(toHex(head.blockRoot)).toBe(root(SLOT + 1n, 7));
  });

  it('a node that fails half-way is left for another one, and nothing of it is used', async () => {
    const [node, other] = nodes;
    node.validators = [validator(1)];
    other.validators = [validator(2)];
    other.slot = SLOT + 2n;
    node.instead = ({ path }) => (path.endsWith('pending_consolidations') ? { status: 500 } : undefined);
    const reader = await openReader([node.server.url, other.server.url]);
    const { head, validators } = await reader.read(readAll);
    expect(head.slot).toBe(SLOT + 2n);
    expect([...validators.keys()]).toEqual([toHex(key(2))]);
  });

  it.each<[string, string, (body: Record<string, unknown>) => unknown]>([
    [
      'a block of another slot',
      'blinded_blocks',
      body => ({ ...body, data: { message: { ...messageOf(body), slot: '7' } } }),
    ],
    [
      'a block of another state',
      'blinded_blocks',
      body => ({ ...body, data: { message: { ...messageOf(body), state_root: `0x${'55'.repeat(32)}` } } }),
    ],
    [
      'a block without a payload',
      'blinded_blocks',
      body => ({ ...body, data: { message: { ...messageOf(body), body: {} } } }),
    ],
    ['a header without a root', 'headers/head', body => ({ ...body, data: { header: {} } })],
    [
      'a balance that is a number',
      'validators',
      body => ({ ...body, data: [{ ...validator(1), balance: 5 }] }),
    ],
    [
      'a balance above 2^64',
      'validators',
      body => ({ ...body, data: [{ ...validator(1), balance: '18446744073709551616' }] }),
    ],
    [
      'two validators of one key',
      'validators',
      body => ({ ...body, data: [validator(1), validator(8, { pubkey: toHex(key(1)) })] }),
    ],
    [
      'a status that is not known',
      'validators',
      body => ({ ...body, data: [validator(1, { status: 'asleep' })] }),
    ],
    [
      'a deposit without an amount',
      'pending_deposits',
      body => ({ ...body, data: [{ ...deposit(1, '1'), amount: null }] }),
    ],
    [
      'a deposit with a short key',
      'pending_deposits',
      body => ({ ...body, data: [{ ...deposit(1, '1'), pubkey: '0x12' }] }),
    ],
    [
      'a withdrawal of a negative amount',
      'pending_partial_withdrawals',
      body => ({ ...body, data: [{ validator_index: '1', amount: '-1', withdrawable_epoch: '1' }] }),
    ],
    [
      'a consolidation without a target',
      'pending_consolidations',
      body => ({ ...body, data: [{ source_index: '1' }] }),
    ],
    ['no list', 'pending_consolidations', body => ({ ...body, data: {} })],
  ])('an answer with %s is no answer', async (_, part, change) => {
    const [node] = nodes;
    const reader = await openReader();
    node.instead = request => {
      if (!request.path.includes(part)) return undefined;
      return { body: JSON.stringify(change(JSON.parse(answer(node, request).body ?? ''))) };
    };
    await expect(reader.read(readAll)).rejects.toMatchObject({ code: 'invalid-answer' });
  });

  it('validators that were not asked for are left out', async () => {
    const [node] = nodes;
    node.instead = request =>
      request.path.endsWith('validators') ? data([validator(1), validator(50)]) : undefined;
    const reader = await openReader();
    const found = await reader.read(snapshot => snapshot.fetchValidators([key(1)]));
    expect([...found.keys()]).toEqual<Hex[]>([toHex(key(1))]);
  });
});

function messageOf(body: Record<string, unknown>): Record<string, unknown> {
  return (body.data as { readonly message: Record<string, unknown> }).message;
}
