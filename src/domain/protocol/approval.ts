import { TypedDataEncoder } from 'ethers/hash';
import { concatBytes, fromHex, type Hex, toHex } from '../../lib/bytes.ts';
import { compareBigints } from '../../lib/compare.ts';
import { OperatorError } from '../../lib/errors.ts';
import { HASH_LENGTH } from '../../lib/lengths.ts';

/** Where the keeper's typed data is valid. */
export interface KeeperDomain {
  readonly chainId: number;
  /** Checksummed. */
  readonly keeper: string;
}

/** What an oracle answers to a registration or a rotation that it approves of. Not checked yet. */
export interface OracleApproval {
  /** Where the oracle has put the exit signature shards. */
  readonly ipfsHash: string;
  /** Unix seconds on the chain's clock. */
  readonly deadline: bigint;
  /** 65 bytes: r, s, v. */
  readonly signature: Uint8Array;
}

/** An approval whose signature is that of the oracle. */
export interface ApprovalVote extends OracleApproval {
  readonly oracle: {
    /** Checksummed. */
    readonly address: string;
  };
}

/** Approvals as the keeper takes them. */
export interface Approval {
  readonly ipfsHash: string;
  /** Unix seconds on the chain's clock: a later block refuses the transaction. */
  readonly deadline: bigint;
  /** Signatures of 65 bytes, as many as the keeper asks for, by ascending oracle address, one after another. */
  readonly signatures: Uint8Array;
}

/** What the oracles are sent for one validator of a batch: public, or encrypted for its oracle. */
export interface ValidatorShards {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** 48 bytes each, in oracle order. */
  readonly publicKeyShards: readonly Uint8Array[];
  /** 193 bytes each, in oracle order. */
  readonly encryptedShards: readonly Uint8Array[];
}

/** What proves to the oracles that the vault takes the validators. */
export type RegistrationAuthority =
  | {
      readonly kind: 'proof';
      /** 32 bytes each. */
      readonly proof: readonly Uint8Array[];
      readonly proofFlags: readonly boolean[];
      /** Indexes in the deposit data, in the order of the proof's leaves: not what the contract is told. */
      readonly proofIndexes: readonly number[];
    }
  | {
      readonly kind: 'manager-signature';
      /** r, s, v of the validators manager over the vault's `VaultValidators`: 65 bytes. */
      readonly signature: Uint8Array;
    };

export interface ApprovalRequestOptions {
  /** Checksummed. */
  readonly vault: string;
  /** `version()` as Ethereum's vaults count: 1 to 5. */
  readonly vaultVersion: number;
  /** Index on the beacon chain of the first validator of the batch. */
  readonly validatorIndex: bigint;
  /** 32 bytes: root of the deposit contract. */
  readonly validatorsRegistryRoot: Uint8Array;
  readonly validators: readonly (ValidatorShards & {
    /** 96 bytes. */
    readonly depositSignature: Uint8Array;
  })[];
  /** Unix seconds. */
  readonly deadline: bigint;
  readonly authority: RegistrationAuthority;
  /** Amounts of validators with 0x02 credentials, in the order of the validators; undefined for 0x01, with 32 ETH each. */
  readonly amountsGwei?: readonly bigint[] | undefined;
}

/** Body of a registration's request, in the oracles' own names and order. */
export interface ApprovalRequest {
  readonly validator_index: number;
  readonly vault_address: string;
  readonly validators_root: Hex;
  readonly public_keys: readonly Hex[];
  readonly deposit_signatures: readonly Hex[];
  readonly public_key_shards: readonly (readonly Hex[])[];
  readonly exit_signature_shards: readonly (readonly Hex[])[];
  readonly deadline: number;
  /** Vaults of version 1 to 4, and of later ones that register by deposit data. */
  readonly proof?: readonly Hex[] | null | undefined;
  readonly proof_flags?: readonly boolean[] | null | undefined;
  readonly proof_indexes?: readonly number[] | null | undefined;
  /** Vaults of version 2 and later. */
  readonly validators_manager_signature?: Hex | null | undefined;
  /** Vaults of version 5 that their manager registers for, in gwei; null for validators of 32 ETH with 0x01 credentials. */
  readonly amounts?: readonly number[] | null | undefined;
}

/**
 * The request for an approval with exactly the members that the oracles expect for the vault's version.
 * @throws OperatorError `approval-not-possible` when the version has no members for this kind of authority
 */
export function createApprovalRequest(options: ApprovalRequestOptions): ApprovalRequest {
  return {
    validator_index: Number(options.validatorIndex),
    vault_address: options.vault,
    validators_root: toHex(options.validatorsRegistryRoot),
    public_keys: options.validators.map(({ publicKey }) => toHex(publicKey)),
    deposit_signatures: options.validators.map(({ depositSignature }) => toHex(depositSignature)),
    ...formatShards(options.validators),
    deadline: Number(options.deadline),
    ...authorityMembers(options),
  };
}

