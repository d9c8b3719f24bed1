import type { Database } from '../../../db/database.ts';
import type { Check } from '../../../domain/fleet/doctor/check.ts';
import { checkObservation } from '../../../domain/fleet/doctor/check-observation.ts';
import { factsOf } from '../../../domain/fleet/observation/observation.ts';
import type { EndpointUrl } from '../../../lib/endpoint-url.ts';
import type { FleetHandles, FleetToObserve, ObservedFleet } from '../observe/observe-fleet.ts';
import { checkDatabase } from './check-database.ts';
import { checkEncryptionKey, type TryEncryptKey } from './check-encryption-key.ts';
import { checkKeyFiles, checkSecretFiles } from './check-files.ts';
import { checkImports, checkSigning } from './check-signing.ts';
import { checkSlashing } from './check-slashing.ts';
import { checkClearText, checkGateways, checkProxies, checkSignersHealth } from './check-ways.ts';

/** What is looked at beside the fleet itself. */
export interface DeploymentToCheck {
  /** Files whose secrets only their owner is to read. */
  readonly secretFiles: readonly string[];
  /** Folder of Web3Signer's key files; undefined where none is named. */
  readonly keyFilesDirectory: string | undefined;
  /** Opens Web3Signer's slashing protection database; undefined where none is named. */
  readonly openSlashing: ((limitMs: number) => Promise<Database>) | undefined;
  /** Tries the encryption key of the database; undefined where none is given. */
  readonly tryKey: TryEncryptKey | undefined;
  /** Whether each signer is asked for a signature under an exit that no chain accepts. */
  readonly provesSigning: boolean;
  /** Servers of others, which may be reached through proxies. */
  readonly outward: readonly EndpointUrl[];
}

/**
 * Walks everything that a fleet stands on, one check a line, and changes nothing: what the observation says, and what no command
 * but this one looks at as a whole.
 */
export async function diagnoseFleet(
  handles: FleetHandles,
  fleet: FleetToObserve,
  deployment: DeploymentToCheck,
  { observation, validators }: ObservedFleet,
): Promise<readonly Check[]> {
  const { limitMs, signerUrls, clients, operatorUrls, tls, ref } = fleet;
  const own = [
    ...signerUrls.map(url => ({ kind: 'signer', url })),
    ...clients.map(({ url }) => ({ kind: 'validator client', url })),
    ...operatorUrls.map(url => ({ kind: 'operator', url })),
  ];
  const document = factsOf(observation.contracts)?.oracleConfig;
  const { tryKey, provesSigning: isWanted } = deployment;
  const { network } = ref;
  const [database, key, imports, signing, signers, gateways, slashing, files, keyFiles] = await Promise.all([
    checkDatabase(handles.openDatabase, limitMs),
    checkEncryptionKey({ open: handles.openDatabase, tryKey, ref, limitMs }),
    checkImports(signerUrls, { tls, limitMs }),
    checkSigning(signerUrls, { tls, limitMs, isWanted, network, validators }),
    checkSignersHealth(signerUrls, { tls, limitMs }),
    checkGateways(handles.http, handles.ipfs, { document, limitMs }),
    checkSlashing({
      open: deployment.openSlashing,
      limitMs,
      genesisValidatorsRoot: network.genesisValidatorsRoot,
      validators,
      signers: signerUrls.length,
    }),
    checkSecretFiles(deployment.secretFiles),
    checkKeyFiles(deployment.keyFilesDirectory),
  ]);
  return [
    ...checkObservation(observation),
    ...database,
    ...key,
    ...signers,
    ...imports,
    ...signing,
    ...checkClearText(own),
    ...gateways,
    ...checkProxies(handles.http, deployment.outward),
    ...slashing,
    ...files,
    keyFiles,
  ];
}
