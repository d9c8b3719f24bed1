import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { activateUpload } from '../../../src/db/activate-upload.ts';
import { type Database, inSnapshot } from '../../../src/db/database.ts';
import { findDepositData } from '../../../src/db/deposit-data.ts';
import { listValidatorSecrets } from '../../../src/db/key-secrets.ts';
import { listVisibleShares } from '../../../src/db/key-shares.ts';
import { insertKeypairs, listActiveKeypairs, listStoredKeypairs } from '../../../src/db/keypairs.ts';
import { insertOracleSet } from '../../../src/db/oracle-sets.ts';
import {
  findDocument,
  pageActiveKeypairs,
  pageDocument,
  pageVisibleShares,
  VISIBLE_SHARE_LENGTH,
} from '../../../src/db/public-facts.ts';
import { depositTextOf } from '../../../src/domain/consensus/deposit-text.ts';
import { operatorDigest, RunningOperatorDigest } from '../../../src/domain/fleet/fact-digests.ts';
import { concatBytes } from '../../../src/lib/bytes.ts';
import { BOTH_DATABASES, openMigrated } from '../../support/postgres/both-databases.ts';
import {
  activationOf,
  newKeypairs,
  newOracleSet,
  randomKey,
  storeVault,
} from '../../support/scenes/stored-keys.ts';

/** Bytes of a piece of the document, and rows of a page of shares. */
const PIECE = 256 * 1024;
const PAGE = 6_000;

describe.each(BOTH_DATABASES)('public facts on $kind', ({ createUrl }) => {
  const resources = new AsyncDisposableStack();
  let database: Database;

  beforeAll(async () => {
    database = await openMigrated(resources, createUrl);
  });
  afterAll(() => resources.disposeAsync());

  it.each([
    { validators: 0, shares: 2 },
    { validators: 1, shares: 1 },
    { validators: PAGE / 3, shares: 3 },
    { validators: PAGE / 3 + 1, shares: 3 },
  ])(
    'public facts in pages are those of the lists: $validators validators with $shares shares',
    async size => {
      const { vaultId, set, document } = await upload(size.validators, size.shares, '[]');
      await inSnapshot(database, async session => {
        const keypairs = await listActiveKeypairs(session, vaultId);
        const shares = await listVisibleShares(session, vaultId);
        const pages = await collect(pageVisibleShares(session, vaultId));
        expect(pages.map(page => page.length / VISIBLE_SHARE_LENGTH)).toEqual(pageLengths(shares.length));
        const records = concatBytes(await collect(pageActiveKeypairs(session, vaultId)));
        expect(records).toEqual(
          concatBytes(keypairs.flatMap(({ publicKey, sharesSetHash }) => [publicKey, sharesSetHash])),
        );
        const running = new RunningOperatorDigest(set, document.length).document(document).keypairs(records);
        for (const page of pages) running.shares(page);
        expect(running.digest()).toEqual(
          operatorDigest({ oracleSet: set, document: document.toString(), keypairs, shares }),
        );
      });
    },
  );

  it.each([
    ['no text', ''],
    ['one byte', 'a'],
    ['a piece', 'a'.repeat(PIECE)],
    ['a byte more than a piece', 'a'.repeat(PIECE + 1)],
    ['characters across the borders of pieces', `.${'€'.repeat(PIECE)}`],
  ])('the document of a vault comes in pieces, whole and in order: %s', async (_name, text) => {
    const { vaultId, document } = await upload(1, 1, text);
    await inSnapshot(database, async session => {
      const stored = await findDocument(session, vaultId);
      const whole = await findDepositData(session, vaultId);
      expect(stored).toEqual({ root: whole?.root, entryCount: whole?.entryCount, length: document.length });
      const pieces = await collect(pageDocument(session, vaultId));
      expect(pieces).toHaveLength(Math.max(1, Math.ceil(document.length / PIECE)));
      expect(hashOf(concatBytes(pieces))).toBe(hashOf(document));
    });
  });

  it('a vault that has uploaded nothing has no public facts', async () => {
    const { vaultId } = await storeVault(database);
    await inSnapshot(database, async session => {
      expect(await findDocument(session, vaultId)).toBeUndefined();
      for (const page of [pageDocument, pageActiveKeypairs, pageVisibleShares])
        expect(await collect(page(session, vaultId))).toEqual([]);
    });
  });

  it('what is read of more validators than a page has is all there, in order, and all of them become visible', async () => {
    // As many as no one statement activates.
    const validators = 10_001;
    const { vaultId, set } = await upload(validators, 1, '[]');
    const keypairs = await listActiveKeypairs(database, vaultId);
    expect(keypairs).toHaveLength(validators);
    const states = { vaultId, oracleSetHash: set.hash, shareCount: 1 };
    const stored = [...(await listStoredKeypairs(database, states))];
    const seen = stored.filter(({ isActive, isComplete, isOfSet }) => isActive && isComplete && isOfSet);
    expect(hashOf(concatBytes(seen.map(({ publicKey }) => publicKey)))).toBe(
      hashOf(concatBytes(keypairs.map(({ publicKey }) => publicKey))),
    );
    const own = await listValidatorSecrets(database, vaultId);
    const ownLength = own.length / validators;
    expect(hashOf(concatBytes(keypairs.map((_, i) => own.subarray(i * ownLength, i * ownLength + 48))))).toBe(
      hashOf(concatBytes(keypairs.map(({ publicKey }) => publicKey))),
    );
  });

  it('public facts leave the connection usable when a reader stops early', async () => {
    const { vaultId } = await upload(2, 2, 'a'.repeat(3 * PIECE));
    for (let round = 0; round < 8; round++) {
      await inSnapshot(database, async session => {
        for await (const piece of pageDocument(session, vaultId)) {
          expect(piece).toHaveLength(PIECE);
          break;
        }
        expect(await collect(pageVisibleShares(session, vaultId))).toHaveLength(1);
      });
    }
  });

  /** What readers see after an upload, some of it beside rows that they do not see. */
  async function upload(validators: number, shares: number, text: string) {
    const vault = await storeVault(database);
    const { vaultId, dataKeyId } = vault;
    const set = newOracleSet(shares);
    const keypairs = newKeypairs(validators, shares);
    const publicKeys = keypairs.map(({ publicKey }) => publicKey);
    await insertOracleSet(database, vaultId, set);
    const batch = { vaultId, dataKeyId, oracleSetHash: set.hash };
    await insertKeypairs(database, { ...batch, keypairs: [...keypairs, ...newKeypairs(2, shares)] });
    await activateUpload(
      database,
      activationOf(vault, publicKeys, set, {
        depositData: {
          root: randomKey(32),
          text: depositTextOf([Buffer.from(text)]),
          entryCount: validators,
        },
      }),
    );
    return { vaultId, set, document: Buffer.from(text) };
  }
});

async function collect(pages: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const collected: Uint8Array[] = [];
  for await (const page of pages) collected.push(page);
  return collected;
}

function pageLengths(rows: number): number[] {
  return Array.from({ length: Math.ceil(rows / PAGE) }, (_, i) => Math.min(PAGE, rows - i * PAGE));
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
