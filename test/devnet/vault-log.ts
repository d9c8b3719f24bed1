import { Interface } from 'ethers/abi';
import type { Protocol } from './protocol.ts';

/** What has happened to a vault, by the logs of the chain: what a test counts. */
export interface VaultLog {
  /** Public keys (0x hex) of registered validators, in order. */
  readonly registered: readonly string[];
  /** Number of transactions that registered. */
  readonly registrations: number;
  readonly rotations: readonly {
    readonly nonce: bigint;
    readonly exitSignaturesIpfsHash: string;
    readonly blockNumber: number;
  }[];
  readonly harvests: readonly { readonly totalAssetsDelta: bigint; readonly unlockedMevDelta: bigint }[];
}

const events = new Interface([
  'event ValidatorRegistered(bytes publicKey)',
  'event V2ValidatorRegistered(bytes publicKey, uint256 amount)',
  'event ExitSignaturesUpdated(address indexed caller, address indexed vault, uint256 nonce, string exitSignaturesIpfsHash)',
  'event Harvested(address indexed vault, bytes32 indexed rewardsRoot, int256 totalAssetsDelta, uint256 unlockedMevDelta)',
]);

/** Reads the whole chain. */
export async function readVaultLog({ provider, addresses }: Protocol, vault: string): Promise<VaultLog> {
  const logs = await provider.getLogs({
    address: [vault, addresses.keeper],
    fromBlock: 0,
    toBlock: 'latest',
  });
  const registered: string[] = [];
  const transactions = new Set<string>();
  const rotations: VaultLog['rotations'][number][] = [];
  const harvests: VaultLog['harvests'][number][] = [];
  for (const log of logs) {
    const event = events.parseLog(log);
    if (event === null || (log.address !== vault && event.args.vault !== vault)) continue;
    const { publicKey, nonce, exitSignaturesIpfsHash, totalAssetsDelta, unlockedMevDelta } = event.args;
    if (event.name.endsWith('ValidatorRegistered')) {
      registered.push(publicKey);
      transactions.add(log.transactionHash);
    } else if (event.name === 'Harvested') harvests.push({ totalAssetsDelta, unlockedMevDelta });
    else rotations.push({ nonce, exitSignaturesIpfsHash, blockNumber: log.blockNumber });
  }
  return { registered, registrations: transactions.size, rotations, harvests };
}
