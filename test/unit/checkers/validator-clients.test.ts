import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  readLighthouseDefinitions,
  readProposerConfig,
  readSignerKeys,
} from '../../support/checkers/validator-clients.ts';

const recorded = join(import.meta.dirname, '../../vectors/v3-operator/03-remote-db');
const read = (client: string, name: string) => readFileSync(join(recorded, client, name), 'utf8');
const definitions = read('4-validator-total3-index0', 'validator_definitions.yml');
const signerKeys = read('4-validator-total3-index0', 'signer_keys.yml');
const proposer = read('4-validator-total3-index0', 'proposer_config.json');
const firstKey = /0x[0-9a-f]{96}/.exec(definitions)?.[0] ?? '';
const feeRecipient = '0x48319f97E5Da1233c21c48b80097c0FB7a20Ff86';

it('readLighthouseDefinitions and readSignerKeys find the same keys for every client in the recorded files', () => {
  const clients = readdirSync(recorded).filter(name => name.startsWith('4-validator-'));
  for (const client of clients) {
    const entries = readLighthouseDefinitions(read(client, 'validator_definitions.yml'));
    expect(entries.length).toBeGreaterThan(0);
    expect(entries.map(entry => entry.publicKey)).toEqual(readSignerKeys(read(client, 'signer_keys.yml')));
    expect(new Set(entries.map(entry => entry.url))).toEqual(new Set(['http://web3signer:6174']));
    expect(readProposerConfig(read(client, 'proposer_config.json'))).toEqual({
      feeRecipient,
      isBuilderEnabled: !client.endsWith('builder-off'),
    });
  }
});

describe('readLighthouseDefinitions', () => {
  it('readLighthouseDefinitions reads an empty list', () => {
    expect(readLighthouseDefinitions('--- []\n')).toEqual([]);
  });

  it.each([
    ['', /not a list/],
    ['---\n', /not a list/],
    [definitions.replace('enabled: true', 'enabled: "true"'), /entry 1: wrong value of enabled/],
    [definitions.replace('enabled: true', 'enabled: false'), /not enabled/],
    [definitions.replace('  type: web3signer\n', ''), /type is missing/],
    [definitions.replace('type: web3signer', 'type: local_keystore'), /wrong value of type/],
    [definitions.replace('suggested_fee', 'sugested_fee'), /unknown field sugested_fee_recipient/],
    [definitions.replace(firstKey, firstKey.slice(2)), /not a public key/],
    [definitions.replace(firstKey, `0x${'8'.repeat(96)}`), /not a point/],
    [definitions.replace(firstKey, `0xc0${'0'.repeat(94)}`), /infinity|not a point/],
    [definitions + definitions.slice(4), /twice/],
    [definitions.replace('0x48319f97E5', '0x48319F97E5'), /EIP-55/],
    [definitions.replace('http://web3signer:6174', 'web3signer:6174'), /not a URL/],
    [definitions.replace('http://web3signer:6174', 'http://web3signer:6174/'), /slash/],
    [
      definitions.replace('http://web3signer:6174', 'http://web3signer:6174/w3s'),
      /no slash at the end of its path/,
    ],
    [
      definitions.replace('http://web3signer:6174', 'http://web3signer:6174?x=1'),
      /not the base of other URLs/,
    ],
  ])('readLighthouseDefinitions refuses the broken file number %#', (text, message) => {
    expect(() => readLighthouseDefinitions(text)).toThrow(message);
  });
});

describe('readSignerKeys', () => {
  it('readSignerKeys reads an empty list, with which Teku and Prysm start and wait', () => {
    expect(readSignerKeys('validators-external-signer-public-keys: []\n')).toEqual([]);
  });

  it.each([
    ['', /not a mapping/],
    ['validators-external-signer-public-keys: {}', /not a list/],
    [`${signerKeys}\nvalidators-external-signer-url: x`, /unknown option/],
    [signerKeys.replace('"0x', '"'), /key 1: not a public key/],
    [signerKeys.replace(/"(0x[0-9a-f]{96})"/, '$1'), /read it differently|not a public key/],
    [signerKeys.replace(']', `,"${firstKey}"]`), /twice/],
    [signerKeys.slice(0, -1), /not YAML/],
  ])('readSignerKeys refuses the broken file number %#', (text, message) => {
    expect(() => readSignerKeys(text)).toThrow(message);
  });
});

describe('readProposerConfig', () => {
  it.each([
    ['{}', /default_config: not a mapping/],
    ['{"default_config": {}}', /no fee_recipient/],
    [proposer.replace('{', '{"version": 2,'), /unknown name version/],
    [proposer.replace(/"enabled": true/, ''), /enabled is not a boolean/],
    [proposer.replace('true', '"true"'), /enabled is not a boolean/],
    [proposer.replace(feeRecipient, feeRecipient.replace('E5', 'e5')), /EIP-55/],
    [proposer.slice(0, -1), /JSON/],
  ])('readProposerConfig refuses the broken file number %#', (text, message) => {
    expect(() => readProposerConfig(text)).toThrow(message);
  });
});
