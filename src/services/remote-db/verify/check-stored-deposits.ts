import type { Vault } from '../../../db/vaults.ts';
import { equalBytes } from '../../../lib/bytes.ts';
import type { DepositSurvey } from '../survey-deposits.ts';
import { findingOf } from './finding-of.ts';

/** Compares the stored deposit data with the last upload, and with the validators. */
export async function checkStoredDeposits(
  { depositDataRoot }: Vault,
  deposits: DepositSurvey | undefined,
): Promise<string[]> {
  if (deposits === undefined) return depositDataRoot === null ? [] : ['The deposit data is missing.'];
  const { stored, count, strangers } = deposits;
  const findings: string[] = [];
  const failure = await findingOf(() => {
    deposits.assertDepositData('deposit data');
    const root = deposits.root();
    const isOfUpload = depositDataRoot !== null && equalBytes(root, depositDataRoot);
    if (!isOfUpload || !equalBytes(root, stored.root) || count !== stored.entryCount) {
      findings.push('The deposit data is not that of the last upload.');
    }
    if (strangers > 0) findings.push(`${strangers} keys of the deposit data are not in the remote db.`);
  });
  return [...findings, ...failure];
}
