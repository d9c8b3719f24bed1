import type { HttpDeps } from '../../clients/http.ts';
import { fetchIpfsDocument, type IpfsOptions } from '../../clients/ipfs/ipfs.ts';
import { type OracleConfig, type OracleSet, oracleSetHash } from '../../domain/protocol/oracle-config.ts';
import { parseOracleConfig } from '../../domain/protocol/oracle-document.ts';

/** A configuration document, and the set of oracles that it lists. */
export interface ReadOracleSet {
  readonly set: OracleSet;
  readonly config: OracleConfig;
}

/** Fetches a configuration document, which is proven against its CID and validated. */
export async function readOracleSet(
  http: HttpDeps,
  configIpfsHash: string,
  ipfs: IpfsOptions,
): Promise<ReadOracleSet> {
  const config = parseOracleConfig(await fetchIpfsDocument(http, configIpfsHash, ipfs));
  const set = {
    hash: oracleSetHash(config),
    configIpfsHash,
    threshold: config.exitSignatureRecoverThreshold,
    publicKeys: config.oracles.map(oracle => oracle.publicKey),
  };
  return { set, config };
}
