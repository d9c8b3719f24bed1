import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BeaconNode, connectBeaconNode } from '../../../../../src/clients/beacon/beacon-node.ts';
import { openSignerClient } from '../../../../../src/clients/signer/signer-client.ts';
import { type Database, openDatabase } from '../../../../../src/db/database.ts';
import { listRetiredKeys } from '../../../../../src/db/retired-keys.ts';
import { findStatement } from '../../../../../src/db/statements.ts';
import { recordWrittenKeySet } from '../../../../../src/db/written-key-sets.ts';
import { validatorsDigest } from '../../../../../src/domain/fleet/fact-digests.ts';
import { decodeStatement } from '../../../../../src/domain/fleet/statement.ts';
import { publicKeyOf } from '../../../../../src/domain/keys/derivation.ts';
import { compareBytes, toHex } from '../../../../../src/lib/bytes.ts';
import { assignSignedKeys } from '../../../../../src/services/fleet/assign-signed-keys.ts';
import { readFleet } from '../../../../../src/services/fleet/observe/read-fleet.ts';
import { writeOperatorConfig } from '../../../../../src/services/fleet/operator-files/write-operator-config.ts';
import { readSignedPlan } from '../../../../../src/services/fleet/read-signed-plan.ts';
import { planRetirement } from '../../../../../src/services/fleet/retire/retire-exited.ts';
import { planUndo } from '../../../../../src/services/fleet/retire/undo-retirement.ts';
import { createWorkerPool, type WorkerPool } from '../../../../../src/workers/pool.ts';
import { type Devnet, startDevnet } from '../../../../devnet/devnet.ts';
import type { ElectraNode } from '../../../../devnet/electra-node.ts';
import { BEACON_CHAIN } from '../../../../devnet/network-file.ts';
import { createPgliteUrl } from '../../../../support/postgres/pglite.ts';
import { createTestDatabase } from '../../../../support/postgres/postgres.ts';
import { temporaryDirectory } from '../../../../support/programs/cli.ts';
import {
  inventOracleSet,
  RECORDED_ENCRYPT_KEY,
  recordedRef,
  recordedSecretKeys,
  setupRecorded,
  uploadRecorded,
  writeKeystores,
} from '../../../../support/recorded/recorded-vault.ts';
import { startListingSigner } from '../../../../support/servers/listing-signer.ts';

const VAULT_ID = 1;
const SLOTS_PER_EPOCH = 2;
const files = temporaryDirectory();
const keystoresDir = join(files.path, 'keystores');
/** Validators in the order of their indexes on the chain; the first two exit. */
const keys = recordedSecretKeys(10).map(publicKeyOf);
const exited = keys.slice(0, 2).toSorted(compareBytes);
const resources = new AsyncDisposableStack();
let pool: WorkerPool;
let devnet: Devnet;
let nodes: readonly ElectraNode[];
let clients: readonly BeaconNode[];

beforeAll(async () => {
  pool = resources.use(createWorkerPool());
  writeKeystores(keystoresDir, recordedSecretKeys(10));
  devnet = await startDevnet({ electra: true, slotsPerEpoch: SLOTS_PER_EPOCH, vaultVersion: 5 });
  resources.defer(() => devnet.stop());
  nodes = [resources.use(await devnet.startElectraNode()), resources.use(await devnet.startElectraNode())];
  await devnet.setValidatorsManager(devnet.protocol.owner.address);
  await devnet.depositEther(100);
  await devnet.registerCompounding(
    keys.slice(0, 3).map(publicKey => ({ publicKey, amountGwei: 32n * 10n ** 9n })),
  );
  await devnet.passEpochs(300);
  await devnet.beacon.change(state => state.exit(0));
  await devnet.beacon.change(state => state.slash(1));
  clients = await Promise.all(nodes.map(({ url }) => connect(url)));
});
afterAll(async () => {
  await resources.disposeAsync();
  files[Symbol.dispose]();
});

