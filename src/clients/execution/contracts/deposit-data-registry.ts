import { Interface } from 'ethers/abi';
import { z } from 'zod';
import { fromHex } from '../../../lib/bytes.ts';
import { HASH_LENGTH } from '../../../lib/lengths.ts';
import type { ExecutionNode } from '../execution-node.ts';
import { readContract } from './contract-call.ts';

/** StakeWise V3 DepositDataRegistry (vaults of version 2 and later), the parts in use. */
export const depositDataRegistryAbi = new Interface([
  'function depositDataRoots(address vault) view returns (bytes32 depositDataRoot)',
  'function depositDataIndexes(address vault) view returns (uint256 validatorIndex)',
]);

/** Root of the vault's deposit data tree; 32 zero bytes when none was ever set. */
export async function fetchRegisteredRoot(
  node: ExecutionNode,
  registry: string,
  vault: string,
): Promise<Uint8Array> {
  const [root] = await readContract(node, refer(registry), 'depositDataRoots', [vault]);
  return fromHex(z.string().parse(root), HASH_LENGTH);
}

/** Index in the deposit data of the next validator to be registered. */
export async function fetchRegisteredIndex(
  node: ExecutionNode,
  registry: string,
  vault: string,
): Promise<number> {
  const [index] = await readContract(node, refer(registry), 'depositDataIndexes', [vault]);
  return Number(z.bigint().parse(index));
}

function refer(address: string) {
  return { name: 'deposit data registry', address, abi: depositDataRegistryAbi };
}
