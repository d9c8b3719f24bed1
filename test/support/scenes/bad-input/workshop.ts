import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject, test } from 'vitest';
import { deriveSecretKey, publicKeyOf } from '../../../../src/domain/keys/derivation.ts';
import { mnemonicToSeed } from '../../../../src/domain/keys/mnemonic.ts';
import { type Devnet, startDevnet } from '../../../devnet/devnet.ts';
import { copyDatabase, databaseUrl, dropDatabase } from '../../postgres/postgres.ts';
import type { CliRun } from '../../programs/cli.ts';
import { type StandingProgram, startStandingPrograms } from '../../programs/standing-program.ts';
import { createCheapKeystore } from './keystore.ts';

/** How far the vault's database has come, each state including those before it, or what a test file made of it. */
export type DatabaseState = 'empty' | 'set-up' | 'uploaded' | 'planned' | 'older' | 'newer';

/** How far a workshop takes its vault. */
type VaultStage = Extract<DatabaseState, 'set-up' | 'uploaded' | 'planned'>;

interface WorkshopOptions {
  /** How many validators the vault has. Default: 3. */
  readonly keys?: number | undefined;
  /** Default: 1. */
  readonly vaultVersion?: number | undefined;
}

interface TestValidator {
  readonly secretKey: Uint8Array;
  /** Bare hex. */
  readonly publicKey: string;
}

/** A vault with its files and a database in every state, to be copied for each case. */
export interface Workshop extends AsyncDisposable {
  readonly devnet: Devnet;
  readonly vault: string;
  readonly mnemonic: string;
  readonly validators: readonly TestValidator[];
  /** Files of the vault's machine; a case works on a copy. */
  readonly folder: string;
  /** Whatever no output may ever show. */
  readonly secrets: readonly string[];
  /** What runs the cases' command lines. */
  readonly programs: StandingProgram;
  /** Runs a command line on the working database, which must end well. */
  run(args: readonly string[]): Promise<CliRun>;
  /** `remote-db …` on the working database; the vault may be another one. */
  remoteDb(args: readonly string[], vault?: string): Promise<CliRun>;
  /** Keeps the working database as it is now under this name. */
  save(state: DatabaseState): Promise<void>;
  /** A copy of the database in this state. */
  cloneDatabase(state: DatabaseState): Promise<{ url: string } & AsyncDisposable>;
}

const CLIENTS = 2;
export const SIGNER_URL = 'http://web3signer:9000';
export const FEE_RECIPIENT = '0xb793c3D2Cec1d0F35fF88BCA7655B88A44669e4B';

/** `it` with the workshop of its file: opened for the first case that asks for it, closed after the last one. */
export function itInWorkshop(until: VaultStage, options: WorkshopOptions = {}) {
  return test
    .extend('stage', { scope: 'file' }, until)
    .extend('workshop', { scope: 'file' }, async ({ stage }, { onCleanup }) => {
      const workshop = await openWorkshop(stage, options);
      onCleanup(() => workshop[Symbol.asyncDispose]());
      return workshop;
    });
}

