import { BeaconNode } from '../clients/beacon/beacon-node.ts';
import { distinctEndpoints, ExecutionNode } from '../clients/execution/execution-node.ts';
import type { HttpDeps } from '../clients/http.ts';
import { openSignerClient, type SignerClient } from '../clients/signer/signer-client.ts';
import { socketUrl } from '../clients/signer/signer-endpoint.ts';
import { openWalletSigner, type WalletSigner } from '../clients/signer/wallet-signer.ts';
import type { Database } from '../db/database.ts';
import { checkSchema } from '../db/migrator.ts';
import type { EndpointUrl } from '../lib/endpoint-url.ts';
import { UsageError } from '../lib/errors.ts';
import { directoryModeOf, ensureDirectory, SECRET_FILE_MODE } from '../lib/files.ts';
import { createLogProgress } from '../lib/log-progress.ts';
import type { Logger } from '../lib/logger.ts';
import { owned } from '../lib/owned.ts';
import type { Network } from '../networks/network.ts';
import { waitOut } from '../operator/loop/wait-out.ts';
import type { CallTarget, OperatorMetrics } from '../operator/probes/metrics.ts';
import type { OperatorStatus } from '../operator/probes/status.ts';
import { fileSources, findDatabaseSources, type OperatorSources } from '../operator/sources.ts';
import { findDepositDataPath } from '../services/local-keys/deposit-data-file.ts';
import { seenStatementPath } from '../services/remote-db/statements/seen-statement.ts';
import {
  type NamedFile,
  type ObservabilitySettings,
  type OperationsPolicy,
  type OperatorDatabaseSettings,
  type OperatorFactsSettings,
  type OperatorNodesSettings,
  type OperatorPolicy,
  type OperatorSettings,
  walletOperations,
} from '../settings/operator-settings.ts';
import type { KeySourceSettings, WalletSettings } from '../settings/signer-settings.ts';
import { vaultDirectory } from '../settings/vault-directory.ts';
import type { VaultSettings } from '../settings/vault-settings.ts';
import { type SpawnOptions, spawnSigner } from '../signer-process/spawn-signer.ts';
import { type FeeCeilings, MAX_TRANSACTION_GAS } from '../transactions/transaction-fees.ts';
import { type OutwardSettings, openToldProxies } from './nodes.ts';
import { openRemoteDatabase } from './remote-db.ts';
import { embeddedDatabasePath, openEmbeddedDatabase } from './transaction-store.ts';

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
export type OperatorHandles = OpenCounterparts & OpenSigning;

/** What the operator works with, but for what signs. */
export interface OpenCounterparts {
  readonly network: Network;
  readonly database: Database;
  readonly sources: OperatorSources;
  readonly node: ExecutionNode;
  /** A node per endpoint that tries nothing twice: for the checks at the start, and for what several must agree on. */
  readonly executionNodes: readonly ExecutionNode[];
  readonly beacon: BeaconNode;
  readonly beaconNodes: readonly BeaconNode[];
  readonly http: { readonly oracle: HttpDeps; readonly ipfs: HttpDeps };
}

/** Who signs: exits, and the wallet's transactions. */
export interface OpenSigning {
  readonly signer: SignerClient;
  readonly wallet: WalletSigner;
}

/** What the operator is opened with: its settings but for what it does then, and what was found out of them. */
export interface OpenOperatorSettings
  extends Pick<OperatorSettings, 'vault' | 'database' | 'facts' | 'nodes' | 'signing'> {
  readonly network: Network;
  /** What the wallet may sign at most. */
  readonly ceilings: FeeCeilings;
  readonly log: ObservabilitySettings['log'];
}

/**
 * Opens what the operator works with, but for what signs. Nodes are not asked yet; the database is waited for.
 * @throws OperatorError and UsageError for failures that waiting does not mend
 */
export async function openCounterparts(
  context: OperatorContext,
  settings: Pick<OpenOperatorSettings, 'vault' | 'database' | 'facts' | 'nodes' | 'network'>,
): Promise<OpenCounterparts & AsyncDisposable> {
  const { log, metrics } = context;
  const { network, vault, facts } = settings;
  const proxies = openToldProxies(outwardOf(settings.nodes, network), line => log.info(line));
  const httpOf = (target: CallTarget): HttpDeps => ({ log, observe: metrics.observe(target), proxies });
  await using stack = new AsyncDisposableStack();
  const { database } = stack.use(await openState(context, settings.database, vault));
  metrics.databaseUp.set(1);
  const rowsOf = settings.database.kind === 'remote' ? database : undefined;
  const sources = await openSources(log, { vault, facts }, { network, rowsOf });
  const nodes = openNodes(stack, context, settings.nodes, { network, httpOf });
  return owned(stack, {
    ...nodes,
    network,
    database,
    sources,
    http: { oracle: httpOf('oracle'), ipfs: httpOf('ipfs') },
  });
}

