import { findUnassigned } from '../../../db/assignments.ts';
import { readServerVersion, type Session } from '../../../db/database.ts';
import { listSchemaSteps } from '../../../db/migrator.ts';
import { listOracleSets } from '../../../db/oracle-sets.ts';
import { findDocument, pageVisibleShares, VISIBLE_SHARE_LENGTH } from '../../../db/public-facts.ts';
import { listRetiredKeys } from '../../../db/retired-keys.ts';
import { countKeypairs, type VaultFacts } from '../../../db/vaults.ts';
import { listWrittenKeySets, type StoredKeySet } from '../../../db/written-key-sets.ts';
import { validatorsDigest } from '../../../domain/fleet/fact-digests.ts';
import type { ClientRows, DatabaseFacts } from '../../../domain/fleet/observation/observation.ts';
import type { RetiredKeys } from '../../../domain/fleet/retired-keys.ts';
import { equalBytes, toHex } from '../../../lib/bytes.ts';
import { OperatorError } from '../../../lib/errors.ts';
import { foreignText } from '../../../lib/foreign-text.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import { requireVault, type VaultRef } from '../../remote-db/vault-ref.ts';
import { readValidators, type Validators } from '../../remote-db/verify/read-validators.ts';
import { type FleetKeys, KeyCount, NOBODY } from './fleet-keys.ts';

/** All that the database has of a fleet, in one state of it. */
export interface ReadFleet {
  readonly facts: DatabaseFacts;
  readonly clients: ClientRows;
  readonly keys: FleetKeys;
}

/**
 * Reads what the database has of the vault, for anybody who may read public keys; within a snapshot.
 * @param withShares - whether anybody asks what signers should have
 * @throws OperatorError 'vault-not-set-up', 'vault-other-chain', and those of the database
 */
export async function readFleet(
  session: Session,
  ref: VaultRef,
  { withShares }: { readonly withShares: boolean },
): Promise<ReadFleet> {
  const vault = await requireVault(session, ref);
  const { vaultId } = vault;
  const validators = await readValidators(session, vaultId);
  const retired = await listRetiredKeys(session, vaultId);
  const plan = await readPlan(session, vaultId, { validators, retired });
  const written = await listWrittenKeySets(session, vaultId);
  const signerKeys = withShares ? await readSignerKeys(session, vaultId, { validators, retired }) : undefined;
  return {
    facts: { ...(await readFacts(session, vault, { validators, retired })), ...plan.facts },
    clients: { rows: rowsOf(plan, written) },
    keys: { validators: validators.publicKeys, signerKeys, clientOf: plan.clientOf, retired },
  };
}

async function readFacts(
  session: Session,
  vault: VaultFacts,
  { validators, retired }: Stored,
): Promise<Omit<DatabaseFacts, 'planned' | 'planIntact' | 'unassigned'>> {
  const { vaultId, oracleSetHash } = vault;
  const sets = await listOracleSets(session, vaultId);
  const set = oracleSetHash === null ? undefined : sets.find(({ hash }) => equalBytes(hash, oracleSetHash));
  const document = await findDocument(session, vaultId);
  const steps = (await listSchemaSteps(session)) ?? [];
  return {
    server: foreignText(await readServerVersion(session)),
    step: foreignText(steps.at(-1)?.name ?? 'none'),
    manifestCounter: Number(vault.manifestCounter),
    total: validators.length,
    unfinished: Math.max(0, (await countKeypairs(session, vaultId)) - validators.length),
    stale: countStale({ validators, retired }, oracleSetHash),
    oracleSetHash: oracleSetHash === null ? undefined : toHex(oracleSetHash),
    oracleConfig: set && foreignText(set.configIpfsHash),
    threshold: set?.threshold,
    setSize: set?.publicKeys.length,
    depositDataEntries: document?.entryCount,
    depositDataRoot: document && toHex(document.root),
    retired: retired.length === 0 ? undefined : retired.counts(),
  };
}

/** The validators, and which of them are retired. */
interface Stored {
  readonly validators: Validators;
  readonly retired: RetiredKeys;
}

