import { SigningKey } from 'ethers/crypto';
import { computeAddress } from 'ethers/transaction';
import { z } from 'zod';
import { concatBytes, fromHex, type Hex, toHex } from '../../lib/bytes.ts';
import { ExternalError, messageOf } from '../../lib/errors.ts';
import { matchSchema, type SchemaFault } from '../../lib/match-schema.ts';
import { type Oracle, type OracleConfig, refuseThresholdOfOne } from './oracle-config.ts';

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
  validator_min_active_epochs: z.int().min(0).optional(),
  force_withdrawals_period: z.int().min(0).optional(),
  os_token_redeem_multiplier_bps: z.int().min(0).optional(),
});

/** What the protocol has decided on where the document says nothing, or zero. */
const DEFAULTS = { forceWithdrawalsPeriodSeconds: 86_400, osTokenRedeemMultiplierBps: 10_023 };

/**
 * Reads the oracle configuration document (StakeWise V3: IPFS JSON of the keeper's last ConfigUpdated event).
 * The legacy member `endpoint` of an oracle counts as a list of one.
 * @param document - the bytes as fetched from IPFS
 * @throws ExternalError `oracle-config-unparsable`, `oracle-config-invalid`, `oracle-config-threshold`,
 *   `oracle-threshold-one` or `oracle-config-duplicate-key`, each naming the member
 */
export function parseOracleConfig(document: Uint8Array): OracleConfig {
  const fields = matchSchema(documentSchema, parseJson(document));
  if (!fields.success) throw invalidDocument(fields.fault);
  const oracles = fields.data.oracles.map(toOracle);
  const threshold = fields.data.exit_signature_recover_threshold;
  requireDistinctKeys(oracles);
  if (threshold > oracles.length) {
    throw thresholdError(
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
    validatorMinActiveEpochs: fields.data.validator_min_active_epochs,
    forceWithdrawalsPeriodMs:
      (fields.data.force_withdrawals_period || DEFAULTS.forceWithdrawalsPeriodSeconds) * 1000,
    osTokenRedeemMultiplierBps:
      fields.data.os_token_redeem_multiplier_bps || DEFAULTS.osTokenRedeemMultiplierBps,
  };
}

/**
 * Refuses a configuration by which the oracles can never approve, or with whose approvals they could not recover an exit.
 * @param minOracles - `Keeper.validatorsMinOracles`
 * @throws ExternalError `oracle-config-threshold`
 */
export function requireApprovable(
  { oracles, exitSignatureRecoverThreshold }: Pick<OracleConfig, 'oracles' | 'exitSignatureRecoverThreshold'>,
  minOracles: number,
): void {
  if (minOracles > oracles.length) {
    throw thresholdError(
      `The keeper asks for the approvals of ${minOracles} oracles, but the oracle configuration names only ${oracles.length}.`,
    );
  }
  if (exitSignatureRecoverThreshold > minOracles) {
    throw thresholdError(
      `The oracle configuration asks for ${exitSignatureRecoverThreshold} shares (exit_signature_recover_threshold), but the keeper for the approvals of only ${minOracles} oracles.`,
    );
  }
}

function thresholdError(message: string): ExternalError {
  return new ExternalError('oracle-config-threshold', message);
}

function parseJson(document: Uint8Array): unknown {
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

function invalidDocument({ path, what, cause }: SchemaFault): ExternalError {
  const member = path.map(part => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  const field = member === '' ? 'the document' : member.replace(/^\./, '');
  return new ExternalError(
    'oracle-config-invalid',
    `The oracle configuration is not valid: ${field}: ${what}.`,
    { cause },
  );
}
