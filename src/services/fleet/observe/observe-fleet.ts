import type { BeaconNode } from '../../../clients/beacon/beacon-node.ts';
import type { ExecutionNode } from '../../../clients/execution/execution-node.ts';
import type { HttpDeps } from '../../../clients/http.ts';
import type { IpfsOptions } from '../../../clients/ipfs/ipfs.ts';
import type { SignerTls } from '../../../clients/signer/signer-tls.ts';
import type { Database } from '../../../db/database.ts';
import type { Observation } from '../../../domain/fleet/observation/observation.ts';
import type { EndpointUrl } from '../../../lib/endpoint-url.ts';
import type { RecordTable } from '../../../lib/record-table.ts';
import type { VaultRef } from '../../remote-db/unlock-vault.ts';
import type { FleetKeys } from './fleet-keys.ts';
import { type ClientToObserve, observeClients } from './observe-clients.ts';
import { noDatabase, observeDatabase } from './observe-database.ts';
import { observeLocal } from './observe-local.ts';
import {
  observeConsensusNodes,
  observeContracts,
  observeExecutionNodes,
  observeValidators,
  observeWallet,
} from './observe-nodes.ts';
import { observeOperators } from './observe-operators.ts';
import { observeOracles } from './observe-oracles.ts';
import { observeSigners } from './observe-signers.ts';

/** The ways to every counterpart of a fleet; those that nobody named are empty or undefined. */
export interface FleetHandles {
  /** Opens the database for at most so long; undefined where none is named. */
  readonly openDatabase: ((limitMs: number) => Promise<Database>) | undefined;
  /** All execution endpoints together, and each alone. None tries anything twice. */
  readonly node: ExecutionNode | undefined;
  readonly executionNodes: readonly ExecutionNode[];
  readonly beacon: BeaconNode | undefined;
  readonly beaconNodes: readonly BeaconNode[];
  /** The way to servers of others, and that to one's own. */
  readonly http: HttpDeps;
  readonly ownHttp: HttpDeps;
  readonly ipfs: IpfsOptions;
  /** Is told of what the endpoints disagree on. */
  readonly warn: (line: string) => void;
  /** Is told what anybody who looks again and again knows: that one endpoint alone decides. */
  readonly debug: (line: string) => void;
}

export interface FleetToObserve {
  readonly ref: VaultRef;
  readonly programVersion: string;
  readonly vaultDirectory: string;
  readonly keystoresDirectory: string | undefined;
  readonly createdKeys: number | undefined;
  readonly signerUrls: readonly EndpointUrl[];
  readonly clients: readonly ClientToObserve[];
  readonly operatorUrls: readonly EndpointUrl[];
  readonly tls: SignerTls | undefined;
  /** Address of the hot wallet; undefined where nobody knows it. */
  readonly wallet: string | undefined;
  /** What each counterpart has, in milliseconds. */
  readonly limitMs: number;
  /** What the database has: more, where a server is waited for that does not accept connections yet. */
  readonly databaseLimitMs: number;
}

/** What was observed, and the validators that signers and clients were compared with; undefined when nobody knows them. */
export interface ObservedFleet {
  readonly observation: Observation;
  readonly validators: RecordTable | undefined;
}

/**
 * Asks every counterpart at once what it says of the vault's keys, each with a time limit of its own, and changes nothing. One
 * that is down is a part of the answer. The keys of signers and clients are compared with those of the database, where there is
 * one, else with those of the vault's directory.
 * @throws UsageError for settings that cannot be used
 */
export async function observeFleet(handles: FleetHandles, fleet: FleetToObserve): Promise<ObservedFleet> {
  const { ref, limitMs } = fleet;
  const seenAt = new Date().toISOString();
  const { observed, keys } = startDatabase(handles, fleet);
  const localRead = observeLocal({
    ...fleet,
    vault: ref.address,
    withKeys: handles.openDatabase === undefined,
  });
  const known: Promise<FleetKeys | undefined> = keys.then(async found => found ?? (await localRead).keys);
  const validatorKeys = known.then(found => found?.validators);
  const { node, executionNodes: voters, http, ipfs, warn, debug } = handles;
  const [
    database,
    local,
    executionNodes,
    consensusNodes,
    contracts,
    beaconChain,
    oracles,
    signers,
    clients,
    operators,
    wallet,
  ] = await Promise.all([
    observed,
    localRead,
    observeExecutionNodes(voters, limitMs),
    observeConsensusNodes(handles.beaconNodes, limitMs),
    observeContracts(node, ref, limitMs),
    observeValidators(handles.beacon, validatorKeys, limitMs),
    observeOracles({ node, voters, http, ipfs, warn, debug, limitMs }, ref),
    observeSigners({ urls: fleet.signerUrls, tls: fleet.tls, limitMs }, known),
    observeClients({ clients: fleet.clients, tls: fleet.tls, limitMs }, known),
    observeOperators(handles.ownHttp, { urls: fleet.operatorUrls, limitMs }),
    observeWallet(node, ref, { address: fleet.wallet, limitMs }),
  ]);
  const observation: Observation = {
    seenAt,
    vault: ref.address,
    network: ref.network.name,
    local: local.seen,
    ...database,
    executionNodes,
    consensusNodes,
    contracts,
    beaconChain,
    oracles,
    signers,
    ...clients,
    operators,
    wallet,
  };
  return { observation, validators: await validatorKeys };
}

function startDatabase(
  { openDatabase: open }: Pick<FleetHandles, 'openDatabase'>,
  { ref, programVersion, databaseLimitMs: limitMs, signerUrls }: FleetToObserve,
) {
  if (open === undefined) return noDatabase();
  return observeDatabase({ open, ref, programVersion, limitMs, withShares: signerUrls.length > 0 });
}
