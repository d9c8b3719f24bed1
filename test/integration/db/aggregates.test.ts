import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { activateUpload } from '../../../src/db/activate-upload.ts';
import {
  findAssignmentPlan,
  listClientPublicKeys,
  updateAssignmentPlan,
} from '../../../src/db/assignments.ts';
import { appendAuditEntry, listAuditEntries } from '../../../src/db/audit-log.ts';
import { type Database, inSnapshot, type Session, tableOf } from '../../../src/db/database.ts';
import { countVaultRows, deleteVault } from '../../../src/db/delete-vault.ts';
import { findDepositData } from '../../../src/db/deposit-data.ts';
import {
  listValidatorSecrets,
  pageActiveSecrets,
  pageManifestEntries,
  pageValidatorRecords,
} from '../../../src/db/key-secrets.ts';
import { listVisibleShares, pruneShares } from '../../../src/db/key-shares.ts';
import {
  insertKeypairs,
  listActiveKeypairs,
  listStoredKeypairs,
  listValidatorPublicKeys,
  readActiveKeypairs,
} from '../../../src/db/keypairs.ts';
import { findOracleSet, insertOracleSet, listOracleSets } from '../../../src/db/oracle-sets.ts';
import { pageVisibleShares } from '../../../src/db/public-facts.ts';
import { type StoredSecret, writeSealedRecord } from '../../../src/db/sealed-record.ts';
import { findVault, insertVault, replaceDataKey, type Vault } from '../../../src/db/vaults.ts';
import type { OracleSet } from '../../../src/domain/protocol/oracle-config.ts';
import { compareBytes, concatBytes } from '../../../src/lib/bytes.ts';
import { BOTH_DATABASES, openMigrated } from '../../support/postgres/both-databases.ts';
import {
  activationOf,
  newKeypair,
  newKeypairs,
  newOracleSet,
  randomKey,
  sealedKey,
  storeVault,
} from '../../support/scenes/stored-keys.ts';

const SHARES = 3;

