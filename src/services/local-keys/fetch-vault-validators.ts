import { fetchV2PoolValidators } from '../../clients/execution/contracts/v2-pool.ts';
import { fetchRegisteredValidators } from '../../clients/execution/contracts/vault.ts';
import type { ExecutionNode } from '../../clients/execution/execution-node.ts';
import { toHex } from '../../lib/bytes.ts';
import { isGenesisVault, type Network } from '../../networks/network.ts';

/**
 * Public keys of a vault's validators on the chain, each once: those it has registered itself, and for the genesis vault
 * those of the V2 pool, whose withdrawals it gets.
 * @returns 48 bytes each
 */
export async function fetchVaultValidators(
  node: ExecutionNode,
  { vault, network }: { readonly vault: string; readonly network: Pick<Network, 'contracts'> },
): Promise<Uint8Array[]> {
  const { keeperGenesisBlock, depositContractGenesisBlock, v2Pool } = network.contracts;
  const [earlier, own] = await Promise.all([
    v2Pool !== undefined && isGenesisVault(network, vault)
      ? fetchV2PoolValidators(node, v2Pool, depositContractGenesisBlock)
      : [],
    fetchRegisteredValidators(node, vault, keeperGenesisBlock),
  ]);
  return [...new Map([...earlier, ...own].map(key => [toHex(key), key])).values()];
}
