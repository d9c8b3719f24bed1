import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../../../../src/db/database.ts';
import type { OwnCheck } from '../../../../../src/domain/fleet/doctor/check.ts';
import { publicKeyOf } from '../../../../../src/domain/keys/derivation.ts';
import { generateEncryptionKey } from '../../../../../src/domain/keys/envelope.ts';
import { toHex } from '../../../../../src/lib/bytes.ts';
import { EndpointUrl } from '../../../../../src/lib/endpoint-url.ts';
import { RecordTable } from '../../../../../src/lib/record-table.ts';
import { resolveNetwork } from '../../../../../src/networks/resolve-network.ts';
import { checkDatabase } from '../../../../../src/services/fleet/diagnose/check-database.ts';
import {
  checkEncryptionKey,
  type TryEncryptKey,
} from '../../../../../src/services/fleet/diagnose/check-encryption-key.ts';
import { checkImports, checkSigning } from '../../../../../src/services/fleet/diagnose/check-signing.ts';
import { setupVault } from '../../../../../src/services/remote-db/setup-vault.ts';
import { unlockVault } from '../../../../../src/services/remote-db/unlock-vault.ts';
import { type Keymanager, startKeymanager } from '../../../../devnet/keymanager.ts';
import { freePort } from '../../../../devnet/listen.ts';
import { createRolesDatabase } from '../../../../support/postgres/database-roles.ts';
import { createTestDatabase } from '../../../../support/postgres/postgres.ts';
import { startTransactionPooler } from '../../../../support/postgres/transaction-pooler.ts';
import { EXIT_CHAIN } from '../../../../support/scenes/signing-fixtures.ts';

const limitMs = 5_000;
const opener = (url: string) => () => openDatabase({ url });
const lines = (checks: readonly OwnCheck[]) => checks.map(({ severity, code }) => `${severity} ${code}`);

describe('the check of a pooler', () => {
  const poolerOf = async (url: string) =>
    (await checkDatabase(opener(url), limitMs)).find(({ code }) => code === 'database-pooler');

  it('checkDatabase warns of a pooler of transactions, and of no server that is reached itself', async () => {
    await using database = await createTestDatabase();
    await using pooler = await startTransactionPooler(database.url);
    expect(await poolerOf(database.url)).toMatchObject({ severity: 'ok' });
    expect(await poolerOf(pooler.url)).toMatchObject({
      severity: 'warn',
      what: expect.stringContaining('through a pooler of transactions'),
    });
  });
});

describe('checkEncryptionKey', () => {
  const ref = {
    network: resolveNetwork('holesky'),
    address: '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc',
  };

  const trial = (key: string | undefined): TryEncryptKey | undefined =>
    key === undefined
      ? undefined
      : async session => {
          using _ = await unlockVault(session, ref, key);
        };

  async function storeVault(url: string): Promise<string> {
    await using database = await openDatabase({ url });
    const { encryptionKey = '' } = await setupVault(database, {
      ref,
      programVersion: '1.0.0',
      ifNeeded: false,
    });
    return encryptionKey;
  }

  it('checkEncryptionKey passes the key that opens the vault, and fails another one without repeating it', async () => {
    await using database = await createTestDatabase();
    const encryptKey = await storeVault(database.url);
    const check = (key: string) =>
      checkEncryptionKey({ open: opener(database.url), tryKey: trial(key), ref, limitMs });
    expect(lines(await check(encryptKey))).toEqual(['ok encryption-key']);
    for (const wrong of [generateEncryptionKey(), 'planted-no-key']) {
      const found = await check(wrong);
      expect(found).toMatchObject([{ severity: 'fail', hint: expect.stringContaining('remote-db setup') }]);
      expect(JSON.stringify(found)).not.toContain(wrong);
    }
  });

  it('checkEncryptionKey is not made without key or database, or with a role that may not read data keys', async () => {
    await using scene = await createRolesDatabase();
    const encryptKey = await storeVault(scene.ownerUrl);
    const check = (url: string | undefined, key: string | undefined) =>
      checkEncryptionKey({
        open: url === undefined ? undefined : opener(url),
        tryKey: trial(key),
        ref,
        limitMs,
      });
    expect(await check(scene.ownerUrl, undefined)).toMatchObject([
      { severity: 'skip', what: '--encrypt-key-file names none' },
    ]);
    expect(await check(undefined, encryptKey)).toMatchObject([
      { severity: 'skip', what: '--db-url names no database' },
    ]);
    expect(await check(scene.urls.auditor, encryptKey)).toMatchObject([
      { severity: 'skip', what: expect.stringContaining('may not read the data key') },
    ]);
  });

  it('checkEncryptionKey warns where the vault is not there, or the database is down', async () => {
    await using database = await createTestDatabase();
    const encryptKey = generateEncryptionKey();
    const down = `postgresql://127.0.0.1:${await freePort()}/x?sslmode=disable`;
    for (const url of [database.url, down]) {
      const found = await checkEncryptionKey({ open: opener(url), tryKey: trial(encryptKey), ref, limitMs });
      expect(found).toMatchObject([{ severity: 'warn', what: expect.stringMatching(/^was not tried: /) }]);
    }
  });
});