describe.each(BOTH_DATABASES)('on $kind', ({ createUrl }) => {
  const resources = new AsyncDisposableStack();
  let database: Database;

  beforeAll(async () => {
    database = await openMigrated(resources, createUrl);
  });
  afterAll(() => resources.disposeAsync());

  describe('vaults', () => {
    it('findVault finds a vault as it was stored', async () => {
      const vault = await storeVault(database);
      expect(await findVault(database, vault)).toEqual(vault);
      expect(vault).toMatchObject({ chainId: 31337, manifestCounter: 0n, dataKeyId: 1, oracleSetHash: null });
      expect(await findVault(database, { ...vault, network: 'hoodi' })).toBeUndefined();
    });

    it('insertVault keeps the first data key of two', async () => {
      const first = await storeVault(database);
      const second = await insertVault(database, { ...first, dataKey: sealedKey() });
      expect(second).toEqual({ vault: first, inserted: false });
    });

    it('replaceDataKey gives a vault another data key only while it has no keypairs', async () => {
      const vault = await storeVault(database);
      const { vaultId } = vault;
      const dataKey = sealedKey();
      const replaced = await replaceDataKey(database, { vaultId, dataKey, manifestMac: randomKey(32) });
      expect(replaced).toMatchObject({ dataKeyId: 2, dataKey });
      await store(vault, newOracleSet(SHARES), 1, 2);
      expect(await replaceDataKey(database, { vaultId, dataKey: sealedKey() })).toBeUndefined();
      expect(await findVault(database, vault)).toEqual(replaced);
    });
  });

  describe('keypairs', () => {
    it('readers see the keypairs of an upload only after its last transaction', async () => {
      const vault = await storeVault(database);
      const set = newOracleSet(SHARES);
      const keypairs = await store(vault, set, 2);
      expect(await readSecrets(database, vault)).toEqual([]);
      expect(await listValidatorPublicKeys(database, vault.vaultId)).toEqual([]);
      expect(await listVisibleShares(database, vault.vaultId)).toEqual([]);

      const activation = activationOf(vault, keysOf(keypairs), set);
      const activated = await activateUpload(database, activation);
      expect(await findVault(database, vault)).toEqual(activated);
      expect(activated).toMatchObject({ manifestCounter: 1n, oracleSetHash: set.hash });
      expect(await listValidatorPublicKeys(database, vault.vaultId)).toEqual(
        keysOf(keypairs).sort(compareBytes),
      );
      const { root, entryCount } = activation.depositData ?? {};
      expect(await findDepositData(database, vault.vaultId)).toEqual({ root, entryCount, document: '[]' });
      expect(
        await listAuditEntries(database, { network: 'devnet', vault: vault.address }, { limit: 10 }),
      ).toMatchObject([{ actor: 'tester', command: 'upload', counts: { validators: 2 } }]);
      expect(await readSecrets(database, vault)).toEqual(expectedSecrets(keypairs, set));
    });

    it('pageActiveSecrets pages the secrets of one snapshot in the order of the manifest’s entries', async () => {
      const { vault, set } = await upload(7);
      const pages = await readPages(database, vault, 5);
      expect(pages.map(page => page.length)).toEqual([5, 5, 5, 5, 5, 3]);
      const entries = pages
        .flat()
        .map(({ publicKey, dataKeyId, nonce }) =>
          concatBytes([publicKey, Uint8Array.of(0, 0, 0, dataKeyId), nonce]),
        );
      const read = inSnapshot(database, snapshot => allPages(pageManifestEntries(snapshot, vault.vaultId)));
      expect(concatBytes(await read)).toEqual(concatBytes(entries));
      const shared = await inSnapshot(database, async snapshot => ({
        secrets: await readSecrets(snapshot, vault),
        oracles: await findOracleSet(snapshot, vault.vaultId, set.hash),
      }));
      expect(shared).toEqual({ secrets: pages.flat(), oracles: set });
    });

    it('pageValidatorRecords pages the same rows by validator, each one’s own row before its shares', async () => {
      const { vault } = await upload(7);
      const expected = (await readSecrets(database, vault)).toSorted(
        (a, b) =>
          compareBytes(a.parentPublicKey ?? a.publicKey, b.parentPublicKey ?? b.publicKey) ||
          (a.shareIndex ?? -1) - (b.shareIndex ?? -1),
      );
      // Whatever the page, also when a validator begins on one and ends on the next.
      for (const pageSize of [1, 3, 4, 5, 27, 28, 100]) {
        const pages = await inSnapshot(database, snapshot =>
          allPages(pageValidatorRecords(snapshot, { vaultId: vault.vaultId, pageSize })),
        );
        expect(pages).toHaveLength(Math.ceil(28 / pageSize));
        expect(concatBytes(pages)).toEqual(concatBytes(expected.map(writeSealedRecord)));
      }
    });

    it('the rows of keypairs and shares that are paged are those that are listed', async () => {
      const { vault, set } = await upload(5);
      const { vaultId } = vault;
      const flat = await inSnapshot(database, async snapshot => ({
        keypairs: await readActiveKeypairs(snapshot, vaultId),
        shares: concatBytes(await allPages(pageVisibleShares(snapshot, vaultId))),
      }));
      const keypairs = await listActiveKeypairs(database, vaultId);
      const shares = await listVisibleShares(database, vaultId);
      expect(flat.keypairs).toEqual(
        concatBytes(keypairs.flatMap(({ publicKey, sharesSetHash }) => [publicKey, sharesSetHash])),
      );
      expect(flat.shares).toEqual(
        concatBytes(
          shares.flatMap(share => [
            share.parentPublicKey,
            Uint8Array.of(0, 0, 0, share.shareIndex),
            share.publicKey,
          ]),
        ),
      );
      const own = await listValidatorSecrets(database, vaultId);
      const secrets = (await readSecrets(database, vault)).filter(({ kind }) => kind === 'validator');
      expect(own).toEqual(
        concatBytes(
          secrets.flatMap(({ publicKey, dataKeyId, nonce, ciphertext }) => [
            publicKey,
            Uint8Array.of(0, 0, 0, dataKeyId),
            nonce,
            ciphertext,
          ]),
        ),
      );
      const states = { vaultId, oracleSetHash: set.hash, shareCount: SHARES };
      const known = { isActive: true, isComplete: true, isOfSet: true };
      expect([...(await listStoredKeypairs(database, states))]).toEqual(
        keypairs.map(({ publicKey }) => ({ publicKey, ...known })),
      );
      const other = { ...states, oracleSetHash: randomKey(32) };
      expect([...(await listStoredKeypairs(database, other))]).toEqual(
        keypairs.map(({ publicKey }) => ({
          publicKey,
          isActive: true,
          isComplete: false,
          isOfSet: false,
        })),
      );
    });

    it('what is paged of a vault without keys is empty', async () => {
      const { vaultId } = await storeVault(database);
      const read = await inSnapshot(database, async snapshot => [
        await readActiveKeypairs(snapshot, vaultId),
        await listValidatorSecrets(snapshot, vaultId),
        ...(await allPages(pageVisibleShares(snapshot, vaultId))),
        ...(await allPages(pageManifestEntries(snapshot, vaultId))),
        ...(await allPages(pageValidatorRecords(snapshot, { vaultId, pageSize: 10 }))),
      ]);
      expect(concatBytes(read)).toHaveLength(0);
      const states = { vaultId, oracleSetHash: randomKey(32), shareCount: 3 };
      expect([...(await listStoredKeypairs(database, states))]).toEqual([]);
    });

    it('pageActiveSecrets gives the connection back when a reader stops early', async () => {
      const { vault } = await upload(2);
      for (let round = 0; round < 8; round++) {
        for await (const page of pageActiveSecrets(database, { vaultId: vault.vaultId, pageSize: 1 })) {
          expect(page).toHaveLength(1);
          break;
        }
      }
    });

    it('insertKeypairs leaves stored keypairs as they are when a batch is repeated', async () => {
      const { vault, set, keypairs } = await upload(3);
      const before = await readSecrets(database, vault);
      const again = keypairs.map(keypair => newKeypair(keypair.publicKey, SHARES));
      const batch = { vaultId: vault.vaultId, oracleSetHash: set.hash, dataKeyId: 1 };
      const [extra] = newKeypairs(1, SHARES);
      if (extra === undefined) throw new Error('no keypair');
      expect(await insertKeypairs(database, { ...batch, keypairs: [...again, extra] })).toEqual([
        extra.publicKey,
      ]);
      expect(await readSecrets(database, vault)).toEqual(before);
    });

    it.each([
      ['a share', 'key_shares', 'share_index = 1'],
      [
        "a share's secret",
        'key_secrets',
        'public_key in (select public_key from key_shares where share_index = 1)',
      ],
    ] as const)(
      'insertKeypairs replaces all shares of keypairs that are incomplete without %s',
      async (_what, table, which) => {
        const vault = await storeVault(database);
        const set = newOracleSet(SHARES);
        const keypairs = await store(vault, set, 2);
        const qualified = which.replace('key_shares', `${database.schema}.key_shares`);
        await sql`delete from ${tableOf(database, table)}
        where vault_id = ${vault.vaultId} and ${sql.raw(qualified)}`.execute(database.db);
        const states = { vaultId: vault.vaultId, oracleSetHash: set.hash, shareCount: SHARES };
        expect(Array.from(await listStoredKeypairs(database, states), state => state.isComplete)).toEqual([
          false,
          false,
        ]);
        await expect(
          activateUpload(database, activationOf(vault, keysOf(keypairs), set)),
        ).rejects.toMatchObject({
          code: 'upload-incomplete',
        });

        const repaired = keypairs.map(keypair => ({
          ...newKeypair(keypair.publicKey, SHARES),
          secret: keypair.secret,
        }));
        const batch = { vaultId: vault.vaultId, oracleSetHash: set.hash, dataKeyId: 1, keypairs: repaired };
        expect(await insertKeypairs(database, batch)).toHaveLength(2);
        expect(Array.from(await listStoredKeypairs(database, states), state => state.isComplete)).toEqual([
          true,
          true,
        ]);
        await activateUpload(database, activationOf(vault, keysOf(keypairs), set));
        expect(await readSecrets(database, vault)).toEqual(expectedSecrets(repaired, set));
      },
    );

    it('insertKeypairs refuses a share whose public key is stored as another key, and stores nothing of the batch', async () => {
      const { vault, set, keypairs } = await upload(1);
      const [fresh] = newKeypairs(1, SHARES);
      const [stolen] = keypairs[0]?.shares ?? [];
      if (fresh === undefined || stolen === undefined) throw new Error('no keypair');
      const mixed = { ...fresh, shares: [stolen, ...fresh.shares.slice(1)] };
      const before = await countVaultRows(database, vault.vaultId);
      await expect(
        insertKeypairs(database, {
          vaultId: vault.vaultId,
          oracleSetHash: set.hash,
          dataKeyId: 1,
          keypairs: [mixed],
        }),
      ).rejects.toMatchObject({ code: 'key-exists' });
      expect(await countVaultRows(database, vault.vaultId)).toEqual(before);
    });

    it('activateUpload for a new oracle set leaves keypairs that it does not name their shares', async () => {
      const { vault, set, keypairs } = await upload(3);
      const next = newOracleSet(SHARES + 1);
      await insertOracleSet(database, vault.vaultId, next);
      const [moved, ...left] = keypairs;
      if (moved === undefined) throw new Error('no keypair');
      const fresh = { ...newKeypair(moved.publicKey, SHARES + 1), secret: moved.secret };
      const batch = { vaultId: vault.vaultId, oracleSetHash: next.hash, dataKeyId: 1, keypairs: [fresh] };
      await insertKeypairs(database, batch);
      expect(await readSecrets(database, vault)).toEqual(expectedSecrets(keypairs, set));

      await activateUpload(database, activationOf(vault, [moved.publicKey], next));
      const expected = [...expectedSecrets(left, set), ...expectedSecrets([fresh], next)];
      expect(await readSecrets(database, vault)).toEqual(expected.sort(byPublicKey));
      expect(await pruneShares(database, vault.vaultId)).toEqual({ oracleSets: 0, shares: 0 });
    });

    it('pruneShares removes the shares of oracle sets that nobody names, and nothing else', async () => {
      const { vault, keypairs } = await upload(2);
      const next = newOracleSet(SHARES);
      await insertOracleSet(database, vault.vaultId, next);
      const fresh = keypairs.map(keypair => ({
        ...newKeypair(keypair.publicKey, SHARES),
        secret: keypair.secret,
      }));
      const batch = { vaultId: vault.vaultId, oracleSetHash: next.hash, dataKeyId: 1, keypairs: fresh };
      await insertKeypairs(database, batch);
      await activateUpload(database, activationOf(vault, keysOf(fresh), next));
      expect(await pruneShares(database, vault.vaultId)).toEqual({ oracleSets: 1, shares: 2 * SHARES });
      expect(await listOracleSets(database, vault.vaultId)).toEqual([next]);
      expect(await readSecrets(database, vault)).toEqual(expectedSecrets(fresh, next));
      expect(await countVaultRows(database, vault.vaultId)).toMatchObject({ shares: 6, secrets: 8 });
    });
  });

  describe('the end of an upload', () => {
    it('activateUpload refuses when the manifest has changed meanwhile, and changes nothing', async () => {
      const { vault, before, set, keypairs } = await upload(1);
      const stale = activationOf({ ...before, manifestCounter: 5n }, keysOf(keypairs), set);
      await expect(activateUpload(database, stale)).rejects.toMatchObject({
        code: 'vault-changed',
        message: `The vault was changed in the remote db by another process meanwhile: its manifest is number ${vault.manifestCounter}, expected 5.`,
      });
      expect(await findVault(database, vault)).toEqual(vault);
    });

    it('activateUpload may be repeated when its own commit was not heard of', async () => {
      const vault = await storeVault(database);
      const set = newOracleSet(SHARES);
      const activation = activationOf(vault, keysOf(await store(vault, set, 1)), set);
      const first = await activateUpload(database, activation);
      expect(await activateUpload(database, activation)).toEqual(first);
      expect(
        await listAuditEntries(database, { network: 'devnet', vault: vault.address }, { limit: 10 }),
      ).toHaveLength(1);
    });

    it('activateUpload is undone as a whole when the manifest is refused', async () => {
      const vault = await storeVault(database);
      const set = newOracleSet(SHARES);
      const keys = keysOf(await store(vault, set, 1));
      const refusing = activationOf(vault, keys, set, {
        startManifest: () => {
          throw new Error('refused');
        },
      });
      await expect(activateUpload(database, refusing)).rejects.toThrow('refused');
      expect(await findVault(database, vault)).toEqual(vault);
      expect(await listValidatorPublicKeys(database, vault.vaultId)).toEqual([]);
      expect(await findDepositData(database, vault.vaultId)).toBeUndefined();
    });

    it('activateUpload assigns new keys by the stored plan and moves none', async () => {
      const { vault, set, keypairs } = await upload(2);
      const keys = keysOf(keypairs).sort(compareBytes);
      const assignments = keys.map((publicKey, clientIndex) => ({ publicKey, clientIndex }));
      await updateAssignmentPlan(database, vault.vaultId, () => ({ totalClients: 2, assignments }));
      const more = await store(vault, set, 1);
      const told: unknown[] = [];
      await activateUpload(
        database,
        activationOf(vault, keysOf(more), set, {
          assignNewKeys: (plan, fresh) => {
            told.push({ ...plan, assignments: [...plan.assignments] }, fresh);
            return fresh.map(publicKey => ({ publicKey, clientIndex: 1 }));
          },
        }),
      );
      expect(told).toEqual([{ totalClients: 2, assignments, isIntact: true }, keysOf(more)]);
      const expected = [keys[1], ...keysOf(more)].filter(key => key !== undefined).sort(compareBytes);
      expect(await listClientPublicKeys(database, vault.vaultId, 1)).toEqual(expected);
    });
  });

  it('updateAssignmentPlan gives the second of two first plans what the first one stored', async () => {
    const { vault, keypairs } = await upload(4);
    const planFor = (totalClients: number) =>
      updateAssignmentPlan(database, vault.vaultId, (stored, publicKeys) =>
        stored === undefined
          ? {
              totalClients,
              assignments: publicKeys.map((publicKey, index) => ({
                publicKey,
                clientIndex: index % totalClients,
              })),
            }
          : undefined,
      );
    const outcomes = await Promise.all([planFor(2), planFor(3)]);
    expect(outcomes.filter(outcome => outcome.updated)).toHaveLength(1);
    expect(outcomes[0]?.plan).toEqual(outcomes[1]?.plan);
    expect(await findAssignmentPlan(database, vault.vaultId)).toEqual(outcomes[0]?.plan);
    expect(outcomes[0]?.plan?.assignments.map(assignment => assignment.publicKey)).toEqual(
      keysOf(keypairs).sort(compareBytes),
    );
  });

  it('two vaults with the same keys never see or delete each other’s rows', async () => {
    const { vault, set, keypairs } = await upload(2);
    const other = await storeVault(database, 'hoodi');
    await insertOracleSet(database, other.vaultId, set);
    await insertKeypairs(database, {
      vaultId: other.vaultId,
      oracleSetHash: set.hash,
      dataKeyId: 1,
      keypairs,
    });
    await activateUpload(database, activationOf(other, keysOf(keypairs).slice(0, 1), set));
    expect(await listValidatorPublicKeys(database, other.vaultId)).toHaveLength(1);
    expect(await readSecrets(database, vault)).toEqual(expectedSecrets(keypairs, set));

    const counts = await countVaultRows(database, other.vaultId);
    const audit = { actor: 'tester', command: 'cleanup', network: other.network, vault: other.address };
    expect(await deleteVault(database, { vaultId: other.vaultId, audit })).toEqual(counts);
    expect(counts).toEqual({
      validators: 2,
      shares: 6,
      secrets: 8,
      oracleSets: 1,
      depositData: 1,
      assignments: 0,
    });
    expect(await findVault(database, other)).toBeUndefined();
    expect(await readSecrets(database, vault)).toEqual(expectedSecrets(keypairs, set));
    expect(await listAuditEntries(database, audit, { limit: 10 })).toMatchObject([
      { command: 'cleanup' },
      { command: 'upload' },
    ]);
    expect(await deleteVault(database, { vaultId: other.vaultId, audit })).toBeUndefined();
  });

  it.each(['update', 'delete', 'truncate'])('the audit log refuses %s', async verb => {
    const entry = { actor: 'a', command: 'c', network: 'devnet', vault: randomKey(20), counts: { keys: 1 } };
    await appendAuditEntry(database, entry);
    const table = tableOf(database, 'audit_log');
    const statement = { update: sql`update ${table} set actor = 'b'`, delete: sql`delete from ${table}` }[
      verb
    ];
    await expect((statement ?? sql`truncate ${table}`).execute(database.db)).rejects.toThrow(
      'audit_log is append-only',
    );
    expect(await listAuditEntries(database, entry, { limit: 10 })).toMatchObject([entry]);
  });

  async function store(vault: Vault, set: OracleSet, count: number, dataKeyId = 1) {
    await insertOracleSet(database, vault.vaultId, set);
    const keypairs = newKeypairs(count, set.publicKeys.length);
    await insertKeypairs(database, { vaultId: vault.vaultId, oracleSetHash: set.hash, dataKeyId, keypairs });
    return keypairs;
  }

  async function upload(count: number) {
    const before = await storeVault(database);
    const set = newOracleSet(SHARES);
    const keypairs = await store(before, set, count);
    return {
      before,
      set,
      keypairs,
      vault: await activateUpload(database, activationOf(before, keysOf(keypairs), set)),
    };
  }
});

