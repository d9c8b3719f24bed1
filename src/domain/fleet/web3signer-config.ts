import { UsageError } from '../../lib/errors.ts';
import { isPlainLoopback } from '../../lib/loopback.ts';
import { decodePercents } from '../../lib/percent-decoding.ts';

/** What the template of Web3Signer's `--config-file` is given; docs/templates.md describes each member for its authors. */
export interface Web3SignerConfig {
  /** Web3Signer's name of the network, or the path or URL of a configuration of its consensus layer. */
  readonly network: string;
  /** Directory of the key files, as Web3Signer finds it. */
  readonly keyStorePath: string;
  readonly listenHost: string;
  readonly listenPort: number;
  /** Host names under which it may be asked, with commas between them: any other gets 403. */
  readonly allowedHosts: string;
  readonly tls: Web3SignerTls | undefined;
  /** Undefined: no metrics. */
  readonly metrics: Web3SignerMetrics | undefined;
  /** Undefined: said elsewhere. Its password never stands in the file. */
  readonly slashingDatabase: SlashingDatabase | undefined;
  /** Whether the version knows an option, by its name in the file: one that it does not know keeps it from starting. */
  readonly knows: (option: string) => boolean;
}

interface Web3SignerTls {
  /** PKCS#12, and the file with its password. */
  readonly keystoreFile: string;
  readonly keystorePasswordFile: string;
  /** Which clients are answered: those of a list, those of the authorities that Java knows, or any. */
  readonly knownClientsFile: string | undefined;
  readonly allowsCaClients: boolean;
  readonly allowsAnyClient: boolean;
}

interface Web3SignerMetrics {
  readonly host: string;
  readonly port: number;
  readonly allowedHosts: string;
}

interface SlashingDatabase {
  /** `jdbc:postgresql://…`, without a password. */
  readonly url: string;
  readonly username: string | undefined;
}

export interface Web3SignerConfigOptions {
  /** Version of Web3Signer, such as 25.12.0. */
  readonly version: string;
  /** Name of the vault's network, or the path of a network file. */
  readonly vaultNetwork: string;
  /** Default: the vault's network, where Web3Signer knows it by that name. */
  readonly network?: string | undefined;
  readonly keyStorePath: string;
  /** Default: 127.0.0.1. */
  readonly listenHost?: string | undefined;
  /** Default: 9000. */
  readonly listenPort?: number | undefined;
  /** More hosts than localhost and 127.0.0.1. */
  readonly allowedHosts: readonly string[];
  readonly tls: {
    readonly keystoreFile?: string | undefined;
    readonly keystorePasswordFile?: string | undefined;
    readonly knownClientsFile?: string | undefined;
    readonly allowsCaClients: boolean;
    readonly allowsAnyClient: boolean;
  };
  readonly metrics: {
    readonly isEnabled: boolean;
    /** Default: 127.0.0.1. */
    readonly host?: string | undefined;
    /** Default: 9001. */
    readonly port?: number | undefined;
    readonly allowedHosts: readonly string[];
  };
  /** `jdbc:postgresql://…`, or the same as Postgres writes it. */
  readonly slashingDatabaseUrl?: string | undefined;
  readonly slashingDatabaseUsername?: string | undefined;
}

/** The file that the template of Web3Signer's configuration is named after. */
export const SIGNER_CONFIG_FILE = 'web3signer.yaml';

/** Web3Signer's variable for the password of the slashing database: no file has it. */
const SLASHING_PASSWORD_VARIABLE = 'WEB3SIGNER_ETH2_SLASHING_PROTECTION_DB_PASSWORD';

/** The newest version whose options are known here. */
export const NEWEST_WEB3SIGNER = '26.7.0';

/** The first version that knows an option; what is not listed, all of them know. */
const OPTIONS_SINCE: Readonly<Record<string, string>> = {
  'key-store-config-file-max-size': '23.3.0',
  'key-config-path': '23.8.0',
  'vertx-worker-pool-size': '23.11.0',
  'reload-timeout': '25.12.0',
  'signer-load-batch-size': '25.12.0',
  'signer-load-parallel': '25.12.0',
  'signer-load-sequential-threshold': '25.12.0',
  'signer-load-timeout': '25.12.0',
};

/** Networks that Web3Signer knows by the name that they have here, and since when. */
const NETWORKS_SINCE: Readonly<Record<string, string>> = {
  mainnet: '21.1.0',
  gnosis: '22.5.0',
  chiado: '22.10.0',
  holesky: '23.9.0',
  hoodi: '25.3.0',
};

const LOCAL_HOSTS = ['localhost', '127.0.0.1'];

/**
 * The data of a Web3Signer's configuration, and warnings about what it will make of them.
 * @throws UsageError 'invalid-signer-version', 'unknown-signer-network', 'tls-incomplete', 'invalid-slashing-db-url'
 */
