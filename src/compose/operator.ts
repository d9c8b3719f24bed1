import { join } from 'node:path';
import { BeaconNode } from '../clients/beacon/beacon-node.ts';
import { distinctEndpoints, ExecutionNode } from '../clients/execution/execution-node.ts';
import { parseJwtSecret } from '../clients/execution/jwt.ts';
import type { HttpDeps } from '../clients/http.ts';
import { openSignerClient, type SignerClient } from '../clients/signer/signer-client.ts';
import { socketUrl } from '../clients/signer/signer-endpoint.ts';
import { openWalletSigner, type WalletSigner } from '../clients/signer/wallet-signer.ts';
import { type Database, openDatabase } from '../db/database.ts';
import { checkSchema, migrateDatabase } from '../db/migrator.ts';
import type { EndpointUrl } from '../lib/endpoint-url.ts';
import { UsageError } from '../lib/errors.ts';
import { directoryModeOf, ensureDirectory, SECRET_FILE_MODE } from '../lib/files.ts';
import type { Logger, LogLevel } from '../lib/logger.ts';
import type { Network } from '../networks/network.ts';
import { resolveNetwork } from '../networks/resolve-network.ts';
import { waitOut } from '../operator/loop/wait-out.ts';
import type { OperatorMetrics } from '../operator/probes/metrics.ts';
import type { OperatorStatus } from '../operator/probes/status.ts';
import { fileSources, findDatabaseSources, type OperatorSources } from '../operator/sources.ts';
import { seenStatementPath } from '../services/remote-db/statements/seen-statement.ts';
import type { OperatorSettings } from '../settings/operator-settings.ts';
import { type KeySourceSettings, noKeySource, type WalletSettings } from '../settings/signer-settings.ts';
import { readTimeoutMs } from '../settings/timeouts.ts';
import { findVaultConfig, readVaultConfig, vaultDirectory } from '../settings/vault-config.ts';
import { type SpawnOptions, spawnSigner } from '../signer-process/spawn-signer.ts';
import { feeCeilings, MAX_TRANSACTION_GAS } from '../transactions/transaction-fees.ts';
import { openRemoteDatabase } from './remote-db.ts';
import { embeddedDatabasePath } from './transaction-store.ts';

export interface OperatorContext {
  readonly log: Logger;
  readonly status: OperatorStatus;
  readonly metrics: OperatorMetrics;
  readonly version: string;
  /** The first signal: everything ends at its next step. */
  readonly signal: AbortSignal;
  /** Some time later: what still waits for a node ends, too. */
  readonly lateSignal: AbortSignal;
}

/** Everything that is open while the operator runs. */
export interface OperatorHandles extends AsyncDisposable {
  readonly network: Network;
  readonly database: Database;
  readonly sources: OperatorSources;
  readonly node: ExecutionNode;
  /** A node per endpoint that tries nothing twice: for the checks at the start, and for what several must agree on. */
  readonly executionNodes: readonly ExecutionNode[];
  readonly beacon: BeaconNode;
  readonly beaconNodes: readonly BeaconNode[];
  readonly signer: SignerClient;
  readonly wallet: WalletSigner;
  readonly http: { readonly oracle: HttpDeps; readonly ipfs: HttpDeps };
}

/**
 * Opens what the operator works with. Nodes are not asked yet; database and signer are waited for.
 * @throws OperatorError and UsageError for failures that waiting does not mend
 */