function keysOf(keypairs: readonly { publicKey: Uint8Array }[]): Uint8Array[] {
  return keypairs.map(keypair => keypair.publicKey);
}

async function readSecrets(session: Session, vault: Vault): Promise<StoredSecret[]> {
  return (await readPages(session, vault, 1000)).flat();
}

async function readPages(session: Session, { vaultId }: Vault, pageSize: number): Promise<StoredSecret[][]> {
  const pages: StoredSecret[][] = [];
  for await (const page of pageActiveSecrets(session, { vaultId, pageSize })) pages.push(page);
  return pages;
}

async function allPages(pages: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const page of pages) all.push(page);
  return all;
}

function byPublicKey(a: StoredSecret, b: StoredSecret): number {
  return compareBytes(a.publicKey, b.publicKey);
}

function expectedSecrets(keypairs: ReturnType<typeof newKeypairs>, set: OracleSet): StoredSecret[] {
  return keypairs
    .flatMap(({ publicKey, secret, shares }): StoredSecret[] => [
      {
        kind: 'validator',
        publicKey,
        parentPublicKey: null,
        oracleSetHash: null,
        shareIndex: null,
        dataKeyId: 1,
        ...secret,
      },
      ...shares.map((share, shareIndex) => ({
        ...share,
        kind: 'share' as const,
        parentPublicKey: publicKey,
        oracleSetHash: set.hash,
        shareIndex,
        dataKeyId: 1,
      })),
    ])
    .sort(byPublicKey);
}
