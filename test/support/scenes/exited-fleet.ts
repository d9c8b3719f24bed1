import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { toHex } from '../../../src/lib/bytes.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import { type BeaconNode, startBeaconNode } from '../../devnet/beacon-node.ts';
import { readRemoteSignerFile } from '../checkers/operator-files.ts';
import { readSignerKeys } from '../checkers/validator-clients.ts';
import { readKeyDirectory } from '../checkers/web3signer.ts';
import { createDatabaseTemplate, type DatabaseTemplate } from '../postgres/database-template.ts';
import { type CliRun, PROGRAM, runCli, temporaryDirectory } from '../programs/cli.ts';
import {
  fillWithRecordedVault,
  RECORDED_ENCRYPT_KEY,
  RECORDED_VAULT,
  recordedSecretKeys,
  writeKeystores,
} from '../recorded/recorded-vault.ts';
import { type ListingSigner, startListingSigner } from '../servers/listing-signer.ts';

const CLIENTS = 2;
const KEYS = 10;
/** Oracles of the recorded vault, each with a share of every key. */
const SHARES = 4;

/** The recorded vault of ten keys with four shares each, uploaded once for all tests of a file. */
export async function createExitedFleets(): Promise<DatabaseTemplate> {
  using keystores = temporaryDirectory();
  writeKeystores(keystores.path, recordedSecretKeys(KEYS));
  return await createDatabaseTemplate(url => fillWithRecordedVault(url, keystores.path));
}

/** A vault of ten validators with two signers, two validator clients and an operator, all of whose files are written. */
export interface ExitedFleet extends AsyncDisposable {
  readonly url: string;
  readonly directory: string;
  /** Public keys of the validators, in the order of their bytes: the first five are client 0's. */
  readonly keys: readonly string[];
  readonly nodes: readonly BeaconNode[];
  readonly signers: readonly ListingSigner[];
  /** Has every node say that these validators exited in an epoch, and could withdraw 256 epochs later. */
  exit(keys: readonly string[], exitEpoch?: bigint): void;
  run(...words: readonly string[]): Promise<CliRun>;
  /** `remote-db prune --exited` with both nodes and both signers. */
  prune(...words: readonly string[]): Promise<CliRun>;
  /** The same, to be killed while it runs. */
  startPrune(...words: readonly string[]): ChildProcess;
  status(...words: readonly string[]): Promise<CliRun>;
  /** `setup-web3signer` for one of the signers, which lists what is in its directory then. */
  writeSigner(index: number, ...words: readonly string[]): Promise<CliRun>;
  writeClient(index: number, ...words: readonly string[]): Promise<CliRun>;
  writeOperator(...words: readonly string[]): Promise<CliRun>;
  /** What the files have, by checkers that share no code with the program. */
  signerKeys(index: number): readonly string[];
  clientKeys(index: number): readonly string[];
  operatorKeys(): readonly string[];
}

/** Opens a fleet of its own, and writes all of its files. */
export async function openExitedFleet(template: DatabaseTemplate): Promise<ExitedFleet> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await template.clone());
  const directory = stack.use(temporaryDirectory());
  const chain = resolveNetwork('holesky');
  const nodes = [stack.use(await startBeaconNode(chain)), stack.use(await startBeaconNode(chain))];
  const signers = [stack.use(await startListingSigner([])), stack.use(await startListingSigner([]))];
  const keys = recordedSecretKeys(KEYS)
    .map(secretKey => toHex(publicKeyOf(secretKey)) as string)
    .sort();
  for (const node of nodes) {
    node.headEpoch = 5_002n;
    // The last key is not registered yet: a vault without unused keys is one that runs out of them.
    for (const key of keys.slice(0, -1)) node.addValidator(Buffer.from(key.slice(2), 'hex'));
  }
  const env = {
    REMOTE_DB_URL: database.url,
    VAULT: RECORDED_VAULT,
    NETWORK: 'holesky',
    DATA_DIR: directory.path,
    REMOTE_DB_ENCRYPT_KEY: RECORDED_ENCRYPT_KEY,
  };
  const path = (...names: string[]) => join(directory.path, ...names);
  const run = (...words: readonly string[]) => runCli(words, { env });
  const endpoints = signers.map(({ url }) => `--web3signer-endpoint=${url}`);
  const consensus = [
    `--consensus-endpoints=${nodes.map(({ url }) => url).join(',')}`,
    '--consensus-retry-timeout=1',
  ];
  const fleet = {
    url: database.url,
    directory: directory.path,
    keys,
    nodes,
    signers,
    exit(list: readonly string[], exitEpoch = 1_000n) {
      for (const node of nodes) {
        for (const validator of node.validators) {
          if (!list.includes(`0x${Buffer.from(validator.publicKey).toString('hex')}`)) continue;
          validator.status = 'withdrawal_done';
          validator.exitEpoch = exitEpoch;
          validator.withdrawableEpoch = exitEpoch + 256n;
        }
      }
    },
    run,
    prune: (...words: readonly string[]) =>
      run('remote-db', 'prune', '--exited', ...consensus, ...endpoints, ...words),
    startPrune: (...words: readonly string[]) =>
      spawn(PROGRAM, ['remote-db', 'prune', '--exited', ...consensus, ...endpoints, ...words], {
        env: { PATH: process.env.PATH ?? '', HOME: directory.path, ...env },
        stdio: 'ignore',
        detached: true,
      }),
    status: (...words: readonly string[]) =>
      run('status', ...consensus.slice(0, 1), ...signers.map(({ url }) => `--signer-url=${url}`), ...words),
    async writeSigner(index: number, ...words: readonly string[]) {
      const output = path(`signer-${index}`);
      const ran = await run('remote-db', 'setup-web3signer', `--output-dir=${output}`, ...words);
      const signer = signers[index];
      if (signer !== undefined && ran.exitCode === 0) signer.keys = fleet.signerKeys(index);
      return ran;
    },
    writeClient: (index: number, ...words: readonly string[]) =>
      run(
        'remote-db',
        'setup-validator',
        `--validator-index=${index}`,
        `--total-validators=${CLIENTS}`,
        '--web3signer-endpoint=http://signer:9000',
        `--fee-recipient=${RECORDED_VAULT}`,
        `--output-dir=${path(`client-${index}`)}`,
        ...words,
      ),
    writeOperator: (...words: readonly string[]) =>
      run('remote-db', 'setup-operator', `--output-dir=${path('operator')}`, ...words),
    signerKeys: (index: number) => [...readKeyDirectory(path(`signer-${index}`)).publicKeys].sort(),
    clientKeys: (index: number) =>
      readSignerKeys(readFileSync(path(`client-${index}`, 'signer_keys.yml'), 'utf8')),
    operatorKeys: () => [
      ...readRemoteSignerFile(
        readFileSync(path('operator', 'remote_signer_config.json'), 'utf8'),
      ).shares.keys(),
    ],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
  const written = [
    await run('remote-db', 'assign', `--total-validators=${CLIENTS}`),
    await fleet.writeSigner(0),
    await fleet.writeSigner(1),
    await fleet.writeClient(0),
    await fleet.writeClient(1),
    await fleet.writeOperator(),
  ];
  const failed = written.find(({ exitCode }) => exitCode !== 0);
  if (failed !== undefined) throw new Error(failed.stderr);
  if (fleet.signerKeys(0).length !== KEYS * (1 + SHARES)) throw new Error('the signers lack keys');
  const owned = stack.move();
  return fleet;
}
