import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { openKeymanager } from '../../../../../src/clients/keymanager.ts';
import { openSignerClient } from '../../../../../src/clients/signer/signer-client.ts';
import { parseRemoteSignerConfig } from '../../../../../src/domain/fleet/remote-signer-document.ts';
import { publicKeyOf } from '../../../../../src/domain/keys/derivation.ts';
import { toHex } from '../../../../../src/lib/bytes.ts';
import { EndpointUrl } from '../../../../../src/lib/endpoint-url.ts';
import { removeObsoleteKeys } from '../../../../../src/services/fleet/remote-signer/remove-obsolete-keys.ts';
import {
  type SetUpRemoteSignerOptions,
  setUpRemoteSigner,
} from '../../../../../src/services/fleet/remote-signer/set-up-remote-signer.ts';
import { readKeystores } from '../../../../../src/services/local-keys/read-keystores.ts';
import { createWorkerPool, type WorkerPool } from '../../../../../src/workers/pool.ts';
import { type Keymanager, startKeymanager } from '../../../../devnet/keymanager.ts';
import { it as base, disposedAfterTest } from '../../../../support/fixtures.ts';
import {
  EXIT_CHAIN,
  silentProgress,
  testSecretKey,
  writeTestKeystores,
} from '../../../../support/scenes/signing-fixtures.ts';

const secretKeys = [testSecretKey(1), testSecretKey(2)];
const publicKeys = secretKeys.map(key => toHex(publicKeyOf(key)));
const oracleSet = (seed: number) => ({
  hash: new Uint8Array(32).fill(seed),
  configIpfsHash: `Qm${seed}`,
  threshold: 2,
  publicKeys: [1, 2, 3].map(i => new Uint8Array(64).fill(i)),
});

const it = base.extend(
  'keymanager',
  disposedAfterTest(() => startKeymanager(EXIT_CHAIN)),
);

let pool: WorkerPool;
let server: Keymanager;
let vaultDirectory: string;
let keystoresDir: string;
let said: string[];
let warned: string[];
beforeAll(() => {
  pool = createWorkerPool({ size: 2 });
});
afterAll(() => pool[Symbol.asyncDispose]());
it.beforeEach(async ({ directory, keymanager }) => {
  server = keymanager;
  vaultDirectory = directory;
  keystoresDir = join(vaultDirectory, 'keystores');
  await writeTestKeystores(keystoresDir, secretKeys);
  [said, warned] = [[], []];
});

async function setUp(
  options: Partial<SetUpRemoteSignerOptions> & {
    keep?: boolean;
    timeoutMs?: number;
    calledUrl?: string;
  } = {},
) {
  const { keep = false, timeoutMs = 20_000, calledUrl = server.url, ...rest } = options;
  await using keymanager = openKeymanager({ url: server.url, timeoutMs });
  await using signer = openSignerClient({ urls: [server.url], timeoutMs });
  const location = { keystoresDir, passwordFiles: [join(keystoresDir, 'password.txt')] };
  return await setUpRemoteSigner(
    {
      keymanager: { ...keymanager, url: EndpointUrl.parse(calledUrl) },
      signer,
      pool,
      progress: silentProgress,
      say: line => void said.push(line),
      warn: line => void warned.push(line),
      assertHeld: () => undefined,
      confirmRemoval: async () => !keep,
    },
    {
      vaultDirectory,
      network: EXIT_CHAIN,
      oracleSet: oracleSet(1),
      removeExistingKeys: false,
      keystores: await readKeystores(location, () => undefined),
      settleMs: 20,
      ...rest,
    },
  );
}

const configPath = () => join(vaultDirectory, 'remote_signer_config.json');
function config() {
  return parseRemoteSignerConfig(readFileSync(configPath(), 'utf8'), 'config');
}
const posts = () =>
  server.requests.filter(({ method, path }) => method === 'POST' && path === '/eth/v1/keystores');
const proofs = () => server.signed.length;

function expectUntouched(): void {
  expect(readdirSync(keystoresDir)).toHaveLength(3);
  expect(existsSync(configPath())).toBe(false);
  expect(server.requests.some(({ method }) => method === 'DELETE')).toBe(false);
}