/** Runs the whole workflow once: init, create-keys, the root on the chain, setup, upload-keypairs, setup-validator. */
export async function openWorkshop(
  until: VaultStage,
  { keys = 3, vaultVersion = 1 }: WorkshopOptions = {},
): Promise<Workshop> {
  await using resources = new AsyncDisposableStack();
  const programs = resources.use(startStandingPrograms(2));
  const run = (args: readonly string[]) => runWell(programs, args);
  const folder = mkdtempSync(join(tmpdir(), 'stakewise-bad-input-'));
  // Some cases run as another user.
  chmodSync(folder, 0o755);
  resources.defer(() => rmSync(folder, { recursive: true, force: true }));
  const devnet = resources.use(
    await startDevnet({ name: 'bad-input', oracles: 3, threshold: 2, vaultVersion }),
  );
  const { vault } = devnet.addresses;
  await devnet.writeNetworkFile(join(folder, 'network.json'));
  const { mnemonic, validators, password } = await makeVault(run, devnet, folder, keys);

  const states = new Map<DatabaseState, string>([['empty', 'template1']]);
  const server = inject('postgres').url;
  const name = () => `stakewise_bad_${process.pid}_${randomBytes(4).toString('hex')}`;
  const createDatabase = async (template: string) => {
    const created = name();
    await copyDatabase(server, created, template);
    return created;
  };
  const cloneDatabase = async (state: DatabaseState) => {
    const template = states.get(state);
    if (template === undefined) throw new Error(`the workshop was not brought to "${state}"`);
    const clone = await createDatabase(template);
    return {
      url: databaseUrl(server, clone),
      [Symbol.asyncDispose]: () => dropDatabase(server, clone),
    };
  };
  const working = await createDatabase('template1');
  const templates = [working];
  resources.defer(async () => {
    for (const template of templates) await dropDatabase(server, template);
  });
  writeFileSync(join(folder, 'db-url'), databaseUrl(server, working), { mode: 0o600 });
  const save = async (state: DatabaseState) => {
    const template = await createDatabase(working);
    states.set(state, template);
    templates.push(template);
  };

  const remoteDb = (args: readonly string[], ofVault = vault) => {
    const file = (name: string) => join(folder, name);
    const common = ['--db-url-file', file('db-url'), '--vault', ofVault, '--data-dir', file('data')];
    return run(['remote-db', ...common, ...args]);
  };
  const key = ['--encrypt-key-file', join(folder, 'encrypt-key')];
  const secrets = [mnemonic, password, new URL(server).password];
  await remoteDb(['setup', ...key]);
  secrets.push(readFileSync(join(folder, 'encrypt-key'), 'utf8').trim());
  await save('set-up');
  if (until !== 'set-up') {
    await remoteDb(['upload-keypairs', ...key, '--execution-endpoints', devnet.rpcUrl]);
    await save('uploaded');
    secrets.push(...(await readShareKeys(args => remoteDb([...args, ...key]))));
  }
  if (until === 'planned') {
    const keys = mkdtempSync(join(tmpdir(), 'stakewise-bad-input-'));
    resources.defer(() => rmSync(keys, { recursive: true, force: true }));
    await remoteDb(setupValidator(0, keys));
    await save('planned');
  }
  secrets.push(...validators.map(({ secretKey }) => Buffer.from(secretKey).toString('hex')));
  const owned = resources.move();
  return {
    devnet,
    vault,
    mnemonic,
    validators,
    folder,
    secrets,
    programs,
    cloneDatabase,
    save,
    run,
    remoteDb,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Arguments of `setup-validator` for one of the clients. */
export function setupValidator(client: number, directory: string): string[] {
  return [
    'setup-validator',
    '--validator-index',
    String(client),
    '--total-validators',
    String(CLIENTS),
    '--web3signer-endpoint',
    SIGNER_URL,
    '--fee-recipient',
    FEE_RECIPIENT,
    '--output-dir',
    directory,
  ];
}

async function makeVault(run: Workshop['run'], devnet: Devnet, folder: string, keys: number) {
  const { vault } = devnet.addresses;
  const local = ['--vault', vault, '--data-dir', join(folder, 'data')];
  const network = ['--network', join(folder, 'network.json')];
  const init = await run(['init', '--language', 'english', '--no-verify', ...network, ...local]);
  const mnemonic = init.stdout.trim();
  const mnemonicFile = join(folder, 'mnemonic');
  writeFileSync(mnemonicFile, `${mnemonic}\n`, { mode: 0o600 });
  await run([
    'create-keys',
    '--count',
    String(keys),
    '--kdf',
    'pbkdf2',
    '--mnemonic-file',
    mnemonicFile,
    ...local,
  ]);
  const root = await run(['get-validators-root', ...local]);
  await devnet.setDepositDataRoot(/0x[0-9a-f]{64}/.exec(root.stdout)?.[0] ?? '');

  const keystores = join(folder, 'data', vault.toLowerCase(), 'keystores');
  const password = readFileSync(join(keystores, 'password.txt'), 'utf8');
  const seed = mnemonicToSeed(mnemonic);
  const validators = Array.from({ length: keys }, (_, index) => {
    const secretKey = deriveSecretKey(seed, index);
    return { secretKey, publicKey: Buffer.from(publicKeyOf(secretKey)).toString('hex') };
  });
  for (const file of readdirSync(keystores).filter(each => each.endsWith('.json')))
    rmSync(join(keystores, file));
  for (const [index, { secretKey, publicKey }] of validators.entries()) {
    const keystore = createCheapKeystore(secretKey, publicKey, password);
    writeFileSync(join(keystores, `keystore-${index}.json`), JSON.stringify(keystore), { mode: 0o600 });
  }
  return { mnemonic, validators, password };
}

/** Private keys of the shares (and validators), which only the program itself can open. */
async function readShareKeys(remoteDb: Workshop['remoteDb']): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'stakewise-bad-input-'));
  try {
    await remoteDb(['setup-web3signer', '--output-dir', directory]);
    const texts = readdirSync(directory).map(name => readFileSync(join(directory, name), 'utf8'));
    const keys = texts.flatMap(text =>
      Array.from(text.matchAll(/privateKey: \W*(?:0x)?([0-9a-f]{64})/g), ([, digits = '']) => digits),
    );
    if (keys.length === 0) throw new Error('setup-web3signer wrote no key');
    return keys;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function runWell(program: StandingProgram, args: readonly string[]): Promise<CliRun> {
  const done = await program.run(args, { env: { HOME: '/nonexistent' } });
  if (done.exitCode !== 0) throw new Error(`${args.join(' ')} ended with ${done.exitCode}\n${done.stderr}`);
  return done;
}
