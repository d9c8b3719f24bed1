import type { FactsToSign } from '../../../db/upload-activation.ts';
import type { VisibleFacts } from '../../../db/visible-facts.ts';
import { operatorDigestOf, validatorsDigest } from '../../../domain/fleet/fact-digests.ts';
import { publicKeysIn } from '../../../domain/fleet/shared-keys.ts';
import {
  depositDataDigest,
  encodeStatement,
  openStatement,
  type SignedStatement,
  type Statement,
} from '../../../domain/fleet/statement.ts';
import type { VaultContext } from '../../../domain/keys/key-context.ts';
import type { StatementSigner } from '../../../domain/keys/signing-key.ts';
import { equalBytes } from '../../../lib/bytes.ts';
import type { ProvenOperatorFacts } from '../read-operator-facts.ts';

/** How the stored plan of clients stands to what the vault's key has signed. */
export type PlanState =
  /** There is no plan. */
  | 'none'
  | 'signed'
  /** The plan was stored without the encryption key, and none has been signed yet. */
  | 'never-signed'
  /** The plan is not the one that was signed last: somebody without the encryption key has changed it. */
  | 'changed';

/** The vault's key, and what it has signed so far. */
export interface StatementHistory {
  readonly signer: StatementSigner;
  readonly context: VaultContext;
  /** The last statement; undefined when there is none that the vault's key has signed. */
  readonly last: Statement | undefined;
  /** Whether there should be one: then it was removed or exchanged, and a plan may have been signed that nobody knows now. */
  readonly isLost: boolean;
}

/** @param before - the stored statement, of which nothing is proven yet */
export function readHistory(
  signer: StatementSigner,
  context: VaultContext,
  { before, isExpected }: { readonly before: SignedStatement | undefined; readonly isExpected: boolean },
): StatementHistory {
  const last = before && openStatement(signer.verifyingKey, context, before);
  return { signer, context, last, isLost: last === undefined && isExpected };
}

/** @param stored - digest over the stored plan's rows; null without a plan */
export function planStateOf({ last, isLost }: StatementHistory, stored: Uint8Array | null): PlanState {
  if (stored === null) return 'none';
  const signed = last?.planDigest ?? null;
  if (signed !== null && equalBytes(signed, stored)) return 'signed';
  return isLost || (last?.planCounter ?? 0n) > 0n ? 'changed' : 'never-signed';
}

/** What is signed of facts. */
export function digestFacts({ keys, ...facts }: ProvenOperatorFacts): VisibleFacts {
  return {
    validatorCount: keys.length,
    validatorsDigest: validatorsDigest(publicKeysIn(keys)),
    operatorDigest: operatorDigestOf(facts, keys),
    documentDigest: depositDataDigest(facts.document),
  };
}

/**
 * Signs the vault's facts.
 * @param planDigest - the plan that is signed with them; null when there is none, or none that may be
 */
export function signFacts(
  { signer, context, last, isLost }: StatementHistory,
  {
    manifestCounter,
    depositDataRoot,
    facts,
  }: Pick<FactsToSign, 'manifestCounter' | 'depositDataRoot' | 'facts'>,
  planDigest: Uint8Array | null,
): SignedStatement {
  const planCounter = last?.planCounter ?? (isLost ? 1n : 0n);
  const signed = last?.planDigest ?? null;
  const isOther = planDigest !== null && (signed === null || !equalBytes(planDigest, signed));
  const body = encodeStatement({
    chainId: context.chainId,
    vault: context.vault,
    manifestCounter,
    planCounter: isOther ? planCounter + 1n : planCounter,
    validatorsDigest: facts.validatorsDigest,
    planDigest,
    depositDataRoot,
    depositDataDigest: depositDataRoot === null ? null : facts.documentDigest,
    operatorDigest: facts.operatorDigest,
    // Whoever uploads or assigns says nothing of retired keys: what was signed of them stays signed.
    retirementCounter: last?.retirementCounter ?? 0n,
    retiredDigest: last?.retiredDigest ?? null,
  });
  return { body, signature: signer.sign(body) };
}

/**
 * Signs another set of retired keys; all else stays as it was signed last, and nothing of it has to be proven again.
 * @param retiredDigest - null when no key is retired any more
 */
export function signRetired(
  signer: StatementSigner,
  last: Statement,
  retiredDigest: Uint8Array | null,
): SignedStatement {
  const retirementCounter = last.retirementCounter + 1n;
  const body = encodeStatement({ ...last, retirementCounter, retiredDigest });
  return { body, signature: signer.sign(body) };
}
