import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startDevnet } from './devnet.ts';

/**
 * `npm run devnet`: starts a devnet, prints where everything is and runs until it is interrupted.
 * Options: --vault-version, --oracles, --threshold, --block-time (seconds), --slots-per-epoch, --rpc-port, --ipfs-port,
 * --beacon-port.
 */
const { values } = parseArgs({
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

const stopped = new Promise<void>(resolve => {
  process.once('SIGINT', () => resolve());
  process.once('SIGTERM', () => resolve());
});
const directory = await mkdtemp(join(tmpdir(), 'devnet-'));
try {
  await using devnet = await startDevnet({
    vaultVersion: Number(values['vault-version']),
    oracles: Number(values.oracles),
    threshold: Number(values.threshold),
    slotsPerEpoch: Number(values['slots-per-epoch']),
    oracleServers: {},
    rpcPort: Number(values['rpc-port']),
    ipfsPort: Number(values['ipfs-port']),
    ...(values['block-time'] === undefined ? {} : { blockTime: Number(values['block-time']) }),
  });
  await using beacon = await devnet.startBeaconNode({ port: Number(values['beacon-port']) });
  const networkFile = join(directory, 'network.json');
  await devnet.writeNetworkFile(networkFile);
  console.log(`execution node   ${devnet.rpcUrl} (chain id ${devnet.chainId})`);
  console.log(`beacon node      ${beacon.url}`);
  console.log(`IPFS gateway     ${devnet.ipfs.url}`);
  for (const [name, value] of Object.entries(devnet.addresses)) console.log(`${name.padEnd(28)} ${value}`);
  console.log(`oracle config    ${devnet.oracleSet.configIpfsHash}`);
  for (const { key, replicas } of devnet.oracles.servers) {
    console.log(`oracle           ${key.address} ${replicas.map(({ url }) => url).join(' ')}`);
  }
  console.log(`network file     ${networkFile}`);
  console.log('Stops with Ctrl-C.');
  await stopped;
} finally {
  await rm(directory, { recursive: true, force: true });
}
