import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DepositDataEntry } from '../../../../src/domain/consensus/deposit-data.ts';
import { depositListOf } from '../../../../src/domain/consensus/deposit-list.ts';
import { deriveSecretKey } from '../../../../src/domain/keys/derivation.ts';
import { createDepositData } from '../../../../src/domain/keys/signed-deposit.ts';
import { buildDepositTree } from '../../../../src/domain/protocol/deposit-tree.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { startDepositCheck } from '../../../../src/services/remote-db/check-deposit-data.ts';
import { createWorkerPool, type WorkerPool } from '../../../../src/workers/pool.ts';
import { RECORDED_VAULT, recordedRef } from '../../../support/recorded/recorded-vault.ts';

/** More than two batches, the last one not full. */
const COUNT = 300;
const vault = fromHex(RECORDED_VAULT, 20);
const path = 'deposits.json';
let pool: WorkerPool;
let entries: DepositDataEntry[];

beforeAll(() => {
  pool = createWorkerPool({ size: 2 });
  const seed = new Uint8Array(32).fill(7);
  entries = Array.from({ length: COUNT }, (_, i) =>
    createDepositData({ secretKey: deriveSecretKey(seed, i), vault, network: recordedRef.network }),
  );
});
afterAll(() => pool[Symbol.asyncDispose]());

async function rootOf(
  given: readonly DepositDataEntry[],
  onChain: Uint8Array | null = null,
  provenRoot?: Uint8Array,
) {
  using check = startDepositCheck(pool, recordedRef, {
    list: depositListOf({ path, entries: given }),
    provenRoot,
  });
  return await check.rootOf(onChain);
}

/** The entry with the signature of another one, which names no root that would tell. */
function wronglySigned(place: number): DepositDataEntry {
  const [entry, other] = [entries[place], entries[(place + 1) % COUNT]];
  if (entry === undefined || other === undefined) throw new RangeError('no such entry');
  const { deposit_data_root: _, ...json } = entry.json;
  return { publicKey: entry.publicKey, signature: other.signature, json };
}

describe('deposit data that is checked in threads', () => {
  it('deposit data of this vault is accepted, and its root is that of the tree', async () => {
    const { root } = buildDepositTree(entries, vault);
    expect(toHex(await rootOf(entries))).toBe(toHex(root));
    expect(toHex(await rootOf(entries, root))).toBe(toHex(root));
    await expect(rootOf(entries, new Uint8Array(32))).rejects.toMatchObject({
      code: 'deposit-data-root-mismatch',
      message: expect.stringContaining(`has the validators root ${toHex(root)}, but the chain has 0x00`),
    });
  });

  it.each([0, 1, 127, 128, 150, 255, 256, COUNT - 1])(
    'a wrong signature at place %i of 300 is named by its public key',
    async place => {
      await expect(rootOf(entries.with(place, wronglySigned(place)))).rejects.toMatchObject({
        code: 'deposit-data-bad-signature',
        message: `${path}: the deposit signature of ${toHex(entries[place]?.publicKey ?? new Uint8Array())} is not valid for vault ${RECORDED_VAULT} on holesky.`,
      });
    },
  );

  it('the first of several wrong signatures is named', async () => {
    const wrong = [299, 130, 131, 200].reduce((all, place) => all.with(place, wronglySigned(place)), entries);
    await expect(rootOf(wrong)).rejects.toMatchObject({
      message: expect.stringContaining(toHex(entries[130]?.publicKey ?? new Uint8Array())),
    });
  });

  it('a root that an entry names wrongly is told after all signatures were found good, the first one by its key', async () => {
    const wrongRoot = (place: number) => {
      const entry = entries[place] as DepositDataEntry;
      return { ...entry, json: { ...entry.json, deposit_data_root: '11'.repeat(32) } };
    };
    const wrong = entries.with(290, wrongRoot(290)).with(20, wrongRoot(20));
    await expect(rootOf(wrong)).rejects.toMatchObject({
      code: 'deposit-data-bad-root',
      message: expect.stringContaining(toHex(entries[20]?.publicKey ?? new Uint8Array())),
    });
    await expect(rootOf(wrong.with(299, wronglySigned(299)))).rejects.toMatchObject({
      code: 'deposit-data-bad-signature',
    });
  });

  it('an entry twice and another vault are told before any signature is looked at', async () => {
    const wrong = entries.with(0, wronglySigned(0));
    await expect(rootOf([...wrong, ...entries.slice(5, 6)])).rejects.toMatchObject({
      code: 'deposit-data-duplicate',
      message: `${path} names public key ${toHex(entries[5]?.publicKey ?? new Uint8Array())} twice.`,
    });
    const entry = entries[9] as DepositDataEntry;
    const foreign = { ...entry, json: { ...entry.json, withdrawal_credentials: '01'.repeat(32) } };
    await expect(rootOf(wrong.with(9, foreign))).rejects.toMatchObject({ code: 'deposit-data-other-vault' });
  });

  it('deposit data without entries is refused', async () => {
    await expect(rootOf([])).rejects.toMatchObject({ code: 'deposit-data-empty' });
  });

  it('deposit data that was proven before is only compared with the chain', async () => {
    const root = new Uint8Array(32).fill(9);
    const wrong = entries.with(0, wronglySigned(0));
    expect(await rootOf(wrong, root, root)).toBe(root);
    await expect(rootOf(wrong, new Uint8Array(32), root)).rejects.toMatchObject({
      code: 'deposit-data-root-mismatch',
    });
  });

  it('a check that is given up leaves the threads free, and no error that nobody takes', async () => {
    {
      using _check = startDepositCheck(pool, recordedRef, {
        list: depositListOf({ path, entries }),
        provenRoot: undefined,
      });
    }
    const [first] = entries;
    expect(await rootOf(first === undefined ? [] : [first])).toHaveLength(32);
  });
});
