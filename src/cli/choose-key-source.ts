import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { EndpointUrl } from '../lib/endpoint-url.ts';
import { UsageError } from '../lib/errors.ts';
import { holdsKeystores } from '../services/local-keys/keystore-names.ts';
import { type KeySourceSettings, noKeySource } from '../settings/signer-settings.ts';
import type { ExitKeysSettings } from '../settings/signing-settings.ts';
import { vaultDirectory } from '../settings/vault-directory.ts';
import type { KeySourcesGiven } from './flags/key-sources.ts';
import { passwordFilesOf } from './keystore-location.ts';

/** Where keys may be, and the StakeWise vault whose directory may have some. */
interface KeySourcesOfVault extends KeySourcesGiven {
  readonly dataDir: string;
  readonly vault?: string | undefined;
}

/**
 * Who holds the validators' keys: the remote signer when there is one, else the built-in signer with the local keystores,
 * HashiCorp Vault or, last, the other source.
 * @param say - told which one is taken where several are set up
 * @throws UsageError 'no-key-source', 'hashi-vault-incomplete'
 */
export function chooseExitKeys(
  given: KeySourcesOfVault & { readonly remoteSignerUrl: readonly EndpointUrl[] | undefined },
  say: (line: string) => void,
  other?: KeySourceSettings,
): ExitKeysSettings {
  if (given.remoteSignerUrl !== undefined) return { kind: 'remote', urls: given.remoteSignerUrl };
  const keys = chooseKeySource(given, say) ?? other;
  if (keys !== undefined) return { kind: 'built-in', keys };
  throw noKeySource('Give --remote-signer-url, --keystores-dir, or --hashi-vault-url.');
}

/**
 * The local keystores if there are any, else HashiCorp Vault; undefined when neither is set up.
 * @param options.say - told which one is taken where both are set up
 * @throws UsageError 'hashi-vault-incomplete'
 */
export function chooseKeySource(
  given: KeySourcesOfVault,
  say: (line: string) => void,
): KeySourceSettings | undefined {
  const keystores = findKeystores(given);
  const isHashiVaultSet = given.hashiVaultUrl !== undefined;
  if (keystores !== undefined && isHashiVaultSet)
    say(`Keystores found in ${keystores.keystoresDir}: they are used, HashiCorp Vault is not.`);
  return keystores ?? (isHashiVaultSet ? hashiVaultSettings(given) : undefined);
}

/** A directory that was named counts even when it is empty, which is told later. */
function findKeystores(given: KeySourcesOfVault) {
  const vaultDir = given.vault === undefined ? undefined : vaultDirectory(given.dataDir, given.vault);
  const generated = vaultDir === undefined ? undefined : join(vaultDir, 'keystores');
  const isNamed =
    given.keystoresDir !== undefined &&
    (given.hashiVaultUrl === undefined || holdsKeystoresThere(given.keystoresDir));
  const keystoresDir = isNamed ? given.keystoresDir : generated;
  if (keystoresDir === undefined || (!isNamed && !holdsKeystoresThere(keystoresDir))) return undefined;
  const directories = [keystoresDir, generated].filter(path => path !== undefined);
  return {
    kind: 'keystores',
    keystoresDir,
    passwordFiles: passwordFilesOf(given, directories),
    passwordsDir: given.keystoresPasswordDir,
  } as const satisfies KeySourceSettings;
}

function holdsKeystoresThere(path: string): boolean {
  return existsSync(path) && holdsKeystores(path);
}

function hashiVaultSettings(given: KeySourcesGiven): KeySourceSettings {
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
    namespace: given.hashiVaultNamespace,
    parallelism: given.hashiVaultParallelism,
    keyPaths: given.hashiVaultKeyPath,
    keyPrefixes: given.hashiVaultKeyPrefix,
    caFile: given.hashiVaultCa,
    timeoutMs: given.hashiVaultTimeout,
    retryTimeoutMs: given.hashiVaultRetryTimeout,
  };
}
