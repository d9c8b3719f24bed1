import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  findRemoved,
  readClientKeys,
  readConfiguredKeys,
  readDepositKeys,
} from '../../../../src/domain/fleet/written-keys.ts';
import { fromHex } from '../../../../src/lib/bytes.ts';
import { recordedPath } from '../../../support/recorded/vectors.ts';

const recorded = (name: string) => readFileSync(join(recordedPath('03-remote-db'), name), 'utf8');
const key = (digit: string) => `0x${digit.repeat(96)}` as const;

describe('keys of files that are there', () => {
  it('readClientKeys, readConfiguredKeys and readDepositKeys find the keys in the reference’s files', () => {
    const definitions = readClientKeys(recorded('4-validator-total3-index0/validator_definitions.yml'));
    expect(definitions.size).toBe(3);
    expect(readClientKeys(recorded('4-validator-total3-index0/signer_keys.yml'))).toEqual(definitions);
    expect(readClientKeys(recorded('4-validator-total3-index0/proposer_config.json')).size).toBe(0);
    const validators = readConfiguredKeys(recorded('5-operator/remote_signer_config.json'));
    expect(validators.size).toBe(10);
    expect(readDepositKeys(recorded('5-operator/deposit_data.json'))).toEqual(validators);
  });

  it('readClientKeys, readConfiguredKeys and readDepositKeys find keys in whatever form, and in half a file', () => {
    expect(readClientKeys(`- voting_public_key: "${key('A')}"\n`)).toEqual(new Set([key('a')]));
    expect(readClientKeys(`{"k":["${key('b')}","${key('c')}","0x${'d'.repeat(95)}`).size).toBe(2);
    expect(readDepositKeys(`[{"amount":1, "pubkey" : "${'E'.repeat(96)}"`)).toEqual(new Set([key('e')]));
    // No signature, and no share, is a validator.
    expect(readClientKeys(`0x${'a'.repeat(192)}`).size).toBe(0);
    expect(readConfiguredKeys(`{"pubkeys_to_shares": {"${key('a')}": ["${key('b')}"]}}`)).toEqual(
      new Set([key('a')]),
    );
    for (const read of [readClientKeys, readConfiguredKeys, readDepositKeys]) expect(read('').size).toBe(0);
  });

  it('findRemoved gives the present keys that are not wanted', () => {
    const present = new Set([key('a'), key('b')]);
    expect(findRemoved(present, [fromHex(key('b')), fromHex(key('c'))])).toEqual([key('a')]);
  });
});
