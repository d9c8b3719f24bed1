// Each fault that keeps an operator from requesting withdrawals, and what it says of it: by the real task, its figures and its log.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { encodeWithdrawal } from '../../devnet/deposit-data.ts';
import { expectFault, shownReasons, type Version5Fault } from '../../support/faults/version-5-fault.ts';
import {
  startVersion5Operators,
  type Version5Operator,
  type Version5Operators,
} from '../../support/scenes/version-5-operators.ts';

const TASK = 'withdraw-validators';
const ETH = 1_000_000_000n;
const GWEI = 1_000_000_000n;
/** A vault that lacks 10 ETH, which its validator has. */
const LACKING = { active: [300], leaving: 10 };

let scene: Version5Operators;
beforeAll(async () => {
  scene = await startVersion5Operators();
});
afterAll(() => scene?.[Symbol.asyncDispose]());
afterEach(() => scene.mend());

const hasRequested = async (operator: Version5Operator) => (await operator.listRequests()).length > 0;

/** Has something happen the next time that the node is asked this, before it answers. */
function once(method: string, happen: () => Promise<void>): void {
  scene.rpc.onRequest = async request => {
    if (request.method !== method) return;
    scene.rpc.onRequest = undefined;
    await happen();
  };
}

function setBeacons(change: Partial<Pick<Version5Operators['beacons'][number], 'fault' | 'behindSlots'>>) {
  for (const beacon of scene.beacons) Object.assign(beacon, change);
}

/** Has some of the oracles answer whatever they are asked with this text. */
function answerAll(count: number, text: string): void {
  for (const { faults } of scene.devnet.oracles.servers.slice(0, count)) faults.garbage = text;
}

