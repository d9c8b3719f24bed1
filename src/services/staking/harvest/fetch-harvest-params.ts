import type { HttpDeps } from '../../../clients/http.ts';
import { fetchIpfsDocument, type IpfsOptions } from '../../../clients/ipfs/ipfs.ts';
import {
  type HarvestParams,
  type HarvestRules,
  harvestParamsOf,
  isProvenReward,
  parseVaultRewards,
} from '../../../domain/protocol/rewards.ts';
import { toHex } from '../../../lib/bytes.ts';
import { ExternalError } from '../../../lib/errors.ts';

export interface FetchHarvestParamsDeps {
  readonly http: HttpDeps;
  /** Keeps the last answer, for as long as its owner likes: a pending harvest is looked at in every round. */
  readonly cache?: Map<string, HarvestParams | null> | undefined;
}

export interface FetchHarvestParamsOptions {
  /** Checksummed. */
  readonly vault: string;
  /** Root and document of the keeper's last RewardsUpdated event; null when there was none. */
  readonly rewards: { readonly root: Uint8Array; readonly ipfsHash: string } | null;
  readonly rules: HarvestRules;
  readonly ipfs: IpfsOptions;
}

/**
 * What the vault's `updateState` takes to bring its share of the last rewards update, proven against the root that the
 * oracles have signed.
 * @returns null when there are no rewards, or none of this vault
 * @throws ExternalError `rewards-proof-invalid`, and those of the document and of IPFS
 */
export async function fetchHarvestParams(
  { http, cache }: FetchHarvestParamsDeps,
  options: FetchHarvestParamsOptions,
): Promise<HarvestParams | null> {
  const { vault, rewards, rules, ipfs } = options;
  if (rewards === null) return null;
  const key = [vault, toHex(rewards.root), rewards.ipfsHash, rules.hasOwnMevEscrow, rules.currency].join(' ');
  const known = cache?.get(key);
  if (known !== undefined) return known;
  const entry = parseVaultRewards(await fetchIpfsDocument(http, rewards.ipfsHash, ipfs), vault);
  const params = entry === null ? null : harvestParamsOf(rewards.root, entry, rules);
  if (params !== null && !isProvenReward(vault, params)) throw unproven(options, rewards);
  cache?.clear();
  cache?.set(key, params);
  return params;
}

function unproven(
  { vault, rules }: FetchHarvestParamsOptions,
  rewards: { readonly root: Uint8Array; readonly ipfsHash: string },
): ExternalError {
  const escrow = rules.hasOwnMevEscrow ? 'its own' : 'the shared';
  return new ExternalError(
    'rewards-proof-invalid',
    `The rewards document ${rewards.ipfsHash} does not prove the rewards of the vault ${vault} with ${escrow} MEV escrow under the root ${toHex(rewards.root)}.`,
  );
}
