import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RemoteSignerConfig } from '../../../../src/domain/fleet/remote-signer-config.ts';
import {
  canSign,
  findExitKeys,
  findShardWays,
  knownShares,
  planShards,
  type ShardOracles,
  type ShardPlan,
  type SharesProblem,
  type SigningKeys,
} from '../../../../src/domain/fleet/signing-ability.ts';
import { oracleSetHash } from '../../../../src/domain/protocol/oracle-config.ts';
import type { ExitShardMode } from '../../../../src/domain/protocol/signature-share.ts';
import { toHex } from '../../../../src/lib/bytes.ts';

const THRESHOLD = 3;
const oracles: ShardOracles = {
  oracles: [1, 2, 3, 4].map(number => ({
    publicKey: new Uint8Array(64).fill(number),
    address: `0x${number}`,
    endpoints: [],
  })),
  exitSignatureRecoverThreshold: THRESHOLD,
};
const CURRENT = { configHash: oracleSetHash(oracles), ipfsHash: 'QmNow', threshold: THRESHOLD };
const EARLIER = { configHash: new Uint8Array(32).fill(7), ipfsHash: 'QmThen', threshold: THRESHOLD };

function keyOf(validator: number): Uint8Array {
  return new Uint8Array(48).fill(validator);
}

/** Public keys of the first `count` shares of a validator. */
function sharesOf(validator: number, count = 4): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => {
    const share = keyOf(validator);
    share[0] = 100 + index;
    return share;
  });
}

const A = keyOf(1);
const B = keyOf(2);
const SHARES_OF_A = sharesOf(1);
const SHARES_OF_B = sharesOf(2);
const BOTH: RemoteSignerConfig = {
  validators: [
    { publicKey: A, shares: SHARES_OF_A },
    { publicKey: B, shares: SHARES_OF_B },
  ],
  oracleSet: CURRENT,
};

function keys(loaded: readonly Uint8Array[], config?: RemoteSignerConfig): SigningKeys {
  return { loaded: new Set(loaded.map(toHex)), shares: knownShares(config) };
}

