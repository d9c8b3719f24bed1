import { Interface, type JsonRpcProvider, parseEther, Wallet } from 'ethers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fetchValidatorOperations } from '../../../../../src/clients/execution/contracts/validator-operations.ts';
import {
  encodeFunding,
  encodeWithdrawalRequests,
} from '../../../../../src/clients/execution/contracts/vault-calldata.ts';
import type { ExecutionNode } from '../../../../../src/clients/execution/execution-node.ts';
import { listTransactions } from '../../../../../src/db/transactions.ts';
import {
  fundingIntents,
  withdrawalIntents,
} from '../../../../../src/services/staking/operations/operation-intents.ts';
import type { Occasion } from '../../../../../src/transactions/occasion.ts';
import {
  deployOperationsVault,
  fundingEntry,
  occasionNow,
  REQUEST_FEE_WEI,
  setRequestFee,
  toldBy,
  withdrawalEntry,
  withdrawalIntentOf,
} from '../../../../support/scenes/operations-vault.ts';
import {
  addressOf,
  loseDatabase,
  type OutboxChain,
  scopeOf,
  startOutboxChain,
  untilLogged,
} from '../../../../support/scenes/outbox-chain.ts';
import { type OutboxPlace, startTestOperator } from '../../../../support/scenes/outbox-scene.ts';

let scene: OutboxChain;
let chain: JsonRpcProvider;
let place: OutboxPlace;
beforeAll(async () => {
  scene = await startOutboxChain();
  chain = scene.chain;
});
afterAll(() => scene?.[Symbol.asyncDispose]());
beforeEach(async () => {
  await scene.setAutomine(true);
  place = await scene.newPlace();
  await deployOperationsVault(chain, place.vault);
});

const signal = new AbortController().signal;
const told = () => toldBy(chain, place.vault);
const withdrawalOf = (node: ExecutionNode, occasion: Occasion, amountGwei = 5) =>
  withdrawalIntentOf(node, place, { amountGwei, occasion });

/** Another wallet calls the vault. */
async function callAsStranger(data: string, value = 0n): Promise<void> {
  const stranger = Wallet.createRandom().connect(chain);
  await chain.send('anvil_setBalance', [stranger.address, `0x${parseEther('1').toString(16)}`]);
  const sent = await stranger.sendTransaction({ to: place.vault, data, value });
  await scene.mine();
  await sent.wait();
}

const WITHDRAWN = (amountGwei: number) => [
  `ValidatorWithdrawalSubmitted 0x01 ${amountGwei}`,
  'ValidatorWithdrawalSubmitted 0x02 0',
];

