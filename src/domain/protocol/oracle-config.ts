import { createHash } from 'node:crypto';
import { concatBytes, equalBytes } from '../../lib/bytes.ts';
import { ExternalError } from '../../lib/errors.ts';

export interface Oracle {
  /** Uncompressed secp256k1 point without its 04 prefix, 64 bytes. */
  readonly publicKey: Uint8Array;
  /** Checksummed. */
  readonly address: string;
  /** Replicas of one oracle. */
  readonly endpoints: readonly string[];
}

/** The oracles of the protocol and its limits, as published by the keeper's ConfigUpdated event through IPFS. */
export interface OracleConfig {
  /** Oracles in the order of the document: oracle i holds the share at x = i + 1. */
  readonly oracles: readonly Oracle[];
  /** Number of shares that recover an exit signature. */
  readonly exitSignatureRecoverThreshold: number;
  readonly signatureValidityPeriodMs: number;
  readonly validatorsApprovalBatchLimit: number;
  readonly validatorsExitRotationBatchLimit: number;
  /** How long a validator is active before oracles or its operator exit it; undefined in a document that does not say. */
  readonly validatorMinActiveEpochs?: number | undefined;
  /** How long an operator may leave withdrawals undone before oracles exit whole validators. */
  readonly forceWithdrawalsPeriodMs?: number | undefined;
  /** What is reserved for osToken redemptions, of what they need by today's rate, in ten thousandths: above 10,000. */
  readonly osTokenRedeemMultiplierBps?: number | undefined;
}

/** The oracles that key shares are made for. */
export interface OracleSet {
  /** {@link oracleSetHash} of them, 32 bytes. */
  readonly hash: Uint8Array;
  /** IPFS hash of the configuration that lists them. */
  readonly configIpfsHash: string;
  readonly threshold: number;
  /** Public keys in oracle order, of equal length. */
  readonly publicKeys: readonly Uint8Array[];
}

/**
 * Refuses a set of oracles of which each alone has all: the polynomial would be constant, every key share the validator's
 * own key and every exit signature shard its complete exit.
 * @param subject - names the set at the beginning of a sentence
 * @throws ExternalError 'oracle-threshold-one'
 */
export function refuseThresholdOfOne(threshold: number, subject: string): void {
  if (threshold > 1) return;
  throw new ExternalError(
    'oracle-threshold-one',
    `${subject} has a threshold of ${threshold} (exit_signature_recover_threshold): each oracle's share would be the validator key itself.`,
    { hint: 'Check that the network and the keeper are the right ones.' },
  );
}

const ORACLE_SET_DOMAIN = new TextEncoder().encode('stakewise-operator/oracle-set/v1');

/**
 * Identity of an oracle set for key shares: SHA-256 over a domain tag, the threshold, the number of oracles (both
 * 4 bytes, big endian) and the public keys in order. Endpoints and limits do not count: they change no share.
 * @returns 32 bytes
 */
export function oracleSetHash(
  config: Pick<OracleConfig, 'exitSignatureRecoverThreshold'> & {
    readonly oracles: readonly Pick<Oracle, 'publicKey'>[];
  },
): Uint8Array<ArrayBuffer> {
  const numbers = new DataView(new ArrayBuffer(8));
  numbers.setUint32(0, config.exitSignatureRecoverThreshold);
  numbers.setUint32(4, config.oracles.length);
  const publicKeys = config.oracles.map(oracle => oracle.publicKey);
  const encoded = concatBytes([ORACLE_SET_DOMAIN, new Uint8Array(numbers.buffer), ...publicKeys]);
  return Uint8Array.from(createHash('sha256').update(encoded).digest());
}

/** Whether a stored oracle set has the oracles and the threshold that its hash was made over. */
export function isOracleSet(set: Pick<OracleSet, 'hash' | 'threshold' | 'publicKeys'>): boolean {
  const oracles = set.publicKeys.map(publicKey => ({ publicKey }));
  return equalBytes(oracleSetHash({ exitSignatureRecoverThreshold: set.threshold, oracles }), set.hash);
}
