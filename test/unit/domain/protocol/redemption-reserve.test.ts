import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assignRedemptions,
  parseRedeemablePositions,
  proveRedeemablePositions,
  redemptionReserveWei,
} from '../../../../src/domain/protocol/redemption-reserve.ts';
import { WEI_PER_ETHER as ETHER } from '../../../../src/lib/units.ts';
import { STRANGER, PLANNED_VAULT as VAULT } from '../../../support/scenes/planned-validators.ts';

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const entry = (index: number) => ({
  owner: `0x${'ab'.repeat(20)}`,
  vault: `0x${'cd'.repeat(20)}`,
  leaf_shares: String(index + 1),
});

describe('parseRedeemablePositions', () => {
  it.each([
    ['what is not JSON', new TextEncoder().encode('<html>')],
    ['what is no list', encode({})],
    ['shares that are a number', encode([{ ...entry(0), leaf_shares: 1 }])],
    ['an owner that is no address', encode([{ ...entry(0), owner: '0x12' }])],
  ])('parseRedeemablePositions refuses %s', (_what, document) => {
    expect(() => parseRedeemablePositions(document)).toThrow(
      expect.objectContaining({ code: 'redeemable-positions-invalid' }),
    );
  });
});

describe('proveRedeemablePositions', () => {
  it('a list without its root is not believed, nor is an empty one', () => {
    const positions = parseRedeemablePositions(encode([entry(0), entry(1)]));
    const root = new Uint8Array(32).fill(1);
    expect(() => proveRedeemablePositions(positions, { nonce: 1n, root })).toThrow(/2 positions/);
    expect(() => proveRedeemablePositions([], { nonce: 1n, root: new Uint8Array(32) })).toThrow(
      /0 positions/,
    );
  });
});

const anyPosition = fc
  .record({
    leafShares: fc.bigInt({ min: 0n, max: 100n }),
    processedShares: fc.bigInt({ min: 0n, max: 100n }),
    isOwn: fc.boolean(),
  })
  .map(({ isOwn, ...shares }) => ({ ...shares, owner: VAULT, vault: isOwn ? VAULT : STRANGER }));

describe('assignRedemptions', () => {
  it('no more is taken than there is of a position or of the budget, and what is left of both is too little for a call', () => {
    fc.assert(
      fc.property(fc.array(anyPosition), fc.bigInt({ min: 0n, max: 500n }), (positions, budget) => {
        const assigned = assignRedemptions(positions, budget);
        const sum = assigned.reduce((all, { shares }) => all + shares, 0n);
        expect(sum <= budget).toBe(true);
        for (const { index, shares } of assigned) {
          const position = positions[index];
          const open = (position?.leafShares ?? 0n) - (position?.processedShares ?? 0n);
          expect(shares > 0n && shares <= open && open > 1n).toBe(true);
        }
        const open = positions
          .map(({ leafShares, processedShares }) => leafShares - processedShares)
          .filter(shares => shares > 1n)
          .reduce((all, shares) => all + shares, 0n);
        expect(sum).toBe(open < budget ? open : budget);
      }),
      { seed: 15 },
    );
  });
});

describe('redemptionReserveWei', () => {
  const position = (vault: Uint8Array, ether: bigint, processed = 0n) => ({
    owner: STRANGER,
    vault,
    leafShares: ether * ETHER,
    processedShares: processed * ETHER,
  });
  const rate = { totalAssetsWei: 2n * ETHER, totalShares: ETHER };

  it('positions of the vault are reserved in their order, with what the rate may rise by', () => {
    const reserve = (queuedEther: bigint, multiplierBps: number) =>
      redemptionReserveWei({
        vault: VAULT,
        queuedShares: queuedEther * ETHER,
        positions: [
          position(STRANGER, 3n),
          position(VAULT, 10n, 6n),
          position(STRANGER, 1n),
          position(VAULT, 9n),
        ],
        rate,
        multiplierBps,
      });
    expect(reserve(0n, 10_000)).toBe(0n);
    expect(reserve(2n, 10_000)).toBe(0n);
    expect(reserve(5n, 10_000)).toBe(4n * ETHER);
    expect(reserve(5n, 12_000)).toBe(6n * ETHER);
    expect(reserve(10n, 10_000)).toBe(2n * (4n + 2n) * ETHER);
    expect(reserve(1000n, 10_023)).toBe(2n * 13n * ETHER);
  });
});
