import { z } from 'zod';
import { checksumAddress } from '../../lib/address.ts';
import { ExternalError, messageOf } from '../../lib/errors.ts';
import { parseJson } from '../../lib/json.ts';
import { describeFault, matchSchema } from '../../lib/match-schema.ts';
import type { HttpDeps } from '../http.ts';
import { fetchIpfsDocument, type IpfsOptions } from './ipfs.ts';

/** Shares of osToken that the redeemer may exchange for assets of a vault. */
export interface RedeemablePosition {
  /** Checksummed. */
  readonly owner: string;
  /** Checksummed. */
  readonly vault: string;
  readonly leafShares: bigint;
}

const address = z.string().transform((text, context) => {
  try {
    return checksumAddress(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: messageOf(error) });
    return z.NEVER;
  }
});
const MAX_UINT256 = 2n ** 256n - 1n;
const positionsSchema = z.array(
  z.object({
    owner: address,
    vault: address,
    leaf_shares: z
      .string()
      .regex(/^\d{1,78}$/, 'must be a decimal number')
      .transform(BigInt)
      .refine(shares => shares <= MAX_UINT256, 'must be below 2^256'),
  }),
);

/**
 * Fetches the positions that the redeemer of osToken names by their IPFS hash. Their order counts; whether their tree has the
 * redeemer's root is for the caller to check.
 * @throws what `fetchIpfsDocument` throws; ExternalError `redeemable-positions-invalid`
 */
export async function fetchRedeemablePositions(
  deps: HttpDeps,
  ipfsHash: string,
  options: Pick<IpfsOptions, 'gateways' | 'timeoutMs' | 'signal'>,
): Promise<readonly RedeemablePosition[]> {
  const document = await fetchIpfsDocument(deps, ipfsHash, options);
  const positions = matchSchema(positionsSchema, parseJson(new TextDecoder().decode(document)));
  if (!positions.success) {
    throw new ExternalError(
      'redeemable-positions-invalid',
      `The redeemable positions ${ipfsHash} are not as they have to be: ${describeFault(positions.fault)}.`,
      { cause: positions.fault.cause },
    );
  }
  return positions.data.map(({ owner, vault, leaf_shares }) => ({ owner, vault, leafShares: leaf_shares }));
}
