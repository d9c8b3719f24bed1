import { describe, expect, it } from 'vitest';
import { decideLook, type LookFacts } from '../../../../../src/services/fleet/watch/decide-look.ts';

const SEEN = { database: 'd1', disk: 'f1' };
const RIGHT = { ...SEEN, comparedAt: 1_000 };
const REFUSED = { ...SEEN, at: 1_000, mayPass: false };

const CASES: readonly (readonly [string, Partial<LookFacts>, ReturnType<typeof decideLook>])[] = [
  ['the first look', {}, 'write'],
  ['nothing that has changed', { right: RIGHT }, 'right'],
  ['a database that has changed', { right: RIGHT, seen: { ...SEEN, database: 'd2' } }, 'write'],
  ['a disk that has changed', { right: RIGHT, seen: { ...SEEN, disk: 'f2' } }, 'write'],
  ['ten minutes without a change', { right: RIGHT, now: 601_000 }, 'compare'],
  ['a refusal and nothing that has changed', { right: RIGHT, failed: REFUSED }, 'refused'],
  ['a refusal before anything was written', { failed: REFUSED }, 'refused'],
  ['a refusal five minutes ago', { failed: REFUSED, now: 301_000 }, 'write'],
  ['a refusal and another database', { failed: REFUSED, seen: { ...SEEN, database: 'd2' } }, 'write'],
  ['a refusal and other files', { failed: REFUSED, seen: { ...SEEN, disk: 'f2' } }, 'write'],
  ['an outage, which may be over', { right: RIGHT, failed: { ...REFUSED, mayPass: true } }, 'write'],
];

describe('what a look comes to', () => {
  it.each(CASES)('after %s', (_name, facts, step) => {
    expect(decideLook({ now: 2_000, seen: SEEN, right: undefined, failed: undefined, ...facts })).toBe(step);
  });
});
