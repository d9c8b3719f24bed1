import { z } from 'zod';
import { fromHex, type Hex, toHex } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { foreignText } from '../../lib/foreign-text.ts';
import { describeJsonError } from '../../lib/json.ts';
import { HASH_LENGTH, PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { formatPythonJson } from '../../lib/python-json.ts';

/** Which oracles the key shares are made for. */
export interface OracleSetRef {
  /** 32 bytes over threshold and oracle public keys in order. */
  readonly configHash: Uint8Array;
  /** IPFS hash of the oracle configuration. */
  readonly ipfsHash: string;
  readonly threshold: number;
}

/** The operator's `remote_signer_config.json`. */
export interface RemoteSignerConfig {
  /** 48-byte public keys; shares in the order of the oracles, none where the signer has the whole keys only. */
  readonly validators: readonly { readonly publicKey: Uint8Array; readonly shares: readonly Uint8Array[] }[];
  /** Missing in files of the Python operator. */
  readonly oracleSet?: OracleSetRef | undefined;
}

const publicKeySchema = z
  .string()
  .regex(/^0x[0-9a-fA-F]{96}$/, 'expected a public key (0x and 96 hex digits)')
  .transform(text => fromHex(text, PUBLIC_KEY_LENGTH));

const fileSchema = z.object({
  pubkeys_to_shares: z.record(z.string(), z.array(publicKeySchema)),
  oracle_set: z
    .object({
      config_hash: z
        .string()
        .regex(/^0x[0-9a-fA-F]{64}$/)
        .transform(text => fromHex(text, HASH_LENGTH)),
      config_ipfs_hash: z.string().min(1),
      threshold: z.int().min(1),
    })
    .optional(),
});

/**
 * Text of `remote_signer_config.json`: the Python operator's bytes, followed by `oracle_set` (which it ignores).
 * @returns JSON in one line, validators in the order given, no newline at the end
 */
export function formatRemoteSignerConfig({ validators, oracleSet }: RemoteSignerConfig): string {
  const shares: Record<Hex, Hex[]> = {};
  for (const validator of validators) shares[toHex(validator.publicKey)] = validator.shares.map(toHex);
  return formatPythonJson({
    pubkeys_to_shares: shares,
    ...(oracleSet && {
      oracle_set: {
        config_hash: toHex(oracleSet.configHash),
        config_ipfs_hash: oracleSet.ipfsHash,
        threshold: oracleSet.threshold,
      },
    }),
  });
}

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
  const file = fileSchema.safeParse(json);
  if (!file.success) throw invalid(foreignText(z.prettifyError(file.error)));
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