describe('planShards', () => {
  const noConfiguration: SharesProblem = { kind: 'no-configuration' };
  const otherSet: SharesProblem = { kind: 'other-oracle-set' };
  const twoOfA: SharesProblem = { kind: 'other-share-count', publicKey: A, count: 2, expected: 4 };
  const noneOfB: SharesProblem = { kind: 'other-share-count', publicKey: B, count: 0, expected: 4 };
  const oneMissing: SharesProblem = { kind: 'shares-not-loaded', publicKey: B, count: 4, missing: 1 };
  const allShares = [SHARES_OF_A, SHARES_OF_B].flat();
  const allButOne = allShares.slice(0, -1);
  const shared: ShardPlan = { kind: 'key-shares', shares: [SHARES_OF_A, SHARES_OF_B] };
  const split = (sharesProblem?: SharesProblem): ShardPlan => ({ kind: 'split', sharesProblem });
  const unusable = (sharesProblem: SharesProblem): ShardPlan => ({ kind: 'shares-unusable', sharesProblem });
  const keyless = (publicKey: Uint8Array, sharesProblem?: SharesProblem): ShardPlan => ({
    kind: 'key-not-loaded',
    publicKey,
    sharesProblem,
  });
  const onlyA = { validators: BOTH.validators.slice(0, 1), oracleSet: CURRENT };
  const short = { validators: [{ publicKey: A, shares: sharesOf(1, 2) }], oracleSet: CURRENT };

  const cases: {
    readonly given: string;
    readonly loaded: readonly Uint8Array[];
    readonly config?: RemoteSignerConfig | undefined;
    readonly expected: Readonly<Record<ExitShardMode, ShardPlan>>;
  }[] = [
    {
      given: 'all shares of the current oracles',
      loaded: allShares,
      config: BOTH,
      expected: { auto: shared, 'key-shares': shared, split: keyless(A) },
    },
    {
      given: 'all shares, in a configuration that names no oracles',
      loaded: allShares,
      config: { validators: BOTH.validators },
      expected: { auto: shared, 'key-shares': shared, split: keyless(A) },
    },
    {
      given: 'keys and shares',
      loaded: [A, B, ...allShares],
      config: BOTH,
      expected: { auto: shared, 'key-shares': shared, split: split() },
    },
    {
      given: 'keys, and no configuration',
      loaded: [A, B],
      expected: { auto: split(noConfiguration), 'key-shares': unusable(noConfiguration), split: split() },
    },
    {
      given: 'keys, and shares of another oracle set',
      loaded: [A, B, ...allShares],
      config: { ...BOTH, oracleSet: EARLIER },
      expected: { auto: split(otherSet), 'key-shares': unusable(otherSet), split: split() },
    },
    {
      given: 'shares of another oracle set only',
      loaded: allShares,
      config: { ...BOTH, oracleSet: EARLIER },
      expected: { auto: keyless(A, otherSet), 'key-shares': unusable(otherSet), split: keyless(A) },
    },
    {
      given: 'keys, and too few shares of the first validator',
      loaded: [A, B, ...allShares],
      config: short,
      expected: { auto: split(twoOfA), 'key-shares': unusable(twoOfA), split: split() },
    },
    {
      given: 'keys, and no shares of the second validator',
      loaded: [A, B, ...SHARES_OF_A],
      config: onlyA,
      expected: { auto: split(noneOfB), 'key-shares': unusable(noneOfB), split: split() },
    },
    {
      given: 'keys, and a configuration that names no validator',
      loaded: [A, B],
      config: { validators: [] },
      expected: {
        auto: split({ kind: 'other-share-count', publicKey: A, count: 0, expected: 4 }),
        'key-shares': unusable({ kind: 'other-share-count', publicKey: A, count: 0, expected: 4 }),
        split: split(),
      },
    },
    {
      given: 'the first key only, and all shares but one',
      loaded: [A, ...allButOne],
      config: BOTH,
      expected: { auto: keyless(B, oneMissing), 'key-shares': unusable(oneMissing), split: keyless(B) },
    },
  ];

  for (const { given, loaded, config, expected } of cases) {
    it.each(['auto', 'key-shares', 'split'] as const)(
      `planShards decides for mode %s, given ${given}`,
      mode => {
        expect(planShards(keys(loaded, config), oracles, mode, [A, B])).toEqual(expected[mode]);
      },
    );
  }
});

describe('findShardWays', () => {
  const possible = (signing: SigningKeys, mode: ExitShardMode) =>
    findShardWays(signing, oracles, mode).map(({ way, isPossible }) => [way, isPossible(A), isPossible(B)]);

  it('findShardWays prefers shares, and tells for which validators all shares or the key are loaded', () => {
    const signing = keys([B, ...SHARES_OF_A], BOTH);
    expect(possible(signing, 'auto')).toEqual([
      ['key-shares', true, false],
      ['split', false, true],
    ]);
    expect(possible(signing, 'key-shares')).toEqual([['key-shares', true, false]]);
    expect(possible(signing, 'split')).toEqual([['split', false, true]]);
  });

  it.each<[string, RemoteSignerConfig | undefined]>([
    ['there is no configuration', undefined],
    ['the configuration names no validator', { validators: [], oracleSet: CURRENT }],
    ['the configuration is of another oracle set', { ...BOTH, oracleSet: EARLIER }],
  ])('findShardWays has no way by key shares when %s', (_, config) => {
    const signing = keys([A, ...SHARES_OF_A, ...SHARES_OF_B], config);
    expect(possible(signing, 'auto')).toEqual([['split', true, false]]);
    expect(possible(signing, 'key-shares')).toEqual([]);
  });
});

