// npm run bench -- scale: whole fleets, from the keystores to a running operator, in four sizes. CPU should grow with the keys,
// and the memory of commands that stream should not grow. An hour of CPU, too much for a test. FLEETS names other sizes, as in
// 1000x11,150000x2: validators and oracles.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encryptKeystoreJson, Wallet } from 'ethers/wallet';
import { Client } from 'undici';
import { generateEncryptionKey } from '../../src/domain/keys/envelope.ts';
import { type BeaconNode, startBeaconNode } from '../devnet/beacon-node.ts';
import { BEACON_CHAIN } from '../devnet/network-file.ts';
import { startPostgresServer } from '../support/postgres/postgres-server.ts';
import { startVaultServer, type VaultAnswer } from '../support/servers/hashi-vault-server.ts';
import { check } from './measure.ts';
import { type Fleet, type FleetSize, numberedKey, prepareFleet, readSize } from './scale/fleet.ts';
import { runMeasured } from './scale/measured-program.ts';

const SIZES = process.env.FLEETS || '1000x11,10000x11,30000x11,150000x2';
const PASSWORD = 'a password';
/** Members of one secret of HashiCorp Vault: a secret has at most 1 MiB. */
const KEYS_OF_A_SECRET = 1_000;
const SIGNING = 'Signing exits with';

/** A fleet whose keys are in a database, and where its files are. */
interface StoredFleet {
  readonly fleet: Fleet;
  readonly size: FleetSize;
  readonly databaseUrl: string;
  /** Options of every `remote-db` command. */
  readonly remoteDb: readonly string[];
  readonly keyArgs: readonly string[];
  readonly keyFiles: string;
  readonly dataDir: string;
  /** The vault's own folder in the data directory. */
  readonly vaultFolder: string;
}

async function benchFleet(size: FleetSize): Promise<void> {
  const began = performance.now();
  await using server = await startPostgresServer();
  await using fleet = await prepareFleet(size);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(`${size.validators} validators, ${size.oracles} oracles (made in ${seconds} s)`);
  const encryptKeyFile = join(fleet.folder, 'encrypt-key');
  writeFileSync(encryptKeyFile, generateEncryptionKey(), { mode: 0o600 });
  const urlFile = join(fleet.folder, 'db-url');
  writeFileSync(urlFile, server.url, { mode: 0o600 });
  const dataDir = join(fleet.folder, 'data');
  const { vault } = fleet.devnet.addresses;
  const vaultArgs = ['--vault', vault, '--network', fleet.networkFile, '--data-dir', dataDir];
  const stored: StoredFleet = {
    fleet,
    size,
    databaseUrl: server.url,
    remoteDb: ['remote-db', '--db-url-file', urlFile, ...vaultArgs],
    keyArgs: ['--encrypt-key-file', encryptKeyFile],
    keyFiles: join(fleet.folder, 'web3signer'),
    dataDir,
    vaultFolder: join(dataDir, vault.toLowerCase()),
  };
  await storeFleet(stored);
  await writeFiles(stored);
  await runSigners(stored);
  await useRemoteSigner(stored);
  console.log();
}

async function storeFleet({ fleet, remoteDb, keyArgs }: StoredFleet): Promise<void> {
  await runMeasured({ title: 'setup', args: [...remoteDb, 'setup', ...keyArgs] });
  const upload = [
    ...remoteDb,
    'upload-keypairs',
    ...keyArgs,
    '--execution-endpoints',
    fleet.devnet.rpcUrl,
    '--keystores-dir',
    fleet.keystoresDirectory,
    '--deposit-data-file',
    fleet.depositDataFile,
  ];
  await runMeasured({ title: 'upload-keypairs', args: upload });
  await runMeasured({ title: 'upload-keypairs again', args: upload });
  await runMeasured({ title: 'verify', args: [...remoteDb, 'verify', ...keyArgs] });
}

async function writeFiles(stored: StoredFleet): Promise<void> {
  const { fleet, remoteDb, keyArgs, keyFiles, vaultFolder } = stored;
  const keys = [...remoteDb, 'setup-web3signer', ...keyArgs, '--output-dir', keyFiles];
  await runMeasured({ title: 'setup-web3signer', args: keys });
  await runMeasured({ title: 'setup-web3signer again', args: keys });
  mkdirSync(vaultFolder, { recursive: true, mode: 0o700 });
  const operator = [...remoteDb, 'setup-operator', '--output-dir', vaultFolder];
  await runMeasured({ title: 'setup-operator', args: operator });
  await runMeasured({ title: 'setup-operator again', args: operator });
  const validator = [
    ...remoteDb,
    'setup-validator',
    '--output-dir',
    join(fleet.folder, 'validator'),
    '--validator-index',
    '3',
    '--total-validators',
    '10',
    '--web3signer-endpoint',
    'http://web3signer:9000',
    '--fee-recipient',
    fleet.devnet.addresses.vault,
  ];
  await runMeasured({ title: 'setup-validator', args: validator });
  await runMeasured({ title: 'setup-validator again', args: validator });
}

