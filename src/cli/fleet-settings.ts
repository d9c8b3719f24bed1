import type { FleetSettings } from '../settings/fleet-settings.ts';
import type { FleetGiven } from './flags/fleet.ts';
import { ipfsSettings, proxySettings } from './flags/nodes.ts';
import { readSignerTls } from './signer-connection.ts';

/** The counterparts that a command was given, as the composition takes them. @throws OperatorError naming a TLS file */
export async function fleetSettings(given: FleetGiven): Promise<FleetSettings> {
  const { dbUrl, dbSchema, waitForDb } = given;
  return {
    vault: given.vault,
    network: given.network,
    dataDir: given.dataDir,
    keystoresDir: given.keystoresDir,
    database: dbUrl === undefined ? undefined : { dbUrl, dbSchema, waitForDb },
    executionEndpoints: given.executionEndpoints ?? [],
    executionJwt: given.executionJwtSecret,
    consensusEndpoints: given.consensusEndpoints ?? [],
    ipfs: ipfsSettings(given),
    proxies: proxySettings(),
    signerUrls: given.signerUrl,
    keymanagers: given.keymanager,
    operatorUrls: given.operatorUrl,
    tls: await readSignerTls(given),
    walletFile: given.hotWalletFile,
    limitMs: given.askTimeout,
    verbose: given.verbose,
  };
}
