// Reads Web3Signer's own configuration as its picocli does: YamlConfigFileDefaultProvider, then the checks of its options.
// Shares no code with src/.
import { parseDocument } from 'yaml';

/** Options of the program itself, with the first version that has them, and the first that has them no more. */
const OPTIONS = new Map<string, readonly [since: string, until?: string]>([
  ['data-path', ['21.1']],
  ['key-store-path', ['21.1']],
  ['key-config-path', ['23.8']],
  ['key-store-config-file-max-size', ['23.3']],
  ['logging', ['21.1']],
  ['logging-format', ['25.12']],
  ['http-listen-host', ['21.1']],
  ['http-listen-port', ['21.1']],
  ['http-host-allowlist', ['21.1']],
  ['http-cors-origins', ['21.1']],
  ['metrics-enabled', ['21.1']],
  ['metrics-host', ['21.1']],
  ['metrics-port', ['21.1']],
  ['metrics-category', ['21.1']],
  ['metrics-host-allowlist', ['21.1']],
  ['idle-connection-timeout-seconds', ['21.1']],
  ['swagger-ui-enabled', ['21.1', '25.12']],
  ['access-logs-enabled', ['22.1']],
  ['vertx-worker-pool-size', ['23.11']],
  ['reload-timeout', ['25.12']],
  ['signer-load-timeout', ['25.12']],
  ['signer-load-batch-size', ['25.12']],
  ['signer-load-sequential-threshold', ['25.12']],
  ['signer-load-parallel', ['25.12']],
  ['tls-keystore-file', ['21.1']],
  ['tls-keystore-password-file', ['21.1']],
  ['tls-allow-any-client', ['21.1']],
  ['tls-known-clients-file', ['21.1']],
  ['tls-allow-ca-clients', ['21.1']],
  ['eth2.network', ['21.1']],
  ['eth2.key-manager-api-enabled', ['22.4']],
  ['eth2.slashing-protection-enabled', ['21.1']],
  ['eth2.slashing-protection-db-url', ['21.1']],
  ['eth2.slashing-protection-db-username', ['21.1']],
  ['eth2.slashing-protection-db-password', ['21.1']],
  ['eth2.slashing-protection-pruning-enabled', ['21.1']],
]);

/** Names of all options, as they stand on the command line: those behind `eth2` without it. */
export const WEB3SIGNER_OPTIONS: readonly string[] = [...OPTIONS.keys()].map(name =>
  name.replace(/^eth2\./, ''),
);

/** Options of several values: a list is joined with commas. */
const LISTS = new Set(['http-host-allowlist', 'metrics-host-allowlist', 'metrics-category']);
const NUMBERS = [
  'http-listen-port',
  'metrics-port',
  'signer-load-timeout',
  'signer-load-sequential-threshold',
];
const SWITCHES = ['metrics-enabled', 'tls-allow-any-client', 'tls-allow-ca-clients', 'signer-load-parallel'];

/**
 * The options that Web3Signer takes from a file of `--config-file`, by name, each as text.
 * @param version - such as 25.12.0
 * @throws Error for what keeps it from starting
 */
export function readWeb3SignerConfig(text: string, version: string): Map<string, string> {
  const document = parseDocument(text, { version: '1.1', uniqueKeys: true, logLevel: 'silent' });
  if (document.errors.length > 0) throw new Error('Unable to read yaml configuration. Invalid yaml file');
  const content: unknown = document.toJS();
  if (content === null || content === undefined) throw new Error('Empty yaml configuration file');
  if (typeof content !== 'object' || Array.isArray(content)) throw new Error('Unexpected yaml content');
  const given = Object.entries(content);
  if (given.length === 0) throw new Error('Empty yaml configuration file');
  const unknown = given.map(([name]) => name).filter(name => !isKnown(name, version));
  if (unknown.length > 0)
    throw new Error(`Unknown options in yaml configuration file: ${unknown.join(', ')}`);
  const options = new Map(given.map(([name, value]) => [name, textOf(name, value)]));
  checkValues(options);
  checkTls(options);
  return options;
}

function isKnown(name: string, version: string): boolean {
  const [since, until] = OPTIONS.get(name) ?? [];
  if (since === undefined) return false;
  return compare(version, since) >= 0 && (until === undefined || compare(version, until) < 0);
}

function compare(version: string, other: string): number {
  const [year = 0, month = 0] = version.split('.').map(Number);
  const [otherYear = 0, otherMonth = 0] = other.split('.').map(Number);
  return year === otherYear ? month - otherMonth : year - otherYear;
}

/** `String.valueOf` of Java, or the elements of a list with commas between them. */
function textOf(name: string, value: unknown): string {
  if (LISTS.has(name) && Array.isArray(value)) return value.map(String).join(',');
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  throw new Error(`Invalid value for option --${name}`);
}

function checkValues(options: ReadonlyMap<string, string>): void {
  for (const name of NUMBERS) {
    const value = options.get(name);
    if (value !== undefined && !/^\d+$/.test(value)) throw new Error(`--${name}: '${value}' is not an int`);
  }
  for (const name of SWITCHES) {
    const value = options.get(name);
    if (value !== undefined && !/^(true|false)$/.test(value))
      throw new Error(`--${name}: '${value}' is not a boolean`);
  }
  const url = options.get('eth2.slashing-protection-db-url');
  if (url !== undefined && !/^jdbc:postgresql:/.test(url))
    throw new Error('slashing protection: no driver for this URL');
}

/** PicoCliTlsServerOptionsValidator; and what it lets pass and Web3Signer ignores without a word. */
function checkTls(options: ReadonlyMap<string, string>): void {
  const hasKeystore = options.has('tls-keystore-file');
  if (hasKeystore !== options.has('tls-keystore-password-file'))
    throw new Error('--tls-keystore-file must be specified together with --tls-keystore-password-file');
  const isListed = options.has('tls-known-clients-file') || options.get('tls-allow-ca-clients') === 'true';
  const isOpen = options.get('tls-allow-any-client') === 'true';
  if (!hasKeystore && (isListed || isOpen))
    throw new Error('TLS without a keystore: the server runs plain HTTP');
  if (hasKeystore && isListed === isOpen) throw new Error('exactly one policy for clients has to be chosen');
}
