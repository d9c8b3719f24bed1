import { executionSettings, ipfsSettings, proxySettings } from './flags/nodes.ts';

/** How the chain is reached that an upload asks, of what its command was given. */
export function uploadChainSettings(
  given: Parameters<typeof executionSettings>[0] &
    Parameters<typeof ipfsSettings>[0] & {
      readonly oracleSetHash: Uint8Array | undefined;
      readonly verbose: boolean;
    },
) {
  return {
    execution: executionSettings(given),
    ipfs: ipfsSettings(given),
    proxies: proxySettings(),
    oracleSetHash: given.oracleSetHash,
    verbose: given.verbose,
  };
}