export function createWeb3SignerConfig(options: Web3SignerConfigOptions): {
  readonly config: Web3SignerConfig;
  readonly warnings: readonly string[];
} {
  const version = parseVersion(options.version);
  const listenHost = options.listenHost ?? '127.0.0.1';
  const tls = chooseTls(options.tls);
  const config: Web3SignerConfig = {
    network: options.network ?? networkOf(options.vaultNetwork, options.version),
    keyStorePath: options.keyStorePath,
    listenHost,
    listenPort: options.listenPort ?? 9000,
    allowedHosts: allowListOf(options.allowedHosts),
    tls,
    metrics: options.metrics.isEnabled
      ? {
          host: options.metrics.host ?? '127.0.0.1',
          port: options.metrics.port ?? 9001,
          allowedHosts: allowListOf(options.metrics.allowedHosts),
        }
      : undefined,
    slashingDatabase: chooseSlashingDatabase(options),
    knows: option => isSince(version, OPTIONS_SINCE[option]),
  };
  const warnings: string[] = [];
  const isOpen = listenHost !== 'localhost' && !isPlainLoopback(listenHost);
  if (isOpen && tls === undefined) {
    warnings.push(
      `Web3Signer listens on ${listenHost} without TLS: whoever reaches port ${config.listenPort} can have everything signed that its slashing protection lets pass.`,
    );
  }
  if (isOpen && options.allowedHosts.length === 0) {
    warnings.push(
      'Web3Signer answers 403 to whoever asks for it by another name than localhost or 127.0.0.1: name its hosts by --http-host-allowlist.',
    );
  }
  if (config.slashingDatabase === undefined) {
    warnings.push(
      'Without --slashing-protection-db-url, here or in its variable WEB3SIGNER_ETH2_SLASHING_PROTECTION_DB_URL, Web3Signer does not start.',
    );
  }
  return { config, warnings };
}

/** @throws UsageError 'unknown-signer-network' */
function networkOf(vaultNetwork: string, version: string): string {
  const since = NETWORKS_SINCE[vaultNetwork];
  if (since !== undefined && isSince(parseVersion(version), since)) return vaultNetwork;
  const reason =
    since === undefined
      ? `Web3Signer knows no network by the name of ${vaultNetwork}`
      : `Web3Signer ${version} does not know ${vaultNetwork} (${since} and newer do)`;
  throw new UsageError('unknown-signer-network', `${reason}.`, {
    hint: "Give --web3signer-network: a name that it knows, or the path or URL of the network's configuration of the consensus layer.",
  });
}

/** What Web3Signer demands; it ignores all but the keystore, and talks plain HTTP, where that one is missing. */
function chooseTls(given: Web3SignerConfigOptions['tls']): Web3SignerTls | undefined {
  const { keystoreFile, keystorePasswordFile, knownClientsFile, allowsCaClients, allowsAnyClient } = given;
  const isListed = knownClientsFile !== undefined || allowsCaClients;
  if (keystoreFile === undefined && keystorePasswordFile === undefined && !isListed && !allowsAnyClient)
    return undefined;
  if (keystoreFile === undefined || keystorePasswordFile === undefined) {
    throw new UsageError(
      'tls-incomplete',
      'Web3Signer serves TLS with --tls-keystore-file and --tls-keystore-password-file together only.',
      { hint: 'Give both, or no option that begins with --tls.' },
    );
  }
  if (isListed === allowsAnyClient) {
    throw new UsageError(
      'tls-incomplete',
      'Web3Signer with TLS has to be told which clients it answers, in one way.',
      {
        hint: 'Give --tls-known-clients-file, --tls-allow-ca-clients or both; or --tls-allow-any-client, for clients without certificates.',
      },
    );
  }
  return { keystoreFile, keystorePasswordFile, knownClientsFile, allowsCaClients, allowsAnyClient };
}

/** `postgresql://user@host/database` is what this program is given elsewhere; Java's drivers take `jdbc:` and no user in front. */
function chooseSlashingDatabase({
  slashingDatabaseUrl: given,
  slashingDatabaseUsername,
}: Web3SignerConfigOptions): SlashingDatabase | undefined {
  if (given === undefined) {
    if (slashingDatabaseUsername === undefined) return undefined;
    throw new UsageError(
      'invalid-slashing-db-url',
      '--slashing-protection-db-username is of use with --slashing-protection-db-url only.',
    );
  }
  const text = given.replace(/^jdbc:/i, '').replace(/^postgres:/i, 'postgresql:');
  const url = URL.canParse(text) && /^postgresql:\/\/[^/]/i.test(text) ? new URL(text) : undefined;
  if (url === undefined || /\s/.test(text)) {
    throw new UsageError(
      'invalid-slashing-db-url',
      'The URL of the slashing database is none of Postgres, such as jdbc:postgresql://db:5432/web3signer.',
    );
  }
  if (url.password !== '' || url.searchParams.has('password')) {
    throw new UsageError('invalid-slashing-db-url', 'The URL of the slashing database holds a password.', {
      hint: `Leave it out: Web3Signer takes it from its variable ${SLASHING_PASSWORD_VARIABLE}.`,
    });
  }
  const username = url.username === '' ? undefined : decodePercents(url.username);
  url.username = '';
  return { url: `jdbc:${url.href}`, username: slashingDatabaseUsername ?? username };
}

/** Each name once; `*` means all. */
function allowListOf(hosts: readonly string[]): string {
  if (hosts.includes('*')) return '*';
  return [...new Set(LOCAL_HOSTS.concat(hosts))].join(',');
}

/** @throws UsageError 'invalid-signer-version' */
function parseVersion(text: string): number[] {
  const parts = /^v?(\d{2})\.(\d{1,2})(?:\.(\d{1,3}))?$/.exec(text.trim());
  if (parts !== null) return parts.slice(1).map(part => Number(part ?? 0));
  throw new UsageError(
    'invalid-signer-version',
    `'${text}' is not a version of Web3Signer, such as ${NEWEST_WEB3SIGNER}.`,
  );
}

function isSince(version: readonly number[], since: string | undefined): boolean {
  if (since === undefined) return true;
  const first = parseVersion(since);
  const place = first.findIndex((part, index) => part !== (version[index] ?? 0));
  return place < 0 || (version[place] ?? 0) > (first[place] ?? 0);
}
