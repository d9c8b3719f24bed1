import type { Session } from '../../db/database.ts';
import {
  findVaultFacts,
  type VaultFacts,
  type VaultIdentity,
  vaultNotSetUp,
  vaultOtherChain,
} from '../../db/vaults.ts';
import type { VaultContext } from '../../domain/keys/key-context.ts';
import { fromHex } from '../../lib/bytes.ts';
import { ADDRESS_LENGTH } from '../../lib/lengths.ts';
import type { Network } from '../../networks/network.ts';

/** The vault a command works on. */
export interface VaultRef {
  readonly network: Network;
  /** Checksummed address. */
  readonly address: string;
}

/** What encrypted things of the vault are bound to. */
export function vaultContext({ network, address }: VaultRef): VaultContext {
  return { chainId: network.chainId, vault: fromHex(address, ADDRESS_LENGTH) };
}

/**
 * The vault's row, without its data key: most roles may not read that.
 * @throws OperatorError 'vault-not-set-up'; 'vault-other-chain' when a network of this name had another chain id
 */
export async function requireVault(session: Session, ref: VaultRef): Promise<VaultFacts> {
  return checkFound(ref, await findVaultFacts(session, identityOf(ref)));
}

/** What the vault's row is found by. */
export function identityOf({ network, address }: VaultRef): VaultIdentity {
  return { network: network.name, address: fromHex(address, ADDRESS_LENGTH) };
}

/** Insists on a row, and that it is of this chain. @throws as {@link requireVault} does */
export function checkFound<V extends VaultFacts>(ref: VaultRef, vault: V | undefined): V {
  if (vault === undefined) {
    const hint = 'Run "remote-db setup", or check --vault, --network and --db-schema.';
    throw vaultNotSetUp(ref.address, ref.network.name, hint);
  }
  if (vault.chainId !== ref.network.chainId) throw vaultOtherChain(ref.address, vault.chainId, ref.network);
  return vault;
}
