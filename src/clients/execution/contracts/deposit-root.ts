import { z } from 'zod';
import { fromHex } from '../../../lib/bytes.ts';
import { HASH_LENGTH } from '../../../lib/lengths.ts';
import type { ExecutionNode } from '../execution-node.ts';
import { readContract } from './contract-call.ts';
import { depositContractAbi, readDepositCount } from './deposit-contract.ts';

/** Root of all deposits at the head, 32 bytes: every deposit of anybody changes it. */
export async function fetchDepositRoot(node: ExecutionNode, depositContract: string): Promise<Uint8Array> {
  const [root] = await readContract(node, refer(depositContract), 'get_deposit_root');
  return fromHex(z.string().parse(root), HASH_LENGTH);
}

/** How many deposits the deposit contract has taken up to the head. */
export async function fetchDepositCount(node: ExecutionNode, depositContract: string): Promise<bigint> {
  const [count] = await readContract(node, refer(depositContract), 'get_deposit_count');
  return readDepositCount(fromHex(z.string().parse(count), 8));
}

function refer(address: string) {
  return { name: 'deposit contract', address, abi: depositContractAbi };
}
