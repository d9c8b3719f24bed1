import type { BeaconSnapshot, BeaconSnapshotReader } from './beacon/beacon-snapshot.ts';
import type { ExecutionNode } from './execution/execution-node.ts';
import { requireSameBlock } from './execution/same-block.ts';

/**
 * Reads both chains as of one head: the beacon chain in the state of its slot, and contracts at the block that it is built upon,
 * `head.executionBlock.number`. The execution node must have that block before and after; where it has not, another beacon node
 * is asked for its head.
 * @param read - is called again for another head when something fails, so it does nothing but ask
 * @throws ExternalError `node-behind`, `chain-heads-differ`, and what `BeaconSnapshotReader.read` throws
 */
export function readOneHead<T>(
  { beacon, node }: { readonly beacon: Pick<BeaconSnapshotReader, 'read'>; readonly node: ExecutionNode },
  read: (snapshot: BeaconSnapshot) => Promise<T>,
): Promise<T> {
  return beacon.read(async snapshot => {
    const { executionBlock } = snapshot.head;
    await requireSameBlock(node, executionBlock);
    const result = await read(snapshot);
    await requireSameBlock(node, executionBlock);
    return result;
  });
}
