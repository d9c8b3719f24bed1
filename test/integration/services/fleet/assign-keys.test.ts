import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findAssignmentPlan } from '../../../../src/db/assignments.ts';
import { type Database, openDatabase, tableOf } from '../../../../src/db/database.ts';
import { listValidatorPublicKeys } from '../../../../src/db/keypairs.ts';
import { planDigest, validatorsDigest } from '../../../../src/domain/fleet/fact-digests.ts';
import { toHex } from '../../../../src/lib/bytes.ts';
import {
  type AssignKeysOptions,
  assertPlanStored,
  assignKeys,
} from '../../../../src/services/fleet/assign-keys.ts';
import { readSignerKeys } from '../../../support/checkers/validator-clients.ts';
import {
  createDatabaseTemplate,
  type DatabaseTemplate,
} from '../../../support/postgres/database-template.ts';
import { temporaryDirectory } from '../../../support/programs/cli.ts';
import { writeClient } from '../../../support/recorded/recorded-files.ts';
import {
  fillWithRecordedVault,
  recordedRef,
  recordedSecretKeys,
  writeKeystores,
} from '../../../support/recorded/recorded-vault.ts';
import { readRecorded, recordedPath } from '../../../support/recorded/vectors.ts';

let template: DatabaseTemplate;
beforeAll(async () => {
  using keystores = temporaryDirectory();
  writeKeystores(keystores.path, recordedSecretKeys(10));
  template = await createDatabaseTemplate(url => fillWithRecordedVault(url, keystores.path));
});
afterAll(() => template[Symbol.asyncDispose]());

async function openUploaded() {
  const clone = await template.clone();
  const database = await openDatabase({ url: clone.url });
  const files = temporaryDirectory();
  return {
    database,
    path: files.path,
    [Symbol.asyncDispose]: async () => {
      files[Symbol.dispose]();
      await database.close();
      await clone[Symbol.asyncDispose]();
    },
  };
}

const assign = (database: Database, options: Omit<AssignKeysOptions, 'ref'>) =>
  assignKeys(database, { ref: recordedRef, ...options });

/** Files as they were recorded, with the line ends that some lacked there. */
function expectRecorded(directory: string, recorded: string): void {
  const names = readdirSync(recordedPath(recorded)).sort();
  expect(readdirSync(directory).sort()).toEqual(names);
  for (const name of names) {
    const text = readRecorded(`${recorded}/${name}`);
    expect(readFileSync(join(directory, name), 'utf8'), `${recorded}/${name}`).toBe(
      text.endsWith('\n') ? text : `${text}\n`,
    );
  }
}

/** Keys of a recorded client. */
const recordedKeys = (total: number, index: number) =>
  readSignerKeys(readRecorded(`03-remote-db/4-validator-total${total}-index${index}/signer_keys.yml`));

describe('the files of validator clients', () => {
  it('the files of a validator client are the recorded ones for ten keys over ten clients, without the builder', async () => {
    await using vault = await openUploaded();
    const { keyCount } = await writeClient(vault.database, vault.path, {
      index: 0,
      total: 10,
      isBuilderEnabled: false,
    });
    expect(keyCount).toBe(1);
    expectRecorded(vault.path, '03-remote-db/4-validator-builder-off');
  });

  it.each([
    [3, [3, 3, 4]],
    [4, [2, 2, 3, 3]],
  ])(
    'assignKeys gives %i clients the reference’s ranges, and each key that it leaves out to exactly one',
    async (total, counts) => {
      await using vault = await openUploaded();
      const { plan } = await assign(vault.database, {
        totalClients: total,
        likeReference: 'floor',
        reassign: false,
      });
      const clients = counts.map((_, index) =>
        plan.assignments.filter(each => each.clientIndex === index).map(each => toHex(each.publicKey)),
      );
      expect(clients.map(keys => keys.length)).toEqual(counts);
      expect(new Set(clients.flat()).size).toBe(10);
      for (const [index, keys] of clients.entries()) {
        const recorded = recordedKeys(total, index);
        expect(keys.slice(0, recorded.length)).toEqual(recorded);
        const directory = join(vault.path, String(index));
        await writeClient(vault.database, directory, { index, total });
        if (keys.length === recorded.length)
          expectRecorded(directory, `03-remote-db/4-validator-total${total}-index${index}`);
        else expect(readSignerKeys(readFileSync(join(directory, 'signer_keys.yml'), 'utf8'))).toEqual(keys);
      }
    },
  );
});