export async function openOperator(
  context: OperatorContext,
  settings: OperatorSettings,
  networkName: string,
): Promise<OperatorHandles> {
  const { log, metrics } = context;
  await using stack = new AsyncDisposableStack();
  const network = resolveNetwork(networkName);
  const httpOf = (target: Parameters<OperatorMetrics['observe']>[0]): HttpDeps => ({
    log,
    observe: metrics.observe(target),
  });
  const database = stack.use(await openState(context, settings));
  const sources = await openSources(log, settings, database, network);
  const { executionJwtSecret } = settings;
  const jwtSecret = executionJwtSecret === undefined ? undefined : parseJwtSecret(executionJwtSecret);
  const connectExecution = (urls: readonly EndpointUrl[], retryTimeoutMs: number) =>
    stack.use(
      new ExecutionNode(httpOf('rpc'), {
        endpoints: urls.map(url => url.reveal()),
        retryTimeoutMs,
        jwtSecret,
        chainId: network.chainId,
        signal: context.lateSignal,
        timeoutMs: readTimeoutMs('EXECUTION_TIMEOUT', 30),
      }),
    );
  const connectBeacon = (urls: readonly EndpointUrl[], retryTimeoutMs: number) =>
    new BeaconNode(httpOf('beacon'), {
      endpoints: urls.map(url => url.reveal()),
      retryTimeoutMs,
      signal: context.signal,
      genesisValidatorsRoot: network.genesisValidatorsRoot,
      slotsPerEpoch: network.slotsPerEpoch,
      timeoutMs: readTimeoutMs('CONSENSUS_TIMEOUT', 60),
    });
  const endpoints = distinctEndpoints(settings.executionEndpoints);
  const node = connectExecution(endpoints, readTimeoutMs('EXECUTION_RETRY_TIMEOUT', 60));
  const signers = stack.use(await openSigners(context, settings, { network, networkName }));
  const handles = {
    network,
    database,
    sources,
    node,
    signer: signers.client,
    wallet: signers.wallet,
    executionNodes: endpoints.map(one => connectExecution([one], 0)),
    beacon: connectBeacon(settings.consensusEndpoints, readTimeoutMs('CONSENSUS_RETRY_TIMEOUT', 120)),
    beaconNodes: settings.consensusEndpoints.map(one => connectBeacon([one], 0)),
    http: { oracle: httpOf('oracle'), ipfs: httpOf('ipfs') },
  };
  const open = stack.move();
  return { ...handles, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

/**
 * Name or path of the vault's network. A database URL is enough of a configuration beside it; without one, `init` has to
 * have been called.
 * @throws OperatorError 'vault-not-initialised'; UsageError 'network-missing'
 */
export async function findNetworkName({
  network,
  dataDir,
  vault,
  database,
}: OperatorSettings): Promise<string> {
  const config =
    'dbUrl' in database ? await findVaultConfig(dataDir, vault) : await readVaultConfig(dataDir, vault);
  const name = network ?? config?.network;
  if (name !== undefined) return name;
  throw new UsageError('network-missing', 'Name the network with --network.', {
    hint: `There is no ${join(vaultDirectory(dataDir, vault), 'config.json')} to take it from.`,
  });
}

/** The remote database has to have been migrated by its owner; the embedded one belongs to this process. */
async function openState(
  { log, status, signal, version }: OperatorContext,
  { database: settings, vault }: OperatorSettings,
): Promise<Database> {
  log.info('Checking connection to database...');
  if ('dbUrl' in settings) {
    const database = await waitOut(log, { signal, onWait: what => status.enter('starting', what) }, () =>
      openRemoteDatabase({ ...settings, warn: line => log.warn(line) }),
    );
    await checkSchema(database, { programVersion: version }).catch(async error => {
      await database.close();
      throw error;
    });
    log.info('Connected to the remote database.');
    return database;
  }
  const path = embeddedDatabasePath(settings.directory, vault);
  const database = await openDatabase({ url: `pglite:${path}`, warn: message => log.warn(message) });
  await migrateDatabase(database, { programVersion: version }).catch(async error => {
    await database.close();
    throw error;
  });
  log.info(`Connected to database ${path}.`);
  return database;
}

/** Named files come before the remote database, that before the files beside the keystores. */
async function openSources(
  log: Logger,
  { dataDir, vault, depositDataFile, vaultPublicKey, database: settings }: OperatorSettings,
  database: Database,
  network: Network,
): Promise<OperatorSources> {
  const ownDirectory = vaultDirectory(dataDir, vault);
  const files = fileSources({ vaultDirectory: ownDirectory, depositDataFile });
  const ref = { network, address: vault };
  const signed = vaultPublicKey && {
    verifyingKey: vaultPublicKey,
    recordPath: seenStatementPath(ownDirectory, ref),
  };
  if (signed !== undefined) await ensureDirectory(ownDirectory, { mode: directoryModeOf(SECRET_FILE_MODE) });
  const rows = 'dbUrl' in settings ? await findDatabaseSources(database, { ref, signed }) : undefined;
  if (rows === undefined) return files;
  if (signed !== undefined) log.info('Only what the vault has signed is believed of the remote database.');
  log.info(
    depositDataFile === undefined
      ? 'Configuration and deposit data are those of the remote database.'
      : `Configuration is that of the remote database, deposit data that of ${depositDataFile}.`,
  );
  return {
    remoteSigner: rows.remoteSigner,
    depositData: depositDataFile === undefined ? rows.depositData : files.depositData,
  };
}

/** Where exits and transactions are signed: the keys may be in a fleet, the wallet is always in the child. */
async function openSigners(
  { log, status, metrics, signal, lateSignal }: OperatorContext,
  settings: OperatorSettings,
  { network, networkName }: { readonly network: Network; readonly networkName: string },
): Promise<{ readonly client: SignerClient; readonly wallet: WalletSigner } & AsyncDisposable> {
  const { remoteSignerUrl, tls, poolSize, vault } = settings;
  const keys = remoteSignerUrl === undefined ? settings.keys(line => log.info(line)) : undefined;
  if (remoteSignerUrl === undefined && keys === undefined) {
    throw noKeySource('Give --remote-signer-url, --keystores-dir, or --hashi-vault-url.');
  }
  if (keys !== undefined) log.info(`Loading keys from ${describeKeys(keys)}...`);
  await using stack = new AsyncDisposableStack();
  const wallet = { ...settings.wallet, vault, ceilings: walletCeilings(settings, network) };
  const onWait = (what: string | undefined) => status.enter('starting', what);
  const child = stack.use(
    await waitOut(log, { signal, onWait }, () =>
      spawnSigner(
        { log },
        { network: networkName, keys, poolSize, wallet },
        { signal, ...signerLog(settings) },
      ),
    ),
  );
  if (keys !== undefined) log.info(`Loaded ${child.keyCount} keys`);
  const timeoutMs = readTimeoutMs('REMOTE_SIGNER_TIMEOUT', 30);
  const client = stack.use(
    openSignerClient({
      urls: remoteSignerUrl ?? [socketUrl(child.socketPath)],
      tls,
      timeoutMs,
      log,
      concurrency: settings.signerConcurrency,
      observe: metrics.observe('signer'),
    }),
  );
  const walletSigner = stack.use(
    await openWalletSigner({ socketPath: child.socketPath, timeoutMs, log, signal: lateSignal }),
  );
  const open = stack.move();
  return { client, wallet: walletSigner, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

/** What the wallet's process is told at its start, and nobody can tell it later. */
function walletCeilings(settings: OperatorSettings, network: Network): WalletSettings['ceilings'] {
  const { maxBumpFeePerGasWei } = feeCeilings(settings, network);
  return { maxFeePerGasWei: String(maxBumpFeePerGasWei), gas: String(MAX_TRANSACTION_GAS) };
}

const SIGNER_LEVELS: Readonly<Partial<Record<LogLevel, SpawnOptions['logLevel']>>> = {
  DEBUG: 'debug',
  INFO: 'info',
};

/** The signer's log: its line for every signature is one of the operator's. */
function signerLog({
  log: { level, format },
}: OperatorSettings): Pick<SpawnOptions, 'logLevel' | 'logFormat'> {
  return { logLevel: SIGNER_LEVELS[level] ?? 'warn', logFormat: format };
}

function describeKeys(keys: KeySourceSettings): string {
  switch (keys.kind) {
    case 'keystores':
      return keys.keystoresDir;
    case 'key-files':
      return keys.directory;
    case 'hashi-vault':
      return `HashiCorp Vault at ${new URL(keys.url).origin}`;
    case 'remote-db':
      return 'the remote database';
  }
}
