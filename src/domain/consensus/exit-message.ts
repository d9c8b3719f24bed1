import { computeDomain, computeSigningRoot, DOMAIN } from './signing-root.ts';
import { VoluntaryExit } from './ssz.ts';

/** `FAR_FUTURE_EPOCH` of the consensus specification; also the largest uint64. */
export const FAR_FUTURE_EPOCH = 2n ** 64n - 1n;

/** The part of a network that exits depend on. */
export interface ExitNetwork {
  /** 32 bytes. */
  readonly genesisValidatorsRoot: Uint8Array;
  /** 4 bytes: the fork of every exit signature since Deneb (EIP-7044). */
  readonly capellaForkVersion: Uint8Array;
  readonly capellaForkEpoch: number;
}

/** `VoluntaryExit` of the consensus specification. */
export interface ExitMessage {
  readonly validatorIndex: bigint;
  readonly epoch: bigint;
}

/**
 * An exit that no chain will ever accept: there is no such validator, and its epoch never comes. A signer proves with
 * it that it holds a key, without anybody getting an exit to broadcast.
 */
export const EXIT_PROOF: ExitMessage = { validatorIndex: 2n ** 64n - 1n, epoch: FAR_FUTURE_EPOCH };

/** The 32-byte root that an exit's signature is made over: always in Capella's domain (EIP-7044). */
export function exitSigningRoot(exit: ExitMessage, network: ExitNetwork): Uint8Array {
  return computeSigningRoot(
    VoluntaryExit.hashTreeRoot({ epoch: exit.epoch, validator_index: exit.validatorIndex }),
    computeDomain(DOMAIN.voluntaryExit, network.capellaForkVersion, network.genesisValidatorsRoot),
  );
}
