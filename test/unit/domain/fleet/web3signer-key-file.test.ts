import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  keyFileOf,
  orderForMoves,
  readKeyFile,
  renderKeyFiles,
} from '../../../../src/domain/fleet/web3signer-key-file.ts';
import { publicKeyOf } from '../../../../src/domain/keys/derivation.ts';
import { toHex } from '../../../../src/lib/bytes.ts';
import { readKeyDocuments } from '../../../support/checkers/web3signer.ts';

const owner = { network: 'holesky', vault: '0x1234567890AbcdEF1234567890aBcdef12345678' };
const recorded = join(import.meta.dirname, '../../../vectors/v3-operator/03-remote-db/3-web3signer');
const recordedFiles = new Map(
  Array.from({ length: 50 }, (_, index) => [
    `key_${index}.yaml`,
    readFileSync(join(recorded, `key_${index}.yaml`)),
  ]),
);
const keys = Array.from(
  recordedFiles,
  ([name, content]) => readKeyFile(content, name)[0] ?? new Uint8Array(),
).map(secretKey => ({ secretKey, publicKey: publicKeyOf(secretKey) }));
const text = (content: Uint8Array | undefined) => Buffer.from(content ?? []).toString();

describe('renderKeyFiles', () => {
  it('renderKeyFiles writes the recorded key_N.yaml byte for byte, whatever the order of the keys', () => {
    const files = renderKeyFiles(keys.toReversed(), { ...owner, layout: 'one-per-key' });
    expect(files.size).toBe(50);
    for (const [name, content] of recordedFiles) expect(text(files.get(name))).toBe(content.toString());
  });

  it('renderKeyFiles puts each key into the bucket of its public key’s last byte, as Web3Signer can read it', () => {
    const files = renderKeyFiles(keys, { ...owner, layout: 'buckets' });
    const found = Array.from(files).flatMap(([name, content]) => {
      const publicKeys = readKeyDocuments(text(content), name);
      for (const publicKey of publicKeys) {
        expect(name).toBe(`holesky-0x1234567890abcdef1234567890abcdef12345678-${publicKey.slice(-2)}.yaml`);
      }
      expect(publicKeys).toEqual(publicKeys.toSorted());
      expect(readKeyFile(content, name).map(key => toHex(publicKeyOf(key)))).toEqual(publicKeys);
      return publicKeys;
    });
    expect(found.sort()).toEqual(keys.map(key => toHex(key.publicKey)).sort());
    expect(renderKeyFiles(keys.toReversed(), { ...owner, layout: 'buckets' })).toEqual(files);
  });

  it('renderKeyFiles joins documents with --- between them only', () => {
    const same = keys.slice(0, 2).map(key => ({ ...key, publicKey: new Uint8Array(48) }));
    const [content] = renderKeyFiles(same, { ...owner, layout: 'buckets' }).values();
    expect(text(content)).toMatch(
      /^keyType: BLS\nprivateKey: '0x[0-9a-f]{64}'\ntype: file-raw\n---\nkeyType: BLS\nprivateKey: '0x[0-9a-f]{64}'\ntype: file-raw\n$/,
    );
  });

  it('renderKeyFiles refuses the zero key and wrong lengths, and names the public key only', () => {
    const publicKey = new Uint8Array(48).fill(0xaa);
    for (const secretKey of [
      new Uint8Array(32),
      new Uint8Array(31).fill(0x77),
      new Uint8Array(33).fill(0x77),
    ]) {
      const render = () => renderKeyFiles([{ publicKey, secretKey }], { ...owner, layout: 'buckets' });
      expect(render).toThrow(toHex(publicKey));
      expect(render).not.toThrow(/7777/);
    }
  });
});

describe('readKeyFile', () => {
  const digits = 'ab'.repeat(31);
  it.each([
    [`type: file-raw\nprivateKey: 0x00${digits}\n`, 1],
    [
      `type: file-raw\nprivateKey: 00${digits}\n---\ntype: "file-raw"\nkeyType: bls\nprivateKey: "0x00${digits}"\n`,
      2,
    ],
  ])('readKeyFile reads what others wrote: %j', (content, count) => {
    const secretKeys = readKeyFile(Buffer.from(content), 'x.yaml');
    expect(secretKeys.map(toHex)).toEqual(Array(count).fill(`0x00${digits}`));
  });

  it.each([
    '',
    'privateKey: x',
    `type: file-raw\nprivateKey: 0x${digits}\n`,
    'type: file-keystore\nkeystoreFile: a.json\n',
    `type: file-raw\nkeyType: SECP256K1\nprivateKey: 0x00${digits}\n`,
    `type: file-raw\nprivateKey: "0x00${digits}\n`,
  ])('readKeyFile refuses %j without repeating its content', content => {
    const read = () => readKeyFile(Buffer.from(content), 'x.yaml');
    expect(read).toThrow(/^x\.yaml is not a key file/);
    expect(read).not.toThrow(/abab/);
  });
});

it('keyFileOf knows the names of this vault only', () => {
  const prefix = 'holesky-0x1234567890abcdef1234567890abcdef12345678';
  expect(keyFileOf(`${prefix}-0f.yaml`, owner)).toBe('buckets');
  expect(keyFileOf('key_0.yaml', owner)).toBe('one-per-key');
  expect(keyFileOf('key_120000.yaml', owner)).toBe('one-per-key');
  for (const name of [
    `${prefix}-0F.yaml`,
    `${prefix}-000.yaml`,
    `${prefix}-0f.yml`,
    `goerli-${prefix}-0f.yaml`,
    'holesky-0x1234567890abcdef1234567890abcdef12345679-0f.yaml',
    'key_01.yaml',
    'key_a.yaml',
    '.key_1.yaml',
    'my.yaml',
  ]) {
    expect(keyFileOf(name, owner)).toBeUndefined();
  }
});

describe('orderForMoves', () => {
  it('orderForMoves keeps every key of both sets present at every step, for any change of a sorted list', () => {
    const letters = fc
      .uniqueArray(fc.nat({ max: 40 }), { maxLength: 20 })
      .map(list => list.sort((a, b) => a - b));
    fc.assert(
      fc.property(letters, letters, (before, after) => {
        const nameOf = (index: number) => `key_${index}.yaml`;
        const disk = new Map(before.map((key, index) => [nameOf(index), key]));
        const contents = new Map(after.map((key, index) => [nameOf(index), Uint8Array.of(key)]));
        const ordered = orderForMoves(contents, name => {
          const place = after.indexOf(disk.get(name) ?? -1);
          return place < 0 || nameOf(place) === name ? [] : [nameOf(place)];
        });
        expect([...ordered.keys()].sort()).toEqual([...contents.keys()].sort());
        const lasting = before.filter(key => after.includes(key));
        const isNew = (name: string) => !disk.has(name);
        const names = [...ordered.keys()];
        const present = new Map(disk);
        // As applyFileSet writes: new files, then replaced ones.
        for (const name of [...names.filter(isNew), ...names.filter(name => !isNew(name))]) {
          present.set(name, contents.get(name)?.[0] ?? -1);
          expect([...present.values()]).toEqual(expect.arrayContaining(lasting));
        }
      }),
    );
  });
});