describe('findExitKeys', () => {
  const withTwoLost = [SHARES_OF_A[0], SHARES_OF_A[3]].flatMap(share => share ?? []);
  const withOneLost = [SHARES_OF_A[0], SHARES_OF_A[2], SHARES_OF_A[3]].flatMap(share => share ?? []);
  const nameless = { validators: BOTH.validators };

  it.each<[string, readonly Uint8Array[], RemoteSignerConfig | undefined, object]>([
    ['the key when it is loaded', [A, ...SHARES_OF_A], BOTH, { kind: 'key' }],
    ['no key when nothing is loaded and no share is known', [], undefined, { kind: 'key-not-loaded' }],
    [
      'no key when the configuration has no share of it',
      SHARES_OF_A,
      { validators: [{ publicKey: A, shares: [] }] },
      { kind: 'key-not-loaded' },
    ],
    [
      'as many shares as the threshold',
      SHARES_OF_A,
      BOTH,
      { kind: 'shares', shares: [0, 1, 2].map(index => ({ index, publicKey: SHARES_OF_A[index] })) },
    ],
    [
      'the shares that are loaded at their places, of an earlier oracle set, too',
      withOneLost,
      { ...BOTH, oracleSet: EARLIER },
      { kind: 'shares', shares: [0, 2, 3].map(index => ({ index, publicKey: SHARES_OF_A[index] })) },
    ],
    ['no shares when fewer are loaded', withTwoLost, BOTH, { kind: 'too-few-shares', threshold: 3 }],
    [
      'no shares when one is missing and no threshold is known',
      withOneLost,
      nameless,
      { kind: 'too-few-shares', threshold: 4 },
    ],
  ])('findExitKeys gives %s', (_, loaded, config, expected) => {
    expect(findExitKeys(keys(loaded, config), A)).toEqual(expected);
  });
});

describe('canSign', () => {
  it.each<[string, readonly Uint8Array[], RemoteSignerConfig | undefined, boolean]>([
    ['has the key', [A], undefined, true],
    ['has the key, and not all shares', [A, ...sharesOf(1, 2)], BOTH, true],
    ['has all shares', SHARES_OF_A, BOTH, true],
    ['has all shares of an earlier oracle set', SHARES_OF_A, { ...BOTH, oracleSet: EARLIER }, true],
    ['lacks one of the shares', sharesOf(1, 3), BOTH, false],
    ['has shares that nobody told it the owner of', SHARES_OF_A, undefined, false],
    ['was told of no share', [], { validators: [{ publicKey: A, shares: [] }] }, false],
    ['has the keys of others', [B, ...SHARES_OF_B], BOTH, false],
  ])('canSign tells whether a signer can sign that %s', (_, loaded, config, expected) => {
    expect(canSign(keys(loaded, config), A)).toBe(expected);
  });
});

