// npm run demo: keys are made and distributed by the remote database, the operator registers validators with them, rotates
// their exits and harvests, the vault grows twice, a fleet drifts and is mended, and in the end the validators exit and the vault is recovered. Everything by the real launchers,
// on a local chain and database; every written file is read by its consumer's rules, and all that happens is checked on the
// chain, with code that the program does not share.
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevnet } from '../devnet/devnet.ts';
import { openDemoDatabase } from './demo-database.ts';
import { distributeKeys } from './distribute-keys.ts';
import { growVault } from './grow-vault.ts';
import { operate } from './operate.ts';
import { operateWithoutFile } from './operate-without-file.ts';
import { createChapters, createRunner, secondsSince } from './runner.ts';
import { exitValidators, signWithWrittenFiles } from './signing-path.ts';
import { watchFleet } from './watch-fleet.ts';

const KEYS = 6;
/** How many keys come to the vault each time that it grows, and how often it does. */
const GROWTH = 2;
const GROWTHS = 2;
const ORACLES = { count: 11, threshold: 8 };

const started = performance.now();
await using resources = new AsyncDisposableStack();
const folder = mkdtempSync(join(tmpdir(), 'stakewise-demo-'));
resources.defer(() => rmSync(folder, { recursive: true, force: true }));
// Key files belong on a memory file system.
const keyFolder = mkdtempSync(
  join(statSync('/dev/shm', { throwIfNoEntry: false }) ? '/dev/shm' : folder, 'stakewise-demo-keys-'),
);
resources.defer(() => rmSync(keyFolder, { recursive: true, force: true }));

console.log(`The StakeWise Operator, from an empty vault to validators that exit

  1  Keys, deposit data and a wallet are made, as on a machine without network.
  2  The keys go to a database, and from there to signers, validator clients and the operator.
  3  A signer signs with the files that were written.
  4  The operator registers validators, rotates their exit signatures and harvests rewards.
  5  Vaults of version 5 need no deposit data: their validators get 300 and 32 ETH, are topped up,
     partially withdrawn, and exit.
  6  Two signers and three validator clients have 30 keys. Five things happen to them, as they do in
     the field: status, doctor and the page say each, and what they say mends it.
  7  The other validators exit, and their vault is recovered from its mnemonic.

Everything lies in DEMO=${folder}, which is removed at the end. "npm run demo -- --verbose" shows all that the programs say.

Starting the devnet: anvil, the protocol in small, an IPFS gateway, and a database.`);
const devnet = resources.use(
  await startDevnet({
    name: 'demo',
    vaultVersion: 1,
    oracles: ORACLES.count,
    threshold: ORACLES.threshold,
    oracleServers: {},
    blockTime: 1,
    slotsPerEpoch: 2,
  }),
);
const beacon = resources.use(await devnet.startBeaconNode());
const { url: databaseUrl } = resources.use(await openDemoDatabase());
const { vault } = devnet.addresses;
const networkFile = join(folder, 'network.json');
const dbUrlFile = join(folder, 'db-url');
const mnemonicFile = join(folder, 'mnemonic');
const dataDir = join(folder, 'data');
await devnet.writeNetworkFile(networkFile);
writeFileSync(dbUrlFile, databaseUrl, { mode: 0o600 });
console.log(
  `Devnet at ${devnet.rpcUrl}, vault ${vault}, ${ORACLES.threshold} of ${ORACLES.count} oracles recover an exit.\n`,
);

const run = createRunner(folder);
const { chapter, durations } = createChapters();
const local = ['--vault', vault, '--data-dir', dataDir];
await chapter('Keys, deposit data and a wallet', async () => {
  const init = ['init', '--network', networkFile, '--language', 'english', '--no-verify', ...local];
  const words = await run('./operator', init, { isSecret: true });
  writeFileSync(mnemonicFile, `${words.trim()}\n`, { mode: 0o600 });
  const mnemonic = ['--mnemonic-file', mnemonicFile];
  await run('./operator', ['create-keys', '--count', String(KEYS), ...mnemonic, ...local]);
  await run('./operator', ['create-wallet', ...mnemonic, ...local]);
  const root = /0x[0-9a-f]{64}/.exec(await run('./operator', ['get-validators-root', ...local]))?.[0] ?? '';
  await devnet.setDepositDataRoot(root);
  console.log(`The vault's admin sets the deposit data root ${root} on the chain.\n`);
});

const remoteDb = ['remote-db', '--db-url-file', dbUrlFile, ...local];
const operatorFolder = join(dataDir, vault.toLowerCase());
await chapter('The keys go to the remote database, and from there to all who need them', () =>
  distributeKeys({
    run,
    remoteDb,
    vault,
    folder,
    keyFolder,
    operatorFolder,
    networkFile,
    keys: KEYS,
    executionUrl: devnet.rpcUrl,
    oracles: ORACLES,
  }),
);
const scene = {
  run,
  chapter,
  devnet,
  beacon,
  vault,
  local,
  folder,
  dataDir,
  keyFolder,
  operatorFolder,
  networkFile,
  dbUrlFile,
  keys: KEYS,
  oracles: ORACLES,
};
await chapter('The built-in signer', () => signWithWrittenFiles(scene));
await operate(scene);
for (let growth = 1; growth <= GROWTHS; growth++) {
  await chapter(`The vault grows, ${growth} of ${GROWTHS}`, () =>
    growVault({ ...scene, remoteDb, mnemonicFile, count: GROWTH }),
  );
}
await operateWithoutFile(scene);
const picture = await chapter('A fleet drifts, and is mended', () => watchFleet({ ...scene, databaseUrl }));
await chapter('The validators exit, and the vault is recovered', async () => {
  await exitValidators({ ...scene, keys: KEYS + GROWTHS * GROWTH });
  await run('./v3-operator', [...remoteDb, 'cleanup', '--yes']);
});
console.log(
  `${durations.join('\n')}\nDone in ${secondsSince(started)}. A picture of the fleet's page is left: ${picture}`,
);
