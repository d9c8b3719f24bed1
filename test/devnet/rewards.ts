import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { unhex } from './exit-signature.ts';
import type { IpfsGateway } from './ipfs-gateway.ts';
import type { OracleSet } from './oracle-set.ts';
import type { Protocol } from './protocol.ts';
import { rewardsDigest, signDigest } from './typed-data.ts';

/** What a vault earned since the last distribution; negative for penalties. All in wei. */
export interface EarnedRewards {
  readonly vault: string;
  readonly consensusWei?: bigint;
  readonly unlockedMevWei?: bigint;
  readonly lockedMevWei?: bigint;
}

/** All that a vault has earned from the beginning, in wei, as the document and the tree have it. */
export interface TotalRewards {
  consensusWei: bigint;
  unlockedMevWei: bigint;
  lockedMevWei: bigint;
  /** The tree then holds consensus rewards only. */
  readonly hasOwnMevEscrow: boolean;
}

export interface Distribution {
  readonly rewardsRoot: string;
  readonly rewardsIpfsHash: string;
  /** What each vault is to harvest with. */
  harvestParams(vault: string): HarvestParams;
}

interface HarvestParams {
  readonly rewardsRoot: string;
  readonly reward: bigint;
  readonly unlockedMevReward: bigint;
  readonly proof: readonly string[];
}

/** Leaves of vaults that are elsewhere, so that proofs have some length. */
const STRANGERS = ['11', '22', '33'].map(digits => `0x${digits.repeat(20)}`);

/** Publishes the totals in IPFS and makes them current in the keeper, signed by as many oracles as it asks for. */
export async function distributeRewards(
  { protocol, ipfs, oracleSet }: { protocol: Protocol; ipfs: IpfsGateway; oracleSet: OracleSet },
  totals: ReadonlyMap<string, TotalRewards>,
): Promise<Distribution> {
  const keeper = protocol.at('Keeper', protocol.addresses.keeper);
  const nonce: bigint = await keeper.getFunction('rewardsNonce').staticCall();
  const leaves = [...totals].map(([vault, total]): [string, bigint, bigint] => [vault, ...leafOf(total)]);
  const strangers = STRANGERS.map((vault): [string, bigint, bigint] => [vault, nonce * 10n ** 18n, 0n]);
  const tree = StandardMerkleTree.of([...leaves, ...strangers], ['address', 'int160', 'uint160']);
  const places = new Map([...tree.entries()].map(([place, [vault]]) => [vault, place]));
  const proofOf = (vault: string) => tree.getProof(places.get(vault) ?? -1);

  const rewardsIpfsHash = await ipfs.add(describe(totals, proofOf));
  const timestamp = await passLastUpdate(protocol);
  const message = {
    rewardsRoot: tree.root,
    avgRewardPerSecond: 1_000_000_000n,
    updateTimestamp: timestamp,
    rewardsIpfsHash,
  };
  const minOracles: bigint = await keeper.getFunction('rewardsMinOracles').staticCall();
  const domain = { chainId: await protocol.chainId(), keeper: protocol.addresses.keeper };
  const digest = rewardsDigest(domain, { ...message, nonce, rewardsRoot: unhex(tree.root) });
  const signatures = signSorted(oracleSet, Number(minOracles), digest);
  await protocol.send(keeper, 'updateRewards', { ...message, signatures });
  // The totals go on; what was published does not.
  const published = new Map(
    leaves.map(([vault, reward, unlockedMevReward]) => [vault, { reward, unlockedMevReward }]),
  );
  return {
    rewardsRoot: tree.root,
    rewardsIpfsHash,
    harvestParams(vault) {
      const leaf = published.get(vault);
      if (leaf === undefined) throw new Error(`no rewards of vault ${vault}`);
      return { rewardsRoot: tree.root, ...leaf, proof: proofOf(vault) };
    },
  };
}

/** The keeper takes one update per second of the chain; returns its time. */
async function passLastUpdate({ provider, at, addresses }: Protocol): Promise<bigint> {
  const read = async () => BigInt((await provider.send('eth_getBlockByNumber', ['latest', false])).timestamp);
  const last: bigint = await at('Keeper', addresses.keeper).getFunction('lastRewardsTimestamp').staticCall();
  const now = await read();
  if (now > last) return now;
  await provider.send('evm_increaseTime', [Number(last - now) + 1]);
  await provider.send('evm_mine', []);
  return await read();
}

/** Signatures of the first oracles, in the order that the keeper asks for. */
export function signSorted({ oracles }: OracleSet, count: number, digest: Uint8Array): Uint8Array {
  const signers = oracles.slice(0, count).sort((a, b) => (a.address < b.address ? -1 : 1));
  return Buffer.concat(signers.map(({ secretKey }) => signDigest(secretKey, digest)));
}

function leafOf({
  hasOwnMevEscrow,
  consensusWei,
  unlockedMevWei,
  lockedMevWei,
}: TotalRewards): [bigint, bigint] {
  if (hasOwnMevEscrow) return [consensusWei, 0n];
  return [consensusWei + unlockedMevWei + lockedMevWei, unlockedMevWei];
}

/** Wei are bare JSON numbers, far above what doubles hold; vaults with an escrow of their own have no locked rewards. */
function describe(totals: ReadonlyMap<string, TotalRewards>, proofOf: (vault: string) => string[]): string {
  const vaults = [...totals].map(([vault, total]) => {
    const locked = total.hasOwnMevEscrow ? '' : `"locked_mev_reward": ${total.lockedMevWei}, `;
    return (
      `{"vault": "${vault}", "consensus_reward": ${total.consensusWei}, ` +
      `"unlocked_mev_reward": ${total.unlockedMevWei}, ${locked}"proof": ${JSON.stringify(proofOf(vault))}}`
    );
  });
  return `{"vaults": [${vaults.join(', ')}]}`;
}
