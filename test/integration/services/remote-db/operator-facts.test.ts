import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { activateUpload } from '../../../../src/db/activate-upload.ts';
import { type Database, inSnapshot, tableOf } from '../../../../src/db/database.ts';
import { findDepositData } from '../../../../src/db/deposit-data.ts';
import { listVisibleShares } from '../../../../src/db/key-shares.ts';
import { insertKeypairs, listActiveKeypairs } from '../../../../src/db/keypairs.ts';
import { findOracleSet, insertOracleSet } from '../../../../src/db/oracle-sets.ts';
import type { Vault } from '../../../../src/db/vaults.ts';
import { operatorDigest } from '../../../../src/domain/fleet/fact-digests.ts';
import { type OracleSet, oracleSetHash } from '../../../../src/domain/protocol/oracle-config.ts';
import { compareBytes, equalBytes, toHex } from '../../../../src/lib/bytes.ts';
import { OperatorError } from '../../../../src/lib/errors.ts';
import { resolveNetwork } from '../../../../src/networks/resolve-network.ts';
import { readOperatorFacts } from '../../../../src/services/remote-db/read-operator-facts.ts';
import { BOTH_DATABASES, openMigrated } from '../../../support/postgres/both-databases.ts';
import { listKeys } from '../../../support/scenes/listed-keys.ts';
import {
  activationOf,
  newKeypairs,
  newOracleSet,
  randomKey,
  storeVault,
} from '../../../support/scenes/stored-keys.ts';

const ORACLES = 3;
const VALIDATORS = 4;
const ref = { network: resolveNetwork('holesky'), address: `0x${'5a'.repeat(20)}` };

/** A vault as an upload leaves it, and what a change of its rows is made of. */
interface Stored {
  readonly vault: Vault;
  readonly set: OracleSet;
  /** Public keys of the validators in order, for SQL. */
  readonly validators: readonly ReturnType<typeof bytes>[];
}

function bytes(value: Uint8Array) {
  return sql.lit(`\\x${toHex(value).slice(2)}`);
}

function withTrueHash(set: OracleSet): OracleSet {
  const oracles = set.publicKeys.map(publicKey => ({ publicKey }));
  return { ...set, hash: oracleSetHash({ exitSignatureRecoverThreshold: set.threshold, oracles }) };
}

