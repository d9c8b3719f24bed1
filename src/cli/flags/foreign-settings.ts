// Options and variables of other generations of the Python operator's `start`. A setup that has them is to go on running, and is
// to do nothing else than it did: so each is ignored, since it changes nothing that this program does, or refused, since it asks
// for what this program does not do. docs/python-operator-settings.md is written from these tables.

import { UsageError } from '../../lib/errors.ts';
import { processEnvironment, readEnvironment } from '../../settings/environment.ts';
import { FOREIGN_GROUP } from '../help/option-groups.ts';
import { flag, flagName, type Option, type OptionSpec, optional, type ValueKind } from '../options/option.ts';
import { text } from '../options/value-kinds.ts';

/** What is done about a setting that means nothing here, and why. */
export interface ForeignSetting {
  readonly decision: 'ignored' | 'refused';
  /** The reason, in full sentences. */
  readonly why: string;
  /** What to do instead, in full sentences; of every one that is refused. */
  readonly instead?: string | undefined;
}

/** The same of an option. */
export interface ForeignOption extends ForeignSetting {
  readonly env?: string | undefined;
  readonly isSwitch?: true | undefined;
}

const NO_SPLITTER = 'No fees of a fee splitter are claimed.';
const NO_SUBGRAPH = 'No subgraph is asked: what is needed is read from the chain.';
const NO_RELAYER =
  'Validators are registered with the keys of keystores, signers or HashiCorp Vault, never through a relayer.';
const OWN_KEYS =
  'Leave it out and name the keys with --keystores-dir, --remote-signer-url or --hashi-vault-url, or stay with the Python operator.';
const OWN_SEARCH = 'Events are searched in ranges that are found out from what the node takes.';
const OWN_RETRIES = 'Gateways are asked one after another, and again in the next pass.';
const NO_REPORTS = 'No error is reported to anybody: see the log, the metrics and /readyz.';
const NO_UPLOADS = 'Nothing is uploaded to IPFS.';

/** Options, by the name of the resolved value. */
export const FOREIGN_OPTIONS = {
  claimFeeSplitter: {
    env: 'CLAIM_FEE_SPLITTER',
    isSwitch: true,
    decision: 'refused',
    why: NO_SPLITTER,
    instead: 'Leave it out and claim them in the StakeWise app.',
  },
  concurrency: {
    env: 'CONCURRENCY',
    decision: 'ignored',
    why: 'The number of threads is --pool-size here.',
  },
  graphEndpoint: { env: 'GRAPH_ENDPOINT', decision: 'ignored', why: NO_SUBGRAPH },
  noConfirm: { isSwitch: true, decision: 'ignored', why: 'Nothing is asked when this program starts.' },
  relayerEndpoint: { env: 'RELAYER_ENDPOINT', decision: 'refused', why: NO_RELAYER, instead: OWN_KEYS },
  runNodes: {
    env: 'RUN_NODES',
    isSwitch: true,
    decision: 'refused',
    why: 'This program starts no nodes.',
    instead:
      'Leave it out, run nodes of your own and name them with --execution-endpoints and --consensus-endpoints.',
  },
} as const satisfies Readonly<Record<string, ForeignOption>>;

/** Variables that are no option's; a name that ends in "*" stands for all that begin like it and have no row of their own. */
export const FOREIGN_VARIABLES: Readonly<Record<string, ForeignSetting>> = {
  ATTEMPTS_WITH_DEFAULT_GAS: {
    decision: 'ignored',
    why: 'A transaction that is stuck is replaced by one that offers more, up to the ceiling.',
  },
  DISABLE_AVAILABLE_VALIDATORS_WARNINGS: {
    decision: 'ignored',
    why: 'What registration waits for is logged once, when it changes.',
  },
  DISABLE_DEPOSIT_DATA_WARNINGS: {
    decision: 'ignored',
    why: 'What registration waits for is logged once, when it changes.',
  },
  EVENTS_BLOCKS_RANGE_INTERVAL: { decision: 'ignored', why: OWN_SEARCH },
  EVENTS_CONCURRENCY_CHUNK: { decision: 'ignored', why: OWN_SEARCH },
  EVENTS_CONCURRENCY_LIMIT: { decision: 'ignored', why: OWN_SEARCH },
  EXECUTION_TRANSACTION_TIMEOUT: {
    decision: 'ignored',
    why: 'A transaction is followed to its end, however long that takes.',
  },
  FEE_SPLITTER_INTERVAL: { decision: 'ignored', why: NO_SPLITTER },
  FEE_SPLITTER_MIN_ASSETS: { decision: 'ignored', why: NO_SPLITTER },
  GENESIS_VALIDATORS_IPFS_RETRY_TIMEOUT: { decision: 'ignored', why: OWN_RETRIES },
  GQL_LOG_LEVEL: { decision: 'ignored', why: NO_SUBGRAPH },
  GRAPH_PAGE_SIZE: { decision: 'ignored', why: NO_SUBGRAPH },
  GRAPH_REQUEST_TIMEOUT: { decision: 'ignored', why: NO_SUBGRAPH },
  GRAPH_RETRY_TIMEOUT: { decision: 'ignored', why: NO_SUBGRAPH },
  'IPFS_INFURA_*': { decision: 'ignored', why: NO_UPLOADS },
  'IPFS_LOCAL_*': { decision: 'ignored', why: NO_UPLOADS },
  'IPFS_PINATA_*': { decision: 'ignored', why: NO_UPLOADS },
  IPFS_RETRY_TIMEOUT: { decision: 'ignored', why: OWN_RETRIES },
  LOG_WHITELISTED_DOMAINS: {
    decision: 'ignored',
    why: 'URLs are shown with scheme, host and port only, whosever they are.',
  },
  MULTICALL_CHUNK_SIZE: { decision: 'ignored', why: 'What a pass reads of the chain is a single call.' },
  ORACLES_CONSOLIDATION_TIMEOUT: { decision: 'ignored', why: 'No validators are consolidated.' },
  ORACLES_EXITS_TIMEOUT: { decision: 'ignored', why: 'Oracles are not asked for exits.' },
  OS_TOKEN_REDEEMER_CHUNK_SIZE: { decision: 'ignored', why: 'No osToken positions are redeemed.' },
  'RELAYER_*': { decision: 'refused', why: NO_RELAYER, instead: OWN_KEYS },
  RELAYER_TIMEOUT: { decision: 'refused', why: NO_RELAYER, instead: OWN_KEYS },
  REMOTE_SIGNER_PUBLIC_KEYS_URL: {
    decision: 'ignored',
    why: 'Which keys are the vault’s is said by the deposit data, the remote database or the files beside the keystores; which of them are there, by the remote signer itself.',
  },
  REMOTE_SIGNER_UPLOAD_CHUNK_SIZE: {
    decision: 'ignored',
    why: 'Nothing is uploaded by "start"; "remote-signer-setup" has batches of its own.',
  },
  SENTRY_DSN: { decision: 'ignored', why: NO_REPORTS },
  SENTRY_ENVIRONMENT: { decision: 'ignored', why: NO_REPORTS },
  VALIDATORS_FETCH_CHUNK_SIZE: {
    decision: 'ignored',
    why: 'Validators are asked for in batches that every beacon node takes.',
  },
  VALIDATORS_FUNDING_BATCH_SIZE: {
    decision: 'ignored',
    why: 'At most 10 validators are topped up in one transaction.',
  },
  WEB3_LOG_LEVEL: { decision: 'ignored', why: 'Requests are logged with --verbose or LOG_LEVEL=DEBUG.' },
};

