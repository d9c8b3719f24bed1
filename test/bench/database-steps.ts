import { openDatabase } from '../../src/db/database.ts';
import { insertKeypairs, type NewKeypair } from '../../src/db/keypairs.ts';
import { insertOracleSet } from '../../src/db/oracle-sets.ts';
import { resolveNetwork } from '../../src/networks/resolve-network.ts';
import { setupVault } from '../../src/services/remote-db/setup-vault.ts';
import { unlockVault } from '../../src/services/remote-db/unlock-vault.ts';
import { createWorkerPool } from '../../src/workers/pool.ts';
import { activateRawKeys, sealRawKeys } from '../support/scenes/sealed-vault.ts';
import type { StepResult } from './child-process.ts';
import { copyRows } from './copy-rows.ts';
import { benchKeys, benchOracleSet, fixedBytes, NETWORK, type Scheme, VAULT } from './inputs.ts';
import { check, measure } from './measure.ts';
import { withClient } from './with-client.ts';

export interface FillOptions extends Scheme {
  readonly url: string;
  /** Base64, as `setup` prints it. */
  readonly encryptKey: string;
}

/** Keypairs per transaction, as the upload of a new oracle set stores them. */
const BATCH = 500;
const ref = { network: resolveNetwork(NETWORK), address: VAULT };

/** Sets the vault up and fills it by the program's own services and queries; measured are the inserts alone. */
export async function fillStep(options: FillOptions): Promise<StepResult> {
  const { url, encryptKey, oracles, threshold } = options;
  await using database = await openDatabase({ url });
  await setupVault(database, { ref, programVersion: '1.0.0', encryptKey, ifNeeded: true });
  using unlocked = await unlockVault(database, ref, encryptKey);
  const oracleSet = benchOracleSet({ oracles, threshold });
  const keypairs = await (async () => {
    await using pool = createWorkerPool();
    return await sealRawKeys(pool, unlocked, await benchKeys(pool, options.count), oracleSet);
  })();
  await insertOracleSet(database, unlocked.vault.vaultId, oracleSet);
  const batches: NewKeypair[][] = [];
  for (let from = 0; from < keypairs.length; from += BATCH) batches.push(keypairs.slice(from, from + BATCH));
  const { cost } = await measure(async () => {
    for (const batch of batches) {
      const inserted = await insertKeypairs(database, {
        vaultId: unlocked.vault.vaultId,
        oracleSetHash: oracleSet.hash,
        dataKeyId: unlocked.vault.dataKeyId,
        keypairs: batch,
      });
      check(inserted.length === batch.length, 'a batch was not stored');
    }
  });
  const activation = await measure(() => activateRawKeys(database, unlocked, ref, oracleSet, keypairs));
  await checkCounts(url, keypairs.length, oracles);
  return { cost, figures: { batches: batches.length, activateMs: activation.cost.wallMs } };
}

async function checkCounts(url: string, count: number, oracles: number): Promise<void> {
  await withClient(url, async client => {
    for (const [table, rows] of Object.entries({
      keypairs: count,
      key_shares: count * oracles,
      key_secrets: count * (oracles + 1),
    })) {
      const { rows: found } = await client.query(
        `select count(*)::int as count from stakewise_operator.${table}`,
      );
      check(found[0]?.count === rows, `${table} has ${found[0]?.count} rows instead of ${rows}`);
    }
  });
}

/** Bare: rows of the same tables (constraints and indexes too, no references) by COPY, one transaction each. */
export async function copyBare({ url, count, oracles }: FillOptions): Promise<StepResult> {
  const hex = (bytes: Uint8Array) => `\\\\x${Buffer.from(bytes).toString('hex')}`;
  const bytes = (label: number, length: number) => {
    const made = Buffer.alloc(length, 0x5a);
    made.writeUInt32BE(Math.imul(label, 0x9e3779b1) >>> 0);
    made.writeUInt32BE(label, length - 4);
    return hex(made);
  };
  const set = hex(fixedBytes('oracle set', 32));
  const lines = {
    keypairs: (i: number) => `1\t${bytes(i * (oracles + 1), 48)}\tf\t\\N\tnow\n`,
    key_shares: (i: number) => {
      const parent = Math.floor(i / oracles);
      return `1\t${bytes(parent * (oracles + 1), 48)}\t${set}\t${i % oracles}\t${bytes(i + 1_000_000, 48)}\n`;
    },
    key_secrets: (i: number) => `1\t${bytes(i, 48)}\t1\t${bytes(i, 12)}\t${bytes(i, 48)}\n`,
  };
  const counts = { keypairs: count, key_shares: count * oracles, key_secrets: count * (oracles + 1) };
  return withClient(url, async client => {
    const names = Object.keys(counts) as (keyof typeof counts)[];
    await client.query('create schema bench');
    for (const name of names) {
      await client.query(
        `create table bench.${name} (like stakewise_operator.${name} including constraints including indexes)`,
      );
    }
    const { cost } = await measure(async () => {
      for (const name of names) {
        await copyRows(client, `copy bench.${name} from stdin`, chunksOf(counts[name], lines[name]));
      }
    });
    for (const name of names) {
      const { rows } = await client.query(`select count(*)::int as count from bench.${name}`);
      check(rows[0]?.count === counts[name], `copied rows of ${name}`);
    }
    await client.query('drop schema bench cascade');
    return { cost };
  });
}

function* chunksOf(count: number, line: (i: number) => string): Generator<string> {
  for (let from = 0; from < count; from += 1000) {
    yield Array.from({ length: Math.min(1000, count - from) }, (_, i) => line(from + i)).join('');
  }
}