describe('withdrawals as calls of the vault', () => {
  it('withdrawals are sent with the fee of each request, and what is too much comes back', async () => {
    await using operator = await startTestOperator(place);
    const intent = withdrawalOf(operator.node, await occasionNow(operator.node, place.vault));
    expect(intent).toMatchObject({ valueWei: 2n * (REQUEST_FEE_WEI + 1n), validators: 2 });
    expect(await operator.outbox.send(intent, { signal })).toMatchObject({ status: 'confirmed' });
    expect(await told()).toEqual(WITHDRAWN(5));
    expect(await chain.getBalance(place.vault)).toBe(2n * REQUEST_FEE_WEI);
  });

  it('equal withdrawals are the same ones on one occasion, and others on the next', async () => {
    await using operator = await startTestOperator(place);
    const { node, outbox } = operator;
    const first = await occasionNow(node, place.vault);
    expect(first.lastEventBlock).toBe(null);
    const outcomes = [
      await outbox.send(withdrawalOf(node, first), { signal }),
      await outbox.send(withdrawalOf(node, first), { signal }),
      // The same occasion, as it is seen by whoever plans again some blocks later.
      await outbox.send(withdrawalOf(node, { ...first, plannedAtBlock: first.plannedAtBlock + 1 }), {
        signal,
      }),
    ];
    expect(new Set(outcomes.map(outcome => JSON.stringify(outcome))).size).toBe(1);
    expect(await told()).toEqual(WITHDRAWN(5));
    const second = await occasionNow(node, place.vault);
    expect(second.lastEventBlock).toBeGreaterThan(first.plannedAtBlock);
    expect(withdrawalOf(node, second).data).toBe(withdrawalOf(node, first).data);
    expect(await outbox.send(withdrawalOf(node, second), { signal })).toMatchObject({ status: 'confirmed' });
    expect(await told()).toEqual([...WITHDRAWN(5), ...WITHDRAWN(5)]);
    const rows = await listTransactions(operator.database, scopeOf(place), 9);
    expect(rows.map(({ kind, state }) => `${kind} ${state}`)).toEqual([
      'withdraw-validators confirmed',
      'withdraw-validators confirmed',
    ]);
  });

  it('withdrawals that somebody else has requested are already done, and any others make the plan outdated', async () => {
    await using operator = await startTestOperator(place);
    const { node, outbox } = operator;
    const occasion = await occasionNow(node, place.vault);
    const batch = Buffer.concat([withdrawalEntry(2, 0n), withdrawalEntry(1, 5n)]);
    await callAsStranger(encodeWithdrawalRequests(batch), 2n * REQUEST_FEE_WEI);
    expect(await outbox.send(withdrawalOf(node, occasion), { signal })).toEqual({ status: 'already-done' });
    expect(await outbox.send(withdrawalOf(node, occasion, 6), { signal })).toEqual({ status: 'outdated' });
    expect(await scene.nonceOf(place)).toBe(0);
    const now = await occasionNow(node, place.vault);
    expect(await outbox.send(withdrawalOf(node, now, 6), { signal })).toMatchObject({ status: 'confirmed' });
  });

  it('withdrawals whose fee has risen since they were planned are not sent', async () => {
    await using operator = await startTestOperator(place);
    const intent = withdrawalOf(operator.node, await occasionNow(operator.node, place.vault));
    await setRequestFee(chain, place.vault, REQUEST_FEE_WEI + 2n);
    expect(await operator.outbox.send(intent, { signal })).toMatchObject({ status: 'would-revert' });
    expect([await scene.nonceOf(place), await told()]).toEqual([0, []]);
  });

  it('withdrawals that are stuck are taken back once their occasion has passed', async () => {
    await scene.setAutomine(false);
    await using operator = await startTestOperator(place, { stuckAfterMs: 60 });
    const intent = withdrawalOf(operator.node, await occasionNow(operator.node, place.vault));
    // It has not passed when they are sent, and has ever after.
    let asked = 0;
    const isOutdated = async () => asked++ > 0;
    const sent = operator.outbox.send({ ...intent, isOutdated }, { signal });
    await scene.untilPending(operator, place, 2);
    expect(await scene.mineUntil(sent)).toMatchObject({ status: 'cancelled' });
    expect([await told(), await scene.nonceOf(place)]).toEqual([[], 1]);
  });

  it('withdrawals of a lost database are waited for, and another plan is outdated then', async () => {
    let occasion: Occasion;
    {
      const stop = new AbortController();
      await using operator = await startTestOperator(place);
      occasion = await occasionNow(operator.node, place.vault);
      await scene.setAutomine(false);
      const sent = operator.outbox.send(withdrawalOf(operator.node, occasion), { signal: stop.signal });
      await scene.untilPending(operator, place);
      stop.abort();
      await expect(sent).rejects.toThrow();
    }
    await loseDatabase(place);
    await using next = await startTestOperator(place);
    await next.outbox.reconcile(signal);
    const sent = next.outbox.send(withdrawalOf(next.node, occasion, 6), { signal });
    await untilLogged(next, 'Waiting: a transaction');
    expect(await scene.mineUntil(sent)).toEqual({ status: 'outdated' });
    expect([await told(), await scene.nonceOf(place)]).toEqual([WITHDRAWN(5), 1]);
  });

  it('withdrawals that a reorganisation has undone are requested again, once', async () => {
    await using operator = await startTestOperator(place);
    const { node, outbox } = operator;
    const occasion = await occasionNow(node, place.vault);
    const snapshot = await chain.send('evm_snapshot', []);
    const first = await outbox.send(withdrawalOf(node, occasion), { signal });
    await chain.send('evm_revert', [snapshot]);
    expect(await told()).toEqual([]);
    const second = await outbox.send(withdrawalOf(node, occasion), { signal });
    expect(second).toMatchObject({ status: 'confirmed', hash: 'hash' in first ? first.hash : '' });
    expect(await told()).toEqual(WITHDRAWN(5));
  });

  it('withdrawals that the wallet has the gas for and not the fees are not sent', async () => {
    await using operator = await startTestOperator(place);
    const { node, outbox } = operator;
    const occasion = await occasionNow(node, place.vault);
    const plan = { vault: place.vault, occasion, batches: [withdrawalEntry(1, 5n)] };
    const [intent] = withdrawalIntents(node, { ...plan, requestFeeWei: parseEther('0.999') });
    await chain.send('anvil_setBalance', [addressOf(place), `0x${parseEther('1').toString(16)}`]);
    if (intent === undefined) throw new Error('no intent');
    const dear = { ...intent, valueWei: parseEther('1') - 1n };
    await expect(outbox.send(dear, { signal })).rejects.toMatchObject({ code: 'insufficient-funds' });
    expect(await outbox.send(intent, { signal })).toMatchObject({ status: 'confirmed' });
  });
});

