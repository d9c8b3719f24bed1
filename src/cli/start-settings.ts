import { join } from 'node:path';
import { secretPartsOf } from '../lib/scrub.ts';
import { WEI_PER_GWEI } from '../lib/units.ts';
import { readEnvironment } from '../settings/environment.ts';
import type { OperatorSettings } from '../settings/operator-settings.ts';
import { vaultDirectory } from '../settings/vault-config.ts';
import { chooseKeySource } from './choose-key-source.ts';
import { listIgnored } from './flags/ignored.ts';
import type { StartGiven } from './flags/start.ts';
import { readSignerTls } from './read-signer-tls.ts';

/** What `start` was told, as the composition takes it. @throws OperatorError naming a TLS file that cannot be read */
export async function operatorSettings(given: StartGiven): Promise<OperatorSettings> {
  const { vault, dataDir, dbUrl, dbSchema, encryptKey, network } = given;
  const own = vaultDirectory(dataDir, vault);
  const walletFile = given.hotWalletFile ?? given.walletFile;
  const walletPasswordFile = given.hotWalletPasswordFile ?? given.walletPasswordFile;
  return {
    vault,
    network,
    dataDir,
    database: dbUrl === undefined ? { directory: given.databaseDir ?? dataDir } : { dbUrl, dbSchema },
    vaultPublicKey: given.vaultPublicKey,
    executionEndpoints: given.executionEndpoints,
    executionJwtSecret: given.executionJwtSecret,
    oracleSetHash: given.oracleSetHash,
    consensusEndpoints: given.consensusEndpoints,
    depositDataFile: given.depositDataFile,
    wallet: {
      file: walletFile ?? join(own, 'wallet', 'wallet.json'),
      passwordFile: walletPasswordFile ?? join(own, 'wallet', 'password.txt'),
    },
    maxFeePerGasGwei: given.maxFeePerGasGwei === undefined ? undefined : BigInt(given.maxFeePerGasGwei),
    maxFeePerGasGweiBump:
      given.maxFeePerGasGweiBump === undefined ? undefined : BigInt(given.maxFeePerGasGweiBump),
    minVaultBalanceWei: BigInt(given.vaultMinBalanceGwei ?? 0) * WEI_PER_GWEI,
    harvest: given.harvestVault,
    register: !given.disableValidatorsRegistration,
    exitShards: given.exitShards,
    poolSize: given.poolSize,
    remoteSignerUrl: given.remoteSignerUrl,
    tls: await readSignerTls(given),
    signerConcurrency: given.signerConcurrency,
    keys: say =>
      chooseKeySource(given, say) ??
      (dbUrl !== undefined && encryptKey !== undefined
        ? { kind: 'remote-db', db: { vault, network, dbUrl, dbSchema, dataDir }, encryptKey }
        : undefined),
    metrics: {
      isEnabled: given.enableMetrics,
      host: given.metricsHost,
      port: given.metricsPort,
      prefix: given.metricsPrefix ?? '',
    },
    healthPort: given.healthPort,
    skipWaiting: given.skipStartupChecks,
    log: { level: given.verbose ? 'DEBUG' : given.logLevel, format: given.logFormat },
    secrets: secretsOf(given),
    ignored: listIgnored(given),
  };
}

/** What must never be printed, in whatever message it comes back. */
function secretsOf(given: StartGiven): (string | undefined)[] {
  const urls = [
    ...given.executionEndpoints,
    ...given.consensusEndpoints,
    ...(given.remoteSignerUrl ?? []),
    ...(given.hashiVaultUrl === undefined ? [] : [given.hashiVaultUrl]),
  ];
  const texts = [given.dbUrl?.url ?? '', ...(readEnvironment('IPFS_FETCH_ENDPOINTS')?.split(',') ?? [])];
  return [
    ...urls.flatMap(url => url.secrets),
    ...texts.flatMap(secretPartsOf),
    given.executionJwtSecret,
    given.hashiVaultToken?.value,
    given.signerPfxPassword,
    given.encryptKey?.value,
  ];
}
