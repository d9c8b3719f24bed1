// Databases as the Python operator has made them: the recorded one, and keys that are encrypted here as that program did.
import { createCipheriv, randomBytes } from 'node:crypto';
import pg from 'pg';
import { publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { readRecorded, readRecordedJson } from './vectors.ts';

/** Versions whose tables differ. */

type PythonVersion = '1.0' | '1.1 to 3' | '4 and 5';

interface KeypairRow {
  readonly vault: string;
  readonly parent_public_key: string | null;
  readonly public_key: string;
  readonly private_key: string;
  readonly nonce: string;
}

interface ConfigRow {
  readonly vault: string;
  readonly name: string;
  readonly data: string;
}

/** Which rows are stored, and how. */
export interface PythonDatabaseOptions {
  readonly version?: PythonVersion;
  /** What the tables' names begin with; holesky where it is left out. */
  readonly network?: string;
}

/**
 * Fills a database with the recorded rows of ten keys, and of their shares where the version has some. What a later version did not
 * have is taken away: it made its tables without it.
 */
export async function fillWithPythonVault(
  url: string,
  { version = '1.0', network = 'holesky' }: PythonDatabaseOptions = {},
): Promise<void> {
  const keypairs = readRecordedJson<KeypairRow[]>('03-remote-db/2-after-upload-keypairs.json');
  const configs = readRecordedJson<ConfigRow[]>('03-remote-db/2-after-upload-configs.json');
  const rename = renamerOf(network);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await createTables(client, network);
    for (const row of keypairs) {
      await client.query(rename('insert into holesky_keypairs values ($1, $2, $3, $4, $5)'), [
        row.vault,
        row.parent_public_key,
        row.public_key,
        row.private_key,
        row.nonce,
      ]);
    }
    for (const row of configs) {
      await client.query(rename('insert into holesky_configs values ($1, $2, $3)'), [
        row.vault,
        row.name,
        row.data,
      ]);
    }
    for (const change of CHANGES[version]) await client.query(rename(change));
  } finally {
    await client.end();
  }
}

/** Makes the tables of version 1.0, as they were recorded, empty. */
async function createTables(client: pg.Client, network: string): Promise<void> {
  // psql's own commands, and the owner, who is not here.
  const schema = readRecorded('03-remote-db/ddl.sql').replaceAll(/^\\.*$|^ALTER TABLE .* OWNER TO .*$/gm, '');
  await client.query(renamerOf(network)(schema));
  // pg_dump empties it.
  await client.query('set search_path to public');
}

function renamerOf(network: string): (sql: string) => string {
  return sql => sql.replaceAll('holesky_', `${network}_`);
}

const WITHOUT_SHARES = [
  'delete from holesky_keypairs where parent_public_key is not null',
  'alter table holesky_keypairs drop column parent_public_key',
  "delete from holesky_configs where name <> 'deposit_data.json'",
];
const CHANGES: Readonly<Record<PythonVersion, readonly string[]>> = {
  '1.0': [],
  '1.1 to 3': WITHOUT_SHARES,
  '4 and 5': [
    ...WITHOUT_SHARES,
    'alter table holesky_keypairs drop column vault',
    'drop table holesky_configs',
  ],
};

/** Public key, nonce and ciphertext of a key, encrypted by AES-256-EAX without its tag, from the mode's own definition. */
export function encryptV3Record(key: Uint8Array, secretKey: Uint8Array): Buffer {
  const nonce = randomBytes(16);
  const counter = omac(key, Buffer.concat([Buffer.alloc(16), nonce]));
  const cipher = createCipheriv('aes-256-ctr', key, counter);
  const isKey = secretKey.some(byte => byte !== 0);
  const publicKey = isKey ? publicKeyOf(secretKey) : new Uint8Array(48);
  return Buffer.concat([publicKey, nonce, cipher.update(secretKey)]);
}

/** OMAC1 (RFC 4493 with a key of 256 bits) of whole blocks: CBC whose last block was masked. */
function omac(key: Uint8Array, message: Buffer): Buffer {
  const zero = createCipheriv('aes-256-ecb', key, null).update(Buffer.alloc(16));
  const doubled = BigInt(`0x${zero.toString('hex')}`) << 1n;
  const mask = doubled >> 128n === 0n ? doubled : (doubled & ((1n << 128n) - 1n)) ^ 0x87n;
  const last = BigInt(`0x${message.subarray(-16).toString('hex')}`) ^ mask;
  const masked = Buffer.concat([
    message.subarray(0, -16),
    Buffer.from(last.toString(16).padStart(32, '0'), 'hex'),
  ]);
  return createCipheriv('aes-256-cbc', key, Buffer.alloc(16)).update(masked).subarray(-16);
}

/** Stores keys of the recorded vault beside those that are there. */
export async function addPythonKeys(url: string, vault: string, records: readonly Buffer[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await insertKeys(client, { network: 'holesky', vault, records });
  } finally {
    await client.end();
  }
}

/** Fills an empty database with the keys and the deposit data of a vault, as versions 1.1 to 3 store them. */
export async function storePythonVault(
  url: string,
  vault: PythonVaultKeys & { readonly depositData: string },
): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const rename = renamerOf(vault.network);
  try {
    await createTables(client, vault.network);
    for (const change of CHANGES['1.1 to 3']) await client.query(rename(change));
    await insertKeys(client, vault);
    await client.query(rename("insert into holesky_configs values ($1, 'deposit_data.json', $2)"), [
      vault.vault,
      vault.depositData,
    ]);
  } finally {
    await client.end();
  }
}

interface PythonVaultKeys {
  /** What the tables' names begin with. */
  readonly network: string;
  /** Checksummed. */
  readonly vault: string;
  /** What {@link encryptV3Record} has made. */
  readonly records: readonly Buffer[];
}

async function insertKeys(client: pg.Client, { network, vault, records }: PythonVaultKeys): Promise<void> {
  const hex = (bytes: Buffer) => `0x${bytes.toString('hex')}`;
  await client.query(
    `insert into ${network}_keypairs (vault, public_key, private_key, nonce)
     select $1, * from unnest($2::text[], $3::text[], $4::text[])`,
    [
      vault,
      records.map(record => hex(record.subarray(0, 48))),
      records.map(record => hex(record.subarray(64))),
      records.map(record => hex(record.subarray(48, 64))),
    ],
  );
}