const FAULTS: readonly Version5Fault[] = [
  {
    fault: 'two of four oracles do not say what they exit, where three have to',
    vault: LACKING,
    arrange: ({ devnet }) => {
      for (const { faults } of devnet.oracles.servers.slice(0, 2)) faults.exits = { status: 503 };
    },
    line: /^Waiting for answers of 3 oracles about the validators that they exit$/,
    reason: 'oracle-exits-unknown',
  },
  {
    fault: 'two of four oracles answer with something else than a list of exits',
    vault: LACKING,
    arrange: () => answerAll(2, '{"exits":[]}'),
    line: /^The oracle 0x\w+ does not tell which validators it exits: .*does not answer as an oracle does/,
    reason: 'oracle-exits-unknown',
  },
  {
    fault: 'two of four oracles name validators below zero, or beyond all numbers',
    vault: LACKING,
    arrange: ({ devnet }) => {
      const [first, second] = devnet.oracles.servers;
      Object.assign(first?.faults ?? {}, { garbage: '[{"index":-1}]' });
      Object.assign(second?.faults ?? {}, { garbage: '[{"index":1e400}]' });
    },
    line: /^The oracle 0x\w+ does not tell which validators it exits/,
    reason: 'oracle-exits-unknown',
  },
  {
    fault: 'two of four oracles answer with 100 MB',
    vault: LACKING,
    arrange: () => answerAll(2, `[${' '.repeat(100_000_000)}]`),
    line: /^The oracle 0x\w+ does not tell which validators it exits: .*(large|bytes)/,
    reason: 'oracle-exits-unknown',
  },
  {
    fault: 'a request costs more than the limit',
    vault: LACKING,
    arrange: ({ devnet }) => devnet.beacon.setExcess('withdrawals', 2_000n),
    line: /^Waiting for requests for less than 1000 gwei each \(--max-withdrawal-request-fee-gwei\)$/,
    reason: 'request-fee-too-high',
  },
  {
    fault: 'strangers have filled the queue of requests, which raises the fee',
    vault: { active: [300], leaving: 10, maxRequestFeeGwei: 1n },
    arrange: async ({ devnet }) => {
      // Theirs are taken for less than a gwei each, and the next ones are not any more.
      await devnet.beacon.setExcess('withdrawals', 330n);
      const entries = Array.from({ length: 24 }, (_, i) => encodeWithdrawal(Buffer.alloc(48, i + 1), 1n));
      await devnet.sendRequests('withdrawals', entries);
    },
    line: /^Waiting for requests for less than 1 gwei each/,
    reason: 'request-fee-too-high',
  },
  {
    fault: 'the contract takes no requests yet',
    vault: LACKING,
    arrange: ({ devnet }) => devnet.beacon.setExcess('withdrawals', 2n ** 256n - 1n),
    line: /^Waiting for the contract of withdrawal requests to take some: the fork has not begun$/,
    reason: 'requests-not-taken',
  },
  {
    fault: 'the fee rises between plan and sending',
    vault: LACKING,
    arrange: ({ devnet }) => once('eth_estimateGas', () => devnet.beacon.setExcess('withdrawals', 200n)),
    line: /^The vault 0x\w+ refuses to request withdrawals/,
    reason: 'withdrawal-refused',
  },
  {
    fault: 'the fee rises when the transaction is signed already, which then is reverted',
    vault: LACKING,
    arrange: ({ devnet }) =>
      once('eth_sendRawTransaction', () => devnet.beacon.setExcess('withdrawals', 200n)),
    line: /^The vault 0x\w+ refuses to request withdrawals/,
    reason: 'withdrawal-refused',
    sent: 1,
  },
  {
    fault: 'the chain has gone on by 40 blocks before anything is sent',
    vault: LACKING,
    arrange: ({ devnet }) => once('eth_getStorageAt', () => devnet.mine(40)),
    line: /^Withdrawals are planned anew: the chain has moved past this plan$/,
    reason: 'restarted',
  },
  {
    fault: 'both beacon nodes are 40 blocks behind the execution node',
    vault: LACKING,
    arrange: async ({ devnet }) => {
      await devnet.mine(40);
      await devnet.beacon.sync();
      setBeacons({ behindSlots: 40 });
    },
    line: /The beacon node's head at slot \d+ is built upon block \d+, 4\d blocks behind the execution node/,
    reason: 'node-behind',
  },
  {
    fault: 'both beacon nodes lose their head while it is read',
    vault: LACKING,
    arrange: () => setBeacons({ fault: 'reorganising' }),
    line: /its chain was reorganised while it was read/,
    reason: 'beacon-chain-reorganised',
  },
  {
    fault: 'both beacon nodes serve no pending queues',
    vault: LACKING,
    arrange: () => setBeacons({ fault: 'before-electra' }),
    line: /does not serve pending_\w+: it is older than Electra/,
    reason: 'beacon-query-not-served',
  },
  {
    fault: 'both beacon nodes are down',
    vault: LACKING,
    arrange: () => setBeacons({ fault: 'down' }),
    line: /127\.0\.0\.1/,
    reason: 'unreachable',
  },
  {
    fault: 'both beacon nodes are syncing',
    vault: LACKING,
    arrange: () => setBeacons({ fault: 'syncing' }),
    line: /is not ready: it is syncing, 12345 slots behind/,
    reason: 'beacon-node-not-ready',
  },
  {
    fault: 'the only validator is slashed, from which the rest cannot be had',
    vault: { active: [300] },
    arrange: async ({ devnet }, operator) => {
      await devnet.beacon.change(state => state.slash(operator.indexes[0] ?? -1));
      await operator.leave(299.999);
    },
    line: /^Waiting for validators that can be withdrawn from/,
    reason: 'nothing-to-withdraw',
    mend: 'never',
  },
  {
    fault: 'the vault is not collateralised',
    vault: {},
    arrange: () => undefined,
    line: /^Waiting for the keeper to know validators of the vault/,
    reason: 'not-collateralized',
    mend: 'never',
  },
  {
    fault: 'the vault has another validators manager',
    vault: LACKING,
    arrange: ({ devnet }, { vault }) => devnet.setValidatorsManager(devnet.addresses.keeper, vault),
    line: /^Waiting for the vault to have the hot wallet 0x\w+ as its validators manager$/,
    reason: 'not-validators-manager',
    mend: ({ devnet }, { vault, wallet }) => devnet.setValidatorsManager(wallet, vault),
  },
  {
    fault: 'the wallet cannot pay',
    vault: LACKING,
    arrange: ({ devnet }, { wallet }) => devnet.setBalance(wallet, 1n),
    line: /^The wallet 0x\w+ holds less than .*, which does not pay for the transaction\.$/,
    reason: 'insufficient-funds',
    mend: ({ devnet }, { wallet }) => devnet.setBalance(wallet, 10n ** 18n),
  },
];

describe('withdrawals from validators', () => {
  it.each(FAULTS)(
    'nothing is requested in vain, and the operator says what it waits for, while $fault',
    fault => expectFault(scene, TASK, fault, hasRequested),
  );
});