const connect = (url: string) =>
  connectBeaconNode(
    { log: { debug: () => undefined, warn: () => undefined } as never },
    {
      endpoints: [url],
      genesisValidatorsRoot: BEACON_CHAIN.genesisValidatorsRoot,
      slotsPerEpoch: SLOTS_PER_EPOCH,
      timeoutMs: 10_000,
      retryTimeoutMs: 0,
    },
  );

/** Goes so many epochs on, and some more, each with blocks, so that there is a finalized one. */
async function finalize(epochs: number): Promise<void> {
  await devnet.passEpochs(epochs);
  for (let epoch = 0; epoch < 4; epoch++) await devnet.passEpochs(1);
}

async function fill(database: Database) {
  await setupRecorded(database);
  await uploadRecorded(database, pool, { keystoresDir });
  const { verifyingKey } = await assignSignedKeys(
    { database, pool },
    {
      ref: recordedRef,
      encryptKey: RECORDED_ENCRYPT_KEY,
      totalClients: 1,
      reassign: false,
      trustStored: false,
    },
  );
  return verifyingKey;
}

async function plan(database: Database, signers: readonly string[] = []) {
  await using stack = new AsyncDisposableStack();
  const warnings: string[] = [];
  const planned = await planRetirement(
    {
      database,
      nodes: clients,
      signers: signers.map(url => stack.use(openSignerClient({ urls: [url], timeoutMs: 5_000 }))),
      warn: line => void warnings.push(line),
    },
    { ref: recordedRef, encryptKey: RECORDED_ENCRYPT_KEY },
  );
  return { planned, warnings };
}

async function stagesOf(database: Database) {
  const retired = [...(await listRetiredKeys(database, VAULT_ID))];
  return retired.map(({ publicKey, stage }) => `${toHex(publicKey)} ${stage}`);
}

const at = (stage: string, list: readonly Uint8Array[] = exited) => list.map(key => `${toHex(key)} ${stage}`);

async function statementOf(database: Database) {
  const signed = await findStatement(database, VAULT_ID);
  const statement = signed && decodeStatement(signed.body);
  if (statement === undefined) throw new Error('no statement');
  return statement;
}

const readRetired = (database: Database, verifyingKey: Uint8Array) =>
  readSignedPlan(database, { ref: recordedRef, totalClients: 1, verifyingKey });

