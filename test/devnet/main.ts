import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startDevnet } from './devnet.ts';

/**
 * `npm run devnet`: starts a devnet, prints where everything is and runs until it is interrupted.
 * Options: --vault-version, --oracles, --threshold, --block-time (seconds), --rpc-port, --ipfs-port.
 */
const { values } = parseArgs({
  options: {
    'vault-version': { type: 'string', default: '1' },
    oracles: { type: 'string', default: '4' },
    threshold: { type: 'string', default: '3' },
    'block-time': { type: 'string' },
    'rpc-port': { type: 'string', default: '8545' },
    'ipfs-port': { type: 'string', default: '8080' },
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
    rpcPort: Number(values['rpc-port']),
    ipfsPort: Number(values['ipfs-port']),
    ...(values['block-time'] === undefined ? {} : { blockTime: Number(values['block-time']) }),
  });
  const networkFile = join(directory, 'network.json');
  await devnet.writeNetworkFile(networkFile);
  console.log(`execution node   ${devnet.rpcUrl} (chain id ${devnet.chainId})`);
  console.log(`IPFS gateway     ${devnet.ipfs.url}`);
  for (const [name, value] of Object.entries(devnet.addresses)) console.log(`${name.padEnd(28)} ${value}`);
  console.log(`oracle config    ${devnet.oracleSet.configIpfsHash}`);
  console.log(`network file     ${networkFile}`);
  console.log('Stops with Ctrl-C.');
  await stopped;
} finally {
  await rm(directory, { recursive: true, force: true });
}
