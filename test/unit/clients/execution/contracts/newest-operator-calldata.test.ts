import { Interface } from 'ethers/abi';
import { describe, expect, it } from 'vitest';
import {
  encodeCalls,
  encodeFunding,
  encodeManagedRegistration,
  encodeWithdrawalRequests,
} from '../../../../../src/clients/execution/contracts/vault-calldata.ts';
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
  };
}>('calldata');

const update = encodeUpdateState({
  rewardsRoot: fromHex(harvest_params.rewards_root, 32),
  rewardWei: BigInt(harvest_params.reward),
  unlockedMevRewardWei: BigInt(harvest_params.unlocked_mev_reward),
  proof: harvest_params.proof.map(node => fromHex(node, 32)),
});
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
});
