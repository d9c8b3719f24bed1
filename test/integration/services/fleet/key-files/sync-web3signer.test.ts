import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type Database, openDatabase } from '../../../../../src/db/database.ts';
import { insertKeypairs, type NewKeypair } from '../../../../../src/db/keypairs.ts';
import { insertOracleSet } from '../../../../../src/db/oracle-sets.ts';
import { publicKeyOf } from '../../../../../src/domain/keys/derivation.ts';
import { generateEncryptionKey } from '../../../../../src/domain/keys/envelope.ts';
import { concatBytes, toHex } from '../../../../../src/lib/bytes.ts';
import { resolveNetwork } from '../../../../../src/networks/resolve-network.ts';
import {
  type SyncWeb3SignerOptions,
  syncWeb3Signer,
} from '../../../../../src/services/fleet/key-files/sync-web3signer.ts';
import { setupVault } from '../../../../../src/services/remote-db/setup-vault.ts';
import { unlockVault, type VaultRef } from '../../../../../src/services/remote-db/unlock-vault.ts';
import { createWorkerPool, type WorkerPool } from '../../../../../src/workers/pool.ts';
import { readKeyDirectory } from '../../../../support/checkers/web3signer.ts';
import { it as base } from '../../../../support/postgres/fixtures.ts';
import { runSql, type TestDatabase } from '../../../../support/postgres/postgres.ts';
import { activateRawKeys, sealRawKeys } from '../../../../support/scenes/sealed-vault.ts';
import { newOracleSet } from '../../../../support/scenes/stored-keys.ts';

const VALIDATORS = 8;
const ORACLES = 4;
const ROWS = VALIDATORS * (ORACLES + 1);
const encryptKey = generateEncryptionKey();
const network = resolveNetwork('hoodi');
const ref: VaultRef = { network, address: '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc' };
const otherRef: VaultRef = { network, address: '0xb793c3D2Cec1d0F35fF88BCA7655B88A44669e4B' };
const PROVEN = `.hoodi-${ref.address.toLowerCase()}.proven`;
const UNCHANGED = expect.stringContaining('are those of these');
const OPENED = expect.stringContaining('Decrypting');

const it = base.extend('opened', async ({ migrated }, { onCleanup }) => {
  const opened = await openDatabase({ url: migrated.url });
  onCleanup(() => opened.close());
  return opened;
});

let pool: WorkerPool;
let server: TestDatabase;
let database: Database;
let keypairs: NewKeypair[];
let directory: string;

beforeAll(() => {
  pool = createWorkerPool({ size: 1 });
});
afterAll(() => pool[Symbol.asyncDispose]());
it.beforeEach(async ({ directory: own, migrated, opened }) => {
  directory = own;
  server = migrated;
  database = opened;
  keypairs = await fill(ref, 0, VALIDATORS);
});

/** Brings keys number `from` to `to` into the database. */
async function fill(vaultRef: VaultRef, from: number, to: number): Promise<NewKeypair[]> {
  await setupVault(database, { ref: vaultRef, programVersion: '1.0.0', encryptKey, ifNeeded: true });
  using unlocked = await unlockVault(database, vaultRef, encryptKey);
  const secretKeys = Array.from({ length: to - from }, (_, i) => secretKeyOf(from + i));
  const keys = {
    secretKeys: concatBytes(secretKeys),
    publicKeys: concatBytes(secretKeys.map(publicKeyOf)),
  };
  const oracleSet = newOracleSet(ORACLES);
  const sealed = await sealRawKeys(pool, unlocked, keys, oracleSet);
  const { vaultId, dataKeyId } = unlocked.vault;
  await insertOracleSet(database, vaultId, oracleSet);
  await insertKeypairs(database, { vaultId, dataKeyId, oracleSetHash: oracleSet.hash, keypairs: sealed });
  await activateRawKeys(database, unlocked, vaultRef, oracleSet, sealed);
  return sealed;
}

