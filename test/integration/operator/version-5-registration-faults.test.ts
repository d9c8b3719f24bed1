// Each fault that keeps an operator from registering validators by keys of the signer, and what it says of it; by the real task.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { credentialsOf, depositDataRoot } from '../../devnet/deposit-data.ts';
import { hex } from '../../devnet/exit-signature.ts';
import { expectFault, shownReasons, type Version5Fault } from '../../support/faults/version-5-fault.ts';
import {
  type OwnedKey,
  startVersion5Operators,
  type Version5Operator,
  type Version5Operators,
} from '../../support/scenes/version-5-operators.ts';

const TASK = 'register-validators';
const GWEI = 1_000_000_000n;
const STRANGER = `0x${'ee'.repeat(20)}`;
/** A vault with assets and a key for one validator. */
const FULL = { keys: 1, assets: 100 };

let scene: Version5Operators;
beforeAll(async () => {
  scene = await startVersion5Operators();
});
afterAll(() => scene?.[Symbol.asyncDispose]());
afterEach(() => scene.mend());

const hasRegistered = async (operator: Version5Operator) => (await operator.listRegistered()).length > 0;

/** Has something happen the next time that the node is asked this, before it answers. */
function once(method: string, happen: () => Promise<void>): void {
  scene.rpc.onRequest = async request => {
    if (request.method !== method) return;
    scene.rpc.onRequest = undefined;
    await happen();
  };
}

function keyOf({ keys }: Version5Operator): OwnedKey {
  const [key] = keys;
  if (key === undefined) throw new Error('the vault has no key');
  return key;
}

/** Somebody who has the key stakes with it for himself. */
const steal = (operator: Version5Operator) =>
  scene.devnet.depositForKey(scene.signDeposit(keyOf(operator), { owner: STRANGER }));

/** Somebody makes a deposit of another key, which changes the root of the deposits. */
const deposit = () => scene.devnet.depositForKey(scene.signDeposit(scene.createKey(), { owner: STRANGER }));

/** The same, in the block of the transaction that is about to be sent, and before it. */
function stealInFront(operator: Version5Operator): void {
  const { provider, addresses, at } = scene.devnet.protocol;
  once('eth_sendRawTransaction', async () => {
    const made = scene.signDeposit(keyOf(operator), { owner: STRANGER });
    const { publicKey, withdrawalCredentials, signature, amountGwei } = made;
    await provider.send('evm_setAutomine', [false]);
    await at('DepositContract', addresses.depositContract)
      .getFunction('deposit')
      .send(publicKey, withdrawalCredentials, signature, depositDataRoot(made), {
        value: amountGwei * GWEI,
        maxPriorityFeePerGas: 50n * GWEI,
        maxFeePerGas: 500n * GWEI,
      });
    scene.rpc.onAnswer = async ({ method }) => {
      if (method !== 'eth_sendRawTransaction') return;
      scene.rpc.onAnswer = undefined;
      await provider.send('evm_mine', []);
      await provider.send('evm_setAutomine', [true]);
    };
  });
}

const NEVER = 'never' as const;

