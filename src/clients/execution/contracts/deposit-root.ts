import { z } from 'zod';
import { fromHex } from '../../../lib/bytes.ts';
import { HASH_LENGTH } from '../../../lib/lengths.ts';
import type { ExecutionNode } from '../execution-node.ts';
import { readContract } from './contract-call.ts';
import { depositContractAbi } from './deposit-contract.ts';

/** Root of all deposits at the head, 32 bytes: every deposit of anybody changes it. */
export async function fetchDepositRoot(node: ExecutionNode, depositContract: string): Promise<Uint8Array> {
  const contract = { name: 'deposit contract', address: depositContract, abi: depositContractAbi };
  const [root] = await readContract(node, contract, 'get_deposit_root');
  return fromHex(z.string().parse(root), HASH_LENGTH);
}
