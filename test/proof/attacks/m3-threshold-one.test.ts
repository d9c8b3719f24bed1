// Of oracles with a threshold of one each alone has all: every key share is the validator's key, every exit shard its exit.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openSignerClient, type SignerClient } from '../../../src/clients/signer/signer-client.ts';
import { openDatabase } from '../../../src/db/database.ts';
import { findDepositData } from '../../../src/db/deposit-data.ts';
import { listVisibleShares } from '../../../src/db/key-shares.ts';
import { listActiveKeypairs } from '../../../src/db/keypairs.ts';
import { findOracleSet, insertOracleSet } from '../../../src/db/oracle-sets.ts';
import { listVaults } from '../../../src/db/vaults.ts';
import { operatorDigest } from '../../../src/domain/fleet/fact-digests.ts';
import { publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { splitSecretKey } from '../../../src/domain/keys/key-share.ts';
import { oracleSetHash } from '../../../src/domain/protocol/oracle-config.ts';
import { toHex } from '../../../src/lib/bytes.ts';
import { makeExitShards } from '../../../src/services/exits/make-exit-shards.ts';
import type { Devnet } from '../../devnet/devnet.ts';
import { type Keymanager, startKeymanager } from '../../devnet/keymanager.ts';
import { createOracleKey } from '../../devnet/oracle-set.ts';
import { createTestDatabase, runSql } from '../../support/postgres/postgres.ts';
import { runCli } from '../../support/programs/cli.ts';
import { startOperatorProcess } from '../../support/programs/operator-process.ts';
import { type OperatorScene, startOperatorScene } from '../../support/scenes/operator-scene.ts';
import { EXIT_CHAIN, TEST_VAULT, testSecretKey } from '../../support/scenes/signing-fixtures.ts';
import { storeTestVault } from '../../support/scenes/stored-vault.ts';

const REFUSED =
  "Error: The oracle configuration has a threshold of 1 (exit_signature_recover_threshold): each oracle's share would be the validator key itself.\nCheck that the network and the keeper are the right ones.\n";

let scene: OperatorScene;
let devnet: Devnet;
let signer: Keymanager;
let number = 0;
let dataDir: string;
let vaultDir: string;
beforeAll(async () => {
  scene = await startOperatorScene({ validators: 2, oracles: 3, threshold: 2 });
  devnet = scene.devnet;
});
afterAll(() => scene[Symbol.asyncDispose]());
beforeEach(async () => {
  signer = await startKeymanager(EXIT_CHAIN);
  dataDir = scene.writeDataDir(`data-${number++}`);
  vaultDir = join(dataDir, scene.vault.toLowerCase());
});
afterEach(() => signer[Symbol.asyncDispose]());

const vaultArgs = () => ['--vault', scene.vault, '--data-dir', dataDir];
const execution = () => ['--execution-endpoints', devnet.rpcUrl];
const setupSigner = (...more: string[]) =>
  runCli(['remote-signer-setup', ...vaultArgs(), ...execution(), '--remote-signer-url', signer.url, ...more]);
const deleted = () => signer.requests.filter(({ method }) => method === 'DELETE');
const configPath = () => join(vaultDir, 'remote_signer_config.json');
const obsoletePath = () => join(vaultDir, 'remote_signer_obsolete_keys.json');

/** The validators' own keys are in the signer, and validator clients work with them. */
function loadValidators(): void {
  for (const secretKey of scene.secretKeys) {
    signer.addKey(toHex(publicKeyOf(secretKey)), { secretKey, path: '', isReadOnly: false });
  }
}

/** What a run with a 1-of-3 set left behind: the validator's own key three times, as its shares. */
function writeLeftovers(): void {
  loadValidators();
  const shares = Object.fromEntries(scene.publicKeys.map(key => [key, [key, key, key]]));
  const set = { config_hash: `0x${'11'.repeat(32)}`, config_ipfs_hash: 'QmOneOfThree', threshold: 1 };
  writeFileSync(configPath(), JSON.stringify({ pubkeys_to_shares: shares, oracle_set: set }));
}

describe('M3 · oracles with a threshold of one', () => {
  beforeAll(() => devnet.updateOracles({ count: 3, threshold: 1 }));
  afterAll(() => devnet.updateOracles({ count: 3, threshold: 2 }));

  it('one oracle: is the whole threshold when remote-signer-setup is to make shares → refused, nothing is sent', async () => {
    expect(await setupSigner()).toEqual({ exitCode: 1, stdout: '', stderr: REFUSED });
    expect(signer.requests.filter(({ method }) => method === 'POST')).toEqual([]);
  });

  it('one oracle: is the whole threshold when upload-keypairs is to make shares → refused, nothing is stored', async () => {
    await using database = await createTestDatabase();
    const keyFile = join(dataDir, 'encrypt-key');
    const remote = (command: string, ...more: string[]) =>
      runCli(['remote-db', command, ...vaultArgs(), '--encrypt-key-file', keyFile, ...more], {
        env: { REMOTE_DB_URL: database.url, NETWORK: scene.networkFile },
      });
    expect(await remote('setup')).toMatchObject({ exitCode: 0 });
    const upload = await remote('upload-keypairs', ...execution());
    expect(upload).toMatchObject({ exitCode: 1, stderr: REFUSED });
    const stored = await runSql(database.url, 'select public_key from stakewise_operator.key_secrets');
    expect(stored).toEqual([]);
  });

  it('one oracle: is the whole threshold when start reads the set → start ends, no exit is asked of the signer', async () => {
    loadValidators();
    await using operator = startOperatorProcess([
      ...vaultArgs(),
      ...execution(),
      '--consensus-endpoints',
      scene.beacon.url,
      '--remote-signer-url',
      signer.url,
    ]);
    expect(await operator.ended, operator.output).toBe(1);
    expect(operator.output).toContain('has a threshold of 1 (exit_signature_recover_threshold)');
    expect(signer.signed).toEqual([]);
  });
});

describe('M3 · exit shards of which fewer oracles than the threshold have all', () => {
  const secretKey = testSecretKey(1);
  const publicKey = publicKeyOf(secretKey);
  const oraclesOf = (threshold: number) => ({
    oracles: [0, 1, 2].map(i => ({ ...createOracleKey(i), endpoints: [] })),
    exitSignatureRecoverThreshold: threshold,
  });
  let client: SignerClient;
  beforeEach(() => {
    client = openSignerClient({ urls: [signer.url], timeoutMs: 10_000 });
  });
  afterEach(() => client[Symbol.asyncDispose]());

  async function make(
    threshold: number,
    shares: readonly Uint8Array[],
    mode: 'key-shares' | 'split' | 'auto',
  ) {
    const oracles = oraclesOf(threshold);
    for (const key of [secretKey, ...shares]) {
      signer.addKey(toHex(publicKeyOf(key)), { secretKey: key, path: '', isReadOnly: false });
    }
    const oracleSet = { configHash: oracleSetHash(oracles), ipfsHash: 'Qm', threshold };
    const config = { validators: [{ publicKey, shares: shares.map(publicKeyOf) }], oracleSet };
    const log = { info: () => undefined, warn: () => undefined };
    return await makeExitShards(
      { signer: client, log },
      {
        vault: TEST_VAULT,
        network: EXIT_CHAIN,
        oracles,
        mode,
        config,
        validators: [{ publicKey, validatorIndex: 7n }],
        loadedKeys: await client.listPublicKeys(),
      },
    );
  }

  it.each(['key-shares', 'split', 'auto'] as const)(
    'one oracle: its set has a threshold of one (%s) → refused before anything is signed',
    async mode => {
      const shares = [secretKey, secretKey, secretKey];
      await expect(make(1, shares, mode)).rejects.toMatchObject({ code: 'oracle-threshold-one' });
      expect(signer.signed).toEqual([]);
    },
  );

  it.each(['key-shares', 'auto'] as const)(
    'hostile file: names the validator’s own key as each of its shares (%s) → refused before anything is signed',
    async mode => {
      const shares = [secretKey, secretKey, secretKey];
      await expect(make(2, shares, mode)).rejects.toMatchObject({ code: 'shares-inconsistent' });
      expect(signer.signed).toEqual([]);
    },
  );

  it('database writer: names shares that two of three oracles recombine, the threshold being three → refused', async () => {
    const shares = splitSecretKey(secretKey, { threshold: 2, count: 3 });
    await expect(make(3, shares, 'key-shares')).rejects.toMatchObject({
      code: 'shares-inconsistent',
      message: expect.stringContaining('when there are fewer than 3'),
    });
    expect(signer.signed).toEqual([]);
    const sound = splitSecretKey(secretKey, { threshold: 3, count: 3 });
    expect(await make(3, sound, 'key-shares')).toMatchObject({ mode: 'key-shares' });
  });

  it('database writer: stores an oracle set with a threshold of one, all digests right → setup-operator writes nothing', async () => {
    await using database = await createTestDatabase();
    const stored = await storeTestVault(database.url, { validators: 1, oracles: 3 });
    await replaceOracleSet(database.url);
    const output = join(dataDir, 'output');
    const args = ['--vault', stored.address, '--network', 'holesky', '--data-dir', dataDir];
    const env = { REMOTE_DB_URL: database.url };
    const setup = await runCli(['remote-db', 'setup-operator', ...args, '--output-dir', output], { env });
    expect(setup).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('has a threshold of 1') });
    expect(() => readFileSync(join(output, 'remote_signer_config.json'))).toThrow('ENOENT');
    const keyFile = join(dataDir, 'encrypt-key');
    writeFileSync(keyFile, stored.encryptKey, { mode: 0o600 });
    const verify = await runCli(['remote-db', 'verify', ...args, '--encrypt-key-file', keyFile], { env });
    expect(verify).toMatchObject({ exitCode: 3, stdout: expect.stringContaining('has a threshold of 1') });
  });
});

