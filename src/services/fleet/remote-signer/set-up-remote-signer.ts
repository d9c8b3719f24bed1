import { unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { KeymanagerClient } from '../../../clients/keymanager.ts';
import type { SignerClient } from '../../../clients/signer/signer-client.ts';
import { EXIT_PROOF, type ExitNetwork } from '../../../domain/consensus/exit-message.ts';
import {
  encodeRemoteSignerConfig,
  type OracleSetRef,
  type RemoteSignerConfig,
} from '../../../domain/fleet/remote-signer-config.ts';
import { publicKeyOf } from '../../../domain/keys/derivation.ts';
import { deriveCoefficients } from '../../../domain/keys/derived-coefficients.ts';
import { splitSecretKey } from '../../../domain/keys/key-share.ts';
import type { OracleSet } from '../../../domain/protocol/oracle-config.ts';
import { equalBytes, fromHex, type Hex, toHex, wipe } from '../../../lib/bytes.ts';
import type { EndpointUrl } from '../../../lib/endpoint-url.ts';
import { DifferencesError, ExternalError } from '../../../lib/errors.ts';
import {
  asFileError,
  isOtherFile,
  PUBLIC_FILE_MODE,
  syncDirectoryEntry,
  writeFileAtomic,
} from '../../../lib/files.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { isPlainLoopback } from '../../../lib/loopback.ts';
import { nameList } from '../../../lib/name-list.ts';
import type { ProgressReporter } from '../../../lib/progress.ts';
import type { WorkerPool } from '../../../workers/pool.ts';
import { ownPasswordPath, sharedPasswordPath } from '../../local-keys/keystore-directory.ts';
import { findKeystorePaths, type ReadKeystore } from '../../local-keys/read-keystores.ts';
import { importKeys, type TransportKey } from './import-keys.ts';
import { readObsoleteKeys, writeObsoleteKeys } from './obsolete-keys-file.ts';
import { listProtectedKeys } from './protected-keys.ts';
import { findRemoteSignerConfig, remoteSignerConfigPath } from './remote-signer-config-file.ts';
import { removableOf, removeObsoleteKeys, splitKeysOf } from './remove-obsolete-keys.ts';

export interface SetUpRemoteSignerDeps {
  readonly keymanager: KeymanagerClient;
  readonly signer: Pick<SignerClient, 'signExits'>;
  readonly pool: WorkerPool;
  readonly progress: ProgressReporter;
  readonly say: (line: string) => void;
  readonly warn: (message: string) => void;
  /** Throws when the vault's directory is another process' by now. */
  readonly assertHeld: () => void;
  /** Whether the local keystores go; asked when all else is done. */
  readonly confirmRemoval: () => Promise<boolean>;
  /** Takes what is to be said when the work is interrupted from now on. */
  readonly whenInterrupted?: ((kept: string) => void) | undefined;
}

export interface SetUpRemoteSignerOptions {
  readonly vaultDirectory: string;
  readonly network: ExitNetwork;
  readonly keystores: readonly ReadKeystore[];
  /** Null: the validators' own keys are imported, and no shares. */
  readonly oracleSet: OracleSet | null;
  readonly removeExistingKeys: boolean;
  readonly settleMs?: number | undefined;
}

/** What {@link setUpRemoteSigner} would do. */
export interface RemoteSignerPreview {
  readonly validators: number;
  readonly keys: number;
  /** Keys that the signer does not have. */
  readonly importedKeys: number;
  /** Keystores that would be removed, if the user says so. */
  readonly removedKeystores: number;
  /** Keys that would be removed from the signer. */
  readonly removedKeys: number;
  readonly configPath: string;
  readonly isConfigChanged: boolean;
}

export interface SetUpRemoteSignerResult {
  readonly validators: number;
  readonly keys: number;
  readonly importedKeys: number;
  readonly removedKeystores: number;
  readonly removedKeys: number;
  readonly configPath: string;
}

/** Keys proven in one go. */
const PROOF_BATCH = 2_000;

/**
 * Moves the validators' keys, or their shares for the current oracle set, into a remote signer. Every key must be listed
 * by the signer and prove itself with an exit that no chain accepts; only then the configuration is written, and last of
 * all the local keystores go. Killed anywhere, the same command continues: shares of a key and an oracle set are always
 * the same.
 * @throws DifferencesError 'validators-left-out'; ExternalError 'import-failed', 'keys-not-listed' and those of the signer
 */
export async function setUpRemoteSigner(
  deps: SetUpRemoteSignerDeps,
  options: SetUpRemoteSignerOptions,
): Promise<SetUpRemoteSignerResult> {
  const { say } = deps;
  const { vaultDirectory, keystores, oracleSet } = options;
  const { configPath, before, kept, known } = await prepare(deps, options);
  const { keys, validators } = await makeKeys(deps, options);
  try {
    if (oracleSet !== null) {
      say(`Successfully generated ${keys.length} key shares for ${validators.length} private key(s)!`);
    }
    deps.whenInterrupted?.(
      'Keys that the signer has taken already stay there; configuration and local keystores are as they were. Run the same command again: it sends only what the signer lacks.',
    );
    const { imported } = await importKeys(deps, { keys, settleMs: options.settleMs });
    await proveKeys(deps, options, keys);
    const what = oracleSet === null ? 'private keys' : 'key shares';
    say(`Successfully imported ${keys.length} ${what} into remote signer.`);

    const config = { validators: [...kept, ...validators], oracleSet: oracleSetRef(oracleSet) };
    deps.assertHeld();
    const obsolete = await findObsolete(vaultDirectory, before, config);
    deps.whenInterrupted?.(
      `The signer has all keys. ${configPath} is the new one or the old one, and local keystores are still there. Run the same command again: it does what is left.`,
    );
    await writeObsoleteKeys(vaultDirectory, obsolete);
    await writeFileAtomic(configPath, encodeRemoteSignerConfig(config), { mode: PUBLIC_FILE_MODE });
    deps.whenInterrupted?.(
      `The signer has all keys, and ${configPath} names them. Some of the local keystores, or of the signer's obsolete keys, may be removed already: run the same command again for the others.`,
    );
    const removedKeystores = (await deps.confirmRemoval()) ? await removeKeystores(deps, keystores) : 0;
    if (removedKeystores > 0) say('Removed keystores from local filesystem.');
    const protectedKeys = new Set([...known, ...ownKeysOf(config)]);
    const removedKeys = options.removeExistingKeys
      ? await removeObsoleteKeys(deps, { vaultDirectory, protectedKeys, splitBefore: splitKeysOf(before) })
      : 0;
    if (!options.removeExistingKeys && obsolete.size > 0) {
      deps.warn(
        `${obsolete.size} keys of earlier configurations may still be in the signer; --remove-existing-keys removes them.`,
      );
    }
    say(
      `Done. Successfully configured operator to use remote signer for ${validators.length} public key(s)!`,
    );
    return {
      validators: validators.length,
      keys: keys.length,
      importedKeys: imported,
      removedKeystores,
      removedKeys,
      configPath,
    };
  } finally {
    wipe(keys.map(key => key.secretKey));
  }
}

/**
 * Goes as far as {@link setUpRemoteSigner} does without changing signer or files: keystores are opened, and the signer is asked
 * which keys it has.
 * @throws OperatorError as it does before the import
 */
export async function previewRemoteSigner(
  deps: Pick<SetUpRemoteSignerDeps, 'keymanager' | 'pool' | 'progress' | 'say' | 'warn'>,
  options: SetUpRemoteSignerOptions,
): Promise<RemoteSignerPreview> {
  const { vaultDirectory, keystores, oracleSet } = options;
  const { configPath, before, kept, known } = await prepare(deps, options);
  const { keys, validators } = await makeKeys(deps, options);
  wipe(keys.map(key => key.secretKey));
  const config = { validators: [...kept, ...validators], oracleSet: oracleSetRef(oracleSet) };
  const protectedKeys = new Set([...known, ...ownKeysOf(config)]);
  const listed = await deps.keymanager.listKeystores();
  const obsolete = options.removeExistingKeys ? await findObsolete(vaultDirectory, before, config) : [];
  return {
    validators: validators.length,
    keys: keys.length,
    importedKeys: keys.filter(({ publicKey }) => !listed.has(toHex(publicKey))).length,
    removedKeystores: keystores.length,
    removedKeys: removableOf(
      [...obsolete].filter(key => !protectedKeys.has(key)),
      listed,
    ).length,
    configPath,
    isConfigChanged: await isOtherFile(configPath, encodeRemoteSignerConfig(config)),
  };
}

/** Checks and reads all that can be before a key is derived. */
async function prepare(
  { keymanager, warn }: Pick<SetUpRemoteSignerDeps, 'keymanager' | 'warn'>,
  options: SetUpRemoteSignerOptions,
): Promise<{
  readonly configPath: string;
  readonly before: RemoteSignerConfig | undefined;
  readonly kept: RemoteSignerConfig['validators'];
  readonly known: Iterable<Hex>;
}> {
  const { vaultDirectory } = options;
  warnOfClearText(keymanager.url, warn);
  const before = await findRemoteSignerConfig(vaultDirectory);
  const kept = keptValidators(before, options);
  // Read before any of these files goes; what cannot be read stops the run before it has changed anything.
  const known = options.removeExistingKeys ? await listProtectedKeys(vaultDirectory) : [];
  // A signer that is not there, or takes no keys, is told of before hours of key derivation.
  await keymanager.listKeystores();
  return { configPath: remoteSignerConfigPath(vaultDirectory), before, kept, known };
}

async function makeKeys(
  { pool, progress }: Pick<SetUpRemoteSignerDeps, 'pool' | 'progress'>,
  { keystores, oracleSet }: SetUpRemoteSignerOptions,
): Promise<{ keys: TransportKey[]; validators: RemoteSignerConfig['validators'] }> {
  const bar = progress.start('Decrypting keystores\t\t\t', keystores.length, { lanes: pool.size });
  const inputs = keystores.map(({ path, keystore, password }) => ({
    name: path,
    text: JSON.stringify(keystore),
    password,
  }));
  const secretKeys = await pool.decryptKeystores(inputs, () => bar.advance());
  bar.finish();
  const keys: TransportKey[] = [];
  const validators: { publicKey: Uint8Array; shares: Uint8Array[] }[] = [];
  for (const [i, { keystore }] of keystores.entries()) {
    const secretKey = secretKeys[i];
    if (secretKey === undefined) continue;
    const publicKey = fromHex(keystore.pubkey, PUBLIC_KEY_LENGTH);
    if (oracleSet === null) {
      keys.push({ publicKey, secretKey, path: keystore.path });
      validators.push({ publicKey, shares: [] });
      continue;
    }
    const shares = splitSecretKey(secretKey, {
      threshold: oracleSet.threshold,
      count: oracleSet.publicKeys.length,
      coefficients: deriveCoefficients(secretKey, oracleSet.hash),
    }).map((share, index) => ({
      secretKey: share,
      publicKey: publicKeyOf(share),
      path: `share_${toHex(publicKey)}_${index}`,
    }));
    wipe(secretKey);
    for (const share of shares) keys.push(share);
    validators.push({ publicKey, shares: shares.map(share => share.publicKey) });
    // Splitting holds up the thread: Ctrl-C is heard in between.
    await nextTurn();
  }
  return { keys, validators };
}

function warnOfClearText({ socketPath, name }: EndpointUrl, warn: (message: string) => void): void {
  if (socketPath !== undefined) return;
  const { protocol, hostname } = new URL(name);
  const isOwn = hostname === 'localhost' || isPlainLoopback(hostname.replace(/^\[|\]$/g, ''));
  if (protocol !== 'http:' || isOwn) return;
  warn(
    `Private keys and their passwords are sent to ${hostname} in clear text; use https or a private network.`,
  );
}

/** The signer must list every key and sign with it. */
async function proveKeys(
  { keymanager, signer, progress }: SetUpRemoteSignerDeps,
  { network }: SetUpRemoteSignerOptions,
  keys: readonly TransportKey[],
): Promise<void> {
  const listed = await keymanager.listKeystores();
  const missing = keys.filter(key => !listed.has(toHex(key.publicKey)));
  if (missing.length > 0) {
    throw new ExternalError(
      'keys-not-listed',
      `The remote signer lists ${keys.length - missing.length} of ${keys.length} keys after the import; nothing was removed.`,
      { hint: 'Its log says why. Run the command again: keys that arrived are not sent twice.' },
    );
  }
  const bar = progress.start('Proving keys in remote signer\t\t', keys.length);
  for (let from = 0; from < keys.length; from += PROOF_BATCH) {
    const requests = keys
      .slice(from, from + PROOF_BATCH)
      .map(({ publicKey }) => ({ ...EXIT_PROOF, network, publicKey }));
    await signer.signExits(requests, { verify: 'batch', onSigned: () => bar.advance() });
  }
  bar.finish();
}

/** Validators of the configuration without a keystore here: they stay when their shares are of the same oracle set. */
function keptValidators(
  before: RemoteSignerConfig | undefined,
  { keystores, oracleSet, vaultDirectory }: SetUpRemoteSignerOptions,
): RemoteSignerConfig['validators'] {
  const here = new Set(keystores.map(({ keystore }) => keystore.pubkey));
  const others = (before?.validators ?? []).filter(({ publicKey }) => !here.has(toHex(publicKey).slice(2)));
  const isSame =
    oracleSet === null
      ? before?.oracleSet === undefined && others.every(({ shares }) => shares.length === 0)
      : before?.oracleSet !== undefined && equalBytes(before.oracleSet.configHash, oracleSet.hash);
  if (others.length === 0 || isSame) return others;
  throw new DifferencesError(
    'validators-left-out',
    `${remoteSignerConfigPath(vaultDirectory)} has shares of another oracle set for ${others.length} validators without a keystore here, the first ${nameList(others.map(({ publicKey }) => toHex(publicKey)))}.`,
    {
      hint: 'Bring their keystores back first ("create-keys" with mnemonic_next_index 0, or "recover"), or move the file away to leave them out.',
    },
  );
}

async function findObsolete(
  vaultDirectory: string,
  before: RemoteSignerConfig | undefined,
  config: RemoteSignerConfig,
): Promise<ReadonlySet<Hex>> {
  // A validator's own key is never obsolete, though a configuration names it as a share: of oracles with a threshold of 1.
  const needed = new Set([
    ...sharesOf(config),
    ...ownKeysOf(config),
    ...(before === undefined ? [] : ownKeysOf(before)),
  ]);
  const earlier = [
    ...(await readObsoleteKeys(vaultDirectory)),
    ...(before === undefined ? [] : sharesOf(before)),
  ];
  return new Set(earlier.filter(key => !needed.has(key)));
}

/** Shares only: a validator's own key in the signer is what its validator client works with. */
function sharesOf({ validators }: RemoteSignerConfig): Hex[] {
  return validators.flatMap(({ shares }) => shares.map(toHex));
}

function ownKeysOf({ validators }: RemoteSignerConfig): Hex[] {
  return validators.map(({ publicKey }) => toHex(publicKey));
}

/**
 * Removes what was read: keystores first, so that no password goes before what it opens; and a common password only when
 * no keystore is left that it may open.
 */
async function removeKeystores(
  { warn, assertHeld }: SetUpRemoteSignerDeps,
  keystores: readonly ReadKeystore[],
): Promise<number> {
  // Somebody may have taken long to answer.
  assertHeld();
  const remove = (path: string) =>
    unlink(path).catch((error: unknown) => {
      const failure = asFileError(error, path, 'write');
      if (failure.code !== 'file-missing') throw failure;
    });
  for (const { path } of keystores) await remove(path);
  for (const { path } of keystores) await remove(ownPasswordPath(path));
  const directories = new Set(keystores.map(({ path }) => dirname(path)));
  for (const directory of directories) {
    const left = await findKeystorePaths(directory);
    if (left.length === 0) await remove(sharedPasswordPath(directory));
    else
      warn(
        `The password file of ${directory} stays: ${left.length} keystores are left, such as ${nameList(left)}.`,
      );
  }
  for (const directory of directories) await syncDirectoryEntry(directory);
  return keystores.length;
}

function oracleSetRef(set: OracleSet | null): OracleSetRef | undefined {
  return set === null
    ? undefined
    : { configHash: set.hash, ipfsHash: set.configIpfsHash, threshold: set.threshold };
}
