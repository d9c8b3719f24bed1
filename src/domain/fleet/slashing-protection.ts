import { nameList } from '../../lib/name-list.ts';

// What Web3Signer's slashing protection makes of key files that come and go: version 26.4.1 and later disable a validator
// whose key is gone at a reload, for every signer of the database, and nothing but a human or the key manager enables it.

/** How a disabled validator signs again. */
export const WAY_BACK =
  "once no other signer has the key, run UPDATE validators SET enabled = true WHERE public_key = '\\x<hex of the key>' in the slashing protection database";

/** What is said of wanted validators that slashing protection calls disabled. @param publicKeys - in hex */
export function keysDisabled(publicKeys: readonly string[]): string {
  const whose =
    publicKeys.length === 1
      ? '1 validator whose key Web3Signer is to have is disabled'
      : `${publicKeys.length} validators whose keys Web3Signer is to have are disabled`;
  return `${whose} in its slashing protection database, so that it refuses blocks and attestations (412): ${nameList(publicKeys)}.`;
}

export interface KeyFilesRun {
  readonly directory: string;
  /** Whether nothing is written. */
  readonly check: boolean;
}

/** What is said before keys of validators are removed from a signer's directory. @param publicKeys - in hex */
export function keysGo(publicKeys: readonly string[], { directory, check }: KeyFilesRun): string {
  const isOne = publicKeys.length === 1;
  const removed = `${isOne ? 'is' : 'are'} removed`;
  return (
    `${keysOf(publicKeys)} ${check ? 'would be removed' : removed} from ${directory}, since the database has ${isOne ? 'it' : 'them'} no more: ${nameList(publicKeys)}. ` +
    `When Web3Signer (26.4.1 or later) reloads without ${isOne ? 'it, it disables that validator' : 'them, it disables those validators'} in its slashing protection database, ` +
    'which lasts when the keys come back: exits are signed, blocks and attestations are refused (412).'
  );
}

/** What is said before keys of retired validators are removed from a signer's directory. @param publicKeys - in hex */
export function retiredKeysGo(publicKeys: readonly string[], { directory, check }: KeyFilesRun): string {
  const isOne = publicKeys.length === 1;
  const removed = `${isOne ? 'is' : 'are'} removed`;
  return `${keysOf(publicKeys)} ${check ? 'would be removed' : removed} from ${directory}, since the validator${isOne ? ' has' : 's have'} exited and "remote-db prune" has retired ${isOne ? 'it' : 'them'}: ${nameList(publicKeys)}.`;
}

/** What is said when keys of validators are back that a directory had before. @param publicKeys - in hex */
export function keysComeBack(publicKeys: readonly string[], { directory, check }: KeyFilesRun): string {
  const isOne = publicKeys.length === 1;
  const back = `${isOne ? 'comes' : 'come'} back`;
  return (
    `${keysOf(publicKeys)} ${check ? 'would come back' : back} to ${directory}, which had ${isOne ? 'it' : 'them'} before: ${nameList(publicKeys)}. ` +
    `If Web3Signer (26.4.1 or later) has reloaded without ${isOne ? 'it, the validator is' : 'them, the validators are'} disabled in its slashing protection database: ` +
    `exits are signed, blocks and attestations are refused (412). --slashing-db-url shows which; the way back: ${WAY_BACK}.`
  );
}

function keysOf(publicKeys: readonly string[]): string {
  return publicKeys.length === 1 ? 'The key of 1 validator' : `The keys of ${publicKeys.length} validators`;
}
