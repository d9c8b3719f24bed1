// Everything around `operator status` but the database, in a process of its own: a chain with its oracles, a beacon node, signers,
// validator clients and an operator, each behind a link: node test/bench/fleet/fleet-world.ts OPTIONS. Prints its places as a line,
// ends with stdin.
import { createServer } from 'node:http';
import { startHealthServer } from '../../../src/operator/probes/probe-server.ts';
import { createOperatorStatus } from '../../../src/operator/probes/status.ts';
import { startDevnet } from '../../devnet/devnet.ts';
import { type ReceivedRequest, startServer } from '../../devnet/http-server.ts';
import { listenOnLoopback } from '../../devnet/listen.ts';
import { BEACON_CHAIN } from '../../devnet/network-file.ts';
import { describeOracleSet } from '../../devnet/oracle-set.ts';
import { startDelayProxy } from '../delay-proxy.ts';
import {
  DEPOSIT_DATA_ROOT,
  EXITED,
  FOREIGN,
  foreignKey,
  keysOfClients,
  LACKING,
  ORACLES,
  shareKey,
  THRESHOLD,
  TOKEN,
  UNUSED_IN,
  validatorKey,
} from './fleet-keys.ts';

export interface FleetWorldOptions {
  readonly validators: number;
  /** What every link adds to an answer. */
  readonly delayMs: number;
  readonly databaseUrl: string;
  /** Where the network file is written. */
  readonly networkFile: string;
  /** Address of the hot wallet. */
  readonly wallet: string;
}

/** Where everything is; all addresses are those of links. */
export interface FleetWorldPlaces {
  readonly databaseUrl: string;
  readonly executionUrl: string;
  readonly consensusUrl: string;
  readonly operatorUrl: string;
  /** Signers with every key; the second one has keys of others, too. */
  readonly signerUrls: readonly string[];
  /** A signer that lacks keys. */
  readonly lackingSignerUrl: string;
  readonly clientUrls: readonly string[];
  /** A second client #0, which has one key of client #1 in place of one of its own. */
  readonly wrongClientUrl: string;
  readonly vault: string;
  readonly oracles: readonly string[];
  readonly configIpfsHash: string;
}

const EPOCH = 2_000;
const BLOCK_SECONDS = 12;
const options: FleetWorldOptions = JSON.parse(process.argv[2] ?? '{}');
const { validators, delayMs } = options;
const hex = (key: Uint8Array) => `0x${Buffer.from(key).toString('hex')}`;

await using links = new AsyncDisposableStack();

/** The same address with another port: that of a link which leads there. */
async function link(url: string): Promise<string> {
  const target = new URL(url);
  const proxy = await startDelayProxy({ host: target.hostname, port: Number(target.port) }, delayMs);
  links.use(proxy);
  target.port = String(proxy.port);
  return target.href.replace(/\/$/, '');
}

