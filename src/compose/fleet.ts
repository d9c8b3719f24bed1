import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { BeaconNode } from '../clients/beacon/beacon-node.ts';
import { distinctEndpoints, ExecutionNode } from '../clients/execution/execution-node.ts';
import type { HttpDeps } from '../clients/http.ts';
import { type Database, openDatabase } from '../db/database.ts';
import type { Check } from '../domain/fleet/doctor/check.ts';
import type { Observation } from '../domain/fleet/observation/observation.ts';
import { checksumAddress } from '../lib/address.ts';
import type { EndpointUrl } from '../lib/endpoint-url.ts';
import { readTextFile } from '../lib/files.ts';
import { parseJson } from '../lib/json.ts';
import { createCommandLogger } from '../lib/logger.ts';
import { matchSchema } from '../lib/match-schema.ts';
import { owned } from '../lib/owned.ts';
import { readSecretFile } from '../lib/secret.ts';
import type { Network } from '../networks/network.ts';
import type { TryEncryptKey } from '../services/fleet/diagnose/check-encryption-key.ts';
import { diagnoseFleet } from '../services/fleet/diagnose/diagnose-fleet.ts';
import {
  type FleetHandles,
  type FleetToObserve,
  observeFleet,
} from '../services/fleet/observe/observe-fleet.ts';
import type { FleetSettings } from '../settings/fleet-settings.ts';
import type { DatabaseSettings } from '../settings/remote-db-settings.ts';
import { findVaultConfig } from '../settings/vault-config.ts';
import { vaultDirectory } from '../settings/vault-directory.ts';
import { resolveVaultNetwork } from '../settings/vault-network.ts';
import { ipfsOptions, openToldProxies } from './nodes.ts';

/** A fleet that can be looked at as often as one likes. */
export interface OpenFleet extends AsyncDisposable {
  observe(): Promise<Observation>;
  /** Checks all that the fleet stands on. */
  diagnose(more: DiagnosisSettings): Promise<readonly Check[]>;
}

/** What is looked at beside the counterparts. */
interface DiagnosisSettings {
  /** Web3Signer's slashing protection database. */
  readonly slashingDb: DatabaseSettings['dbUrl'] | undefined;
  /** Folder of Web3Signer's key files. */
  readonly keyFilesDir: string | undefined;
  /** Tries the encryption key of the database; undefined where none is given. */
  readonly tryKey: TryEncryptKey | undefined;
  /** Whether signers are asked for a signature that is good for nothing. */
  readonly proveSigning: boolean;
}

interface FleetContext {
  readonly programVersion: string;
  /** Is told once of what endpoints disagree on, and of what stands in the way of reading. */
  readonly warn: (line: string) => void;
}

/**
 * Prepares the ways to all counterparts that were named; none is opened yet, so that each can fail by itself.
 * @throws OperatorError when neither option nor config.json says the network, or a token file cannot be read
 */
export async function openFleet(settings: FleetSettings, context: FleetContext): Promise<OpenFleet> {
  const { vault, dataDir, limitMs } = settings;
  const network = await resolveVaultNetwork(settings.network, dataDir, vault);
  const directory = vaultDirectory(dataDir, vault);
  await using stack = new AsyncDisposableStack();
  const warn = onceEach(context.warn);
  const handles = openHandles(stack, settings, network, warn);
  const clients = await Promise.all(
    settings.keymanagers.map(async ({ url, tokenFile }) => ({
      url,
      token: (await readSecretFile(tokenFile)).value.trim(),
    })),
  );
  const fixed: Omit<FleetToObserve, 'createdKeys'> = {
    ref: { network, address: vault },
    programVersion: context.programVersion,
    vaultDirectory: directory,
    keystoresDirectory: settings.keystoresDir,
    signerUrls: settings.signerUrls,
    clients,
    operatorUrls: settings.operatorUrls,
    tls: settings.tls,
    wallet: await findWalletAddress(settings.walletFile ?? join(directory, 'wallet', 'wallet.json'), warn),
    limitMs,
    databaseLimitMs: limitMs + (settings.database?.waitForDb ?? 0),
  };
  // A page is open for months, and keys are made meanwhile.
  const current = async (): Promise<FleetToObserve> => ({
    ...fixed,
    createdKeys: (await findVaultConfig(dataDir, vault))?.mnemonicNextIndex,
  });
  return owned(stack, {
    observe: async () => (await observeFleet(handles, await current())).observation,
    diagnose: async ({ slashingDb, keyFilesDir, tryKey, proveSigning }: DiagnosisSettings) => {
      const deployment = {
        secretFiles: secretFilesOf(settings, directory),
        keyFilesDirectory: keyFilesDir,
        tryKey,
        provesSigning: proveSigning,
        openSlashing: slashingDb && opener({ dbUrl: slashingDb, dbSchema: undefined }, warn),
        outward: [...settings.executionEndpoints, ...settings.consensusEndpoints],
      };
      const fleet = await current();
      return await diagnoseFleet(handles, fleet, deployment, await observeFleet(handles, fleet));
    },
  });
}