/** The servers that are known before any is asked; oracles are told of when they are. */
function outwardOf(
  { proxies, execution, consensus, ipfs }: OperatorNodesSettings,
  network: Network,
): OutwardSettings {
  return {
    proxies,
    endpoints: [...execution.endpoints, ...consensus.endpoints],
    gateways: [...ipfs.ownGateways.map(gateway => gateway.reveal()), ...network.ipfsGateways],
  };
}

/** Nodes of both layers, all of them together and each alone. */
function openNodes(
  stack: AsyncDisposableStack,
  context: OperatorContext,
  { execution, executionJwt, consensus }: OperatorNodesSettings,
  { network, httpOf }: { readonly network: Network; readonly httpOf: (target: CallTarget) => HttpDeps },
): Pick<OpenCounterparts, 'node' | 'executionNodes' | 'beacon' | 'beaconNodes'> {
  const connectExecution = (urls: readonly EndpointUrl[], retryTimeoutMs: number) =>
    stack.use(
      new ExecutionNode(httpOf('rpc'), {
        endpoints: urls.map(url => url.reveal()),
        retryTimeoutMs,
        jwtSecret: executionJwt?.key,
        chainId: network.chainId,
        signal: context.lateSignal,
        timeoutMs: execution.timeoutMs,
      }),
    );
  const connectBeacon = (urls: readonly EndpointUrl[], retryTimeoutMs: number) =>
    new BeaconNode(httpOf('beacon'), {
      endpoints: urls.map(url => url.reveal()),
      retryTimeoutMs,
      signal: context.signal,
      genesisValidatorsRoot: network.genesisValidatorsRoot,
      slotsPerEpoch: network.slotsPerEpoch,
      timeoutMs: consensus.timeoutMs,
    });
  const endpoints = distinctEndpoints(execution.endpoints);
  return {
    node: connectExecution(endpoints, execution.retryTimeoutMs),
    executionNodes: endpoints.map(one => connectExecution([one], 0)),
    beacon: connectBeacon(consensus.endpoints, consensus.retryTimeoutMs),
    beaconNodes: consensus.endpoints.map(one => connectBeacon([one], 0)),
  };
}

/** The remote database has to have been migrated by its owner; the embedded one belongs to this process. */
async function openState(
  { log, status, signal, version }: OperatorContext,
  settings: OperatorDatabaseSettings,
  { vault }: VaultSettings,
): Promise<{ readonly database: Database } & AsyncDisposable> {
  log.info('Checking connection to database...');
  const warn = (line: string) => log.warn(line);
  await using stack = new AsyncDisposableStack();
  if (settings.kind === 'remote') {
    const onWait = (what: string | undefined) => status.enter('starting', what);
    const open = () => openRemoteDatabase(settings.remote, warn, signal);
    // Who says how long has it waited for that long, and not for ever.
    const isBounded = settings.remote.waitForDb !== undefined;
    const database = stack.use(await (isBounded ? open() : waitOut(log, { signal, onWait }, open)));
    await checkSchema(database, { programVersion: version });
    log.info('Connected to the remote database.');
    return owned(stack, { database });
  }
  const path = embeddedDatabasePath(settings.directory, vault);
  const database = stack.use(await openEmbeddedDatabase(path, { warn, programVersion: version }));
  log.info(`Connected to database ${path}.`);
  return owned(stack, { database });
}

