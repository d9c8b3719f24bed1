import { Interface } from 'ethers/abi';
import { describe, expect, it } from 'vitest';
import { fetchProcessedShares } from '../../../../../src/clients/execution/contracts/os-token-redeemer.ts';
import { fetchMissingAssets } from '../../../../../src/clients/execution/contracts/validators-checker.ts';
import {
  encodeCalls,
  encodeFunding,
  encodeManagedRegistration,
  encodeWithdrawalRequests,
} from '../../../../../src/clients/execution/contracts/vault-calldata.ts';
import type { ExecutionNode } from '../../../../../src/clients/execution/execution-node.ts';
import { encodeUpdateState } from '../../../../../src/domain/protocol/rewards.ts';
import { fromHex } from '../../../../../src/lib/bytes.ts';
import { readNewestVectors, type Whole } from '../../../../support/recorded/newest-vectors.ts';

interface RecordedCall<Args = unknown> {
  readonly args: Args;
  readonly data: string;
}

const { harvest_params, calls } = readNewestVectors<{
  readonly harvest_params: {
    readonly rewards_root: string;
    readonly reward: Whole;
    readonly unlocked_mev_reward: Whole;
    readonly proof: readonly string[];
  };
  readonly calls: {
    readonly 'vault.updateState': RecordedCall;
    readonly 'vault.registerValidators': RecordedCall<{
      readonly validatorsRegistryRoot: string;
      readonly deadline: number;
      readonly validators: string;
      readonly signatures: string;
      readonly ipfs: string;
      readonly managerSignature: string;
    }>;
    readonly 'vault.registerValidators, empty manager signature': RecordedCall;
    readonly 'vault.fundValidators': RecordedCall<readonly [entries: string, signature: string]>;
    readonly 'vault.withdrawValidators': RecordedCall<readonly [entries: string, signature: string]>;
    readonly 'vault.multicall(updateState, registerValidators)': RecordedCall;
    readonly 'vault.multicall(fundValidators)': RecordedCall;
    readonly 'checker.updateVaultState': RecordedCall;
    readonly 'checker.getExitQueueCumulativeTickets': RecordedCall;
    readonly 'checker.getExitQueueMissingAssets (4 arguments)': RecordedCall<
      readonly [vault: string, comingInWei: Whole, redemptionWei: Whole, tickets: Whole]
    >;
    readonly 'checker.multicall(updateVaultState, getExitQueueMissingAssets)': RecordedCall;
    readonly 'redeemer.leafToProcessedShares': RecordedCall;
  };
}>('calldata');

const harvest = {
  rewardsRoot: fromHex(harvest_params.rewards_root, 32),
  rewardWei: BigInt(harvest_params.reward),
  unlockedMevRewardWei: BigInt(harvest_params.unlocked_mev_reward),
  proof: harvest_params.proof.map(node => fromHex(node, 32)),
};
const update = encodeUpdateState(harvest);
const { args } = calls['vault.registerValidators'];
const approved = {
  registryRoot: fromHex(args.validatorsRegistryRoot, 32),
  validators: fromHex(args.validators),
  approval: {
    deadline: BigInt(args.deadline),
    signatures: fromHex(args.signatures),
    ipfsHash: args.ipfs,
  },
};
const signedRegistration = encodeManagedRegistration(approved, fromHex(args.managerSignature));
const ownRegistration = encodeManagedRegistration(approved);

