import { fetchConfigIpfsHash } from '../../clients/execution/contracts/keeper.ts';
import type { ExecutionNode } from '../../clients/execution/execution-node.ts';
import { equalBytes, fromHex } from '../../lib/bytes.ts';
import { HASH_LENGTH } from '../../lib/lengths.ts';
import type { AcceptedOracleSets } from './accepted-oracle-sets.ts';
import {
  type ConfirmOracleSetDeps,
  type ConfirmOracleSetOptions,
  confirmOracleSet,
  requirePinned,
} from './confirm-oracle-set.ts';
import { type ReadOracleSet, readOracleSet } from './read-oracle-set.ts';

export interface FetchOracleSetDeps extends ConfirmOracleSetDeps {
  /** All endpoints, the one that answers first. */
  readonly node: ExecutionNode;
  /** The memory of accepted sets; left out where there is none: then the endpoints are asked every time. */
  readonly accepted?: AcceptedOracleSets | undefined;
}

/**
 * The oracles for which shares are made now: those of the keeper's last ConfigUpdated event, whose document is proven
 * against its CID and validated. A set that was accepted before needs no second confirmation by the endpoints.
 * @throws what {@link confirmOracleSet} throws
 */
export async function fetchOracleSet(
  deps: FetchOracleSetDeps,
  options: ConfirmOracleSetOptions,
): Promise<ReadOracleSet> {
  const known = await deps.accepted?.find();
  if (
    known !== undefined &&
    known.configIpfsHash === (await fetchConfigIpfsHash(deps.node, options.contracts))
  ) {
    const read = await readOracleSet(deps.http, known.configIpfsHash, options.ipfs);
    if (equalBytes(read.set.hash, known.setHash)) {
      requirePinned(read, options.pinnedHash);
      return read;
    }
  }
  const confirmed = await confirmOracleSet(deps, options);
  const { set, event } = confirmed;
  await deps.accepted?.remember({
    setHash: set.hash,
    configIpfsHash: set.configIpfsHash,
    eventBlock: event.blockNumber,
    eventBlockHash: fromHex(event.blockHash, HASH_LENGTH),
  });
  return confirmed;
}
