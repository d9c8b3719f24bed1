import { rmSync } from 'node:fs';
import { describe } from 'vitest';
import { generateMnemonic } from '../../../src/domain/keys/mnemonic.ts';
import {
  type BadCase,
  encryptKey,
  expectRefusal,
  inState,
  remoteDb,
  type Scene,
  upload,
} from '../../support/scenes/bad-input/scene.ts';
import { FEE_RECIPIENT, itInWorkshop, SIGNER_URL } from '../../support/scenes/bad-input/workshop.ts';

const it = itInWorkshop('planned', { keys: 2 });

const MISTYPED = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCd';

function validator(scene: Scene, changes: Record<string, string> = {}): string[] {
  const options = {
    'validator-index': '0',
    'total-validators': '2',
    'web3signer-endpoint': SIGNER_URL,
    'fee-recipient': FEE_RECIPIENT,
    'output-dir': scene.path('output'),
    ...changes,
  };
  return remoteDb(
    scene,
    'setup-validator',
    ...Object.entries(options).map(([name, value]) => `--${name}=${value}`),
  );
}

function operator(scene: Scene, ...args: readonly string[]): string[] {
  return remoteDb(scene, 'setup-operator', '--output-dir', scene.path('output'), ...args);
}

function local(scene: Scene, command: string, ...args: readonly string[]): string[] {
  const vault = args.includes('--vault') ? [] : ['--vault', scene.workshop.vault];
  return [command, ...vault, '--data-dir', scene.path('data'), ...args];
}

const mnemonicFile = (scene: Scene) => ['--mnemonic-file', scene.path('mnemonic')];
const createKeys = (scene: Scene) =>
  local(scene, 'create-keys', '--count', '1', '--kdf', 'pbkdf2', ...mnemonicFile(scene));
const createWallet = (scene: Scene) => local(scene, 'create-wallet', ...mnemonicFile(scene));

/** The words of a right mnemonic in an order that its checksum does not fit. */
function withWrongChecksum(): string {
  return `${'abandon '.repeat(23)}abandon`;
}

const MNEMONICS: BadCase[] = Object.entries({ createKeys, createWallet }).flatMap(
  ([name, args]): BadCase[] => [
    {
      name: `${name}: a mnemonic whose checksum is wrong`,
      args,
      arrange: scene => plantMnemonic(scene, withWrongChecksum()),
      exitCode: 2,
      code: 'invalid-mnemonic',
      message: "Invalid value for '--mnemonic-file': That is not a valid mnemonic, please check for typos.",
    },
    {
      name: `${name}: a word that is in no list`,
      args,
      arrange: scene => plantMnemonic(scene, scene.workshop.mnemonic.replace(/\w+$/, 'stakewize')),
      exitCode: 2,
      code: 'invalid-mnemonic',
      message: "Invalid value for '--mnemonic-file': That is not a valid mnemonic, please check for typos.",
    },
    {
      name: `${name}: no init`,
      args,
      arrange: scene => rmSync(scene.path('vault'), { recursive: true }),
      exitCode: 1,
      code: 'vault-not-initialised',
      message: 'Config for vault {vault} does not exist. Please run "init" command.',
    },
    {
      name: `${name}: a config.json that is damaged`,
      args,
      arrange: scene => scene.write(scene.path('vault', 'config.json'), '{"network": "mainnet"'),
      exitCode: 1,
      code: 'invalid-config',
      message: /^\{folder\}\/data\/\{VAULT\}\/config\.json is not JSON: /,
    },
    {
      name: `${name}: a config.json without an index`,
      args,
      arrange: scene =>
        scene.edit<Record<string, unknown>>(
          scene.path('vault', 'config.json'),
          ({ mnemonic_next_index: _, ...rest }) => rest,
        ),
      exitCode: 1,
      code: 'invalid-config',
      message: /^\{folder\}\/data\/\{VAULT\}\/config\.json: mnemonic_next_index: /,
    },
  ],
);

// A wallet may come from another mnemonic: create-wallet warns and goes on.
MNEMONICS.push({
  name: 'createKeys: the mnemonic of another vault',
  args: createKeys,
  arrange: scene => plantMnemonic(scene, generateMnemonic('english')),
  exitCode: 1,
  code: 'wrong-mnemonic',
  message:
    /^The mnemonic is not the one of vault \{vault\}: its first public key is 0x[0-9a-f]{96}, config\.json has \{key0\}\.$/,
});

function plantMnemonic(scene: Scene, mnemonic: string): string[] {
  scene.write(scene.path('mnemonic'), mnemonic);
  return mnemonic.startsWith('abandon') ? [] : [mnemonic];
}

