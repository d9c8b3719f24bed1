import { parseJwtSecret } from '../../clients/execution/jwt.ts';
import { UsageError } from '../../lib/errors.ts';
import { LOG_LEVELS, type LogLevel } from '../../lib/logger.ts';
import type { JwtSecret } from '../../settings/node-settings.ts';
import { defaulted, flag, optional, type Resolved, type ValueKind } from '../options/option.ts';
import { choice, directory, fileOfVariable, integer, text } from '../options/value-kinds.ts';
import { unlessEmpty } from './foreign-settings.ts';
import { logFormat } from './global.ts';
import { checkHotWallet, HOT_WALLET_OPTIONS } from './hot-wallet.ts';
import { KEY_SOURCE_OPTIONS, rereadable } from './key-sources.ts';
import {
  CONSENSUS_TIMEOUTS,
  consensusEndpoints,
  EXECUTION_TIMEOUTS,
  executionEndpoints,
  IPFS_OPTIONS,
  oracleSetHash,
  verbose,
} from './nodes.ts';
import { poolSize } from './pool-size.ts';
import { enableMetrics, healthPort, metricsHost, metricsPort } from './probes.ts';
import { optionalDbUrl, REMOTE_DB_OPTIONS, waitForDb } from './remote-db.ts';
import { checkSignerTls, SIGNER_OPTIONS } from './signer.ts';
import { STAKING_OPTIONS } from './staking.ts';
import { START_PAGE_OPTIONS } from './status-page.ts';
import { timeout } from './timeout.ts';
import { networkOfVault, newDataDir, vault } from './vault.ts';
import { vaultPublicKey } from './vault-public-key.ts';

const jwtSecret: ValueKind<JwtSecret> = {
  placeholder: 'TEXT',
  parse: value => ({ text: value, key: parseJwtSecret(value) }),
};

const metricsPrefix: ValueKind<string> = {
  placeholder: 'NAME',
  parse(value) {
    if (/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(value)) return value;
    throw new UsageError(
      'invalid-metrics-prefix',
      `'${value}' cannot begin the name of a metric: it has letters, digits, "_" and ":" only, and no digit first.`,
    );
  },
};

/** `--termination-log`, which is looked up before the others: why they are refused is written to it, too. */
export const terminationLog = optional({
  description: 'File that a fatal error is written to, too. Default is none.',
  env: 'TERMINATION_LOG',
  value: text,
});

