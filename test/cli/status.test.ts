import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startValidatorClient, type ValidatorClient } from '../devnet/validator-client.ts';
import { createTestDatabase, runSql } from '../support/postgres/postgres.ts';
import { runCli, runOnTerminal, temporaryDirectory } from '../support/programs/cli.ts';
import { unseenResults } from '../support/programs/json-results.ts';
import { startOperatorProcess } from '../support/programs/operator-process.ts';
import { type StoredVault, storeTestVault } from '../support/scenes/stored-vault.ts';
import { type ListingSigner, startListingSigner } from '../support/servers/listing-signer.ts';
import { waitUntil } from '../support/wait-until.ts';

const TOKEN = 'planted-token-0x01';
const directory = temporaryDirectory();
const resources = new AsyncDisposableStack();
let vault: StoredVault;
let signer: ListingSigner;
let client: ValidatorClient;
let env: Record<string, string>;
let named: string[];

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
  client = resources.use(await startValidatorClient('prysm', { token: TOKEN, keys: vault.publicKeys }));
  writeFileSync(join(directory.path, 'token'), `${TOKEN}\n`, { mode: 0o600 });
  env = {
    VAULT: vault.address,
    NETWORK: 'holesky',
    REMOTE_DB_URL: database.url,
    DATA_DIR: directory.path,
  };
  named = ['--signer-url', signer.url, '--keymanager', `${client.url}=${join(directory.path, 'token')}`];
  const written = await runCli(
    [
      'remote-db',
      'setup-validator',
      '--validator-index=0',
      '--total-validators=1',
      '--web3signer-endpoint=http://signer:9000',
      `--fee-recipient=${vault.address}`,
      `--output-dir=${join(directory.path, 'client-0')}`,
    ],
    { env },
  );
  expect(written.exitCode, written.stderr).toBe(0);
});
afterAll(async () => {
  await resources.disposeAsync();
  directory[Symbol.dispose]();
});

const status = (...words: string[]) => runCli(['status', ...named, ...words], { env });

/** Runs with half of the signer's keys. */
async function withHalf<T>(run: () => Promise<T>): Promise<T> {
  const { keys } = signer;
  signer.keys = keys.slice(0, 6);
  try {
    return await run();
  } finally {
    signer.keys = keys;
  }
}

