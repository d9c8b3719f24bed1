import { sql } from 'kysely';
import { V3_NONCE_LENGTH } from '../domain/fleet/v3-key-record.ts';
import { fromHex } from '../lib/bytes.ts';
import { ExternalError, OperatorError } from '../lib/errors.ts';
import { foreignText } from '../lib/foreign-text.ts';
import { PUBLIC_KEY_LENGTH, SECRET_KEY_LENGTH } from '../lib/lengths.ts';
import { nameList } from '../lib/name-list.ts';
import { declareCursor, fetchRows } from './cursor.ts';
import { type Database, inSnapshot, type Session } from './database.ts';

// The tables of the Python operator's `remote-db`, which are in whichever schema its role's search path began with, mostly public:
// `<network>_keypairs` (vault, parent_public_key, public_key, private_key, nonce) and `<network>_configs` (vault, name, data).
// Versions before 1.1 have shares beside the keys and name their validator in parent_public_key, which later ones do not have;
// 4 and 5 have no vault either, and no second table. A table is never altered, so a database may have the columns of any
// version that came before.

/** Which tables are meant, and whose rows. */
interface V3Ref {
  /** What the tables' names begin with. */
  readonly network: string;
  /** Address, in any case. */
  readonly vault: string;
  /** Schema of the tables; undefined for the only one that has them. */
  readonly schema: string | undefined;
}

/** What a database of the Python operator has of a vault, in rows. */
export interface V3Counts {
  /** Rows of validators' own keys that name the vault. */
  readonly ofVault: number;
  /** Rows of validators' own keys that name no vault. */
  readonly ofNoVault: number;
  /** Rows of validators' own keys that name another vault. */
  readonly ofOthers: number;
  /** Shares of the vault's keys. */
  readonly shares: number;
}

/** A row: a key, or what is no key as it stands. */
type V3Row =
  | { readonly publicKey: Uint8Array; readonly nonce: Uint8Array; readonly ciphertext: Uint8Array }
  | { readonly malformed: string };

/** One state of the tables. */
export interface V3Snapshot {
  readonly counts: V3Counts;
  /**
   * The rows of validators' own keys, in public-key order, page by page; those that name the vault first.
   * @param includes.ofNoVault - whether those that name no vault are among them
   */
  pageKeys(includes: { readonly ofNoVault: boolean }): AsyncIterable<readonly V3Row[]>;
  /** The vault's stored deposit data in UTF-8, in pieces; none where there is none. Can be asked for again. */
  depositData(): AsyncIterable<Uint8Array>;
}

const PAGE_SIZE = 2_000;
/** Characters of deposit data that are read at a time: some 1,500 entries. */
const PIECE_LENGTH = 1024 * 1024;

/**
 * Reads tables of the Python operator in one transaction that could not write.
 * @throws OperatorError 'v3-tables-missing', 'v3-tables-ambiguous'; ExternalError 'db-permission-denied' and others
 */
export function readV3Tables<T>(
  database: Database,
  ref: V3Ref,
  read: (snapshot: V3Snapshot) => Promise<T>,
): Promise<T> {
  return inSnapshot(database, async session => {
    try {
      const tables = await findTables(session, ref);
      return await read({
        counts: await countRows(session, tables),
        pageKeys: includes => pageKeys(session, tables, includes),
        depositData: () => readDepositData(session, tables),
      });
    } catch (error) {
      if (!(error instanceof ExternalError) || error.code !== 'db-permission-denied') throw error;
      // The hint of this program's own tables does not fit.
      const hint = `Let the role of --from-db-url read them: GRANT SELECT ON "${ref.network}_keypairs", "${ref.network}_configs".`;
      throw new ExternalError(error.code, error.message, { hint, cause: error });
    }
  });
}

interface Tables {
  readonly schema: string;
  readonly keypairs: string;
  /** Undefined where there is none. */
  readonly configs: string | undefined;
  readonly hasVault: boolean;
  readonly hasParent: boolean;
  /** Lower case. */
  readonly vault: string;
}

async function findTables(session: Session, { network, vault, schema }: V3Ref): Promise<Tables> {
  const table = `${network}_keypairs`;
  const found = (await findColumns(session, table)).filter(
    one => schema === undefined || one.schema === schema,
  );
  const [own, other] = found;
  if (own === undefined) throw tablesMissing(table, schema);
  if (other !== undefined)
    throw tablesTwice(
      table,
      found.map(one => one.schema),
    );
  const missing = ['public_key', 'private_key', 'nonce'].filter(name => !own.columns.includes(name));
  if (missing.length > 0) throw tablesMissing(table, schema, missing);
  const configs = await findColumns(session, `${network}_configs`);
  return {
    schema: own.schema,
    keypairs: table,
    configs: configs.some(one => one.schema === own.schema) ? `${network}_configs` : undefined,
    hasVault: own.columns.includes('vault'),
    hasParent: own.columns.includes('parent_public_key'),
    vault: vault.toLowerCase(),
  };
}

