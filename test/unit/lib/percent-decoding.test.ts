import { expect, it } from 'vitest';
import { decodePercents } from '../../../src/lib/percent-decoding.ts';
import { createScrubber, secretPartsOf } from '../../../src/lib/scrub.ts';

it.each([
  ['plain', 'plain'],
  ['p%40ss%2Fword', 'p@ss/word'],
  ['K%C3%A4se', 'Käse'],
  ['50%off', '50%off'],
  ['100%', '100%'],
  ['%', '%'],
  ['%zz%41', '%zzA'],
  ['%25', '%'],
  ['a%2', 'a%2'],
  ['%ff', '%ff'],
  ['50%off%40', '50%off@'],
])('decodePercents makes %s to %s: what is no escape stays as it stands', (typed, meant) => {
  expect(decodePercents(typed)).toBe(meant);
});

it.each(['http://user:50%off@node:8545/', 'http://user:100%@node', 'https://user:%ffsecret@node/path'])(
  'secretPartsOf finds the password of %s, however it is encoded',
  url => {
    const password = /user:(.*)@/.exec(url)?.[1] ?? '';
    expect(secretPartsOf(url)).toContain(password);
    expect(createScrubber(secretPartsOf(url))(`asks ${url}`)).not.toContain(password);
  },
);