describe('a remote signer', () => {
  it('setUpRemoteSigner imports shares and has them proven, and only then removes the keystores', async () => {
    const result = await setUp();
    expect(said).toEqual([
      'Successfully generated 6 key shares for 2 private key(s)!',
      'Successfully imported 6 key shares into remote signer.',
      'Removed keystores from local filesystem.',
      'Done. Successfully configured operator to use remote signer for 2 public key(s)!',
    ]);
    expect(result).toMatchObject({ validators: 2, keys: 6, importedKeys: 6, removedKeystores: 2 });
    expect(readdirSync(keystoresDir)).toEqual([]);
    expect([...server.keys.keys()].sort()).toEqual(
      config()
        .validators.flatMap(({ shares }) => shares.map(toHex))
        .sort(),
    );
    expect(config().oracleSet).toMatchObject({ threshold: 2, ipfsHash: 'Qm1' });
    expect(server.seenKdfs).toEqual(new Set(['pbkdf2 c=1']));
    expect(server.seenPasswords.size).toBe(6);
    for (const password of server.seenPasswords) expect(password).toMatch(/^[0-9a-f]{64}$/);
    expect(server.signed.every(({ validatorIndex }) => validatorIndex === String(2n ** 64n - 1n))).toBe(true);
    expect(proofs()).toBe(6);
  });

  it('setUpRemoteSigner imports whole keys and no shares with --split', async () => {
    await setUp({ oracleSet: null });
    expect([...server.keys.keys()].sort()).toEqual([...publicKeys].sort());
    expect(config()).toEqual({
      validators: secretKeys.map(key => ({ publicKey: publicKeyOf(key), shares: [] })),
    });
    expect(said[0]).toBe('Successfully imported 2 private keys into remote signer.');
  });

  it('setUpRemoteSigner keeps keystores when told so, and a second run sends nothing again', async () => {
    await setUp({ keep: true });
    expect(readdirSync(keystoresDir)).toHaveLength(3);
    const before = readFileSync(configPath(), 'utf8');
    await setUp();
    expect(posts()).toHaveLength(1);
    expect(readFileSync(configPath(), 'utf8')).toBe(before);
  });

  it('setUpRemoteSigner sends new shares for another oracle set, and removes old ones only when asked', async () => {
    const foreign = `0x${'ab'.repeat(48)}`;
    server.addKey(foreign, { secretKey: testSecretKey(9), path: '', isReadOnly: false });
    await setUp({ keep: true });
    const old = config().validators.flatMap(({ shares }) => shares.map(toHex));
    await setUp({ keep: true, oracleSet: oracleSet(2) });
    expect(warned.join()).toContain('6 keys of earlier configurations');
    expect(server.keys.size).toBe(13);
    await setUp({ oracleSet: oracleSet(2), removeExistingKeys: true });
    expect(server.keys.size).toBe(7);
    expect(server.keys.has(foreign)).toBe(true);
    expect(old.some(key => server.keys.has(key))).toBe(false);
    expect(said).toContain('Removed 6 keys from remote signer');
    expect(warned.join()).toContain('slashing protection database');
    expect(existsSync(join(vaultDirectory, 'remote_signer_obsolete_keys.json'))).toBe(false);
  });

  it('setUpRemoteSigner warns of keys that go in clear text to a signer beyond this machine', async () => {
    await setUp({ keep: true, calledUrl: 'https://signer.example:9000' });
    await setUp({ keep: true });
    expect(warned).toEqual([]);
    await setUp({ keep: true, calledUrl: 'http://signer.example:9000' });
    expect(warned).toEqual([expect.stringMatching(/are sent to signer\.example in clear text; use https/)]);
    await setUp({ keep: true, calledUrl: 'http://127.signer.example:9000' });
    expect(warned).toHaveLength(2);
  });

  it('setUpRemoteSigner removes 450 obsolete keys by requests of at most 200', async () => {
    const keys = Array.from({ length: 450 }, (_, i) => `0x${(i + 1).toString(16).padStart(96, '0')}`);
    for (const key of keys) server.addKey(key, { secretKey: testSecretKey(9), path: '', isReadOnly: false });
    writeFileSync(join(vaultDirectory, 'remote_signer_obsolete_keys.json'), JSON.stringify(keys));
    expect(await setUp({ removeExistingKeys: true })).toMatchObject({ removedKeys: 450 });
    const deletions = server.requests.filter(({ method }) => method === 'DELETE');
    expect(said).toContainEqual(
      expect.stringMatching(
        /^Removing 450 obsolete keys from remote signer: (0x[0-9a-f]{96}, ){19}0x[0-9a-f]{96} and 430 more$/,
      ),
    );
    expect(deletions.map(({ body }) => (JSON.parse(body) as { pubkeys: string[] }).pubkeys.length)).toEqual([
      200, 200, 50,
    ]);
    expect(server.keys.size).toBe(6);
  });

  it('setUpRemoteSigner with --remove-existing-keys tells which keys of --split stay in the signer, and why', async () => {
    await setUp({ keep: true, oracleSet: null });
    expect(warned).toEqual([]);
    const stays = `The own keys of 2 validators, which --split has imported, stay in the signer, since validator clients may sign with them: ${publicKeys.join(', ')}.`;
    await setUp({ keep: true, removeExistingKeys: true });
    expect(warned).toEqual([expect.stringContaining(stays)]);
    for (const key of publicKeys) expect(server.keys.has(key)).toBe(true);
    // Nothing is said of validators' keys that --split has not brought there.
    await setUp({ keep: true, removeExistingKeys: true });
    expect(warned).toHaveLength(1);
  });

  it('removeObsoleteKeys tells what stays where --split has left no keystores to work with', async () => {
    await setUp({ oracleSet: null });
    await using keymanager = openKeymanager({ url: server.url, timeoutMs: 5_000 });
    const warnings: string[] = [];
    const deps = { keymanager, say: () => undefined, warn: (line: string) => void warnings.push(line) };
    expect(await removeObsoleteKeys(deps, { vaultDirectory, protectedKeys: new Set() })).toBe(0);
    expect(warnings).toEqual([expect.stringContaining('The own keys of 2 validators')]);
    expect(server.keys.size).toBe(2);
  });

  it('removeObsoleteKeys keeps what the configuration names, though a killed run remembered it as obsolete', async () => {
    await setUp();
    const named = [...server.keys.keys()];
    writeFileSync(join(vaultDirectory, 'remote_signer_obsolete_keys.json'), JSON.stringify(named));
    await using keymanager = openKeymanager({ url: server.url, timeoutMs: 5_000 });
    const deps = { keymanager, say: () => undefined, warn: () => undefined };
    expect(await removeObsoleteKeys(deps, { vaultDirectory, protectedKeys: new Set() })).toBe(0);
    expect([...server.keys.keys()]).toEqual(named);
  });

  it('setUpRemoteSigner remembers the keys that it could not remove', async () => {
    await setUp({ keep: true });
    server.fault = 'delete-fails';
    await expect(setUp({ oracleSet: oracleSet(2), removeExistingKeys: true })).rejects.toMatchObject({
      code: 'removal-failed',
    });
    const remembered = JSON.parse(
      readFileSync(join(vaultDirectory, 'remote_signer_obsolete_keys.json'), 'utf8'),
    );
    expect(remembered).toHaveLength(6);
  });

  it('setUpRemoteSigner keeps validators whose keystores are gone, and refuses to lose them to another oracle set', async () => {
    await setUp();
    await writeTestKeystores(keystoresDir, [testSecretKey(3)]);
    await setUp({ keep: true });
    expect(config().validators).toHaveLength(3);
    await expect(setUp({ oracleSet: oracleSet(2) })).rejects.toMatchObject({
      code: 'validators-left-out',
      exitCode: 3,
    });
    expect(config().validators).toHaveLength(3);
  });
});

