import { checksumAddress } from '../../lib/address.ts';
import { type Hex, toHex } from '../../lib/bytes.ts';
import { EndpointUrl, withoutSecrets } from '../../lib/endpoint-url.ts';
import { UsageError } from '../../lib/errors.ts';

/** What the templates of one validator client's files are given; docs/templates.md describes each member for their authors. */
export interface ValidatorConfig {
  /** Lower case, in the order given: every client takes these (`0x` is demanded by Lighthouse and Prysm). */
  readonly publicKeys: readonly Hex[];
  /** Address with EIP-55 checksum: Teku refuses a wrong one. */
  readonly feeRecipient: string;
  /** The signer's URL with its credentials, and without a slash at the end: Prysm puts `/api/…` behind it as it is. */
  readonly signerUrl: string;
  /** The same; where it has a path, with a slash at its end: Lighthouse joins by the rules of URLs, and drops the last part else. */
  readonly signerBaseUrl: string;
  readonly isBuilderEnabled: boolean;
  /** What the file of Lighthouse says of the builder; undefined: nothing, so that the client's own option decides. */
  readonly builderProposals: boolean | undefined;
  /** Undefined: the client's own. */
  readonly gasLimit: number | undefined;
  readonly graffiti: string | undefined;
  /** Paths on the client's machine: the signer's authority (PEM), and the client's certificate with its key (PKCS#12). */
  readonly rootCertificatePath: string | undefined;
  readonly clientIdentityPath: string | undefined;
  readonly clientIdentityPassword: string | undefined;
}

/** What an operator may say of the clients beside keys, signer and fee recipient. */
export interface ClientSettings {
  readonly isBuilderEnabled: boolean;
  /** Whether the file of Lighthouse says it, too, and not only the files of Teku and Prysm. Default: no. */
  readonly isBuilderInDefinitions?: boolean | undefined;
  readonly gasLimit?: number | undefined;
  readonly graffiti?: string | undefined;
  readonly rootCertificatePath?: string | undefined;
  /** Lighthouse refuses this, or {@link clientIdentityPassword}, without the other. */
  readonly clientIdentityPath?: string | undefined;
  readonly clientIdentityPassword?: string | undefined;
}

export interface ValidatorConfigOptions extends ClientSettings {
  readonly publicKeys: readonly Uint8Array[];
  readonly feeRecipient: string;
  readonly signerUrl: EndpointUrl | string;
}

export interface CreatedValidatorConfig {
  readonly config: ValidatorConfig;
  /** Members whose values are secret: a file that has one is its owner's alone. */
  readonly secretMembers: ReadonlySet<string>;
  /** What the clients will make of the files. */
  readonly warnings: readonly string[];
}

/** Above these Teku does not read signer_keys.yml any more: its YAML reader takes 3,145,728 characters. */
const TEKU_MAX_KEYS = 31_000;

/**
 * The data of one validator client's files, and warnings about what its client will make of them.
 * @throws UsageError 'invalid-address' or 'invalid-signer-url'
 */
export function createValidatorConfig(options: ValidatorConfigOptions): CreatedValidatorConfig {
  const signerUrl = parseSignerUrl(options.signerUrl);
  const config: ValidatorConfig = {
    publicKeys: options.publicKeys.map(toHex),
    feeRecipient: checksumAddress(options.feeRecipient),
    signerUrl: signerUrl.reveal(),
    signerBaseUrl: hasPath(signerUrl) ? `${signerUrl.reveal()}/` : signerUrl.reveal(),
    isBuilderEnabled: options.isBuilderEnabled,
    builderProposals: options.isBuilderInDefinitions ? options.isBuilderEnabled : undefined,
    gasLimit: options.gasLimit,
    graffiti: options.graffiti,
    rootCertificatePath: options.rootCertificatePath,
    clientIdentityPath: options.clientIdentityPath,
    clientIdentityPassword: options.clientIdentityPassword,
  };
  const secretMembers = new Set<keyof ValidatorConfig>();
  if (signerUrl.secrets.length > 0) secretMembers.add('signerUrl').add('signerBaseUrl');
  if (config.clientIdentityPassword !== undefined) secretMembers.add('clientIdentityPassword');
  return { config, secretMembers, warnings: warningsOf(config, signerUrl) };
}