/** A server whose answers are ready: it is there for 120 MB as soon as for nothing. */
async function serve(answers: Readonly<Record<string, readonly Buffer[]>>, token?: string): Promise<string> {
  const server = createServer((request, response) => {
    const body = answers[request.url ?? ''];
    const isAllowed = token === undefined || request.headers.authorization === `Bearer ${token}`;
    if (body === undefined || !isAllowed) {
      response.writeHead(isAllowed ? 404 : 403).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    for (const piece of body) response.write(piece);
    response.end();
  });
  const port = await listenOnLoopback(server);
  links.defer(() => {
    server.close();
    server.closeAllConnections();
  });
  return await link(`http://127.0.0.1:${port}`);
}

// --- signers ---

/** The members of a JSON list of these keys, each with the comma before it. */
function membersOf(keys: Iterable<Uint8Array>): Buffer {
  const pieces: Buffer[] = [];
  for (const key of keys) pieces.push(Buffer.from(`,"${hex(key)}"`));
  return Buffer.concat(pieces);
}

function* vaultKeys(): Generator<Buffer> {
  for (let index = 0; index < validators; index++) {
    yield validatorKey(index);
    for (let oracle = 0; oracle < ORACLES; oracle++) yield shareKey(index, oracle);
  }
}

const all = membersOf(vaultKeys());
const others = membersOf(Array.from({ length: FOREIGN }, (_, number) => foreignKey(number)));
const memberLength = all.length / (validators * (ORACLES + 1));
const [opened, closed] = [Buffer.from('['), Buffer.from(']')];
const signer = (...pieces: readonly Buffer[]) =>
  serve({ '/api/v1/eth2/publicKeys': [opened, ...pieces, closed] });
const signerUrls = [await signer(all.subarray(1)), await signer(all.subarray(1), others)];
const lackingSignerUrl = await signer(all.subarray(1 + LACKING * memberLength));

// --- validator clients ---

const byClient = keysOfClients(validators);

function client(keys: readonly Uint8Array[]): Promise<string> {
  const data = keys.map(key => ({ pubkey: hex(key), url: 'http://web3signer:9000', readonly: false }));
  const lists = { '/eth/v1/remotekeys': data, '/eth/v1/keystores': [] };
  const answers = Object.entries(lists).map(([path, list]) => [
    path,
    [Buffer.from(JSON.stringify({ data: list }))],
  ]);
  return serve(Object.fromEntries(answers), TOKEN);
}

const clientUrls: string[] = [];
for (const keys of byClient) clientUrls.push(await client(keys));
const [zero = [], one = []] = byClient;
const wrongClientUrl = await client([...zero.slice(1), ...one.slice(0, 1)]);

// --- the beacon node ---

const known = new Map<string, string>();
for (let index = 0; index < validators - validators / UNUSED_IN; index++) {
  const pubkey = hex(validatorKey(index));
  const described = {
    index: String(index),
    balance: '32000000000',
    status: index < EXITED ? 'withdrawal_done' : 'active_ongoing',
    validator: {
      pubkey,
      withdrawal_credentials: `0x01${'00'.repeat(31)}`,
      effective_balance: '32000000000',
      slashed: false,
      activation_eligibility_epoch: '1',
      activation_epoch: '10',
      exit_epoch: String(2n ** 64n - 1n),
      withdrawable_epoch: String(2n ** 64n - 1n),
    },
  };
  known.set(pubkey, JSON.stringify(described));
}

function beaconAnswer({ method, path, body }: ReceivedRequest): unknown {
  switch (`${method} ${path}`) {
    case 'GET /eth/v1/beacon/genesis':
      return { data: { genesis_validators_root: hex(BEACON_CHAIN.genesisValidatorsRoot) } };
    case 'GET /eth/v1/node/syncing':
      return { data: { head_slot: String(32 * EPOCH), sync_distance: '0', is_syncing: false } };
    case 'POST /eth/v1/beacon/states/head/validators': {
      const { ids } = JSON.parse(body) as { ids: string[] };
      const found = ids.flatMap(id => known.get(id) ?? []);
      return `{"execution_optimistic":false,"finalized":false,"data":[${found.join(',')}]}`;
    }
    default:
      return undefined;
  }
}

await using beacon = await startServer(request => {
  const body = beaconAnswer(request);
  return body === undefined ? { status: 404, body: {} } : { status: 200, body };
});

// --- the chain, its oracles, and an operator ---

await using devnet = await startDevnet({
  oracles: ORACLES,
  threshold: THRESHOLD,
  oracleServers: { instant: true },
});
const oracles = await Promise.all(
  devnet.oracleSet.oracles.map(async oracle => ({
    ...oracle,
    endpoints: await Promise.all(oracle.endpoints.map(link)),
  })),
);
const configIpfsHash = await devnet.publishOracleConfig(describeOracleSet(oracles, THRESHOLD));
await devnet.setBalance(options.wallet, 10n ** 18n);
await devnet.setDepositDataRoot(DEPOSIT_DATA_ROOT);
await devnet.writeNetworkFile(options.networkFile, { ipfsGateways: [await link(devnet.ipfs.url)] });
// Filling the database takes minutes, and a chain whose newest block is as old is not in order.
await devnet.protocol.provider.send('evm_setIntervalMining', [BLOCK_SECONDS]);
const status = createOperatorStatus(text => text);
status.enter('running');
await using probes = await startHealthServer({ host: '127.0.0.1', port: 0, name: 'health', status });

const places: FleetWorldPlaces = {
  databaseUrl: await link(options.databaseUrl),
  executionUrl: await link(devnet.rpcUrl),
  consensusUrl: await link(beacon.url),
  operatorUrl: await link(probes.url),
  signerUrls,
  lackingSignerUrl,
  clientUrls,
  wrongClientUrl,
  vault: devnet.addresses.vault,
  oracles: oracles.map(({ publicKey }) => hex(publicKey)),
  configIpfsHash,
};
console.log(JSON.stringify(places));
process.stdin.resume();
await new Promise(resolve => process.stdin.once('end', resolve));
