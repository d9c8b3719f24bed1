import { createHash } from 'node:crypto';
import { SigningKey } from 'ethers/crypto';
import { computeAddress } from 'ethers/transaction';
import { z } from 'zod';
import { concatBytes, equalBytes, fromHex, type Hex, toHex } from '../../lib/bytes.ts';
import { ExternalError, messageOf } from '../../lib/errors.ts';

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

const publicKeyText = z.string().regex(/^(0x)?[0-9a-fA-F]{128}$/, 'must be 64 bytes of hex');
const url = z.url({ protocol: /^https?$/, error: 'must be a http or https URL' });
const count = z.int().min(1);
const oracleSchema = z
  .object({ public_key: publicKeyText, endpoints: z.array(url).min(1).optional(), endpoint: url.optional() })
  .refine(oracle => oracle.endpoints !== undefined || oracle.endpoint !== undefined, {
    path: ['endpoints'],
    message: 'is missing',
  });
// Newer documents have more members, which this program has no use for.
const documentSchema = z.object({
  oracles: z.array(oracleSchema).min(1, 'names no oracle'),
  exit_signature_recover_threshold: count,
  signature_validity_period: z.int().min(0),
  validators_approval_batch_limit: count,
  validators_exit_rotation_batch_limit: count,
});

/**
 * Reads the oracle configuration document (StakeWise V3: IPFS JSON of the keeper's last ConfigUpdated event).
 * The legacy member `endpoint` of an oracle counts as a list of one.
 * @param document - the bytes as fetched from IPFS
 * @throws ExternalError `oracle-config-unparsable`, `oracle-config-invalid`, `oracle-config-threshold`,
 *   `oracle-threshold-one` or `oracle-config-duplicate-key`, each naming the member
 */
export function parseOracleConfig(document: Uint8Array): OracleConfig {
  const fields = documentSchema.safeParse(parseDocument(document));
  if (!fields.success) throw invalidDocument(fields.error);
  const oracles = fields.data.oracles.map(toOracle);
  const threshold = fields.data.exit_signature_recover_threshold;
  requireDistinctKeys(oracles);
  if (threshold > oracles.length) {
    throw new ExternalError(
      'oracle-config-threshold',
      `The oracle configuration asks for ${threshold} shares (exit_signature_recover_threshold), but names only ${oracles.length} oracles.`,
    );
  }
  refuseThresholdOfOne(threshold, 'The oracle configuration');
  return {
    oracles,
    exitSignatureRecoverThreshold: threshold,
    signatureValidityPeriodMs: fields.data.signature_validity_period * 1000,
    validatorsApprovalBatchLimit: fields.data.validators_approval_batch_limit,
    validatorsExitRotationBatchLimit: fields.data.validators_exit_rotation_batch_limit,
  };
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

function parseDocument(document: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(document));
  } catch (error) {
    throw new ExternalError(
      'oracle-config-unparsable',
      `The oracle configuration is not JSON: ${messageOf(error)}.`,
      {
        cause: error,
      },
    );
  }
}

function toOracle(fields: z.infer<typeof oracleSchema>, index: number): Oracle {
  const publicKey = fromHex(fields.public_key, 64);
  const endpoints = fields.endpoints ?? (fields.endpoint === undefined ? [] : [fields.endpoint]);
  return { publicKey, address: addressOf(publicKey, index), endpoints };
}

function addressOf(publicKey: Uint8Array, index: number): string {
  const point: Hex = toHex(concatBytes([Uint8Array.of(4), publicKey]));
  try {
    // Refuses what is not on the curve; computeAddress alone would hash anything.
    return computeAddress(SigningKey.computePublicKey(point, false));
  } catch (error) {
    throw new ExternalError(
      'oracle-config-invalid',
      `The oracle configuration is not valid: oracles[${index}].public_key is not a point of secp256k1.`,
      { cause: error },
    );
  }
}

function requireDistinctKeys(oracles: readonly Oracle[]): void {
  const firstIndexes = new Map<string, number>();
  for (const [index, { address, publicKey }] of oracles.entries()) {
    const key = toHex(publicKey);
    const first = firstIndexes.get(key);
    if (first !== undefined) {
      throw new ExternalError(
        'oracle-config-duplicate-key',
        `The oracle configuration names one public key twice: oracles[${first}] and oracles[${index}] are both ${address}.`,
      );
    }
    firstIndexes.set(key, index);
  }
}

function invalidDocument(error: z.ZodError): ExternalError {
  const issue = error.issues[0];
  const path = (issue?.path ?? [])
    .map(part => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('');
  const reason =
    issue?.code === 'invalid_type' && issue.message.endsWith('received undefined')
      ? 'is missing'
      : issue?.message;
  const field = path === '' ? 'the document' : path.replace(/^\./, '');
  return new ExternalError(
    'oracle-config-invalid',
    `The oracle configuration is not valid: ${field}: ${reason ?? error.message}.`,
    {
      cause: error,
    },
  );
}
