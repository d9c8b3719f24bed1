import { setTimeout as sleep } from 'node:timers/promises';
import { type JsonRpcProvider, Transaction } from 'ethers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listOpenTransactions, listTransactions, requestReplacement } from '../../../src/db/transactions.ts';
import { toHex } from '../../../src/lib/bytes.ts';
import { WEI_PER_GWEI as GWEI } from '../../../src/lib/units.ts';
import type { TransactionIntent } from '../../../src/transactions/transaction.ts';
import type { PriorityFeeRules } from '../../../src/transactions/transaction-fees.ts';
import { runSql } from '../../support/postgres/postgres.ts';
import {
  addressOf,
  loseDatabase,
  type OutboxChain,
  scopeOf,
  startOutboxChain,
  untilLogged,
} from '../../support/scenes/outbox-chain.ts';
import {
  COUNTER,
  countOf,
  deployCounter,
  intentOf,
  localSigner,
  startTestOperator,
} from '../../support/scenes/outbox-scene.ts';

let scene: OutboxChain;
let chain: JsonRpcProvider;
beforeAll(async () => {
  scene = await startOutboxChain();
  chain = scene.chain;
});
afterAll(() => scene?.[Symbol.asyncDispose]());

const never = () => new AbortController().signal;

let slot = 0;
beforeEach(async () => {
  slot += 1;
  await scene.setAutomine(true);
});

