import type { StoredPlan } from '../../db/assignments.ts';
import { type Database, inSnapshot, inTransaction, type Session } from '../../db/database.ts';
import { findStatement, storeStatement } from '../../db/statements.ts';
import { lockVault, readVault, type Vault, vaultChanged } from '../../db/vaults.ts';
import { assignContiguous, assignLikeReference, countMoves } from '../../domain/fleet/assignment.ts';
import { planDigest } from '../../domain/fleet/fact-digests.ts';
import { equalBytes } from '../../lib/bytes.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import { type ProvenKeys, proveKeys, sharedKeysDigest } from '../remote-db/prove-keys.ts';
import { type ProvenOperatorFacts, readOperatorFacts } from '../remote-db/read-operator-facts.ts';
import {
  digestFacts,
  planStateOf,
  readHistory,
  type StatementHistory,
  signFacts,
} from '../remote-db/statements/sign-facts.ts';
import {
  openVaultSigner,
  storeFreshKey,
  type VaultSigner,
} from '../remote-db/statements/vault-signing-key.ts';
import { type UnlockedVault, unlockVault } from '../remote-db/unlock-vault.ts';
import { type AssignKeysOptions, type AssignKeysResult, assignKeysWithin } from './assign-keys.ts';

export interface AssignSignedKeysOptions extends Omit<AssignKeysOptions, 'isTrusted' | 'accept'> {
  readonly encryptKey: string;
  /** Signs the stored plan although it was stored or changed without the encryption key. */
  readonly trustStored: boolean;
}

export interface AssignSignedKeysResult extends AssignKeysResult {
  /** The vault's public key, 32 bytes. */
  readonly verifyingKey: Uint8Array;
}

interface Deps {
  readonly database: Database;
  readonly pool: WorkerPool;
}

/**
 * {@link assignKeys} by somebody who has the encryption key: the plan is signed, and with it all facts that commands without
 * that key work from. These are proven before.
 * @throws OperatorError of {@link unlockVault}, {@link assignKeys}, {@link proveKeys} and {@link readOperatorFacts};
 *   DifferencesError 'plan-not-signed' for a plan that was made or changed without the encryption key, unless it is trusted
 */
export async function assignSignedKeys(
  deps: Deps,
  options: AssignSignedKeysOptions,
): Promise<AssignSignedKeysResult> {
  using unlocked = await unlockVault(deps.database, options.ref, options.encryptKey);
  const vaultSigner = await openVaultSigner(deps.database, unlocked);
  const proven = await proveKeys(deps, unlocked, { verifyingKey: vaultSigner.signer.verifyingKey });
  const run = options.check ? inSnapshot : inTransaction;
  const assigned = await run(deps.database, transaction =>
    assignAndSign(transaction, options, { unlocked, vaultSigner, proven }),
  );
  return {
    vault: assigned.vault,
    plan: assigned.plan,
    isNew: assigned.isNew,
    movedKeys: assigned.movedKeys,
    clientsBefore: assigned.clientsBefore,
    verifyingKey: vaultSigner.signer.verifyingKey,
  };
}

async function assignAndSign(
  transaction: Session,
  options: AssignSignedKeysOptions,
  state: { unlocked: UnlockedVault; vaultSigner: VaultSigner; proven: ProvenKeys },
): Promise<AssignKeysResult> {
  const { unlocked, vaultSigner, proven } = state;
  const { vaultId } = unlocked.vault;
  const vault = await (options.check ? readVault : lockVault)(transaction, vaultId);
  if (vault?.manifestCounter !== proven.manifestCounter) throw vaultChanged('its manifest is another one');
  const history = readHistory(vaultSigner.signer, unlocked.context, {
    before: await findStatement(transaction, vaultId),
    isExpected: vaultSigner.fresh === undefined,
  });
  const { ref, totalClients, likeReference, reassign, check } = options;
  const isTrusted = (stored: StoredPlan, publicKeys: readonly Uint8Array[]) =>
    options.trustStored || mayBeSigned(history, stored, publicKeys);
  const assigned = await assignKeysWithin(transaction, {
    ref,
    totalClients,
    likeReference,
    reassign,
    isTrusted,
    check,
  });
  const facts = digestFacts(await readProvenFacts(transaction, vault, { ref, proven }));
  if (check) return assigned;
  const { manifestCounter, depositDataRoot } = vault;
  const signed = signFacts(history, { manifestCounter, depositDataRoot, facts }, planDigest(assigned.plan));
  await storeFreshKey(transaction, vaultId, vaultSigner);
  await storeStatement(transaction, vaultId, signed);
  return assigned;
}

/** A first plan as this program makes it holds no choice of anybody's: it may be signed without being looked at. */
function mayBeSigned(
  history: StatementHistory,
  stored: StoredPlan,
  publicKeys: readonly Uint8Array[],
): boolean {
  const state = planStateOf(history, planDigest(stored));
  if (state !== 'never-signed') return state === 'signed';
  const { totalClients, assignments } = stored;
  const own = [
    assignContiguous(publicKeys, totalClients),
    assignLikeReference(publicKeys, totalClients, 'floor'),
    assignLikeReference(publicKeys, totalClients, 'ceil'),
  ];
  return own.some(plan => plan.length === assignments.length && countMoves(assignments, plan) === 0);
}

async function readProvenFacts(
  transaction: Session,
  vault: Vault,
  { ref, proven }: { ref: AssignSignedKeysOptions['ref']; proven: ProvenKeys },
): Promise<ProvenOperatorFacts> {
  const facts = await readOperatorFacts(transaction, vault, { ref });
  if (!equalBytes(sharedKeysDigest(facts.keys), proven.digest))
    throw vaultChanged('its validators or their shares are others');
  return facts;
}
