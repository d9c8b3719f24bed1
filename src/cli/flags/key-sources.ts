import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readVaultTimeouts } from '../../compose/remote-db.ts';
import type { KeySourceSettings, SecretSetting } from '../../compose/signer.ts';
import { UsageError } from '../../lib/errors.ts';
import { vaultDirectory } from '../../settings/vault-config.ts';
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

/** A secret that a long-running process reads again from its file. */
export const rereadable: ValueKind<SecretSetting> = {
  placeholder: 'TEXT',
  parse: (value: string, source: OptionSource) => ({
    value,
    file: source.kind === 'file' ? source.path : undefined,
  }),
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
} as const;

type Given = Resolved<typeof KEY_SOURCE_OPTIONS>;

/**
 * The local keystores if there are any, else HashiCorp Vault; undefined when neither is set up.
 * @param options.say - told which one is taken where both are set up
 * @throws UsageError 'hashi-vault-incomplete'
 */
export function chooseKeySource(
  given: Given & { readonly dataDir: string; readonly vault?: string | undefined },
  say: (line: string) => void,
): KeySourceSettings | undefined {
  const keystores = findKeystores(given);
  const isVaultSet = given.hashiVaultUrl !== undefined;
  if (keystores !== undefined && isVaultSet)
    say(`Keystores found in ${keystores.keystoresDir}: they are used, HashiCorp Vault is not.`);
  return keystores ?? (isVaultSet ? hashiVaultSettings(given) : undefined);
}

/** A directory that was named counts even when it is empty, which is told later. */
function findKeystores(given: Parameters<typeof chooseKeySource>[0]) {
  const vaultDir = given.vault === undefined ? undefined : vaultDirectory(given.dataDir, given.vault);
  const generated = vaultDir === undefined ? undefined : join(vaultDir, 'keystores');
  const isNamed =
    given.keystoresDir !== undefined && (given.hashiVaultUrl === undefined || holdsJson(given.keystoresDir));
  const keystoresDir = isNamed ? given.keystoresDir : generated;
  if (keystoresDir === undefined || (!isNamed && !holdsJson(keystoresDir))) return undefined;
  const own = join(keystoresDir, 'password.txt');
  const passwordFiles = given.keystoresPasswordFile
    ? [given.keystoresPasswordFile]
    : [...new Set([own, ...(generated === undefined ? [] : [join(generated, 'password.txt')])])];
  return {
    kind: 'keystores',
    keystoresDir,
    passwordFiles,
    passwordsDir: given.keystoresPasswordDir,
  } as const satisfies KeySourceSettings;
}

function holdsJson(path: string): boolean {
  return (
    existsSync(path) && readdirSync(path, { recursive: true }).some(name => String(name).endsWith('.json'))
  );
}

function hashiVaultSettings(given: Given): KeySourceSettings {
  const { hashiVaultUrl: url, hashiVaultToken: token } = given;
  const paths = given.hashiVaultKeyPath.length + given.hashiVaultKeyPrefix.length;
  if (url === undefined || token === undefined || paths === 0) {
    throw new UsageError(
      'hashi-vault-incomplete',
      'Keys in HashiCorp Vault need --hashi-vault-url, --hashi-vault-token-file and --hashi-vault-key-path.',
    );
  }
  return {
    kind: 'hashi-vault',
    // Handed to the signer's process as plain data.
    url: url.reveal(),
    token,
    mount: given.hashiVaultMount,
    parallelism: given.hashiVaultParallelism,
    ...{
      keyPaths: given.hashiVaultKeyPath,
      keyPrefixes: given.hashiVaultKeyPrefix,
      caFile: given.hashiVaultCa,
    },
    ...readVaultTimeouts(),
  };
}