const ADDRESSES: BadCase[] = [
  ...Object.entries({
    'create-keys': (scene: Scene) =>
      local(scene, 'create-keys', '--vault', MISTYPED, '--count', '1', ...mnemonicFile(scene)),
    init: (scene: Scene) => local(scene, 'init', '--vault', MISTYPED, '--network', 'hoodi', '--no-verify'),
    'remote-db': (scene: Scene) =>
      operator(scene).map(word => (word === scene.workshop.vault ? MISTYPED : word)),
  }).map(
    ([name, args]): BadCase => ({
      name: `${name}: a vault address with a wrong checksum`,
      args,
      exitCode: 2,
      code: 'invalid-address',
      message: `Invalid value for '--vault': Invalid Ethereum address: the checksum of ${MISTYPED} is wrong`,
    }),
  ),
  {
    name: 'setup-validator: a fee recipient with a wrong checksum',
    args: scene => validator(scene, { 'fee-recipient': MISTYPED }),
    exitCode: 2,
    code: 'invalid-address',
    message: `Invalid value for '--fee-recipient': Invalid Ethereum address: the checksum of ${MISTYPED} is wrong`,
  },
  {
    name: 'setup-validator: a fee recipient that is too short',
    args: scene => validator(scene, { 'fee-recipient': '0x1234' }),
    exitCode: 2,
    code: 'invalid-address',
    message: "Invalid value for '--fee-recipient': Invalid Ethereum address",
  },
  {
    name: 'setup-validator: the zero address as fee recipient',
    args: scene => validator(scene, { 'fee-recipient': `0x${'0'.repeat(40)}` }),
    exitCode: 2,
    code: 'invalid-address',
    message:
      "Invalid value for '--fee-recipient': The zero address belongs to nobody: all fees would be lost",
  },
];

const INDEXES_PAST_THE_END = ['2', '3'];
const URLS_WITHOUT_HTTP = ['web3signer:9000', 'localhost', 'ftp://web3signer', '//web3signer:9000'];

const NUMBERS: BadCase[] = [
  ...INDEXES_PAST_THE_END.map(
    (index): BadCase => ({
      name: `index ${index} of 2`,
      args: scene => validator(scene, { 'validator-index': index }),
      exitCode: 2,
      code: 'index-out-of-range',
      message: 'Invalid value: validator index must be less than total validators',
    }),
  ),
  {
    name: 'a negative index',
    args: scene => validator(scene, { 'validator-index': '-1' }),
    exitCode: 2,
    code: 'out-of-range',
    message: "Invalid value for '--validator-index': -1 is not in the range x>=0.",
  },
  {
    name: 'no validators at all',
    args: scene => validator(scene, { 'total-validators': '0' }),
    exitCode: 2,
    code: 'out-of-range',
    message: "Invalid value for '--total-validators': 0 is not in the range x>=1.",
  },
  {
    name: 'another total than the stored one',
    args: scene => validator(scene, { 'total-validators': '1' }),
    exitCode: 3,
    code: 'keys-would-move',
    message:
      'The keys are assigned to 2 validator clients; with 1, 1 of 2 keys would move to another client.',
  },
  ...URLS_WITHOUT_HTTP.map(
    (url): BadCase => ({
      name: `setup-validator: ${url} without http or https`,
      args: scene => validator(scene, { 'web3signer-endpoint': url }),
      exitCode: 2,
      code: 'invalid-url',
      message: `Invalid value for '--web3signer-endpoint': '${url}' is not an http or https URL.`,
    }),
  ),
  {
    name: 'setup-web3signer: an endpoint without a scheme',
    args: scene =>
      remoteDb(
        scene,
        'setup-web3signer',
        ...encryptKey(scene),
        '--output-dir',
        scene.path('output'),
        '--web3signer-endpoint',
        'signer:9000',
      ),
    exitCode: 2,
    code: 'invalid-url',
    message: "Invalid value for '--web3signer-endpoint': 'signer:9000' is not an http or https URL.",
  },
  {
    name: 'answers that are missing where nobody can be asked',
    args: scene => remoteDb(scene, 'setup-validator', '--validator-index', '0'),
    exitCode: 2,
    code: 'missing-option',
    message: "Missing options '--total-validators', '--web3signer-endpoint', '--fee-recipient'.",
  },
  {
    name: 'an option that does not exist, with a secret behind it',
    args: scene => [...operator(scene), '--encrypt-keys=c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I='],
    arrange: () => ['c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I='],
    exitCode: 2,
    code: 'no-such-option',
    message: 'No such option: --encrypt-keys',
  },
];

