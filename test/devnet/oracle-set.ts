import { secp256k1 } from '@noble/curves/secp256k1.js';
import { addressOf } from './typed-data.ts';

export interface OracleKey {
  /** 32 bytes. */
  readonly secretKey: Uint8Array;
  /** Uncompressed point without its 04 prefix, 64 bytes. */
  readonly publicKey: Uint8Array;
  /** 0x hex, lower case. */
  readonly address: string;
  readonly endpoints: readonly string[];
}

export interface OracleSet {
  readonly oracles: readonly OracleKey[];
  /** Shares that recover an exit signature, and approvals that the keeper asks for. */
  readonly threshold: number;
  readonly configIpfsHash: string;
  /** Seconds that a signature of the oracles may be valid. */
  readonly signatureValidityPeriod: number;
}

export const SIGNATURE_VALIDITY_PERIOD = 86_400;

/** A fresh oracle; nobody listens at its endpoint until a server of the devnet does. */
export function createOracleKey(index: number): OracleKey {
  const { secretKey, publicKey } = secp256k1.keygen();
  const point = secp256k1.Point.fromBytes(publicKey).toBytes(false).subarray(1);
  const endpoints = [`http://127.0.0.1:9/oracle-${index}`];
  return { secretKey, publicKey: point, address: addressOf(point), endpoints };
}

/** The document that the keeper points at, with the members that newer programs ask for too. */
export function describeOracleSet(oracles: readonly OracleKey[], threshold: number): Record<string, unknown> {
  return {
    oracles: oracles.map(({ publicKey, endpoints }) => ({
      public_key: `0x${Buffer.from(publicKey).toString('hex')}`,
      endpoints,
    })),
    exit_signature_recover_threshold: threshold,
    signature_validity_period: SIGNATURE_VALIDITY_PERIOD,
    validators_approval_batch_limit: 50,
    validators_exit_rotation_batch_limit: 100,
    supported_relays: [],
    vault_max_fee: 1500,
  };
}
