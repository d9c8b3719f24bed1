import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { parseEther } from 'ethers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { encodeWithdrawals } from '../../../../../src/domain/protocol/validator-entries.ts';
import { withdrawalIntents } from '../../../../../src/services/staking/operations/operation-intents.ts';
import { findLastSubmission } from '../../../../../src/services/staking/withdrawals/last-submission.ts';
import type { WithdrawalWaitCode } from '../../../../../src/services/staking/withdrawals/withdrawal-waits.ts';
import { encodeWithdrawal } from '../../../../devnet/deposit-data.ts';
import { unhex } from '../../../../devnet/exit-signature.ts';
import { sendAs } from '../../../../devnet/send-as.ts';
import { occasionNow } from '../../../../support/scenes/operations-vault.ts';
import { startTestOperator } from '../../../../support/scenes/outbox-scene.ts';
import {
  startWithdrawalsDevnet,
  type WithdrawalsDevnet,
  type WithdrawalsScene,
} from '../../../../support/scenes/withdrawals-scene.ts';

const ETH = 1_000_000_000n;
const signal = new AbortController().signal;

let place: WithdrawalsDevnet;
beforeAll(async () => {
  place = await startWithdrawalsDevnet();
});
afterAll(() => place?.[Symbol.asyncDispose]());
afterEach(async () => {
  const { oracles, beacon } = place.devnet;
  oracles.exiting = [];
  for (const { faults } of oracles.servers) {
    delete faults.exits;
    delete faults.down;
  }
  place.beacon.fault = undefined;
  place.beacon.behindSlots = 0;
  await beacon.setExcess('withdrawals', 0n);
});

/** Nothing was asked for, and so nothing in vain. */
async function expectNothing(scene: WithdrawalsScene): Promise<void> {
  expect(await scene.listRequests()).toEqual([]);
  expect(await scene.listVoid()).toEqual([]);
}

/** @param code - of what is in the way; without one it waits for time alone */
const waitingFor = (what: string, code: WithdrawalWaitCode = 'interval') => ({
  status: 'waiting',
  waitsFor: expect.stringContaining(what),
  code,
});