describe('the checks of what signers do', () => {
  const SECRET = new Uint8Array(32).fill(9);
  const PUBLIC_KEY = publicKeyOf(SECRET);

  async function startSigner(): Promise<Keymanager> {
    const signer = await startKeymanager(EXIT_CHAIN);
    signer.addKey(toHex(PUBLIC_KEY), { secretKey: SECRET, path: '', isReadOnly: true });
    return signer;
  }
  const urlsOf = ({ url }: Keymanager) => [EndpointUrl.parse(url)];

  it.each([
    [undefined, 'ok', /lists 1 keys and takes others/],
    ['no-api', 'skip', /has no key manager/],
    ['garbage', 'warn', /does not answer|JSON/],
    ['down', 'warn', /cut the connection/],
    ['host-refused', 'warn', /403/],
  ] as const)(
    'checkImports of a signer with fault %s says %s, and sends no key',
    async (fault, severity, what) => {
      await using signer = await startSigner();
      signer.fault = fault;
      const found = await checkImports(urlsOf(signer), { tls: undefined, limitMs });
      expect(found).toMatchObject([{ code: 'signer-imports', severity, what: expect.stringMatching(what) }]);
      expect(signer.requests.every(({ method }) => method === 'GET')).toBe(true);
    },
  );

  const checkSigns = (
    signer: Keymanager,
    more: { isWanted?: boolean; validators?: RecordTable | null } = {},
  ) => {
    const { isWanted = true, validators = RecordTable.of(PUBLIC_KEY, 48) } = more;
    return checkSigning(urlsOf(signer), {
      tls: undefined,
      limitMs,
      isWanted,
      network: EXIT_CHAIN,
      validators: validators ?? undefined,
    });
  };

  it.each([
    [undefined, 'ok', /signs with a key of the vault/],
    ['wrong-key', 'fail', /signature/],
    ['other-network', 'fail', /./],
    ['down', 'fail', /cut the connection/],
  ] as const)('checkSigning of a signer with fault %s says %s', async (fault, severity, what) => {
    await using signer = await startSigner();
    signer.fault = fault;
    const found = await checkSigns(signer);
    expect(found).toMatchObject([{ code: 'signer-signs', severity, what: expect.stringMatching(what) }]);
  });

  it('checkSigning has nothing signed but an exit of no validator', async () => {
    await using signer = await startSigner();
    await checkSigns(signer);
    expect(signer.signed).toEqual([{ publicKey: toHex(PUBLIC_KEY), validatorIndex: String(2n ** 64n - 1n) }]);
  });

  it('checkSigning asks for no signature unless it is told to, and for none with keys of others', async () => {
    await using signer = await startSigner();
    const others = RecordTable.of(new Uint8Array(48).fill(1), 48);
    for (const more of [{ isWanted: false }, { validators: null }, { validators: others }])
      expect(lines(await checkSigns(signer, more))).toEqual(['skip signer-signs']);
    expect(signer.signed).toEqual([]);
  });
});