function countStale({ validators, retired }: Stored, oracleSetHash: Uint8Array | null): number {
  let count = 0;
  for (const { publicKey, sharesSetHash } of validators) {
    const isCurrent = oracleSetHash !== null && equalBytes(sharesSetHash, oracleSetHash);
    if (!isCurrent && !retired.has(publicKey)) count += 1;
  }
  return count;
}

/** Which client has which key by the plan. */
interface ReadPlan {
  readonly facts: Pick<DatabaseFacts, 'planned' | 'planIntact' | 'unassigned'>;
  /** Keys of each client, in the order of the keys. */
  readonly keysOf: readonly (readonly Uint8Array[])[];
  readonly clientOf: Int32Array | undefined;
}

async function readPlan(
  session: Session,
  vaultId: number,
  { validators, retired }: Stored,
): Promise<ReadPlan> {
  const none = { unassigned: new KeyCount().get() };
  const found = await findUnassigned(session, vaultId).catch((error: unknown) => {
    // The plan's own row is gone, and keys are assigned all the same.
    if (error instanceof OperatorError && error.code === 'assignments-incomplete') return 'broken' as const;
    throw error;
  });
  if (found === undefined) return { facts: none, keysOf: [], clientOf: undefined };
  if (found === 'broken') return { facts: { ...none, planIntact: false }, keysOf: [], clientOf: undefined };
  const { totalClients, isIntact, assignments } = found.stored;
  const clientOf = new Int32Array(validators.length).fill(NOBODY);
  const keysOf = new Map<number, Uint8Array[]>();
  for (const { publicKey, clientIndex } of assignments) {
    const place = validators.publicKeys.placeOf(publicKey);
    if (place === undefined) continue;
    clientOf[place] = clientIndex;
    if (retired.isTakenFrom('clients', publicKey)) continue;
    const keys = keysOf.get(clientIndex) ?? [];
    keys.push(publicKey);
    keysOf.set(clientIndex, keys);
  }
  const unassigned = new KeyCount();
  for (const publicKey of found.fresh) unassigned.add(publicKey);
  return {
    facts: { planned: totalClients, planIntact: isIntact, unassigned: unassigned.get() },
    keysOf: Array.from({ length: totalClients }, (_, index) => keysOf.get(index) ?? []),
    clientOf,
  };
}

/** Every client of the plan, and those that files were written for and the plan has no more. */
function rowsOf({ keysOf }: ReadPlan, written: readonly StoredKeySet[]): ClientRows['rows'] {
  const byIndex = new Map(written.map(one => [one.clientIndex, one]));
  const planned = keysOf.map((keys, index) => {
    const files = byIndex.get(index);
    return { index, planned: keys.length, written: files && describe(files, keys) };
  });
  const others = written
    .filter(({ clientIndex }) => clientIndex >= keysOf.length)
    .map(files => ({ index: files.clientIndex, planned: 0, written: describe(files, []) }));
  return [...planned, ...others];
}

function describe(files: StoredKeySet, keys: readonly Uint8Array[]) {
  return {
    total: files.keyCount,
    digest: toHex(files.digest),
    manifestCounter: Number(files.manifestCounter),
    planned: files.totalClients,
    host: foreignText(files.host),
    writtenAt: files.writtenAt.toISOString(),
    current: equalBytes(files.digest, validatorsDigest(keys)),
  };
}

/** What `setup-web3signer` writes: the key of every validator that is not retired, and its shares of its current set. */
async function readSignerKeys(
  session: Session,
  vaultId: number,
  { validators, retired }: Stored,
): Promise<RecordTable> {
  const keys = new RecordTable(PUBLIC_KEY_LENGTH);
  for (const publicKey of validators.publicKeys) if (!retired.has(publicKey)) keys.add(publicKey);
  for await (const page of pageVisibleShares(session, vaultId)) {
    for (let end = VISIBLE_SHARE_LENGTH; end <= page.length; end += VISIBLE_SHARE_LENGTH) {
      const at = end - VISIBLE_SHARE_LENGTH;
      if (retired.has(page.subarray(at, at + PUBLIC_KEY_LENGTH))) continue;
      keys.add(page.subarray(end - PUBLIC_KEY_LENGTH, end));
    }
  }
  return keys;
}