/** The shards of a batch, in the oracles' names. */
export function formatShards(
  validators: readonly ValidatorShards[],
): Pick<ApprovalRequest, 'public_key_shards' | 'exit_signature_shards'> {
  return {
    public_key_shards: validators.map(({ publicKeyShards }) => publicKeyShards.map(toHex)),
    exit_signature_shards: validators.map(({ encryptedShards }) => encryptedShards.map(toHex)),
  };
}

type AuthorityMembers = Pick<
  ApprovalRequest,
  'proof' | 'proof_flags' | 'proof_indexes' | 'validators_manager_signature' | 'amounts'
>;

function authorityMembers({
  vault,
  vaultVersion,
  authority,
  amountsGwei,
}: ApprovalRequestOptions): AuthorityMembers {
  const isByDepositData = authority.kind === 'proof' || vaultVersion < 5;
  if (amountsGwei !== undefined && isByDepositData) {
    throw new OperatorError(
      'approval-not-possible',
      `Oracles approve of validators with 0x02 credentials for the managers of vaults of version 5 only, not by a ${authority.kind} of the vault ${vault} of version ${vaultVersion}.`,
    );
  }
  if (authority.kind === 'proof') {
    return {
      proof: authority.proof.map(toHex),
      proof_flags: authority.proofFlags,
      proof_indexes: authority.proofIndexes,
      ...(vaultVersion >= 2 && { validators_manager_signature: null }),
    };
  }
  if (authority.kind === 'manager-signature' && vaultVersion >= 2) {
    const validators_manager_signature = toHex(authority.signature);
    return vaultVersion >= 5
      ? { validators_manager_signature, amounts: amountsGwei?.map(Number) ?? null }
      : { proof: null, proof_flags: null, proof_indexes: null, validators_manager_signature };
  }
  throw new OperatorError(
    'approval-not-possible',
    `Oracles approve no validators by a ${authority.kind} of the vault ${vault} of version ${vaultVersion}.`,
  );
}

const REGISTRATION_TYPES = {
  KeeperValidators: [
    { name: 'validatorsRegistryRoot', type: 'bytes32' },
    { name: 'vault', type: 'address' },
    { name: 'validators', type: 'bytes' },
    { name: 'exitSignaturesIpfsHash', type: 'string' },
    { name: 'deadline', type: 'uint256' },
  ],
};

/** What oracles sign when they approve of new validators: `KeeperValidators` of IKeeperValidators.approveValidators. */
export interface RegistrationApproval {
  /** 32 bytes: root of the deposit contract. */
  readonly validatorsRegistryRoot: Uint8Array;
  /** Checksummed. */
  readonly vault: string;
  /** The validators of the batch as the vault takes them, one after another. */
  readonly validators: Uint8Array;
  readonly ipfsHash: string;
  /** Unix seconds. */
  readonly deadline: bigint;
}

/** EIP-712 digest of a registration's approval, 32 bytes. */
export function registrationDigest(domain: KeeperDomain, approval: RegistrationApproval): Uint8Array {
  const { ipfsHash, ...message } = approval;
  return keeperDigest(domain, REGISTRATION_TYPES, { ...message, exitSignaturesIpfsHash: ipfsHash });
}

/** EIP-712 digest of a message to the keeper, 32 bytes. */
export function keeperDigest(
  { chainId, keeper }: KeeperDomain,
  types: Record<string, { name: string; type: string }[]>,
  message: Record<string, unknown>,
): Uint8Array {
  const domain = { name: 'KeeperOracles', version: '1', chainId, verifyingContract: keeper };
  return fromHex(TypedDataEncoder.hash(domain, types, message), HASH_LENGTH);
}

/** Votes for the same document and the same deadline, the largest such group; empty when there are no votes. */
export function findLargestGroup<Vote extends ApprovalVote>(votes: readonly Vote[]): readonly Vote[] {
  const groups = Map.groupBy(votes, ({ ipfsHash, deadline }) => `${deadline} ${ipfsHash}`);
  return groups.values().reduce((most, group) => (group.length > most.length ? group : most), []);
}

/**
 * Joins votes of one group in the order of the oracles' addresses as numbers, since the keeper refuses any other: as many as it
 * asks for, and no more.
 * @returns undefined when there are fewer
 */
export function joinApprovals(group: readonly ApprovalVote[], threshold: number): Approval | undefined {
  const [first] = group;
  if (first === undefined || group.length < threshold) return undefined;
  const ordered = [...group]
    .sort((a, b) => compareBigints(BigInt(a.oracle.address), BigInt(b.oracle.address)))
    .slice(0, threshold);
  const { ipfsHash, deadline } = first;
  return { ipfsHash, deadline, signatures: concatBytes(ordered.map(vote => vote.signature)) };
}
