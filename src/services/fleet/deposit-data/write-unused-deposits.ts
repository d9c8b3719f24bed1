import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type DepositDataEntry, formatDepositData } from '../../../domain/consensus/deposit-data.ts';
import { depositListOf } from '../../../domain/consensus/deposit-list.ts';
import { DEPOSIT_KEYS } from '../../../domain/fleet/written-keys.ts';
import { type Hex, toHex } from '../../../lib/bytes.ts';
import { DifferencesError, OperatorError } from '../../../lib/errors.ts';
import {
  directoryModeOf,
  ensureDirectory,
  isOtherFile,
  PUBLIC_FILE_MODE,
  readFileBytes,
  writeFileAtomic,
  writeIfChanged,
} from '../../../lib/files.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { countOf } from '../../../lib/plural.ts';
import type { ProgressReporter } from '../../../lib/progress.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import type { WorkerPool } from '../../../workers/pool.ts';
import type { DepositDataFile } from '../../local-keys/deposit-data-file.ts';
import type { KeystoreLocation } from '../../local-keys/read-keystores.ts';
import { startDepositCheck } from '../../remote-db/check-deposit-data.ts';
import type { VaultRef } from '../../remote-db/unlock-vault.ts';
import { readKeysOfFile } from '../keys-of-file.ts';
import { listKeystoreKeys, signKeystoreDeposits } from './sign-keystore-deposits.ts';
import { uniteDeposits } from './unite-deposits.ts';

export interface WriteUnusedDepositsDeps {
  readonly pool: WorkerPool;
  readonly progress: ProgressReporter;
  readonly warn: (line: string) => void;
  /** Which of these keys a deposit has used. */
  readonly findUsedKeys: (publicKeys: RecordTable) => Promise<RecordTable>;
  /** Whether the signer can sign with a key; undefined without a signer. */
  readonly isAtHand: ((publicKey: Uint8Array) => boolean) | undefined;
  /** Throws when a directory that is written to is another process' by now. */
  readonly assertHeld: () => void;
  /** Takes what is to be said when the work is interrupted from now on. */
  readonly whenInterrupted?: ((kept: string) => void) | undefined;
}

export interface WriteUnusedDepositsOptions {
  readonly ref: VaultRef;
  /** Where entries come from, see `uniteDeposits`. */
  readonly sources: readonly DepositDataFile[];
  /** Keys of these keystores that no source names are signed. */
  readonly keystores: KeystoreLocation;
  /** Validators that the remote database has; none without one. */
  readonly storedKeys: RecordTable;
  readonly outputFile: string;
  /** Replaces the file also when it has entries that no deposit has used and that are not among the new ones. */
  readonly force: boolean;
  /** Makes the deposit data, and writes nothing. */
  readonly check?: boolean | undefined;
}

export interface UnusedDeposits {
  /** Root of the new deposit data, 32 bytes. */
  readonly root: Hex;
  readonly validators: number;
  /** How many keys a deposit has used, so that they are left out. */
  readonly used: number;
  /** How many entries were signed with keystores. */
  readonly signed: number;
  /** How many entries are left out, since the signer does not have their keys. */
  readonly notAtHand: number;
  /** Where the deposit data is that stood in the file before; undefined when none was replaced. */
  readonly previousFile: string | undefined;
  /** How the entries differ from those that stand in the file, of a `check` alone. */
  readonly changes?:
    | {
        readonly added: number;
        readonly removed: number;
        /** Whether the file would have other bytes. */
        readonly isChanged: boolean;
      }
    | undefined;
}

/**
 * Writes the deposit data of all keys that no deposit has used, in their order: what a vault needs to grow, since its contract begins
 * again at the first entry of each new deposit data. Each signature is verified. What stood in the file before is kept beside it.
 * @throws OperatorError 'no-unused-keys', those of the deposit check and of keystores; DifferencesError 'deposit-data-entries-lost'.
 *   Nothing is written then
 */