/** The tables of this name with their columns, by schema: statements here run without a search path. */
async function findColumns(
  { db }: Session,
  table: string,
): Promise<readonly { readonly schema: string; readonly columns: readonly string[] }[]> {
  const { rows } = await sql<{ schema: string; columns: string[] }>`
    select n.nspname as schema, array_agg(a.attname::text) as columns
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relname = ${table} and c.relkind in ('r', 'p', 'v', 'm', 'f')
    group by n.nspname order by n.nspname`.execute(db);
  return rows;
}

function tablesMissing(
  table: string,
  schema: string | undefined,
  columns: readonly string[] = [],
): OperatorError {
  const where = schema === undefined ? '' : ` in the schema "${schema}"`;
  const what =
    columns.length === 0
      ? `has no table "${table}"${where}`
      : `has a table "${table}" without the columns ${columns.map(name => `"${name}"`).join(' and ')}`;
  return new OperatorError(
    'v3-tables-missing',
    `The database of --from-db-url ${what}: it is none that the Python operator has made for this network.`,
    { hint: 'Check --from-db-url, --from-db-schema and --network.' },
  );
}

function tablesTwice(table: string, schemas: readonly string[]): OperatorError {
  return new OperatorError(
    'v3-tables-ambiguous',
    `The database of --from-db-url has a table "${table}" in several schemas: ${nameList(schemas)}.`,
    { hint: 'Say with --from-db-schema which of them the Python operator has used.' },
  );
}

/** Whether a row is of the vault, of none and of a validator's own key. */
function conditionsOf({ hasVault, hasParent, vault }: Tables) {
  return {
    ofVault: hasVault ? sql`coalesce(lower(vault) = ${vault}, false)` : sql`false`,
    ofNoVault: hasVault ? sql`coalesce(vault, '') = ''` : sql`true`,
    isOwn: hasParent ? sql`parent_public_key is null` : sql`true`,
  };
}

async function countRows({ db }: Session, tables: Tables): Promise<V3Counts> {
  const { ofVault, ofNoVault, isOwn } = conditionsOf(tables);
  const { rows } = await sql<V3Counts>`
    select
      (count(*) filter (where ${isOwn} and ${ofVault}))::int as "ofVault",
      (count(*) filter (where ${isOwn} and ${ofNoVault}))::int as "ofNoVault",
      (count(*) filter (where ${isOwn} and not ${ofVault} and not ${ofNoVault}))::int as "ofOthers",
      (count(*) filter (where not ${isOwn} and ${ofVault}))::int as shares
    from ${sql.id(tables.schema, tables.keypairs)}`.execute(db);
  return rows[0] ?? { ofVault: 0, ofNoVault: 0, ofOthers: 0, shares: 0 };
}

interface TextRow {
  readonly public_key: string | null;
  readonly private_key: string | null;
  readonly nonce: string | null;
}

async function* pageKeys(
  session: Session,
  tables: Tables,
  includes: { readonly ofNoVault: boolean },
): AsyncGenerator<readonly V3Row[], void, undefined> {
  const { ofVault, ofNoVault, isOwn } = conditionsOf(tables);
  const wanted = includes.ofNoVault ? sql`(${ofVault} or ${ofNoVault})` : ofVault;
  const cursor = await declareCursor(
    session,
    sql`
      select public_key, private_key, nonce from ${sql.id(tables.schema, tables.keypairs)}
      where ${isOwn} and ${wanted}
      order by (not ${ofVault}), public_key collate "C"`,
  );
  for await (const rows of fetchRows<TextRow>(session, cursor, PAGE_SIZE)) yield rows.map(readRow);
}

function readRow({ public_key, private_key, nonce }: TextRow): V3Row {
  const key = bytesOf(public_key, PUBLIC_KEY_LENGTH);
  const ciphertext = bytesOf(private_key, SECRET_KEY_LENGTH);
  const drawn = bytesOf(nonce, V3_NONCE_LENGTH);
  if (key === undefined || ciphertext === undefined || drawn === undefined) {
    return { malformed: foreignText(public_key ?? 'a row without a public key') };
  }
  return { publicKey: key, nonce: drawn, ciphertext };
}

function bytesOf(text: string | null, length: number): Uint8Array | undefined {
  const isHex = text !== null && /^0x[0-9a-f]*$/i.test(text) && text.length === 2 + 2 * length;
  return isHex ? fromHex(text, length) : undefined;
}

async function* readDepositData(
  { db }: Session,
  { schema, configs, vault }: Tables,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (configs === undefined) return;
  for (let from = 1; ; from += PIECE_LENGTH) {
    const { rows } = await sql<{ piece: string }>`
      select substr(data, ${from}::int, ${PIECE_LENGTH}::int) as piece from ${sql.id(schema, configs)}
      where lower(vault) = ${vault} and name = 'deposit_data.json'`.execute(db);
    const piece = rows[0]?.piece ?? '';
    if (piece === '') return;
    yield Buffer.from(piece);
  }
}