/** The options as a command declares them, each under its own name. */
export const FOREIGN_OPTION_FLAGS = Object.fromEntries(
  Object.entries(FOREIGN_OPTIONS).map(([key, row]) => [key, declare(row)]),
) as { readonly [K in keyof typeof FOREIGN_OPTIONS]: Option<unknown> };

function declare(row: ForeignOption): Option<unknown> {
  const { env, decision, why } = row;
  const spec: Omit<OptionSpec<unknown>, 'value'> = decision === 'ignored'
    ? { env, description: 'Accepted, and ignored.', helpGroup: FOREIGN_GROUP }
    : { env, description: `Refused. ${why}`, helpGroup: FOREIGN_GROUP };
  if (row.isSwitch) return flag(spec);
  return optional({ ...spec, value: unlessEmpty<unknown>(text) });
}

/** A value that may be empty, and is not given then, as an empty variable is not. */
export function unlessEmpty<T>(kind: ValueKind<T>): ValueKind<T | undefined> {
  return {
    ...kind,
    parse: (value, source) => (value.trim() === '' ? undefined : kind.parse(value, source)),
  };
}

/** A setting that was given. */
interface GivenSetting extends ForeignSetting {
  /** `--run-nodes` or `WALLET_PRIVATE_KEY`. */
  readonly name: string;
  readonly env?: string | undefined;
}

/**
 * Names of what was given and is ignored, options first; never a value.
 * @param given - the resolved options, these among others
 */
export function listIgnored(
  given: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv,
): string[] {
  return findGiven(given, environment)
    .filter(({ decision }) => decision === 'ignored')
    .map(({ name }) => name);
}

/**
 * Refuses what asks for something that this program does not do; all that is given of it in one error.
 * @param given - the resolved options, these among others
 * @throws UsageError 'setting-refused', with names and reasons, never a value
 */
export function refuseForeign(
  given: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv = processEnvironment(),
): void {
  const refused = findGiven(given, environment).filter(({ decision }) => decision === 'refused');
  if (refused.length === 0) return;
  const reasons = refused.map(({ name, env, why }) => {
    const variable = env === undefined ? '' : ` (${env})`;
    return `${name}${variable} is refused. ${why}`;
  });
  const remedies = new Set(refused.map(({ instead }) => instead));
  throw new UsageError('setting-refused', reasons.join(' '), {
    hint: [...remedies, 'docs/python-operator-settings.md lists all such settings.'].join(' '),
  });
}

function findGiven(
  given: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv,
): readonly GivenSetting[] {
  const options = Object.entries<ForeignOption>(FOREIGN_OPTIONS).flatMap(([key, row]) => {
    const value = given[key];
    if (value === undefined || value === false) return [];
    return [{ ...row, name: `--${flagName(key)}` }];
  });
  const ofOptions = new Set(Object.values<ForeignOption>(FOREIGN_OPTIONS).map(({ env }) => env));
  const variables = Object.keys(environment)
    .filter(name => !ofOptions.has(name) && isSet(name, environment))
    .sort()
    .flatMap(name => {
      const row = FOREIGN_VARIABLES[name] ?? familyOf(name);
      return row === undefined ? [] : [{ ...row, name }];
    });
  return [...options, ...variables];
}

function isSet(name: string, environment: NodeJS.ProcessEnv): boolean {
  return (readEnvironment(name, environment) ?? '').trim() !== '';
}

function familyOf(name: string): ForeignSetting | undefined {
  const families = Object.entries(FOREIGN_VARIABLES).filter(([row]) => row.endsWith('*'));
  return families.find(([row]) => name.startsWith(row.slice(0, -1)))?.[1];
}
