import type { Session } from '../db/database.ts';
import { findDepositData } from '../db/deposit-data.ts';
import { listVisibleShares } from '../db/key-shares.ts';
import { listActiveKeypairs } from '../db/keypairs.ts';
import { findOracleSet, type OracleSet } from '../db/oracle-sets.ts';
import type { VaultFacts } from '../db/vaults.ts';
import { type OperatorFacts, operatorDigest } from '../domain/fleet/fact-digests.ts';
import { isOracleSet, refuseThresholdOfOne } from '../domain/protocol/oracle-config.ts';
import { equalBytes, toHex } from '../lib/bytes.ts';
import { OperatorError } from '../lib/errors.ts';

/**
 * What the operator's files are written from, compared with the digest that the last upload stored: no encryption key is
 * needed to see that a row was removed, added, exchanged or changed.
 * @throws OperatorError 'no-remote-signer-config' before the first upload, 'oracle-set-changed', 'oracle-threshold-one',
 *   'operator-facts-changed'
 */
export async function readOperatorFacts(
  session: Session,
  vault: VaultFacts,
): Promise<OperatorFacts & { readonly oracleSet: OracleSet }> {
  const { vaultId, oracleSetHash } = vault;
  const depositData = await findDepositData(session, vaultId);
  const oracleSet = oracleSetHash && (await findOracleSet(session, vaultId, oracleSetHash));
  if (!oracleSet || depositData === undefined) {
    throw new OperatorError(
      'no-remote-signer-config',
      'No remote signer configuration found in the remote db.',
      { hint: 'Run "remote-db upload-keypairs" first.' },
    );
  }
  if (!isOracleSet(oracleSet)) {
    throw changed(
      'oracle-set-changed',
      `The oracle set ${toHex(oracleSet.hash)} in the remote db is not what was written: its threshold or its oracles were changed.`,
    );
  }
  refuseThresholdOfOne(oracleSet.threshold, `The oracle set ${toHex(oracleSet.hash)} in the remote db`);
  const facts = {
    oracleSet,
    document: depositData.document,
    keypairs: await listActiveKeypairs(session, vaultId),
    shares: await listVisibleShares(session, vaultId),
  };
  if (vault.operatorDigest === null || !equalBytes(operatorDigest(facts), vault.operatorDigest)) {
    throw changed(
      'operator-facts-changed',
      'The oracles, shares or deposit data in the remote db are not those of the last upload: rows were removed, added or changed.',
    );
  }
  return facts;
}

function changed(code: string, message: string): OperatorError {
  return new OperatorError(code, message, {
    hint: 'Run "remote-db verify" for the details, and restore the database from a backup.',
  });
}
