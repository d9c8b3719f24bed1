import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Devnet, startDevnet } from '../devnet/devnet.ts';
import { type KeyFolderSigner, startKeyFolderSigner } from '../devnet/key-folder-signer.ts';
import { freePort } from '../devnet/listen.ts';
import { startValidatorClient, type ValidatorClient } from '../devnet/validator-client.ts';
import { openDemoDatabase } from './demo-database.ts';
import { type ManagedVault, prepareManagedVault } from './managed-vault.ts';
import { type Run, type RunningProgram, startProgram } from './runner.ts';

/** How many keys the vault has at first. */
const KEYS = 30;
const CLIENTS = ['lighthouse', 'teku', 'prysm'] as const;
const FEE_RECIPIENT = '0xb793c3D2Cec1d0F35fF88BCA7655B88A44669e4B';
/** Keys that nobody will ever use need no strong password. */
export const FAST_KEYSTORES = ['--kdf', 'pbkdf2'];

export interface FleetOptions {
  readonly run: Run;
  /** The demo's. */
  readonly folder: string;
  /** A folder on a memory file system, where there is one. */
  readonly keyFolder: string;
  /** A database on the server that is used. */
  readonly databaseUrl: string;
}

/** A signer, and the folder of its key files. */
interface Signer {
  readonly url: string;
  readonly keyFolder: string;
}

/** A fleet: a vault's keys in a database, two signers, three validator clients, and the page of `operator status`. */
export interface FleetWorld extends AsyncDisposable {
  readonly run: Run;
  /** The demo's folder, and that of the fleet in it. */
  readonly home: string;
  readonly folder: string;
  readonly devnet: Devnet;
  readonly managed: ManagedVault;
  /** A file of variables that name every counterpart. */
  readonly envFile: string;
  /** The signer of the program, a process, and a Web3Signer in small. */
  readonly signers: readonly [Signer, Signer & Pick<KeyFolderSigner, 'restart'>];
  readonly clients: Readonly<Record<(typeof CLIENTS)[number], ValidatorClient>>;
  readonly page: RunningProgram;
  readonly pageUrl: string;
}

/** What the reader of a remedy fills in for its command: where the files go, and the secrets that a command needs. */
export function filledIn(world: FleetWorld, words: readonly string[], signer: Signer): string[] {
  const command = words.find(word => /^(setup|upload)-/.test(word));
  const envFile = ['--env-file', world.envFile];
  switch (command) {
    case 'upload-keypairs':
      return [...words, ...envFile];
    case 'setup-web3signer':
      return [...words, ...envFile, '--output-dir', signer.keyFolder];
    case 'setup-validator': {
      const index = Number(/--validator-index=(\d+)/.exec(words.join(' '))?.[1]);
      return [...words, ...envFile, ...clientOptions(world.folder, index, signer.url)];
    }
    default:
      throw new Error(`nobody knows what 'operator ${words.join(' ')}' needs`);
  }
}

function clientOptions(folder: string, index: number, signerUrl: string): string[] {
  const output = ['--output-dir', clientFolder(folder, index)];
  return ['--web3signer-endpoint', signerUrl, '--fee-recipient', FEE_RECIPIENT, ...output];
}

/** Where the files of a client are written, and where it reads them. */
export function clientFolder(folder: string, index: number): string {
  return join(folder, `client-${index}`);
}

