import * as initial from './0001-initial.ts';
import * as transactions from './0002-transactions.ts';
import * as networkValidators from './0003-network-validators.ts';
import * as authenticatedIntents from './0004-authenticated-intents.ts';
import * as auditFacts from './0005-audit-facts.ts';
import * as acceptedOracleSets from './0006-accepted-oracle-sets.ts';
import * as statements from './0007-statements.ts';
import * as uploadProofs from './0008-upload-proofs.ts';
import * as transactionValue from './0009-transaction-value.ts';
import * as writtenKeySets from './0010-written-key-sets.ts';
import * as vaultChanges from './0011-vault-changes.ts';
import * as retiredKeys from './0012-retired-keys.ts';

/** Every schema step in order. A step that has been released is never edited; the next change is the next file. */
export const MIGRATIONS = {
  '0001-initial': initial,
  '0002-transactions': transactions,
  '0003-network-validators': networkValidators,
  '0004-authenticated-intents': authenticatedIntents,
  '0005-audit-facts': auditFacts,
  '0006-accepted-oracle-sets': acceptedOracleSets,
  '0007-statements': statements,
  '0008-upload-proofs': uploadProofs,
  '0009-transaction-value': transactionValue,
  '0010-written-key-sets': writtenKeySets,
  '0011-vault-changes': vaultChanges,
  '0012-retired-keys': retiredKeys,
};
