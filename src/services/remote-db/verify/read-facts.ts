import type { Session } from '../../../db/database.ts';
import { findDocument, pageVisibleShares } from '../../../db/public-facts.ts';
import type { Vault } from '../../../db/vaults.ts';
import { RunningOperatorDigest } from '../../../domain/fleet/fact-digests.ts';
import type { OracleSet } from '../../../domain/protocol/oracle-config.ts';
import { equalBytes } from '../../../lib/bytes.ts';
import { type DepositSurvey, surveyDeposits } from '../survey-deposits.ts';
import type { VaultRef } from '../unlock-vault.ts';
import type { Validators } from './read-validators.ts';
import { ShareSurvey } from './share-survey.ts';

/** What was found of all that commands without the encryption key write from. */
export interface StoredFacts {
  readonly validators: Validators;
  /** Undefined before the first upload. */
  readonly deposits: DepositSurvey | undefined;
  readonly shares: ShareSurvey;
  /** The vault's current oracle set, undefined when it has none or lacks it. */
  readonly oracleSet: OracleSet | undefined;
  /** `operatorDigest`, undefined without an oracle set or deposit data. */
  readonly operatorDigest: Uint8Array | undefined;
}

/** Reads each of the vault's public facts once, in pages none of which is kept; within a transaction. */
export async function readFacts(
  session: Session,
  vault: Vault,
  {
    ref,
    validators,
    sets,
  }: { readonly ref: VaultRef; readonly validators: Validators; readonly sets: readonly OracleSet[] },
): Promise<StoredFacts> {
  const { vaultId, oracleSetHash } = vault;
  const oracleSet =
    oracleSetHash === null ? undefined : sets.find(({ hash }) => equalBytes(hash, oracleSetHash));
  const stored = await findDocument(session, vaultId);
  const digest = stored && oracleSet && new RunningOperatorDigest(oracleSet, stored.length);
  const deposits =
    stored &&
    (await surveyDeposits(session, vaultId, stored, {
      ref,
      publicKeys: validators.publicKeys,
      onPiece: piece => void digest?.document(piece),
    }));
  digest?.keypairs(validators.records);
  const shares = new ShareSurvey(validators);
  for await (const page of pageVisibleShares(session, vaultId)) {
    digest?.shares(page);
    shares.add(page);
  }
  return { validators, deposits, shares, oracleSet, operatorDigest: digest?.digest() };
}