describe('calldata.json', () => {
  it('encodeUpdateState gives the recorded call', () => {
    expect(update).toBe(calls['vault.updateState'].data);
  });

  it('encodeManagedRegistration gives the recorded call, with and without the manager’s signature', () => {
    expect(signedRegistration).toBe(calls['vault.registerValidators'].data);
    expect(ownRegistration).toBe(calls['vault.registerValidators, empty manager signature'].data);
  });

  it('encodeFunding gives the recorded call', () => {
    const { args, data } = calls['vault.fundValidators'];
    expect(encodeFunding(fromHex(args[0]), fromHex(args[1]))).toBe(data);
    if (args[1] === '0x') expect(encodeFunding(fromHex(args[0]))).toBe(data);
  });

  it('encodeWithdrawalRequests gives the recorded call', () => {
    const { args, data } = calls['vault.withdrawValidators'];
    expect(encodeWithdrawalRequests(fromHex(args[0]), fromHex(args[1]))).toBe(data);
    if (args[1] === '0x') expect(encodeWithdrawalRequests(fromHex(args[0]))).toBe(data);
  });

  it('encodeCalls joins the harvest and the registration as recorded', () => {
    const { data } = calls['vault.multicall(updateState, registerValidators)'];
    expect([encodeCalls([update, signedRegistration]), encodeCalls([update, ownRegistration])]).toContain(
      data,
    );
  });

  it('encodeCalls leaves a single call as it is, which the recorded multicall wraps', () => {
    const vault = new Interface(['function multicall(bytes[] data) returns (bytes[] results)']);
    const { data } = calls['vault.multicall(fundValidators)'];
    const [wrapped] = vault.decodeFunctionData('multicall', data).toArray(true) as [string[]];
    const { args } = calls['vault.fundValidators'];
    const funding = encodeFunding(fromHex(args[0]), fromHex(args[1]));
    expect(wrapped).toEqual([funding]);
    expect(encodeCalls([funding])).toBe(funding);
  });

  describe('views of the validators checker and of the redeemer', () => {
    const checker = new Interface([
      'function updateVaultState(address, (bytes32, int160, uint160, bytes32[]))',
      'function getExitQueueMissingAssets(address, uint256, uint256, uint256) view returns (uint256)',
      'function multicall(bytes[]) returns (bytes[])',
    ]);
    const word = (value: bigint) => `0x${value.toString(16).padStart(64, '0')}`;

    /** What a node is asked, which answers the first question with so many tickets. */
    async function askMissing(
      [vault, comingInWei, redemptionWei, tickets]: readonly [string, Whole, Whole, Whole],
      isBehindHarvest: boolean,
    ): Promise<readonly string[]> {
      const asked: string[] = [];
      const node = {
        async call({ data }: { readonly data: string }) {
          asked.push(data);
          const answer = word(asked.length === 1 ? BigInt(tickets) : 0n);
          return isBehindHarvest ? checker.encodeFunctionResult('multicall', [['0x', answer]]) : answer;
        },
      };
      await fetchMissingAssets(node as unknown as ExecutionNode, {
        vault,
        checker: `0x${'cc'.repeat(20)}`,
        blockNumber: 1,
        harvest: isBehindHarvest ? harvest : null,
        comingInWei: BigInt(comingInWei),
        redemptionWei: BigInt(redemptionWei),
      });
      return asked;
    }

    it('fetchMissingAssets asks the checker with the recorded calls', async () => {
      const { args, data } = calls['checker.getExitQueueMissingAssets (4 arguments)'];
      expect(await askMissing(args, false)).toEqual([
        calls['checker.getExitQueueCumulativeTickets'].data,
        data,
      ]);
    });

    it('fetchMissingAssets asks the checker behind a harvest with the recorded calls', async () => {
      const { data } = calls['checker.multicall(updateVaultState, getExitQueueMissingAssets)'];
      const [inner] = checker.decodeFunctionData('multicall', data).toArray(true) as [[string, string]];
      expect(inner[0]).toBe(calls['checker.updateVaultState'].data);
      const args = checker.decodeFunctionData('getExitQueueMissingAssets', inner[1]).toArray();
      const asked = await askMissing(args as [string, bigint, bigint, bigint], true);
      expect(asked[1]).toBe(data);
    });

    it('fetchProcessedShares asks the redeemer with the recorded call', async () => {
      const { data } = calls['redeemer.leafToProcessedShares'];
      const asked: string[] = [];
      const node = {
        async call(call: { readonly data: string }) {
          asked.push(call.data);
          throw new Error('that is all that is looked at');
        },
      };
      const leaves = [fromHex(data.slice(10), 32)];
      const where = { multicall: `0x${'dd'.repeat(20)}`, blockNumber: 1 };
      const asking = fetchProcessedShares(
        node as unknown as ExecutionNode,
        `0x${'ee'.repeat(20)}`,
        leaves,
        where,
      );
      await expect(asking).rejects.toThrow('that is all');
      expect(asked).toEqual([expect.stringContaining(data.slice(2))]);
    });
  });
});
