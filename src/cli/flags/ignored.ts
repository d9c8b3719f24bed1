import { readEnvironment } from '../../settings/environment.ts';
import { flag, flagName, optional } from '../options/option.ts';
import { text } from '../options/value-kinds.ts';

const described = { description: 'Accepted, and ignored.', helpGroup: 'ACCEPTED AND IGNORED' };
const ignored = (env?: string) => optional({ ...described, env, value: text });
const ignoredFlag = (env?: string) => flag({ ...described, env });

/** Options of other generations of the Python operator's `start` that mean nothing here: no setup breaks over them. */
export const IGNORED_OPTIONS = {
  validatorType: ignored('VALIDATOR_TYPE'),
  claimFeeSplitter: ignoredFlag('CLAIM_FEE_SPLITTER'),
  disableWithdrawals: ignoredFlag('DISABLE_WITHDRAWALS'),
  disableValidatorsFunding: ignoredFlag('DISABLE_VALIDATORS_FUNDING'),
  graphEndpoint: ignored('GRAPH_ENDPOINT'),
  concurrency: ignored('CONCURRENCY'),
  minDepositAmountGwei: ignored('MIN_DEPOSIT_AMOUNT_GWEI'),
  maxValidatorBalanceGwei: ignored('MAX_VALIDATOR_BALANCE_GWEI'),
  minDepositDelay: ignored('MIN_DEPOSIT_DELAY'),
  maxWithdrawalRequestFeeGwei: ignored('MAX_WITHDRAWAL_REQUEST_FEE_GWEI'),
  runNodes: ignoredFlag('RUN_NODES'),
  noConfirm: ignoredFlag(),
} as const;

/** Variables that only the Python operator's environment has. */
const IGNORED_VARIABLES = [
  'ATTEMPTS_WITH_DEFAULT_GAS',
  'DISABLE_AVAILABLE_VALIDATORS_WARNINGS',
  'DISABLE_DEPOSIT_DATA_WARNINGS',
  'DISABLE_FULL_WITHDRAWALS',
  'EVENTS_BLOCKS_RANGE_INTERVAL',
  'EVENTS_CONCURRENCY_CHUNK',
  'EVENTS_CONCURRENCY_LIMIT',
  'EXECUTION_TRANSACTION_TIMEOUT',
  'FEE_SPLITTER_INTERVAL',
  'FEE_SPLITTER_MIN_ASSETS',
  'GENESIS_VALIDATORS_IPFS_RETRY_TIMEOUT',
  'GQL_LOG_LEVEL',
  'GRAPH_PAGE_SIZE',
  'GRAPH_REQUEST_TIMEOUT',
  'GRAPH_RETRY_TIMEOUT',
  'IPFS_RETRY_TIMEOUT',
  'LOG_WHITELISTED_DOMAINS',
  'MULTICALL_CHUNK_SIZE',
  'ORACLES_CONSOLIDATION_TIMEOUT',
  'ORACLES_EXITS_TIMEOUT',
  'OS_TOKEN_REDEEMER_CHUNK_SIZE',
  'PRIORITY_FEE_NUM_BLOCKS',
  'PRIORITY_FEE_PERCENTILE',
  'RELAYER_ENDPOINT',
  'RELAYER_TIMEOUT',
  'REMOTE_SIGNER_PUBLIC_KEYS_URL',
  'REMOTE_SIGNER_UPLOAD_CHUNK_SIZE',
  'SENTRY_DSN',
  'SENTRY_ENVIRONMENT',
  'VALIDATORS_FETCH_CHUNK_SIZE',
  'VALIDATORS_FUNDING_BATCH_SIZE',
  'WALLET_PRIVATE_KEY',
  'WEB3_LOG_LEVEL',
  'WITHDRAWALS_INTERVAL',
] as const;

/** Families of them: accounts for uploads to IPFS. */
const IGNORED_PREFIXES = ['IPFS_LOCAL_', 'IPFS_INFURA_', 'IPFS_PINATA_'] as const;

/**
 * Names of what was given and means nothing here, options first; never a value.
 * @param given - the resolved options, these among others
 */
export function listIgnored(
  given: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv,
): string[] {
  const options = Object.keys(IGNORED_OPTIONS).filter(
    key => given[key] !== undefined && given[key] !== false,
  );
  const families = Object.keys(environment).filter(name =>
    IGNORED_PREFIXES.some(one => name.startsWith(one)),
  );
  const variables = [...IGNORED_VARIABLES, ...families].filter(
    name => readEnvironment(name, environment) !== undefined,
  );
  return [...options.map(key => `--${flagName(key)}`), ...variables];
}
