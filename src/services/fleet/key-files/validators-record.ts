import { createHash } from 'node:crypto';
import type { KeyFileOwner } from '../../../domain/fleet/web3signer-key-file.ts';
import { concatBytes, toHex } from '../../../lib/bytes.ts';
import type { HeldDirectory } from '../../../lib/held-directory.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { RecordTable, sortRecords } from '../../../lib/record-table.ts';

/**
 * Which validators' keys a directory has had, by its own word. A signer's slashing protection remembers keys that were gone
 * and are back, and the files themselves do not tell a validator's key from a share. It is a memory, and proves nothing.
 */
export interface ValidatorsRecord {
  /** SHA-256 in hex by name, of the files that were written with it. */
  readonly files: ReadonlyMap<string, string>;
  /** Validators whose keys these files hold. */
  readonly here: RecordTable;
  /** Validators whose keys were in files before. */
  readonly gone: RecordTable;
}

/** Name of the record of a vault's validators; a dot file, which Web3Signer skips. */
export function validatorsRecordName({ network, vault }: KeyFileOwner): string {
  return `.${network}-${vault.toLowerCase()}.validators`;
}

/** The record of a directory; undefined when there is none, or somebody else has made something else of it. */
export async function readValidatorsRecord(
  directory: HeldDirectory | undefined,
  owner: KeyFileOwner,
): Promise<ValidatorsRecord | undefined> {
  const entry = (await directory?.read(validatorsRecordName(owner))) ?? 'missing';
  if (typeof entry === 'string') return undefined;
  const files = new Map<string, string>();
  const tables = { here: new RecordTable(PUBLIC_KEY_LENGTH), gone: new RecordTable(PUBLIC_KEY_LENGTH) };
  for (const line of linesOf(entry.content)) {
    const [, hash, name] = /^file ([0-9a-f]{64}) (.+)$/.exec(line) ?? [];
    if (hash !== undefined && name !== undefined) files.set(name, hash);
    const [, state, digits] = /^(here|gone) 0x([0-9a-f]{96})$/.exec(line) ?? [];
    if (state === 'here' || state === 'gone') tables[state].add(Buffer.from(digits ?? '', 'hex'));
  }
  return { files, ...tables };
}

/** One by one: a list of the lines of 150,000 validators takes several times what the file does. */
function* linesOf(content: Buffer): Generator<string, void, undefined> {
  for (let start = 0; start < content.length; ) {
    const newline = content.indexOf('\n', start);
    const end = newline < 0 ? content.length : newline;
    yield content.toString('utf8', start, end);
    start = end + 1;
  }
}

/**
 * The record's text after a run, in bytes: its lines in order.
 * @param before - as it was; its validators that are not here any more are gone
 * @param now - SHA-256 of the files by name, and the validators whose keys they hold
 */
export function formatValidatorsRecord(
  before: ValidatorsRecord | undefined,
  now: { readonly files: ReadonlyMap<string, Uint8Array>; readonly here: RecordTable },
): Uint8Array {
  const files = Array.from(now.files, ([name, hash]) => `file ${toHex(hash).slice(2)} ${name}\n`).sort();
  const gone = new RecordTable(PUBLIC_KEY_LENGTH);
  for (const table of before === undefined ? [] : [before.here, before.gone])
    for (const publicKey of table) if (!now.here.has(publicKey)) gone.add(publicKey);
  return concatBytes([Buffer.from(files.join('')), formatTable('gone', gone), formatTable('here', now.here)]);
}

function formatTable(state: 'here' | 'gone', table: RecordTable): Uint8Array {
  const sorted = sortRecords(table.flat(), PUBLIC_KEY_LENGTH);
  const lineLength = `${state} 0x\n`.length + 2 * PUBLIC_KEY_LENGTH;
  const lines = Buffer.alloc(table.length * lineLength);
  for (let place = 0; place < table.length; place++) {
    const publicKey = sorted.subarray(place * PUBLIC_KEY_LENGTH, (place + 1) * PUBLIC_KEY_LENGTH);
    lines.write(`${state} ${toHex(publicKey)}\n`, place * lineLength, 'latin1');
  }
  return lines;
}

/** Whether a file is one that was written with the record. */
export function isRecordedFile(
  record: ValidatorsRecord | undefined,
  name: string,
  content: Uint8Array,
): boolean {
  const hash = record?.files.get(name);
  return hash !== undefined && hash === createHash('sha256').update(content).digest('hex');
}