describe('withdrawals from validators of a vault', () => {
  it('what the exit queue lacks is partially withdrawn once, and then comes in', async () => {
    const scene = await place.createScene({ validators: [300, 100], leaving: 10 });
    const outcome = await scene.run();
    expect(outcome).toMatchObject({ status: 'requested', queuedAssetsGwei: 0n });
    expect(await scene.listRequests()).toEqual([[scene.indexes[0], 10n * ETH]]);
    await place.devnet.passEpochs(1);
    expect(await scene.listVoid()).toEqual([]);
    // It is on its way, in whichever queue: nothing is missing.
    expect(await scene.run()).toMatchObject(waitingFor('the last withdrawals were requested in block'));
    expect(await scene.listRequests()).toHaveLength(1);
    await place.devnet.passEpochs(300);
    const { provider } = place.devnet.protocol;
    expect(await provider.getBalance(scene.vault)).toBe(parseEther('10'));
    expect(await scene.run()).toEqual({ status: 'nothing-missing', queuedAssetsGwei: 0n });
  });

  it('what is missing is reckoned as it is after a pending harvest', async () => {
    const scene = await place.createScene({ leaving: 10 });
    await place.devnet.distributeRewards([{ vault: scene.vault, consensusWei: parseEther('30') }]);
    expect(await scene.run()).toMatchObject({ status: 'requested' });
    // Shares are worth a tenth more.
    expect(await scene.listRequests()).toEqual([[scene.indexes[0], 11n * ETH]]);
    await place.devnet.passEpochs(1);
    expect(await scene.listVoid()).toEqual([]);
  });

  it('validators exit where partial withdrawals are not enough, the smallest first', async () => {
    const scene = await place.createScene({ validators: [40, 33, 32], leaving: 20 });
    expect(await scene.run()).toMatchObject({ status: 'requested', queuedAssetsGwei: 0n });
    expect(await scene.listRequests()).toEqual([[scene.indexes[2], 0n]]);
    await place.devnet.passEpochs(1);
    expect(await scene.listVoid()).toEqual([]);
  });

  it('a validator that a deposit waits for does not exit: the next one does, or nobody', async () => {
    const scene = await place.createScene({ validators: [32, 33], leaving: 20 });
    const [first = -1, second = -1] = scene.indexes;
    await scene.deposit(first);
    expect(await scene.run()).toMatchObject({ status: 'requested', queuedAssetsGwei: 0n });
    expect(await scene.listRequests()).toEqual([[second, 0n]]);
    await place.devnet.passEpochs(1);
    expect(await scene.listVoid()).toEqual([]);
    const alone = await place.createScene({ validators: [32], leaving: 20 });
    await alone.deposit(alone.indexes[0] ?? -1);
    expect(await alone.run()).toMatchObject(waitingFor('validators that can be', 'nothing-to-withdraw'));
    expect(await alone.listRequests()).toEqual([]);
  });

  it('no validator exits where only partial withdrawals are wanted, and the rest stays missing', async () => {
    const scene = await place.createScene({ validators: [40, 33, 32], leaving: 20 });
    const outcome = await scene.run({ isWithoutExits: true });
    expect(outcome).toMatchObject({ status: 'requested', queuedAssetsGwei: 11n * ETH });
    const requests = await scene.listRequests();
    expect(requests.map(([, gwei]) => gwei)).toEqual([8n * ETH, ETH]);
    await place.devnet.passEpochs(1);
    // Nothing more can be had, however short the interval.
    const again = await scene.run({ isWithoutExits: true, intervalMs: 1_000 });
    expect(again).toMatchObject({
      ...waitingFor('validators that can be', 'nothing-to-withdraw'),
      queuedAssetsGwei: 11n * ETH,
    });
    expect(await scene.listVoid()).toEqual([]);
  });

  it('where nothing is missing, neither oracles nor validators are asked', async () => {
    const scene = await place.createScene({ leaving: 0 });
    const [server] = place.devnet.oracles.servers;
    const asked = server?.requests.length;
    const questions = place.beacon.requests.length;
    expect(await scene.run()).toEqual({ status: 'nothing-missing', queuedAssetsGwei: 0n });
    expect([server?.requests.length, place.beacon.requests.length]).toEqual([asked, questions]);
    await expectNothing(scene);
  });

  it('what oracles are exiting is coming in, when enough of them name it, and is not withdrawn from', async () => {
    const scene = await place.createScene({ validators: [300, 40], leaving: 30 });
    const [big = -1, small = -1] = scene.indexes;
    const [liar] = place.devnet.oracles.servers;
    place.devnet.oracles.exiting = [small];
    expect(await scene.run()).toMatchObject({ status: 'nothing-missing', exitedByOracles: 1 });
    await expectNothing(scene);
    // One that lies, and calls the small one exiting alone, counts for nothing.
    place.devnet.oracles.exiting = [];
    if (liar !== undefined) liar.faults.exits = [small, big];
    expect(await scene.run()).toMatchObject({ status: 'requested' });
    expect(await scene.listRequests()).toEqual([[big, 30n * ETH]]);
    await place.devnet.passEpochs(1);
    expect(await scene.listVoid()).toEqual([]);
  });

  it('a plan that the limit of the fee cuts is gone on with in the next pass, without a pause', async () => {
    const scene = await place.createScene({ validators: [42, 42, 42], leaving: 25 });
    // e^(8 + n)/17 wei: one request costs 1 wei, the third 2.
    await place.devnet.beacon.setExcess('withdrawals', 2n);
    const first = await scene.run({ maxRequestFeeWei: 1n });
    expect(first).toMatchObject({ status: 'requested' });
    const sent = (await scene.listRequests()).length;
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(3);
    await place.devnet.passEpochs(1);
    expect(await scene.run()).toMatchObject({ status: 'requested', queuedAssetsGwei: 0n });
    const requests = await scene.listRequests();
    expect(requests.reduce((sum, [, gwei]) => sum + gwei, 0n)).toBe(25n * ETH);
    await place.devnet.passEpochs(1);
    expect(await scene.run()).toMatchObject(waitingFor('the last withdrawals'));
    expect(await scene.listVoid()).toEqual([]);
  });

  it('requests by hand do not delay the operator, its own do, also those of an earlier process', async () => {
    const scene = await place.createScene({ validators: [300, 200], leaving: 10 });
    const [, second = -1] = scene.indexes;
    const { state } = await place.devnet.beacon.sync();
    const publicKey = Buffer.from(state.validators[second]?.publicKey.slice(2) ?? '', 'hex');
    const { node, outbox } = scene.operator;
    const [byHand] = withdrawalIntents(node, {
      vault: scene.vault,
      batches: [encodeWithdrawals([{ publicKey, amountGwei: ETH }])],
      occasion: await occasionNow(node, scene.vault),
      requestFeeWei: 3n,
    });
    if (byHand === undefined) throw new Error('no call');
    const key = `exit-validators ${byHand.key}`;
    expect(await outbox.send({ ...byHand, key }, { signal })).toMatchObject({ status: 'confirmed' });
    await place.devnet.passEpochs(1);
    expect(await scene.run()).toMatchObject({ status: 'requested', queuedAssetsGwei: 0n });
    expect(await scene.listRequests()).toContainEqual([scene.indexes[0], 9n * ETH]);
    await place.devnet.passEpochs(1);
    await scene.leave(5);
    expect(await scene.run()).toMatchObject(waitingFor('the last withdrawals were requested in block'));
    expect(await scene.listVoid()).toEqual([]);
  });

  it('equal withdrawals on another day are others, also when the last ones are longer ago than events are looked for', async () => {
    const scene = await place.createScene({ validators: [300], leaving: 10 });
    // 43,200 seconds are ten blocks then.
    const changes = { secondsPerSlot: 4320, intervalMs: 1_000 };
    expect(await scene.run(changes)).toMatchObject({ status: 'requested' });
    await place.devnet.passEpochs(300);
    await place.devnet.mine(20);
    await scene.leave(10);
    expect(await scene.run(changes)).toMatchObject({ status: 'requested' });
    const request = [scene.indexes[0], 10n * ETH];
    expect(await scene.listRequests()).toEqual([request, request]);
    await place.devnet.passEpochs(1);
    expect(await scene.listVoid()).toEqual([]);
  });

  it('a plan that another request has overtaken is not sent', async () => {
    const scene = await place.createScene({ leaving: 10 });
    const { state } = await place.devnet.beacon.sync();
    const publicKey = state.validators[scene.indexes[0] ?? -1]?.publicKey ?? '';
    const manager = await place.devnet.protocol
      .at('VaultV5', scene.vault)
      .getFunction('validatorsManager')
      .staticCall();
    const { provider } = place.devnet.protocol;
    const overtake = async () => {
      const entries = encodeWithdrawal(unhex(publicKey), 7n * ETH);
      const data = place.devnet.protocol
        .at('VaultV5', scene.vault)
        .interface.encodeFunctionData('withdrawValidators', [entries, '0x']);
      await sendAs(provider, { from: manager, to: scene.vault, data, valueWei: 100n });
    };
    expect(await scene.run({ beforeSend: overtake })).toMatchObject({
      status: 'restarted',
      reason: 'the chain has moved past this plan',
    });
    expect(await scene.listRequests()).toEqual([[scene.indexes[0], 7n * ETH]]);
    expect(await scene.listVoid()).toEqual([]);
  });

  it('a request fee that rises between plan and sending makes the vault refuse, and nothing is paid', async () => {
    const scene = await place.createScene();
    const spike = () => place.devnet.beacon.setExcess('withdrawals', 200n);
    await expect(scene.run({ beforeSend: spike })).rejects.toMatchObject({
      code: 'withdrawal-refused',
      retryable: true,
    });
    await expectNothing(scene);
  });

  it('a plan that has waited too long to be sent is made anew', async () => {
    const scene = await place.createScene();
    const outcome = await scene.run({ beforeSend: () => place.devnet.mine(40) });
    expect(outcome).toMatchObject({ status: 'restarted', reason: 'the chain has moved past this plan' });
    await expectNothing(scene);
  });
});

