import { type ClientSettings, parseSignerUrl } from '../../domain/fleet/validator-config.ts';
import type { EndpointUrl } from '../../lib/endpoint-url.ts';
import { UsageError } from '../../lib/errors.ts';
import { flag, optional, type Resolved, type ValueKind } from '../options/option.ts';
import { httpUrl, integer, text } from '../options/value-kinds.ts';

/** The URL of a signer that files of several clients are to have: plain, so that each reads the same. */
export const plainSignerUrl: ValueKind<EndpointUrl> = {
  placeholder: 'URL',
  parse: async (value, source) => parseSignerUrl(await httpUrl.parse(value, source)),
};

/** Lighthouse refuses longer ones. */
const MAX_GRAFFITI_BYTES = 32;

const graffiti: ValueKind<string> = {
  placeholder: 'TEXT',
  parse(value) {
    const length = Buffer.byteLength(value);
    if (length <= MAX_GRAFFITI_BYTES) return value;
    throw new UsageError(
      'invalid-graffiti',
      `'${value}' has ${length} bytes; a block has room for ${MAX_GRAFFITI_BYTES}.`,
    );
  },
};

/** A password, and the file that it stands in. */
interface ClientPassword {
  readonly password: string;
  /** Undefined when it was not given by a file. */
  readonly file: string | undefined;
}

const password: ValueKind<ClientPassword> = {
  placeholder: 'TEXT',
  parse: (value, source) => ({
    password: value,
    file: source.kind === 'file' ? source.path : undefined,
  }),
};

const helpGroup = 'WHAT CLIENTS ARE TOLD';

/** What validator clients are told beside their keys. */
export const CLIENT_FILE_OPTIONS = {
  lighthouseBuilder: flag({
    description:
      'Writes builder_proposals into the file of Lighthouse, too: true, or false with --disable-proposal-builder.',
    helpGroup,
    env: 'VALIDATOR_LIGHTHOUSE_BUILDER',
  }),
  gasLimit: optional<number>({
    description:
      'The gas limit that builders are told, for the files of Lighthouse and Teku and the option of Prysm. Default is that of the client.',
    helpGroup,
    env: 'VALIDATOR_GAS_LIMIT',
    value: integer({ min: 1 }),
  }),
  graffiti: optional<string>({
    description:
      'The graffiti of blocks, 32 bytes at most, for the file of Lighthouse and the options of Teku and Prysm.',
    helpGroup,
    env: 'VALIDATOR_GRAFFITI',
    value: graffiti,
  }),
  rootCertificatePath: optional<string>({
    description:
      "The signer's certificate authority (PEM), by its path on the machine of the client, for the file of Lighthouse.",
    helpGroup,
    env: 'VALIDATOR_ROOT_CERTIFICATE_PATH',
    value: { ...text, placeholder: 'PATH' },
  }),
  clientIdentityPath: optional<string>({
    description:
      'The certificate and key of the client (PKCS#12), by its path on the machine of the client, for the file of Lighthouse and the option of Teku.',
    helpGroup,
    env: 'VALIDATOR_CLIENT_IDENTITY_PATH',
    value: { ...text, placeholder: 'PATH' },
  }),
  clientIdentityPassword: optional<ClientPassword>({
    description: 'The password of --client-identity-path; the file of Lighthouse has it, and is 0600 then.',
    helpGroup,
    env: 'VALIDATOR_CLIENT_IDENTITY_PASSWORD',
    secret: true,
    hidden: true,
    value: password,
  }),
} as const;

/** @throws UsageError 'tls-incomplete' for a client's certificate without its password, or a password alone */
export function checkClientIdentity(given: Resolved<typeof CLIENT_FILE_OPTIONS>): void {
  if ((given.clientIdentityPath === undefined) === (given.clientIdentityPassword === undefined)) return;
  throw new UsageError(
    'tls-incomplete',
    'Lighthouse takes --client-identity-path and its password together only.',
    { hint: 'Give both; the password by --client-identity-password-file.' },
  );
}

/** What the client files and the options of clients are to say; the password goes to the files alone. */
export function clientSettings(
  given: Resolved<typeof CLIENT_FILE_OPTIONS> & { readonly disableProposalBuilder: boolean },
): Omit<ClientSettings, 'clientIdentityPassword'> {
  return {
    isBuilderEnabled: !given.disableProposalBuilder,
    isBuilderInDefinitions: given.lighthouseBuilder,
    gasLimit: given.gasLimit,
    graffiti: given.graffiti,
    rootCertificatePath: given.rootCertificatePath,
    clientIdentityPath: given.clientIdentityPath,
  };
}
