import { toHex } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { parseJson } from '../../lib/json.ts';
import { HASH_LENGTH, PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH } from '../../lib/lengths.ts';
import { sayTooBig, sayTooSmall, sayWrongType } from '../../lib/match-schema.ts';
import { formatPythonJson } from '../../lib/python-json.ts';
import type { DepositEntry } from './deposit.ts';

/** One member of a deposit_data.json. Only key and signature are believed; roots are computed again where they count. */
export interface DepositDataEntry extends DepositEntry {
  /** The member as it stands in the file, to be written again unchanged. */
  readonly json: Readonly<Record<string, unknown>>;
}

/**
 * Reads a deposit_data.json; hex may have 0x or not. Checked by hand, not by a schema: a schema makes each entry anew, and is
 * loaded longer than it takes to read a thousand of them.
 * @param name - how errors call it, such as its path
 * @throws OperatorError 'deposit-data-not-json' or 'deposit-data-invalid'
 */
export function parseDepositData(text: string, name = 'deposit data'): DepositDataEntry[] {
  const json = parseJson(text);
  if (json === undefined) throw new OperatorError('deposit-data-not-json', `${name} is not JSON.`);
  if (!Array.isArray(json)) throw invalid(name, ['the document', sayWrongType('array', json)]);
  const entries = json.map((entry: unknown, place) => requireEntry(entry, place, name));
  // Flat: arrays of their own for each entry take twice what is in them.
  const publicKeys = Buffer.alloc(entries.length * PUBLIC_KEY_LENGTH);
  const signatures = Buffer.alloc(entries.length * SIGNATURE_LENGTH);
  return entries.map((entry, place) => ({
    publicKey: readHex(entry.pubkey, publicKeys, place * PUBLIC_KEY_LENGTH, PUBLIC_KEY_LENGTH),
    signature: readHex(entry.signature, signatures, place * SIGNATURE_LENGTH, SIGNATURE_LENGTH),
    json: entry,
  }));
}

/** The text of a deposit_data.json, byte for byte as the staking deposit CLI writes it. */
export function formatDepositData(entries: readonly DepositDataEntry[]): string {
  return formatPythonJson(entries.map(entry => entry.json));
}

/** @throws OperatorError 'deposit-data-duplicate' when a public key stands twice in deposit data */
export function assertUniqueDeposits(entries: readonly DepositDataEntry[], name = 'deposit data'): void {
  const seen = new Set<string>();
  for (const { publicKey } of entries) {
    const key = toHex(publicKey);
    if (seen.has(key)) throw depositDuplicate(publicKey, name);
    seen.add(key);
  }
}

export function depositDuplicate(publicKey: Uint8Array, name: string): OperatorError {
  return new OperatorError('deposit-data-duplicate', `${name} names public key ${toHex(publicKey)} twice.`);
}

/** The members of an entry that are looked at; the others are written again as they are. */
interface EntryMembers extends Readonly<Record<string, unknown>> {
  readonly pubkey: string;
  readonly signature: string;
}

function requireEntry(entry: unknown, place: number, name: string): EntryMembers {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
    throw invalid(name, [place, sayWrongType('object', entry)]);
  const members = entry as EntryMembers;
  for (const { member, isRequired, findFault } of MEMBERS) {
    const value = members[member];
    const fault = value === undefined && !isRequired ? undefined : findFault(value);
    if (fault !== undefined) throw invalid(name, [place, member, fault]);
  }
  return members;
}

/** Members in the order in which they are checked; faults are told in the words in which schemas tell those of other documents. */
const MEMBERS: readonly {
  readonly member: string;
  readonly isRequired?: boolean;
  readonly findFault: (value: unknown) => string | undefined;
}[] = [
  { member: 'pubkey', isRequired: true, findFault: hexOf(PUBLIC_KEY_LENGTH) },
  { member: 'signature', isRequired: true, findFault: hexOf(SIGNATURE_LENGTH) },
  { member: 'withdrawal_credentials', findFault: hexOf(HASH_LENGTH) },
  { member: 'amount', findFault: wholePositive },
  { member: 'deposit_message_root', findFault: hexOf(HASH_LENGTH) },
  { member: 'deposit_data_root', findFault: hexOf(HASH_LENGTH) },
  { member: 'fork_version', findFault: hexOf(4) },
  { member: 'network_name', findFault: anyText },
];

function hexOf(bytes: number): (value: unknown) => string | undefined {
  const pattern = new RegExp(`^(?:0x)?[0-9a-f]{${2 * bytes}}$`, 'i');
  return value => {
    if (typeof value !== 'string') return anyText(value);
    return pattern.test(value) ? undefined : `is not ${bytes} bytes of hex`;
  };
}

function wholePositive(value: unknown): string | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return sayWrongType('number', value);
  if (!Number.isInteger(value)) return sayWrongType('int', value);
  if (value > Number.MAX_SAFE_INTEGER) return sayTooBig('int', Number.MAX_SAFE_INTEGER);
  if (value < Number.MIN_SAFE_INTEGER) return sayTooSmall('int', Number.MIN_SAFE_INTEGER);
  return value > 0 ? undefined : sayTooSmall('number', 0, false);
}

function anyText(value: unknown): string | undefined {
  return typeof value === 'string' ? undefined : sayWrongType('string', value);
}

function invalid(name: string, parts: readonly (string | number)[]): OperatorError {
  return new OperatorError('deposit-data-invalid', `${name} is not deposit data: ${parts.join(': ')}`);
}

/** Writes the bytes of a hex text to their place among others. @returns those bytes, as a view */
function readHex(text: string, into: Buffer, offset: number, length: number): Uint8Array {
  into.write(/^0x/i.test(text) ? text.slice(2) : text, offset, 'hex');
  return new Uint8Array(into.buffer, into.byteOffset + offset, length);
}
