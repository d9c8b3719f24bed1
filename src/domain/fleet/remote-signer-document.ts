import { z } from 'zod';
import { fromHex } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { foreignText } from '../../lib/foreign-text.ts';
import { describeJsonError } from '../../lib/json.ts';
import { HASH_LENGTH, PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { describeFault, matchSchema } from '../../lib/match-schema.ts';
import type { RemoteSignerConfig } from './remote-signer-config.ts';

const publicKeySchema = z
  .string()
  .regex(/^0x[0-9a-f]{96}$/i, 'expected a public key (0x and 96 hex digits)')
  .transform(text => fromHex(text, PUBLIC_KEY_LENGTH));

const fileSchema = z.object({
  pubkeys_to_shares: z.record(z.string(), z.array(publicKeySchema)),
  oracle_set: z
    .object({
      config_hash: z
        .string()
        .regex(/^0x[0-9a-f]{64}$/i, 'expected a hash (0x and 64 hex digits)')
        .transform(text => fromHex(text, HASH_LENGTH)),
      config_ipfs_hash: z.string().min(1),
      threshold: z.int().min(1),
    })
    .optional(),
});

/**
 * Reads `remote_signer_config.json`, also one of the Python operator.
 * @param name - the file's path, for messages
 * @throws OperatorError 'invalid-remote-signer-config'
 */
export function parseRemoteSignerConfig(text: string, name: string): RemoteSignerConfig {
  const invalid = (reason: string) =>
    new OperatorError(
      'invalid-remote-signer-config',
      `${name} is not a remote signer configuration: ${reason}`,
    );
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw invalid(describeJsonError(error));
  }
  const file = matchSchema(fileSchema, json);
  if (!file.success) throw invalid(describeFault(file.fault));
  const { pubkeys_to_shares: sharesOf, oracle_set: set } = file.data;
  const validators = Object.entries(sharesOf).map(([publicKey, shares]) => {
    const key = publicKeySchema.safeParse(publicKey);
    if (!key.success) throw invalid(`${foreignText(publicKey)} is not a public key`);
    return { publicKey: key.data, shares };
  });
  if (!set) return { validators };
  const fewest = validators.reduce(
    (least, { shares }) => Math.min(least, shares.length),
    Number.POSITIVE_INFINITY,
  );
  if (set.threshold > fewest)
    throw invalid(`threshold ${set.threshold} exceeds the ${fewest} shares of a validator`);
  return {
    validators,
    oracleSet: { configHash: set.config_hash, ipfsHash: set.config_ipfs_hash, threshold: set.threshold },
  };
}