describe('top-ups as calls of the vault', () => {
  const batches = [
    Buffer.concat([fundingEntry(1, 10n), fundingEntry(2, 20n)]),
    Buffer.concat([fundingEntry(3, 30n)]),
  ];
  const funded = ['ValidatorFunded 0x01 10', 'ValidatorFunded 0x02 20', 'ValidatorFunded 0x03 30'];

  it('all batches of one plan are sent, one after another, and each once', async () => {
    await using operator = await startTestOperator(place);
    const { node, outbox } = operator;
    const occasion = await occasionNow(node, place.vault, 'funding');
    const intents = fundingIntents(node, { vault: place.vault, batches, harvest: null, occasion });
    expect(intents.map(({ valueWei }) => valueWei)).toEqual([0n, 0n]);
    for (const intent of [...intents, ...intents]) {
      expect(await outbox.send(intent, { signal })).toMatchObject({ status: 'confirmed' });
    }
    expect(await told()).toEqual(funded);
    // A withdrawal ends no occasion of a top-up.
    await callAsStranger(encodeWithdrawalRequests(withdrawalEntry(1, 1n)), REQUEST_FEE_WEI);
    const next = await occasionNow(node, place.vault, 'funding');
    const [again] = fundingIntents(node, { vault: place.vault, batches, harvest: null, occasion: next });
    expect(again && (await outbox.send(again, { signal }))).toMatchObject({ status: 'confirmed' });
  });

  it('what is left of a plan is outdated once anything else was topped up, also a part of a batch', async () => {
    await using operator = await startTestOperator(place);
    const { node, outbox } = operator;
    const occasion = await occasionNow(node, place.vault, 'funding');
    const [first, second] = fundingIntents(node, { vault: place.vault, batches, harvest: null, occasion });
    if (first === undefined || second === undefined) throw new Error('no intents');
    expect(await outbox.send(second, { signal })).toMatchObject({ status: 'confirmed' });
    await callAsStranger(encodeFunding(fundingEntry(1, 10n)));
    expect(await outbox.send(first, { signal })).toEqual({ status: 'outdated' });
    expect(await scene.nonceOf(place)).toBe(1);
  });

  it('a harvest goes before the first batch only', () => {
    const harvest = { rewardsRoot: new Uint8Array(32), rewardWei: 1n, unlockedMevRewardWei: 0n, proof: [] };
    const occasion = { lastEventBlock: null, plannedAtBlock: 1 };
    const intents = fundingIntents({} as ExecutionNode, { vault: place.vault, batches, harvest, occasion });
    const multicall = new Interface(['function multicall(bytes[])']);
    const [calls] = multicall.decodeFunctionData('multicall', intents[0]?.data ?? '').toArray() as [string[]];
    expect(calls.map(call => call.slice(0, 10))).toEqual(['0x1a7ff553', '0xa145ca01']);
    expect(intents[1]?.data).toBe(encodeFunding(batches[1] ?? new Uint8Array()));
  });

  it('entries that are not whole are refused before anything is sent', () => {
    const occasion = { lastEventBlock: null, plannedAtBlock: 1 };
    const plan = { vault: place.vault, occasion, harvest: null };
    for (const batch of [new Uint8Array(), new Uint8Array(183), new Uint8Array(185)]) {
      expect(() => fundingIntents({} as ExecutionNode, { ...plan, batches: [batch] })).toThrow('184 bytes');
    }
  });
});

describe('what a vault has done with its validators', () => {
  it('nodes that are behind a block that was told of do not say what has happened since', async () => {
    await using operator = await startTestOperator(place);
    const head = await operator.node.getBlockNumber();
    const search = { kind: 'withdrawal', fromBlock: head - 3, toBlock: head + 1 } as const;
    await expect(fetchValidatorOperations(operator.node, place.vault, search)).rejects.toMatchObject({
      code: 'node-behind',
      retryable: true,
    });
    await scene.mine();
    expect(await fetchValidatorOperations(operator.node, place.vault, search)).toEqual([]);
  });
});