/** Makes the vault and its keys, uploads them, writes the files of all, and starts those who read them: all is in order then. */
export async function startFleetWorld(options: FleetOptions): Promise<FleetWorld> {
  await using resources = new AsyncDisposableStack();
  const { run, folder: home } = options;
  const folder = join(home, 'fleet');
  mkdirSync(folder);
  const devnet = resources.use(
    await startDevnet({
      name: 'demo-fleet',
      chainId: 31_339,
      vaultVersion: 5,
      oracleServers: {},
      blockTime: 1,
      slotsPerEpoch: 2,
    }),
  );
  const beacon = resources.use(await devnet.startBeaconNode());
  const database = resources.use(await openDemoDatabase(options.databaseUrl));
  const networkFile = join(folder, 'network.json');
  await devnet.writeNetworkFile(networkFile);
  const dataDir = join(folder, 'data');
  const keyOptions = FAST_KEYSTORES;
  const managed = await prepareManagedVault({
    run,
    devnet,
    folder,
    dataDir,
    networkFile,
    keys: KEYS,
    keyOptions,
  });

  const ownAddress = `127.0.0.1:${await freePort()}`;
  const ownUrl = `http://${ownAddress}`;
  const ownFolder = join(options.keyFolder, 'fleet-signer-0');
  const web3signerFolder = join(options.keyFolder, 'fleet-signer-1');
  const dbUrlFile = join(folder, 'db-url');
  writeFileSync(dbUrlFile, database.url, { mode: 0o600 });
  const envFile = join(folder, 'fleet.env');
  const write = (variables: Readonly<Record<string, string>>) => {
    const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
    appendFileSync(envFile, lines.join(''), { mode: 0o600 });
  };
  write({
    VAULT: managed.vault,
    DATA_DIR: dataDir,
    REMOTE_DB_URL_FILE: dbUrlFile,
    REMOTE_DB_ENCRYPT_KEY_FILE: join(folder, 'encrypt-key'),
    EXECUTION_ENDPOINTS: devnet.rpcUrl,
    CONSENSUS_ENDPOINTS: beacon.url,
  });
  const remoteDb = async (command: string, ...words: string[]) =>
    void (await run('./operator', ['remote-db', command, '--env-file', envFile, ...words]));
  await remoteDb('setup');
  await remoteDb('upload-keypairs');
  for (const keyFolder of [ownFolder, web3signerFolder])
    await remoteDb('setup-web3signer', '--output-dir', keyFolder);
  const total = `--total-validators=${CLIENTS.length}`;
  for (const index of CLIENTS.keys())
    await remoteDb(
      'setup-validator',
      `--validator-index=${index}`,
      total,
      ...clientOptions(folder, index, ownUrl),
    );

  const source = ['--network', networkFile, '--keys-dir', ownFolder];
  const own = resources.use(startProgram(home, './operator', ['signer', ...source, '--listen', ownAddress]));
  await own.printed('Signing exits with');
  const web3signer = resources.use(await startKeyFolderSigner(web3signerFolder));
  console.log('A Web3Signer in small reads the other folder, and is content with an empty one as well.');
  const [lighthouse, teku, prysm] = [
    resources.use(await startClient(folder, 0)),
    resources.use(await startClient(folder, 1)),
    resources.use(await startClient(folder, 2)),
  ] as const;
  const keymanagers = [lighthouse, teku, prysm].map(({ url, kind }) => `${url}=${tokenFile(folder, kind)}`);
  write({ REMOTE_SIGNER_URL: `${ownUrl},${web3signer.url}`, KEYMANAGERS: keymanagers.join() });
  console.log(
    'Lighthouse, Teku and Prysm, as far as their key managers go, read their files, and write their tokens.\n',
  );

  const port = await freePort();
  const serve = ['status', '--env-file', envFile, '--serve', '--status-port', String(port)];
  const page = resources.use(startProgram(home, './operator', [...serve, '--watch-interval', PAGE_INTERVAL]));
  await page.printed('Status page at');
  const owned = resources.move();
  return {
    run,
    home,
    folder,
    devnet,
    managed,
    envFile,
    signers: [
      { url: ownUrl, keyFolder: ownFolder },
      { url: web3signer.url, keyFolder: web3signerFolder, restart: () => web3signer.restart() },
    ],
    clients: { lighthouse, teku, prysm },
    page,
    pageUrl: `http://127.0.0.1:${port}/`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Starts the client of this index, which reads its files and writes its token. */
async function startClient(folder: string, index: 0 | 1 | 2): Promise<ValidatorClient> {
  const kind = CLIENTS[index];
  const token = `api-token-of-${kind}`;
  writeFileSync(tokenFile(folder, kind), `${token}\n`, { mode: 0o600 });
  return await startValidatorClient(kind, { token, folder: clientFolder(folder, index) });
}

function tokenFile(folder: string, kind: string): string {
  return join(folder, `${kind}.token`);
}

/** Seconds: nobody has to wait for the page. */
const PAGE_INTERVAL = '0.3';
