import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  fetchConsolidationQueue,
  fetchWithdrawalQueue,
} from '../../../../../src/clients/execution/contracts/request-queues.ts';
import { toHex } from '../../../../../src/lib/bytes.ts';
import { readNewestVectors, type Whole } from '../../../../support/recorded/newest-vectors.ts';
import {
  connectViews,
  startVersion5Views,
  type Version5Views,
} from '../../../../support/scenes/version-5-views.ts';
import { startServer } from '../../../../support/servers/http-server.ts';

interface QueueCase {
  readonly kind: 'withdrawal' | 'consolidation';
  readonly storage: Readonly<Record<string, string>>;
  readonly result: readonly (
    | { readonly source_address: string; readonly public_key: string; readonly amount: Whole }
    | { readonly source_address: string; readonly source_pubkey: string; readonly target_pubkey: string }
  )[];
}

const vectors = readNewestVectors<{
  readonly withdrawal_contract: string;
  readonly consolidation_contract: string;
  readonly cases: readonly QueueCase[];
}>('execution-request-queues');
/** What stands in the first slot until the contract has begun. */
const INHIBITED = 2n ** 256n - 1n;
const CONTRACT = vectors.withdrawal_contract;
const NOBODY = `0x${'77'.repeat(20)}`;
const VAULT = `0x${'a1'.repeat(20)}`;

let views: Version5Views;
beforeAll(async () => {
  views = await startVersion5Views();
  for (const contract of [vectors.withdrawal_contract, vectors.consolidation_contract]) {
    await views.request('anvil_setCode', [contract, '0x00']);
  }
});
afterAll(() => views[Symbol.asyncDispose]());

const written = new Map<string, ReadonlySet<bigint>>();
const word = (value: string | bigint) => `0x${BigInt(value).toString(16).padStart(64, '0')}`;

/** Writes these slots, and clears all that was written before. */
async function store(contract: string, storage: Readonly<Record<string, string | bigint>>): Promise<number> {
  for (const slot of written.get(contract) ?? []) {
    await views.request('anvil_setStorageAt', [contract, word(slot), word(0n)]);
  }
  written.set(contract, new Set(Object.keys(storage).map(BigInt)));
  for (const [slot, value] of Object.entries(storage)) {
    await views.request('anvil_setStorageAt', [contract, word(BigInt(slot)), word(value)]);
  }
  await views.request('anvil_mine', ['0x1']);
  return views.blockNumber();
}