function warningsOf(config: ValidatorConfig, signerUrl: EndpointUrl): string[] {
  const warnings: string[] = [];
  const count = config.publicKeys.length;
  if (count === 0) {
    warnings.push(
      'This client has no keys: its files are valid and empty. Lighthouse, Teku and Prysm (seen up to 7.1.6) start and wait for keys; Teku ends only with --exit-when-no-validator-keys-enabled.',
    );
  }
  if (count > TEKU_MAX_KEYS) {
    warnings.push(
      `This client has ${count} keys: Teku reads ${TEKU_MAX_KEYS} at most from signer_keys.yml, and does not start with more. Divide the keys among more clients, or give Teku a list of its own: --validators-external-signer-public-keys takes the URL of a JSON array, which a template can write (docs/templates.md).`,
    );
  }
  const shownUrl = signerUrl.secrets.length === 0 ? config.signerUrl : signerUrl.name;
  if (hasPath(signerUrl)) {
    warnings.push(
      `The path of ${shownUrl} is not used alike by the clients: Teku drops it; Prysm and, by the slash at its end in validator_definitions.yml, Lighthouse use it. Give Web3Signer a host or port of its own.`,
    );
  }
  const hasTls = config.rootCertificatePath !== undefined || config.clientIdentityPath !== undefined;
  if (hasTls && config.signerUrl.startsWith('http:')) {
    warnings.push(
      `${shownUrl} begins with http: certificates are of no use for it, and Teku does not start with them.`,
    );
  }
  if (signerUrl.secrets.length > 0) for (const warning of CREDENTIALS_WARNINGS) warnings.push(warning);
  return warnings;
}

const CREDENTIALS_WARNINGS = [
  'The URL of the Web3Signer holds a password or a token: files with it can be read by their owner only (0600), whatever --file-mode says; --owner names the user of the client.',
  'A client certificate takes its place: client_identity_path and client_identity_password (and root_certificate_path) in the definitions of Lighthouse, which --client-identity-path and its fellows write, --validators-external-signer-keystore and --validators-external-signer-keystore-password-file (and --validators-external-signer-truststore) of Teku. Prysm has no options for one: put a proxy on its own machine in front of the signer.',
];

/** What stands for a URL that holds a password or a token in what is shown. */
export const HIDDEN_SIGNER_URL = 'WEB3SIGNER_URL';

/** The signer's URL as a user may copy it from the screen: one with a password is not shown. */
export function shownSignerUrl(given: EndpointUrl | string): string {
  const url = parseSignerUrl(given);
  return url.secrets.length === 0 ? url.reveal() : HIDDEN_SIGNER_URL;
}

/** Shapes of a URL that clients read in ways of their own, the first that applies named. */
const AMISS = [
  { pattern: /[\s\p{Cc}]/u, what: 'blanks or line breaks', hint: 'Write it without them.' },
  {
    pattern: /\?/,
    what: 'a query, which Lighthouse and Teku drop and Prysm puts the path into',
    hint: 'Write it without what begins with "?".',
  },
  {
    pattern: /#/,
    what: 'a fragment, which no client sends',
    hint: 'Write it without what begins with "#".',
  },
  {
    pattern: /[^\x21-\x7e]/,
    what: 'letters beyond ASCII, which not every client can resolve',
    hint: 'Write its host in its ASCII form, which begins with xn--.',
  },
  { pattern: /\\/, what: 'a backslash', hint: 'Write "/" for it.' },
] as const;

/**
 * Base URL of a Web3Signer as it goes into the files: plain, so that every client reads the same.
 * @throws UsageError 'invalid-signer-url', which does not repeat what may be a password
 */
export function parseSignerUrl(given: EndpointUrl | string): EndpointUrl {
  const url = readUrl(given);
  const text = url.reveal();
  const amiss = AMISS.find(({ pattern }) => pattern.test(text));
  if (amiss === undefined) return url;
  throw new UsageError('invalid-signer-url', `The URL of the Web3Signer ${url} has ${amiss.what}.`, {
    hint: amiss.hint,
  });
}

function readUrl(given: EndpointUrl | string): EndpointUrl {
  if (given instanceof EndpointUrl) return given;
  // `web3signer:9000` is a URL too, with the scheme "web3signer".
  if (URL.canParse(given) && /^\s*https?:/i.test(given)) return EndpointUrl.parse(given);
  throw new UsageError('invalid-signer-url', `"${withoutSecrets(given)}" is not a URL of a Web3Signer.`, {
    hint: 'Begin it with http:// or https://, as in http://web3signer:6174.',
  });
}

function hasPath(url: EndpointUrl): boolean {
  return new URL(url.reveal()).pathname !== '/';
}
