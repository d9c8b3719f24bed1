import type { FinalizedExits } from '../../domain/consensus/agreed-exits.ts';
import { exitsAnswer, headerAnswer } from './beacon-answers.ts';
import type { BeaconNode } from './beacon-node.ts';
import { fetchStateValidators, requireVerified } from './state-validators.ts';

/**
 * How validators leave, by the finalized state of a node.
 * @param publicKeys - 48 bytes each
 * @throws ExternalError `beacon-node-not-ready`, `wrong-network`, `invalid-answer`, or what the endpoints failed with
 */
export function fetchFinalizedExits(
  node: BeaconNode,
  publicKeys: readonly Uint8Array[],
): Promise<FinalizedExits> {
  return node.readFromOne(async endpoint => {
    await endpoint.requireSynced();
    const header = await endpoint.ask(headerAnswer, '/eth/v1/beacon/headers/finalized');
    const { slot } = requireVerified(endpoint, header).data.header.message;
    // By its slot, so that all pieces are of one state whatever is finalized meanwhile.
    const state = String(slot);
    const found = await fetchStateValidators(endpoint, exitsAnswer, { state, publicKeys });
    const exits = new Map(
      Array.from(found, ([publicKey, { validator }]) => [
        publicKey,
        { exitEpoch: validator.exit_epoch, withdrawableEpoch: validator.withdrawable_epoch },
      ]),
    );
    return { endpoint: endpoint.name, epoch: slot / BigInt(node.slotsPerEpoch), exits };
  });
}
