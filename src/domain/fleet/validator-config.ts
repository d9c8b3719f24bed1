import { checksumAddress } from '../../lib/address.ts';
import { type Hex, toHex } from '../../lib/bytes.ts';
import { UsageError } from '../../lib/errors.ts';

/** What the templates of one validator client's files are given. */
export interface ValidatorConfig {
  /** Lower case, in the order given: every client takes these (`0x` is demanded by Lighthouse and Prysm). */
  readonly publicKeys: readonly Hex[];
  /** With EIP-55 checksum: Teku refuses a wrong one. */
  readonly feeRecipient: string;
  /** Without a slash at the end: Prysm puts `/api/…` behind it as it is. */
  readonly signerUrl: string;
  readonly isBuilderEnabled: boolean;
}

export interface ValidatorConfigOptions {
  readonly publicKeys: readonly Uint8Array[];
  readonly feeRecipient: string;
  readonly signerUrl: string;
  readonly isBuilderEnabled: boolean;
}

/**
 * The data of one validator client's files, and warnings about what its client will make of them.
 * @throws UsageError 'invalid-address' or 'invalid-signer-url'
 */
export function createValidatorConfig(options: ValidatorConfigOptions): {
  config: ValidatorConfig;
  warnings: string[];
} {
  const config: ValidatorConfig = {
    publicKeys: options.publicKeys.map(toHex),
    feeRecipient: checksumAddress(options.feeRecipient),
    signerUrl: parseSignerUrl(options.signerUrl),
    isBuilderEnabled: options.isBuilderEnabled,
  };
  const warnings: string[] = [];
  if (config.publicKeys.length === 0) {
    warnings.push(
      'This client has no keys: its files are valid and empty. Teku will not start on an empty signer_keys.yml, Prysm from 7.1.9 on neither; Lighthouse starts and waits.',
    );
  }
  if (new URL(config.signerUrl).pathname !== '/') {
    warnings.push(
      `The path of ${config.signerUrl} is not used alike by the clients: Teku drops it, Lighthouse its last part. Give Web3Signer a host or port of its own.`,
    );
  }
  return { config, warnings };
}

/**
 * Base URL of a Web3Signer as it goes into the files: the text given, without slashes at the end.
 * @throws UsageError 'invalid-signer-url'
 */
export function parseSignerUrl(text: string): string {
  // `web3signer:9000` is a URL too, with the scheme "web3signer".
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new UsageError('invalid-signer-url', `"${text}" is not a URL of a Web3Signer.`, {
      hint: 'Begin it with http:// or https://, as in http://web3signer:6174.',
    });
  }
  return text.replace(/\/+$/, '');
}
