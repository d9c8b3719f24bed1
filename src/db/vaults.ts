import { type Selectable, sql } from 'kysely';
import { OperatorError } from '../lib/errors.ts';
import { inTransaction, retryLostConnection, type Session } from './database.ts';
import type { Schema } from './schema.ts';

/** A vault's random data key, wrapped under the user's encryption key. Nonce of 12 bytes; 32 bytes and a tag of 16. */
export interface WrappedDataKey {
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export interface VaultIdentity {
  readonly network: string;
  /** 20 bytes. */
  readonly address: Uint8Array;
}

/** What everybody may know of a vault. */
export interface VaultFacts extends VaultIdentity {
  readonly vaultId: number;
  readonly chainId: number;
  readonly dataKeyId: number;
  /** Goes up by one with every change of what readers see. */
  readonly manifestCounter: bigint;
  readonly manifestMac: Uint8Array | null;
  /** Hash of the oracle set that the last upload made current. */
  readonly oracleSetHash: Uint8Array | null;
  readonly depositDataRoot: Uint8Array | null;
  /** SHA-256 over the list of validators, and over all that the operator's files are written from. */
  readonly validatorsDigest: Uint8Array | null;
  readonly operatorDigest: Uint8Array | null;
  readonly createdAt: Date;
}

/** A vault with what only a holder of the encryption key can use. */
export interface Vault extends VaultFacts {
  readonly dataKey: WrappedDataKey;
}

export interface NewVault extends VaultIdentity {
  readonly chainId: number;
  readonly dataKey: WrappedDataKey;
  /** MAC of the empty manifest with counter 0. */
  readonly manifestMac?: Uint8Array | null | undefined;
}

/** The vault with its wrapped data key, or undefined when it has not been set up. */
export function findVault(session: Session, { network, address }: VaultIdentity): Promise<Vault | undefined> {
  return retryLostConnection(session, async () => {
    const row = await vaultQuery(session)
      .where('vaults.network', '=', network)
      .where('vaults.address', '=', address)
      .executeTakeFirst();
    return row && toVault(row);
  });
}

/** Like {@link findVault}, for roles that may not read data keys. */
export function findVaultFacts(
  session: Session,
  { network, address }: VaultIdentity,
): Promise<VaultFacts | undefined> {
  return retryLostConnection(session, async () => {
    const row = await session.db
      .selectFrom('vaults')
      .selectAll()
      .where('network', '=', network)
      .where('address', '=', address)
      .executeTakeFirst();
    return row && toFacts(row);
  });
}

/** The vault of an id that was read before, as it is now; undefined when it has been removed. */
export async function readVault(session: Session, vaultId: number): Promise<Vault | undefined> {
  const row = await vaultQuery(session).where('vaults.vault_id', '=', vaultId).executeTakeFirst();
  return row && toVault(row);
}

/** Every vault of the database, by network and address. */
export async function listVaults(session: Session): Promise<Vault[]> {
  const rows = await vaultQuery(session).orderBy('vaults.network').orderBy('vaults.address').execute();
  return rows.map(toVault);
}

/**
 * Stores a vault and its wrapped data key, unless it is there: of two processes the first one's stays.
 * @returns the vault that is stored, and whether it is this one
 */
export function insertVault(session: Session, vault: NewVault): Promise<{ vault: Vault; inserted: boolean }> {
  return inTransaction(session, async transaction => {
    const inserted = await transaction.db
      .insertInto('vaults')
      .values({
        network: vault.network,
        chain_id: BigInt(vault.chainId),
        address: vault.address,
        data_key_id: 1,
        manifest_mac: vault.manifestMac ?? null,
      })
      .onConflict(conflict => conflict.columns(['network', 'address']).doNothing())
      .returning('vault_id')
      .executeTakeFirst();
    if (inserted !== undefined) await insertDataKey(transaction, inserted.vault_id, 1, vault.dataKey);
    const stored = await findVault(transaction, vault);
    if (stored === undefined) throw new Error('a vault that was just stored is missing');
    return { vault: stored, inserted: inserted !== undefined };
  });
}

/**
 * Gives a vault without keypairs a fresh data key (setup was run again, the first encryption key may be lost). The manifest
 * starts again with the given MAC of the empty one.
 * @returns the changed vault, or undefined and nothing changed when it has keypairs
 */
export function replaceDataKey(
  session: Session,
  options: { vaultId: number; dataKey: WrappedDataKey; manifestMac?: Uint8Array | null | undefined },
): Promise<Vault | undefined> {
  const { vaultId } = options;
  return inTransaction(session, async transaction => {
    const { db } = transaction;
    const current = await lockVault(transaction, vaultId);
    if (current === undefined || (await countKeypairs(transaction, vaultId)) > 0) return undefined;
    const dataKeyId = current.dataKeyId + 1;
    await insertDataKey(transaction, vaultId, dataKeyId, options.dataKey);
    await db
      .updateTable('vaults')
      .set({ data_key_id: dataKeyId, manifest_counter: 0n, manifest_mac: options.manifestMac ?? null })
      .where('vault_id', '=', vaultId)
      .execute();
    await db
      .deleteFrom('data_keys')
      .where('vault_id', '=', vaultId)
      .where('data_key_id', '<', dataKeyId)
      .execute();
    return readVault(transaction, vaultId);
  });
}

/**
 * Reads a vault and keeps every other writer of it out until the transaction ends; readers go on.
 * @returns undefined when it has been removed
 */
export async function lockVault(transaction: Session, vaultId: number): Promise<Vault | undefined> {
  await transaction.db
    .selectFrom('vaults')
    .select('vault_id')
    .where('vault_id', '=', vaultId)
    .forNoKeyUpdate()
    .executeTakeFirst();
  return readVault(transaction, vaultId);
}

/** How many validators are stored for a vault, uploads that never ended included. */
export async function countKeypairs(session: Session, vaultId: number): Promise<number> {
  const { count } = await session.db
    .selectFrom('keypairs')
    .select(sql<number>`count(*)::int`.as('count'))
    .where('vault_id', '=', vaultId)
    .executeTakeFirstOrThrow();
  return count;
}

async function insertDataKey(
  session: Session,
  vaultId: number,
  dataKeyId: number,
  key: WrappedDataKey,
): Promise<void> {
  await session.db
    .insertInto('data_keys')
    .values({ vault_id: vaultId, data_key_id: dataKeyId, nonce: key.nonce, ciphertext: key.ciphertext })
    .execute();
}

function vaultQuery({ db }: Session) {
  return db
    .selectFrom('vaults')
    .innerJoin('data_keys', join =>
      join
        .onRef('data_keys.vault_id', '=', 'vaults.vault_id')
        .onRef('data_keys.data_key_id', '=', 'vaults.data_key_id'),
    )
    .selectAll('vaults')
    .select(['data_keys.nonce', 'data_keys.ciphertext']);
}

type VaultRow = Selectable<Schema['vaults']> & Pick<Selectable<Schema['data_keys']>, 'nonce' | 'ciphertext'>;

function toVault(row: VaultRow): Vault {
  return { ...toFacts(row), dataKey: { nonce: row.nonce, ciphertext: row.ciphertext } };
}

function toFacts(row: Selectable<Schema['vaults']>): VaultFacts {
  return {
    vaultId: row.vault_id,
    network: row.network,
    chainId: Number(row.chain_id),
    address: row.address,
    dataKeyId: row.data_key_id,
    manifestCounter: row.manifest_counter,
    manifestMac: row.manifest_mac,
    oracleSetHash: row.oracle_set_hash,
    depositDataRoot: row.deposit_data_root,
    validatorsDigest: row.validators_digest,
    operatorDigest: row.operator_digest,
    createdAt: row.created_at,
  };
}

export function vaultRemoved(): OperatorError {
  return new OperatorError('vault-removed', 'The vault was removed from the remote db meanwhile.');
}

/**
 * The error of whoever finds that another process was faster. What only tampering explains has errors of its own.
 * @param what - what was found to be another than before
 */
export function vaultChanged(what: string): OperatorError {
  return new OperatorError(
    'vault-changed',
    `The vault was changed in the remote db by another process meanwhile: ${what}.`,
    { hint: 'Run the command again; what it has stored so far is kept.' },
  );
}

/** @param network - name of the network that the vault was looked for on */
export function vaultNotSetUp(vault: string, network: string, hint: string): OperatorError {
  const message = `The vault ${vault} of ${network} is not in the remote db.`;
  return new OperatorError('vault-not-set-up', message, { hint });
}

/** @param chainId - the chain for which the vault was set up */
export function vaultOtherChain(
  vault: string,
  chainId: number,
  network: { readonly name: string; readonly chainId: number },
): OperatorError {
  return new OperatorError(
    'vault-other-chain',
    `The vault ${vault} was set up for chain id ${chainId}; ${network.name} is chain ${network.chainId} here.`,
  );
}
