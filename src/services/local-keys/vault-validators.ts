import { fetchHeader } from '../../clients/execution/block-headers.ts';
import { fetchV2PoolValidators } from '../../clients/execution/contracts/v2-pool.ts';
import { walkVaultEvents } from '../../clients/execution/contracts/vault-events.ts';
import type { ExecutionNode } from '../../clients/execution/execution-node.ts';
import type { HttpDeps } from '../../clients/http.ts';
import { fetchDumpedValidators } from '../../clients/ipfs/vault-validators-dump.ts';
import { type Hex, toHex } from '../../lib/bytes.ts';
import { isGenesisVault, type Network } from '../../networks/network.ts';

export interface VaultValidatorsOptions {
  /** Checksummed. */
  readonly vault: string;
  readonly network: Pick<Network, 'contracts' | 'vaultValidatorsDump' | 'ipfsGateways'>;
  /** Time limit of all that one IPFS gateway is asked for the dump. */
  readonly dumpTimeoutMs: number;
}

/** Public keys, 48 bytes each, in the order of their registration, each once. */
export interface RegisteredValidators {
  /** Registered up to the last finalized block: they stay. */
  readonly finalized: readonly Uint8Array[];
  /** Registered since, up to the head. */
  readonly late: readonly Uint8Array[];
}

/**
 * The validators of a vault, kept up to the head of the chain: what is finalized is read once. It begins behind the network's dump
 * of all vaults, so that the node need not have older logs; without a dump, where the protocol began.
 */
export class VaultValidators {
  readonly #node: ExecutionNode;
  readonly #http: HttpDeps;
  readonly #options: VaultValidatorsOptions;
  readonly #finalized = new Map<Hex, Uint8Array>();
  /** All registrations up to this block are in; undefined before the first reading. */
  #syncedBlock: number | undefined;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(
    deps: { readonly node: ExecutionNode; readonly http: HttpDeps },
    options: VaultValidatorsOptions,
  ) {
    this.#node = deps.node;
    this.#http = deps.http;
    this.#options = options;
  }

  /**
   * What the vault has registered up to a block. Readings are done one after another.
   * @throws ExternalError `invalid-answer`; what `fetchDumpedValidators` throws, or the node failed with; the signal's reason
   */
  read(headBlock: number, signal?: AbortSignal): Promise<RegisteredValidators> {
    const reading = this.#reading.catch(() => undefined).then(() => this.#read(headBlock, signal));
    this.#reading = reading;
    return reading;
  }

  async #read(headBlock: number, signal: AbortSignal | undefined): Promise<RegisteredValidators> {
    signal?.throwIfAborted();
    const finalized = Math.min((await fetchHeader(this.#node, 'finalized'))?.number ?? 0, headBlock);
    let syncedBlock = this.#syncedBlock ?? (await this.#begin(finalized, signal));
    for await (const { toBlock, publicKeys } of this.#walk(syncedBlock + 1, finalized)) {
      signal?.throwIfAborted();
      for (const publicKey of publicKeys) this.#finalized.set(toHex(publicKey), publicKey);
      syncedBlock = toBlock;
      this.#syncedBlock = toBlock;
    }
    this.#syncedBlock = syncedBlock;
    const late = new Map<Hex, Uint8Array>();
    for await (const { publicKeys } of this.#walk(syncedBlock + 1, headBlock)) {
      signal?.throwIfAborted();
      for (const publicKey of publicKeys) {
        const key = toHex(publicKey);
        if (!this.#finalized.has(key)) late.set(key, publicKey);
      }
    }
    return { finalized: [...this.#finalized.values()], late: [...late.values()] };
  }

  /** Takes what need not be searched for. @returns the block up to which that is all */
  async #begin(finalized: number, signal: AbortSignal | undefined): Promise<number> {
    const { vault, network, dumpTimeoutMs } = this.#options;
    const { keeperGenesisBlock, depositContractGenesisBlock, v2Pool } = network.contracts;
    const isPoolHeir = v2Pool !== undefined && isGenesisVault(network, vault);
    const earlier = isPoolHeir
      ? await fetchV2PoolValidators(this.#node, v2Pool, depositContractGenesisBlock)
      : [];
    const dump = network.vaultValidatorsDump;
    // A chain that is not as far as the dump is another one, or its node is far behind: it is asked for all it has.
    const isUsable = dump !== undefined && dump.block <= finalized;
    const dumped = isUsable
      ? await fetchDumpedValidators(this.#http, dump, vault, {
          gateways: network.ipfsGateways,
          timeoutMs: dumpTimeoutMs,
          signal,
        })
      : [];
    for (const publicKey of earlier) this.#finalized.set(toHex(publicKey), publicKey);
    for (const { publicKey } of dumped) this.#finalized.set(toHex(publicKey), publicKey);
    return isUsable ? dump.block : keeperGenesisBlock - 1;
  }

  async *#walk(fromBlock: number, toBlock: number) {
    const { vault } = this.#options;
    const names = ['ValidatorRegistered', 'V2ValidatorRegistered'] as const;
    for await (const window of walkVaultEvents(this.#node, { vault, names, fromBlock, toBlock })) {
      yield { toBlock: window.toBlock, publicKeys: window.events.map(({ publicKey }) => publicKey) };
    }
  }
}
