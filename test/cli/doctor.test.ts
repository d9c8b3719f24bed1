import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, runSql } from '../support/postgres/postgres.ts';
import { runCli, temporaryDirectory } from '../support/programs/cli.ts';
import { unseenResults } from '../support/programs/json-results.ts';
import { type StoredVault, storeTestVault } from '../support/scenes/stored-vault.ts';
import { type ListingSigner, startListingSigner } from '../support/servers/listing-signer.ts';

const directory = temporaryDirectory();
const resources = new AsyncDisposableStack();
let vault: StoredVault;
let signer: ListingSigner;
let env: Record<string, string>;
let walletFile: string;

beforeAll(async () => {
  const database = resources.use(await createTestDatabase());
  vault = await storeTestVault(database.url, { validators: 3, oracles: 3 });
  const shares = await runSql(
    database.url,
    `select '0x' || encode(public_key, 'hex') as key from stakewise_operator.key_shares`,
  );
  signer = resources.use(
    await startListingSigner([...vault.publicKeys, ...shares.map(({ key }) => String(key))]),
  );
  walletFile = join(directory.path, vault.address.toLowerCase(), 'wallet', 'wallet.json');
  mkdirSync(join(walletFile, '..'), { recursive: true });
  writeFileSync(walletFile, JSON.stringify({ address: '73c5000000000000000000000000000000000001' }), {
    mode: 0o600,
  });
  env = {
    VAULT: vault.address,
    NETWORK: 'holesky',
    REMOTE_DB_URL: database.url,
    REMOTE_SIGNER_URL: signer.url,
    DATA_DIR: directory.path,
  };
});
afterAll(async () => {
  await resources.disposeAsync();
  directory[Symbol.dispose]();
});

const doctor = (...words: string[]) => runCli(['doctor', ...words], { env });

describe('operator doctor', () => {
  it('doctor ends with 0 where no check fails, and says what it has not looked at', async () => {
    const { stdout, stderr, exitCode } = await doctor();
    expect(exitCode, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/^✓ database: PostgreSQL \d+\S*, step 0012-retired-keys, 3 keys \(\d+ ms\)$/m);
    expect(stdout).toMatch(/^✓ signer http:\/\/127\.0\.0\.1:\d+: 12 keys \(\d+ ms\)$/m);
    expect(stdout).toMatch(/^✓ signer http:\/\/127\.0\.0\.1:\d+: is up, and has loaded all/m);
    expect(stdout).toContain('- execution nodes: none is named\n');
    expect(stdout).toContain('- slashing database: --slashing-db-url names none\n');
    expect(stdout).toContain(`✓ ${walletFile}: only its owner can read it\n`);
    expect(stdout).toMatch(/\n\d+ checks: 0 failed, \d+ with a warning; \d+ not made\.\n$/);
  });

  it('doctor ends with 3 where a check fails, which stands last, with what to do', async () => {
    const { keys } = signer;
    signer.keys = keys.slice(0, 6);
    const { stdout, exitCode } = await doctor();
    signer.keys = keys;
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(
      /✗ signer http:\/\/127\.0\.0\.1:\d+: lacks 6 keys, first 0x\S+\n {2}→ operator remote-db setup-web3signer, then \/reload of the signer\n\n\d+ checks: 1 failed/,
    );
  });

  it('doctor warns of a secret that others can read, and still ends with 0', async () => {
    chmodSync(walletFile, 0o644);
    const { stdout, exitCode } = await doctor('--key-files-dir', directory.path);
    chmodSync(walletFile, 0o600);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`! ${walletFile}: other users can read it\n  → chmod 600 ${walletFile}\n`);
  });

  it('doctor --json has a code, a severity and a hint for each check', async () => {
    const { stdout, exitCode } = await doctor('--json');
    expect(exitCode).toBe(0);
    const { checks } = JSON.parse(stdout);
    expect(checks).toContainEqual(
      expect.objectContaining({ code: 'signer-health', severity: 'ok', where: `signer ${signer.url}` }),
    );
    expect(checks).toContainEqual(
      expect.objectContaining({ code: 'database-role', severity: 'warn', hint: expect.any(String) }),
    );
  });

  it('every result of this file was shown', () => {
    expect(unseenResults(import.meta.filename)).toEqual([]);
  });
});
