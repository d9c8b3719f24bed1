import { appendAuditEntry } from '../../db/audit-log.ts';
import type { Database } from '../../db/database.ts';
import { listPendingMigrations, listSchemaSteps, migrateDatabase } from '../../db/migrator.ts';
import {
  countKeypairs,
  findVaultFacts,
  insertVault,
  replaceDataKey,
  type VaultFacts,
} from '../../db/vaults.ts';
import {
  generateDataKey,
  generateEncryptionKey,
  parseEncryptionKey,
  wrapDataKey,
} from '../../domain/keys/envelope.ts';
import { computeManifestMac } from '../../domain/keys/manifest.ts';
import { wipe } from '../../lib/bytes.ts';
import { DifferencesError, OperatorError } from '../../lib/errors.ts';
import { createFileExclusive } from '../../lib/files.ts';
import { readSecretFile } from '../../lib/secret.ts';
import { auditActor } from './audit-actor.ts';
import { findVaultSigner, openVaultSigner, storeFreshKey } from './statements/vault-signing-key.ts';
import { unlockVault } from './unlock-vault.ts';
import { requireVault, type VaultRef, vaultContext } from './vault-ref.ts';

export interface SetupVaultOptions {
  readonly ref: VaultRef;
  readonly programVersion: string;
  /** An encryption key that exists already; a fresh one when left out. */
  readonly encryptKey?: string | undefined;
  /** File to create with a fresh encryption key, or to read one from. */
  readonly encryptKeyFile?: string | undefined;
  /** A vault that is set up is left alone, and its key checked. */
  readonly ifNeeded: boolean;
  /** A vault without keypairs gets another key in place of the one that it has. */
  readonly replaceKey?: boolean | undefined;
}

export interface SetupVaultResult {
  readonly migrations: readonly string[];
  readonly created: boolean;
  /** The fresh key, only when one was made and written to no file: it is shown once. */
  readonly encryptionKey: string | undefined;
  /** File that a fresh key was written to. */
  readonly keyFile: string | undefined;
  /** The key that signs the vault's facts, 32 bytes; undefined when it has none or the encryption key is not at hand. */
  readonly verifyingKey: Uint8Array | undefined;
}

/**
 * Migrates the database and gives the vault its encryption key.
 * @throws OperatorError 'remote-db-not-empty' when the vault has keypairs; 'invalid-encryption-key' with `ifNeeded` when
 *   the vault is set up with another key; DifferencesError 'vault-has-key' when it has one that is not to be replaced
 */
export async function setupVault(database: Database, options: SetupVaultOptions): Promise<SetupVaultResult> {
  const givenKey = await readGivenKey(options);
  const migrations = await migrateDatabase(database, options);
  const stored = await findVaultFacts(database, {
    network: options.ref.network.name,
    address: vaultContext(options.ref).vault,
  });
  if (stored !== undefined && options.ifNeeded) {
    const verifyingKey = await checkKey(database, options, givenKey);
    return { migrations, created: false, encryptionKey: undefined, keyFile: undefined, verifyingKey };
  }
  if (stored !== undefined) await refuseSetUp(database, options, stored);
  const key = await provideKey(options, givenKey);
  await storeVault(database, options.ref, stored, key.text);
  const verifyingKey = await storeSigningKey(database, options.ref, key.text);
  await appendAuditEntry(database, {
    actor: auditActor(),
    command: 'remote-db setup',
    network: options.ref.network.name,
    vault: vaultContext(options.ref).vault,
    counts: { migrations: migrations.length },
  });
  return {
    migrations,
    created: true,
    encryptionKey: key.isFresh && options.encryptKeyFile === undefined ? key.text : undefined,
    keyFile: key.isFresh ? options.encryptKeyFile : undefined,
    verifyingKey,
  };
}

export interface SetupVaultPreview {
  /** Migrations that would run. */
  readonly migrations: readonly string[];
  /** Whether the vault would get an encryption key; undefined where its row can be read only after the migrations. */
  readonly created: boolean | undefined;
  /** File that a fresh key would be written to. */
  readonly keyFile: string | undefined;
}

/** What {@link setupVault} would do. Changes nothing. @throws OperatorError as it does */
export async function previewSetup(
  database: Database,
  options: SetupVaultOptions,
): Promise<SetupVaultPreview> {
  const givenKey = await readGivenKey(options);
  const migrations = await listPendingMigrations(database, options);
  const keyFile = givenKey === undefined ? options.encryptKeyFile : undefined;
  if (migrations.length > 0) {
    const steps = await listSchemaSteps(database);
    const isEmpty = steps === undefined || steps.length === 0;
    return { migrations, created: isEmpty || undefined, keyFile: isEmpty ? keyFile : undefined };
  }
  const stored = await findVaultFacts(database, {
    network: options.ref.network.name,
    address: vaultContext(options.ref).vault,
  });
  if (stored === undefined) return { migrations, created: true, keyFile };
  if (options.ifNeeded) {
    await checkKey(database, options, givenKey);
    return { migrations, created: false, keyFile: undefined };
  }
  await refuseSetUp(database, options, stored);
  return { migrations, created: true, keyFile };
}