/** Lowers the set's threshold to one with SQL alone, and makes its hash and all digests that need no key anew. */
async function replaceOracleSet(url: string): Promise<void> {
  await using database = await openDatabase({ url });
  const [vault] = await listVaults(database);
  if (vault?.oracleSetHash == null) throw new Error('no oracle set is stored');
  const before = await findOracleSet(database, vault.vaultId, vault.oracleSetHash);
  if (before === undefined) throw new Error('the oracle set is missing');
  const oracles = before.publicKeys.map(publicKey => ({ publicKey }));
  const hash = oracleSetHash({ oracles, exitSignatureRecoverThreshold: 1 });
  await insertOracleSet(database, vault.vaultId, { ...before, hash, threshold: 1 });
  for (const [table, column] of [
    ['vaults', 'oracle_set_hash'],
    ['keypairs', 'shares_set_hash'],
    ['key_shares', 'oracle_set_hash'],
  ]) {
    const update = `update stakewise_operator.${table} set ${column} = $1 where ${column} = $2`;
    await runSql(url, update, [Buffer.from(hash), Buffer.from(before.hash)]);
  }
  const digest = operatorDigest({
    oracleSet: { ...before, hash, threshold: 1 },
    document: (await findDepositData(database, vault.vaultId))?.document ?? '',
    keypairs: await listActiveKeypairs(database, vault.vaultId),
    shares: await listVisibleShares(database, vault.vaultId),
  });
  await runSql(url, 'update stakewise_operator.vaults set operator_digest = $1', [Buffer.from(digest)]);
}

