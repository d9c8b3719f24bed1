import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { updateAssignmentPlan } from '../../../src/db/assignments.ts';
import { openDatabase } from '../../../src/db/database.ts';
import { startValidatorClient } from '../../devnet/validator-client.ts';
import { createTestDatabase, runSql } from '../../support/postgres/postgres.ts';
import { PROJECT_ROOT, runCli, temporaryDirectory } from '../../support/programs/cli.ts';
import { startListingSigner } from '../../support/servers/listing-signer.ts';

const VAULT = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';
const SHARES = 11;
const CLIENTS = 10;
const SET = `'\\x${'07'.repeat(32)}'`;

/** Three hashes are as long as a public key; no key of the curve is needed, as nobody signs with it. */
const keyOf = (seed: string) =>
  `decode(md5('a' || ${seed}) || md5('b' || ${seed}) || md5('c' || ${seed}), 'hex')`;

/** Fills a database with validators and their shares, faster than any upload. */
async function fill(url: string, validators: number): Promise<void> {
  const schema = 'stakewise_operator';
  await runSql(
    url,
    `with vault as (
       insert into ${schema}.vaults (network, chain_id, address, data_key_id)
       values ('holesky', 17000, '\\x${VAULT.slice(2)}', 1) returning vault_id)
     insert into ${schema}.data_keys (vault_id, data_key_id, nonce, ciphertext)
     select vault_id, 1, '\\x${'01'.repeat(12)}', '\\x${'02'.repeat(48)}' from vault`,
  );
  await runSql(
    url,
    `insert into ${schema}.oracle_sets (vault_id, oracle_set_hash, config_ipfs_hash, threshold, share_count, public_keys)
     select vault_id, ${SET}, 'bafk', 8, ${SHARES}, decode(repeat('03', ${64 * SHARES}), 'hex') from ${schema}.vaults`,
  );
  await runSql(url, `update ${schema}.vaults set oracle_set_hash = ${SET}`);
  await runSql(
    url,
    `insert into ${schema}.keypairs (vault_id, public_key, active, shares_set_hash)
     select vault_id, ${keyOf('i')}, true, ${SET} from ${schema}.vaults, generate_series(1, ${validators}) i`,
  );
  await runSql(
    url,
    `insert into ${schema}.key_shares (vault_id, parent_public_key, oracle_set_hash, share_index, public_key)
     select vault_id, ${keyOf('i')}, ${SET}, s, ${keyOf("(i || ' ' || s)")}
     from ${schema}.vaults, generate_series(1, ${validators}) i, generate_series(0, ${SHARES - 1}) s`,
  );
}

/** Runs `status` over two signers and ten clients of so many keys, with all in order but one key of one signer. */
async function measure(validators: number) {
  await using stack = new AsyncDisposableStack();
  using directory = temporaryDirectory();
  const database = stack.use(await createTestDatabase());
  await fill(database.url, validators);
  const keys: string[] = [];
  {
    await using session = await openDatabase({ url: database.url });
    const [{ vault_id: vaultId } = { vault_id: 0 }] = await runSql(
      database.url,
      'select vault_id from stakewise_operator.vaults',
    );
    await updateAssignmentPlan(session, Number(vaultId), (_, publicKeys) => {
      for (const publicKey of publicKeys) keys.push(`0x${Buffer.from(publicKey).toString('hex')}`);
      const assignments = publicKeys.map((publicKey, i) => ({ publicKey, clientIndex: i % CLIENTS }));
      return { totalClients: CLIENTS, assignments };
    });
  }
  const [{ list } = { list: '' }] = await runSql(
    database.url,
    `select '[' || string_agg(k, ',') || ']' as list from (
       select '"0x' || encode(public_key, 'hex') || '"' as k from stakewise_operator.keypairs
       union all select '"0x' || encode(public_key, 'hex') || '"' from stakewise_operator.key_shares) keys`,
  );
  const text = String(list);
  const whole = stack.use(await startListingSigner([]));
  whole.faults.garbage = text;
  const half = stack.use(await startListingSigner([]));
  half.faults.garbage = `[${text.slice(text.indexOf(',') + 1)}`;
  const named = [`--signer-url=${whole.url}`, `--signer-url=${half.url}`];
  for (let index = 0; index < CLIENTS; index++) {
    const client = stack.use(
      await startValidatorClient('lighthouse', { keys: keys.filter((_, i) => i % CLIENTS === index) }),
    );
    const token = join(directory.path, `token-${index}`);
    writeFileSync(token, client.token, { mode: 0o600 });
    named.push(`--keymanager=${client.url}=${token}`);
  }
  mkdirSync(join(directory.path, 'data'));
  const usage = join(directory.path, 'usage.json');
  const run = await runCli(['status', ...named, '--json', '--ask-timeout=120'], {
    env: {
      VAULT,
      NETWORK: 'holesky',
      DATA_DIR: join(directory.path, 'data'),
      REMOTE_DB_URL: database.url,
      BENCH_USAGE_FILE: usage,
      NODE_OPTIONS: `--import=${join(PROJECT_ROOT, 'test/bench/report-usage.mjs')}`,
    },
  });
  const { differences, observation } = JSON.parse(run.stdout);
  const used = JSON.parse(readFileSync(usage, 'utf8')) as { cpuMs: number; peakMb: number };
  return { differences, observation, used, exitCode: run.exitCode };
}

it('status of 10,000 and of 100,000 validators with 11 shares each finds the one key that a signer lacks, in bounded memory and linear time', async () => {
  const some = await measure(10_000);
  expect(some.exitCode).toBe(3);
  expect(some.differences).toMatchObject([
    { code: 'signer-keys-missing', what: expect.stringContaining('lacks 1 key, first 0x') },
    { code: 'client-files-unknown' },
  ]);
  expect(some.observation.signers).toMatchObject([
    { seen: { facts: { loaded: 120_000, expected: 120_000 } } },
    { seen: { facts: { loaded: 119_999 } } },
  ]);
  expect(some.observation.keymanagers[9]).toMatchObject({ seen: { facts: { index: 9, runs: 1_000 } } });
  expect(some.used.peakMb).toBeLessThan(300);
  const many = await measure(100_000);
  expect(many.observation.signers[0]).toMatchObject({ seen: { facts: { expected: 1_200_000 } } });
  // Printed for whoever wonders: figures of one run are no bounds for another machine.
  console.info(`status: ${JSON.stringify({ some: some.used, many: many.used })}`);
  expect(many.used.cpuMs).toBeLessThan(15 * some.used.cpuMs);
}, 900_000);