describe('what withdrawals wait for', () => {
  it('too few answers of oracles about their exits: nothing is done', async () => {
    const scene = await place.createScene();
    const [first, second] = place.devnet.oracles.servers;
    Object.assign(first?.faults ?? {}, { exits: { status: 503 } });
    Object.assign(second?.faults ?? {}, { exits: 'garbage' });
    expect(await scene.run()).toMatchObject(waitingFor('answers of 3 oracles', 'oracle-exits-unknown'));
    expect(scene.lines()).toContainEqual(expect.stringContaining('does not tell which validators it exits'));
    expect(scene.lines()).toContainEqual(expect.stringContaining('Waiting for answers of 3 oracles'));
    await expectNothing(scene);
  });

  it('room in the beacon chain’s queue of partial withdrawals', async () => {
    const scene = await place.createScene();
    expect(await scene.run({ pendingPartials: 2 ** 27 })).toMatchObject(
      waitingFor('room in the queue', 'withdrawal-queue-full'),
    );
    await expectNothing(scene);
  });

  it('a fee above the limit, and a contract that takes no requests yet', async () => {
    const scene = await place.createScene();
    const { beacon } = place.devnet;
    await beacon.setExcess('withdrawals', 2_000n);
    expect(await scene.run()).toMatchObject({
      ...waitingFor('--max-withdrawal-request-fee-gwei', 'request-fee-too-high'),
      queuedAssetsGwei: 10n * ETH,
    });
    await beacon.setExcess('withdrawals', 2n ** 256n - 1n);
    expect(await scene.run()).toMatchObject(waitingFor('the fork has not begun', 'requests-not-taken'));
    await expectNothing(scene);
  });

  it('a vault that is not collateralised, and one with another manager', async () => {
    const bare = await place.createScene({ validators: [], leaving: 0 });
    expect(await bare.run()).toMatchObject(waitingFor('the keeper to know validators', 'not-collateralized'));
    const scene = await place.createScene();
    await place.devnet.setValidatorsManager(place.devnet.protocol.owner.address, scene.vault);
    expect(await scene.run()).toMatchObject(
      waitingFor('as its validators manager', 'not-validators-manager'),
    );
    await expectNothing(scene);
  });

  it.each(['validatorsChecker', 'withdrawalRequests', 'consolidationRequests', 'osTokenVaultController'])(
    'a network that names no %s',
    async contract => {
      const scene = await place.createScene();
      const outcome = await scene.run({ contracts: { [contract]: undefined } });
      expect(outcome).toMatchObject(waitingFor(`contracts.${contract}`, 'network-incomplete'));
      await expectNothing(scene);
    },
  );

  it('validators that can be withdrawn from: slashed and young ones cannot', async () => {
    const scene = await place.createScene({ validators: [300], leaving: 0 });
    await place.devnet.beacon.change(state => state.slash(scene.indexes[0] ?? -1));
    await scene.leave(299.999);
    // What a slashed validator has left comes in; of what is then missing nothing can be had.
    expect(await scene.run()).toMatchObject(
      waitingFor('validators that can be withdrawn from', 'nothing-to-withdraw'),
    );
    await expectNothing(scene);
  });

  it.each(['before-electra', 'reorganising', 'down'] as const)(
    'a beacon node that is %s lets the pass fail, and nothing is sent',
    async fault => {
      const scene = await place.createScene();
      place.beacon.fault = fault;
      await expect(scene.run()).rejects.toMatchObject({ code: expect.any(String) });
      await expectNothing(scene);
    },
  );
});