/** Named files come before the remote database, that before the files beside the keystores. */
export async function openSources(
  log: Logger,
  settings: { readonly vault: VaultSettings; readonly facts: OperatorFactsSettings },
  { network, rowsOf }: { readonly network: Network; readonly rowsOf: Database | undefined },
): Promise<OperatorSources> {
  const { dataDir, vault } = settings.vault;
  const { vaultPublicKey } = settings.facts;
  const ownDirectory = vaultDirectory(dataDir, vault);
  const ref = { network, address: vault };
  const signed = vaultPublicKey && {
    verifyingKey: vaultPublicKey,
    recordPath: seenStatementPath(ownDirectory, ref),
  };
  if (signed !== undefined) await ensureDirectory(ownDirectory, { mode: directoryModeOf(SECRET_FILE_MODE) });
  const rows = rowsOf === undefined ? undefined : await findDatabaseSources(rowsOf, { ref, signed });
  const depositDataFile = chooseDepositData(log, settings.facts.depositDataFile, {
    other: rows?.depositData.name ?? findDepositDataPath(ownDirectory),
  });
  const files = fileSources({ ref, vaultDirectory: ownDirectory, depositDataFile });
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

/**
 * The file of deposit data that is named, unless it is missing and there is other deposit data: the current chart of the
 * operator names one that nothing has written (deployment without a secret of deposit data).
 * @throws UsageError 'file-missing'
 */
function chooseDepositData(
  log: Logger,
  named: NamedFile | undefined,
  { other }: { readonly other: string | undefined },
): string | undefined {
  if (named === undefined || named.isThere) return named?.path;
  const missing = `DEPOSIT_DATA_FILE names ${named.path}, which does not exist`;
  if (other === undefined) throw new UsageError('file-missing', `${missing}.`);
  log.warn(`${missing}: the deposit data is that of ${other}.`);
  return undefined;
}

/** What the signer's process is told beside how it signs. */
interface SignerProcessSettings {
  readonly vault: OperatorSettings['vault'];
  readonly ceilings: FeeCeilings;
  /** Also whether validators are registered, whose deposits the built-in signer may have to sign. */
  readonly policy: OperationsPolicy & Pick<OperatorPolicy, 'register'>;
  readonly log: ObservabilitySettings['log'];
}

/**
 * Opens what signs exits and transactions: the keys may be in a fleet, the wallet is always in the child. Its start is
 * waited for, which takes a second for every keystore and core.
 * @throws OperatorError for failures that waiting does not mend
 */
export async function openSigning(
  { log, status, metrics, signal, lateSignal }: OperatorContext,
  settings: Pick<OpenOperatorSettings, 'signing'> & SignerProcessSettings,
): Promise<OpenSigning & AsyncDisposable> {
  const { exitKeys, tls, timeoutMs, concurrency, poolSize, wallet: place } = settings.signing;
  const keys = exitKeys.kind === 'built-in' ? exitKeys.keys : undefined;
  if (keys !== undefined) log.info(`Loading keys from ${describeKeys(keys)}...`);
  await using stack = new AsyncDisposableStack();
  const { vault, network } = settings.vault;
  const wallet = {
    ...place,
    vault,
    ceilings: walletCeilings(settings.ceilings),
    operations: walletOperations(settings.policy),
  };
  const deposits = keys !== undefined && settings.policy.register ? { vault } : undefined;
  const onWait = (what: string | undefined) => status.enter('starting', what);
  const progress = createLogProgress(log);
  const onTrouble = (trouble: string | undefined) => {
    metrics.signerProcessUp.set(trouble === undefined ? 1 : 0);
    status.miss(trouble && `the signer's process, which holds the hot wallet: ${trouble}`);
  };
  const child = stack.use(
    await waitOut(log, { signal, onWait }, () =>
      spawnSigner(
        { log },
        { network, keys, poolSize, wallet, deposits },
        { signal, progress, onTrouble, ...signerLog(settings.log) },
      ),
    ),
  );
  metrics.signerProcessUp.set(1);
  if (keys !== undefined) log.info(`Loaded ${child.keyCount} keys`);
  const client = stack.use(
    openSignerClient({
      urls: exitKeys.kind === 'remote' ? exitKeys.urls : [socketUrl(child.socketPath)],
      tls,
      timeoutMs,
      log,
      concurrency,
      observe: metrics.observe('signer'),
    }),
  );
  const walletSigner = stack.use(
    await openWalletSigner({ socketPath: child.socketPath, timeoutMs, log, signal: lateSignal }),
  );
  return owned(stack, { signer: client, wallet: walletSigner });
}

/** What the wallet's process is told at its start, and nobody can tell it later. */
function walletCeilings({ maxBumpFeePerGasWei }: FeeCeilings): WalletSettings['ceilings'] {
  return { maxFeePerGasWei: String(maxBumpFeePerGasWei), gas: String(MAX_TRANSACTION_GAS) };
}

/** The signer's log: its line for every signature is one of the operator's, and its warnings are seen at every level. */
function signerLog({
  level,
  format,
}: ObservabilitySettings['log']): Pick<SpawnOptions, 'logLevel' | 'logFormat'> {
  const isTalkative = level === 'DEBUG' || level === 'INFO';
  return { logLevel: isTalkative ? level : 'WARNING', logFormat: format };
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
