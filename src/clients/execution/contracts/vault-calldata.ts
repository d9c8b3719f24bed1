import { Interface } from 'ethers/abi';
import type { Approval } from '../../../domain/protocol/approval.ts';
import { encodeUpdateState, type HarvestParams } from '../../../domain/protocol/rewards.ts';
import { type Hex, toHex } from '../../../lib/bytes.ts';

const APPROVAL =
  '(bytes32 validatorsRegistryRoot, uint256 deadline, bytes validators, bytes signatures, string exitSignaturesIpfsHash) keeperParams';
const HARVEST =
  '(bytes32 rewardsRoot, int160 reward, uint160 unlockedMevReward, bytes32[] proof) harvestParams';
const MULTI_PROOF = 'uint256[] indexes, bool[] proofFlags, bytes32[] proof';

/** What an operator sends to a vault of version 1: whoever has proof and approvals may register. */
const proofVaultAbi = new Interface([
  `function registerValidator(${APPROVAL}, bytes32[] proof)`,
  `function registerValidators(${APPROVAL}, ${MULTI_PROOF})`,
]);
/** Version 2 to 5: the validators manager registers, or somebody with the manager's signature. */
const managedVaultAbi = new Interface([
  `function registerValidators(${APPROVAL}, bytes validatorsManagerSignature)`,
]);
/** Version 5: approved by the manager's signature, or sent by the manager, who gives none. */
const compoundingVaultAbi = new Interface([
  'function fundValidators(bytes validators, bytes validatorsManagerSignature)',
  'function withdrawValidators(bytes validators, bytes validatorsManagerSignature) payable',
]);
/** Vaults of every version. */
const vaultAbi = new Interface([
  'function withdrawableAssets() view returns (uint256)',
  'function multicall(bytes[] data) returns (bytes[] results)',
]);
/** The DepositDataRegistry, which is the validators manager of vaults of version 2 to 4 that name no other. */
const registryAbi = new Interface([
  `function registerValidator(address vault, ${APPROVAL}, bytes32[] proof)`,
  `function registerValidators(address vault, ${APPROVAL}, ${MULTI_PROOF})`,
  `function updateVaultState(address vault, ${HARVEST})`,
]);

/** What oracles have approved of: the keeper's `ApprovalParams`. */
export interface ApprovedValidators {
  /** Root of the deposit contract that the oracles signed, 32 bytes. */
  readonly registryRoot: Uint8Array;
  /** Entries of 176 bytes, or of 184 with amounts, one after another. */
  readonly validators: Uint8Array;
  readonly approval: Approval;
}

/** Proof that validators are in the deposit data, for a contract. */
export interface ContractProof {
  /** Place of validator i among the leaves of the proof. */
  readonly indexes: readonly number[];
  readonly proofFlags: readonly boolean[];
  /** 32 bytes each. */
  readonly proof: readonly Hex[];
}

/**
 * A vault of version 1 registers validators of its deposit data: one by `registerValidator`, whose proof is that of a
 * multi-proof with one leaf, more by `registerValidators`.
 */
export function encodeProvenRegistration(approval: ApprovedValidators, proof: ContractProof): Hex {
  return encodeProven(proofVaultAbi, [approvalTuple(approval)], proof);
}

/** The DepositDataRegistry registers validators of the deposit data that it has for a vault. */
export function encodeRegistryRegistration(
  vault: string,
  approval: ApprovedValidators,
  proof: ContractProof,
): Hex {
  return encodeProven(registryAbi, [vault, approvalTuple(approval)], proof);
}

/** The signature of a validators manager who sends the transaction, and so need not sign what it does. */
const NO_SIGNATURE = new Uint8Array();

/**
 * A vault of version 2 to 5 registers validators for its manager.
 * @param signature - of the manager, 65 bytes; default: none, for a manager who sends this
 */
export function encodeManagedRegistration(
  approval: ApprovedValidators,
  signature: Uint8Array = NO_SIGNATURE,
): Hex {
  return managedVaultAbi.encodeFunctionData('registerValidators', [
    approvalTuple(approval),
    toHex(signature),
  ]) as Hex;
}

/**
 * A vault of version 5 adds to the stake of its validators.
 * @param entries - see `encodeTopUps`
 * @param signature - as that of {@link encodeManagedRegistration}
 */
export function encodeFunding(entries: Uint8Array, signature: Uint8Array = NO_SIGNATURE): Hex {
  const values = [toHex(entries), toHex(signature)];
  return compoundingVaultAbi.encodeFunctionData('fundValidators', values) as Hex;
}

/**
 * A vault of version 5 asks for withdrawals of its validators; the fees are the value of the transaction.
 * @param entries - see `encodeWithdrawals`
 * @param signature - as that of {@link encodeManagedRegistration}
 */
export function encodeWithdrawalRequests(entries: Uint8Array, signature: Uint8Array = NO_SIGNATURE): Hex {
  const values = [toHex(entries), toHex(signature)];
  return compoundingVaultAbi.encodeFunctionData('withdrawValidators', values) as Hex;
}

/** A vault harvests, through the DepositDataRegistry: so that one call of the registry does this and registers. */
export function encodeRegistryStateUpdate(vault: string, update: HarvestParams): Hex {
  return registryAbi.encodeFunctionData('updateVaultState', [vault, harvestTuple(update)]) as Hex;
}

/** Asks a vault for its withdrawable assets as they are after a harvest; see {@link decodeWithdrawableAssets}. */
export function encodeWithdrawableAfter(update: HarvestParams): Hex {
  return encodeCalls([encodeUpdateState(update), vaultAbi.encodeFunctionData('withdrawableAssets') as Hex]);
}

/** Several calls of a vault, or of the DepositDataRegistry, one after another in one; a single call stays as it is. */
export function encodeCalls(calls: readonly Hex[]): Hex {
  const [only] = calls;
  if (only !== undefined && calls.length === 1) return only;
  return vaultAbi.encodeFunctionData('multicall', [calls]) as Hex;
}

/**
 * The answer to {@link encodeWithdrawableAfter}, in wei.
 * @throws Error of ethers when it is not such an answer
 */
export function decodeWithdrawableAssets(data: string): bigint {
  const [results] = vaultAbi.decodeFunctionResult('multicall', data).toArray(true) as [string[]];
  const [amount] = vaultAbi.decodeFunctionResult('withdrawableAssets', results.at(-1) ?? '0x').toArray();
  return amount as bigint;
}

function encodeProven(abi: Interface, head: readonly unknown[], proof: ContractProof): Hex {
  const isSingle = proof.indexes.length === 1;
  return (
    isSingle
      ? abi.encodeFunctionData('registerValidator', [...head, proof.proof])
      : abi.encodeFunctionData('registerValidators', [...head, proof.indexes, proof.proofFlags, proof.proof])
  ) as Hex;
}

function approvalTuple({ registryRoot, validators, approval }: ApprovedValidators): readonly unknown[] {
  const { deadline, signatures, ipfsHash } = approval;
  return [toHex(registryRoot), deadline, toHex(validators), toHex(signatures), ipfsHash];
}

function harvestTuple({ rewardsRoot, rewardWei, unlockedMevRewardWei, proof }: HarvestParams) {
  return [toHex(rewardsRoot), rewardWei, unlockedMevRewardWei, proof.map(toHex)];
}
