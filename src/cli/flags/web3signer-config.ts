import { dirname, resolve } from 'node:path';
import { NEWEST_WEB3SIGNER, type Web3SignerConfigOptions } from '../../domain/fleet/web3signer-config.ts';
import type { EndpointUrl } from '../../lib/endpoint-url.ts';
import { UsageError } from '../../lib/errors.ts';
import { flag, flagName, optional, type Resolved, repeated } from '../options/option.ts';
import { directory, file, integer, text } from '../options/value-kinds.ts';

const helpGroup = "WEB3SIGNER'S OWN CONFIGURATION";
const port = integer({ min: 1, max: 65_535 });
const host = { ...text, placeholder: 'HOST' };
const path = { ...text, placeholder: 'PATH' };

/** What `--config-file` of Web3Signer is to say; its own options have the same names. Paths are those that Web3Signer finds. */
const CONFIG_OPTIONS = {
  web3signerVersion: optional<string>({
    description: `The version of Web3Signer: options that it does not know are left out. Default is ${NEWEST_WEB3SIGNER}.`,
    helpGroup,
    value: { ...text, placeholder: 'VERSION' },
  }),
  web3signerNetwork: optional<string>({
    description:
      "Web3Signer's name of the network, or the path or URL of a configuration of the consensus layer. Default is the vault's network.",
    helpGroup,
    value: { ...text, placeholder: 'NETWORK' },
  }),
  keyStorePath: optional<string>({
    description: 'The folder of the key files as Web3Signer finds it. Default is --output-dir.',
    helpGroup,
    value: path,
  }),
  httpListenHost: optional<string>({
    description: 'The address that Web3Signer listens on. Default is 127.0.0.1.',
    helpGroup,
    value: host,
  }),
  httpListenPort: optional<number>({
    description: 'The port that Web3Signer listens on. Default is 9000.',
    helpGroup,
    value: port,
  }),
  httpHostAllowlist: repeated<string>({
    description:
      'A host name by which clients may ask Web3Signer, beside localhost, 127.0.0.1 and those of --web3signer-endpoint; * is any; may be given several times.',
    helpGroup,
    value: host,
  }),
  tlsKeystoreFile: optional<string>({
    description: "Web3Signer's certificate and key (PKCS#12).",
    helpGroup,
    value: path,
  }),
  tlsKeystorePasswordFile: optional<string>({
    description: 'The file with the password of --tls-keystore-file.',
    helpGroup,
    value: path,
  }),
  tlsKnownClientsFile: optional<string>({
    description: 'The list of the clients that are answered: name and fingerprint of their certificates.',
    helpGroup,
    value: path,
  }),
  tlsAllowCaClients: flag({
    description: 'Answers clients whose certificates are from an authority that Java knows.',
    helpGroup,
  }),
  tlsAllowAnyClient: flag({ description: 'Answers clients without a certificate, too.', helpGroup }),
  metricsEnabled: flag({ description: 'Serves metrics for Prometheus.', helpGroup }),
  metricsHost: optional<string>({
    description: 'The address that metrics are served on. Default is 127.0.0.1.',
    helpGroup,
    value: host,
  }),
  metricsPort: optional<number>({
    description: 'The port that metrics are served on. Default is 9001.',
    helpGroup,
    value: port,
  }),
  metricsHostAllowlist: repeated<string>({
    description:
      'A host name by which metrics may be asked for, beside localhost and 127.0.0.1; may be given several times.',
    helpGroup,
    value: host,
  }),
  slashingProtectionDbUrl: optional<string>({
    description:
      'The slashing protection database, as jdbc:postgresql://host:port/name. Its password stays in a variable of Web3Signer.',
    helpGroup,
    value: { ...text, placeholder: 'URL' },
  }),
  slashingProtectionDbUsername: optional<string>({
    description: "The slashing protection database's user.",
    helpGroup,
    value: text,
  }),
  templateDir: optional<string>({
    description: 'Folder with a web3signer.yaml.eta of your own, as docs/templates.md tells.',
    helpGroup,
    value: directory({ exists: true }),
  }),
} as const;

/** `--config-file` of `setup-web3signer`, and what goes into it. */
export const WEB3SIGNER_CONFIG_OPTIONS = {
  configFile: optional<string>({
    description: "Also writes Web3Signer's own configuration, for its --config-file, to this path.",
    helpGroup,
    value: file({ exists: false }),
  }),
  ...CONFIG_OPTIONS,
} as const;

type Given = Resolved<typeof WEB3SIGNER_CONFIG_OPTIONS>;

/** @throws UsageError 'contradiction' for options without the file that they are for; 'config-among-keys' */
export function checkWeb3SignerConfig(given: Given & { readonly outputDir: string }): void {
  const { configFile } = given;
  if (configFile === undefined) {
    const idle = Object.keys(CONFIG_OPTIONS).find(key => isGiven(given[key as keyof Given]));
    if (idle === undefined) return;
    throw new UsageError('contradiction', `--${flagName(idle)} is of use with --config-file only.`);
  }
  if (/\.ya?ml$/i.test(configFile) && resolve(dirname(configFile)) === resolve(given.outputDir)) {
    throw new UsageError(
      'config-among-keys',
      `${configFile} would lie among the key files: Web3Signer would take it for a broken one.`,
      { hint: 'Give --config-file a path in another folder.' },
    );
  }
}

function isGiven(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
}

/** What the configuration is made of. */
export function web3SignerConfigOptions(
  given: Given & { readonly outputDir: string; readonly web3signerEndpoint: readonly EndpointUrl[] },
  vaultNetwork: string,
): Web3SignerConfigOptions {
  return {
    version: given.web3signerVersion ?? NEWEST_WEB3SIGNER,
    vaultNetwork,
    network: given.web3signerNetwork,
    keyStorePath: given.keyStorePath ?? resolve(given.outputDir),
    listenHost: given.httpListenHost,
    listenPort: given.httpListenPort,
    allowedHosts: given.httpHostAllowlist.concat(
      given.web3signerEndpoint.map(url => new URL(url.name).hostname),
    ),
    tls: {
      keystoreFile: given.tlsKeystoreFile,
      keystorePasswordFile: given.tlsKeystorePasswordFile,
      knownClientsFile: given.tlsKnownClientsFile,
      allowsCaClients: given.tlsAllowCaClients,
      allowsAnyClient: given.tlsAllowAnyClient,
    },
    metrics: {
      isEnabled: given.metricsEnabled,
      host: given.metricsHost,
      port: given.metricsPort,
      allowedHosts: given.metricsHostAllowlist,
    },
    slashingDatabaseUrl: given.slashingProtectionDbUrl,
    slashingDatabaseUsername: given.slashingProtectionDbUsername,
  };
}
