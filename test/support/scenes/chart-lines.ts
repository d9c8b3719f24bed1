// The lines of the init containers of StakeWise's charts: facts of https://github.com/stakewise/helm-charts at d286587d (2023-12, the
// release of the v1.0 days) and c080a02f (2025-06).
import type { PodUser } from '../programs/pod.ts';
import { RECORDED_ENCRYPT_KEY, RECORDED_VAULT } from '../recorded/recorded-vault.ts';

const VAULT = RECORDED_VAULT.toLowerCase();
const FEE_RECIPIENT = '0x48319f97e5da1233c21c48b80097c0fb7a20ff86';

/** A line of a chart's init container, which all run as root, and who reads the files in which way. */
export interface ChartLine {
  readonly name: string;
  /** `fsGroup` of the pod, and the uid of the container that reads. */
  readonly pod: PodUser;
  readonly env?: Readonly<Record<string, string>>;
  /** Words behind `python src/main.py remote-db`, with the volume at `/data`. */
  readonly args: (databaseUrl: string) => readonly string[];
  /** A shell line of the init container that follows. */
  readonly followedBy?: string;
  /** Files that the main container reads, below `/data`. */
  readonly read: readonly string[];
}

const WEB3SIGNER_POD: PodUser = { uid: 1000, fsGroup: 1000 };
/** The pod's user of the validator clients, and of the operator. */
export const CLIENT_POD: PodUser = { uid: 1001, fsGroup: 1001 };
const group = (url: string, vault = VAULT) => ['--network', 'holesky', '--vault', vault, '--db-url', url];
const setupWeb3signer = (url: string, vault = VAULT) => [
  ...group(url, vault),
  'setup-web3signer',
  '--encrypt-key',
  RECORDED_ENCRYPT_KEY,
  '--output-dir',
  '/data/keystore',
];
const setupValidator =
  (index: number, ...more: string[]) =>
  (url: string) => [
    ...group(url),
    'setup-validator',
    '--web3signer-endpoint',
    'http://web3signer:6174',
    '--output-dir',
    '/data',
    '--total-validators',
    '3',
    '--validator-index',
    String(index),
    '--fee-recipient',
    FEE_RECIPIENT,
    ...more,
  ];
/** `prepare` of the web3signer-validators chart. */
const PREPARE =
  'mkdir -p /data/lighthouse/validators && cp /data/validator_definitions.yml /data/lighthouse/validators/validator_definitions.yml && cat /data/signer_keys.yml > /data/config && chown -R 1001:1001 /data';
const setupOperator = (url: string) => [...group(url), 'setup-operator'];
/** What the ConfigMap of the v3-operator chart has in every installation. */
export const OPERATOR_CONFIG_MAP = {
  VERBOSE: 'False',
  HARVEST_VAULT: 'False',
  ENABLE_METRICS: 'true',
  METRICS_HOST: '0.0.0.0',
  MAX_FEE_PER_GAS_GWEI: '70',
  DISABLE_DEPOSIT_DATA_WARNINGS: 'False',
};
/** What it has for an init container. */
const operatorEnv = (depositData: string) => ({
  ...OPERATOR_CONFIG_MAP,
  DATA_DIR: '/data',
  DATABASE_DIR: '/data',
  NETWORK: 'holesky',
  VAULT,
  METRICS_PORT: '9100',
  DEPOSIT_DATA_FILE: `/data/${VAULT}/${depositData}`,
});
/** Folders that the containers before make below `/data`. */
export const MADE_BEFORE = ['keystore', `${VAULT}/keystores`];
const OPERATOR_FILES = [`${VAULT}/remote_signer_config.json`, `${VAULT}/deposit_data.json`];
const CLIENT_FILES = ['config', 'lighthouse/validators/validator_definitions.yml'];

/** The chart has a StatefulSet for each validator client. */
const STATEFUL_SETS: readonly ChartLine[] = [0, 1, 2].map(index => ({
  name: `web3signer-validators 6.5.2, get-configs of StatefulSet ${index}, and prepare`,
  pod: CLIENT_POD,
  args: setupValidator(index),
  followedBy: PREPARE,
  read: CLIENT_FILES,
}));

/** Every init container's line. */
export const CHART_LINES: readonly ChartLine[] = [
  {
    name: 'web3signer 6.0.9, fetch-keys',
    pod: WEB3SIGNER_POD,
    args: url => setupWeb3signer(url),
    read: ['keystore'],
  },
  {
    name: 'web3signer of 2023-12, fetch-keys, whose vault keeps its capitals',
    pod: WEB3SIGNER_POD,
    args: url => setupWeb3signer(url, RECORDED_VAULT),
    read: ['keystore'],
  },
  {
    name: 'web3signer 6.0.9, fetch-keys with REMOTE_DB_FILE_MODE=0640',
    pod: WEB3SIGNER_POD,
    env: { REMOTE_DB_FILE_MODE: '0640' },
    args: url => setupWeb3signer(url),
    read: ['keystore'],
  },
  ...STATEFUL_SETS,
  {
    name: 'web3signer-validators 6.5.2, get-configs with enableBuilder',
    pod: CLIENT_POD,
    args: setupValidator(0, '--disable-proposal-builder'),
    followedBy: PREPARE,
    read: CLIENT_FILES,
  },
  {
    name: 'v3-operator 3.2.7, fetch-configs',
    pod: CLIENT_POD,
    env: operatorEnv('deposit_data.json'),
    args: setupOperator,
    read: OPERATOR_FILES,
  },
  {
    name: 'v3-operator 3.5.0, fetch-configs, whose DEPOSIT_DATA_FILE nobody writes',
    pod: CLIENT_POD,
    env: operatorEnv('deposit/deposit_data.json'),
    args: setupOperator,
    read: OPERATOR_FILES,
  },
];