function secretKeyOf(index: number): Uint8Array {
  const secretKey = new Uint8Array(createHash('sha256').update(`validator ${index}`).digest());
  secretKey[0] = (secretKey[0] ?? 0) & 0x3f;
  return secretKey;
}

async function sync(options: Partial<SyncWeb3SignerOptions> = {}) {
  const said: string[] = [];
  const say = (line: string) => void said.push(line);
  const progress = { start: () => ({ advance() {}, finish() {} }) };
  const result = await syncWeb3Signer(
    { database, pool, signers: [], progress, say, warn: () => undefined },
    {
      ref,
      encryptKey,
      directory,
      layout: 'buckets',
      removals: 'refuse',
      adopt: false,
      check: false,
      attributes: { mode: 0o600 },
      reloadTimeoutMs: 1,
      ...options,
    },
  );
  return { said, ...result.files };
}

const keyFiles = () => readdirSync(directory).filter(name => !name.startsWith('.'));
const pathOf = (name: string) => join(directory, name);
const firstFile = () => pathOf(keyFiles()[0] ?? '');
const wanted = (keypairs: readonly NewKeypair[]) =>
  keypairs
    .flatMap(({ publicKey, shares }) => [publicKey, ...shares.map(share => share.publicKey)].map(toHex))
    .sort();
const loaded = () => [...readKeyDirectory(directory).publicKeys].sort();

/** One row of the vault's secrets, changed past the program. */
const tamper = (change: string) =>
  runSql(
    server.url,
    `update stakewise_operator.key_secrets set ${change} where public_key = (select min(public_key::text)::bytea from stakewise_operator.key_secrets)`,
  );

