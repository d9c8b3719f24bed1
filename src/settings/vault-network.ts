import type { Network } from '../networks/network.ts';
import { canonicalNetworkName, findBuiltIn } from '../networks/network-name.ts';

/**
 * The network of a vault: as given (option, else `NETWORK`), else the one of its config.json. The schemas of both files are
 * loaded where one of them has to be read.
 * @throws OperatorError when neither says which
 */
export async function resolveVaultNetwork(
  given: string | undefined,
  dataDirectory: string,
  vault: string,
): Promise<Network> {
  const builtIn = given === undefined ? undefined : findBuiltIn(canonicalNetworkName(given));
  if (builtIn !== undefined) return builtIn;
  const { readVaultConfig } = await import('./vault-config.ts');
  const { resolveNetwork } = await import('../networks/resolve-network.ts');
  return resolveNetwork(given ?? (await readVaultConfig(dataDirectory, vault)).network);
}
