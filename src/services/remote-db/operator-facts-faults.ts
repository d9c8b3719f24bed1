import { isOracleSet, type OracleSet, refuseThresholdOfOne } from '../../domain/protocol/oracle-config.ts';
import { toHex } from '../../lib/bytes.ts';
import type { ErrorCodeOf } from '../../lib/error-codes.ts';
import { OperatorError } from '../../lib/errors.ts';

/** How messages call deposit data that is in no file. */
export const DEPOSIT_DATA = 'The deposit data in the remote db';

// As the keeper's event names it: a CID, or one behind ipfs://.
const IPFS_NAME = /^[\w:/.-]{1,200}$/;

/** The error of a vault that has nothing to write the operator's files from. */
export function noOperatorFacts(): OperatorError {
  return new OperatorError(
    'no-remote-signer-config',
    'No remote signer configuration found in the remote db.',
    { hint: 'Run "remote-db upload-keypairs" first.' },
  );
}

/**
 * Proves a stored oracle set against its hash.
 * @throws OperatorError 'oracle-set-changed', 'oracle-threshold-one'
 */
export function assertStoredOracleSet(oracleSet: OracleSet): void {
  if (!isOracleSet(oracleSet)) {
    throw changed(
      'oracle-set-changed',
      `The oracle set ${toHex(oracleSet.hash)} in the remote db is not what was written: its threshold or its oracles were changed.`,
    );
  }
  refuseThresholdOfOne(oracleSet.threshold, `The oracle set ${toHex(oracleSet.hash)} in the remote db`);
  if (!IPFS_NAME.test(oracleSet.configIpfsHash)) {
    throw changed(
      'oracle-set-changed',
      `The oracle set ${toHex(oracleSet.hash)} in the remote db names no IPFS document.`,
    );
  }
}

/** The error of facts that have another digest than those of the last upload. */
export function operatorFactsChanged(): OperatorError {
  return changed(
    'operator-facts-changed',
    'The oracles, shares or deposit data in the remote db are not those of the last upload: rows were removed, added or changed.',
  );
}

/** The error of a validator that has not one share for each oracle. */
export function sharesIncomplete(publicKey: Uint8Array, count: number, oracles: number): OperatorError {
  return changed(
    'shares-incomplete',
    `The validator ${toHex(publicKey)} has the shares of ${count} oracles in the remote db, and there are ${oracles}.`,
  );
}

/** The error of shares of which one stands twice. */
export function shareStandsTwice(): OperatorError {
  return changed('shares-incomplete', 'A share in the remote db stands for two oracles or validators.');
}

/** The error of deposit data that name a key which is no validator's. */
export function strangeDeposit(publicKey: Uint8Array, address: string): OperatorError {
  return changed(
    'deposit-data-changed',
    `${DEPOSIT_DATA} names ${toHex(publicKey)}, which is no validator of vault ${address}.`,
  );
}

/** The error of deposit data whose tree has another root than that of the last upload. */
export function otherDepositRoot(root: Uint8Array, stored: Uint8Array | null): OperatorError {
  return changed(
    'deposit-data-changed',
    `${DEPOSIT_DATA} has the root ${toHex(root)}, and that of the last upload is ${stored === null ? 'none' : toHex(stored)}.`,
  );
}

function changed(code: ErrorCodeOf<'failure'>, message: string): OperatorError {
  return new OperatorError(code, message, {
    hint: 'Run "remote-db verify" for the details, and restore the database from a backup.',
  });
}
