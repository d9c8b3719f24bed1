import { fetchConfigIpfsHash, type KeeperRef } from '../clients/contracts/keeper.ts';
import type { ExecutionNode } from '../clients/execution-node.ts';
import type { HttpDeps } from '../clients/http.ts';
import { fetchIpfsDocument, type IpfsOptions } from '../clients/ipfs.ts';
import type { OracleSet } from '../db/oracle-sets.ts';
import { type OracleConfig, oracleSetHash, parseOracleConfig } from '../domain/protocol/oracle-config.ts';

/**
 * The oracles for which shares are made now: those of the keeper's last ConfigUpdated event, whose document is proven
 * against its CID and validated.
 */
export async function fetchOracleSet(
  deps: { readonly node: ExecutionNode; readonly http: HttpDeps },
  options: { readonly keeper: KeeperRef; readonly ipfs: IpfsOptions },
): Promise<{ set: OracleSet; config: OracleConfig }> {
  const configIpfsHash = await fetchConfigIpfsHash(deps.node, options.keeper);
  const config = parseOracleConfig(await fetchIpfsDocument(deps.http, configIpfsHash, options.ipfs));
  const set = {
    hash: oracleSetHash(config),
    configIpfsHash,
    threshold: config.exitSignatureRecoverThreshold,
    publicKeys: config.oracles.map(oracle => oracle.publicKey),
  };
  return { set, config };
}
