import { Interface } from 'ethers/abi';
import type { Hex } from '../../lib/bytes.ts';
import { toHex } from '../../lib/bytes.ts';
import {
  type Approval,
  type ApprovalRequest,
  formatShards,
  type KeeperDomain,
  keeperDigest,
  type ValidatorShards,
} from './approval.ts';

/** Body of a rotation's request, in the oracles' own names and order; the same for all versions of vaults. */
export type RotationRequest = Pick<
  ApprovalRequest,
  'vault_address' | 'public_keys' | 'public_key_shards' | 'exit_signature_shards' | 'deadline'
>;

/** The request for an approval of new exit signatures. */
export function createRotationRequest(options: {
  /** Checksummed. */
  readonly vault: string;
  readonly validators: readonly ValidatorShards[];
  /** Unix seconds. */
  readonly deadline: bigint;
}): RotationRequest {
  return {
    vault_address: options.vault,
    public_keys: options.validators.map(({ publicKey }) => toHex(publicKey)),
    ...formatShards(options.validators),
    deadline: Number(options.deadline),
  };
}

/** A type of the same name as a registration's, with other members. */
const ROTATION_TYPES = {
  KeeperValidators: [
    { name: 'vault', type: 'address' },
    { name: 'exitSignaturesIpfsHash', type: 'string' },
    { name: 'nonce', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
  ],
};

/** What oracles sign when they approve of new exit signatures: IKeeperValidators.updateExitSignatures. */
export interface RotationApproval {
  /** Checksummed. */
  readonly vault: string;
  readonly ipfsHash: string;
  /** `Keeper.exitSignaturesNonces(vault)`. */
  readonly nonce: bigint;
  /** Unix seconds. */
  readonly deadline: bigint;
}

/** EIP-712 digest of a rotation's approval, 32 bytes. */
export function rotationDigest(domain: KeeperDomain, approval: RotationApproval): Uint8Array {
  const { ipfsHash, ...message } = approval;
  return keeperDigest(domain, ROTATION_TYPES, { ...message, exitSignaturesIpfsHash: ipfsHash });
}

const keeperAbi = new Interface([
  'function updateExitSignatures(address vault, uint256 deadline, string exitSignaturesIpfsHash, bytes oraclesSignatures)',
]);

/** Call of the keeper that makes the approved exit signatures the vault's. */
export function encodeUpdateExitSignatures(vault: string, approval: Approval): Hex {
  const { deadline, ipfsHash, signatures } = approval;
  return keeperAbi.encodeFunctionData('updateExitSignatures', [vault, deadline, ipfsHash, signatures]) as Hex;
}

/** What one oracle says of a vault's exit signatures. */
export interface SignaturesStatus {
  /** Block of the last ExitSignaturesUpdated event that it has seen; null when it has seen none. */
  readonly blockNumber: number | null;
  /** Beacon chain indexes of the validators whose exit signatures it wants anew. */
  readonly outdatedIndexes: readonly bigint[];
}

export type OutdatedSignatures =
  | { readonly kind: 'known'; readonly indexes: readonly bigint[] }
  | { readonly kind: 'waiting'; readonly reason: string };

/**
 * Validators whose exit signatures have to be made anew. Oracles are asked only about an update that cannot be undone,
 * and believed only when as many of them have seen it as an approval takes: before that, an oracle would name
 * validators that were rotated a moment ago. An index counts when most of the oracles that have seen the update name it.
 * @param options.lastUpdateBlock - of the vault's last ExitSignaturesUpdated event; null when there was none
 * @param options.threshold - `Keeper.validatorsMinOracles`
 * @param options.statuses - one of each oracle that answered
 */
export function findOutdatedSignatures(options: {
  readonly lastUpdateBlock: number | null;
  readonly finalizedBlock: number;
  readonly threshold: number;
  readonly statuses: readonly SignaturesStatus[];
}): OutdatedSignatures {
  const { lastUpdateBlock, finalizedBlock, threshold } = options;
  if (lastUpdateBlock !== null && lastUpdateBlock > finalizedBlock) {
    return {
      kind: 'waiting',
      reason: `the exit signatures updated in block ${lastUpdateBlock} to be finalized (now ${finalizedBlock})`,
    };
  }
  const synced = options.statuses.filter(
    ({ blockNumber }) => lastUpdateBlock === null || (blockNumber !== null && blockNumber >= lastUpdateBlock),
  );
  if (synced.length < threshold) {
    const update = lastUpdateBlock === null ? '' : ` and to have seen the update in block ${lastUpdateBlock}`;
    return {
      kind: 'waiting',
      reason: `${threshold} oracles to answer${update} (now ${synced.length})`,
    };
  }
  const votes = new Map<bigint, number>();
  for (const { outdatedIndexes } of synced) {
    for (const index of new Set(outdatedIndexes)) votes.set(index, (votes.get(index) ?? 0) + 1);
  }
  const indexes = [...votes].filter(([, count]) => 2 * count > synced.length).map(([index]) => index);
  return { kind: 'known', indexes: indexes.sort((a, b) => (a < b ? -1 : 1)) };
}
