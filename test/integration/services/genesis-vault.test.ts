// The network's genesis vault took over the validators of the StakeWise V2 pool: the pool's own event tells of them, and
// they withdraw to the pool's escrow.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AbiCoder, getAddress, id } from 'ethers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { deriveSecretKey, publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { mnemonicToSeed } from '../../../src/domain/keys/mnemonic.ts';
import { type BeaconNode, startBeaconNode } from '../../devnet/beacon-node.ts';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';
import { mined } from '../../devnet/mined.ts';
import { temporaryDirectory } from '../../support/programs/cli.ts';
import { unseenResults } from '../../support/programs/json-results.ts';
import { type StandingProgram, startStandingProgram } from '../../support/programs/standing-program.ts';
import { credentialsOf, EXIT_CHAIN } from '../../support/scenes/signing-fixtures.ts';

const MNEMONIC = `${'abandon '.repeat(23)}art`;
const seed = mnemonicToSeed(MNEMONIC);
const [first = new Uint8Array(), second = new Uint8Array(), foreign = new Uint8Array()] = [0, 1, 9].map(
  index => publicKeyOf(deriveSecretKey(seed, index)),
);
const V2_POOL = getAddress(`0x${'71'.repeat(20)}`);
const ESCROW = getAddress(`0x${'72'.repeat(20)}`);
/** A contract that logs what it is called with: the first word as the topic, the rest as the data. */
const LOG_CALLDATA = '0x366000600037600051602036036020a100';

const resources = new AsyncDisposableStack();
const folder = resources.use(temporaryDirectory());
let devnet: Devnet;
let beacon: BeaconNode;
let program: StandingProgram;
beforeAll(async () => {
  program = resources.use(startStandingProgram());
  devnet = resources.use(await startDevnet({ name: 'genesis', oracles: 3, threshold: 2 }));
  beacon = resources.use(await startBeaconNode(EXIT_CHAIN, { firstIndex: 100n }));
  const { owner, provider } = devnet.protocol;
  await provider.send('anvil_setCode', [V2_POOL, LOG_CALLDATA]);
  for (const publicKey of [first, foreign]) {
    const data = AbiCoder.defaultAbiCoder().encode(['bytes', 'address'], [publicKey, owner.address]);
    const topic = id('ValidatorRegistered(bytes,address)');
    await mined(provider, await owner.sendTransaction({ to: V2_POOL, data: topic + data.slice(2) }));
  }
  const { vault } = devnet.addresses;
  await devnet.emitRegistrations([second], vault);
  beacon.addValidator(first, { withdrawalCredentials: credentialsOf(ESCROW) });
  beacon.addValidator(second, { withdrawalCredentials: credentialsOf(vault) });
  writeFileSync(join(folder.path, 'mnemonic'), MNEMONIC, { mode: 0o600 });
});
afterAll(() => resources.disposeAsync());

/** A network file in which the vault is the genesis vault, or another one is. */
async function writeNetwork(name: string, genesisVault: string): Promise<string> {
  const path = join(folder.path, `${name}.json`);
  await devnet.writeNetworkFile(path);
  const network = JSON.parse(readFileSync(path, 'utf8'));
  Object.assign(network.contracts, { genesisVault, v2Pool: V2_POOL, v2PoolEscrow: ESCROW });
  writeFileSync(path, JSON.stringify(network));
  return path;
}

async function recoverAndExit(name: string, networkFile: string) {
  const { vault } = devnet.addresses;
  const local = ['--vault', vault, '--data-dir', join(folder.path, name)];
  const run = async (...args: string[]) => {
    const done = await program.run([...args, ...local, '--consensus-endpoints', beacon.url, '--json']);
    expect(done.exitCode, done.stderr).toBe(0);
    return JSON.parse(done.stdout);
  };
  const recovered = await run(
    'recover',
    '--network',
    networkFile,
    '--execution-endpoints',
    devnet.rpcUrl,
    '--no-confirm',
    '--mnemonic-file',
    join(folder.path, 'mnemonic'),
    '--kdf',
    'pbkdf2',
    '--search-limit',
    '5',
  );
  const keystores = readdirSync(join(folder.path, name, vault.toLowerCase(), 'keystores'));
  expect(keystores.filter(file => file.endsWith('.json'))).toHaveLength(recovered.recovered.length);
  return { recovered, exit: await run('validators-exit', '--dry-run') };
}

it('recover and validators-exit find the V2 pool’s validators for the genesis vault', async () => {
  const network = await writeNetwork('genesis', devnet.addresses.vault);
  const { recovered, exit } = await recoverAndExit('own', network);
  // The pool's other operators have keys of their own.
  expect(recovered).toMatchObject({ registered: 3, notFound: 1, recovered: [{ index: 0 }, { index: 1 }] });
  expect(exit).toMatchObject({ planned: [100, 101] });
});

it('recover and validators-exit find nothing of the V2 pool for another vault', async () => {
  const network = await writeNetwork('other', getAddress(`0x${'73'.repeat(20)}`));
  const { recovered, exit } = await recoverAndExit('others', network);
  expect(recovered).toMatchObject({ registered: 1, recovered: [{ index: 1 }] });
  expect(exit).toMatchObject({ planned: [101] });
});

it('recover has shown its result with --json as its schema says', () => {
  expect(unseenResults(import.meta.filename)).toEqual([]);
});
