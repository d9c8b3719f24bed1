import { z } from 'zod';
import { concatBytes, equalBytes, fromHex, toHex } from '../../lib/bytes.ts';
import { ExternalError, messageOf } from '../../lib/errors.ts';
import { keccak256 } from '../../lib/keccak.ts';
import { ADDRESS_LENGTH, HASH_LENGTH } from '../../lib/lengths.ts';
import { describeFault, matchSchema } from '../../lib/match-schema.ts';
import { sortRecords } from '../../lib/record-table.ts';
import { hashTree } from './deposit-leaf.ts';

/** One osToken position that may be redeemed. */
export interface RedeemablePosition {
  /** 20 bytes each. */
  readonly owner: Uint8Array;
  readonly vault: Uint8Array;
  readonly leafShares: bigint;
}

const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/, 'must be an address');
const MAX_UINT256 = 2n ** 256n - 1n;
const documentSchema = z.array(
  z.object({
    owner: address,
    vault: address,
    leaf_shares: z
      .string()
      .regex(/^\d{1,78}$/, 'must be a whole number in quotes')
      .transform(BigInt)
      .refine(shares => shares <= MAX_UINT256, 'must be below 2^256'),
  }),
);

/**
 * Reads the redeemer's list of positions (IPFS JSON of `redeemablePositions()`), in its order: redemptions go by it.
 * @param ipfsHash - the list as errors name it
 * @throws ExternalError `redeemable-positions-invalid`
 */
export function parseRedeemablePositions(document: Uint8Array, ipfsHash = ''): RedeemablePosition[] {
  const checked = matchSchema(documentSchema, parseJson(document, ipfsHash));
  if (!checked.success) throw invalidPositions(describeFault(checked.fault), ipfsHash, checked.fault.cause);
  return checked.data.map(({ owner, vault, leaf_shares }) => ({
    owner: fromHex(owner, ADDRESS_LENGTH),
    vault: fromHex(vault, ADDRESS_LENGTH),
    leafShares: leaf_shares,
  }));
}

/**
 * Leaves of the positions in their order, 32 bytes each, by which the redeemer knows what of them is redeemed already.
 * @param options.nonce - `nonce()` of the redeemer; while it is 0, there is no list, and nothing to reserve
 * @param options.root - of `redeemablePositions()`, 32 bytes
 * @throws ExternalError `redeemable-positions-invalid` when the redeemer has the root of another list: IPFS alone is not believed
 */
export function proveRedeemablePositions(
  positions: readonly RedeemablePosition[],
  { nonce, root }: { readonly nonce: bigint; readonly root: Uint8Array },
): Uint8Array[] {
  const leaves = positions.map(position => hashPosition(position, nonce - 1n));
  const found =
    leaves.length === 0
      ? new Uint8Array(HASH_LENGTH)
      : hashTree(sortRecords(concatBytes(leaves), HASH_LENGTH)).subarray(0, HASH_LENGTH);
  if (leaves.length > 0 && equalBytes(found, root)) return leaves;
  throw invalidPositions(
    `its ${leaves.length} positions have the Merkle root ${toHex(found)}, the redeemer has ${toHex(root)}`,
  );
}

/**
 * Leaf of a position: that of OpenZeppelin's StandardMerkleTree over `['uint256', 'address', 'uint256', 'address']`.
 * @param leafNonce - that of the redeemer when the positions were published: one less than since
 */
export function hashPosition(
  { owner, vault, leafShares }: RedeemablePosition,
  leafNonce: bigint,
): Uint8Array {
  return keccak256(
    keccak256(
      concatBytes([numberWord(leafNonce), addressWord(vault), numberWord(leafShares), addressWord(owner)]),
    ),
  );
}

function numberWord(value: bigint): Uint8Array {
  return fromHex(value.toString(16).padStart(2 * HASH_LENGTH, '0'), HASH_LENGTH);
}

function addressWord(bytes: Uint8Array): Uint8Array {
  return concatBytes([new Uint8Array(HASH_LENGTH - ADDRESS_LENGTH), bytes]);
}

/** What osToken shares are worth: `totalAssets()` and `totalShares()` of the OsTokenVaultController. */
export interface OsTokenRate {
  readonly totalAssetsWei: bigint;
  readonly totalShares: bigint;
}

/** Worth of osToken shares, rounded down; 0 while there are none. */
export function osTokenAssetsWei(shares: bigint, { totalAssetsWei, totalShares }: OsTokenRate): bigint {
  return totalShares === 0n ? 0n : (shares * totalAssetsWei) / totalShares;
}

/** OsToken shares of this worth, rounded down; 0 while there are none. */
export function osTokenShares(assetsWei: bigint, { totalAssetsWei, totalShares }: OsTokenRate): bigint {
  return totalAssetsWei === 0n ? 0n : (assetsWei * totalShares) / totalAssetsWei;
}

/** Shares of one position that are redeemed next. */
export interface AssignedShares {
  /** Place of the position in the list. */
  readonly index: number;
  readonly shares: bigint;
}

/**
 * Which positions the shares that wait for redemption are taken of: in the order of the list, from each what is not redeemed
 * yet, until all are. A single share that is left of a position is not worth a call: it came by rounding.
 */
export function assignRedemptions(
  positions: readonly { readonly leafShares: bigint; readonly processedShares: bigint }[],
  budgetShares: bigint,
): AssignedShares[] {
  const assigned: AssignedShares[] = [];
  let restShares = budgetShares;
  for (const [index, { leafShares, processedShares }] of positions.entries()) {
    if (restShares <= 0n) break;
    const openShares = leafShares - processedShares;
    if (openShares <= 1n) continue;
    const shares = openShares < restShares ? openShares : restShares;
    assigned.push({ index, shares });
    restShares -= shares;
  }
  return assigned;
}

const BPS = 10_000n;

/**
 * What of a vault's assets osToken redemptions will take, in wei: it is neither to be staked nor to be counted for the exit queue.
 * @param options.vault - 20 bytes
 * @param options.queuedShares - `queuedShares` of the redeemer's `getExitQueueData()`
 * @param options.positions - proven ones, see {@link proveRedeemablePositions}, with the redeemer's `leafToProcessedShares`
 * @param options.multiplierBps - `os_token_redeem_multiplier_bps` of the oracle configuration
 */
export function redemptionReserveWei({
  vault,
  queuedShares,
  positions,
  rate,
  multiplierBps,
}: {
  readonly vault: Uint8Array;
  readonly queuedShares: bigint;
  readonly positions: readonly (RedeemablePosition & { readonly processedShares: bigint })[];
  readonly rate: OsTokenRate;
  readonly multiplierBps: number;
}): bigint {
  const budgetWei = (osTokenAssetsWei(queuedShares, rate) * BigInt(multiplierBps)) / BPS;
  const ownShares = assignRedemptions(positions, osTokenShares(budgetWei, rate))
    .filter(({ index }) => equalBytes(positions[index]?.vault ?? new Uint8Array(), vault))
    .reduce((sum, { shares }) => sum + shares, 0n);
  return osTokenAssetsWei(ownShares, rate);
}

function parseJson(document: Uint8Array, ipfsHash: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(document));
  } catch (error) {
    throw invalidPositions(`it is not JSON: ${messageOf(error)}`, ipfsHash, error);
  }
}

function invalidPositions(fault: string, ipfsHash = '', cause?: unknown): ExternalError {
  const list = `The list of osToken positions to redeem${ipfsHash && ` (${ipfsHash})`}`;
  return new ExternalError('redeemable-positions-invalid', `${list} is not valid: ${fault}.`, { cause });
}
