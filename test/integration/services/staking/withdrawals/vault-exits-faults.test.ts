// Each fault that keeps somebody from having a vault exit its validators: nothing is sent, and the error says why.
import { Wallet } from 'ethers';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import {
  planVaultExits,
  requestVaultExits,
  type VaultExits,
} from '../../../../../src/services/staking/withdrawals/vault-exits.ts';
import {
  startWithdrawalsDevnet,
  type WithdrawalsDevnet,
  type WithdrawalsScene,
} from '../../../../support/scenes/withdrawals-scene.ts';

const signal = new AbortController().signal;
const FOREIGN = `0x01${'00'.repeat(11)}${'ee'.repeat(20)}`;

let place: WithdrawalsDevnet;
beforeAll(async () => {
  place = await startWithdrawalsDevnet();
});
afterAll(() => place?.[Symbol.asyncDispose]());
afterEach(async () => {
  place.beacon.fault = undefined;
  place.beacon.behindSlots = 0;
  await place.devnet.beacon.setExcess('withdrawals', 0n);
});

const plan = (scene: WithdrawalsScene) =>
  planVaultExits(scene.deps, {
    vault: scene.vault,
    wallet: new Wallet(scene.place.secretKey).address,
    network: scene.network,
    indexes: undefined,
    count: undefined,
    maxRequestFeeWei: 1_000n * 10n ** 9n,
    signal,
  });
const send = (scene: WithdrawalsScene, exits: VaultExits) =>
  requestVaultExits(scene.operator.outbox, exits, { signal, onSent: () => undefined });

function setFault(fault: WithdrawalsDevnet['beacon']['fault']): void {
  place.beacon.fault = fault;
}

/** How many transactions the wallet has sent, those that are in no block among them. */
const countSent = ({ place: { secretKey } }: WithdrawalsScene) =>
  place.devnet.protocol.provider.getTransactionCount(new Wallet(secretKey).address, 'pending');

async function expectNothing(scene: WithdrawalsScene, sentBefore: number): Promise<void> {
  expect(await countSent(scene)).toBe(sentBefore);
  expect(await scene.listRequests()).toEqual([]);
  expect(await scene.listVoid()).toEqual([]);
}

interface PlanFault {
  readonly fault: string;
  readonly validators?: readonly number[];
  /** Brings it about; what it returns is waited for. */
  arrange(scene: WithdrawalsScene): unknown;
  readonly code: string;
  readonly message: RegExp;
}

const FAULTS: readonly PlanFault[] = [
  {
    fault: 'a request costs more than the limit',
    arrange: () => place.devnet.beacon.setExcess('withdrawals', 2_000n),
    code: 'request-fee-too-high',
    message: /^A request costs more than 1000 gwei now/,
  },
  {
    fault: 'the contract takes no requests yet',
    arrange: () => place.devnet.beacon.setExcess('withdrawals', 2n ** 256n - 1n),
    code: 'request-fee-too-high',
    message: /or none is taken yet/,
  },
  {
    fault: 'the beacon node loses its head while it is read',
    arrange: () => setFault('reorganising'),
    code: 'beacon-chain-reorganised',
    message: /its chain was reorganised while it was read/,
  },
  {
    fault: 'the beacon node serves no pending queues',
    arrange: () => setFault('before-electra'),
    code: 'beacon-query-not-served',
    message: /does not serve pending_\w+/,
  },
  {
    fault: 'the beacon node is syncing',
    arrange: () => setFault('syncing'),
    code: 'beacon-node-not-ready',
    message: /it is syncing/,
  },
  {
    fault: 'the beacon node is 40 blocks behind the execution node',
    arrange: async () => {
      await place.devnet.mine(45);
      await place.devnet.beacon.sync();
      place.beacon.behindSlots = 40;
    },
    code: 'node-behind',
    message: /40 blocks behind the execution node/,
  },
  {
    fault: 'the only validator is slashed',
    arrange: ({ indexes }) => place.devnet.beacon.change(state => state.slash(indexes[0] ?? -1)),
    code: 'exit-not-possible',
    message: /its exit has begun, or is over\. Nothing was sent\.$/,
  },
  {
    fault: 'the only validator’s stake is somebody else’s',
    arrange: ({ indexes }) =>
      place.devnet.beacon.change(state => state.change(indexes[0] ?? -1, { withdrawalCredentials: FOREIGN })),
    code: 'exit-not-possible',
    message: /it is no validator of the vault/,
  },
  {
    fault: 'the vault is not collateralised',
    validators: [],
    arrange: () => undefined,
    code: 'exit-not-possible',
    message: /^The keeper knows no validators of the vault/,
  },
  {
    fault: 'the vault has another validators manager',
    arrange: ({ vault }) => place.devnet.setValidatorsManager(place.devnet.addresses.keeper, vault),
    code: 'not-validators-manager',
    message: /cannot exit its validators/,
  },
];

it.each(FAULTS)(
  'no exit is requested while $fault, and the error says so',
  async ({ validators = [32], arrange, code, message }) => {
    const scene = await place.createScene({ validators, leaving: 0 });
    const sentBefore = await countSent(scene);
    await arrange(scene);
    await expect(plan(scene)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    place.beacon.fault = undefined;
    place.beacon.behindSlots = 0;
    await expectNothing(scene, sentBefore);
  },
);

it('exits whose fee rises between plan and sending are not sent, and named as not requested', async () => {
  const scene = await place.createScene({ validators: [32, 32], leaving: 0 });
  const sentBefore = await countSent(scene);
  const planned = await plan(scene);
  await place.devnet.beacon.setExcess('withdrawals', 200n);
  await expect(send(scene, planned)).rejects.toMatchObject({
    code: 'exits-incomplete',
    message: expect.stringMatching(
      new RegExp(`^No exit was requested\\. Not requested: ${scene.indexes.join(', ')} \\(`),
    ),
  });
  await expectNothing(scene, sentBefore);
});

it('healthy validators exit beside slashed ones and those of somebody else, which are named', async () => {
  const scene = await place.createScene({ validators: [32, 40, 33], leaving: 0 });
  const [healthy = -1, slashed = -1, foreign = -1] = scene.indexes;
  await place.devnet.beacon.change(state => {
    state.slash(slashed);
    state.change(foreign, { withdrawalCredentials: FOREIGN });
  });
  const planned = await plan(scene);
  expect(planned.refused).toEqual([
    { index: BigInt(slashed), reason: 'exiting' },
    { index: BigInt(foreign), reason: 'foreign' },
  ]);
  await send(scene, planned);
  expect(await scene.listRequests()).toEqual([[healthy, 0n]]);
  await place.devnet.passEpochs(1);
  expect(await scene.listVoid()).toEqual([]);
});
