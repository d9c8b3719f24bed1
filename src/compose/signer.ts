import { lookup } from 'node:dns/promises';
import { isIPv6 } from 'node:net';
import { availableParallelism } from 'node:os';
import { UsageError } from '../lib/errors.ts';
import { readPemFile } from '../lib/files.ts';
import type { Logger } from '../lib/logger.ts';
import { isPlainLoopback } from '../lib/loopback.ts';
import { owned } from '../lib/owned.ts';
import type { ProgressReporter } from '../lib/progress.ts';
import { readSecretFile } from '../lib/secret.ts';
import type { Network } from '../networks/network.ts';
import { resolveNetwork } from '../networks/resolve-network.ts';
import type {
  KeySourceSettings,
  SecretSetting,
  SignerSettings,
  WalletOperationsSettings,
  WalletSettings,
} from '../settings/signer-settings.ts';
import { createDepositGate } from '../signer/gates/deposit-gate.ts';
import { createExitGate } from '../signer/gates/exit-gate.ts';
import { createRateLimiter } from '../signer/gates/rate-limit.ts';
import type { VaultOperations } from '../signer/gates/vault-operations.ts';
import { createWalletGate } from '../signer/gates/wallet-gate.ts';
import {
  createRequestHandler,
  type ValidatorSigning,
  type WalletSigning,
} from '../signer/http/request-handler.ts';
import { createSignerMetrics } from '../signer/http/signer-metrics.ts';
import { type ListenAddress, type ServerTls, startServer } from '../signer/http/signer-server.ts';
import { prepareSocketDirectory } from '../signer/http/socket-directory.ts';
import { type KeySource, openKeyRing } from '../signer/keys/key-ring.ts';
import { createRecordMac } from '../signer/keys/record-mac.ts';
import { startSignThreads } from '../signer/keys/sign-threads.ts';
import { openWallet } from '../signer/keys/signing-wallet.ts';
import { hashiVaultSource } from '../signer/keys/sources/hashi-vault.ts';
import { keyFileSource } from '../signer/keys/sources/key-files.ts';
import { keystoreSource } from '../signer/keys/sources/keystores.ts';
import { remoteDbSource } from '../signer/keys/sources/remote-db.ts';
import { openDirectHttp } from './nodes.ts';
import { openRemoteDb } from './remote-db.ts';

export interface RunningSigner extends AsyncDisposable {
  /** URL, or path of the socket. */
  readonly address: string;
  /** Validator keys. */
  readonly keyCount: number;
  /** Checksummed address of the hot wallet. */
  readonly walletAddress: string | undefined;
}

export interface SignerDeps {
  readonly log: Logger;
  readonly warn: (line: string) => void;
  /** Is told how far the loading of the keys has come. */
  readonly progress?: ProgressReporter | undefined;
}

const MAX_DEFAULT_THREADS = 4;

/**
 * Loads the keys, then listens. Disposing of it lets requests under way end and overwrites the keys.
 * @throws UsageError before anything is opened; OperatorError when keys cannot be loaded
 */
export async function openSigner(settings: SignerSettings, deps: SignerDeps): Promise<RunningSigner> {
  const { log, warn } = deps;
  const network = resolveNetwork(settings.network);
  const listen = await resolveListenAddress(settings);
  const tls = await readTls(settings.tls);
  const { clientNames } = settings;
  if (listen.kind === 'tcp' && tls?.clientCa === undefined) warn(openToAll(listen));
  await using stack = new AsyncDisposableStack();
  const socket = listen.kind === 'socket' && stack.use(await prepareSocketDirectory(listen.path));
  const validators = settings.keys && (await openValidators(stack, network, settings, settings.keys, deps));
  const wallet = settings.wallet && (await openWalletSigning(stack, network, settings.wallet, listen, log));
  const countKeys = () => validators?.ring.listPublicKeys().length ?? 0;
  const metrics = createSignerMetrics(countKeys);
  const handler = createRequestHandler({ validators, wallet, metrics, log, hosts: allowedHosts(settings) });
  const options = { tls, clientNames, log };
  const server = stack.use(
    socket
      ? await socket.bind(at =>
          startServer(handler, { ...options, listen: { kind: 'socket', path: socket.path, at } }),
        )
      : await startServer(handler, { ...options, listen }),
  );
  return owned(stack, {
    address: server.address,
    keyCount: countKeys(),
    walletAddress: wallet?.wallet.address,
  });
}

async function openValidators(
  stack: AsyncDisposableStack,
  network: Network,
  { poolSize, rateLimit, onlyValidatorIndexes, deposits }: SignerSettings,
  keys: KeySourceSettings,
  { log, warn, progress }: SignerDeps,
): Promise<ValidatorSigning> {
  const threads = stack.use(
    startSignThreads(poolSize ?? Math.min(availableParallelism(), MAX_DEFAULT_THREADS)),
  );
  const source = openKeySource(keys, poolSize, warn);
  const ring = stack.use(await openKeyRing({ source, threads, log, progress }));
  // One limit for all that is signed.
  const limiter = rateLimit && createRateLimiter(rateLimit);
  const validatorIndexes = onlyValidatorIndexes && new Set(onlyValidatorIndexes.map(BigInt));
  return {
    ring,
    gate: createExitGate(network, { validatorIndexes, limiter }),
    deposits: deposits && createDepositGate(network, { ...deposits, limiter }),
  };
}