describe('a stored plan', () => {
  it('assignKeys keeps a stored plan for the same total, and refuses another one with the number of moves', async () => {
    await using vault = await openUploaded();
    const first = await assign(vault.database, { totalClients: 5, reassign: false });
    expect(first).toMatchObject({ isNew: true, movedKeys: 0 });
    expect(await assign(vault.database, { totalClients: 5, reassign: false })).toMatchObject({
      isNew: false,
      movedKeys: 0,
      plan: first.plan,
    });
    await expect(assign(vault.database, { totalClients: 4, reassign: false })).rejects.toMatchObject({
      code: 'keys-would-move',
      exitCode: 3,
      message: expect.stringContaining('with 4, 2 of 10 keys would move'),
    });
    await expect(writeClient(vault.database, vault.path, { index: 0, total: 4 })).rejects.toMatchObject({
      code: 'keys-would-move',
    });
    expect(readdirSync(vault.path)).toEqual([]);
    expect((await assign(vault.database, { totalClients: 5, reassign: false })).plan).toEqual(first.plan);
  });

  it('assignKeys stores nothing for a check, and assertPlanStored says what it would have stored', async () => {
    await using vault = await openUploaded();
    const check = async (totalClients: number, reassign = false) => {
      const plan = { ref: recordedRef, totalClients, reassign, check: true };
      const decided = await assignKeys(vault.database, plan);
      assertPlanStored(decided);
      return decided;
    };
    await expect(check(5)).rejects.toMatchObject({
      code: 'plan-would-change',
      exitCode: 3,
      message: 'No plan of validator clients is stored yet; one for 5 would be.',
    });
    const stored = await assign(vault.database, { totalClients: 5, reassign: false });
    expect(stored.isNew).toBe(true);
    expect(await check(5)).toEqual({ ...stored, isNew: false, clientsBefore: 5 });
    await expect(check(4)).rejects.toMatchObject({
      code: 'keys-would-move',
      exitCode: 3,
      hint: expect.stringMatching(
        /stop the clients .* run "remote-db assign --total-validators 4 --reassign"/,
      ),
    });
    await expect(check(4, true)).rejects.toMatchObject({
      code: 'plan-would-change',
      exitCode: 3,
      message: 'The stored plan of 5 validator clients would become one of 4: 2 of 10 keys would move.',
      hint: expect.stringMatching(/^Stop the clients that lose keys first/),
    });
    expect(await check(5)).toMatchObject({ plan: stored.plan });
  });

  it('assignKeys moves as few keys as can be when it may', async () => {
    await using vault = await openUploaded();
    await assign(vault.database, { totalClients: 5, reassign: false });
    const fewer = await assign(vault.database, { totalClients: 4, reassign: true });
    expect(fewer).toMatchObject({ isNew: true, movedKeys: 2 });
    const counts = [0, 1, 2, 3].map(
      client => fewer.plan.assignments.filter(each => each.clientIndex === client).length,
    );
    expect(counts.toSorted()).toEqual([2, 2, 3, 3]);
    const more = await writeClient(vault.database, vault.path, { index: 4, total: 5, reassign: true });
    expect(more.keyCount).toBe(2);
  });

  it('assignKeys takes the reference’s ranges in place of a stored plan only when keys may move', async () => {
    await using vault = await openUploaded();
    await assign(vault.database, { totalClients: 3, reassign: false });
    const like = { totalClients: 3, likeReference: 'floor' } as const;
    await expect(assign(vault.database, { ...like, reassign: false })).rejects.toMatchObject({
      code: 'keys-would-move',
    });
    expect((await assign(vault.database, { ...like, reassign: true })).movedKeys).toBe(2);
  });

  it('assignKeys gives two first calls at once the plan of one of them', async () => {
    await using vault = await openUploaded();
    const plans = await Promise.all([
      assign(vault.database, { totalClients: 5, reassign: false }),
      assign(vault.database, { totalClients: 5, reassign: false }),
    ]);
    expect(plans[0]?.plan).toEqual(plans[1]?.plan);
    expect(plans.filter(each => each.isNew)).toHaveLength(1);
  });
});

it('a key that stands twice, with two clients, is refused, although every digest is that of the rows', async () => {
  await using uploaded = await openUploaded();
  const { database } = uploaded;
  const { vault } = await assign(database, { totalClients: 2, reassign: false });
  const run = (text: ReturnType<typeof sql>) => text.execute(database.db);
  const table = (name: 'keypairs' | 'assignments' | 'assignment_plans' | 'vaults') => tableOf(database, name);
  for (const name of ['keypairs', 'assignments'] as const)
    await run(sql`alter table ${table(name)} drop constraint ${sql.id(`${name}_pkey`)} cascade`);
  const isFirst = sql`public_key in (select public_key from ${table('assignments')} order by public_key limit 1)`;
  await run(sql`insert into ${table('keypairs')} select * from ${table('keypairs')} where ${isFirst}`);
  await run(
    sql`insert into ${table('assignments')} (vault_id, public_key, client_index)
      select vault_id, public_key, 1 from ${table('assignments')} where ${isFirst}`,
  );
  const plan = await findAssignmentPlan(database, vault.vaultId);
  if (plan === undefined) return expect.fail('no plan');
  const keys = await listValidatorPublicKeys(database, vault.vaultId);
  expect([plan.assignments.length, keys.length]).toEqual([11, 11]);
  await run(sql`update ${table('assignment_plans')} set digest = ${planDigest(plan)}`);
  await run(sql`update ${table('vaults')} set validators_digest = ${validatorsDigest(keys)}`);
  await expect(assign(database, { totalClients: 2, reassign: false })).rejects.toMatchObject({
    code: 'keys-would-move',
  });
});
