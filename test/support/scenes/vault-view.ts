// What readers of a vault's rows see, by SQL of its own: only active validators, of each only the shares it names.
import { openDatabase } from '../../../src/db/database.ts';
import { verifyVault } from '../../../src/services/remote-db/verify-vault.ts';
import type { WorkerPool } from '../../../src/workers/pool.ts';
import { checkShares, readDepositData } from '../checkers/operator-files.ts';
import { runSql } from '../postgres/postgres.ts';
import { THRESHOLD, type WorkflowFixture } from './workflow-scene.ts';

export interface VaultView {
  readonly manifestCounter: number;
  readonly manifestMac: string | null;
  readonly oracleSet: string | null;
  readonly depositData: string | null;
  /** Shares in oracle order by validator. */
  readonly validators: Readonly<Record<string, readonly string[]>>;
  /** Oracle sets that the validators' shares are of. */
  readonly shareSets: readonly string[];
  readonly assignments: Readonly<Record<string, number>>;
  readonly uploads: number;
}

const VIEW = `
select json_build_object(
  'manifestCounter', v.manifest_counter,
  'manifestMac', encode(v.manifest_mac, 'hex'),
  'oracleSet', encode(v.oracle_set_hash, 'hex'),
  'depositData', (select document from deposit_data d where d.vault_id = v.vault_id and d.root = v.deposit_data_root),
  'validators', (
    select coalesce(json_object_agg('0x' || encode(k.public_key, 'hex'), (
      select coalesce(json_agg('0x' || encode(s.public_key, 'hex') order by s.share_index), '[]')
      from key_shares s join key_secrets c on c.vault_id = s.vault_id and c.public_key = s.public_key
      where s.vault_id = k.vault_id and s.parent_public_key = k.public_key
        and s.oracle_set_hash = k.shares_set_hash) order by k.public_key), '{}')
    from keypairs k join key_secrets c on c.vault_id = k.vault_id and c.public_key = k.public_key
    where k.vault_id = v.vault_id and k.active),
  'shareSets', (
    select coalesce(json_agg(distinct encode(k.shares_set_hash, 'hex')), '[]')
    from keypairs k where k.vault_id = v.vault_id and k.active),
  'assignments', (
    select coalesce(json_object_agg('0x' || encode(public_key, 'hex'), client_index order by public_key), '{}')
    from assignments a where a.vault_id = v.vault_id),
  'uploads', (select count(*) from audit_log where command = 'remote-db upload-keypairs')
) as view from vaults v`;

export async function readVaultView(databaseUrl: string): Promise<VaultView> {
  const [row] = await runSql(withSchema(databaseUrl), VIEW);
  if (row === undefined) throw new Error('no vault');
  return row.view as VaultView;
}

/** Rows of all secrets, seen by readers or not. */
export async function countSecrets(databaseUrl: string): Promise<number> {
  const [row] = await runSql(withSchema(databaseUrl), 'select count(*)::int as count from key_secrets');
  return Number(row?.count);
}

const checkedBefore = new Set<string>();

/** What chance, the clock and a counter decide: of two runs that got equally far, these columns differ. */
const VARYING = [
  'nonce',
  'ciphertext',
  'manifest_mac',
  'validators_digest',
  'operator_digest',
  'verifying_key',
  'body',
  'signature',
  'rows_digest',
  'mac',
  'at',
  'created_at',
  'inserted_at',
  'updated_at',
  'audit_id',
];

/** A digest of all rows of all tables: equal digests are databases that were brought equally far. */
export async function digestDatabase(databaseUrl: string): Promise<string> {
  const url = withSchema(databaseUrl);
  const tables = await runSql(
    url,
    `select format('select %L as name, md5(string_agg(r::text, e''\\n'' order by r::text)) as digest
         from (select to_jsonb(t) - %L::text[] as r from %I t) rows', table_name,
       case when table_name in ('key_shares', 'key_secrets') then $1::text[] || 'public_key'::text else $1 end,
       table_name) as query
     from information_schema.tables where table_schema = 'stakewise_operator' order by table_name`,
    [VARYING],
  );
  return JSON.stringify(await runSql(url, tables.map(({ query }) => String(query)).join(' union all ')));
}

/** @throws Error unless the view is that of an upload of these validators, complete in itself */
export function checkUploadedView(view: VaultView, workflow: WorkflowFixture, publicKeys: readonly string[]) {
  const [set, ...others] = view.shareSets;
  const seen = Object.keys(view.validators);
  if (seen.join() !== publicKeys.join()) throw new Error(`readers see ${seen.length} validators`);
  if (others.length > 0 || set !== view.oracleSet) throw new Error('shares of another oracle set are seen');
  // Pairings on plain JavaScript numbers take their time; of hundreds of views few differ.
  const facts = JSON.stringify([view.validators, view.depositData]);
  if (checkedBefore.has(facts)) return;
  for (const [publicKey, shares] of Object.entries(view.validators)) {
    if (shares.length !== workflow.devnet.oracleSet.oracles.length)
      throw new Error(`${publicKey} has ${shares.length} shares`);
    checkShares(publicKey, shares, THRESHOLD);
    // All of them lie on one polynomial: so does the set as a whole.
    checkShares(publicKey, shares, shares.length);
  }
  if (!checkedBefore.has(view.depositData ?? '')) checkDepositData(view, workflow, publicKeys);
  checkedBefore.add(facts).add(view.depositData ?? '');
}

function checkDepositData(view: VaultView, workflow: WorkflowFixture, publicKeys: readonly string[]) {
  const { genesisForkVersion } = workflow.network;
  const deposits = readDepositData(view.depositData ?? '', {
    vault: workflow.ref.address,
    genesisForkVersion: Buffer.from(genesisForkVersion).toString('hex'),
  });
  if (deposits.toSorted().join() !== publicKeys.join()) throw new Error('deposit data of other validators');
}

/** The program's own `verify`, which opens every row and checks the manifest. @throws Error with its findings */
export async function checkByVerify(
  workflow: WorkflowFixture,
  pool: WorkerPool,
  databaseUrl: string,
): Promise<void> {
  await using database = await openDatabase({ url: databaseUrl });
  const progress = { start: () => ({ advance: () => undefined, finish: () => undefined }) };
  const { findings } = await verifyVault(
    { database, pool, progress },
    { ref: workflow.ref, encryptKey: workflow.readEncryptKey() },
  );
  if (findings.length > 0) throw new Error(findings.join('\n'));
}

function withSchema(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  url.searchParams.set('options', '-c search_path=stakewise_operator');
  return url.href;
}
