import { type ExitNetwork, FAR_FUTURE_EPOCH } from '../../domain/consensus/exit-message.ts';
import { computeDomain, computeSigningRoot, DOMAIN } from '../../domain/consensus/signing-root.ts';
import { VoluntaryExit } from '../../domain/consensus/ssz.ts';
import { equalBytes, toHex } from '../../lib/bytes.ts';
import type { ExitRequest } from '../http/exit-request.ts';
import { Refusal } from '../http/refusal.ts';
import { type RateLimiter, requireRate } from './rate-limit.ts';

/** The part of a network that the signer goes by. */
export interface SignerNetwork extends ExitNetwork {
  readonly name: string;
  /** 4 bytes. */
  readonly genesisForkVersion: Uint8Array;
}

/** What the signer lets be signed beside the rules of the protocol. */
export interface SignerPolicy {
  /** Every index when left out. */
  readonly validatorIndexes?: ReadonlySet<bigint> | undefined;
  readonly limiter?: RateLimiter | undefined;
}

/** Gives the 32-byte signing root of a request that may be signed. @throws Refusal */
export type ExitGate = (request: ExitRequest) => Uint8Array;

/**
 * Decides over requests for one network. Whatever a request says of forks, the root is that of Capella's domain, the only
 * one that a chain accepts since Deneb (EIP-7044).
 */
export function createExitGate(network: SignerNetwork, policy: SignerPolicy): ExitGate {
  const domain = computeDomain(
    DOMAIN.voluntaryExit,
    network.capellaForkVersion,
    network.genesisValidatorsRoot,
  );
  return request => {
    requireOwnChain(request, network);
    const { epoch, validatorIndex } = request.exit;
    const message = VoluntaryExit.hashTreeRoot({ epoch, validator_index: validatorIndex });
    const root = computeSigningRoot(message, domain);
    if (request.signingRoot !== undefined && !equalBytes(request.signingRoot, root))
      throw new Refusal(
        500,
        `signing_root is ${toHex(request.signingRoot)}, the message's is ${toHex(root)}`,
      );
    requireAllowed(request, policy);
    return root;
  };
}

function requireOwnChain({ genesisValidatorsRoot, forkVersions }: ExitRequest, network: SignerNetwork): void {
  if (!equalBytes(genesisValidatorsRoot, network.genesisValidatorsRoot)) {
    const given = toHex(genesisValidatorsRoot);
    throw new Refusal(412, `The genesis validators root ${given} is not that of ${network.name}.`, {
      told: true,
    });
  }
  const foreign = forkVersions.find(version => !isOwnVersion(version, network));
  if (foreign !== undefined)
    throw new Refusal(412, `The fork version ${toHex(foreign)} is not one of ${network.name}.`, {
      told: true,
    });
}

/**
 * The forks of a network differ in some bytes and share the others, the network's mark: 0x01017000, 0x04017000, 0x06017000.
 * So forks that come later need no new program.
 */
function isOwnVersion(
  version: Uint8Array,
  { genesisForkVersion, capellaForkVersion }: SignerNetwork,
): boolean {
  return version.every(
    (byte, i) => genesisForkVersion[i] !== capellaForkVersion[i] || byte === capellaForkVersion[i],
  );
}

function requireAllowed({ exit }: ExitRequest, { validatorIndexes, limiter }: SignerPolicy): void {
  // No chain ever accepts it: with it a signer proves that it holds a key.
  if (exit.epoch === FAR_FUTURE_EPOCH) return;
  if (validatorIndexes !== undefined && !validatorIndexes.has(exit.validatorIndex)) {
    const message = `This signer signs for the validator indexes of --only-validator-indexes only, not for ${exit.validatorIndex}.`;
    throw new Refusal(412, message, { told: true });
  }
  requireRate(limiter);
}
