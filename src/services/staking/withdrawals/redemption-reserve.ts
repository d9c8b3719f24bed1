import {
  fetchProcessedShares,
  fetchRedeemerState,
  type RedeemerState,
} from '../../../clients/execution/contracts/os-token-redeemer.ts';
import type { ExecutionNode } from '../../../clients/execution/execution-node.ts';
import type { HttpDeps } from '../../../clients/http.ts';
import type { IpfsOptions } from '../../../clients/ipfs/ipfs.ts';
import { fetchRedeemablePositions } from '../../../clients/ipfs/redeemable-positions.ts';
import {
  proveRedeemablePositions,
  type RedeemablePosition,
  redemptionReserveWei,
} from '../../../domain/protocol/redemption-reserve.ts';
import { equalBytes, fromHex, toHex } from '../../../lib/bytes.ts';
import { ADDRESS_LENGTH } from '../../../lib/lengths.ts';
import type { Logger } from '../../../lib/logger.ts';
import type { Network } from '../../../networks/network.ts';
import { requireContract } from '../../../networks/require-contract.ts';

/** `os_token_redeem_multiplier_bps` where the oracle configuration does not say it. */
const DEFAULT_MULTIPLIER_BPS = 10_023;

interface ProvenPositions {
  readonly name: string;
  readonly positions: readonly RedeemablePosition[];
  readonly leaves: readonly Uint8Array[];
}

export interface RedemptionReserveDeps {
  readonly node: ExecutionNode;
  readonly http: HttpDeps;
  readonly log: Pick<Logger, 'info'>;
}

export interface RedemptionReserveOptions {
  /** Checksummed. */
  readonly vault: string;
  readonly network: Pick<Network, 'name' | 'contracts'>;
  readonly ipfs: IpfsOptions;
}

/** What of a vault's assets osToken redemptions will take; the list of positions is fetched once. */
export class RedemptionReserve {
  readonly #deps: RedemptionReserveDeps;
  readonly #options: RedemptionReserveOptions;
  #isToldOf = false;
  #proven: ProvenPositions | undefined;

  constructor(deps: RedemptionReserveDeps, options: RedemptionReserveOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /**
   * The reserve as of a block, in wei; 0 where the network has no redeemer, which is told once.
   * @throws OperatorError `network-incomplete`; ExternalError `redeemable-positions-invalid`, and what IPFS and node fail with
   */
  async read(blockNumber: number, multiplierBps: number | undefined): Promise<bigint> {
    const { node, log } = this.#deps;
    const { vault: address, network } = this.#options;
    const { osTokenRedeemer, multicall } = network.contracts;
    if (osTokenRedeemer === undefined) {
      if (!this.#isToldOf) {
        log.info(`Nothing is kept for osToken redemptions: the network ${network.name} names no redeemer.`);
      }
      this.#isToldOf = true;
      return 0n;
    }
    const purpose = 'The reserve for osToken redemptions';
    const osTokenVaultController = requireContract(network, 'osTokenVaultController', purpose);
    const where = { multicall, blockNumber };
    const state = await fetchRedeemerState(node, { osTokenRedeemer, osTokenVaultController }, where);
    if (state.nonce === 0n || state.queuedShares === 0n) return 0n;
    const { positions, leaves } = await this.#prove(state);
    const vault = fromHex(address, ADDRESS_LENGTH);
    if (!positions.some(position => equalBytes(position.vault, vault))) return 0n;
    const processed = await fetchProcessedShares(node, osTokenRedeemer, leaves, where);
    return redemptionReserveWei({
      vault,
      queuedShares: state.queuedShares,
      positions: positions.map((position, i) => ({ ...position, processedShares: processed[i] ?? 0n })),
      rate: state,
      multiplierBps: multiplierBps ?? DEFAULT_MULTIPLIER_BPS,
    });
  }

  async #prove(state: RedeemerState): Promise<ProvenPositions> {
    const { nonce, positionsRoot: root, positionsIpfsHash: ipfsHash } = state;
    const name = `${nonce} ${toHex(root)} ${ipfsHash}`;
    if (this.#proven?.name === name) return this.#proven;
    const isEmpty = ipfsHash === '';
    const positions = isEmpty
      ? []
      : await fetchRedeemablePositions(this.#deps.http, ipfsHash, this.#options.ipfs);
    this.#proven = { name, positions, leaves: proveRedeemablePositions(positions, { nonce, root }) };
    return this.#proven;
  }
}