describe('queues of requests', () => {
  it.each(vectors.cases.map((one, i) => [i, one.kind, one] as const))(
    'case %i of the newest operator: a %s queue is read for each of its senders',
    async (_, kind, { storage, result }) => {
      const isWithdrawal = kind === 'withdrawal';
      const contract = isWithdrawal ? vectors.withdrawal_contract : vectors.consolidation_contract;
      const blockNumber = await store(contract, storage);
      const bySlot = new Map(Object.entries(storage).map(([slot, value]) => [BigInt(slot), BigInt(value)]));
      const excess = bySlot.get(0n) ?? 0n;
      const senders = new Set([NOBODY, ...result.map(({ source_address }) => source_address)]);
      for (const vault of senders) {
        const query = { contract, vault, blockNumber };
        const queue = isWithdrawal
          ? await fetchWithdrawalQueue(views.node, query)
          : await fetchConsolidationQueue(views.node, query);
        const requests = queue.ofVault.map(one =>
          'publicKey' in one
            ? { source_address: vault, public_key: toHex(one.publicKey), amount: one.amountGwei }
            : {
                source_address: vault,
                source_pubkey: toHex(one.sourcePublicKey),
                target_pubkey: toHex(one.targetPublicKey),
              },
        );
        const expected = result.map(one => ('amount' in one ? { ...one, amount: BigInt(one.amount) } : one));
        expect(requests).toEqual(expected.filter(({ source_address }) => source_address === vault));
        expect(queue.length).toBe(result.length);
        expect(queue.excess).toBe(excess === INHIBITED ? null : excess);
        expect(queue.addedInBlock).toBe(bySlot.get(1n) ?? 0n);
      }
    },
  );

  it('a queue is read as of the block that is asked for', async () => {
    const before = await store(CONTRACT, { 0: 5n, 1: 0n, 2: 0n, 3: 0n });
    // anvil keeps the state of a block when the next one is made.
    await views.request('anvil_mine', ['0x1']);
    await store(CONTRACT, { 0: 6n, 1: 2n });
    const query = { contract: CONTRACT, vault: VAULT, blockNumber: before };
    expect(await fetchWithdrawalQueue(views.node, query)).toEqual({
      excess: 5n,
      addedInBlock: 0n,
      length: 0,
      ofVault: [],
    });
  });

  it('before the first block of the fork the contract has no excess, and takes no requests', async () => {
    const blockNumber = await store(CONTRACT, { 0: 2n ** 256n - 1n, 1: 0n, 2: 0n, 3: 0n });
    const query = { contract: CONTRACT, vault: VAULT, blockNumber };
    expect((await fetchWithdrawalQueue(views.node, query)).excess).toBeNull();
  });

  it('a long queue is read for its senders first, in batches', async () => {
    const storage: Record<string, string | bigint> = { 0: 0n, 1: 0n, 2: 0n, 3: 200n };
    for (let i = 0n; i < 200n; i++) storage[String(4n + 3n * i)] = i % 100n === 7n ? VAULT : NOBODY;
    const blockNumber = await store(CONTRACT, storage);
    const bodies: number[] = [];
    await using proxy = await startServer(async ({ body }) => {
      const payload = JSON.parse(body) as unknown;
      bodies.push([payload].flat().length);
      const answer = await fetch(views.rpcUrl, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
      });
      return { body: await answer.text() };
    });
    const node = await connectViews(proxy.url);
    try {
      bodies.length = 0;
      const queue = await fetchWithdrawalQueue(node, { contract: CONTRACT, vault: VAULT, blockNumber });
      expect(queue.length).toBe(200);
      expect(queue.ofVault).toHaveLength(2);
      // Five places, 200 senders, two more words of two requests: 20 go together.
      expect(bodies.reduce((sum, count) => sum + count, 0)).toBe(5 + 200 + 4);
      expect(bodies.length).toBeLessThanOrEqual(12);
    } finally {
      node.destroy();
    }
  });

  it.each([
    ['whose head is behind its tail', { 2: 3n, 3: 2n }],
    ['of more requests than a chain can have', { 2: 0n, 3: 10_001n }],
    ['that ends at the largest number there is', { 2: 1n, 3: 2n ** 256n - 1n }],
  ])('a queue %s is no answer', async (_, storage) => {
    const blockNumber = await store(CONTRACT, storage);
    const query = { contract: CONTRACT, vault: VAULT, blockNumber };
    await expect(fetchWithdrawalQueue(views.node, query)).rejects.toMatchObject({ code: 'invalid-answer' });
    await store(CONTRACT, { 2: 0n, 3: 0n });
  });

  it('a chain without the contract is told from one whose queue is empty', async () => {
    const query = { contract: NOBODY, vault: VAULT, blockNumber: await views.blockNumber() };
    await expect(fetchConsolidationQueue(views.node, query)).rejects.toMatchObject({
      code: 'contract-not-found',
      message: expect.stringContaining(`There is no request contract at ${NOBODY} on chain 31337`),
    });
  });

  it('storage that is no word is no answer', async () => {
    await using liar = await startServer(({ body }) => {
      const answer = ({ id, method }: { id: number; method: string }) => ({
        jsonrpc: '2.0',
        id,
        result: method === 'eth_getStorageAt' ? '0xnonsense' : '0x7a69',
      });
      const payload = JSON.parse(body) as { id: number; method: string } | { id: number; method: string }[];
      return { body: JSON.stringify(Array.isArray(payload) ? payload.map(answer) : answer(payload)) };
    });
    const node = await connectViews(liar.url);
    try {
      const query = { contract: CONTRACT, vault: VAULT, blockNumber: 1 };
      await expect(fetchWithdrawalQueue(node, query)).rejects.toMatchObject({
        code: 'invalid-answer',
        message: expect.stringContaining('eth_getStorageAt'),
      });
    } finally {
      node.destroy();
    }
  });
});