describe('an import', () => {
  it('setUpRemoteSigner looks at what has arrived after a cut import before it sends anything again', async () => {
    server.fault = 'cut-import';
    server.importDelayMs = 5;
    await setUp();
    expect(server.keys.size).toBe(6);
    expect(posts()).toHaveLength(1);
    const afterPost = server.requests.findIndex(({ method }) => method === 'POST') + 1;
    expect(server.requests[afterPost]).toMatchObject({ method: 'GET', path: '/eth/v1/keystores' });
    expect(warned[0]).toContain('keys had arrived');
  });

  it('setUpRemoteSigner stops when the signer refuses some keys, and its next run sends the rest', async () => {
    server.fault = 'half';
    await expect(setUp()).rejects.toMatchObject({
      code: 'import-failed',
      message: expect.stringContaining('refused 3 of 6 keys'),
    });
    expectUntouched();
    server.fault = undefined;
    await setUp();
    expect(posts().map(({ body }) => (JSON.parse(body) as { keystores: string[] }).keystores.length)).toEqual(
      [6, 3],
    );
    expect(server.keys.size).toBe(6);
  });

  it.each([
    ['down', 'connection-reset'],
    ['hanging', 'timeout'],
    ['garbage', 'invalid-answer'],
    ['no-api', 'keymanager-missing'],
    ['host-refused', 'web3signer-refused'],
    ['empty-list', 'keys-not-listed'],
    ['wrong-key', 'invalid-signature'],
    ['other-network', 'signer-refused-exit'],
  ] as const)(
    'setUpRemoteSigner changes nothing here when the signer has the fault "%s"',
    async (fault, code) => {
      server.fault = fault;
      await expect(setUp({ timeoutMs: fault === 'hanging' ? 200 : 20_000 })).rejects.toMatchObject({ code });
      expectUntouched();
    },
  );
});