function openHandles(
  stack: AsyncDisposableStack,
  settings: FleetSettings,
  network: Network,
  warn: (line: string) => void,
): FleetHandles {
  const { limitMs, proxies, consensusEndpoints } = settings;
  const ipfs = ipfsOptions({ ...settings.ipfs, timeoutMs: limitMs }, network, warn);
  const endpoints = distinctEndpoints(settings.executionEndpoints);
  const log = createCommandLogger(settings.verbose);
  const ownHttp: HttpDeps = { log };
  const outward = { proxies, endpoints: [...endpoints, ...consensusEndpoints], gateways: ipfs.gateways };
  const http: HttpDeps = { log, proxies: openToldProxies(outward, line => log.debug(line)) };
  const execution = (urls: readonly EndpointUrl[]) =>
    stack.use(
      new ExecutionNode(http, {
        endpoints: urls.map(url => url.reveal()),
        chainId: network.chainId,
        jwtSecret: settings.executionJwt?.key,
        timeoutMs: limitMs,
        retryTimeoutMs: 0,
      }),
    );
  const beacon = (urls: readonly EndpointUrl[]) =>
    new BeaconNode(http, {
      endpoints: urls.map(url => url.reveal()),
      genesisValidatorsRoot: network.genesisValidatorsRoot,
      slotsPerEpoch: network.slotsPerEpoch,
      timeoutMs: limitMs,
      retryTimeoutMs: 0,
    });
  return {
    openDatabase: settings.database && opener(settings.database, warn),
    node: endpoints.length === 0 ? undefined : execution(endpoints),
    executionNodes: endpoints.map(url => execution([url])),
    beacon: consensusEndpoints.length === 0 ? undefined : beacon(consensusEndpoints),
    beaconNodes: consensusEndpoints.map(url => beacon([url])),
    http,
    ownHttp,
    ipfs,
    warn,
    debug: line => log.debug(line),
  };
}

/** Tells each line once: a fleet is looked at again and again. */
function onceEach(tell: (line: string) => void): (line: string) => void {
  const told = new Set<string>();
  return line => {
    if (told.has(line)) return;
    told.add(line);
    tell(line);
  };
}

/** Files with secrets that the options name, and those of the vault's directory. */
function secretFilesOf({ database, keymanagers, walletFile }: FleetSettings, directory: string): string[] {
  const wallet = walletFile ?? join(directory, 'wallet', 'wallet.json');
  return [
    ...(database?.dbUrl.file === undefined ? [] : [database.dbUrl.file]),
    ...keymanagers.map(({ tokenFile }) => tokenFile),
    wallet,
    join(dirname(wallet), 'password.txt'),
    join(directory, 'keystores', 'password.txt'),
  ];
}

/** Opens the database anew for each look, so that one that came back is seen. */
function opener(
  { dbUrl, dbSchema: schema, waitForDb }: DatabaseSettings,
  warn: (line: string) => void,
): (limitMs: number) => Promise<Database> {
  const { url, defaults } = dbUrl;
  return limitMs =>
    openDatabase({
      url,
      defaults,
      schema,
      warn,
      waitMs: waitForDb,
      connectTimeoutMs: limitMs,
      statementTimeoutMs: limitMs,
    });
}

const walletFile = z.looseObject({ address: z.string().regex(/^(0x)?[0-9a-fA-F]{40}$/i) });

/** Address that a wallet's file names; its keystore is not opened. Undefined where there is no such file. */
async function findWalletAddress(path: string, warn: (line: string) => void): Promise<string | undefined> {
  if (!existsSync(path)) return undefined;
  const checked = matchSchema(walletFile, parseJson(await readTextFile(path)));
  if (checked.success) return checksumAddress(checked.data.address.replace(/^(?:0x)?/i, '0x'));
  warn(`${path} names no address of a wallet: its balance is not asked for.`);
  return undefined;
}