describe('retirement against a beacon chain with Electra’s rules', () => {
  // In order: the chain's clock goes on from one to the next.
  it('nothing is retired while the exit, the withdrawal or the last sync committee is not over', async () => {
    await using place = await createTestDatabase({ migrated: false });
    await using database = await openDatabase({ url: place.url });
    await fill(database);
    for (const epochs of [0, 270, 500]) {
      await finalize(epochs);
      const { planned } = await plan(database);
      expect(planned.exited, `after ${epochs} more epochs`).toEqual([]);
      expect(planned.isChange).toBe(false);
    }
    // Of the first one all is over; the slashed one cannot withdraw for 8,192 epochs.
    await finalize(400);
    expect((await plan(database)).planned.exited).toEqual([keys[0]]);
    await finalize(7_500);
    expect((await plan(database)).planned.exited).toEqual(exited);
  });

  it('a node that hides an exit, or is behind, keeps everything as it is', async () => {
    await using place = await createTestDatabase({ migrated: false });
    await using database = await openDatabase({ url: place.url });
    await fill(database);
    const [, second] = nodes;
    if (second === undefined) throw new Error('no node');
    second.fault = 'half';
    await expect(plan(database)).rejects.toMatchObject({ code: 'beacon-nodes-differ' });
    second.fault = 'syncing';
    await expect(plan(database)).rejects.toMatchObject({ code: 'beacon-node-not-ready' });
    second.fault = undefined;
    second.behindSlots = 8_000 * SLOTS_PER_EPOCH;
    await expect(plan(database)).rejects.toMatchObject({ code: 'node-behind' });
    second.behindSlots = 0;
    expect((await plan(database)).planned.exited).toEqual(exited);
  });

  it.each([
    ['Postgres', () => createTestDatabase({ migrated: false })],
    ['PGlite', () => createPgliteUrl({ migrated: true })],
  ])(
    'on %s keys go on stage by stage, are signed with all else unchanged, and survive uploads',
    async (_, create) => {
      await using place = await create();
      await using database = await openDatabase({ url: place.url });
      const verifyingKey = await fill(database);
      await using signer = await startListingSigner([toHex(exited[0] ?? new Uint8Array())]);
      const before = await statementOf(database);

      const first = await plan(database, [signer.url]);
      expect(await stagesOf(database)).toEqual([]);
      await first.planned.store();
      expect(await stagesOf(database)).toEqual(
        [...at('signers', exited.slice(0, 1)), ...at('clients', exited.slice(1))].sort(),
      );
      expect(await statementOf(database)).toEqual({
        ...before,
        retirementCounter: 1n,
        retiredDigest: expect.any(Uint8Array),
      });
      // Of two that plan at once, the second one changes nothing.
      await expect(first.planned.store()).rejects.toMatchObject({ code: 'vault-changed' });

      signer.keys = [];
      await (await plan(database, [signer.url])).planned.store();
      expect(await stagesOf(database)).toEqual(at('clients'));
      const { retired } = await readRetired(database, verifyingKey);
      expect(retired.isProven).toBe(true);

      // Rows that somebody adds, moves on or removes.
      for (const change of [
        () => database.db.updateTable('retired_keys').set({ stage: 3 }).execute(),
        () => database.db.deleteFrom('retired_keys').execute(),
      ]) {
        await change();
        await expect(readRetired(database, verifyingKey)).rejects.toMatchObject({
          code: 'retired-keys-not-signed',
        });
        const again = await plan(database, [signer.url]);
        expect(again.warnings.join()).toContain('none of these rows counts');
        await again.planned.store();
        expect(await stagesOf(database)).toEqual(at('clients'));
        await readRetired(database, verifyingKey);
      }

      // An upload for other oracles: nothing is revived, and nobody waits for shares of retired keys.
      const fewer = join(files.path, `left-${_}`);
      writeKeystores(fewer, recordedSecretKeys(10).slice(2));
      await uploadRecorded(database, pool, { keystoresDir: fewer, oracleSet: inventOracleSet(4, 3) });
      const fleet = await database.db
        .transaction()
        .setIsolationLevel('repeatable read')
        .execute(db => readFleet({ ...database, db }, recordedRef, { withShares: true }));
      expect(fleet.facts).toMatchObject({
        total: 10,
        stale: 0,
        retired: { outOfSigners: 0, outOfClients: 2, outOfRotation: 0 },
      });
      expect(fleet.keys.signerKeys?.length).toBe(8 * 5);
      const { warnings } = await uploadRecorded(database, pool, { keystoresDir });
      expect(warnings.join()).toContain('2 of 10 keystores are of retired keys, which stay retired');
      expect(await stagesOf(database)).toEqual(at('clients'));
      const uploaded = await readRetired(database, verifyingKey);
      expect(uploaded.plan.assignments).toHaveLength(10);

      const left = keys.slice(2).toSorted(compareBytes);
      await recordWrittenKeySet(database, VAULT_ID, {
        clientIndex: 0,
        totalClients: 1,
        keyCount: left.length,
        digest: validatorsDigest(left),
        manifestCounter: 3n,
        host: 'client',
      });
      await (await plan(database, [signer.url])).planned.store();
      expect(await stagesOf(database)).toEqual(at('rotation'));
      const written = await writeOperatorConfig(database, {
        ref: recordedRef,
        directory: join(files.path, `operator-${_}`),
        attributes: { mode: 0o600 },
        check: true,
        verifyingKey,
      });
      expect(written).toMatchObject({ validators: 8, retiredValidators: 2, staleValidators: 0 });
      expect((await plan(database)).planned).toMatchObject({ isChange: false, missing: [] });

      const undone = await planUndo(database, { ref: recordedRef, encryptKey: RECORDED_ENCRYPT_KEY });
      expect(undone.keys).toBe(2);
      await undone.store();
      expect(await stagesOf(database)).toEqual([]);
      expect((await statementOf(database)).retiredDigest).toBeNull();
      await readRetired(database, verifyingKey);
    },
  );
});
