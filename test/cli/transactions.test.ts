import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { type LeaseRef, takeLease } from '../../src/db/leases.ts';
import {
  authenticateIntent,
  findTransaction,
  recordAttempt,
  recordIntent,
} from '../../src/db/transactions.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { createTestDatabase } from '../support/postgres/postgres.ts';
import { runCli, temporaryDirectory } from '../support/programs/cli.ts';
import { unseenResults } from '../support/programs/json-results.ts';

const VAULT = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';
const scope = { chainId: 1, vault: fromHex(VAULT, 20) };
const resources = new AsyncDisposableStack();
let database: Database;
let env: Record<string, string>;

beforeAll(async () => {
  const server = resources.use(await createTestDatabase());
  database = resources.use(await openDatabase({ url: server.url }));
  env = { VAULT, NETWORK: 'mainnet', REMOTE_DB_URL: server.url };
});
afterAll(() => resources.disposeAsync());

const tx = (...words: string[]) => runCli(['tx', ...words], { env });

it('tx list and tx cancel say that the operator has sent nothing yet', async () => {
  expect(await tx('list')).toMatchObject({ exitCode: 0, stdout: 'The operator has sent no transactions.\n' });
  expect(await tx('cancel')).toMatchObject({
    exitCode: 1,
    stderr: 'Error: No transaction of this vault is under way.\nSee "tx list".\n',
  });
});

it('tx list names the database that is missing', async () => {
  using empty = temporaryDirectory();
  const nowhere = await runCli(['tx', 'list'], { env: { VAULT, NETWORK: 'mainnet', DATA_DIR: empty.path } });
  expect(nowhere.stderr).toContain('There is no database of an operator at');
});

describe('a transaction that was sent', () => {
  let lease: LeaseRef;
  let id: bigint;
  beforeAll(async () => {
    const epoch = (await takeLease(database, scope, { holder: 'test', ttlMs: 60_000 })) ?? 0n;
    lease = { ...scope, epoch };
    const address = new Uint8Array(20).fill(7);
    const intent = {
      kind: 'harvest',
      key: 'one',
      sender: address,
      recipient: address,
      nonce: 4n,
      data: new Uint8Array(4),
      gasLimit: 90_000n,
      deadline: undefined,
      valueWei: 12n,
      bumpCeilingWei: 80_000_000_000n,
    };
    id = (await recordIntent(database, lease, intent)) ?? 0n;
    await recordAttempt(database, lease, id, {
      hash: new Uint8Array(32).fill(1),
      nonce: 4n,
      purpose: 'call',
      raw: new Uint8Array(9),
      mac: undefined,
      maxFeeWei: 12_500_000_000n,
      maxPriorityFeeWei: 1n,
    });
  });

  it('tx list shows a transaction with its nonce, its hash and its fee', async () => {
    const listed = await tx('list');
    expect(listed.stdout).toMatch(
      /^1 {2}\d{4}-\S+Z {2}harvest {2}sent {2}nonce 4 {2}0x(01){32} {2}sends 12 wei {2}up to 12\.500 gwei\n$/,
    );
  });

  it('tx bump asks the operator for a higher fee, up to what it offers for a call with a tag', async () => {
    const untagged = await tx('bump', '--max-fee-per-gas-gwei', '80');
    expect([untagged.exitCode, untagged.stderr]).toEqual([1, expect.stringContaining('is not signed anew')]);
    const tag = { mac: new Uint8Array(32), bumpCeilingWei: 80_000_000_000n };
    await authenticateIntent(database, lease, id, tag);
    const tooHigh = await tx('bump', '--max-fee-per-gas-gwei', '81');
    expect([tooHigh.exitCode, tooHigh.stderr]).toEqual([
      2,
      expect.stringContaining('--max-fee-per-gas-gwei is 81; the operator offers 80 gwei at most.'),
    ]);
    for (const verb of ['bump', 'cancel']) {
      const dry = await tx(verb, '--dry-run', '--json');
      const result = { id: 1, kind: 'harvest', nonce: 4, request: verb, dryRun: true };
      expect(JSON.parse(dry.stdout)).toEqual(result);
      expect(dry.stderr).toMatch(/The operator would (replace|cancel) transaction 1 /);
    }
    expect(await findTransaction(database, scope, 'one')).toMatchObject({ request: undefined });
    const bumped = await tx('bump', '--max-fee-per-gas-gwei', '80');
    expect(bumped.stdout).toBe(
      'The operator will replace transaction 1 (harvest, nonce 4) with a higher fee.\n',
    );
    expect(await findTransaction(database, scope, 'one')).toMatchObject({
      request: 'bump',
      feeCeilingWei: 80_000_000_000n,
    });
    const bumpedAgain = await tx('bump', '--max-fee-per-gas-gwei', '80', '--json');
    expect(JSON.parse(bumpedAgain.stdout)).toEqual({ id: 1, kind: 'harvest', nonce: 4, request: 'bump' });
    expect(await tx('bump', '--id', '9')).toMatchObject({ exitCode: 1 });
  });

  it('tx cancel asks the operator to cancel a transaction, which tx list shows', async () => {
    const cancelled = await tx('cancel', '--id', '1', '--json');
    expect(JSON.parse(cancelled.stdout)).toEqual({ id: 1, kind: 'harvest', nonce: 4, request: 'cancel' });
    expect(cancelled.stderr).toContain(
      'The operator will cancel transaction 1 (harvest, nonce 4), if it still can.\n',
    );
    expect((await tx('list', '--json')).stdout).toContain('"request": "cancel"');
  });
});

it('the commands of tx have shown results with --json as their schemas say', () => {
  expect(unseenResults(import.meta.filename)).toEqual([]);
});