/** Refuses to give another key to a vault that has keypairs, or whose key is not to be replaced. */
async function refuseSetUp(
  database: Database,
  { ref, replaceKey }: SetupVaultOptions,
  stored: VaultFacts,
): Promise<void> {
  await requireVault(database, ref);
  await refuseKeypairs(database, stored);
  if (!replaceKey) throw keyKept(stored, ref);
}

async function storeSigningKey(database: Database, ref: VaultRef, encryptKey: string): Promise<Uint8Array> {
  using unlocked = await unlockVault(database, ref, encryptKey);
  const vaultSigner = await openVaultSigner(database, unlocked);
  await storeFreshKey(database, unlocked.vault.vaultId, vaultSigner);
  return vaultSigner.signer.verifyingKey;
}

/** The key that there is already. Read once, as it may be a pipe, and refused before anything is changed, tables included. */
async function readGivenKey({ encryptKey, encryptKeyFile }: SetupVaultOptions): Promise<string | undefined> {
  const text =
    encryptKey ?? (encryptKeyFile === undefined ? undefined : await readKeyIfThere(encryptKeyFile));
  if (text !== undefined) wipe(parseEncryptionKey(text));
  return text;
}

async function checkKey(
  database: Database,
  { ref, encryptKeyFile }: SetupVaultOptions,
  givenKey: string | undefined,
): Promise<Uint8Array | undefined> {
  if (givenKey === undefined) {
    // Nothing to compare with: the vault is there, and that is all that was asked.
    if (encryptKeyFile === undefined) {
      await requireVault(database, ref);
      return undefined;
    }
    throw new OperatorError(
      'encryption-key-missing',
      `The vault ${ref.address} is set up already, and ${encryptKeyFile} with its encryption key does not exist.`,
      { hint: 'Bring the key file back, or run "remote-db cleanup" if the vault has no keys of worth.' },
    );
  }
  using unlocked = await unlockVault(database, ref, givenKey);
  return (await findVaultSigner(database, unlocked))?.verifyingKey;
}

/** A fresh key is on disk before the database knows it: the other way round it could be lost. */
async function provideKey(
  { encryptKeyFile }: SetupVaultOptions,
  givenKey: string | undefined,
): Promise<{ text: string; isFresh: boolean }> {
  if (givenKey !== undefined) return { text: givenKey, isFresh: false };
  const text = generateEncryptionKey();
  if (encryptKeyFile !== undefined) await createFileExclusive(encryptKeyFile, `${text}\n`);
  return { text, isFresh: true };
}

async function readKeyIfThere(path: string): Promise<string | undefined> {
  try {
    return (await readSecretFile(path)).value.trim();
  } catch (error) {
    if (error instanceof OperatorError && error.code === 'file-missing') return undefined;
    throw error;
  }
}

async function refuseKeypairs(database: Database, vault: VaultFacts): Promise<void> {
  if ((await countKeypairs(database, vault.vaultId)) > 0) throw notEmpty();
}

async function storeVault(
  database: Database,
  ref: VaultRef,
  stored: VaultFacts | undefined,
  encryptKey: string,
): Promise<void> {
  const encryptionKey = parseEncryptionKey(encryptKey);
  const dataKey = generateDataKey();
  try {
    const context = vaultContext(ref);
    const manifestMac = computeManifestMac(encryptionKey, context, {
      counter: 0n,
      depositDataRoot: null,
      entries: [],
    });
    if (stored === undefined) {
      const wrapped = wrapDataKey(encryptionKey, { ...context, dataKeyId: 1 }, dataKey);
      const identity = { network: ref.network.name, address: context.vault, chainId: ref.network.chainId };
      const { inserted } = await insertVault(database, { ...identity, dataKey: wrapped, manifestMac });
      if (!inserted) throw setUpMeanwhile(ref);
      return;
    }
    const wrapped = wrapDataKey(encryptionKey, { ...context, dataKeyId: stored.dataKeyId + 1 }, dataKey);
    if (
      (await replaceDataKey(database, { vaultId: stored.vaultId, dataKey: wrapped, manifestMac })) ===
      undefined
    ) {
      throw notEmpty();
    }
  } finally {
    wipe([encryptionKey, dataKey]);
  }
}

/** Whoever runs the command twice has the first key in a safe place, and would find out late that it opens nothing. */
function keyKept({ createdAt }: VaultFacts, { address }: VaultRef): DifferencesError {
  return new DifferencesError(
    'vault-has-key',
    `The vault ${address} was set up on ${createdAt.toISOString()} and has an encryption key already, which it keeps.`,
    {
      hint: 'Use that key; with --if-needed this command checks it and exits with 0. If it was lost, --replace-key makes another one: no key is sealed under the old one yet.',
    },
  );
}

function setUpMeanwhile(ref: VaultRef): OperatorError {
  return new OperatorError(
    'vault-set-up-meanwhile',
    `The vault ${ref.address} was set up by another process just now.`,
    {
      hint: 'Use the encryption key that the other process made.',
    },
  );
}

function notEmpty(): OperatorError {
  return new OperatorError(
    'remote-db-not-empty',
    'the remote database is not empty. Please clean up with "cleanup" command first.',
  );
}
