import type { Hex } from '../../lib/bytes.ts';

/** A validator that the vault registers next, with the deposit signature of the vault's deposit data. */
export interface NextValidator {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** 96 bytes. */
  readonly depositSignature: Uint8Array;
}

/** What proves to the oracles that these validators are the vault's choice; other fields of the request are alike. */
export type RegistrationAuthority =
  | {
      readonly kind: 'proof';
      /** 32 bytes each. */
      readonly proof: readonly Uint8Array[];
      readonly proofFlags: readonly boolean[];
      /** Indexes in the deposit data, in leaf order: not what the contract is told. */
      readonly proofIndexes: readonly number[];
    }
  | {
      readonly kind: 'manager-signature';
      /** r, s, v of the validators manager: 65 bytes. */
      readonly signature: Uint8Array;
    };

/** The keeper's `ApprovalParams`. */
export interface KeeperApproval {
  /** Root of the deposit contract that the oracles signed, 32 bytes. */
  readonly registryRoot: Uint8Array;
  /** Unix seconds. */
  readonly deadline: bigint;
  /** Entries of 176 bytes, one after another. */
  readonly validators: Uint8Array;
  /** 65 bytes each, in ascending order of the oracles' addresses. */
  readonly signatures: Uint8Array;
  readonly exitSignaturesIpfsHash: string;
}

/** `HarvestParams` of a vault's `updateState`. */
export interface StateUpdate {
  /** 32 bytes. */
  readonly rewardsRoot: Uint8Array;
  /** May be negative. */
  readonly rewardWei: bigint;
  readonly unlockedMevRewardWei: bigint;
  /** 32 bytes each. */
  readonly proof: readonly Uint8Array[];
}

/** A call of a contract that the hot wallet sends. */
export interface ContractCall {
  /** Checksummed. */
  readonly to: string;
  readonly data: Hex;
}

/** What a round has read of the chain and a mode looks at. */
export interface RegistrationFacts {
  readonly blockNumber: number;
  /** Root of the deposit data tree that the chain has for the vault, 32 bytes; null when none is set or none is used. */
  readonly depositDataRoot: Uint8Array | null;
  /** Place in the deposit data of the next validator; null where the chain keeps none. */
  readonly depositDataIndex: number | null;
  /** Checksummed; null for version 1. */
  readonly validatorsManager: string | null;
}

export interface PlanBatchOptions {
  /** At most so many validators. */
  readonly limit: number;
  /** What the signer has loaded, lower case. */
  readonly loadedKeys: ReadonlySet<Hex>;
  /** Which of these public keys the deposit contract has seen, lower case. */
  readonly findRegistered: (publicKeys: readonly Uint8Array[]) => Promise<ReadonlySet<Hex>>;
}

/** Validators that are registered together, by one transaction. */
export interface RegistrationBatch {
  /** At least one, in the order of registration. */
  readonly validators: readonly NextValidator[];
  /** Entries of 176 bytes: public key, deposit signature, deposit data root. The oracles sign these. */
  readonly encoded: Uint8Array;
  /** @param registryRoot - of the deposit contract, 32 bytes */
  authorize(registryRoot: Uint8Array): Promise<RegistrationAuthority>;
  /** @param stateUpdate - a pending harvest that goes before the registration; null when there is none */
  encodeCall(approval: KeeperApproval, stateUpdate: StateUpdate | null): ContractCall;
  /** Whether the contracts' own state says that this batch has been registered, whoever sent it. */
  isDone(): Promise<boolean>;
}

/** Why there is nothing to register although the vault has the assets. */
export interface NoBatch {
  readonly code:
    | 'deposit-data-root-not-set'
    | 'deposit-data-root-mismatch'
    | 'deposit-data-used-up'
    | 'deposit-data-bad-signature'
    | 'key-not-in-signer'
    | 'key-already-registered'
    | 'not-validators-manager';
  /** Names the thing and the value; the same text as long as nothing changes. */
  readonly waitsFor: string;
}

/**
 * How a vault takes validators. Nothing outside this directory knows which modes there are; see
 * {@link chooseRegistrationMode}.
 */
export interface RegistrationMode {
  readonly kind: 'deposit-data' | 'validators-manager';
  /**
   * Does ahead what does not depend on assets: reads the deposit data, builds its tree, verifies the deposit signatures
   * that come next. Cheap when nothing has changed.
   */
  prepare(facts: RegistrationFacts, limit: number): Promise<void>;
  /** The next validators of the vault. */
  planBatch(facts: RegistrationFacts, options: PlanBatchOptions): Promise<RegistrationBatch | NoBatch>;
}

export function isBatch(plan: RegistrationBatch | NoBatch): plan is RegistrationBatch {
  return 'encoded' in plan;
}