const NETWORKS: BadCase[] = [
  {
    name: '--network that nobody knows',
    args: scene => operator(scene, '--network', 'ropsten'),
    exitCode: 2,
    code: 'unknown-network',
    message:
      "Invalid value for '--network': 'ropsten' is not one of 'mainnet', 'hoodi', 'gnosis', 'chiado', 'holesky', 'goerli'.",
  },
  {
    name: 'NETWORK that nobody knows',
    args: scene => operator(scene),
    env: () => ({ NETWORK: 'ropsten' }),
    exitCode: 2,
    code: 'unknown-network',
    message: /'ropsten' is not one of 'mainnet', 'hoodi', 'gnosis', 'chiado', 'holesky', 'goerli'\.$/,
  },
  {
    name: 'a network file that is not there',
    args: scene => operator(scene, '--network', scene.path('other.json')),
    exitCode: 2,
    code: 'invalid-network-file',
    message: /^Cannot read network file \{folder\}\/other\.json: /,
  },
  networkFile('that is not JSON', () => '{', /^Network file \{folder\}\/network\.json is not JSON: /),
  networkFile(
    'with a field that nobody knows',
    network => ({ ...network, chainID: 1 }),
    /^Network file \{folder\}\/network\.json: chainID: /,
  ),
  networkFile(
    'without a field',
    ({ genesisForkVersion: _, ...network }) => network,
    /^Network file \{folder\}\/network\.json: genesisForkVersion: /,
  ),
  networkFile(
    'without a contract',
    network => ({ ...network, contracts: { ...Object(network.contracts), keeper: undefined } }),
    /^Network file \{folder\}\/network\.json: contracts\.keeper: /,
  ),
  networkFile(
    'with a contract of a wrong checksum',
    network => ({ ...network, contracts: { ...Object(network.contracts), keeper: MISTYPED } }),
    /^Network file \{folder\}\/network\.json: contracts\.keeper: Invalid Ethereum address: the checksum of /,
  ),
  networkFile(
    'with a short root',
    network => ({ ...network, genesisValidatorsRoot: '0x1234' }),
    /^Network file \{folder\}\/network\.json: genesisValidatorsRoot: /,
  ),
  networkFile(
    'of a built-in name',
    network => ({ ...network, name: 'mainnet' }),
    /^Network file \{folder\}\/network\.json: name: must not be the name of a built-in network$/,
  ),
  {
    name: 'another network than the vault was set up for',
    args: scene => operator(scene, '--network', 'hoodi'),
    exitCode: 1,
    code: 'vault-not-set-up',
    message: 'The vault {vault} of hoodi is not in the remote db.',
  },
  {
    name: 'NETWORK of another network than the vault was set up for',
    args: scene => upload(scene),
    env: () => ({ NETWORK: 'hoodi', EXECUTION_RETRY_TIMEOUT: '1' }),
    exitCode: 1,
    code: /^(vault-not-set-up|wrong-chain)$/,
    message: /hoodi|chain id 31337 instead of 560048/,
  },
  {
    name: 'NETWORK of another network when keys are made',
    args: createKeys,
    env: () => ({ NETWORK: 'hoodi' }),
    exitCode: 2,
    code: 'network-mismatch',
    message: 'NETWORK is hoodi, but the vault was initialised for {folder}/network.json.',
  },
  {
    name: 'a network of the same name and another chain',
    args: scene => operator(scene),
    arrange: scene =>
      scene.edit<{ chainId: number }>(scene.path('network.json'), network => ({ ...network, chainId: 4711 })),
    exitCode: 1,
    code: 'vault-other-chain',
    message: 'The vault {vault} was set up for chain id 31337; bad-input is chain 4711 here.',
  },
  {
    name: 'no init and no --network',
    args: scene => operator(scene),
    arrange: scene => rmSync(scene.path('vault'), { recursive: true }),
    exitCode: 1,
    code: 'vault-not-initialised',
    message: 'Config for vault {vault} does not exist. Please run "init" command.',
  },
  {
    name: 'init again',
    args: scene =>
      local(scene, 'init', '--network', scene.path('network.json'), '--no-verify', '--language', 'english'),
    exitCode: 1,
    code: 'vault-initialised',
    message: 'The vault is initialised already: {folder}/data/{VAULT}/config.json exists.',
  },
];

function networkFile(
  name: string,
  change: (network: Record<string, unknown>) => Record<string, unknown> | string,
  message: RegExp,
): BadCase {
  return {
    name: `a network file ${name}`,
    args: scene => operator(scene),
    arrange: scene => {
      const path = scene.path('network.json');
      const changed = change(JSON.parse(scene.read(path)));
      scene.write(path, typeof changed === 'string' ? changed : JSON.stringify(changed), 0o644);
    },
    exitCode: 2,
    code: 'invalid-network-file',
    message,
  };
}

describe('mnemonics and vault directories', () => {
  it.for(inState('planned', MNEMONICS))(
    'a command that cannot use what it is given says so and changes nothing: $name',
    (bad, { workshop }) => expectRefusal(workshop, bad),
  );
});

describe('addresses', () => {
  it.for(inState('planned', ADDRESSES))(
    'a command that cannot use what it is given says so and changes nothing: $name',
    (bad, { workshop }) => expectRefusal(workshop, bad),
  );
});

describe('numbers, URLs and other options', () => {
  it.for(inState('planned', NUMBERS))(
    'a command that cannot use what it is given says so and changes nothing: $name',
    (bad, { workshop }) => expectRefusal(workshop, bad),
  );
});

describe('networks', () => {
  it.for(inState('planned', NETWORKS))(
    'a command that cannot use what it is given says so and changes nothing: $name',
    (bad, { workshop }) => expectRefusal(workshop, bad),
  );
});
