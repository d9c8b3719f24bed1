import { Interface } from 'ethers/abi';
import { z } from 'zod';
import type { ExecutionNode } from '../execution-node.ts';
import { readContract } from './contract-call.ts';

/** StakeWise V3 VaultsRegistry, the parts in use. */
const vaultsRegistryAbi = new Interface(['function vaults(address) view returns (bool)']);

/** Whether the address is a vault of the protocol. */
export async function fetchIsVault(
  node: ExecutionNode,
  vaultsRegistry: string,
  vault: string,
): Promise<boolean> {
  const registry = { name: 'vaults registry', address: vaultsRegistry, abi: vaultsRegistryAbi };
  const [isVault] = await readContract(node, registry, 'vaults', [vault]);
  return z.boolean().parse(isVault);
}
