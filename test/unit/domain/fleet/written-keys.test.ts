import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CLIENT_KEYS,
  CONFIGURED_KEYS,
  DEPOSIT_KEYS,
  findRemoved,
  KeyFinder,
} from '../../../../src/domain/fleet/written-keys.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { RecordTable } from '../../../../src/lib/record-table.ts';
import { recordedPath } from '../../../support/recorded/vectors.ts';

const recorded = (name: string) => readFileSync(join(recordedPath('03-remote-db'), name), 'utf8');
const key = (digit: string) => `0x${digit.repeat(96)}` as const;

function find(form: RegExp, ...pieces: string[]): ReadonlySet<string> {
  const finder = new KeyFinder(form);
  for (const piece of pieces) finder.add(piece);
  const found = finder.end();
  return new Set(Array.from({ length: found.length }, (_, place) => toHex(found.at(place))));
}

describe('keys of files that are there', () => {
  it('KeyFinder finds the keys in the reference’s files', () => {
    const definitions = find(CLIENT_KEYS, recorded('4-validator-total3-index0/validator_definitions.yml'));
    expect(definitions.size).toBe(3);
    expect(find(CLIENT_KEYS, recorded('4-validator-total3-index0/signer_keys.yml'))).toEqual(definitions);
    expect(find(CLIENT_KEYS, recorded('4-validator-total3-index0/proposer_config.json')).size).toBe(0);
    const validators = find(CONFIGURED_KEYS, recorded('5-operator/remote_signer_config.json'));
    expect(validators.size).toBe(10);
    expect(find(DEPOSIT_KEYS, recorded('5-operator/deposit_data.json'))).toEqual(validators);
  });

  it('KeyFinder finds keys in whatever form, and in half a file', () => {
    expect(find(CLIENT_KEYS, `- voting_public_key: "${key('A')}"\n`)).toEqual(new Set([key('a')]));
    expect(find(CLIENT_KEYS, `{"k":["${key('b')}","${key('c')}","0x${'d'.repeat(95)}`).size).toBe(2);
    expect(find(DEPOSIT_KEYS, `[{"amount":1, "pubkey" : "${'E'.repeat(96)}"`)).toEqual(new Set([key('e')]));
    // No signature, and no share, is a validator.
    expect(find(CLIENT_KEYS, `0x${'a'.repeat(192)}`).size).toBe(0);
    expect(find(CONFIGURED_KEYS, `{"pubkeys_to_shares": {"${key('a')}": ["${key('b')}"]}}`)).toEqual(
      new Set([key('a')]),
    );
    for (const form of [CLIENT_KEYS, CONFIGURED_KEYS, DEPOSIT_KEYS]) expect(find(form, '').size).toBe(0);
  });

  it('KeyFinder finds in pieces what it finds in the whole, wherever it is cut', () => {
    const keys = ['a', 'b', 'c'].flatMap(d => [key(d), `"${key(d)}":`, `"pubkey": "${d.repeat(96)}"`]);
    const others = ['0x', 'f', '"', ' ', ':', '"pubkey" :\n', 'x'.repeat(1100), `0x${'a'.repeat(192)}`];
    const parts = keys.concat(others);
    const texts = fc.array(fc.constantFrom(...parts), { maxLength: 12 }).map(some => some.join(''));
    const cut = texts.chain(text =>
      fc.tuple(fc.constant(text), fc.array(fc.nat(text.length), { maxLength: 9 })),
    );
    fc.assert(
      fc.property(fc.constantFrom(CLIENT_KEYS, CONFIGURED_KEYS, DEPOSIT_KEYS), cut, (form, [text, cuts]) => {
        const places = [0, text.length].concat(cuts).sort((a, b) => a - b);
        const pieces = places.slice(1).map((to, i) => text.slice(places[i], to));
        const whole = Array.from(text.matchAll(form), ([, digits]) => `0x${digits}`);
        expect(find(form, ...pieces)).toEqual(new Set(whole));
      }),
      { numRuns: 2_000 },
    );
  });

  it('findRemoved gives the present keys that are not wanted', () => {
    const present = new RecordTable(48);
    for (const digit of ['a', 'b']) present.add(fromHex(key(digit)));
    expect(findRemoved(present, [fromHex(key('b')), fromHex(key('c'))])).toEqual([key('a')]);
  });
});
