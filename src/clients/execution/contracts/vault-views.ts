import { Interface } from 'ethers/abi';
import { z } from 'zod';
import type { ExecutionNode } from '../execution-node.ts';
import { readContract } from './contract-call.ts';

/** What is read of a vault, and of the keeper for one vault, outside the snapshots of the chain. */
const abi = new Interface([
  'function mevEscrow() view returns (address)',
  'function validatorsManager() view returns (address)',
  'function canHarvest(address vault) view returns (bool)',
  'function exitSignaturesNonces(address vault) view returns (uint256)',
]);

/** Where the vault's MEV goes: the shared escrow or its own; checksummed. */
export async function fetchMevEscrow(node: ExecutionNode, vault: string): Promise<string> {
  const [escrow] = await readContract(node, { name: 'vault', address: vault, abi }, 'mevEscrow');
  return z.string().parse(escrow);
}

/** Who may register validators of a vault of version 2 or later; checksummed. */
export async function fetchValidatorsManager(node: ExecutionNode, vault: string): Promise<string> {
  const [manager] = await readContract(node, { name: 'vault', address: vault, abi }, 'validatorsManager');
  return z.string().parse(manager);
}

/** Whether there are rewards that the vault has not harvested, at the head. */
export async function fetchCanHarvest(node: ExecutionNode, keeper: string, vault: string): Promise<boolean> {
  const [answer] = await readContract(node, { name: 'keeper', address: keeper, abi }, 'canHarvest', [vault]);
  return z.boolean().parse(answer);
}

/** Nonce of the vault's next exit signatures update, at the head. */
export async function fetchExitSignaturesNonce(
  node: ExecutionNode,
  keeper: string,
  vault: string,
): Promise<bigint> {
  const ref = { name: 'keeper', address: keeper, abi };
  const [nonce] = await readContract(node, ref, 'exitSignaturesNonces', [vault]);
  return z.bigint().parse(nonce);
}
