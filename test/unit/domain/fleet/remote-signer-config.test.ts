import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeRemoteSignerConfig } from '../../../../src/domain/fleet/remote-signer-config.ts';
import { parseRemoteSignerConfig } from '../../../../src/domain/fleet/remote-signer-document.ts';
import { toHex } from '../../../../src/lib/bytes.ts';
import { formatPythonJson } from '../../../../src/lib/python-json.ts';

const vectors = join(import.meta.dirname, '../../../vectors/v3-operator');
const recorded = readFileSync(join(vectors, '03-remote-db/5-operator/remote_signer_config.json'), 'utf8');
const oracleSet = { configHash: new Uint8Array(32).fill(7), ipfsHash: 'QmHash', threshold: 3 };

function textOf(config: Parameters<typeof encodeRemoteSignerConfig>[0]): string {
  return Buffer.from(encodeRemoteSignerConfig(config)).toString();
}

describe('remote signer configuration', () => {
  it.each(['03-remote-db/5-operator', '08-remote-signer-setup'])(
    'parseRemoteSignerConfig and encodeRemoteSignerConfig read and write the bytes of %s',
    folder => {
      const text = readFileSync(join(vectors, folder, 'remote_signer_config.json'), 'utf8');
      const config = parseRemoteSignerConfig(text, 'recorded');
      expect(config.oracleSet).toBeUndefined();
      expect(textOf(config)).toBe(text);
    },
  );

  it('encodeRemoteSignerConfig puts the oracle set behind the reference’s bytes, and it is read back', () => {
    const { validators } = parseRemoteSignerConfig(recorded, 'recorded');
    const text = textOf({ validators, oracleSet });
    expect(text.startsWith(`${recorded.slice(0, -1)}, "oracle_set": {`)).toBe(true);
    expect(parseRemoteSignerConfig(text, 'own')).toEqual({ validators, oracleSet });
  });

  it('encodeRemoteSignerConfig writes what Python’s json.dumps would, of no validator, of one without shares, of any', () => {
    const key = (first: number) => Uint8Array.from({ length: 48 }, (_, i) => first + i * 5);
    const shares = [key(3), key(4), key(5)];
    const all = [
      { publicKey: key(1), shares },
      { publicKey: key(2), shares: [] },
      { publicKey: key(200), shares: shares.slice(1, 2) },
    ];
    for (const validators of [[], all.slice(0, 1), all.slice(1, 2), all]) {
      for (const set of [undefined, oracleSet, { ...oracleSet, ipfsHash: 'Qm"\\ü\u2028' }]) {
        const document = {
          pubkeys_to_shares: Object.fromEntries(
            validators.map(each => [toHex(each.publicKey), each.shares.map(toHex)]),
          ),
          ...(set && {
            oracle_set: {
              config_hash: toHex(set.configHash),
              config_ipfs_hash: set.ipfsHash,
              threshold: set.threshold,
            },
          }),
        };
        const iterable = { [Symbol.iterator]: () => validators.values() };
        expect(textOf({ validators: iterable, oracleSet: set })).toBe(formatPythonJson(document));
      }
    }
  });

  it.each([
    ['{', /x\.json is not a remote signer configuration/],
    ['{}', /pubkeys_to_shares/],
    ['{"pubkeys_to_shares": {"0x12": []}}', /remote signer configuration/],
    [`{"pubkeys_to_shares": {"0x12": ["0x${'ab'.repeat(48)}"]}}`, /0x12 is not a public key/],
    [recorded.replace('["0x', '["'), /expected a public key/],
    [
      `${recorded.slice(0, -1)}, "oracle_set": {"config_hash": "0x${'00'.repeat(32)}", "config_ipfs_hash": "Qm", "threshold": 5}}`,
      /threshold 5 exceeds the 4 shares/,
    ],
  ])('parseRemoteSignerConfig refuses the broken document number %#', (text, message) => {
    expect(() => parseRemoteSignerConfig(text, 'x.json')).toThrow(message);
  });
});
