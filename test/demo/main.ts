// npm run demo: keys are made and distributed by the remote database, the operator registers validators with them, rotates
// their exits and harvests, and in the end the validators exit and the vault is recovered. Everything by the real launchers,
// on a local chain and database; every written file is read by its consumer's rules, and all that happens is checked on the
// chain, with code that the program does not share.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevnet } from '../devnet/devnet.ts';
import { startPostgresServer } from '../support/postgres-server.ts';
import { checkWrittenFiles } from './check-written-files.ts';
import { operate } from './operate.ts';
import { createRunner, secondsSince } from './runner.ts';
import { exitValidators, signWithWrittenFiles } from './signing-path.ts';

const KEYS = 6;
const CLIENTS = 3;
const ORACLES = { count: 11, threshold: 8 };
const FEE_RECIPIENT = '0xb793c3D2Cec1d0F35fF88BCA7655B88A44669e4B';
const SIGNER_URL = 'http://web3signer:9000';

const started = performance.now();
await using resources = new AsyncDisposableStack();
const folder = mkdtempSync(join(tmpdir(), 'stakewise-demo-'));
resources.defer(() => rmSync(folder, { recursive: true, force: true }));
// Key files belong on a memory file system.
const keyFolder = mkdtempSync(
  join(statSync('/dev/shm', { throwIfNoEntry: false }) ? '/dev/shm' : folder, 'stakewise-demo-keys-'),
);
resources.defer(() => rmSync(keyFolder, { recursive: true, force: true }));

console.log('Starting the devnet: anvil, the protocol in small, an IPFS gateway, and a database.');
const devnet = resources.use(
  await startDevnet({
    ...{ name: 'demo', vaultVersion: 1, oracles: ORACLES.count, threshold: ORACLES.threshold },
    ...{ oracleServers: {}, blockTime: 1, slotsPerEpoch: 2 },
  }),
);
const beacon = resources.use(await devnet.startBeaconNode());
const databaseUrl = process.env.REMOTE_DB_URL || resources.use(await startPostgresServer()).url;
const { vault } = devnet.addresses;
const networkFile = join(folder, 'network.json');
const dbUrlFile = join(folder, 'db-url');
const mnemonicFile = join(folder, 'mnemonic');
const keyFile = join(folder, 'encrypt-key');
const dataDir = join(folder, 'data');
await devnet.writeNetworkFile(networkFile);
writeFileSync(dbUrlFile, databaseUrl, { mode: 0o600 });
console.log(
  `Devnet at ${devnet.rpcUrl}, vault ${vault}, ${ORACLES.threshold} of ${ORACLES.count} oracles recover an exit.\n`,
);

const run = createRunner(folder);
const local = ['--vault', vault, '--data-dir', dataDir];
const init = await run(
  './operator',
  ['init', '--network', networkFile, '--language', 'english', '--no-verify', ...local],
  { isSecret: true },
);
writeFileSync(mnemonicFile, `${init.trim()}\n`, { mode: 0o600 });
await run('./operator', ['create-keys', '--count', String(KEYS), '--mnemonic-file', mnemonicFile, ...local]);
await run('./operator', ['create-wallet', '--mnemonic-file', mnemonicFile, ...local]);
const root = /0x[0-9a-f]{64}/.exec(await run('./operator', ['get-validators-root', ...local]))?.[0] ?? '';
await devnet.setDepositDataRoot(root);
console.log(`The vault's admin sets the deposit data root ${root} on the chain.\n`);

const remoteDb = ['remote-db', '--db-url-file', dbUrlFile, ...local];
const encryptKey = ['--encrypt-key-file', keyFile];
await run('./v3-operator', [...remoteDb, 'setup', ...encryptKey]);
await run('./v3-operator', [
  ...remoteDb,
  'upload-keypairs',
  ...encryptKey,
  '--execution-endpoints',
  devnet.rpcUrl,
]);
await run('./v3-operator', [...remoteDb, 'setup-web3signer', ...encryptKey, '--output-dir', keyFolder]);
const clientFolders = Array.from({ length: CLIENTS }, (_, client) => join(folder, `validator${client}`));
for (const [client, directory] of clientFolders.entries()) {
  await run('./v3-operator', [
    ...[
      ...remoteDb,
      'setup-validator',
      '--validator-index',
      String(client),
      '--total-validators',
      String(CLIENTS),
    ],
    ...['--web3signer-endpoint', SIGNER_URL, '--fee-recipient', FEE_RECIPIENT, '--output-dir', directory],
  ]);
}
await run('./v3-operator', [...remoteDb, 'setup-operator']);
const operatorFolder = join(dataDir, vault.toLowerCase());
await run('./v3-operator', [...remoteDb, 'verify', ...encryptKey]);

console.log('Reading every written file back by its consumer’s rules…');
checkWrittenFiles({
  ...{ vault, keyFolder, clientFolders, operatorFolder, signerUrl: SIGNER_URL, feeRecipient: FEE_RECIPIENT },
  ...{ keys: KEYS, oracles: ORACLES.count, threshold: ORACLES.threshold },
  genesisForkVersion: JSON.parse(readFileSync(networkFile, 'utf8')).genesisForkVersion,
});
const scene = {
  ...{ run, devnet, beacon, vault, local, folder, dataDir, keyFolder, operatorFolder, networkFile },
  ...{ dbUrlFile, keys: KEYS, oracles: ORACLES },
};
await signWithWrittenFiles(scene);
await operate(scene);
await exitValidators(scene);
await run('./v3-operator', [...remoteDb, 'cleanup', '--yes']);
console.log(`Done in ${secondsSince(started)}.`);