async function openWalletSigning(
  stack: AsyncDisposableStack,
  { chainId, contracts }: Network,
  { vault, ceilings, operations, ...place }: WalletSettings,
  listen: ListenAddress,
  log: Logger,
): Promise<WalletSigning> {
  const wallet = stack.use(await openWallet(place));
  log.info({ address: wallet.address }, 'wallet loaded');
  // Whoever can ask for a record's MAC can forge the record: only on a socket that is the asker's own.
  const scope = { chainId, vault };
  const forOperator =
    listen.kind === 'socket' ? { macRecord: createRecordMac(wallet, scope), approvals: scope } : undefined;
  const gate = createWalletGate({
    chainId,
    wallet: wallet.address,
    vault,
    keeper: contracts.keeper,
    depositDataRegistry: contracts.depositDataRegistry,
    maxFeePerGasWei: BigInt(ceilings.maxFeePerGasWei),
    maxGas: BigInt(ceilings.gas),
    operations: operations && walletOperations(operations),
  });
  return { wallet, gate, forOperator };
}

function walletOperations({
  funding,
  maxWithdrawalRequestFeeWei: feeWei,
}: WalletOperationsSettings): VaultOperations {
  return { funding, maxWithdrawalRequestFeeWei: feeWei === undefined ? undefined : BigInt(feeWei) };
}

function openKeySource(
  keys: KeySourceSettings,
  poolSize: number | undefined,
  warn: (line: string) => void,
): KeySource {
  switch (keys.kind) {
    case 'keystores':
      return keystoreSource({ warn }, { ...keys, poolSize });
    case 'key-files':
      return keyFileSource({ directory: keys.directory, poolSize });
    case 'hashi-vault':
      return openHashiVault(keys, poolSize, warn);
    case 'remote-db':
      return remoteDbSource({
        vault: keys.db.vault,
        open: () => openRemoteDb({ ...keys.db, warn }),
        readEncryptKey: async () => (await readAgain(keys.encryptKey)).trim(),
        poolSize,
      });
  }
}

function openHashiVault(
  keys: Extract<KeySourceSettings, { kind: 'hashi-vault' }>,
  poolSize: number | undefined,
  warn: (line: string) => void,
): KeySource {
  const source = (ca?: Uint8Array) =>
    hashiVaultSource(openDirectHttp({ verbose: false }, warn), {
      ...keys,
      ca,
      poolSize,
      readToken: async () => (await readAgain(keys.token)).trim(),
    });
  const { caFile } = keys;
  if (caFile === undefined) return source();
  const { description } = source();
  return { description, load: async () => source(await readPemFile(caFile)).load() };
}

async function readAgain({ value, file }: SecretSetting): Promise<string> {
  return file === undefined ? value : (await readSecretFile(file)).value;
}

/** Whoever reaches the listener can exit every validator: beyond this machine it asks for certificates. */
async function resolveListenAddress(settings: SignerSettings): Promise<ListenAddress> {
  const { listen, tls, allowUnauthenticated } = settings;
  if (listen.kind === 'socket') return listen;
  const address = await lookup(listen.host).then(
    found => found.address,
    (cause: unknown) => {
      throw new UsageError('invalid-listen', `The host ${listen.host} to listen on is not known.`, { cause });
    },
  );
  if (!isPlainLoopback(address) && tls?.clientCa === undefined && !allowUnauthenticated) {
    throw new UsageError(
      'listener-unauthenticated',
      `Whoever reaches ${listen.host} could exit every validator: a listener that is not on loopback needs client certificates.`,
      {
        hint: 'Give --tls-cert, --tls-key and --tls-client-ca, or --allow-unauthenticated when the network itself keeps others out.',
      },
    );
  }
  return { kind: 'tcp', address, port: listen.port };
}

function openToAll({ address, port }: { readonly address: string; readonly port: number }): string {
  const where = `${isIPv6(address) ? `[${address}]` : address}:${port}`;
  return (
    `Whoever reaches ${where} can exit every validator, every user of this machine among them: --socket keeps others out, ` +
    'and so do client certificates (--tls-cert, --tls-key, --tls-client-ca, --client-names).'
  );
}

async function readTls(tls: SignerSettings['tls']): Promise<ServerTls | undefined> {
  if (tls === undefined) return undefined;
  return {
    certificate: await readPemFile(tls.cert),
    key: await readPemFile(tls.key),
    clientCa: tls.clientCa === undefined ? undefined : await readPemFile(tls.clientCa),
  };
}

/** Web3Signer's default, and the name that was given to listen on. A socket is not reached by name. */
function allowedHosts({ listen, hosts = [] }: SignerSettings): ReadonlySet<string> {
  if (listen.kind === 'socket') return new Set(['*']);
  const own = isIPv6(listen.host) ? `[${listen.host}]` : listen.host;
  return new Set(['localhost', '127.0.0.1', own, ...hosts].map(host => host.toLowerCase()));
}

/** Resolves at one of the signals, or when the other one given is aborted. */
export async function untilStopped(signals: readonly NodeJS.Signals[], also?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const name of signals) process.once(name, () => resolve());
  also?.addEventListener('abort', () => resolve(), { once: true });
  if (also?.aborted) resolve();
  await promise;
}
