import { type Hex, toHex } from '../../lib/bytes.ts';

// By their form, wherever they stand: files of other generators, with other templates, or cut off in the middle tell what
// they tell.
const KEY_IN_CLIENT_FILE = /(?<![0-9a-zA-Z])0x([0-9a-fA-F]{96})(?![0-9a-zA-Z])/g;
const KEY_WITH_SHARES = /"0x([0-9a-fA-F]{96})"\s*:/g;
const KEY_OF_DEPOSIT = /"pubkey"\s*:\s*"(?:0x)?([0-9a-fA-F]{96})"/g;

/** Public keys that a file of Lighthouse, Teku or Prysm names; none in a text that is no such file. */
export function readClientKeys(text: string): Set<Hex> {
  return find(text, KEY_IN_CLIENT_FILE);
}

/** Validators that a `remote_signer_config.json` names; none in a text that is none. */
export function readConfiguredKeys(text: string): Set<Hex> {
  return find(text, KEY_WITH_SHARES);
}

/** Validators that a `deposit_data.json` names; none in a text that is none. */
export function readDepositKeys(text: string): Set<Hex> {
  return find(text, KEY_OF_DEPOSIT);
}

/** Keys that are there and not wanted any more. */
export function findRemoved(present: ReadonlySet<Hex>, wanted: Iterable<Uint8Array>): Hex[] {
  if (present.size === 0) return [];
  const kept = new Set(Array.from(wanted, toHex));
  return [...present].filter(key => !kept.has(key));
}

function find(text: string, pattern: RegExp): Set<Hex> {
  return new Set(Array.from(text.matchAll(pattern), ([, digits = '']): Hex => `0x${digits.toLowerCase()}`));
}
