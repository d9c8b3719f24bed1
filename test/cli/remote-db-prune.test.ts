import { once } from 'node:events';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/database.ts';
import type { BeaconNode } from '../devnet/beacon-node.ts';
import type { DatabaseTemplate } from '../support/postgres/database-template.ts';
import { runSql } from '../support/postgres/postgres.ts';
import { unseenResults } from '../support/programs/json-results.ts';
import { createExitedFleets, type ExitedFleet, openExitedFleet } from '../support/scenes/exited-fleet.ts';
import { waitUntil } from '../support/wait-until.ts';

const SCHEMA = 'stakewise_operator';
let template: DatabaseTemplate;
beforeAll(async () => {
  template = await createExitedFleets();
});
afterAll(() => template[Symbol.asyncDispose]());

const rowsOf = async ({ url }: ExitedFleet) =>
  (
    await runSql(
      url,
      `select '0x' || encode(public_key, 'hex') as key, stage from ${SCHEMA}.retired_keys order by 1`,
    )
  ).map(({ key, stage }) => `${String(key).slice(0, 8)} ${stage}`);

const expected = (keys: readonly string[], stage: number) => keys.map(key => `${key.slice(0, 8)} ${stage}`);

describe('remote-db prune', () => {
  it('prune --exited retires keys from signers, then clients, then rotation, each when it is proven, and keeps their sealed rows', async () => {
    await using fleet = await openExitedFleet(template);
    const exited = [
      fleet.keys[0],
      fleet.keys[1],
      fleet.keys[2],
      fleet.keys[5],
      fleet.keys[6],
      fleet.keys[7],
    ] as string[];
    const left = fleet.keys.filter(key => !exited.includes(key));
    const sealed = await runSql(fleet.url, `select count(*)::int as n from ${SCHEMA}.key_secrets`);
    expect((await fleet.status()).exitCode).toBe(0);

    // Nothing to do yet.
    const none = await fleet.prune('--check');
    expect(none.stdout).toContain('No further validator can be retired as of finalized epoch 5000.');
    expect(none.exitCode).toBe(0);

    fleet.exit(exited);
    const noted = await fleet.status();
    expect(noted.exitCode).toBe(0);
    expect(noted.stdout).toContain('6 validators that exited');
    expect(noted.stdout).toContain('operator remote-db prune --exited');
    const shown = await fleet.prune('--check');
    expect(shown.exitCode, shown.stderr).toBe(3);
    expect(shown.stdout).toContain(
      '6 validators can never have to sign again as of finalized epoch 5000: 0x',
    );
    for (const key of exited) expect(shown.stdout).toContain(key);
    expect(shown.stdout).toContain(
      '6 retired keys would be left out of the files of the signers (0 so far).',
    );
    expect(shown.stderr).toContain('still has keys or shares of 6 retired validators');
    expect(await rowsOf(fleet)).toEqual([]);

    // 1. Signers.
    const first = await fleet.prune('--yes');
    expect(first.exitCode, first.stderr).toBe(0);
    expect(first.stdout).toContain('Successfully stored and signed which keys are retired.');
    expect(await rowsOf(fleet)).toEqual(expected(exited, 1));
    const unfinished = await fleet.status();
    expect(unfinished.exitCode).toBe(3);
    expect(unfinished.stdout).toContain('6 retired keys that signers may have still');

    // The order: files of clients and operator stay as they are.
    expect((await fleet.writeClient(0)).exitCode).toBe(0);
    expect(fleet.clientKeys(0)).toEqual(fleet.keys.slice(0, 5));
    expect((await fleet.writeOperator()).exitCode).toBe(0);
    expect(fleet.operatorKeys()).toEqual(fleet.keys);

    // More than half of the keys go without a question: they are signed. One signer alone is not enough.
    const written = await fleet.writeSigner(0);
    expect(written.exitCode, written.stderr).toBe(0);
    expect(written.stderr).toContain('6 retired validators are left out, as "remote-db prune" says.');
    expect(fleet.signerKeys(0)).toHaveLength(4 * 5);
    for (const key of left) expect(fleet.signerKeys(0)).toContain(key);
    for (const key of exited) expect(fleet.signerKeys(0)).not.toContain(key);
    expect((await fleet.writeSigner(0, '--check')).exitCode).toBe(0);
    const half = await fleet.prune('--yes');
    expect(half.exitCode).toBe(0);
    expect(half.stderr).not.toContain(`signer ${fleet.signers[0]?.url}`);
    expect(half.stderr).toContain(
      `signer ${fleet.signers[1]?.url} still has keys or shares of 6 retired validators`,
    );
    expect(await rowsOf(fleet)).toEqual(expected(exited, 1));

    // 2. Validator clients.
    expect((await fleet.writeSigner(1)).exitCode).toBe(0);
    const second = await fleet.prune('--yes', '--json');
    expect(JSON.parse(second.stdout)).toMatchObject({
      exited: 0,
      firstPublicKeys: [],
      finalizedEpoch: 5_000,
      retired: { outOfSigners: 0, outOfClients: 6, outOfRotation: 0 },
      unprovenParts: [
        { stage: 'clients', where: expect.stringContaining('validator client #0 on ') },
        { stage: 'clients', where: expect.stringContaining('validator client #1 on ') },
      ],
      changed: true,
    });
    expect(second.stderr).toContain(
      'operator remote-db setup-validator --validator-index=0 --total-validators=2 on its machine, then restart the client',
    );
    expect(await rowsOf(fleet)).toEqual(expected(exited, 2));
    const brake = await fleet.writeClient(0);
    expect(brake.exitCode, 'without the vault’s public key, retired keys count as any others').toBe(3);
    expect(brake.stderr).toContain('would remove 3 of 5 keys');
    const verified = await fleet.run('remote-db', 'verify', '--json');
    const { vaultPublicKey } = JSON.parse(verified.stdout);
    const signed = `--vault-public-key=${vaultPublicKey}`;
    const client = await fleet.writeClient(0, signed);
    expect(client.exitCode, client.stderr).toBe(0);
    expect(fleet.clientKeys(0)).toEqual(left.slice(0, 2));
    expect((await fleet.writeClient(1, signed)).exitCode).toBe(0);
    expect(fleet.clientKeys(1)).toEqual(left.slice(2));

    // 3. Rotation.
    const third = await fleet.prune('--yes');
    expect(third.exitCode).toBe(0);
    expect(third.stderr).toContain('Next: operator remote-db setup-operator');
    expect(await rowsOf(fleet)).toEqual(expected(exited, 3));
    expect((await fleet.writeOperator(signed)).exitCode).toBe(0);
    expect(fleet.operatorKeys()).toEqual(left);

    // A pruned fleet is in order, and nothing is left to do.
    const over = await fleet.prune('--yes');
    expect(over.exitCode).toBe(0);
    expect(over.stderr).not.toContain('Next:');
    const status = await fleet.status();
    expect(status.exitCode, status.stdout).toBe(0);
    expect(status.stdout).toContain('retired 6');
    expect(status.stdout).not.toContain('exited, whose keys');
    expect(await runSql(fleet.url, `select count(*)::int as n from ${SCHEMA}.key_secrets`)).toEqual(sealed);
    expect((await fleet.run('remote-db', 'verify')).exitCode).toBe(0);
    const log = await fleet.run('remote-db', 'log', '--json');
    const entries: { command: string; rows: { kind: string; count: number }[] }[] = JSON.parse(
      log.stdout,
    ).entries;
    const stages = entries.filter(({ command }) => command === 'remote-db prune --exited');
    expect(
      stages.map(({ rows }) => Object.fromEntries(rows.map(({ kind, count }) => [kind, count]))),
    ).toEqual([
      { exited: 0, signers: 0, clients: 0, rotation: 6 },
      { exited: 0, signers: 0, clients: 6, rotation: 0 },
      { exited: 6, signers: 6, clients: 0, rotation: 0 },
    ]);
  });

  it('prune --exited lets nothing go on while a signer is down, has a share left, or nobody was asked', async () => {
    await using fleet = await openExitedFleet(template);
    const exited = fleet.keys.slice(0, 1);
    fleet.exit(exited);
    expect((await fleet.prune('--yes')).exitCode).toBe(0);
    await fleet.writeSigner(0);
    await fleet.writeSigner(1);
    const [signer] = fleet.signers;
    if (signer === undefined) throw new Error('no signer');
    signer.faults.down = true;
    const down = await fleet.prune('--yes', '--remote-signer-timeout=1');
    expect(down.exitCode).toBe(0);
    expect(down.stderr).toMatch(/Next: signer http:\S+ has not answered: /);
    signer.faults.down = false;
    const shares = await runSql(
      fleet.url,
      `select '0x' || encode(public_key, 'hex') as key from ${SCHEMA}.key_shares where parent_public_key = decode('${exited[0]?.slice(2)}', 'hex')`,
    );
    const before = signer.keys;
    signer.keys = [...before, String(shares[0]?.key)];
    expect((await fleet.prune('--yes')).stderr).toContain('still has keys or shares of 1 retired validator:');
    signer.keys = before;
    const unasked = await fleet.run(
      'remote-db',
      'prune',
      '--exited',
      '--yes',
      `--consensus-endpoints=${fleet.nodes[0]?.url}`,
    );
    expect(unasked.stderr).toContain('signers were not asked whether they still have keys');
    expect(unasked.stderr).toContain('One consensus node alone says who has exited');
    expect(await rowsOf(fleet)).toEqual(expected(exited, 1));
    expect((await fleet.prune('--yes')).exitCode).toBe(0);
    expect(await rowsOf(fleet)).toEqual(expected(exited, 2));
  });

  it('prune --exited retires nothing that may have to sign yet', async () => {
    await using fleet = await openExitedFleet(template);
    // Finalized is epoch 5000: the first is withdrawable and may be in a sync committee, the second is slashed, the third just over.
    fleet.exit(fleet.keys.slice(0, 1), 3_977n);
    fleet.exit(fleet.keys.slice(1, 2), 3_000n);
    for (const { validators } of fleet.nodes) {
      const slashed = validators.find(
        one => Buffer.from(one.publicKey).toString('hex') === fleet.keys[1]?.slice(2),
      );
      if (slashed === undefined) throw new Error('no validator');
      slashed.status = 'exited_slashed';
      slashed.withdrawableEpoch = 3_000n + 8_192n;
    }
    fleet.exit(fleet.keys.slice(2, 3), 3_976n);
    const run = await fleet.prune('--yes', '--json');
    expect(JSON.parse(run.stdout)).toMatchObject({ exited: 1, firstPublicKeys: fleet.keys.slice(2, 3) });
  });

  it('prune --exited retires nothing when a node differs, is behind, is syncing, is of another network or is down', async () => {
    await using fleet = await openExitedFleet(template);
    fleet.exit(fleet.keys.slice(0, 2));
    const [, liar] = fleet.nodes;
    if (liar === undefined) throw new Error('no node');
    const never = { exitEpoch: 2n ** 64n - 1n, withdrawableEpoch: 2n ** 64n - 1n };
    const lies: readonly (readonly [Partial<BeaconNode>, RegExp])[] = [
      [
        {},
        /says that validator 0x[0-9a-f]{96} has exited in epoch 1000, and \S+ says exit epoch 18446744073709551615/,
      ],
      [{ headEpoch: 4_997n }, /has finalized epoch 4995 only/],
      [{ fault: 'syncing' }, /it is syncing/],
      [{ fault: 'optimistic' }, /its head is optimistic/],
      [{ fault: 'other-network' }, /is a node of another network/],
      [{ fault: 'half' }, /that there is no such validator/],
      [{ fault: 'down' }, /127\.0\.0\.1/],
      [{ fault: 'garbage' }, /127\.0\.0\.1/],
    ];
    for (const [lie, said] of lies) {
      if (Object.keys(lie).length === 0) Object.assign(validatorOf(liar, fleet.keys[1]), never);
      Object.assign(liar, lie);
      const run = await fleet.prune('--yes');
      expect(run.exitCode, String(said)).toBe(1);
      expect(run.stderr).toMatch(said);
      expect(await rowsOf(fleet)).toEqual([]);
      Object.assign(liar, { fault: undefined, headEpoch: 5_002n });
      fleet.exit(fleet.keys.slice(0, 2));
    }
    // One that only knows GET, and one that is a few epochs behind, are nodes all the same.
    liar.fault = 'no-post';
    liar.headEpoch = 4_999n;
    expect((await fleet.prune('--yes')).exitCode).toBe(0);
    expect(await rowsOf(fleet)).toEqual(expected(fleet.keys.slice(0, 2), 1));
  });

  it('rows of retired keys that the vault’s key has not signed take no key away from anybody, and the next prune replaces them', async () => {
    await using fleet = await openExitedFleet(template);
    const forge = (keys: readonly string[], stage: number) =>
      Promise.all(
        keys.map(key =>
          runSql(
            fleet.url,
            `insert into ${SCHEMA}.retired_keys select vault_id, public_key, ${stage} from ${SCHEMA}.keypairs where public_key = decode('${key.slice(2)}', 'hex')`,
          ),
        ),
      );
    await forge(fleet.keys.slice(0, 1), 3);
    for (const run of [await fleet.writeSigner(0), await fleet.writeClient(0), await fleet.writeOperator()]) {
      expect(run.exitCode).toBe(1);
      expect(run.stderr).toContain('are not those that were signed');
      expect(run.stderr).toContain('remote-db prune --exited');
    }
    expect(fleet.signerKeys(0)).toHaveLength(50);
    const verified = await fleet.run('remote-db', 'verify');
    expect(verified.exitCode).toBe(3);
    expect(verified.stdout + verified.stderr).toContain('The retired keys are not those that were signed.');

    // Of two that have exited, and of the forged one, only what the chain says is retired.
    fleet.exit(fleet.keys.slice(4, 6));
    const pruned = await fleet.prune('--yes');
    expect(pruned.exitCode).toBe(0);
    expect(pruned.stderr).toContain('none of these rows counts');
    expect(await rowsOf(fleet)).toEqual(expected(fleet.keys.slice(4, 6), 1));
    expect((await fleet.writeSigner(0)).exitCode).toBe(0);

    // A stage that somebody has moved on, and a row that somebody has removed.
    await runSql(fleet.url, `update ${SCHEMA}.retired_keys set stage = 2`);
    expect((await fleet.writeClient(0)).exitCode).toBe(1);
    await runSql(fleet.url, `delete from ${SCHEMA}.retired_keys`);
    expect((await fleet.writeSigner(0)).exitCode).toBe(1);
    expect((await fleet.prune('--yes')).exitCode).toBe(0);
    expect(await rowsOf(fleet)).toEqual(expected(fleet.keys.slice(4, 6), 1));
  });

  it('prune --undo brings all retired keys back into all files, and says so', async () => {
    await using fleet = await openExitedFleet(template);
    fleet.exit(fleet.keys.slice(0, 1));
    await fleet.prune('--yes');
    await fleet.writeSigner(0);
    await fleet.writeSigner(1);
    await fleet.prune('--yes');
    // Up to a tenth, and less than all, go without a proof as well: one of five does not.
    expect((await fleet.writeClient(0, '--removals=allow')).exitCode).toBe(0);
    await fleet.prune('--yes');
    expect(await rowsOf(fleet)).toEqual(expected(fleet.keys.slice(0, 1), 3));
    await fleet.writeOperator();
    expect(fleet.operatorKeys()).toEqual(fleet.keys.slice(1));

    const shown = await fleet.run('remote-db', 'prune', '--undo', '--check');
    expect(shown).toMatchObject({ exitCode: 3, stdout: '1 retired key would come back.\n' });
    const undone = await fleet.run('remote-db', 'prune', '--undo', '--yes', '--json');
    expect(JSON.parse(undone.stdout)).toMatchObject({ broughtBack: 1, changed: true });
    for (const run of [
      await fleet.writeSigner(0),
      await fleet.writeSigner(1),
      await fleet.writeClient(0),
      await fleet.writeOperator(),
    ])
      expect(run.exitCode, run.stderr).toBe(0);
    expect(fleet.signerKeys(0)).toHaveLength(50);
    expect(fleet.clientKeys(0)).toEqual(fleet.keys.slice(0, 5));
    expect(fleet.operatorKeys()).toEqual(fleet.keys);
    const again = await fleet.run('remote-db', 'prune', '--undo', '--yes');
    expect(again).toMatchObject({ exitCode: 0, stdout: 'No key is retired; nothing changed.\n' });
    // A statement of before is no way back to the retired keys for whoever has seen the newer one.
    const over = await fleet.prune('--check');
    expect(over.exitCode).toBe(3);
  });

  it('prune that is killed with its rows written and not committed leaves everything as it was, and goes on when it is run again', async () => {
    await using fleet = await openExitedFleet(template);
    fleet.exit(fleet.keys.slice(0, 2));
    await using holder = await openDatabase({ url: fleet.url });
    const audit = sql.id(SCHEMA, 'audit_log');
    const isLocked = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    // The audit log is the last thing that is written: whoever holds it stops the command right before its commit.
    const held = holder.db.transaction().execute(async db => {
      await sql`lock table ${audit} in access exclusive mode`.execute(db);
      isLocked.resolve();
      await release.promise;
    });
    await isLocked.promise;
    const child = fleet.startPrune('--yes');
    const ended = once(child, 'exit');
    await waitUntil('the command to wait for the audit log', async () => {
      const [row] = await runSql(
        fleet.url,
        `select count(*)::int as n from pg_locks where not granted and relation = '${SCHEMA}.audit_log'::regclass`,
      );
      return row?.n === 1;
    });
    // The launcher and what it has started.
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    await ended;
    release.resolve();
    await held;
    expect(await rowsOf(fleet)).toEqual([]);
    expect((await fleet.writeSigner(0)).exitCode).toBe(0);
    expect((await fleet.prune('--yes')).exitCode).toBe(0);
    expect(await rowsOf(fleet)).toEqual(expected(fleet.keys.slice(0, 2), 1));
    expect((await fleet.run('remote-db', 'verify')).exitCode).toBe(0);
  });

  it('prune asks what to do, and refuses where nobody can be asked', async () => {
    await using fleet = await openExitedFleet(template);
    const none = await fleet.run('remote-db', 'prune', '--yes');
    expect(none.exitCode).toBe(2);
    expect(none.stderr).toContain('--exited');
    const both = await fleet.run('remote-db', 'prune', '--exited', '--undo', '--yes');
    expect(both.exitCode).toBe(2);
    const unattended = await fleet.prune();
    expect(unattended.exitCode).toBe(2);
    expect(unattended.stderr).toContain('--yes');
    expect((await fleet.prune('--yes', '--check')).exitCode).toBe(2);
  });
});

function validatorOf(node: { readonly validators: readonly { readonly publicKey: Uint8Array }[] }, key = '') {
  const found = node.validators.find(one => Buffer.from(one.publicKey).toString('hex') === key.slice(2));
  if (found === undefined) throw new Error('no validator');
  return found;
}

it('every result that this file is to show was printed', () => {
  expect(unseenResults(import.meta.filename)).toEqual([]);
});