describe('the signing ability of any signer', () => {
  const VALIDATORS = [1, 2, 3, 4, 5];
  const owned = VALIDATORS.flatMap(validator => [keyOf(validator), ...sharesOf(validator, 5)]);
  const scenes = fc.record({
    loaded: fc.oneof(
      // Nearly all of it, else hardly any batch could be signed with shares.
      fc
        .uniqueArray(fc.nat(owned.length - 1), { maxLength: 3 })
        .map(lost => owned.filter((_, i) => !lost.includes(i))),
      fc.subarray(owned),
    ),
    config: fc.option(
      fc.record({
        validators: fc
          .subarray(VALIDATORS)
          .chain(named =>
            fc.tuple(
              ...named.map(validator =>
                fc
                  .constantFrom(4, 4, 4, 4, 0, 3, 5)
                  .map(count => ({ publicKey: keyOf(validator), shares: sharesOf(validator, count) })),
              ),
            ),
          ),
        oracleSet: fc.constantFrom(CURRENT, CURRENT, EARLIER, undefined),
      }),
      { nil: undefined, freq: 8 },
    ),
    mode: fc.constantFrom<ExitShardMode>('auto', 'key-shares', 'split'),
    batch: fc.subarray(VALIDATORS, { minLength: 1 }).map(batch => batch.map(keyOf)),
  });

  it('planShards and findExitKeys give only keys and shares that the signer has loaded', () => {
    fc.assert(
      fc.property(scenes, ({ loaded, config, mode, batch }) => {
        const signing = keys(loaded, config);
        const isLoaded = (publicKey: Uint8Array) => signing.loaded.has(toHex(publicKey));
        const namedFor = (publicKey: Uint8Array) =>
          config?.validators.find(one => toHex(one.publicKey) === toHex(publicKey))?.shares ?? [];
        const plan = planShards(signing, oracles, mode, batch);
        if (plan.kind === 'split') expect(batch.every(isLoaded)).toBe(true);
        if (plan.kind === 'key-shares') {
          expect(plan.shares).toEqual(batch.map(namedFor));
          expect(plan.shares.every(shares => shares.length === oracles.oracles.length)).toBe(true);
          expect(plan.shares.flat().every(isLoaded)).toBe(true);
          expect(config?.oracleSet ?? CURRENT).toBe(CURRENT);
        }
        if (mode !== 'auto')
          expect(['split', 'key-shares'].filter(way => way !== mode)).not.toContain(plan.kind);
        for (const publicKey of batch) {
          const found = findExitKeys(signing, publicKey);
          if (found.kind === 'key') expect(isLoaded(publicKey)).toBe(true);
          if (found.kind === 'shares') {
            const named = namedFor(publicKey);
            expect(found.shares).toHaveLength(config?.oracleSet?.threshold ?? named.length);
            expect(found.shares.map(({ index }) => named[index])).toEqual(
              found.shares.map(share => share.publicKey),
            );
            expect(found.shares.every(share => isLoaded(share.publicKey))).toBe(true);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('planShards makes the shards of every batch that was chosen by a way of findShardWays', () => {
    fc.assert(
      fc.property(scenes, ({ loaded, config, mode, batch }) => {
        const signing = keys(loaded, config);
        for (const { way, isPossible } of findShardWays(signing, oracles, mode)) {
          const chosen = batch.filter(isPossible);
          const { kind } = planShards(signing, oracles, mode, chosen);
          expect(way === 'key-shares' ? ['key-shares'] : ['key-shares', 'split']).toContain(kind);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('planShards makes shards when a way of findShardWays is open to all of a batch, and only then', () => {
    fc.assert(
      fc.property(scenes, ({ loaded, config, mode, batch }) => {
        const signing = keys(loaded, config);
        const open = findShardWays(signing, oracles, mode).filter(({ isPossible }) =>
          batch.every(isPossible),
        );
        const { kind } = planShards(signing, oracles, mode, batch);
        expect(['key-shares', 'split'].includes(kind)).toBe(open.length > 0);
        if (open[0] !== undefined) expect(kind).toBe(open[0].way);
      }),
      { numRuns: 2_000 },
    );
  });

  it('planShards, findExitKeys and canSign give the same when keys and configuration come in another order', () => {
    fc.assert(
      fc.property(scenes, ({ loaded, config, mode, batch }) => {
        const signing = keys(loaded, config);
        const turned = keys(
          loaded.toReversed(),
          config && { ...config, validators: config.validators.toReversed() },
        );
        expect(planShards(turned, oracles, mode, batch)).toEqual(planShards(signing, oracles, mode, batch));
        expect(planShards(signing, oracles, mode, batch.toReversed()).kind).toBe(
          planShards(signing, oracles, mode, batch).kind,
        );
        for (const publicKey of batch) {
          expect(findExitKeys(turned, publicKey)).toEqual(findExitKeys(signing, publicKey));
          expect(canSign(turned, publicKey)).toBe(canSign(signing, publicKey));
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