describe('operator status', () => {
  it('status of a fleet in order ends with 0 and shows each part of it', async () => {
    const { stdout, stderr, exitCode } = await status();
    expect(stderr).toBe('');
    expect(exitCode, stdout).toBe(0);
    expect(stdout).toMatch(/^Vault {6}0x8189…9bCc on holesky {3}seen /);
    expect(stdout).toMatch(/^Database {3}PostgreSQL \d+/m);
    expect(stdout).toMatch(/^Keys {7}deposit data 3 {3}in database 3/m);
    expect(stdout).toContain('12 keys   complete');
    expect(stdout).toContain('1 planned, 3 keys each   #0 files current');
    expect(stdout).toMatch(/#0 http:\/\/127\.0\.0\.1:\d+ {3}runs 3 keys {3}as planned/);
    expect(stdout).toContain('not asked: --execution-endpoints names no node');
    expect(stdout).toMatch(/\nEverything that was asked is as it should be\.\n$/);
  });

  it('status ends with 3 where anything differs, and names what mends it', async () => {
    const { stdout, exitCode } = await withHalf(() => status());
    expect(exitCode).toBe(3);
    expect(stdout).toContain('✗ 6 missing');
    expect(stdout).toMatch(/! signer http:\/\/127\.0\.0\.1:\d+: lacks 6 keys, first 0x/);
    expect(stdout).toContain('  → operator remote-db setup-web3signer, then /reload of the signer\n');
    expect(stdout).toMatch(/\n1 difference to be mended\.\n$/);
  });

  it('status --json prints what was seen and what differs, and no secret', async () => {
    const { stdout, stderr, exitCode } = await withHalf(() => status('--json'));
    expect(exitCode).toBe(3);
    const { differences, observation } = JSON.parse(stdout);
    expect(differences).toMatchObject([{ code: 'signer-keys-missing', severity: 'warning' }]);
    expect(observation).toMatchObject({
      vault: vault.address,
      database: { answer: 'answered', facts: { total: 3 } },
      oracles: { answer: 'not-asked' },
      signers: [{ seen: { facts: { loaded: 6, expected: 12, missing: { total: 6 } } } }],
    });
    expect(observation.signers[0].seen.facts.missing.publicKeys).toHaveLength(6);
    expect(stdout + stderr).not.toContain(TOKEN);
    expect(stderr).toContain('1 difference to be mended.');
  });

  it.each([
    [['fleet', 'status']],
    [['remote-db', 'status']],
    [['remote-db', '--log-format', 'plain', '--verbose', 'status']],
  ])('%s is status', async words => {
    const { stdout, exitCode } = await runCli([...words, ...named], { env });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('12 keys   complete');
  });

  it('status ends with 1 where nothing can be seen, and says why', async () => {
    const nobody = await runCli(['status'], {
      env: { VAULT: vault.address, NETWORK: 'holesky', DATA_DIR: directory.path },
    });
    expect(nobody.exitCode).toBe(1);
    expect(nobody.stderr).toContain('Nothing of the fleet could be seen: no counterpart was named.');
    const down = await runCli(['status', '--db-url', 'postgresql://127.0.0.1:1/x?sslmode=disable'], {
      env: { VAULT: vault.address, NETWORK: 'holesky', DATA_DIR: directory.path },
    });
    expect(down.exitCode).toBe(1);
    expect(down.stderr).toMatch(/Nothing of the fleet could be seen: database: /);
    const asJson = await runCli(['status', '--json'], {
      env: { VAULT: vault.address, NETWORK: 'holesky', DATA_DIR: directory.path },
    });
    expect(JSON.parse(asJson.stdout)).toMatchObject({ error: { code: 'nothing-seen' } });
  });

  it('status refuses a validator client without the file of its token', async () => {
    const { stderr, exitCode } = await runCli(['status', '--keymanager', client.url], { env });
    expect(stderr).toContain("Invalid value for '--keymanager'");
    expect(exitCode).toBe(2);
  });

  it('status refuses --watch with --json', async () => {
    const { stderr, exitCode } = await status('--watch', '--json');
    expect(stderr).toContain('--watch draws a screen, and --json prints one document.');
    expect(exitCode).toBe(2);
  });

  it('status --watch draws over the last picture until Ctrl-C', async () => {
    const { screen, exitCode } = await runOnTerminal(
      ['status', ...named, '--watch', '--watch-interval', '0.3'],
      [
        { on: 'as it should be.', type: '' },
        { on: 'as it should be.', type: '\u0003' },
      ],
      { env, columns: 100 },
    );
    expect(exitCode).toBe(130);
    expect(screen.split('12 keys   complete').length).toBeGreaterThan(2);
    // A screen that is cleared for each picture flickers.
    expect(screen.split('\u001b[2J')).toHaveLength(2);
    expect(screen.split('\u001b[H').length).toBeGreaterThan(2);
  });

  it('status --serve serves the page until Ctrl-C, and says where', async () => {
    await using program = startOperatorProcess([...named, '--serve', '--status-port', '0'], {
      env,
      words: ['status'],
    });
    await program.printed(/^Status page at .*\n/m);
    const url = /^Status page at (http:\/\/127\.0\.0\.1:\d+\/)$/m.exec(program.stdout)?.[1] ?? '';
    const answer = await fetch(url);
    const page = await answer.text();
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page).toContain('Everything that was asked is as it should be');
    expect(page).toContain(vault.address);
    expect(page).not.toContain(TOKEN);
    expect((await fetch(`${url}page.js`)).status).toBe(200);
    expect(await program.stop('SIGINT')).toMatchObject({ exitCode: 0 });
    await expect(fetch(url)).rejects.toThrow('fetch failed');
  });

  it('a page that is open shows keys that are made meanwhile', async () => {
    const config = join(directory.path, vault.address.toLowerCase(), 'config.json');
    const have = (keys: number) => {
      const document = {
        network: 'holesky',
        mnemonic_next_index: keys,
        first_public_key: vault.publicKeys[0],
      };
      writeFileSync(config, JSON.stringify(document));
    };
    mkdirSync(dirname(config), { recursive: true });
    have(3);
    await using program = startOperatorProcess(
      [...named, '--serve', '--status-port', '0', '--watch-interval', '0.1'],
      { env, words: ['status'] },
    );
    await program.printed(/^Status page at .*\n/m);
    const url = /^Status page at (\S+)$/m.exec(program.stdout)?.[1] ?? '';
    const created = async () => {
      const page = (await (await fetch(url)).text()).replace(/<[^>]*>/g, ' ');
      return /Created\s+(\d+)/.exec(page)?.[1];
    };
    expect(await created()).toBe('3');
    have(5);
    let last: string | undefined;
    await waitUntil(
      '5 created keys on the page',
      async () => {
        last = await created();
        return last === '5';
      },
      { lastSeen: () => last },
    );
    rmSync(dirname(config), { recursive: true });
    expect(await program.stop('SIGINT')).toMatchObject({ exitCode: 0 });
  });

  it.each([
    ['--watch', '--watch draws a screen, and --serve serves a page.'],
    ['--json', '--serve serves a page, and --json prints one document.'],
  ])('status refuses --serve with %s', async (other, why) => {
    const { stdout, stderr, exitCode } = await status('--serve', other);
    expect(stdout + stderr).toContain(why);
    expect(exitCode).toBe(2);
  });

  it('every result of this file was shown', () => {
    expect(unseenResults(import.meta.filename)).toEqual([]);
  });
});