const FAULTS: readonly Version5Fault[] = [
  {
    fault: 'the signer does not have the key',
    vault: FULL,
    arrange: ({ signer }, operator) =>
      void (signer.keys as Map<string, unknown>).delete(keyOf(operator).name),
    line: /^Registration waits for the signer to have the keys of 1 validators of the test, first 0x/,
    reason: 'key-not-in-signer',
    mend: ({ signer }, operator) =>
      signer.addKey(keyOf(operator).name, {
        secretKey: keyOf(operator).secretKey,
        path: '',
        isReadOnly: false,
      }),
  },
  ...(['wrong-key', 'other-amount', 'other-credentials', 'other-fork'] as const).map(fault => ({
    fault: `the signer signs another deposit: ${fault}`,
    vault: FULL,
    arrange: ({ signer }: Version5Operators) => {
      signer.fault = fault;
    },
    line: /^Registration waits for the signer to sign the deposits: .*signature/,
    reason: 'deposit-not-signed',
  })),
  {
    fault: 'the signer is down',
    vault: FULL,
    arrange: ({ signer }) => {
      signer.fault = 'down';
    },
    line: /127\.0\.0\.1/,
    reason: 'connection-reset',
  },
  {
    fault: 'no beacon node can say whether it knows the key',
    vault: FULL,
    arrange: ({ beacons }) => {
      for (const beacon of beacons) beacon.fault = 'down';
    },
    line: /127\.0\.0\.1/,
    reason: 'unreachable',
  },
  {
    fault: 'somebody else has staked with the key, which no block has made final',
    vault: FULL,
    arrange: (_, operator) => steal(operator),
    line: /^Registration waits for more keys: deposits have used all 1 of the test\.$/,
    reason: 'signer-keys-used-up',
    mend: NEVER,
  },
  {
    fault: 'somebody else has staked with the key long ago',
    vault: FULL,
    arrange: async ({ devnet }, operator) => {
      await steal(operator);
      await devnet.mine(70);
      await operator.pass('track-validators');
    },
    line: /^Registration waits for more keys: deposits have used all 1 of the test\.$/,
    reason: 'signer-keys-used-up',
    mend: NEVER,
  },
  {
    fault: 'the beacon chain has the key with credentials of somebody else, of which no deposit tells',
    vault: FULL,
    arrange: ({ devnet }, operator) =>
      devnet.beacon.change(state => void state.add(keyOf(operator).name, hex(credentialsOf(STRANGER)))),
    line: /^The key 0x\w{96} is not registered: the beacon chain has it as validator \d+ with the withdrawal credentials 0x01\w+ee$/,
    reason: 'signer-keys-used-up',
    mend: NEVER,
  },
  {
    fault: 'somebody makes a deposit while the oracles approve',
    vault: FULL,
    arrange: ({ devnet }) => {
      // Those that look at the chain refuse then.
      devnet.oracles.instant = true;
      devnet.oracles.onRequest = async (_, { method }) => {
        if (method !== 'POST') return;
        devnet.oracles.onRequest = undefined;
        await deposit();
      };
    },
    line: /^Registration starts again: somebody deposited while the oracles approved, so that their approval is void\.$/,
    reason: 'restarted',
  },
  {
    fault: 'somebody makes a deposit between the approval and the transaction',
    vault: FULL,
    arrange: () => once('eth_estimateGas', deposit),
    line: /^Registration starts again: the transaction would revert: InvalidValidatorsRegistryRoot\.$/,
    reason: 'restarted',
  },
  {
    fault: 'somebody stakes with the key in the same block, in front of the vault',
    vault: FULL,
    arrange: (_, operator) => stealInFront(operator),
    line: /^Registration starts again: 0x\w{64} was reverted/,
    reason: 'restarted',
    sent: 1,
    mend: NEVER,
  },
  {
    fault: 'the vault’s assets fall between the plan and the transaction',
    vault: FULL,
    arrange: (_, operator) => once('eth_estimateGas', () => operator.leave(90)),
    line: /^The registration of 1 validators would revert: .*; nothing was sent\.$/,
    reason: 'registration-would-revert',
    mend: ({ devnet }, { vault }) => devnet.depositEther(90, vault),
  },
  {
    fault: 'too few oracles approve',
    vault: FULL,
    arrange: ({ devnet }) => {
      for (const { faults } of devnet.oracles.servers.slice(0, 2)) faults.status = 500;
    },
    line: /^\d of the 3 oracles approved that are needed/,
    reason: 'not-enough-approvals',
  },
  {
    fault: 'the hot wallet is not the vault’s validators manager any more',
    vault: FULL,
    arrange: ({ devnet }, { vault }) => devnet.setValidatorsManager(devnet.addresses.keeper, vault),
    line: /^Registration waits for the hot wallet 0x\w+ to be the validators manager/,
    reason: 'not-validators-manager',
    mend: ({ devnet }, { vault, wallet }) => devnet.setValidatorsManager(wallet, vault),
  },
  {
    fault: 'the hot wallet cannot pay',
    vault: FULL,
    arrange: ({ devnet }, { wallet }) => devnet.setBalance(wallet, 1n),
    line: /^Registration waits for more ETH in the wallet 0x\w+: .* do not pay for the transaction\.$/,
    reason: 'insufficient-funds',
    mend: ({ devnet }, { wallet }) => devnet.setBalance(wallet, 10n ** 18n),
  },
];

describe('registration by keys of the signer', () => {
  it.each(FAULTS)(
    'nothing is deposited in vain, and the operator says what it waits for, while $fault',
    fault => expectFault(scene, TASK, fault, hasRegistered),
  );
});

describe('registration in spite of a fault', () => {
  it('a key that somebody stakes with in front of the vault is given up, and the next one takes its place', async () => {
    const operator = await scene.open({ keys: 2, assets: 100 });
    const [, next] = operator.keys;
    await operator.pass('track-validators');
    stealInFront(operator);
    await operator.pass(TASK);
    expect(await operator.listRegistered()).toEqual([]);
    await operator.pass(TASK);
    expect(await operator.listRegistered()).toEqual([next?.name]);
    expect(await shownReasons(operator, TASK)).toEqual([]);
    expect(await operator.listVoid()).toEqual([]);
  });

  it('a deposit that the key has not signed does not use it, final or not: the validator is the vault’s', async () => {
    const operator = await scene.open({ keys: 2, assets: 64 });
    const [first, second] = operator.keys;
    if (first === undefined || second === undefined) throw new Error('the vault has no keys');
    const forge = (key: OwnedKey) =>
      scene.devnet.depositForKey(
        scene.signDeposit(key, { owner: STRANGER, signedBy: scene.createKey().secretKey }),
      );
    await forge(first);
    await scene.devnet.mine(70);
    await operator.pass('track-validators');
    await forge(second);
    await operator.pass(TASK);
    const registered = await operator.listRegistered();
    expect(registered, operator.texts().join('\n')).toEqual([first.name]);
    expect(await operator.listVoid()).toEqual([]);
    const { state } = await scene.devnet.beacon.sync();
    expect(state.find(first.name)).toMatchObject({
      withdrawalCredentials: hex(credentialsOf(operator.vault, 2)),
      balanceGwei: 64_000_000_000n,
    });
  });

  it('a vault that is not collateralised registers its first validator, and requests nothing before', async () => {
    const operator = await scene.open({ keys: 1, assets: 32 });
    await operator.pass('track-validators');
    await operator.pass('withdraw-validators');
    expect(await shownReasons(operator, 'withdraw-validators')).toEqual(['not-collateralized']);
    await operator.pass(TASK);
    expect(await operator.listRegistered()).toHaveLength(1);
    await operator.pass('withdraw-validators');
    expect(await shownReasons(operator, 'withdraw-validators')).toEqual([]);
    expect(await operator.listVoid()).toEqual([]);
  });
});
