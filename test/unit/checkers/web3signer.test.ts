import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { readKeyDirectory, readKeyDocuments } from '../../support/checkers/web3signer.ts';
import { it } from '../../support/fixtures.ts';

const recorded = join(import.meta.dirname, '../../vectors/v3-operator/03-remote-db');
const digits = '25b1166a43c109cb330af8945d364722757c65ed2bfed5444b5a2f057f82d391';
const document = (key: string, type = 'file-raw') => `keyType: BLS\nprivateKey: '${key}'\ntype: ${type}\n`;

describe('readKeyDirectory', () => {
  it('readKeyDirectory finds the recorded keys and shares', () => {
    const rows: { public_key: string }[] = JSON.parse(
      readFileSync(join(recorded, '2-after-upload-keypairs.json'), 'utf8'),
    );
    const { publicKeys, files } = readKeyDirectory(join(recorded, '3-web3signer'));
    expect(files).toHaveLength(50);
    expect([...publicKeys].sort()).toEqual(rows.map(row => row.public_key).sort());
  });

  it('readKeyDirectory skips what Web3Signer skips and refuses a directory that looks like a key file', ({
    directory,
  }) => {
    for (const name of ['.hidden.yaml', 'key.json', 'key.yaml.tmp']) {
      writeFileSync(join(directory, name), 'x');
    }
    writeFileSync(join(directory, 'A.YML'), document(`0x${digits}`));
    expect(readKeyDirectory(directory).files).toEqual(['A.YML']);
    mkdirSync(join(directory, 'x.yaml'));
    expect(() => readKeyDirectory(directory)).toThrow(/x\.yaml: not a file/);
  });
});

describe('readKeyDocuments', () => {
  it('readKeyDocuments reads several documents of a file, with their keys quoted or not', () => {
    const text = `---\n${document(digits)}---\n{"type": "file-raw", "privateKey": 0x${digits}}\n`;
    const [first, second] = readKeyDocuments(text, 'a');
    expect(first).toBe(second);
  });

  it.each([
    ['', /empty/],
    [`${document(digits)}---\n`, /document 2: empty document/],
    [`${document(digits)}---\n---\n${document(digits)}`, /document 2: empty document/],
    [`- ${document(digits).replaceAll('\n', '\n  ')}`, /not a mapping/],
    [document(digits, 'FILE-RAW'), /type is not file-raw/],
    [document('0x12'), /short private key/],
    [document('0x123'), /not hex/],
    [document(`0x00${digits}`), /too long/],
    [document(`0x${'0'.repeat(64)}`), /zero key/],
    [document(`0x${'f'.repeat(64)}`), /curve's order/],
    [document(digits).replace('BLS', 'SECP256K1'), /not a BLS key/],
    ['a: "', /not YAML/],
  ])('readKeyDocuments refuses %j', (text, message) => {
    expect(() => readKeyDocuments(text, 'a')).toThrow(message);
  });
});
