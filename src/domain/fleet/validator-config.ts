import { checksumAddress } from '../../lib/address.ts';
import { type Hex, toHex } from '../../lib/bytes.ts';
import { EndpointUrl, withoutSecrets } from '../../lib/endpoint-url.ts';
import { UsageError } from '../../lib/errors.ts';

/** What the templates of one validator client's files are given. */
export interface ValidatorConfig {
  /** Lower case, in the order given: every client takes these (`0x` is demanded by Lighthouse and Prysm). */
  readonly publicKeys: readonly Hex[];
  /** Address with EIP-55 checksum: Teku refuses a wrong one. */
  readonly feeRecipient: string;
  /** The signer's URL with its credentials, and without a slash at the end: Prysm puts `/api/…` behind it as it is. */
  readonly signerUrl: string;
  readonly isBuilderEnabled: boolean;
}

export interface ValidatorConfigOptions {
  readonly publicKeys: readonly Uint8Array[];
  readonly feeRecipient: string;
  readonly signerUrl: EndpointUrl | string;
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
  const signerUrl = parseSignerUrl(options.signerUrl);
  const config: ValidatorConfig = {
    publicKeys: options.publicKeys.map(toHex),
    feeRecipient: checksumAddress(options.feeRecipient),
    signerUrl: signerUrl.reveal(),
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
      `The path of ${signerUrl.secrets.length === 0 ? config.signerUrl : signerUrl} is not used alike by the clients: Teku drops it, Lighthouse its last part. Give Web3Signer a host or port of its own.`,
    );
  }
  if (signerUrl.secrets.length > 0) for (const warning of CREDENTIALS_WARNINGS) warnings.push(warning);
  return { config, warnings };
}

const CREDENTIALS_WARNINGS = [
  'The URL of the Web3Signer holds a password or a token: files with it can be read by their owner only (0600), whatever --file-mode says; --owner names the user of the client.',
  'A client certificate takes its place: client_identity_path and client_identity_password (and root_certificate_path) in the definitions of Lighthouse, --validators-external-signer-keystore and --validators-external-signer-keystore-password-file (and --validators-external-signer-truststore) of Teku. Prysm has no options for one: put a proxy on its own machine in front of the signer.',
];

/**
 * Base URL of a Web3Signer as it goes into the files.
 * @throws UsageError 'invalid-signer-url'
 */
export function parseSignerUrl(given: EndpointUrl | string): EndpointUrl {
  if (given instanceof EndpointUrl) return given;
  // `web3signer:9000` is a URL too, with the scheme "web3signer".
  if (URL.canParse(given) && /^https?:/i.test(given)) return EndpointUrl.parse(given);
  throw new UsageError('invalid-signer-url', `"${withoutSecrets(given)}" is not a URL of a Web3Signer.`, {
    hint: 'Begin it with http:// or https://, as in http://web3signer:6174.',
  });
}
