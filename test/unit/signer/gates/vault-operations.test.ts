import { Interface, Transaction } from 'ethers';
import { describe, expect, it } from 'vitest';
import {
  encodeCalls,
  encodeFunding,
  encodeWithdrawalRequests,
} from '../../../../src/clients/execution/contracts/vault-calldata.ts';
import { depositDataRoot } from '../../../../src/domain/consensus/deposit.ts';
import { encodeUpdateState } from '../../../../src/domain/protocol/rewards.ts';
import { concatBytes, fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { WEI_PER_GWEI } from '../../../../src/lib/units.ts';
import { resolveNetwork } from '../../../../src/networks/resolve-network.ts';
import type { VaultOperations } from '../../../../src/signer/gates/vault-operations.ts';
import { createWalletGate } from '../../../../src/signer/gates/wallet-gate.ts';
import { fundingEntry, withdrawalEntry } from '../../../support/scenes/operations-vault.ts';

const VAULT = '0xA1A1a1a1A1A1A1A1A1a1a1a1a1a1A1A1a1A1a1a1';
const STRANGER = '0x7070707070707070707070707070707070707070';
const WALLET = '0xaB4cE16c086735f0497514F0Fe9DF8e8cccFc94e';
const { contracts, chainId } = resolveNetwork('mainnet');
const REGISTRY = contracts.depositDataRegistry ?? '';
const MAX_FEE_WEI = 1_000n * WEI_PER_GWEI;
const ALL: VaultOperations = { funding: true, maxWithdrawalRequestFeeWei: MAX_FEE_WEI };

function judge(
  data: string,
  {
    operations = ALL,
    to = VAULT,
    ...more
  }: {
    readonly operations?: VaultOperations | undefined;
    readonly to?: string;
    readonly value?: bigint;
  } = {},
): string {
  const gate = createWalletGate({
    chainId,
    wallet: WALLET,
    vault: VAULT,
    keeper: contracts.keeper,
    depositDataRegistry: REGISTRY,
    maxFeePerGasWei: 1n,
    maxGas: 16_777_216n,
    operations,
  });
  const fees = { gasLimit: 1n, maxFeePerGas: 1n, maxPriorityFeePerGas: 1n };
  const transaction = Transaction.from({ type: 2, chainId, nonce: 3, to, data, ...fees, ...more });
  return gate(fromHex(transaction.unsignedSerialized)).call;
}

const withdrawals = concatBytes([withdrawalEntry(1, 0n), withdrawalEntry(2, 1n), withdrawalEntry(3, 5n)]);
const funding = concatBytes([1, 2, 3].map(key => topUpOf(key, 10_000_000_000n)));

/** A top-up as the vault takes it, of a validator with the vault's own 0x02 credentials. */
function topUpOf(key: number, amountGwei: bigint): Uint8Array {
  const publicKey = new Uint8Array(48).fill(key);
  const signature = new Uint8Array(96);
  const withdrawalCredentials = fromHex(`0x02${'00'.repeat(11)}${VAULT.slice(2)}`);
  const root = depositDataRoot({ publicKey, signature, withdrawalCredentials, amountGwei });
  const entry = fundingEntry(key, amountGwei);
  entry.set(root, 144);
  return entry;
}

const harvest = encodeUpdateState({
  rewardsRoot: new Uint8Array(32).fill(1),
  rewardWei: -3n,
  unlockedMevRewardWei: 4n,
  proof: [new Uint8Array(32).fill(2)],
});
const abi = new Interface([
  'function fundValidators(bytes validators, bytes signature)',
  'function withdrawValidators(bytes validators, bytes signature)',
  'function consolidateValidators(bytes validators, bytes signature, bytes oracles)',
  'function multicall(bytes[] data)',
]);
const SIGNATURE = `0x${'11'.repeat(65)}`;

/** The bytes with others in their place. */
function changed(bytes: Uint8Array, at: number, by: Uint8Array | number[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(by, at);
  return copy;
}

describe('the gate of the wallet, of validators that the vault has', () => {
  const FUND = encodeFunding(funding);
  const WITHDRAW = encodeWithdrawalRequests(withdrawals);
  const raw = (name: string, bytes: Uint8Array, signature = '0x') =>
    abi.encodeFunctionData(name, [toHex(bytes), signature]);
  const AMOUNT_AT = 184 - 8;
  const ETH_2048 = [0x00, 0x00, 0x01, 0xdc, 0xd6, 0x50, 0x00, 0x00];

  it('the wallet’s gate lets top-ups pass, after a harvest too, and withdrawals with up to the ceiling for each', () => {
    expect(judge(FUND)).toBe('fundValidators');
    expect(judge(encodeCalls([harvest, FUND]))).toBe('multicall(updateState, fundValidators)');
    expect(judge(abi.encodeFunctionData('multicall', [[FUND]]))).toBe('multicall(fundValidators)');
    for (const value of [1n, 3n * MAX_FEE_WEI]) expect(judge(WITHDRAW, { value })).toBe('withdrawValidators');
    // In whatever case an address is written.
    expect(judge(FUND, { to: VAULT.toLowerCase() })).toBe('fundValidators');
    for (const amountGwei of [1_000_000_000n, 2_048_000_000_000n]) {
      expect(judge(encodeFunding(topUpOf(9, amountGwei)))).toBe('fundValidators');
    }
  });

  it('the wallet’s gate lets each of the two pass without the other', () => {
    expect(judge(FUND, { operations: { funding: true } })).toBe('fundValidators');
    const withdrawing = { operations: { maxWithdrawalRequestFeeWei: 5n }, value: 15n };
    expect(judge(WITHDRAW, withdrawing)).toBe('withdrawValidators');
  });

  it.each<[string, string, Parameters<typeof judge>[1], string]>([
    ['a top-up, which is off', FUND, { operations: {} }, 'with selector 0xa145ca01'],
    ['a top-up with withdrawals on', FUND, { operations: { maxWithdrawalRequestFeeWei: 1n } }, '0xa145ca01'],
    [
      'a top-up in a multicall, which is off',
      encodeCalls([harvest, FUND]),
      { operations: {} },
      'with selector 0xa145ca01',
    ],
    ['a top-up with a wei', FUND, { value: 1n }, 'sends 1 wei; 0 may be sent'],
    ['a top-up in a multicall with a wei', encodeCalls([harvest, FUND]), { value: 1n }, 'sends 1 wei; 0 may'],
    ['a top-up by another contract', FUND, { to: REGISTRY }, `the deposit data registry ${REGISTRY}`],
    ['a top-up by another vault', FUND, { to: STRANGER }, STRANGER],
    ['no top-up at all', raw('fundValidators', new Uint8Array()), {}, '184 bytes each, not 0'],
    ['a top-up cut short', raw('fundValidators', funding.subarray(0, 183)), {}, '184 bytes each, not 183'],
    [
      'entries of a registration of 176 bytes',
      raw('fundValidators', funding.subarray(0, 176)),
      {},
      '184 bytes each, not 176',
    ],
    [
      'a top-up with a manager’s signature',
      raw('fundValidators', funding, SIGNATURE),
      {},
      'another validators manager',
    ],
    [
      'a top-up with a deposit signature',
      raw('fundValidators', changed(funding, 48, [1])),
      {},
      'has a signature',
    ],
    [
      'a top-up with another root',
      raw('fundValidators', changed(funding, 144, [0, 0])),
      {},
      '0x02 credentials',
    ],
    ['a top-up of another key', raw('fundValidators', changed(funding, 0, [0])), {}, '0x02 credentials'],
    [
      'a top-up whose amount is not that of the root',
      raw('fundValidators', changed(funding, AMOUNT_AT, ETH_2048)),
      {},
      '0x02 credentials',
    ],
    [
      'a top-up of a gwei more than 2048 ETH',
      raw('fundValidators', changed(changed(funding, AMOUNT_AT, ETH_2048), 183, [1])),
      {},
      'is 2048000000001 gwei',
    ],
    [
      'a top-up of less than 1 ETH',
      raw('fundValidators', changed(funding, AMOUNT_AT, new Uint8Array(8))),
      {},
      'is 0 gwei',
    ],
    [
      'a second entry that is wrong',
      raw('fundValidators', changed(funding, 184 + 144, [0, 0])),
      {},
      '0x02 credentials',
    ],
    [
      'two top-ups of one validator',
      raw('fundValidators', new Uint8Array([...funding, ...funding])),
      {},
      'twice',
    ],
    ['withdrawals, which are off', WITHDRAW, { operations: { funding: true }, value: 1n }, '0xd40a902f'],
    ['withdrawals without a fee', WITHDRAW, { value: 0n }, 'sends no fee for its 3 requests'],
    [
      'withdrawals with a wei too much',
      WITHDRAW,
      { value: 3n * MAX_FEE_WEI + 1n },
      'for 3 requests; 1000000000000 may be sent for each',
    ],
    ['withdrawals of another contract', WITHDRAW, { to: REGISTRY, value: 1n }, REGISTRY],
    ['withdrawals of the keeper', WITHDRAW, { to: contracts.keeper, value: 1n }, contracts.keeper],
    ['withdrawals of another vault', WITHDRAW, { to: STRANGER, value: 1n }, STRANGER],
    ['withdrawals to the wallet itself', WITHDRAW, { to: WALLET, value: 1n }, WALLET],
    [
      'no withdrawal at all',
      raw('withdrawValidators', new Uint8Array()),
      { value: 1n },
      '56 bytes each, not 0',
    ],
    [
      'withdrawals cut short',
      raw('withdrawValidators', withdrawals.subarray(0, 111)),
      { value: 1n },
      '56 bytes each, not 111',
    ],
    [
      'withdrawals with something behind them',
      raw('withdrawValidators', new Uint8Array([...withdrawals, 0])),
      { value: 1n },
      '56 bytes each, not 169',
    ],
    [
      'withdrawals with a manager’s signature',
      raw('withdrawValidators', withdrawals, SIGNATURE),
      { value: 1n },
      'another validators manager',
    ],
    [
      'two withdrawals from one validator',
      raw('withdrawValidators', new Uint8Array([...withdrawals, ...withdrawals])),
      { value: 1n },
      'twice',
    ],
    ['bytes after the arguments', `${WITHDRAW}${'00'.repeat(32)}`, { value: 1n }, 'not written as'],
    ['arguments cut short', WITHDRAW.slice(0, -64), { value: 1n }, 'not written as'],
    [
      'withdrawals in a multicall',
      encodeCalls([harvest, WITHDRAW]),
      { value: 0n },
      'sends no fee for its 3 requests',
    ],
    [
      'withdrawals in a multicall with ether',
      encodeCalls([harvest, WITHDRAW]),
      { value: 1n },
      'sends 1 wei; 0',
    ],
    ['a harvest with ether', harvest, { value: 1n }, 'sends 1 wei; 0'],
    ['ether to the vault', '0x', { value: 1n }, 'no selector'],
    [
      'a consolidation',
      abi.encodeFunctionData('consolidateValidators', ['0x', '0x', '0x']),
      { value: 1n },
      'with selector 0x5c0935db',
    ],
  ])('the wallet’s gate refuses %s', (_, data, given, reason) => {
    expect(() => judge(data, given)).toThrow(reason);
  });

  it('a refusal is no longer than what is shown of it', () => {
    const refusals = [
      () => judge(raw('fundValidators', changed(funding, 144, [0, 0]))),
      () => judge(raw('fundValidators', changed(funding, 48, [1]))),
      () => judge(raw('fundValidators', changed(funding, AMOUNT_AT, new Uint8Array(8)))),
      () => judge(WITHDRAW, { value: 2n ** 256n - 1n }),
      () => judge(raw('withdrawValidators', new Uint8Array([...withdrawals, ...withdrawals])), { value: 1n }),
    ];
    for (const refusal of refusals) {
      const text = (() => {
        try {
          return refusal();
        } catch (error) {
          return String((error as Error).message);
        }
      })();
      expect(text.length).toBeGreaterThan(40);
      expect(text.length).toBeLessThanOrEqual(200);
    }
  });
});
