import type { Vault } from '../../../db/vaults.ts';
import type { ShareTest } from '../../../domain/keys/key-share.ts';
import { isOracleSet, type OracleSet } from '../../../domain/protocol/oracle-config.ts';
import { equalBytes, toHex } from '../../../lib/bytes.ts';
import { createShareTests } from '../find-broken-keys.ts';
import type { KeyTable, OpenedValidator } from './key-table.ts';
import type { Validators } from './read-validators.ts';

/**
 * Checks oracle sets against their hashes: the rows of shares are sealed with their set's hash, and by it threshold and oracles are
 * proven.
 */
export function checkOracleSets({ oracleSetHash: current }: Vault, sets: readonly OracleSet[]): string[] {
  const findings = sets.flatMap(checkOracleSet);
  if (current !== null && !sets.some(({ hash }) => equalBytes(hash, current)))
    findings.push(`The current oracle set ${toHex(current)} is missing.`);
  return findings;
}

function checkOracleSet(set: OracleSet): string[] {
  const findings: string[] = [];
  if (!isOracleSet(set)) findings.push(`The oracle set ${toHex(set.hash)} is not what was written.`);
  if (set.threshold < 2)
    findings.push(
      `The oracle set ${toHex(set.hash)} has a threshold of 1: its shares are the validator keys.`,
    );
  return findings;
}

/** Checks of every validator whether it has its key, and shares of it. */
export function checkShares(validators: Validators, sets: readonly OracleSet[], keys: KeyTable): string[] {
  const shareTestOf = createShareTests(sets);
  const findings: string[] = [];
  for (const { publicKey, sharesSetHash } of validators) {
    const set = sets.find(({ hash }) => equalBytes(hash, sharesSetHash));
    for (const finding of checkValidator(publicKey, keys.find(publicKey), set, shareTestOf(sharesSetHash)))
      findings.push(finding);
  }
  return findings;
}

/** Whether a validator has its key, and as many shares as its set has oracles, which recombine to the key. */
function checkValidator(
  publicKey: Uint8Array,
  found: OpenedValidator | undefined,
  set: OracleSet | undefined,
  shareTest: ShareTest | undefined,
): string[] {
  const { hasOwnRow = false, secretKey, shares = [] } = found ?? {};
  const findings: string[] = [];
  if (!hasOwnRow) findings.push(`Validator ${toHex(publicKey)} has no encrypted key.`);
  if (set === undefined || shares.length !== set.publicKeys.length) {
    findings.push(
      `Validator ${toHex(publicKey)} has ${shares.length} shares instead of ${set?.publicKeys.length ?? 'those of its oracle set'}.`,
    );
  } else if (secretKey !== undefined && !fitTogether(secretKey, shares, shareTest)) {
    findings.push(`The shares of validator ${toHex(publicKey)} do not recombine to its key.`);
  }
  return findings;
}

function fitTogether(
  secretKey: Uint8Array,
  shares: OpenedValidator['shares'],
  test: ShareTest | undefined,
): boolean {
  const secrets = shares.flatMap(share => share.secretKey ?? []);
  // A share that could not be opened has been named already, and so has an oracle set that proves nothing.
  if (secrets.length < shares.length) return true;
  return test?.(secretKey, secrets) ?? true;
}

/** Checks that some validator has shares of the current oracle set: an upload has one key or more, and makes its set theirs and the vault's at once. */
export function checkCurrent(validators: number, ofCurrentSet: number): string[] {
  return validators > 0 && ofCurrentSet === 0 ? ['No validator has shares of the current oracle set.'] : [];
}

/** Compares the validators with those of the last upload. */
export function checkDigest(vault: Vault, validators: Validators): string[] {
  const isSame =
    vault.validatorsDigest === null
      ? validators.length === 0
      : equalBytes(vault.validatorsDigest, validators.digest());
  return isSame ? [] : ['The list of validators is not that of the last upload.'];
}
