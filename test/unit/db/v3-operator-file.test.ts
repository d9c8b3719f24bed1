// Files of --operator-db: those of the Python operator are read and left alone, whatever else is there is refused in a sentence.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect } from 'vitest';
import { readV3Scan } from '../../../src/db/v3-operator-file.ts';
import { it } from '../../support/fixtures.ts';
import { type OperatorDbRow, writeOperatorDb } from '../../support/recorded/operator-db.ts';

const NETWORK = 'holesky';
const TABLE = `${NETWORK}_network_validators`;

function rowsOf(count: number): OperatorDbRow[] {
  return Array.from({ length: count }, (_, i) => {
    const publicKey = new Uint8Array(48).fill(7);
    new DataView(publicKey.buffer).setUint32(0, i);
    return { publicKey, block: 100 + i };
  });
}

function refusal(path: string): { readonly code: string; readonly message: string } {
  try {
    readV3Scan(path, NETWORK);
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('it was read');
}

describe('an operator.db of the Python operator', () => {
  it('the validators of an operator.db are read, and nothing is written into the file or beside it', ({
    directory,
  }) => {
    // Characters that mean something in a URL.
    const folder = join(directory, 'a ?immutable=0#b%20');
    mkdirSync(folder);
    const path = join(folder, 'operator.db');
    const rows = rowsOf(5_000);
    writeOperatorDb(path, NETWORK, rows);
    chmodSync(path, 0o444);
    chmodSync(folder, 0o555);
    const before = { bytes: readFileSync(path), stats: statSync(path, { bigint: true }) };
    const scan = readV3Scan(path, NETWORK);
    expect(scan.lastBlock).toBe(5_099);
    expect(Buffer.compare(scan.publicKeys.flat(), Buffer.concat(rows.map(row => row.publicKey)))).toBe(0);
    expect(readdirSync(folder)).toEqual(['operator.db']);
    expect(Buffer.compare(readFileSync(path), before.bytes)).toBe(0);
    expect(statSync(path, { bigint: true }).mtimeNs).toBe(before.stats.mtimeNs);
  });

  it('an operator.db is read while another process holds its lock, since none is taken', ({ directory }) => {
    const path = join(directory, 'operator.db');
    writeOperatorDb(path, NETWORK, rowsOf(3));
    using holder = new DatabaseSync(path);
    holder.exec('pragma journal_mode = memory; begin exclusive');
    expect(readV3Scan(path, NETWORK).publicKeys.length).toBe(3);
  });

  it('an operator.db of version 1, which has one table, is read through a link', ({ directory }) => {
    const path = join(directory, 'real.db');
    writeOperatorDb(path, NETWORK, rowsOf(2), [
      `drop table ${NETWORK}_vault_validators`,
      `drop table ${NETWORK}_checkpoints`,
    ]);
    symlinkSync(path, join(directory, 'operator.db'));
    expect(readV3Scan(join(directory, 'operator.db'), NETWORK).publicKeys.length).toBe(2);
  });
});

describe('a file that is no operator.db', () => {
  it.for<[string, (path: string) => void, string]>([
    ['that is not there', () => undefined, 'ENOENT'],
    ['that is a directory', path => mkdirSync(path), 'it is no regular file'],
    ['that is a pipe', path => void execFileSync('mkfifo', [path]), 'it is no regular file'],
    ['that is empty', path => writeFileSync(path, ''), `it has no table "${TABLE}"`],
    ['that is no SQLite database', path => writeFileSync(path, 'x'.repeat(9_000)), 'file is not a database'],
    ['of another network', path => writeOperatorDb(path, 'mainnet', rowsOf(2)), `it has no table "${TABLE}"`],
    ['without rows', path => writeOperatorDb(path, NETWORK, []), 'it has no validators yet'],
    [
      'with a view in place of the table',
      path =>
        writeOperatorDb(path, NETWORK, rowsOf(2), [
          `alter table ${TABLE} rename to other`,
          `create view ${TABLE} as with recursive n(i) as (select 1 union all select i + 1 from n) select i as public_key, i as block_number from n`,
        ]),
      `it has no table "${TABLE}"`,
    ],
    [
      'with a virtual table in place of the table',
      path =>
        writeOperatorDb(
          path,
          NETWORK,
          [],
          [`drop table ${TABLE}`, `create virtual table ${TABLE} using fts5(public_key, block_number)`],
        ),
      `it has no table "${TABLE}"`,
    ],
    [
      'with a column that is computed',
      path =>
        writeOperatorDb(
          path,
          NETWORK,
          [],
          [
            `drop table ${TABLE}`,
            `create table ${TABLE} (public_key text, block_number integer as (length(public_key)))`,
          ],
        ),
      'has no column "block_number"',
    ],
    [
      'with other columns',
      path => writeOperatorDb(path, NETWORK, [], [`alter table ${TABLE} rename column public_key to k`]),
      'has no column "public_key"',
    ],
    [
      'beside which there is a journal',
      path => {
        writeOperatorDb(path, NETWORK, rowsOf(2));
        writeFileSync(`${path}-journal`, 'x');
      },
      'operator.db-journal has changes that are not in it yet',
    ],
    [
      'beside which there is a write-ahead log',
      path => {
        writeOperatorDb(path, NETWORK, rowsOf(2));
        writeFileSync(`${path}-wal`, 'x');
      },
      'operator.db-wal has changes that are not in it yet',
    ],
  ])('a file %s is refused as unreadable', ([, make, reason], { directory }) => {
    const path = join(directory, 'operator.db');
    make(path);
    expect(refusal(path)).toMatchObject({
      code: 'operator-db-unreadable',
      message: expect.stringContaining(reason),
    });
  });

  it('an operator.db that was cut off anywhere is refused', ({ directory }) => {
    const whole = join(directory, 'whole.db');
    writeOperatorDb(whole, NETWORK, rowsOf(400));
    const bytes = readFileSync(whole);
    for (const length of [
      bytes.length - 1,
      ...Array.from({ length: bytes.length / 2_048 - 1 }, (_, i) => (i + 1) * 2_048),
    ]) {
      const path = join(directory, `cut-${length}.db`);
      writeFileSync(path, bytes);
      truncateSync(path, length);
      expect(refusal(path).code, `cut to ${length} of ${bytes.length} bytes`).toBe('operator-db-unreadable');
    }
  });

  it.for<[string, string, string]>([
    ['a key that is too short', "'0x1234', 1", 'publicKey'],
    ['a key that is too long', `'0x${'ab'.repeat(49)}', 1`, 'publicKey'],
    ['a key of a hundred megabytes', "'0x' || hex(zeroblob(50000000)), 1", 'publicKey'],
    ['a key that is no hex', `'0x${'zz'.repeat(48)}', 1`, 'publicKey'],
    ['a key without 0x', `'${'ab'.repeat(49)}', 1`, 'publicKey'],
    ['a key in bytes', 'zeroblob(98), 1', 'publicKey'],
    ['a key that is a number', '1, 1', 'publicKey'],
    ['no key', 'null, 1', 'publicKey'],
    ['a negative block', `'0x${'ab'.repeat(48)}', -1`, 'block'],
    ['a block above what numbers can say', `'0x${'ab'.repeat(48)}', 9223372036854775807`, 'block'],
    ['a block that is text', `'0x${'ab'.repeat(48)}', 'x'`, 'block'],
    ['a block that is a fraction', `'0x${'ab'.repeat(48)}', 1.5`, 'block'],
    ['no block', `'0x${'ab'.repeat(48)}', null`, 'block'],
    ['a key that stands there twice', `'0x${'ab'.repeat(48)}', 1), ('0x${'AB'.repeat(48)}', 2`, 'twice'],
  ])('a row with %s is refused by its place', ([, values, what], { directory }) => {
    const path = join(directory, 'operator.db');
    writeOperatorDb(
      path,
      NETWORK,
      [],
      [
        `drop table ${TABLE}`,
        `create table ${TABLE} (public_key VARCHAR(98), block_number INTEGER)`,
        `insert into ${TABLE} values ('0x${'cd'.repeat(48)}', 5), (${values})`,
      ],
    );
    const { code, message } = refusal(path);
    expect(code).toBe('operator-db-malformed');
    expect(message).toMatch(/^Row [23] of /);
    expect(message).toContain(what);
    expect(message.length).toBeLessThan(400);
  });
});
