import { id } from 'ethers/hash';
import { toHex } from '../../../lib/bytes.ts';
import { WEI_PER_ETHER, WEI_PER_GWEI } from '../../../lib/units.ts';
import type { Network } from '../../../networks/network.ts';

const GWEI_PER_ETHER = WEI_PER_ETHER / WEI_PER_GWEI;

/** Gnosis stakes GNO, its chain's own currency is another. */
function isGnosis({ currency }: Pick<Network, 'currency'>): boolean {
  return currency === 'xDAI';
}

/** What a vault's assets are counted in: the chain's currency, but GNO on Gnosis. */
export function stakeCurrency(network: Pick<Network, 'currency'>): string {
  return isGnosis(network) ? 'GNO' : network.currency;
}

/** What a vault's assets lose to one validator: 32 ETH, or 1 GNO, which the deposit contract counts as 32. */
export function validatorAssetsWei(network: Pick<Network, 'currency'>): bigint {
  return (isGnosis(network) ? 1n : 32n) * WEI_PER_ETHER;
}

/** Gwei of the beacon chain for one of the vault's: Gnosis counts 1 GNO as 32. */
export function stakePerToken(network: Pick<Network, 'currency'>): bigint {
  return isGnosis(network) ? 32n : 1n;
}

/** What a validator with 0x02 credentials gets at most unless somebody says something else: 300 ETH, or 1800 on Gnosis (56.25 GNO). */
export function defaultMaxValidatorBalanceGwei(network: Pick<Network, 'currency'>): bigint {
  return (isGnosis(network) ? 1800n : 300n) * GWEI_PER_ETHER;
}

/**
 * The version by which Ethereum's vaults have the same interface: on Gnosis, version 3 (of the genesis vault 4) has that
 * of Ethereum's version 5 (stakewise.md §1.1).
 */
export function ethereumVaultVersion(
  network: Pick<Network, 'currency'> & { readonly contracts: Pick<Network['contracts'], 'genesisVault'> },
  vault: string,
  version: number,
): number {
  if (!isGnosis(network)) return version;
  const isGenesis = network.contracts.genesisVault?.toLowerCase() === vault.toLowerCase();
  const pectra = isGenesis ? 4 : 3;
  if (version < pectra) return Math.min(version, 2);
  return version - pectra + 5;
}

/** Vaults that have no validators of their own, but shares of other vaults. */
const META_VAULTS = [
  'EthMetaVault',
  'EthPrivMetaVault',
  'EthErc20MetaVault',
  'EthPrivErc20MetaVault',
  'GnoMetaVault',
  'GnoPrivMetaVault',
];

/**
 * The name of a kind of vault that registers no validators; undefined for others.
 * @param vaultId - `vaultId()`, 32 bytes: hash of the contract's name
 */
export function metaVaultName(vaultId: Uint8Array): string | undefined {
  return META_VAULTS.find(name => id(name) === toHex(vaultId));
}
