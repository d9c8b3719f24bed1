import { UsageError } from '../../lib/errors.ts';
import type { SecretSetting } from '../../settings/signer-settings.ts';
import {
  defaulted,
  type OptionSource,
  optional,
  type Resolved,
  repeated,
  type ValueKind,
} from '../options/option.ts';
import { file, httpUrl, integer, text } from '../options/value-kinds.ts';
import { KEYSTORE_PASSWORD_OPTIONS, keystoresDir } from './keystores.ts';
import { timeout } from './timeout.ts';

/** A secret that a long-running process reads again from its file. */
export const rereadable: ValueKind<SecretSetting> = {
  placeholder: 'TEXT',
  parse: (value: string, source: OptionSource) => ({
    value,
    file: source.kind === 'file' ? source.path : undefined,
  }),
};

/** Path of a namespace; it goes into a header. */
const hashiVaultNamespace: ValueKind<string> = {
  placeholder: 'NAMESPACE',
  parse(value) {
    const path = value.trim().replace(/^\/+|\/+$/g, '');
    if (/^[\x21-\x7e]+$/.test(path)) return path;
    throw new UsageError(
      'hashi-vault-invalid-namespace',
      `${JSON.stringify(value)} is no path of a namespace.`,
    );
  },
};

/** Where the built-in signer finds keys: common to the commands that run or spawn it. */
export const KEY_SOURCE_OPTIONS = {
  keystoresDir,
  ...KEYSTORE_PASSWORD_OPTIONS,
  hashiVaultUrl: optional({
    description: 'URL of the HashiCorp Vault, or OpenBao, that holds the keys.',
    env: 'HASHI_VAULT_URL',
    value: httpUrl,
  }),
  hashiVaultToken: optional<SecretSetting>({
    description: 'Token for HashiCorp Vault.',
    env: 'HASHI_VAULT_TOKEN',
    secret: true,
    hidden: true,
    value: rereadable,
  }),
  hashiVaultKeyPath: repeated({
    description: 'Path of a secret with members "public key": "secret key"; may be given several times.',
    env: 'HASHI_VAULT_KEY_PATH',
    value: text,
  }),
  hashiVaultKeyPrefix: repeated({
    description:
      'Path of a folder with one secret per key, named after its public key; may be given several times.',
    env: 'HASHI_VAULT_KEY_PREFIX',
    value: text,
  }),
  hashiVaultMount: defaulted(() => 'secret', {
    description: 'Mount of the KV version 2 engine. Default is secret.',
    env: 'HASHI_VAULT_MOUNT',
    value: text,
  }),
  hashiVaultNamespace: optional({
    description:
      'Namespace of the mount and the token, in HashiCorp Vault Enterprise, HCP or OpenBao. Default is the root namespace.',
    env: 'VAULT_NAMESPACE',
    value: hashiVaultNamespace,
  }),
  hashiVaultParallelism: defaulted(() => '8', {
    description: 'Requests to HashiCorp Vault in flight. Default is 8.',
    env: 'HASHI_VAULT_PARALLELISM',
    value: integer({ min: 1, max: 256 }),
  }),
  hashiVaultCa: optional({
    description: 'File of the certificate authority of HashiCorp Vault, PEM.',
    env: 'HASHI_VAULT_CA',
    value: file({ exists: true }),
  }),
  hashiVaultTimeout: timeout('HASHI_VAULT_TIMEOUT', 10, 'Time limit of one request to HashiCorp Vault'),
  hashiVaultRetryTimeout: timeout(
    'HASHI_VAULT_RETRY_TIMEOUT',
    30,
    'How long requests that fail are sent to HashiCorp Vault again',
  ),
} as const;

export type KeySourcesGiven = Resolved<typeof KEY_SOURCE_OPTIONS>;