describe('assets that osToken redemptions take', () => {
  it('osToken redemptions are missing assets as well where the network names a redeemer; else that is told once', async () => {
    const scene = await place.createScene({ leaving: 0 });
    const { protocol, electraAddresses, ipfs } = place.devnet;
    const owner = `0x${'12'.repeat(20)}`;
    const shares = parseEther('4');
    const types = ['uint256', 'address', 'uint256', 'address'];
    const redeemer = protocol.at('OsTokenRedeemer', electraAddresses.osTokenRedeemer);
    const controller = protocol.at('OsTokenVaultController', electraAddresses.osTokenVaultController);
    await protocol.send(controller, 'setTotals', parseEther('100'), parseEther('100'));
    const nonce: bigint = await redeemer.getFunction('nonce').staticCall();
    const { root } = StandardMerkleTree.of([[nonce, scene.vault, shares, owner]], types);
    const document = [{ vault: scene.vault, owner, leaf_shares: String(shares) }];
    const ipfsHash = await ipfs.add(JSON.stringify(document));
    await protocol.send(redeemer, 'setRedeemablePositions', { merkleRoot: root, ipfsHash });
    await protocol.send(redeemer, 'setQueuedShares', shares);
    expect(await scene.run({ contracts: { osTokenRedeemer: undefined } })).toMatchObject({
      status: 'nothing-missing',
    });
    expect(scene.lines()).toContainEqual(expect.stringContaining('Nothing is kept for osToken redemptions'));
    expect(await scene.run()).toMatchObject({ status: 'requested' });
    expect(await scene.listRequests()).toEqual([[scene.indexes[0], 4n * ETH]]);
    await protocol.send(redeemer, 'setQueuedShares', 0n);
    await place.devnet.passEpochs(1);
    expect(await scene.listVoid()).toEqual([]);
  });
});

describe('one vault, two operators', () => {
  it('the database tells the next process when withdrawals were last requested', async () => {
    const scene = await place.createScene();
    expect(await scene.run()).toMatchObject({ status: 'requested' });
    await scene.operator[Symbol.asyncDispose]();
    await using next = await startTestOperator(scene.place);
    await next.outbox.reconcile(signal);
    const scope = { chainId: scene.network.chainId, vault: Buffer.from(scene.vault.slice(2), 'hex') };
    const last = await findLastSubmission(next.database, scope);
    expect(last).toEqual({ isPart: false, block: expect.any(Number) });
  });
});
