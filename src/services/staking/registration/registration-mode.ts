import type { ChainSnapshot } from '../../../clients/execution/chain-snapshot.ts';
import type { ApprovedValidators } from '../../../clients/execution/contracts/vault-calldata.ts';
import type { ValidatorType } from '../../../domain/consensus/deposit.ts';
import type { RegistrationAuthority } from '../../../domain/protocol/approval.ts';
import type { HarvestParams } from '../../../domain/protocol/rewards.ts';
import type { Hex } from '../../../lib/bytes.ts';

/** A validator that the vault registers next, whether or not its deposit has been signed. */
export interface ChosenValidator {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** Gwei of the beacon chain; 32 ETH with 0x01 credentials. */
  readonly amountGwei: bigint;
}

/** The same, with a deposit signature of the vault's deposit data, or of the signer. */
export interface NextValidator extends ChosenValidator {
  /** 96 bytes. */
  readonly depositSignature: Uint8Array;
}

/** A call of a contract that the hot wallet sends. */
export interface ContractCall {
  /** Checksummed. */
  readonly to: string;
  readonly data: Hex;
}

/** What a round has read of the chain and a mode looks at. */
export type RegistrationFacts = Pick<ChainSnapshot, 'vault'>;

export interface PlanBatchOptions {
  /** Largest number of validators. */
  readonly limit: number;
  /** Amounts of the next validators, as many as the limit; where they are left out, 32 ETH each. */
  readonly amountsGwei?: readonly bigint[] | undefined;
  /** What the signer has loaded, lower case; looked at by modes that have it sign deposits. */
  readonly loadedKeys?: ReadonlySet<Hex> | undefined;
  /** Whether the signer can sign the exit of the validator with this public key. */
  readonly isAtHand: (publicKey: Uint8Array) => boolean;
  /** Which of these public keys the deposit contract has taken a deposit for, lower case. */
  readonly findRegistered: (publicKeys: readonly Uint8Array[]) => Promise<ReadonlySet<Hex>>;
}

/** Validators that would be registered together. */
export interface ChosenValidators {
  /** One or more, in the order of registration. */
  readonly validators: readonly ChosenValidator[];
  /** The credentials that all of them get. */
  readonly type: ValidatorType;
}

/** Validators that are registered together, by one transaction. */
export interface RegistrationBatch extends ChosenValidators {
  readonly validators: readonly NextValidator[];
  /**
   * The validators' entries of 176 bytes: public key, deposit signature, deposit data root; with 0x02 credentials of 184, the
   * last of which are the amount. The oracles sign these.
   */
  readonly encoded: Uint8Array;
  /**
   * What tells the oracles that these validators are the vault's choice.
   * @param registryRoot - of the deposit contract, 32 bytes
   */
  authorize(registryRoot: Uint8Array): Promise<RegistrationAuthority>;
  /** @param harvest - a pending harvest that goes before the registration; null when there is none */
  encodeCall(approved: ApprovedValidators, harvest: HarvestParams | null): ContractCall;
}

/** Why there is nothing to register although the vault has the assets. */
export interface NoBatch {
  readonly code:
    | 'deposit-data-root-not-set'
    | 'deposit-data-root-mismatch'
    | 'deposit-data-used-up'
    | 'deposit-data-bad-signature'
    | 'deposit-not-signed'
    | 'key-not-in-signer'
    | 'key-already-registered'
    | 'not-validators-manager'
    | 'signer-keys-used-up';
  /** Names the thing and the value; the same text as long as nothing changes. */
  readonly waitsFor: string;
}

/**
 * How a vault takes validators. Nothing outside this directory knows which modes there are; see
 * {@link chooseRegistrationMode}.
 */
export interface RegistrationMode {
  readonly kind: 'deposit-data' | 'validators-manager' | 'signer-keys';
  /**
   * Does ahead what does not depend on assets: reads the deposit data, builds its tree, verifies the deposit signatures
   * that come next. Cheap when nothing has changed.
   */
  prepare(facts: RegistrationFacts, limit: number): Promise<void>;
  /** The next validators of the vault; nothing is signed for them. */
  chooseValidators(facts: RegistrationFacts, options: PlanBatchOptions): Promise<ChosenValidators | NoBatch>;
  /** The same validators, with all that their registration takes. */
  planBatch(facts: RegistrationFacts, options: PlanBatchOptions): Promise<RegistrationBatch | NoBatch>;
}

export function noBatch(code: NoBatch['code'], waitsFor: string): NoBatch {
  return { code, waitsFor };
}

export function isBatch<B extends ChosenValidators>(plan: B | NoBatch): plan is B {
  return 'validators' in plan;
}
