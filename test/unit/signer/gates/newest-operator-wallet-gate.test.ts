import { readFileSync } from 'node:fs';
import { Transaction } from 'ethers';
import { describe, expect, it } from 'vitest';
import {
  encodeCalls,
  encodeFunding,
  encodeWithdrawalRequests,
} from '../../../../src/clients/execution/contracts/vault-calldata.ts';
import { encodeUpdateState } from '../../../../src/domain/protocol/rewards.ts';
import { fromHex, type Hex } from '../../../../src/lib/bytes.ts';
import { resolveNetwork } from '../../../../src/networks/resolve-network.ts';
import { createWalletGate } from '../../../../src/signer/gates/wallet-gate.ts';

const read = (name: string) =>
  JSON.parse(
    readFileSync(new URL(`../../../vectors/newest-operator/${name}`, import.meta.url), 'utf8'),
  ) as unknown;
const operations = read('manager-nonce-operations.json') as {
  readonly vault: string;
  readonly cases: readonly { readonly kind: string; readonly network: string; readonly encoded: Hex }[];
};
const { calls } = read('calldata.json') as {
  readonly calls: Readonly<Record<string, { readonly args?: unknown; readonly data: Hex } | undefined>>;
};
const MAX_FEE_WEI = 1_000n;
const WALLET = '0xaB4cE16c086735f0497514F0Fe9DF8e8cccFc94e';
const harvest = encodeUpdateState({
  rewardsRoot: new Uint8Array(32).fill(1),
  rewardWei: 1n,
  unlockedMevRewardWei: 0n,
  proof: [],
});

function judge(network: string, data: Hex, value: bigint): string {
  const { contracts, chainId } = resolveNetwork(network);
  const { vault } = operations;
  const gate = createWalletGate({
    chainId,
    wallet: WALLET,
    vault,
    keeper: contracts.keeper,
    maxFeePerGasWei: 1n,
    maxGas: 1n,
    operations: { funding: true, maxWithdrawalRequestFeeWei: MAX_FEE_WEI },
  });
  const fees = { gasLimit: 1n, maxFeePerGas: 1n, maxPriorityFeePerGas: 1n };
  const transaction = Transaction.from({ type: 2, chainId, nonce: 0, to: vault, data, value, ...fees });
  return gate(fromHex(transaction.unsignedSerialized)).call;
}

describe('the gate of the wallet, and what the newest Python operator sends', () => {
  const casesOf = (kind: string) =>
    operations.cases.filter(one => one.kind === kind).map((one, place) => ({ ...one, place }));

  it.each(casesOf('fund'))(
    'the wallet’s gate lets a top-up of the newest Python operator pass on $network: case $place',
    ({ network, encoded }) => {
      const call = encodeFunding(fromHex(encoded));
      expect(judge(network, call, 0n)).toBe('fundValidators');
      expect(judge(network, encodeCalls([harvest, call]), 0n)).toBe('multicall(updateState, fundValidators)');
      expect(() => judge(network, call, 1n)).toThrow('sends 1 wei; 0 may be sent');
    },
  );

  it.each(casesOf('withdraw'))(
    'the wallet’s gate lets a withdrawal of the newest Python operator pass on $network, up to the ceiling for each: case $place',
    ({ network, encoded }) => {
      const entries = fromHex(encoded);
      const call = encodeWithdrawalRequests(entries);
      const most = MAX_FEE_WEI * BigInt(entries.length / 56);
      expect(judge(network, call, most)).toBe('withdrawValidators');
      expect(() => judge(network, call, most + 1n)).toThrow('may be sent for each');
      expect(() => judge(network, call, 0n)).toThrow('sends no fee');
    },
  );

  it.each([
    ['vault.fundValidators', encodeFunding],
    ['vault.withdrawValidators', encodeWithdrawalRequests],
  ] as const)('%s is written as the newest Python operator writes it', (name, encode) => {
    const call = calls[name];
    const [entries = ''] = (call?.args ?? []) as readonly string[];
    expect(encode(fromHex(entries))).toBe(call?.data);
  });
});