describe('M3 · --remove-existing-keys after a run with a threshold of one', () => {
  it('hostile file: the configuration names the validators’ keys as shares → --remove-existing-keys lets them stay', async () => {
    writeLeftovers();
    const run = await setupSigner('--remove-existing-keys');
    expect(run.exitCode, run.stderr).toBe(0);
    expect(deleted()).toEqual([]);
    for (const key of scene.publicKeys) expect(signer.keys.has(key), key).toBe(true);
    expect(signer.keys.size).toBe(2 + 2 * 3);
    const written = JSON.parse(readFileSync(configPath(), 'utf8'));
    expect(written.oracle_set.threshold).toBe(2);
    expect(Object.values(written.pubkeys_to_shares).flat()).not.toContain(scene.publicKeys[0]);

    // The keystores are gone by now.
    expect(await setupSigner('--remove-existing-keys')).toMatchObject({ exitCode: 0 });
    expect(deleted()).toEqual([]);
  });

  it('hostile file: the list of obsolete keys names the validators’ keys → --remove-existing-keys lets them stay', async () => {
    loadValidators();
    const [first = '', second = ''] = scene.publicKeys;
    const list = () => writeFileSync(obsoletePath(), JSON.stringify([first, second]));
    const stays = [first, second].map(
      key =>
        `Warning: Key ${key} was named as obsolete, but it is a validator's own or another vault's: it stays in the signer.\n`,
    );
    list();
    const byKeystores = await setupSigner('--remove-existing-keys', '--keep-keystores');
    expect(byKeystores.exitCode).toBe(0);
    expect(linesOfRemoval(byKeystores.stderr)).toEqual([]);

    rmSync(join(vaultDir, 'keystores'), { recursive: true });
    rmSync(configPath());
    list();
    const byDepositData = await setupSigner('--remove-existing-keys');
    expect(byDepositData.exitCode).toBe(0);
    expect(linesOfRemoval(byDepositData.stderr).join('')).toBe(stays.join(''));

    rmSync(join(vaultDir, 'deposit_data.json'));
    writeFileSync(configPath(), JSON.stringify({ pubkeys_to_shares: { [first]: [], [second]: [] } }));
    list();
    const byConfiguration = await setupSigner('--remove-existing-keys');
    expect(byConfiguration.stderr).toContain(stays.join(''));

    rmSync(configPath());
    const other = join(dataDir, `0x${'ab'.repeat(20)}`);
    mkdirSync(other);
    writeFileSync(
      join(other, 'remote_signer_config.json'),
      JSON.stringify({ pubkeys_to_shares: { [first]: [second] } }),
    );
    list();
    const byAnotherVault = await setupSigner('--remove-existing-keys');
    expect(byAnotherVault.stderr).toContain(stays.join(''));
    expect(deleted()).toEqual([]);
    for (const key of [first, second]) expect(signer.keys.has(key), key).toBe(true);
  });

  it('local user: replaces a sound oracle set by another one → --remove-existing-keys removes its shares', async () => {
    loadValidators();
    expect(await setupSigner('--keep-keystores')).toMatchObject({ exitCode: 0 });
    await devnet.updateOracles({ count: 4, threshold: 3 });
    try {
      expect(await setupSigner('--remove-existing-keys')).toMatchObject({ exitCode: 0 });
    } finally {
      await devnet.updateOracles({ count: 3, threshold: 2 });
    }
    expect(deleted()).toHaveLength(1);
    expect(signer.keys.size).toBe(2 + 2 * 4);
    for (const key of scene.publicKeys) expect(signer.keys.has(key), key).toBe(true);
  });
});

/** What was said beside the warning of a single execution endpoint. */
function linesOfRemoval(stderr: string): string[] {
  return stderr.split(/(?<=\n)/).filter(line => !line.startsWith('Warning: Only one execution endpoint'));
}
