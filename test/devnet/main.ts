import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { createDevnetCommands } from './commands.ts';
import { controlSocketPath, sendCommand, serveCommands } from './control-socket.ts';
import { type Devnet, startDevnet } from './devnet.ts';

/**
 * `npm run devnet`: starts a devnet, prints where everything is and what to do with it, and runs until it is interrupted.
 * Commands are taken from stdin, and from `npm run devnet -- COMMAND` in another terminal.
 * Options: --vault-version, --oracles, --threshold, --block-time (seconds), --slots-per-epoch, --rpc-port, --ipfs-port,
 * --beacon-port.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'vault-version': { type: 'string', default: '1' },
    oracles: { type: 'string', default: '4' },
    threshold: { type: 'string', default: '3' },
    'block-time': { type: 'string' },
    'rpc-port': { type: 'string', default: '8545' },
    'ipfs-port': { type: 'string', default: '8080' },
    'beacon-port': { type: 'string', default: '5052' },
    'slots-per-epoch': { type: 'string', default: '32' },
  },
});
const socketPath = controlSocketPath(Number(values['rpc-port']));

try {
  if (positionals.length === 0) await run();
  else await tellRunning(positionals.join(' '));
} catch (error) {
  console.error(`Error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function tellRunning(line: string): Promise<void> {
  const answer = await sendCommand(socketPath, line);
  process.stdout.write(answer);
  if (answer.startsWith('Error: ')) process.exitCode = 1;
}

async function run(): Promise<void> {
  const stopped = new Promise<void>(resolve => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
  for (const option of ['rpc-port', 'ipfs-port', 'beacon-port'] as const)
    await assertFree(option, Number(values[option]));
  const directory = await mkdtemp(join(tmpdir(), 'devnet-'));
  try {
    const slotsPerEpoch = Number(values['slots-per-epoch']);
    const blockTime = values['block-time'] === undefined ? undefined : Number(values['block-time']);
    await using devnet = await startDevnet({
      slotsPerEpoch,
      vaultVersion: Number(values['vault-version']),
      oracles: Number(values.oracles),
      threshold: Number(values.threshold),
      oracleServers: {},
      rpcPort: Number(values['rpc-port']),
      ipfsPort: Number(values['ipfs-port']),
      ...(blockTime === undefined ? {} : { blockTime }),
    });
    await using beacon = await devnet.startBeaconNode({ port: Number(values['beacon-port']) });
    const networkFile = join(directory, 'network.json');
    await devnet.writeNetworkFile(networkFile);
    await using commands = createDevnetCommands(devnet, slotsPerEpoch * (blockTime ?? 1));
    await using _socket = await serveCommands(socketPath, line => commands.run(line));
    printPlaces(devnet, beacon.url);
    console.log(`network file     ${networkFile}`);
    printGuide(devnet, { directory, networkFile, beaconUrl: beacon.url });
    console.log(`\nCommands, here or in another terminal behind "npm run devnet --":\n\n${commands.list}`);
    console.log('Stops with Ctrl-C.');
    const lines = createInterface({ input: process.stdin });
    lines.on('line', line => {
      if (line.trim() === '') return;
      commands.run(line).then(console.log, (error: Error) => console.error(`Error: ${error.message}`));
    });
    await stopped;
    lines.close();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** @throws Error with a sentence that names the option */
async function assertFree(option: string, port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'is in use' : `cannot be listened on (${code})`;
    throw new Error(`Port ${port} ${why}: name another one with --${option}.`);
  }
  await new Promise(resolve => server.close(resolve));
}

function printPlaces(devnet: Devnet, beaconUrl: string): void {
  console.log(`execution node   ${devnet.rpcUrl} (chain id ${devnet.chainId})`);
  console.log(`beacon node      ${beaconUrl}`);
  console.log(`IPFS gateway     ${devnet.ipfs.url}`);
  for (const [name, value] of Object.entries(devnet.addresses)) console.log(`${name.padEnd(28)} ${value}`);
  console.log(`oracle config    ${devnet.oracleSet.configIpfsHash}`);
  for (const { key, replicas } of devnet.oracles.servers) {
    console.log(`oracle           ${key.address} ${replicas.map(({ url }) => url).join(' ')}`);
  }
}

/** Lines to copy, from an empty vault to a validator. */
function printGuide(
  devnet: Devnet,
  places: { readonly directory: string; readonly networkFile: string; readonly beaconUrl: string },
): void {
  const { vault } = devnet.addresses;
  const dataDir = join(places.directory, 'data');
  const own = join(dataDir, vault.toLowerCase());
  console.log(`
To copy into another terminal:

export NETWORK=${places.networkFile} VAULT=${vault} DATA_DIR=${dataDir}
export EXECUTION_ENDPOINTS=${devnet.rpcUrl} CONSENSUS_ENDPOINTS=${places.beaconUrl}
./operator init --language english
./operator create-keys --count 2
./operator create-wallet
npm run devnet -- fund ${join(own, 'wallet', 'wallet.json')}
npm run devnet -- root ${join(own, 'deposit_data.json')}
npm run devnet -- deposit 64
./operator start`);
}
