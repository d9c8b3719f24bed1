import { Wallet } from 'ethers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromHex } from '../../../../../src/lib/bytes.ts';
import { findLastSubmission } from '../../../../../src/services/staking/withdrawals/last-submission.ts';
import {
  planVaultExits,
  requestVaultExits,
  type VaultExitsOptions,
} from '../../../../../src/services/staking/withdrawals/vault-exits.ts';
import {
  startWithdrawalsDevnet,
  type WithdrawalsDevnet,
  type WithdrawalsScene,
} from '../../../../support/scenes/withdrawals-scene.ts';

const signal = new AbortController().signal;

let place: WithdrawalsDevnet;
beforeAll(async () => {
  place = await startWithdrawalsDevnet();
});
afterAll(() => place?.[Symbol.asyncDispose]());

const plan = (scene: WithdrawalsScene, changes: Partial<VaultExitsOptions> = {}) =>
  planVaultExits(scene.deps, {
    vault: scene.vault,
    wallet: new Wallet(scene.place.secretKey).address,
    network: scene.network,
    indexes: undefined,
    count: undefined,
    maxRequestFeeWei: 1_000n,
    signal,
    ...changes,
  });

const onSent = () => undefined;
const indexesOf = (validators: readonly { readonly index: bigint }[]) =>
  validators.map(({ index }) => Number(index));

describe('exits that somebody asks the vault for', () => {
  it('exits that the limit of the fee does not pay for are left for later', async () => {
    const scene = await place.createScene({ validators: [32, 40, 33, 32], leaving: 0 });
    await place.devnet.beacon.setExcess('withdrawals', 2n);
    const cut = await plan(scene, { maxRequestFeeWei: 1n });
    expect(cut.exits.length).toBeGreaterThan(0);
    expect(cut.later.length).toBeGreaterThan(0);
    expect([...indexesOf(cut.exits), ...indexesOf(cut.later)]).toEqual(scene.indexes);
    expect(cut.feesWei).toBe(BigInt(cut.exits.length));
    await place.devnet.beacon.setExcess('withdrawals', 2_000n);
    await expect(plan(scene)).rejects.toMatchObject({ code: 'request-fee-too-high', retryable: true });
    await place.devnet.beacon.setExcess('withdrawals', 0n);
    expect(await scene.listRequests()).toEqual([]);
  });

  it('exits are requested once, however often the plan is sent, and do not count for the operator’s interval', async () => {
    const scene = await place.createScene({ validators: [32, 300], leaving: 10 });
    const [small = -1, big = -1] = scene.indexes;
    const planned = await plan(scene, { indexes: [BigInt(small)] });
    expect(planned.gasWei).toBeGreaterThan(0n);
    const [sent] = await requestVaultExits(scene.operator.outbox, planned, { signal, onSent });
    const again = await requestVaultExits(scene.operator.outbox, planned, { signal, onSent });
    expect(again).toEqual([sent]);
    expect(await scene.listRequests()).toEqual([[small, 0n]]);
    const scope = { chainId: scene.network.chainId, vault: fromHex(scene.vault, 20) };
    expect(await findLastSubmission(scene.operator.database, scope)).toBeUndefined();
    // Its 32 ETH come in: the operator has nothing to ask for.
    expect(await scene.run()).toMatchObject({ status: 'nothing-missing' });
    await scene.leave(50);
    expect(await scene.run()).toMatchObject({ status: 'requested' });
    expect((await scene.listRequests()).map(([index]) => index)).toEqual([small, big]);
    await place.devnet.passEpochs(1);
    expect(await scene.listVoid()).toEqual([]);
  });

  it('exits that would be void are named: exits that have begun, partial withdrawals, strangers', async () => {
    const scene = await place.createScene({ validators: [32, 300, 32], leaving: 10 });
    const [first = -1, second = -1, third = -1] = scene.indexes;
    expect(await scene.run()).toMatchObject({ status: 'requested' });
    await requestVaultExits(scene.operator.outbox, await plan(scene, { indexes: [BigInt(first)] }), {
      signal,
      onSent,
    });
    const rest = await plan(scene);
    expect(indexesOf(rest.exits)).toEqual([third]);
    expect(rest.refused.map(({ index, reason }) => [Number(index), reason])).toEqual([
      [first, 'exiting'],
      [second, 'partials-pending'],
    ]);
    await expect(plan(scene, { indexes: [BigInt(second), 9_999n] })).rejects.toMatchObject({
      code: 'exit-not-possible',
      message: expect.stringMatching(/pending partial withdrawals; 9999: it is no validator of the vault/),
    });
    await place.devnet.passEpochs(1);
    expect(await scene.listVoid()).toEqual([]);
  });

  it('a validator that a deposit waits for is left out, and exits when it is named', async () => {
    const scene = await place.createScene({ validators: [32, 33], leaving: 0 });
    const [first = -1, second = -1] = scene.indexes;
    await scene.deposit(first);
    const planned = await plan(scene);
    expect(indexesOf(planned.exits)).toEqual([second]);
    expect(planned.refused).toEqual([{ index: BigInt(first), reason: 'deposit-pending' }]);
    expect(planned.awaitingDeposits).toEqual([]);
    const named = await plan(scene, { indexes: [BigInt(first)] });
    expect(indexesOf(named.exits)).toEqual([first]);
    expect(named.awaitingDeposits).toEqual([BigInt(first)]);
  });

  it('a plan that is too old, or that another request has overtaken, is not sent', async () => {
    const scene = await place.createScene({ validators: [32, 32], leaving: 0 });
    const [first = -1n, second = -1n] = scene.indexes.map(BigInt);
    const late = await plan(scene, { indexes: [second] });
    await requestVaultExits(scene.operator.outbox, await plan(scene, { indexes: [first] }), {
      signal,
      onSent,
    });
    await expect(requestVaultExits(scene.operator.outbox, late, { signal, onSent })).rejects.toMatchObject({
      code: 'exits-incomplete',
      message: `No exit was requested. Not requested: ${second} (outdated).`,
    });
    expect(await scene.listRequests()).toEqual([[Number(first), 0n]]);
  });
});