describe('withdrawals in spite of a fault', () => {
  it('an oracle that lies alone keeps nobody from anything: its validators are withdrawn from', async () => {
    const operator = await scene.open(LACKING);
    const [liar] = scene.devnet.oracles.servers;
    if (liar === undefined) throw new Error('there is no oracle');
    const [index = -1] = operator.indexes;
    liar.faults.exits = [index, index, 5, 6, 7, Number.MAX_SAFE_INTEGER];
    await operator.pass(TASK);
    expect(await operator.listRequests()).toEqual([[index, 10n * ETH, 1n]]);
    expect(await operator.listVoid()).toEqual([]);
  });

  it('what enough oracles exit is coming in, and is not withdrawn from, however much they name', async () => {
    const operator = await scene.open(LACKING);
    scene.devnet.oracles.exiting = Array.from({ length: 5_000 }, (_, i) => i);
    await operator.pass(TASK);
    expect(await operator.listRequests()).toEqual([]);
    expect(operator.reportOf(TASK)).toMatchObject({ waitsFor: 'assets to be missing in the exit queue' });
    expect((await operator.samples()).get('queued_assets')).toBe(0);
    expect(await shownReasons(operator, TASK)).toEqual([]);
  });

  it.each([
    { fault: 'before-electra' },
    { fault: 'reorganising' },
    { fault: 'down' },
    { fault: 'garbage' },
    { behindSlots: 40 },
  ] as const)('the second beacon node stands in for a first one that is %o', async change => {
    const operator = await scene.open(LACKING);
    await scene.devnet.mine(45);
    await scene.devnet.beacon.sync();
    Object.assign(scene.beacons[0], change);
    await operator.pass(TASK);
    expect(await operator.listRequests(), operator.texts().join('\n')).toHaveLength(1);
    expect(await operator.listVoid()).toEqual([]);
  });

  it('a beacon node that is four slots behind is believed as of its own block', async () => {
    const operator = await scene.open(LACKING);
    await scene.devnet.mine(10);
    await scene.devnet.beacon.sync();
    setBeacons({ behindSlots: 4 });
    await operator.pass(TASK);
    expect(await operator.listRequests()).toEqual([[operator.indexes[0], 10n * ETH, 1n]]);
    expect(await operator.listVoid()).toEqual([]);
  });

  it('slashed validators are neither withdrawn from nor exited, whichever else there are', async () => {
    const operator = await scene.open({ active: [300, 200, 32, 33] });
    const [large = -1, healthy = -1, small = -1] = operator.indexes;
    await scene.devnet.beacon.change(state => {
      state.slash(large);
      state.slash(small);
    });
    // Some 332 of the slashed ones come in, 167 of the healthy ones are above 32: one has to exit.
    await operator.leave(520);
    await operator.pass(TASK);
    const requests = await operator.listRequests();
    expect(requests.length).toBeGreaterThan(0);
    expect(requests.map(([index]) => index)).not.toContain(large);
    expect(requests.map(([index]) => index)).not.toContain(small);
    expect(requests.map(([index]) => index)).toContain(healthy);
    expect(await operator.listVoid()).toEqual([]);
  });

  it('a validator under a key of the vault whose stake is somebody else’s brings nothing, and is told of', async () => {
    const operator = await scene.open({ active: [300, 32], leaving: 20 });
    const [large = -1, foreign = -1] = operator.indexes;
    await scene.devnet.beacon.change(state => {
      state.change(foreign, { withdrawalCredentials: `0x01${'00'.repeat(11)}${'ee'.repeat(20)}` });
      state.exit(foreign);
    });
    await operator.pass(TASK);
    expect(await operator.listRequests()).toEqual([[large, 20n * ETH, 1n]]);
    expect(operator.texts('warn')).toContainEqual(
      `Validators with keys of the vault have other withdrawal credentials, so that nothing of theirs comes to it: ${foreign}`,
    );
    expect(await operator.listVoid()).toEqual([]);
  });

  it('a fee that rises within what was reckoned with is paid as it is, never above the limit, and the rest comes back', async () => {
    const operator = await scene.open({ active: [300], leaving: 10, maxRequestFeeGwei: 1n });
    const values: bigint[] = [];
    await scene.devnet.beacon.setExcess('withdrawals', 340n);
    once('eth_sendRawTransaction', () => scene.devnet.beacon.setExcess('withdrawals', 345n));
    await operator.pass(TASK);
    const [request] = await operator.listRequests();
    const [index, gwei, feeWei = 0n] = request ?? [];
    expect([index, gwei], operator.texts().join('\n')).toEqual([operator.indexes[0], 10n * ETH]);
    const { provider } = scene.devnet.protocol;
    const head = await provider.getBlock('latest', true);
    for (const transaction of head?.prefetchedTransactions ?? []) values.push(transaction.value);
    expect(values).toHaveLength(1);
    expect(feeWei).toBeGreaterThan(0n);
    expect(values[0]).toBeGreaterThanOrEqual(feeWei);
    expect(values[0]).toBeLessThanOrEqual(GWEI);
    expect(await provider.getBalance(operator.vault)).toBe(0n);
    expect(await operator.listVoid()).toEqual([]);
  });
});
