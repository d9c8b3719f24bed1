import { describe, expect, it } from 'vitest';
import {
  decideRival,
  type NonceView,
  type Rival,
  type RivalStep,
} from '../../../src/transactions/decide-rival.ts';

const RULES = { stuckAfterMs: 48_000 };
const SINCE = new Date('2026-01-02T03:04:05.678Z');
const LATER = new Date('2026-01-02T03:05:05.678Z');
const NOW_MS = 100_000;
const STRANGER = { pendingNonce: 6n };
const VAULT = { theirsSince: SINCE };

const stranger = (sinceMs: number): Rival => ({ what: '5 ', sinceMs });
const vault = (sinceMs: number, since = SINCE): Rival => ({ what: `5 ${since.toISOString()}`, sinceMs });
const GO: RivalStep = { kind: 'go', rival: undefined };

interface Case {
  readonly view?: Partial<NonceView>;
  readonly known?: Rival | undefined;
  readonly step: RivalStep;
}

const TABLE: readonly (readonly [title: string, one: Case])[] = [
  ['a nonce that nobody has is free', { step: GO }],
  ['a rival that is gone is forgotten', { known: stranger(0), step: GO }],
  [
    'what waits under the nonce and is recorded here is no rival',
    { view: { ...STRANGER, isRecordedHere: true }, step: GO },
  ],
  [
    'what waits under the nonce and is recorded nowhere is waited for from now on',
    { view: STRANGER, step: { kind: 'wait', whose: 'stranger', rival: stranger(NOW_MS) } },
  ],
  [
    'a stranger is waited for one millisecond before it is stuck',
    {
      view: STRANGER,
      known: stranger(52_001),
      step: { kind: 'wait', whose: 'stranger', rival: stranger(52_001) },
    },
  ],
  [
    'a stranger is replaced exactly when it is stuck, without force',
    {
      view: STRANGER,
      known: stranger(52_000),
      step: { kind: 'replace', force: false, rival: stranger(52_000) },
    },
  ],
  [
    'another vault that has the nonce is waited for from now on',
    { view: VAULT, step: { kind: 'wait', whose: 'another-vault', rival: vault(NOW_MS) } },
  ],
  [
    'another vault is waited for also when this one has a form under the nonce',
    {
      view: { ...VAULT, isRecordedHere: true },
      step: { kind: 'wait', whose: 'another-vault', rival: vault(NOW_MS) },
    },
  ],
  [
    'another vault is waited for one millisecond before it is stuck',
    {
      view: VAULT,
      known: vault(52_001),
      step: { kind: 'wait', whose: 'another-vault', rival: vault(52_001) },
    },
  ],
  [
    'another vault’s nonce is taken by force exactly when it is stuck',
    { view: VAULT, known: vault(52_000), step: { kind: 'replace', force: true, rival: vault(52_000) } },
  ],
  [
    'another vault that has taken its turn again since is given its time anew',
    {
      view: { theirsSince: LATER },
      known: vault(0),
      step: { kind: 'wait', whose: 'another-vault', rival: vault(NOW_MS, LATER) },
    },
  ],
  [
    'a stranger under the next nonce is given its time anew',
    {
      view: { nonce: 6n, pendingNonce: 7n },
      known: stranger(0),
      step: { kind: 'wait', whose: 'stranger', rival: { what: '6 ', sinceMs: NOW_MS } },
    },
  ],
  [
    'a stranger after another vault is given its time anew',
    { view: STRANGER, known: vault(0), step: { kind: 'wait', whose: 'stranger', rival: stranger(NOW_MS) } },
  ],
];

describe('decideRival', () => {
  it.each(TABLE)('decideRival: %s', (_, { view, known, step }) => {
    const seen: NonceView = {
      nonce: 5n,
      pendingNonce: 5n,
      isRecordedHere: false,
      theirsSince: undefined,
      nowMs: NOW_MS,
      ...view,
    };
    expect(decideRival(seen, known, RULES)).toEqual(step);
  });
});
