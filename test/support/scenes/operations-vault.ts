import { Interface, type JsonRpcProvider } from 'ethers';
import { findLastOperationBlock } from '../../../src/clients/execution/contracts/validator-operations.ts';
import type { ExecutionNode } from '../../../src/clients/execution/execution-node.ts';
import { withdrawalIntents } from '../../../src/services/staking/operations/operation-intents.ts';
import type { Occasion } from '../../../src/transactions/occasion.ts';
import type { TransactionIntent } from '../../../src/transactions/transaction.ts';
import type { OutboxPlace } from './outbox-scene.ts';

/**
 * A vault that does what is asked and tells of it, by solc 0.8 (cancun, optimizer, runs 1, no metadata) from:
 *
 *     contract Operations {
 *       event ValidatorFunded(bytes publicKey, uint256 amount);
 *       event ValidatorWithdrawalSubmitted(bytes publicKey, uint256 amount, uint256 feePaid);
 *       uint256 fee;
 *       function amountOf(bytes calldata entry) private pure returns (uint256) {
 *         return uint256(uint64(bytes8(entry[entry.length - 8:]))) * 1 gwei;
 *       }
 *       function fundValidators(bytes calldata validators, bytes calldata) external {
 *         require(validators.length % 184 == 0);
 *         for (uint256 i; i < validators.length; i += 184)
 *           emit ValidatorFunded(validators[i:i + 48], amountOf(validators[i:i + 184]));
 *       }
 *       function withdrawValidators(bytes calldata validators, bytes calldata) external payable {
 *         require(validators.length % 56 == 0);
 *         uint256 left = msg.value;
 *         for (uint256 i; i < validators.length; i += 56) {
 *           left -= fee;
 *           emit ValidatorWithdrawalSubmitted(validators[i:i + 48], amountOf(validators[i:i + 56]), fee);
 *         }
 *         payable(msg.sender).transfer(left);
 *       }
 *     }
 */
const CODE =
  '0x608060405260043610610028575f3560e01c8063a145ca011461002c578063d40a902f1461004d575b5f5ffd5b348015610037575f5ffd5b5061004b610046366004610266565b610060565b005b61004b61005b366004610266565b61010d565b61006b60b8846102d0565b15610074575f5ffd5b5f5b83811015610106577f057d631530744ed33116aec833eea9b7d8026d2869f15aba5dc1c40e6b475edf8582866100ad826030610303565b926100ba93929190610316565b6100dd8885896100cb8260b8610303565b926100d893929190610316565b6101e6565b6040516100ec93929190610365565b60405180910390a16100ff60b882610303565b9050610076565b5050505050565b6101186038846102d0565b15610121575f5ffd5b345f5b848110156101b3575f546101389083610388565b91507f9fc45d13a96327d041de2ef7365bf0a843077e74ac359a2691ae9c7af4f198e1868287610169826030610303565b9261017693929190610316565b61018789858a6100cb826038610303565b5f54604051610199949392919061039b565b60405180910390a16101ac603882610303565b9050610124565b50604051339082156108fc029083905f818181858888f193505050501580156101de573d5f5f3e3d5ffd5b505050505050565b5f82826101f4600882610388565b6101ff928290610316565b610208916103c1565b6102199060c01c633b9aca006103f9565b90505b92915050565b5f5f83601f840112610232575f5ffd5b5081356001600160401b03811115610248575f5ffd5b60208301915083602082850101111561025f575f5ffd5b9250929050565b5f5f5f5f60408587031215610279575f5ffd5b84356001600160401b0381111561028e575f5ffd5b61029a87828801610222565b90955093505060208501356001600160401b038111156102b8575f5ffd5b6102c487828801610222565b95989497509550505050565b5f826102ea57634e487b7160e01b5f52601260045260245ffd5b500690565b634e487b7160e01b5f52601160045260245ffd5b8082018082111561021c5761021c6102ef565b5f5f85851115610324575f5ffd5b83861115610330575f5ffd5b5050820193919092039150565b81835281816020850137505f828201602090810191909152601f909101601f19169091010190565b604081525f61037860408301858761033d565b9050826020830152949350505050565b8181038181111561021c5761021c6102ef565b606081525f6103ae60608301868861033d565b6020830194909452506040015292915050565b80356001600160c01b031981169060088410156103f2576001600160c01b0319600885900360031b81901b82161691505b5092915050565b808202811582820484141761021c5761021c6102ef56';