describe.each(['buckets', 'one-per-key'] as const)('layout %s, files written from the same rows', layout => {
  it('syncWeb3Signer opens no row and touches no file when nothing has changed', async () => {
    const first = await sync({ layout });
    expect(first).toMatchObject({ keyCount: ROWS, isChanged: true, said: expect.arrayContaining([OPENED]) });
    for (const name of keyFiles()) utimesSync(pathOf(name), 1, 1);
    const again = await sync({ layout });
    expect(again).toMatchObject({ keyCount: ROWS, isChanged: false, removedKeys: 0, keptKeys: 0 });
    expect(again.said).toEqual(['Fetching keypairs from the remote db...', UNCHANGED]);
    expect(again.files.unchanged.toSorted()).toEqual(keyFiles().sort());
    for (const name of keyFiles()) expect(statSync(pathOf(name)).mtimeMs).toBe(1000);
    expect(loaded()).toEqual(wanted(keypairs));
    expect(statSync(pathOf(PROVEN)).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['removed', () => unlinkSync(firstFile())],
    ['a link to the same bytes', linkAway],
  ])('syncWeb3Signer mends a key file that is %s', async (_, damage) => {
    await sync({ layout });
    damage();
    await expectMended({ layout });
  });

  it('syncWeb3Signer corrects file modes without opening a row, and says with check that it would', async () => {
    await sync({ layout });
    chmodSync(firstFile(), 0o644);
    const checked = await sync({ layout, check: true });
    expect(checked).toMatchObject({ isChanged: true, said: expect.arrayContaining([UNCHANGED]) });
    expect(statSync(firstFile()).mode & 0o777).toBe(0o644);
    const { files, said } = await sync({ layout });
    expect(files.adjusted).toHaveLength(1);
    expect(said).toContainEqual(UNCHANGED);
    expect(statSync(firstFile()).mode & 0o777).toBe(0o600);
    const wider = await sync({ layout, attributes: { mode: 0o640 } });
    expect(wider.files.adjusted).toHaveLength(keyFiles().length);
    for (const name of [...keyFiles(), PROVEN]) expect(statSync(pathOf(name)).mode & 0o777).toBe(0o640);
    expect(await sync({ layout, attributes: { mode: 0o640 } })).toMatchObject({ isChanged: false });
  });

  it('syncWeb3Signer opens the rows when keys were added', async () => {
    await sync({ layout });
    const added = await fill({ ...ref }, VALIDATORS, VALIDATORS + 2).catch(() => undefined);
    expect(added).toBeDefined();
    expect((await sync({ layout })).said).toContainEqual(OPENED);
    expect(loaded()).toEqual(wanted([...keypairs, ...(added ?? [])]));
  });

  it('syncWeb3Signer opens the rows when it is to write another layout', async () => {
    await sync({ layout });
    const other = layout === 'buckets' ? 'one-per-key' : 'buckets';
    expect((await sync({ layout: other })).said).toContainEqual(OPENED);
    expect((await sync({ layout: other })).said).toContainEqual(UNCHANGED);
    expect((await sync({ layout })).said).toContainEqual(OPENED);
    expect(loaded()).toEqual(wanted(keypairs));
  });
});

describe('a changed file', () => {
  const damages: [string, () => void][] = [
    ['cut', () => writeFileSync(firstFile(), readFileSync(firstFile()).subarray(0, 40))],
    ['of the same size and mtime', flipDigit],
  ];
  it.each(damages)('syncWeb3Signer mends a changed bucket file: %s', async (_, damage) => {
    await sync();
    damage();
    await expectMended({ removals: 'allow' });
  });

  it.each(damages)(
    'syncWeb3Signer refuses a changed numbered file, which it knows no more as this vault’s: %s',
    async (_, damage) => {
      await sync({ layout: 'one-per-key' });
      damage();
      const before = readFileSync(firstFile());
      await expect(sync({ layout: 'one-per-key' })).rejects.toMatchObject({ code: 'foreign-key-file' });
      expect(readFileSync(firstFile())).toEqual(before);
    },
  );
});

describe('rows that are not what was written', () => {
  it.each([
    [
      'a bit of a ciphertext',
      'ciphertext = set_byte(ciphertext, 5, get_byte(ciphertext, 5) # 1)',
      'row-tampered',
    ],
    ['a bit of a nonce', 'nonce = set_byte(nonce, 5, get_byte(nonce, 5) # 1)', 'row-tampered'],
  ])(
    'syncWeb3Signer refuses a changed row although the files are those of before: %s',
    async (_, change, code) => {
      await sync();
      const before = keyFiles().map(name => readFileSync(pathOf(name), 'utf8'));
      await tamper(change);
      await expect(sync()).rejects.toMatchObject({ code });
      await expect(sync({ check: true })).rejects.toMatchObject({ code });
      expect(keyFiles().map(name => readFileSync(pathOf(name), 'utf8'))).toEqual(before);
    },
  );

  it('syncWeb3Signer refuses a vault with a removed row', async () => {
    await sync();
    await runSql(
      server.url,
      'delete from stakewise_operator.key_secrets where public_key = (select public_key from stakewise_operator.key_shares limit 1)',
    );
    await expect(sync()).rejects.toMatchObject({ code: 'manifest-mismatch' });
  });

  it('syncWeb3Signer refuses a changed counter of the manifest', async () => {
    await sync();
    await runSql(server.url, 'update stakewise_operator.vaults set manifest_counter = manifest_counter + 1');
    await expect(sync()).rejects.toMatchObject({ code: 'manifest-mismatch' });
  });

  it('syncWeb3Signer refuses a wrong encryption key although the files are those of before', async () => {
    await sync();
    await expect(sync({ encryptKey: generateEncryptionKey() })).rejects.toMatchObject({
      code: 'invalid-encryption-key',
    });
  });
});

describe('the record', () => {
  it('syncWeb3Signer ignores a record that is forged, cut, of another vault or empty', async () => {
    await sync();
    const own = readFileSync(pathOf(PROVEN), 'utf8');
    const others = await fill(otherRef, 100, 102);
    await sync({ ref: otherRef });
    const foreign = readFileSync(pathOf(`.hoodi-${otherRef.address.toLowerCase()}.proven`), 'utf8');
    // The hash of a file that an attacker would like to be believed, under the MAC that was there.
    flipDigit();
    const forgedHash = createHash('sha256').update(readFileSync(firstFile())).digest('hex');
    const forged = own.replace(new RegExp(`[0-9a-f]{64} ${keyFiles()[0]}`), `${forgedHash} ${keyFiles()[0]}`);
    expect(forged).not.toBe(own);
    for (const text of [forged, own.slice(0, -2), foreign, '', `${own}\n`]) {
      writeFileSync(pathOf(PROVEN), text);
      expect((await sync({ removals: 'allow' })).said).toContainEqual(OPENED);
      expect(loaded()).toEqual([...wanted(keypairs), ...wanted(others)].sort());
      expect(readFileSync(pathOf(PROVEN), 'utf8')).toBe(own);
    }
  });

  it('syncWeb3Signer removes a key file of the vault that the record does not name', async () => {
    await sync();
    const [name = ''] = keyFiles();
    const unused = Array.from({ length: 256 }, (_, i) =>
      name.replace(/..\.yaml$/, `${i.toString(16).padStart(2, '0')}.yaml`),
    );
    const extra = unused.find(other => !keyFiles().includes(other)) ?? expect.fail();
    cpSync(pathOf(name), pathOf(extra));
    expect(await sync({ check: true })).toMatchObject({ isChanged: true });
    expect((await sync()).files.removed).toEqual([extra]);
    expect(loaded()).toEqual(wanted(keypairs));
  });

  it('syncWeb3Signer writes no record with check, nor while it keeps keys that are no longer the vault’s', async () => {
    expect(await sync({ check: true })).toMatchObject({ isChanged: true });
    expect(readdirSync(directory)).toEqual([]);
    await sync();
    // Another bucket file of this vault, with keys that the database does not have.
    await fill(otherRef, 100, 104);
    await sync({ ref: otherRef, removals: 'allow' });
    for (const name of keyFiles().filter(name => name.includes(otherRef.address.toLowerCase()))) {
      const taken = name.replace(otherRef.address.toLowerCase(), ref.address.toLowerCase());
      if (keyFiles().includes(taken)) continue;
      renameSync(pathOf(name), pathOf(taken));
    }
    const kept = await sync({ removals: 'keep' });
    expect(kept.keptKeys).toBeGreaterThan(0);
    expect(readdirSync(directory)).not.toContain(PROVEN);
    await expect(sync()).rejects.toMatchObject({ code: 'too-many-removals' });
    await sync({ removals: 'allow' });
    expect((await sync()).said).toContainEqual(UNCHANGED);
  });
});

async function expectMended(options: Partial<SyncWeb3SignerOptions>): Promise<void> {
  expect(await sync({ ...options, check: true })).toMatchObject({ isChanged: true });
  expect(await sync(options)).toMatchObject({ isChanged: true, said: expect.arrayContaining([OPENED]) });
  expect(loaded()).toEqual(wanted(keypairs));
  expect((await sync(options)).said).toContainEqual(UNCHANGED);
}

/** Another key in the first file, with size and times as before. */
function flipDigit(): void {
  const path = firstFile();
  const { atime, mtime } = statSync(path);
  writeFileSync(
    path,
    readFileSync(path, 'utf8').replace(
      /0x(.{10})(.)/,
      (_, before, digit) => `0x${before}${digit === '1' ? '2' : '1'}`,
    ),
  );
  utimesSync(path, atime, mtime);
}

function linkAway(): void {
  const path = firstFile();
  const elsewhere = pathOf('.elsewhere');
  renameSync(path, elsewhere);
  symlinkSync(elsewhere, path);
}
