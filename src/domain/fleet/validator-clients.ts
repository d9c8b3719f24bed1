import { shellQuote } from '../../lib/shell-quote.ts';
import type { ClientSettings } from './validator-config.ts';

/** Files of a validator client, in the order in which they are reported. */
export const VALIDATOR_FILES = [
  'validator_definitions.yml',
  'signer_keys.yml',
  'proposer_config.json',
] as const;
export type ValidatorFile = (typeof VALIDATOR_FILES)[number];

/** What the options of a client's command line are made of. */
export interface ClientFlagSettings extends Omit<ClientSettings, 'clientIdentityPassword'> {
  /** Absolute path of the directory with the files. */
  readonly directory: string;
  /** The URL, or what is shown for it: see `shownSignerUrl`. */
  readonly signerUrl: string;
  /** Where the password of the client's certificate is kept, when it is in a file. */
  readonly clientIdentityPasswordFile?: string | undefined;
  /** Whether the files belong to the user who runs this program, and that is root. */
  readonly isOwnedByRoot: boolean;
}

export interface ValidatorClient {
  readonly kind: 'lighthouse' | 'teku' | 'prysm';
  readonly name: string;
  /** Those of the written files that it reads. */
  readonly files: readonly ValidatorFile[];
  /** The words of its command line that make it use its files. */
  readonly flags: (settings: ClientFlagSettings) => string[];
  /** What has to be known of the files and is in no option. */
  readonly notes: (settings: ClientFlagSettings) => string[];
}

/**
 * The validator clients that read the written files, each with its files and the options that name them: as their own code was
 * seen to take them (Lighthouse 5.3, Teku 22.10 to 26.8, Prysm 3.2 to 7.1).
 */
export const VALIDATOR_CLIENTS: readonly ValidatorClient[] = [
  {
    kind: 'lighthouse',
    name: 'Lighthouse',
    files: ['validator_definitions.yml'],
    flags: settings => {
      const flags = ['--validators-dir', settings.directory, '--init-slashing-protection'];
      // Teku and Prysm read it from proposer_config.json.
      if (settings.isBuilderEnabled && !settings.isBuilderInDefinitions) flags.push('--builder-proposals');
      return flags;
    },
    notes: ({ isOwnedByRoot }) =>
      isOwnedByRoot
        ? ['Lighthouse opens its file for writing: --owner UID:GID gives it to the user of the client.']
        : [],
  },
  {
    kind: 'teku',
    name: 'Teku',
    files: ['signer_keys.yml', 'proposer_config.json'],
    flags: settings => {
      const flags = [
        `--config-file=${pathIn(settings, 'signer_keys.yml')}`,
        `--validators-external-signer-url=${settings.signerUrl}`,
        `--validators-proposer-config=${pathIn(settings, 'proposer_config.json')}`,
      ];
      const { graffiti, clientIdentityPath, clientIdentityPasswordFile } = settings;
      if (graffiti !== undefined) flags.push(`--validators-graffiti=${graffiti}`);
      if (clientIdentityPath !== undefined && clientIdentityPasswordFile !== undefined) {
        flags.push(`--validators-external-signer-keystore=${clientIdentityPath}`);
        flags.push(`--validators-external-signer-keystore-password-file=${clientIdentityPasswordFile}`);
      }
      return flags;
    },
    notes: ({ rootCertificatePath, clientIdentityPath, clientIdentityPasswordFile }) => {
      const notes: string[] = [];
      if (rootCertificatePath !== undefined) {
        notes.push(
          'Teku takes the authority of the signer from a truststore (PKCS#12 or JKS): --validators-external-signer-truststore and --validators-external-signer-truststore-password-file.',
        );
      }
      if (clientIdentityPath !== undefined && clientIdentityPasswordFile === undefined) {
        notes.push(
          'Teku takes the password of a client certificate from a file: --validators-external-signer-keystore and --validators-external-signer-keystore-password-file.',
        );
      }
      return notes;
    },
  },
  {
    kind: 'prysm',
    name: 'Prysm',
    files: ['signer_keys.yml', 'proposer_config.json'],
    flags: settings => {
      const flags = ['--config-file', pathIn(settings, 'signer_keys.yml')];
      flags.push('--validators-external-signer-url', settings.signerUrl);
      flags.push('--proposer-settings-file', pathIn(settings, 'proposer_config.json'));
      const { gasLimit, graffiti } = settings;
      if (gasLimit !== undefined) flags.push('--suggested-gas-limit', String(gasLimit));
      if (graffiti !== undefined) flags.push('--graffiti', graffiti);
      return flags;
    },
    notes: ({ gasLimit, rootCertificatePath, clientIdentityPath }) => {
      const notes: string[] = [];
      if (gasLimit === undefined) {
        notes.push('Prysm takes its gas limit from --suggested-gas-limit, and up to 7.1.6 from no file.');
      }
      if (rootCertificatePath !== undefined || clientIdentityPath !== undefined) {
        notes.push(
          'Prysm has no options for certificates of a signer: put a proxy on its own machine in front of it.',
        );
      }
      return notes;
    },
  },
];

function pathIn({ directory }: ClientFlagSettings, file: ValidatorFile): string {
  return directory.endsWith('/') ? `${directory}${file}` : `${directory}/${file}`;
}

/** A word of a command line as a shell takes it. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : shellQuote(word);
}
