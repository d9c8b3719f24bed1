// Each fault that keeps an operator from topping up validators, and what it says of it; by the task that registers, too.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectFault, type Version5Fault } from '../../support/faults/version-5-fault.ts';
import {
  startVersion5Operators,
  type Version5Operator,
  type Version5Operators,
} from '../../support/scenes/version-5-operators.ts';

const TASK = 'register-validators';
const ETH = 1_000_000_000n;
/** A vault with assets that its validator has room for. */
const RICH = { active: [100], assets: 50, isFunding: true };

let scene: Version5Operators;
beforeAll(async () => {
  scene = await startVersion5Operators();
});
afterAll(() => scene?.[Symbol.asyncDispose]());
afterEach(() => scene.mend());

const hasToppedUp = async (operator: Version5Operator) => (await operator.listTopUps()).length > 0;

function setBeacons(change: Partial<Pick<Version5Operators['beacons'][number], 'fault' | 'behindSlots'>>) {
  for (const beacon of scene.beacons) Object.assign(beacon, change);
}

const FAULTS: readonly Version5Fault[] = [
  {
    fault: 'both beacon nodes lose their head while it is read',
    vault: RICH,
    arrange: () => setBeacons({ fault: 'reorganising' }),
    line: /^Registration waits for a beacon node that tells what the validators of the vault have: the chain is being reorganised/,
    reason: 'beacon-head-unsettled',
  },
  {
    fault: 'both beacon nodes are 40 blocks behind the execution node',
    vault: RICH,
    arrange: async ({ devnet }) => {
      await devnet.mine(45);
      await devnet.beacon.sync();
      setBeacons({ behindSlots: 40 });
    },
    line: /^Registration waits for a beacon node that tells what the validators of the vault have: .*behind/,
    reason: 'beacon-head-unsettled',
  },
  {
    fault: 'both beacon nodes serve no pending queues',
    vault: RICH,
    arrange: () => setBeacons({ fault: 'before-electra' }),
    line: /^Registration waits for a beacon node that tells .*does not serve pending_\w+/,
    reason: 'beacon-query-not-served',
  },
  {
    fault: 'both beacon nodes are down',
    vault: RICH,
    arrange: () => setBeacons({ fault: 'down' }),
    line: /127\.0\.0\.1/,
    reason: 'unreachable',
  },
  {
    fault: 'the vault’s assets fall between the plan and the transaction',
    vault: RICH,
    arrange: (_, operator) => {
      scene.rpc.onRequest = async ({ method }) => {
        if (method !== 'eth_estimateGas') return;
        scene.rpc.onRequest = undefined;
        await operator.leave(45);
      };
    },
    line: /^Registration starts again: the vault has less assets than the top-ups take\.$/,
    reason: 'restarted',
    mend: ({ devnet }, { vault }) => devnet.depositEther(45, vault),
  },
  {
    fault: 'the hot wallet is not the vault’s validators manager any more',
    vault: RICH,
    arrange: ({ devnet }, { vault }) => devnet.setValidatorsManager(devnet.addresses.keeper, vault),
    line: /^Registration waits for the hot wallet 0x\w+ to be the validators manager/,
    reason: 'not-validators-manager',
    mend: ({ devnet }, { vault, wallet }) => devnet.setValidatorsManager(wallet, vault),
  },
  {
    fault: 'the hot wallet cannot pay',
    vault: RICH,
    arrange: ({ devnet }, { wallet }) => devnet.setBalance(wallet, 1n),
    line: /^Registration waits for more ETH in the wallet 0x\w+/,
    reason: 'insufficient-funds',
    mend: ({ devnet }, { wallet }) => devnet.setBalance(wallet, 10n ** 18n),
  },
];

describe('top-ups of validators', () => {
  it.each(FAULTS)(
    'nobody is topped up in vain, and the operator says what it waits for, while $fault',
    fault => expectFault(scene, TASK, fault, hasToppedUp),
  );
});

describe('top-ups in spite of a fault', () => {
  it('validators that are slashed, or whose stake is somebody else’s, get nothing', async () => {
    const operator = await scene.open({ active: [100, 90, 80], assets: 20, isFunding: true });
    const [slashed = -1, foreign = -1, healthy = -1] = operator.indexes;
    await scene.devnet.beacon.change(state => {
      state.slash(slashed);
      state.change(foreign, { withdrawalCredentials: `0x02${'00'.repeat(11)}${'ee'.repeat(20)}` });
    });
    await operator.pass('track-validators');
    await operator.pass(TASK);
    expect(await operator.listTopUps(), operator.texts().join('\n')).toEqual([[healthy, 20n * ETH]]);
    expect(await operator.listVoid()).toEqual([]);
  });

  it('what somebody else has deposited for a validator, and the beacon chain has not added, takes its room', async () => {
    const operator = await scene.open({ active: [100], assets: 20, isFunding: true });
    const [key] = operator.active;
    if (key === undefined) throw new Error('the vault has no validator');
    await scene.devnet.depositForKey(scene.signDeposit(key, { owner: operator.vault, ether: 188 }));
    await operator.pass('track-validators');
    await operator.pass(TASK);
    expect(await operator.listTopUps(), operator.texts().join('\n')).toEqual([
      [operator.indexes[0], 12n * ETH],
    ]);
    expect(await operator.listVoid()).toEqual([]);
    const { state } = await scene.devnet.beacon.sync();
    expect(state.find(key.name)?.balanceGwei).toBe(300n * ETH);
  });

  it('the second beacon node stands in for a first one without the pending queues', async () => {
    const operator = await scene.open(RICH);
    scene.beacons[0].fault = 'before-electra';
    await operator.pass('track-validators');
    await operator.pass(TASK);
    expect(await operator.listTopUps(), operator.texts().join('\n')).toEqual([
      [operator.indexes[0], 50n * ETH],
    ]);
    expect(await operator.listVoid()).toEqual([]);
  });
});
