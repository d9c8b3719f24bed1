import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { Interface } from 'ethers/abi';
import { z } from 'zod';
import { fromHex, type Hex, toHex } from '../../lib/bytes.ts';
import { ExternalError, messageOf } from '../../lib/errors.ts';
import { HASH_LENGTH } from '../../lib/lengths.ts';
import { describeFault, matchSchema } from '../../lib/match-schema.ts';

/** Rewards of one vault since the protocol's start, as the oracles have agreed on them. */
export interface VaultRewards {
  /** May be negative: penalties. */
  readonly consensusRewardWei: bigint;
  readonly unlockedMevRewardWei: bigint;
  readonly lockedMevRewardWei: bigint;
  /** 32 bytes each. */
  readonly proof: readonly Uint8Array[];
}

/** `IKeeperRewards.HarvestParams`. */
export interface HarvestParams {
  /** 32 bytes. */
  readonly rewardsRoot: Uint8Array;
  /** May be negative. */
  readonly rewardWei: bigint;
  readonly unlockedMevRewardWei: bigint;
  /** 32 bytes each. */
  readonly proof: readonly Uint8Array[];
}

/** What the parameters are made of depends on where the vault's MEV goes, and on the chain. */
export interface HarvestRules {
  /** Whether `vault.mevEscrow()` is another one than the network's shared MEV escrow. */
  readonly hasOwnMevEscrow: boolean;
  /** The network's currency: Gnosis pays MEV in xDAI, which is no part of a reward in GNO. */
  readonly currency: string;
}

// A member of every entry; another vault's entry that this program cannot read is no reason to fail.
const documentSchema = z.object({ vaults: z.array(z.looseObject({ vault: z.string() })) });
const wei = z.bigint('must be an integer');
const entrySchema = z.object({
  consensus_reward: wei,
  unlocked_mev_reward: wei.min(0n),
  locked_mev_reward: wei.min(0n).default(0n),
  proof: z.array(z.string().regex(/^(0x)?[0-9a-fA-F]{64}$/, 'must be 32 bytes of hex')),
});

/**
 * Reads the vault's entry of the rewards document (IPFS JSON of the keeper's RewardsUpdated event). Amounts are bare
 * JSON numbers of any size and are read exactly.
 * @param vault - in any case
 * @returns null when the document has no entry of the vault
 * @throws ExternalError `rewards-unparsable` or `rewards-invalid` naming the member
 */
export function parseVaultRewards(document: Uint8Array, vault: string): VaultRewards | null {
  const { vaults } = parseWith(documentSchema, parseExactJson(document));
  const found = vaults.find(entry => entry.vault.toLowerCase() === vault.toLowerCase());
  if (found === undefined) return null;
  const entry = parseWith(entrySchema, found);
  return {
    consensusRewardWei: entry.consensus_reward,
    unlockedMevRewardWei: entry.unlocked_mev_reward,
    lockedMevRewardWei: entry.locked_mev_reward,
    proof: entry.proof.map(node => fromHex(node, HASH_LENGTH)),
  };
}

/** What the vault's `updateState` takes; see `isProvenReward` before it is used. */
export function harvestParamsOf(
  rewardsRoot: Uint8Array,
  rewards: VaultRewards,
  rules: HarvestRules,
): HarvestParams {
  const { consensusRewardWei, unlockedMevRewardWei, lockedMevRewardWei, proof } = rewards;
  if (rules.hasOwnMevEscrow) {
    return { rewardsRoot, rewardWei: consensusRewardWei, unlockedMevRewardWei: 0n, proof };
  }
  const mevRewardWei = rules.currency === 'xDAI' ? 0n : unlockedMevRewardWei + lockedMevRewardWei;
  return {
    rewardsRoot,
    rewardWei: consensusRewardWei + mevRewardWei,
    unlockedMevRewardWei,
    proof,
  };
}

/** Whether the vault's rewards are in the tree that the oracles have signed the root of. */
export function isProvenReward(vault: string, params: HarvestParams): boolean {
  const { rewardsRoot, rewardWei, unlockedMevRewardWei, proof } = params;
  try {
    return StandardMerkleTree.verify(
      toHex(rewardsRoot),
      ['address', 'int160', 'uint160'],
      [vault, rewardWei, unlockedMevRewardWei],
      proof.map(toHex),
    );
  } catch {
    // An amount that does not fit its type is in no tree.
    return false;
  }
}

const vaultAbi = new Interface([
  'function updateState((bytes32 rewardsRoot, int160 reward, uint160 unlockedMevReward, bytes32[] proof) harvestParams)',
]);

/** Call of the vault that harvests its rewards. */
export function encodeUpdateState(params: HarvestParams): Hex {
  const { rewardsRoot, rewardWei, unlockedMevRewardWei, proof } = params;
  const harvestParams = [rewardsRoot, rewardWei, unlockedMevRewardWei, proof];
  return vaultAbi.encodeFunctionData('updateState', [harvestParams]) as Hex;
}

/** Integers of the document become bigints: `JSON.parse` would round them to 53 bits. */
function parseExactJson(document: Uint8Array): unknown {
  const exactly = (_key: string, value: unknown, context?: { readonly source?: string | undefined }) =>
    typeof value === 'number' && /^-?\d{1,100}$/.test(context?.source ?? '')
      ? BigInt(context?.source ?? '')
      : value;
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(document), exactly);
  } catch (error) {
    throw new ExternalError('rewards-unparsable', `The rewards document is not JSON: ${messageOf(error)}.`, {
      cause: error,
    });
  }
}

function parseWith<T>(schema: z.ZodType<T>, value: unknown): T {
  const checked = matchSchema(schema, value);
  if (checked.success) return checked.data;
  throw new ExternalError(
    'rewards-invalid',
    `The rewards document is not valid: ${describeFault(checked.fault)}.`,
    { cause: checked.fault.cause },
  );
}