/** Options of `start`; asked for in this order, as the Python operator does. */
export const START_OPTIONS = {
  vault: vault('Enter the vault address'),
  consensusEndpoints: consensusEndpoints('Enter comma separated'),
  executionEndpoints,
  ...CONSENSUS_TIMEOUTS,
  ...EXECUTION_TIMEOUTS,
  executionJwtSecret: optional<JwtSecret>({
    description: 'JWT secret of the execution nodes, 32 bytes of hex.',
    env: 'EXECUTION_JWT_SECRET',
    secret: true,
    hidden: true,
    value: jwtSecret,
  }),
  ...IPFS_OPTIONS,
  genesisValidatorsIpfsTimeout: timeout(
    'GENESIS_VALIDATORS_IPFS_TIMEOUT',
    300,
    "Time limit of the network's list of validators, which is fetched from IPFS once",
  ),
  oracleSetHash,
  network: networkOfVault,
  dataDir: newDataDir,
  databaseDir: optional({
    description:
      'Directory of the embedded database, when there is no --db-url. Default is the data directory.',
    env: 'DATABASE_DIR',
    value: directory({ exists: false }),
  }),
  dbUrl: optionalDbUrl,
  dbSchema: REMOTE_DB_OPTIONS.dbSchema,
  waitForDb: waitForDb('Default is as long as it takes.'),
  vaultPublicKey,
  encryptKey: optional({
    description: 'Encryption key of the remote database, for the built-in signer to read keys from it.',
    env: 'REMOTE_DB_ENCRYPT_KEY',
    secret: true,
    hidden: true,
    value: rereadable,
  }),
  depositDataFile: optional({
    description:
      'Path to the deposit_data.json file. Default is the file generated with "create-keys" command.',
    env: 'DEPOSIT_DATA_FILE',
    value: fileOfVariable,
  }),
  ...HOT_WALLET_OPTIONS,
  maxFeePerGasGwei: optional({
    description: 'Maximum fee per gas for transactions. Default is that of the network.',
    env: 'MAX_FEE_PER_GAS_GWEI',
    value: integer({ min: 1 }),
  }),
  maxFeePerGasGweiBump: optional({
    description:
      'What a transaction may offer per gas when "tx bump" asks for it. Default is --max-fee-per-gas-gwei.',
    env: 'MAX_FEE_PER_GAS_GWEI_BUMP',
    value: integer({ min: 1 }),
  }),
  priorityFeePercentile: optional<number | undefined>({
    description:
      'Registrations give proposers the mean of what this percentile of each of the last blocks has given them (eth_feeHistory), instead of what the node advises. Default is the advice; 80 where only the number of blocks is given.',
    env: 'PRIORITY_FEE_PERCENTILE',
    value: unlessEmpty(integer({ min: 0, max: 100 })),
  }),
  priorityFeeNumBlocks: optional<number | undefined>({
    description: 'How many blocks --priority-fee-percentile looks at. Default is 10.',
    env: 'PRIORITY_FEE_NUM_BLOCKS',
    value: unlessEmpty(integer({ min: 1, max: 1024 })),
  }),
  harvestVault: flag({
    description: 'Whether to submit vault harvest transactions. Default is false.',
    env: 'HARVEST_VAULT',
  }),
  vaultMinBalanceGwei: optional({
    description: 'What stays in the vault and is never staked. Default is 0.',
    env: 'VAULT_MIN_BALANCE_GWEI',
    value: integer({ min: 0 }),
  }),
  disableValidatorsRegistration: flag({
    description: 'Registers no validators.',
    env: 'DISABLE_VALIDATORS_REGISTRATION',
  }),
  disableValidatorsFunding: flag({
    description: 'Tops up no validators: the hot wallet signs no such call.',
    env: 'DISABLE_VALIDATORS_FUNDING',
  }),
  disableWithdrawals: flag({
    description: 'Requests no withdrawals from validators: the hot wallet signs no such call.',
    env: 'DISABLE_WITHDRAWALS',
  }),
  disableFullWithdrawals: flag({
    description:
      'Requests partial withdrawals only, and no exits of validators, however much the exit queue lacks.',
    env: 'DISABLE_FULL_WITHDRAWALS',
  }),
  withdrawalsInterval: timeout(
    'WITHDRAWALS_INTERVAL',
    43_200,
    'Time from one request of withdrawals to the next; no longer than the oracles leave before they exit validators (24 hours)',
  ),
  maxWithdrawalRequestFeeGwei: defaulted(() => '1000', {
    description:
      'What the hot wallet pays for each request to withdraw from a validator at most. Default is 1000.',
    env: 'MAX_WITHDRAWAL_REQUEST_FEE_GWEI',
    value: integer({ min: 1 }),
  }),
  ...STAKING_OPTIONS,
  ...SIGNER_OPTIONS,
  ...KEY_SOURCE_OPTIONS,
  oraclesValidatorsTimeout: timeout(
    'ORACLES_VALIDATORS_TIMEOUT',
    10,
    'Time limit of one question to all oracles together',
  ),
  exitShards: defaulted(() => 'auto', {
    description:
      'How exit signatures are shared among the oracles: by key shares in the signer, or by splitting the signature. Default is auto.',
    env: 'EXIT_SHARDS',
    value: choice(['auto', 'key-shares', 'split']),
  }),
  poolSize,
  enableMetrics,
  metricsHost,
  metricsPort,
  metricsPrefix: optional({
    description: 'Comes before the names of metrics, with a "_". Default is none.',
    env: 'METRICS_PREFIX',
    value: metricsPrefix,
  }),
  healthPort,
  ...START_PAGE_OPTIONS,
  skipStartupChecks: flag({
    description: 'Does not wait for nodes that are down or syncing.',
    env: 'SKIP_STARTUP_CHECKS',
  }),
  once: flag({
    description:
      'Makes one pass of every task (registration, rotation, harvest, …), follows what it has sent, and ends: with 0 when all passed, also where there was nothing to do.',
  }),
  logFormat,
  logLevel: defaulted<LogLevel>(() => 'INFO', {
    description: 'The least that is logged. Default is INFO.',
    env: 'LOG_LEVEL',
    value: choice(LOG_LEVELS),
  }),
  terminationLog,
  verbose,
} as const;

export type StartGiven = Resolved<typeof START_OPTIONS>;

/** @throws UsageError for options that do not go together */
export function checkStart(given: StartGiven): void {
  if (given.vaultPublicKey !== undefined && given.dbUrl === undefined) {
    throw new UsageError(
      'contradiction',
      '--vault-public-key (VAULT_PUBLIC_KEY) proves what a remote database says, and there is no --db-url.',
    );
  }
  checkSignerTls(given);
  checkHotWallet(given);
}