export async function writeUnusedDeposits(
  deps: WriteUnusedDepositsDeps,
  options: WriteUnusedDepositsOptions,
): Promise<UnusedDeposits> {
  const { ref, sources, outputFile } = options;
  const entries = uniteDeposits(sources);
  const named = tableOf(entries);
  const present = await readKeysOfFile(outputFile, DEPOSIT_KEYS);
  const inKeystores = await listKeystoreKeys(options.keystores, deps.warn);
  const asked = unionOf([named, inKeystores, options.storedKeys, present]);
  const usedKeys = await deps.findUsedKeys(asked);
  const isOpen = (publicKey: Uint8Array) => !usedKeys.has(publicKey);

  const unsigned = filterKeys(inKeystores, publicKey => isOpen(publicKey) && !named.has(publicKey));
  const signed = await signKeystoreDeposits(deps, { ...options, publicKeys: unsigned });
  const open = [...entries.filter(({ publicKey }) => isOpen(publicKey)), ...signed];
  const { isAtHand = () => true } = deps;
  const wanted = open.filter(({ publicKey }) => isAtHand(publicKey));
  const notAtHand = open.length - wanted.length;
  if (notAtHand > 0) {
    deps.warn(`Left out, since the signer does not have the key: ${countOf(notAtHand, 'entry', 'entries')}.`);
  }
  const wantedKeys = tableOf(wanted);
  const openKeys = tableOf(open);
  warnOfUnnamed(deps, options, publicKey => isOpen(publicKey) && !openKeys.has(publicKey));
  const facts = { used: usedKeys.length, signed: signed.length, notAtHand };
  if (wanted.length === 0) throw noUnusedKeys(options, facts);

  const names = sources.map(({ path }) => path).join(' and ');
  const list = depositListOf({ path: names === '' ? outputFile : names, entries: wanted });
  using check = startDepositCheck(deps.pool, ref, { list, provenRoot: undefined });
  const root = toHex(await check.rootOf(null));
  if (!options.force) {
    refuseLost(
      outputFile,
      filterKeys(present, publicKey => isOpen(publicKey) && !wantedKeys.has(publicKey)),
    );
  }
  const text = formatDepositData(wanted);
  const written = { ...facts, root, validators: wanted.length };
  if (options.check) {
    const changes = {
      added: filterKeys(wantedKeys, publicKey => !present.has(publicKey)).length,
      removed: filterKeys(present, publicKey => !wantedKeys.has(publicKey)).length,
      isChanged: await isOtherFile(outputFile, text),
    };
    return { ...written, previousFile: undefined, changes };
  }
  deps.assertHeld();
  deps.whenInterrupted?.(
    `${outputFile} is the old one or the new one; the old one may be beside it. Run the same command again.`,
  );
  return { ...written, previousFile: await replaceFile(outputFile, text, present.length > 0) };
}

/** Keys of the database for which there is no signed deposit here: whoever has their keystores can sign it. */
function warnOfUnnamed(
  { warn }: WriteUnusedDepositsDeps,
  { storedKeys }: WriteUnusedDepositsOptions,
  isLeftOut: (publicKey: Uint8Array) => boolean,
): void {
  const { length } = filterKeys(storedKeys, isLeftOut);
  if (length > 0) {
    warn(
      `Left out, since there is neither an entry nor a keystore: ${countOf(length, 'key')} of the remote db that no deposit has used. Name the deposit data that has such entries with --deposit-data-file, or the keystores with --keystores-dir.`,
    );
  }
}

function noUnusedKeys(
  { ref, sources }: WriteUnusedDepositsOptions,
  { used, notAtHand }: Pick<UnusedDeposits, 'used' | 'notAtHand'>,
): OperatorError {
  const found = used > 0 ? `${countOf(used, 'key')} found, each with a deposit` : 'no key found';
  const missing = notAtHand > 0 ? `, and ${countOf(notAtHand, 'key')} that the signer does not have` : '';
  const where = sources.map(({ path }) => path).join(' and ');
  return new OperatorError(
    'no-unused-keys',
    `There is no key of vault ${ref.address} that no deposit has used${where === '' ? '' : ` in ${where}`}: ${found}${missing}. Nothing was written.`,
    {
      hint: 'Make more keys with "create-keys", or name the deposit data that has their entries with --deposit-data-file.',
    },
  );
}

function refuseLost(path: string, lost: RecordTable): void {
  if (lost.length === 0) return;
  throw new DifferencesError(
    'deposit-data-entries-lost',
    `${path} has entries of ${countOf(lost.length, 'key')} that no deposit has used and that the new deposit data would not have, such as ${toHex(lost.at(0))}. Nothing was changed.`,
    {
      hint: 'Name that file with --deposit-data-file, too, or another one with --output-file. If these keys are of no use, repeat with --force.',
    },
  );
}

/**
 * Writes the file.
 * @param isDepositData - whether what is there is worth to be kept
 * @returns where its content of before is, unless there was none or it was the same
 */
async function replaceFile(path: string, text: string, isDepositData: boolean): Promise<string | undefined> {
  await ensureDirectory(dirname(path), { mode: directoryModeOf(PUBLIC_FILE_MODE) });
  const before = existsSync(path) ? await readFileBytes(path) : undefined;
  if (before?.equals(Buffer.from(text))) return undefined;
  let previous: string | undefined;
  if (before !== undefined && isDepositData) {
    const digest = createHash('sha256').update(before).digest('hex');
    previous = join(dirname(path), `${basename(path, '.json')}-before-${digest.slice(0, 8)}.json`);
    await writeIfChanged(previous, before, { mode: PUBLIC_FILE_MODE });
  }
  await writeFileAtomic(path, text, { mode: PUBLIC_FILE_MODE });
  return previous;
}

function tableOf(entries: readonly DepositDataEntry[]): RecordTable {
  const publicKeys = Iterator.from(entries).map(({ publicKey }) => publicKey);
  return RecordTable.from(publicKeys, PUBLIC_KEY_LENGTH);
}

function unionOf(tables: readonly RecordTable[]): RecordTable {
  const union = new RecordTable(PUBLIC_KEY_LENGTH);
  for (const table of tables) for (const publicKey of table) union.add(publicKey);
  return union;
}

function filterKeys(table: RecordTable, isWanted: (publicKey: Uint8Array) => boolean): RecordTable {
  return RecordTable.from(Iterator.from(table).filter(isWanted), PUBLIC_KEY_LENGTH);
}
