import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { formatDepositData, parseDepositData } from '../../../../src/domain/consensus/deposit-data.ts';
import { type DepositList, depositListOf } from '../../../../src/domain/consensus/deposit-list.ts';
import { deriveSecretKey } from '../../../../src/domain/keys/derivation.ts';
import { createDepositData } from '../../../../src/domain/keys/signed-deposit.ts';
import { concatBytes, toHex } from '../../../../src/lib/bytes.ts';
import { readDepositList } from '../../../../src/services/local-keys/read-deposit-list.ts';
import { it } from '../../../support/fixtures.ts';

const seed = new Uint8Array(32).fill(7);
const network = { name: 'devnet', genesisForkVersion: new Uint8Array(4) };
const made = Array.from({ length: 3 }, (_, i) =>
  createDepositData({ secretKey: deriveSecretKey(seed, i), vault: new Uint8Array(20), network }),
);

/** So many entries that a file is read in several pieces; key and signature are numbered, and are none. */
function manyEntries(count: number, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, i) => ({
    ...made[i % made.length]?.json,
    pubkey: i.toString(16).padStart(96, '0'),
    signature: i.toString(16).padStart(192, 'a'),
    ...more,
  }));
}

async function collect(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return all;
}

/** What a list has, as something that can be compared. */
async function contentOf(list: DepositList) {
  const text = concatBytes(await collect(list.text.pieces()));
  return {
    entries: list.length,
    publicKeys: toHex(list.publicKeys.flat()),
    signatures: toHex(list.signatures),
    duplicate: list.duplicate && toHex(list.duplicate),
    claims: list.claims.map(({ publicKey, json }) => [toHex(publicKey), json]),
    roots: Array.from({ length: list.length }, (_, i) => list.rootNamedBy(i)?.join()),
    document: Buffer.from(text).toString(),
    length: list.text.length,
    digest: toHex(list.text.digest),
  };
}

describe('readDepositList', () => {
  const many = manyEntries(2_000);
  it.for([
    ['no entry', '[]'],
    ['no entry and spaces', ' [ \n ] \n'],
    ['one entry', JSON.stringify(many.slice(0, 1))],
    ['two thousand entries', JSON.stringify(many)],
    ['entries behind a byte order mark', `\ufeff${JSON.stringify(many)}`],
    ['entries as they are written here', formatDepositData(parseDepositData(JSON.stringify(many)))],
    ['entries over many lines', `\n${JSON.stringify(many, null, 4)}\n`],
    ['entries with text beyond ASCII', JSON.stringify(manyEntries(2_000, { note: 'Ärger, 鍵 and 🔑' }))],
    ['braces in texts', JSON.stringify(manyEntries(2_000, { note: '}, {"a": 1}, [' }))],
    ['objects within entries', JSON.stringify(manyEntries(2_000, { more: [{ a: {} }, { b: 1 }] }))],
    ['one entry of half a megabyte', JSON.stringify(manyEntries(3, { note: '},'.repeat(250_000) }))],
    ['a key that stands twice', JSON.stringify([...many, ...many.slice(700, 702)])],
    ['entries that name no root', JSON.stringify(manyEntries(700, { deposit_data_root: undefined }))],
  ] as const)(
    'readDepositList reads the same in pieces as a whole: %s',
    async ([_what, text], { directory }) => {
      const path = join(directory, 'deposit_data.json');
      writeFileSync(path, text);
      const entries = parseDepositData(text, path);
      const list = await readDepositList(directory, path);
      const content = await contentOf(list);
      expect(content).toEqual(await contentOf(depositListOf({ path, entries })));
      const written = formatDepositData(entries);
      expect(content).toMatchObject({
        document: written,
        length: Buffer.byteLength(written),
        digest: `0x${createHash('sha256').update(written).digest('hex')}`,
      });
      expect(list.path).toBe(path);
      expect(toHex(list.signatures)).toBe(toHex(concatBytes(entries.map(({ signature }) => signature))));
    },
  );

  const broken = (change: (entries: Record<string, unknown>[]) => unknown) =>
    JSON.stringify(change(manyEntries(2_000)));
  it.for([
    ['an empty file', ''],
    ['a file that was cut off', JSON.stringify(many).slice(0, -1)],
    ['a file that was cut off within an entry', JSON.stringify(many).slice(0, 900_000)],
    ['a comma too many at the end', JSON.stringify(many).replace(/\]$/, ',]')],
    ['a comma too many', JSON.stringify(many).replace('},{', '},,{')],
    ['something behind the list', `${JSON.stringify(many)}]`],
    ['two lists', JSON.stringify(many) + JSON.stringify(many)],
    ['an object', JSON.stringify(many[0])],
    [
      'a key of the wrong length',
      broken(entries => entries.with(1_234, { ...entries[1_234], pubkey: 'ab' })),
    ],
    [
      'a missing signature',
      broken(entries => entries.with(1_999, { ...entries[1_999], signature: undefined })),
    ],
    ['an entry that is a number', broken(entries => [...entries.slice(0, 5), 5, ...entries.slice(5)])],
    ['an entry that is a list', broken(entries => [entries])],
  ] as const)(
    'readDepositList says of a wrong file what is said of it as a whole: %s',
    async ([_, text], { directory }) => {
      const path = join(directory, 'deposit_data.json');
      writeFileSync(path, text);
      let expected: unknown;
      try {
        parseDepositData(text, path);
      } catch (error) {
        expected = error;
      }
      expect(expected).toBeInstanceOf(Error);
      await expect(readDepositList(directory, path)).rejects.toEqual(expected);
    },
  );

  it.for([
    ['another entry of the same length', (text: string) => text.replace('000a', '000b')],
    ['an entry less', () => JSON.stringify(many.slice(1))],
    ['a text that is cut off', (text: string) => text.slice(0, text.length / 2)],
    ['no list', () => '{}'],
  ] as const)(
    'the text of a list is refused when the file has meanwhile %s',
    async ([_what, change], { directory }) => {
      const path = join(directory, 'deposit_data.json');
      const before = JSON.stringify(many);
      writeFileSync(path, before);
      const list = await readDepositList(directory, path);
      writeFileSync(path, change(before));
      await expect(collect(list.text.pieces())).rejects.toMatchObject({
        code: 'file-changed',
        message: `${path} was changed by somebody else meanwhile.`,
      });
      writeFileSync(path, before);
      expect(concatBytes(await collect(list.text.pieces()))).toHaveLength(list.text.length);
    },
  );

  it('readDepositList says which file is missing', async ({ directory }) => {
    await expect(readDepositList(directory)).rejects.toMatchObject({ code: 'deposit-data-missing' });
    await expect(readDepositList(directory, join(directory, 'none.json'))).rejects.toMatchObject({
      code: 'file-missing',
    });
  });

  it('readDepositList lets go of signatures and roots when they were checked, and never takes them for none', async ({
    directory,
  }) => {
    const path = join(directory, 'deposit_data.json');
    writeFileSync(path, JSON.stringify(many));
    const list = await readDepositList(directory, path);
    expect(list.signatures).toHaveLength(2_000 * 96);
    list.letGoOfProofs();
    expect(() => list.signatures).toThrow('let go');
    expect(() => list.rootNamedBy(0)).toThrow('let go');
    expect(list.publicKeys).toHaveLength(2_000);
    const text = concatBytes(await collect(list.text.pieces()));
    expect(`0x${createHash('sha256').update(text).digest('hex')}`).toBe(toHex(list.text.digest));
  });
});
