import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  formatRemoteSignerConfig,
  parseRemoteSignerConfig,
} from '../../../../src/domain/fleet/remote-signer-config.ts';

const vectors = join(import.meta.dirname, '../../../vectors/v3-operator');
const recorded = readFileSync(join(vectors, '03-remote-db/5-operator/remote_signer_config.json'), 'utf8');
const oracleSet = { configHash: new Uint8Array(32).fill(7), ipfsHash: 'QmHash', threshold: 3 };

describe('remote signer configuration', () => {
  it.each(['03-remote-db/5-operator', '08-remote-signer-setup'])(
    'parseRemoteSignerConfig and formatRemoteSignerConfig read and write the bytes of %s',
    folder => {
      const text = readFileSync(join(vectors, folder, 'remote_signer_config.json'), 'utf8');
      const config = parseRemoteSignerConfig(text, 'recorded');
      expect(config.oracleSet).toBeUndefined();
      expect(formatRemoteSignerConfig(config)).toBe(text);
    },
  );

  it('formatRemoteSignerConfig puts the oracle set behind the reference’s bytes, and it is read back', () => {
    const { validators } = parseRemoteSignerConfig(recorded, 'recorded');
    const text = formatRemoteSignerConfig({ validators, oracleSet });
    expect(text.startsWith(`${recorded.slice(0, -1)}, "oracle_set": {`)).toBe(true);
    expect(parseRemoteSignerConfig(text, 'own')).toEqual({ validators, oracleSet });
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