/** The signer from each of its sources of keys, until it has listed every key. */
async function runSigners(stored: StoredFleet): Promise<void> {
  const { fleet, size, databaseUrl, keyArgs, keyFiles } = stored;
  const rows = size.validators * (1 + size.oracles);
  await runSigner(stored, { source: 'key files', keys: rows, args: ['--keys-dir', keyFiles] });
  const databaseArgs = ['--db-url', databaseUrl, '--vault', fleet.devnet.addresses.vault, ...keyArgs];
  await runSigner(stored, { source: 'database', keys: rows, args: databaseArgs });
  const keystoreArgs = ['--keystores-dir', fleet.keystoresDirectory];
  await runSigner(stored, { source: 'keystores', keys: size.validators, args: keystoreArgs });
  const { answers, paths } = describeSecrets(fleet);
  await using vault = await startVaultServer(answers);
  const hashiVaultArgs = ['--hashi-vault-url', vault.url, '--hashi-vault-token', 'a-token', ...paths];
  await runSigner(stored, { source: 'HashiCorp Vault', keys: size.validators, args: hashiVaultArgs });
}

async function runSigner(
  { fleet }: StoredFleet,
  {
    source,
    keys,
    args,
  }: { readonly source: string; readonly keys: number; readonly args: readonly string[] },
): Promise<void> {
  const socketPath = join(fleet.folder, 'signer.sock');
  const listAll = async () => {
    const client = new Client('http://signer', { socketPath });
    const { body } = await client.request({ path: '/api/v1/eth2/publicKeys', method: 'GET' });
    const listed = (await body.json()) as string[];
    await client.close();
    check(new Set(listed).size === keys, `the signer lists ${listed.length} keys of ${keys}`);
  };
  await runMeasured({
    title: `signer from ${source}`,
    args: ['signer', '--network', fleet.networkFile, '--socket', socketPath, ...args],
    meanwhile: { line: SIGNING, run: listAll },
  });
}

/** The validators' keys as secrets of so many members each. */
function describeSecrets({ publicKeys }: Fleet) {
  const answers: Record<string, readonly VaultAnswer[]> = {};
  const paths: string[] = [];
  for (let from = 0; from < publicKeys.length; from += KEYS_OF_A_SECRET) {
    const members = publicKeys
      .slice(from, from + KEYS_OF_A_SECRET)
      .map((publicKey, i) => [
        Buffer.from(publicKey).toString('hex'),
        Buffer.from(numberedKey(from + i)).toString('hex'),
      ]);
    const path = `keys-${from}`;
    answers[`secret/data/${path}`] = [
      { status: 200, body: { data: { data: Object.fromEntries(members), metadata: { version: 1 } } } },
    ];
    paths.push('--hashi-vault-key-path', path);
  }
  return { answers, paths };
}

/** `validators-exit` and `start` with a signer that has all keys, by the files that setup-operator wrote. */
async function useRemoteSigner(stored: StoredFleet): Promise<void> {
  const { fleet, keyFiles, vaultFolder } = stored;
  const { devnet } = fleet;
  const { vault } = devnet.addresses;
  const socketPath = join(fleet.folder, 'remote-signer.sock');
  const common = ['--vault', vault, '--network', fleet.networkFile, '--data-dir', stored.dataDir];
  const signerArgs = ['--remote-signer-url', `unix:${socketPath}`];
  const config = {
    network: fleet.networkFile,
    mnemonic_next_index: 0,
    first_public_key: `0x${'00'.repeat(48)}`,
  };
  writeFileSync(join(vaultFolder, 'config.json'), JSON.stringify(config));
  await writeWallet(stored);
  await using active = await startActiveValidators(fleet);
  await using beacon = await devnet.startBeaconNode();
  await devnet.setDepositDataRoot(fleet.depositDataRoot);
  const exit = [
    'validators-exit',
    ...common,
    ...signerArgs,
    '--consensus-endpoints',
    active.url,
    '--dry-run',
  ];
  const endpoints = ['--execution-endpoints', devnet.rpcUrl, '--consensus-endpoints', beacon.url];
  await runMeasured({
    title: 'the signer of the next two',
    args: ['signer', '--network', fleet.networkFile, '--socket', socketPath, '--keys-dir', keyFiles],
    meanwhile: {
      line: SIGNING,
      async run() {
        const printed = await runMeasured({ title: 'validators-exit --dry-run', args: exit });
        check(printed.includes(`Would exit ${fleet.publicKeys.length} validators`), printed.slice(0, 500));
        await runMeasured({
          title: 'start',
          args: ['start', ...common, ...signerArgs, ...endpoints, '--db-url', stored.databaseUrl],
          meanwhile: { line: 'Started operator service', run: async () => {} },
        });
      },
    },
  });
}

/** A beacon node that has all validators of the fleet, old enough to exit. */
async function startActiveValidators({ devnet, publicKeys }: Fleet): Promise<BeaconNode> {
  const node = await startBeaconNode(BEACON_CHAIN);
  const withdrawalCredentials = Buffer.from(`01${'00'.repeat(11)}${devnet.addresses.vault.slice(2)}`, 'hex');
  for (const publicKey of publicKeys) node.addValidator(publicKey, { withdrawalCredentials });
  return node;
}

async function writeWallet({ vaultFolder }: StoredFleet): Promise<void> {
  const { address, privateKey } = new Wallet(`0x${'5a'.repeat(32)}`);
  const scrypt = { N: 1024, r: 8, p: 1 };
  const json = await encryptKeystoreJson({ address, privateKey }, PASSWORD, { scrypt });
  const walletFolder = join(vaultFolder, 'wallet');
  mkdirSync(walletFolder, { mode: 0o700 });
  writeFileSync(join(walletFolder, 'wallet.json'), json, { mode: 0o600 });
  writeFileSync(join(walletFolder, 'password.txt'), PASSWORD, { mode: 0o600 });
}

for (const size of SIZES.split(',').map(readSize)) await benchFleet(size);