describe.each(BOTH_DATABASES)('the facts of the operator on $kind', ({ createUrl }) => {
  const resources = new AsyncDisposableStack();
  let database: Database;

  beforeAll(async () => {
    database = await openMigrated(resources, createUrl);
  });
  afterAll(() => resources.disposeAsync());

  const shares = () => tableOf(database, 'key_shares');
  const keypairs = () => tableOf(database, 'keypairs');

  async function store(): Promise<Stored> {
    const vault = await storeVault(database);
    const set = withTrueHash(newOracleSet(ORACLES));
    const { vaultId, dataKeyId } = vault;
    const batch = newKeypairs(VALIDATORS, ORACLES);
    await insertOracleSet(database, vaultId, set);
    await insertKeypairs(database, { vaultId, oracleSetHash: set.hash, dataKeyId, keypairs: batch });
    const publicKeys = batch.map(({ publicKey }) => publicKey).sort(compareBytes);
    const activated = await activateUpload(database, activationOf(vault, publicKeys, set));
    return { vault: activated, set, validators: publicKeys.map(bytes) };
  }

  /** Another set, of which the vault has shares for the first validator. */
  async function storeOtherSet({ vault, validators }: Stored): Promise<OracleSet> {
    const other = withTrueHash(newOracleSet(ORACLES));
    await insertOracleSet(database, vault.vaultId, other);
    for (let index = 0; index < ORACLES; index++) {
      await sql`insert into ${shares()} (vault_id, parent_public_key, oracle_set_hash, share_index, public_key)
        values (${vault.vaultId}, ${validators[0]}, ${bytes(other.hash)}, ${index}, ${bytes(randomKey(48))})`.execute(
        database.db,
      );
    }
    return other;
  }

  async function setShares(
    { vault }: Stored,
    set: ReturnType<typeof sql>,
    where: ReturnType<typeof sql>,
  ): Promise<void> {
    await sql`update ${shares()} set ${set} where vault_id = ${vault.vaultId} and ${where}`.execute(
      database.db,
    );
  }

  /** The rows as lists, and what was found wrong with them: how facts were read before the database joined them. */
  async function readInLists(vault: Vault) {
    const { vaultId, oracleSetHash } = vault;
    const oracleSet = oracleSetHash && (await findOracleSet(database, vaultId, oracleSetHash));
    const deposits = await findDepositData(database, vaultId);
    if (!oracleSet || deposits === undefined) return expect.fail('no facts');
    const keypairs = await listActiveKeypairs(database, vaultId);
    const shares = await listVisibleShares(database, vaultId);
    const digest = operatorDigest({ oracleSet, document: deposits.document, keypairs, shares });
    const count = ({ publicKey }: { readonly publicKey: Uint8Array }) =>
      shares
        .filter(share => equalBytes(share.parentPublicKey, publicKey))
        .reduce((found, share) => (share.shareIndex === found ? found + 1 : found), 0);
    const current = keypairs.filter(({ sharesSetHash }) => equalBytes(sharesSetHash, oracleSet.hash));
    const incomplete = current.find(keypair => count(keypair) !== ORACLES);
    const isDistinct = new Set(shares.map(({ publicKey }) => toHex(publicKey))).size === shares.length;
    return { keypairs, shares, digest, incomplete: incomplete && count(incomplete), isDistinct };
  }

  async function read(vault: Vault) {
    const { operatorDigest: checkedBefore } = vault;
    try {
      // The deposit data has tests of its own.
      const facts = await inSnapshot(database, session =>
        readOperatorFacts(session, vault, { ref, checkedBefore: checkedBefore ?? undefined }),
      );
      return { keys: listKeys(facts.keys) };
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      return { code: error.code, message: error.message };
    }
  }

  /** Compares what is read now with the lists: as the rows are, and as if their digest had been computed anew. */
  async function compare({ vault }: Stored) {
    const { digest, incomplete, isDistinct, ...lists } = await readInLists(vault);
    const isUnchanged = vault.operatorDigest !== null && equalBytes(digest, vault.operatorDigest);
    const asStored = await read(vault);
    if (!isUnchanged) expect(asStored).toMatchObject({ code: 'operator-facts-changed' });
    const found = await read({ ...vault, operatorDigest: digest });
    if (isUnchanged) expect(found).toEqual(asStored);
    if (incomplete !== undefined) {
      expect(found).toMatchObject({
        code: 'shares-incomplete',
        message: expect.stringContaining(`has the shares of ${incomplete} oracles`),
      });
    } else if (!isDistinct) {
      expect(found).toMatchObject({
        code: 'shares-incomplete',
        message: 'A share in the remote db stands for two oracles or validators.',
      });
    } else expect(found).toEqual({ keys: lists });
    return isUnchanged ? 'sound' : 'changed';
  }

  it('sound facts are read as they stand in the lists, whatever else the database has', async () => {
    const others = [await store(), await store()];
    for (const stored of others) expect(await compare(stored)).toBe('sound');
    const [stored] = others as [Stored, Stored];
    const other = await storeOtherSet(stored);
    expect(await compare(stored)).toBe('sound');
    await sql`update ${keypairs()} set shares_set_hash = ${bytes(other.hash)}
      where vault_id = ${stored.vault.vaultId} and public_key = ${stored.validators[0]}`.execute(database.db);
    expect(await compare(stored)).toBe('changed');
    await sql`update ${keypairs()} set active = false where vault_id = ${stored.vault.vaultId}`.execute(
      database.db,
    );
    expect(await compare(stored)).toBe('changed');
  });

  it.each<[string, (stored: Stored) => Promise<unknown>]>([
    [
      'a missing share',
      ({ vault, validators }) =>
        sql`delete from ${shares()} where vault_id = ${vault.vaultId} and parent_public_key = ${validators[1]}
          and share_index = 1`.execute(database.db),
    ],
    [
      'no share of a validator',
      ({ vault, validators }) =>
        sql`delete from ${shares()} where vault_id = ${vault.vaultId}
          and parent_public_key = ${validators[3]}`.execute(database.db),
    ],
    [
      'a share in the place of another oracle',
      stored =>
        setShares(
          stored,
          sql`share_index = 7`,
          sql`parent_public_key = ${stored.validators[0]} and share_index = 2`,
        ),
    ],
    [
      'another public key of a share',
      stored =>
        setShares(
          stored,
          sql`public_key = ${bytes(randomKey(48))}`,
          sql`parent_public_key = ${stored.validators[2]} and share_index = 0`,
        ),
    ],
    [
      'the shares of two validators exchanged',
      async stored => {
        const [first, second] = stored.validators;
        const move = (from: unknown, to: unknown, by: number) =>
          setShares(
            stored,
            sql`parent_public_key = ${to}, share_index = share_index + ${sql.lit(by)}`,
            sql`parent_public_key = ${from} and share_index between ${sql.lit(Math.max(0, -by))} and 99`,
          );
        await move(first, second, 100);
        await sql`update ${shares()} set parent_public_key = ${first}
          where vault_id = ${stored.vault.vaultId} and parent_public_key = ${second} and share_index < 100`.execute(
          database.db,
        );
        await setShares(
          stored,
          sql`share_index = share_index - 100`,
          sql`parent_public_key = ${second} and share_index >= 100`,
        );
      },
    ],
    [
      'an inactive validator',
      ({ vault, validators }) =>
        sql`update ${keypairs()} set active = false where vault_id = ${vault.vaultId}
          and public_key = ${validators[1]}`.execute(database.db),
    ],
  ])('facts with %s are refused as the lists are', async (_, change) => {
    const stored = await store();
    await change(stored);
    expect(await compare(stored)).toBe('changed');
  });

  describe('when somebody has dropped the constraints of the tables', () => {
    beforeAll(async () => {
      const drop = (table: ReturnType<typeof shares>, name: string) =>
        sql`alter table ${table} drop constraint ${sql.id(name)} cascade`.execute(database.db);
      for (const name of ['pkey', 'vault_id_public_key_key', 'public_key_check', 'share_index_check'])
        await drop(shares(), `key_shares_${name}`);
      for (const name of ['pkey', 'check', 'public_key_check']) await drop(keypairs(), `keypairs_${name}`);
    });

    it.each<[string, (stored: Stored) => Promise<unknown>]>([
      [
        'a share that stands for two oracles',
        stored =>
          setShares(
            stored,
            sql`public_key = (select public_key from ${shares()} s where s.vault_id = ${stored.vault.vaultId}
              and s.parent_public_key = ${stored.validators[0]} and s.share_index = 0)`,
            sql`parent_public_key = ${stored.validators[0]} and share_index = 1`,
          ),
      ],
      [
        'a share that stands for two validators',
        stored =>
          setShares(
            stored,
            sql`public_key = (select public_key from ${shares()} s where s.vault_id = ${stored.vault.vaultId}
              and s.parent_public_key = ${stored.validators[0]} and s.share_index = 2)`,
            sql`parent_public_key = ${stored.validators[3]} and share_index = 2`,
          ),
      ],
      [
        'a place before the first oracle',
        stored => setShares(stored, sql`share_index = -1`, sql`share_index = 0`),
      ],
    ])('facts with %s are refused as the lists are', async (_, change) => {
      const stored = await store();
      await change(stored);
      expect(await compare(stored)).toBe('changed');
    });

    it.each<[string, (stored: Stored) => Promise<unknown>]>([
      ['two shares in one place', stored => setShares(stored, sql`share_index = 0`, sql`share_index = 1`)],
      [
        'shares of other lengths',
        stored =>
          setShares(
            stored,
            sql`public_key = ${bytes(randomKey(47))}`,
            sql`parent_public_key = ${stored.validators[0]} and share_index = 1`,
          ),
      ],
      [
        'a validator of another length',
        async stored => {
          await setShares(
            stored,
            sql`parent_public_key = parent_public_key || '\\x00'::bytea`,
            sql`parent_public_key = ${stored.validators[1]}`,
          );
          await sql`update ${keypairs()} set public_key = public_key || '\\x00'::bytea
            where vault_id = ${stored.vault.vaultId} and public_key = ${stored.validators[1]}`.execute(
            database.db,
          );
        },
      ],
      [
        'a validator twice',
        ({ vault, validators }) =>
          sql`insert into ${keypairs()} select * from ${keypairs()}
            where vault_id = ${vault.vaultId} and public_key = ${validators[0]}`.execute(database.db),
      ],
      [
        'a validator without an oracle set',
        ({ vault, validators }) =>
          sql`update ${keypairs()} set shares_set_hash = null
            where vault_id = ${vault.vaultId} and public_key = ${validators[0]}`.execute(database.db),
      ],
      [
        'no oracle set at all',
        ({ vault }) =>
          sql`update ${keypairs()} set shares_set_hash = null where vault_id = ${vault.vaultId}`.execute(
            database.db,
          ),
      ],
    ])('facts with %s are refused, whatever their digest', async (_, change) => {
      const stored = await store();
      await change(stored);
      expect(await read(stored.vault)).toMatchObject({ code: 'operator-facts-changed' });
      const digest = await readInLists(stored.vault).then(
        lists => lists.digest,
        () => randomKey(32),
      );
      expect(await read({ ...stored.vault, operatorDigest: digest })).toMatchObject({
        code: expect.stringMatching(/^(operator-facts-changed|shares-incomplete)$/),
      });
    });
  });
});