/** What the vault pays for each request to withdraw, of what is sent along. */
export const REQUEST_FEE_WEI = 3n;

const abi = new Interface([
  'event ValidatorFunded(bytes publicKey, uint256 amount)',
  'event ValidatorWithdrawalSubmitted(bytes publicKey, uint256 amount, uint256 feePaid)',
]);

/** Puts such a vault there, which takes this fee for each request to withdraw. */
export async function deployOperationsVault(chain: JsonRpcProvider, vault: string): Promise<void> {
  await chain.send('anvil_setCode', [vault, CODE]);
  await setRequestFee(chain, vault, REQUEST_FEE_WEI);
}

export async function setRequestFee(chain: JsonRpcProvider, vault: string, feeWei: bigint): Promise<void> {
  const word = (value: bigint) => `0x${value.toString(16).padStart(64, '0')}`;
  await chain.send('anvil_setStorageAt', [vault, word(0n), word(feeWei)]);
}

/** All that the vault has told, in the chain's order: event, first byte of the key, and gwei. */
export async function toldBy(chain: JsonRpcProvider, vault: string): Promise<string[]> {
  const logs = await chain.getLogs({ address: vault, fromBlock: 0 });
  return logs.map(log => {
    const told = abi.parseLog(log);
    const [publicKey, amount] = (told?.args.toArray() ?? []) as [string, bigint];
    return `${told?.name} ${publicKey.slice(0, 4)} ${amount / 10n ** 9n}`;
  });
}

/** An entry of 184 bytes; whose root nobody looks at here. */
export function fundingEntry(key: number, amountGwei: bigint): Uint8Array {
  return Buffer.concat([new Uint8Array(48).fill(key), new Uint8Array(128), amountBytes(amountGwei)]);
}

/** An entry of 56 bytes. */
export function withdrawalEntry(key: number, amountGwei: bigint): Uint8Array {
  return Buffer.concat([new Uint8Array(48).fill(key), amountBytes(amountGwei)]);
}

function amountBytes(amountGwei: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(amountGwei);
  return bytes;
}

/** The occasion of a plan that is made now. */
export async function occasionNow(
  node: ExecutionNode,
  vault: string,
  kind: 'funding' | 'withdrawal' = 'withdrawal',
): Promise<Occasion> {
  const plannedAtBlock = await node.getBlockNumber();
  const search = { kind, fromBlock: 0, toBlock: plannedAtBlock };
  return { plannedAtBlock, lastEventBlock: await findLastOperationBlock(node, vault, search) };
}

/** Withdrawals that are to be sent; plain data, for a process of its own. */
export interface WithdrawalWork {
  readonly amountGwei: number;
  readonly occasion: Occasion;
}

/** A partial withdrawal from one validator, and the exit of another one, with a wei too much for each. */
export function withdrawalIntentOf(
  node: ExecutionNode,
  { vault }: Pick<OutboxPlace, 'vault'>,
  { amountGwei, occasion }: WithdrawalWork,
): TransactionIntent {
  const batch = Buffer.concat([withdrawalEntry(1, BigInt(amountGwei)), withdrawalEntry(2, 0n)]);
  const requestFeeWei = REQUEST_FEE_WEI + 1n;
  const [intent] = withdrawalIntents(node, { vault, batches: [batch], occasion, requestFeeWei });
  if (intent === undefined) throw new Error('no intent of one batch');
  return intent;
}
