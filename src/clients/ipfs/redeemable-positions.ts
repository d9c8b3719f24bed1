import {
  parseRedeemablePositions,
  type RedeemablePosition,
} from '../../domain/protocol/redemption-reserve.ts';
import type { HttpDeps } from '../http.ts';
import { fetchIpfsDocument, type IpfsOptions } from './ipfs.ts';

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
  return parseRedeemablePositions(await fetchIpfsDocument(deps, ipfsHash, options), ipfsHash);
}
