import type { Vault } from '../../../db/vaults.ts';
import { equalBytes } from '../../../lib/bytes.ts';
import { assertStoredOracleSet, noOperatorFacts, operatorFactsChanged } from '../operator-facts-faults.ts';
import { assertStoredDeposits } from '../survey-deposits.ts';
import { findingOf } from './finding-of.ts';
import type { StoredFacts } from './read-facts.ts';

/**
 * Finds what `readOperatorFacts` would refuse, in the same order and words, without its lists: what the operator's files are
 * written from. There is none of it before the first upload.
 */
export async function checkOperatorFacts(vault: Vault, facts: StoredFacts): Promise<string[]> {
  const { operatorDigest: expected } = vault;
  if (expected === null) return [];
  return await findingOf(() => {
    const { oracleSet, deposits, shares, operatorDigest } = facts;
    if (oracleSet === undefined || deposits === undefined || operatorDigest === undefined)
      throw noOperatorFacts();
    assertStoredOracleSet(oracleSet);
    if (!equalBytes(operatorDigest, expected)) throw operatorFactsChanged();
    shares.assertComplete(oracleSet);
    assertStoredDeposits(deposits, vault);
  });
}