describe('the outbox', () => {
  it('the outbox sends a call once, whoever asks again', async () => {
    const place = await scene.newPlace();
    await using operator = await startTestOperator(place);
    const { outbox } = operator;
    const outcomes = await Promise.all([1, 2, 3].map(() => outbox.send(intentOf(slot), { signal: never() })));
    expect(outcomes[0]).toMatchObject({
      status: 'confirmed',
      hash: expect.stringMatching(/^0x[0-9a-f]{64}$/),
    });
    expect(new Set(outcomes.map(outcome => JSON.stringify(outcome))).size).toBe(1);
    expect([await countOf(chain, slot), await scene.nonceOf(place)]).toEqual([1, 1]);
    expect(await outbox.hasPending()).toBe(false);
    const [row] = await listTransactions(operator.database, scopeOf(place), 10);
    expect(row).toMatchObject({ state: 'confirmed', kind: 'harvest', leaseEpoch: operator.lease.epoch });
    expect(row?.attempts).toHaveLength(1);
  });

  it('the outbox sends several calls one after another', async () => {
    const place = await scene.newPlace();
    await using operator = await startTestOperator(place);
    const keys = ['a', 'b', 'c'];
    const outcomes = await Promise.all(
      keys.map(key => operator.outbox.send(intentOf(slot, { key }), { signal: never() })),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(keys.map(() => 'confirmed'));
    expect([await countOf(chain, slot), await scene.nonceOf(place)]).toEqual([3, 3]);
  });

  it('the outbox sends nothing that would revert, has expired, or has been done', async () => {
    const place = await scene.newPlace();
    await using operator = await startTestOperator(place);
    const send = (more: object) => operator.outbox.send(intentOf(slot, more), { signal: never() });
    expect(await send({ data: `0x${'00'.repeat(32)}` })).toMatchObject({ status: 'would-revert' });
    expect(await send({ deadline: 1_000n })).toEqual({ status: 'expired' });
    expect(await send({ isDone: async () => true })).toEqual({ status: 'already-done' });
    expect(await scene.nonceOf(place)).toBe(0);
    expect(await listTransactions(operator.database, scopeOf(place), 10)).toEqual([]);
    await chain.send('anvil_setBalance', [addressOf(place), '0x1']);
    await expect(send({})).rejects.toMatchObject({ code: 'insufficient-funds' });
  });

  it('the outbox waits while the base fee is above the ceiling', async () => {
    const place = await scene.newPlace();
    await using operator = await startTestOperator(place);
    await chain.send('anvil_setNextBlockBaseFeePerGas', [`0x${(200n * GWEI).toString(16)}`]);
    await scene.mine();
    const sent = operator.outbox.send(intentOf(slot), { signal: never() });
    await untilLogged(operator, 'Waiting: the base fee');
    expect(await scene.nonceOf(place)).toBe(0);
    expect(operator.blocks).toEqual(['harvest fee-ceiling']);
    await chain.send('anvil_setNextBlockBaseFeePerGas', [`0x${GWEI.toString(16)}`]);
    await scene.mine();
    expect(await sent).toMatchObject({ status: 'confirmed' });
    expect(operator.blocks).toEqual(['harvest fee-ceiling', 'harvest goes on']);
  });

  it('the outbox offers for a registration what others have paid, for any other call the advice of the node, never less than the minimum', async () => {
    const stranger = await chain.getSigner(0);
    /** Makes a block in which strangers have given the proposer three and seven gwei. */
    const mineTips = async () => {
      await scene.setAutomine(false);
      for (const tip of [3n, 7n]) {
        const fees = { maxFeePerGas: 50n * GWEI, maxPriorityFeePerGas: tip * GWEI };
        await stranger.sendTransaction({ to: COUNTER, data: intentOf(slot).data, ...fees });
      }
      await scene.mine();
      await scene.setAutomine(true);
    };
    const offered = async (kind: TransactionIntent['kind'], priorityFee: PriorityFeeRules) => {
      const place = await scene.newPlace();
      await using operator = await startTestOperator(place, { priorityFee });
      await mineTips();
      const advisedWei = BigInt(await chain.send('eth_maxPriorityFeePerGas', []));
      await operator.outbox.send(intentOf(slot, { kind }), { signal: never() });
      const [row] = await listTransactions(operator.database, scopeOf(place), 1);
      return { advisedWei, offeredWei: row?.attempts[0]?.maxPriorityFeeWei };
    };
    const low = { history: { blocks: 1, percentile: 0 } };
    const high = { history: { blocks: 1, percentile: 100 } };
    expect(await offered('register-validators', low)).toMatchObject({ offeredWei: 3n * GWEI });
    expect(await offered('register-validators', high)).toMatchObject({ offeredWei: 7n * GWEI });
    for (const rules of [low, high]) {
      const { advisedWei, offeredWei } = await offered('harvest', rules);
      expect(offeredWei).toBe(advisedWei);
    }
    for (const kind of ['register-validators', 'harvest'] as const) {
      expect(await offered(kind, { ...low, minWei: 9n * GWEI })).toMatchObject({ offeredWei: 9n * GWEI });
    }
  });

  it('the outbox holds a patient call back until the ceiling leaves room for twice the base fee', async () => {
    const place = await scene.newPlace();
    await using operator = await startTestOperator(place);
    await chain.send('anvil_setNextBlockBaseFeePerGas', [`0x${(60n * GWEI).toString(16)}`]);
    await scene.mine();
    const sent = operator.outbox.send(intentOf(slot, { isPatient: true }), { signal: never() });
    await untilLogged(operator, 'Waiting: the ceiling leaves no room');
    expect([await scene.nonceOf(place), operator.blocks]).toEqual([0, ['harvest fee-ceiling']]);
    await chain.send('anvil_setNextBlockBaseFeePerGas', [`0x${GWEI.toString(16)}`]);
    await scene.mine();
    expect(await sent).toMatchObject({ status: 'confirmed' });
  });

  it('the outbox tells since when a transaction is under way: the process that began it, and the next one that finds it', async () => {
    await scene.setAutomine(false);
    const place = await scene.newPlace();
    const beganAt = Date.now();
    await using first = await startTestOperator(place);
    const left = new AbortController();
    const sent = first.outbox.send(intentOf(slot), { signal: left.signal });
    await scene.untilPending(first, place, 1);
    left.abort();
    await expect(sent).rejects.toThrow();
    const sinceMs = first.pending.at(-1)?.[1] ?? 0;
    expect(first.pending).toEqual([['harvest', sinceMs]]);
    expect(sinceMs).toBeGreaterThanOrEqual(beganAt);
    expect(sinceMs).toBeLessThanOrEqual(Date.now());
    await first[Symbol.asyncDispose]();

    await using second = await startTestOperator(place, { reconcileWaitMs: 0 });
    await second.outbox.reconcile(never());
    const [row] = await listTransactions(second.database, scopeOf(place), 1);
    expect(second.pending).toEqual([['harvest', row?.createdAt.getTime()]]);
    await scene.mine();
    await second.outbox.send(intentOf(slot), { signal: never() });
    expect(second.pending.at(-1)).toEqual(['harvest', undefined]);
  });

  it('the outbox replaces what is stuck under the same nonce, a tenth dearer, never above the ceiling', async () => {
    await scene.setAutomine(false);
    const place = await scene.newPlace();
    await using operator = await startTestOperator(place, { stuckAfterMs: 60, maxFeePerGasWei: 5n * GWEI });
    const sent = operator.outbox.send(intentOf(slot), { signal: never() });
    await scene.untilPending(operator, place, 3);
    await untilLogged(operator, 'The transaction waits');
    expect(operator.blocks.at(-1)).toBe('harvest fee-ceiling');
    await scene.mine();
    expect(await sent).toMatchObject({ status: 'confirmed' });
    expect(operator.blocks.at(-1)).toBe('harvest goes on');
    const [row] = await listTransactions(operator.database, scopeOf(place), 1);
    const attempts = row?.attempts ?? [];
    for (const [index, one] of attempts.entries()) {
      expect(one.nonce).toBe(0n);
      expect(one.maxFeeWei).toBeLessThanOrEqual(5n * GWEI);
      const before = attempts[index - 1];
      if (before === undefined) continue;
      expect(10n * one.maxFeeWei).toBeGreaterThanOrEqual(11n * before.maxFeeWei);
      expect(10n * one.maxPriorityFeeWei).toBeGreaterThanOrEqual(11n * before.maxPriorityFeeWei);
    }
    expect([await countOf(chain, slot), await scene.nonceOf(place)]).toEqual([1, 1]);
  });

  it('the outbox takes back a stuck call that could only revert now', async () => {
    await scene.setAutomine(false);
    const place = await scene.newPlace();
    await using operator = await startTestOperator(place, { stuckAfterMs: 60 });
    // It has not been done when it is sent, and has been ever after.
    let asked = 0;
    const sent = operator.outbox.send(intentOf(slot, { isDone: async () => asked++ > 0 }), {
      signal: never(),
    });
    await scene.untilPending(operator, place, 2);
    await scene.mine();
    expect(await sent).toMatchObject({ status: 'cancelled', hash: expect.any(String) });
    expect([await countOf(chain, slot), await scene.nonceOf(place)]).toEqual([0, 1]);
  });

  it('the outbox tells why a call reverted, and tries it anew when asked', async () => {
    await scene.setAutomine(false);
    const place = await scene.newPlace();
    await using operator = await startTestOperator(place);
    const sent = operator.outbox.send(intentOf(slot), { signal: never() });
    await scene.untilPending(operator, place);
    await chain.send('anvil_setCode', [COUNTER, '0x5f5ffd']);
    await scene.mine();
    expect(await sent).toMatchObject({ status: 'reverted', reason: expect.any(String) });
    await deployCounter(chain);
    await scene.mine();
    await scene.setAutomine(true);
    expect(await operator.outbox.send(intentOf(slot), { signal: never() })).toMatchObject({
      status: 'confirmed',
    });
    expect([await countOf(chain, slot), await scene.nonceOf(place)]).toEqual([1, 2]);
  });

  it('the outbox gives up a call that has expired, and the next call takes its nonce', async () => {
    await scene.setAutomine(false);
    const place = await scene.newPlace();
    await using operator = await startTestOperator(place, { pollMs: 1_000 });
    const { timestamp } = (await chain.getBlock('latest')) ?? { timestamp: 0 };
    const deadline = BigInt(timestamp) + 50n;
    const sent = operator.outbox.send(intentOf(slot, { deadline }), { signal: never() });
    await scene.untilPending(operator, place);
    // A block without it, after its deadline, between two looks.
    await sleep(300);
    await chain.send('anvil_dropAllTransactions', []);
    await chain.send('evm_setNextBlockTimestamp', [timestamp + 100]);
    await scene.mine();
    expect(await sent).toEqual({ status: 'expired' });
    await scene.setAutomine(true);
    const next = await operator.outbox.send(intentOf(slot, { key: 'next' }), { signal: never() });
    expect(next).toMatchObject({ status: 'confirmed' });
    expect([await countOf(chain, slot), await scene.nonceOf(place)]).toEqual([1, 1]);
  });

  it('the outbox sends again what the nodes have lost', async () => {
    await scene.setAutomine(false);
    const place = await scene.newPlace();
    await using operator = await startTestOperator(place);
    const sent = operator.outbox.send(intentOf(slot), { signal: never() });
    await scene.untilPending(operator, place);
    await chain.send('anvil_dropAllTransactions', []);
    await scene.untilPending(operator, place);
    await scene.mine();
    expect(await sent).toMatchObject({ status: 'confirmed' });
    expect([await countOf(chain, slot), await scene.nonceOf(place)]).toEqual([1, 1]);
  });

  it('the outbox knows when another program has taken the nonce, and does not send the call again by itself', async () => {
    await scene.setAutomine(false);
    const place = await scene.newPlace();
    await using operator = await startTestOperator(place);
    const sent = operator.outbox.send(intentOf(slot), { signal: never() });
    await scene.untilPending(operator, place);
    const stranger = await localSigner(place.secretKey).signTransaction({
      chainId: place.chainId,
      nonce: 0,
      to: addressOf(place),
      data: '0x',
      gasLimit: 21_000n,
      maxFeePerGasWei: 90n * GWEI,
      maxPriorityFeePerGasWei: 40n * GWEI,
    });
    const hash = await chain.send('eth_sendRawTransaction', [stranger]);
    await scene.mine();
    expect(await sent).toEqual({ status: 'cancelled', hash });
    expect([await countOf(chain, slot), await scene.nonceOf(place)]).toEqual([0, 1]);
  });

  it('the outbox without its database waits for what is pending, and sees that it has been done', async () => {
    const place = await scene.newPlace();
    await scene.leaveWaiting(place, slot);
    await loseDatabase(place);
    await using operator = await startTestOperator(place);
    await operator.outbox.reconcile(never());
    const isDone = async () => (await countOf(chain, slot)) > 0;
    const sent = operator.outbox.send(intentOf(slot, { isDone }), { signal: never() });
    await untilLogged(operator, 'Waiting: a transaction');
    await scene.mine();
    expect(await sent).toEqual({ status: 'already-done' });
    expect([await countOf(chain, slot), await scene.nonceOf(place)]).toEqual([1, 1]);
  });

  it('the outbox without its database takes the nonce of what does not get into a block', async () => {
    const place = await scene.newPlace();
    await scene.leaveWaiting(place, slot);
    await loseDatabase(place);
    await using operator = await startTestOperator(place, { stuckAfterMs: 100 });
    const sent = operator.outbox.send(intentOf(slot), { signal: never() });
    await scene.untilPending(operator, place);
    await scene.mine();
    expect(['confirmed', 'cancelled']).toContain((await sent).status);
    expect([await countOf(chain, slot), await scene.nonceOf(place)]).toEqual([1, 1]);
  });

  it('the outbox does what a user asks for: a higher fee, and nothing instead of the call', async () => {
    await scene.setAutomine(false);
    const place = await scene.newPlace();
    await using operator = await startTestOperator(place, {
      maxFeePerGasWei: 5n * GWEI,
      maxBumpFeePerGasWei: 200n * GWEI,
    });
    const sent = operator.outbox.send(intentOf(slot), { signal: never() });
    await scene.untilPending(operator, place);
    const [row] = await listOpenTransactions(operator.database, scopeOf(place));
    const ask = (request: 'bump' | 'cancel', feeCeilingWei?: bigint) =>
      requestReplacement(operator.database, scopeOf(place), row?.id ?? 0n, { request, feeCeilingWei });
    expect(await ask('bump', 200n * GWEI)).toBe(true);
    await scene.untilPending(operator, place, 2);
    expect(await ask('cancel')).toBe(true);
    await scene.untilPending(operator, place, 3);
    await scene.mine();
    expect(await sent).toMatchObject({ status: 'cancelled' });
    expect(await ask('cancel')).toBe(false);
    const [ended] = await listTransactions(operator.database, scopeOf(place), 1);
    expect(ended?.attempts.map(({ purpose }) => purpose)).toEqual(['call', 'call', 'cancel']);
    expect([await countOf(chain, slot), await scene.nonceOf(place)]).toEqual([0, 1]);
  });

  it('the outbox finds a transaction of an earlier holder in a block, and one that still waits', async () => {
    const place = await scene.newPlace();
    await scene.leaveWaiting(place, slot);
    await using operator = await startTestOperator(place, { reconcileWaitMs: 50 });
    await operator.outbox.reconcile(never());
    expect(await operator.outbox.hasPending('harvest')).toBe(true);
    expect(await operator.outbox.hasPending('register-validators')).toBe(false);
    await scene.mine();
    await operator.outbox.reconcile(never());
    expect(await operator.outbox.hasPending()).toBe(false);
    expect(await operator.outbox.send(intentOf(slot), { signal: never() })).toMatchObject({
      status: 'confirmed',
    });
    expect([await countOf(chain, slot), await scene.nonceOf(place)]).toEqual([1, 1]);
  });

  it('the outbox sends a confirmed transaction again when its block is no longer part of the chain', async () => {
    const place = await scene.newPlace();
    await using operator = await startTestOperator(place);
    await scene.mine();
    const snapshot = await chain.send('evm_snapshot', []);
    const first = await operator.outbox.send(intentOf(slot), { signal: never() });
    await chain.send('evm_revert', [snapshot]);
    expect(await countOf(chain, slot)).toBe(0);
    const second = await operator.outbox.send(intentOf(slot), { signal: never() });
    expect(second).toMatchObject({ status: 'confirmed', hash: 'hash' in first ? first.hash : '' });
    expect([await countOf(chain, slot), await scene.nonceOf(place)]).toEqual([1, 1]);
  });
});

describe('the outbox sends ether', () => {
  const VALUE_WEI = 10n ** 15n;
  const sinkFor = async () => {
    const place = await scene.newPlace();
    // It takes whatever comes.
    await chain.send('anvil_setCode', [place.vault, '0x00']);
    return { place, intent: intentOf(slot, { to: place.vault, valueWei: VALUE_WEI }) };
  };

  it('the outbox sends the ether of a call with it, and again with every higher fee', async () => {
    await scene.setAutomine(false);
    const { place, intent } = await sinkFor();
    await using operator = await startTestOperator(place, { stuckAfterMs: 60, maxFeePerGasWei: 5n * GWEI });
    const sent = operator.outbox.send(intent, { signal: never() });
    await scene.untilPending(operator, place, 3);
    await scene.mine();
    expect(await sent).toMatchObject({ status: 'confirmed' });
    const [row] = await listTransactions(operator.database, scopeOf(place), 1);
    expect(row).toMatchObject({ valueWei: VALUE_WEI, state: 'confirmed' });
    const values = (row?.attempts ?? []).map(({ raw }) => Transaction.from(toHex(raw)).value);
    expect(values.length).toBeGreaterThanOrEqual(3);
    expect(new Set(values)).toEqual(new Set([VALUE_WEI]));
    expect([await chain.getBalance(place.vault), await scene.nonceOf(place)]).toEqual([VALUE_WEI, 1]);
  });

  it('the outbox takes a call back without its ether', async () => {
    await scene.setAutomine(false);
    const { place, intent } = await sinkFor();
    await using operator = await startTestOperator(place);
    const sent = operator.outbox.send(intent, { signal: never() });
    await scene.untilPending(operator, place);
    const [row] = await listOpenTransactions(operator.database, scopeOf(place));
    await requestReplacement(operator.database, scopeOf(place), row?.id ?? 0n, { request: 'cancel' });
    await scene.untilPending(operator, place, 2);
    await scene.mine();
    expect(await sent).toMatchObject({ status: 'cancelled' });
    expect([await chain.getBalance(place.vault), await scene.nonceOf(place)]).toEqual([0n, 1]);
  });

  it('the outbox sends nothing from a wallet that has the gas and not the ether', async () => {
    const { place, intent } = await sinkFor();
    await using operator = await startTestOperator(place);
    await chain.send('anvil_setBalance', [addressOf(place), `0x${(10n ** 17n).toString(16)}`]);
    const asked = { ...intent, valueWei: 10n ** 17n - 1n };
    await expect(operator.outbox.send(asked, { signal: never() })).rejects.toMatchObject({
      code: 'insufficient-funds',
    });
    expect(await listTransactions(operator.database, scopeOf(place), 1)).toEqual([]);
    expect(await operator.outbox.send(intent, { signal: never() })).toMatchObject({ status: 'confirmed' });
  });

  it('the outbox sends more ether than fits a bigint of the database', async () => {
    const { place, intent } = await sinkFor();
    const valueWei = 2n ** 64n + 1n;
    await chain.send('anvil_setBalance', [addressOf(place), `0x${(2n * valueWei).toString(16)}`]);
    await using operator = await startTestOperator(place);
    expect(await operator.outbox.send({ ...intent, valueWei }, { signal: never() })).toMatchObject({
      status: 'confirmed',
    });
    expect(await chain.getBalance(place.vault)).toBe(valueWei);
  });

  it('the outbox signs nothing of a row whose ether was changed in the database', async () => {
    await scene.setAutomine(false);
    const { place, intent } = await sinkFor();
    {
      const stop = new AbortController();
      await using operator = await startTestOperator(place);
      const sent = operator.outbox.send(intent, { signal: stop.signal });
      await scene.untilPending(operator, place);
      stop.abort();
      await expect(sent).rejects.toThrow();
    }
    await runSql(
      place.databaseUrl,
      `update stakewise_operator.transactions set value_wei = ${10n ** 18n}, request = 'bump'
      where vault = '\\x${place.vault.slice(2)}'`,
    );
    await chain.send('anvil_dropAllTransactions', []);
    await using next = await startTestOperator(place, { stuckAfterMs: 60, reconcileWaitMs: 400 });
    await next.outbox.reconcile(never());
    const [row] = await listTransactions(next.database, scopeOf(place), 1);
    for (const { raw } of row?.attempts ?? []) {
      const { to, value } = Transaction.from(toHex(raw));
      expect(value, `a form to ${to}`).toBe(to === addressOf(place) ? 0n : VALUE_WEI);
    }
    await scene.mine();
    await scene.setAutomine(true);
    await next.outbox.send(intent, { signal: never() });
    expect(await chain.getBalance(place.vault)).toBe(VALUE_WEI);
  });
});
