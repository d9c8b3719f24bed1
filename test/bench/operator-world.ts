// The world around an operator in a process of its own, told what to do over IPC: a chain (anvil, one more process), its
// oracles, a beacon node, an IPFS gateway, and a proxy before the chain that takes down what was asked when.
import { type Devnet, startDevnet } from '../devnet/devnet.ts';
import { startRpcProxy } from '../devnet/rpc-proxy.ts';

const SLOT_SECONDS = 1;

export interface WorldOptions {
  readonly oracles: number;
  readonly threshold: number;
  readonly slotsPerEpoch: number;
  /** Default: 1. */
  readonly vaultVersion?: number;
  /** Whether the beacon chain has the rules since Electra, and the network what vaults of version 5 need. */
  readonly electra?: boolean;
}

/** Something that happened: a block of the chain, a call of a node, a request to an oracle. */
export interface Mark {
  readonly what: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** CPU time that this process has used. */
  readonly cpuMs: number;
}

export interface WorldPlaces {
  readonly rpcUrl: string;
  readonly beaconUrl: string;
  readonly vault: string;
}

export type WorldMethod =
  | Extract<
      keyof Devnet,
      | 'depositEther'
      | 'registerCompounding'
      | 'registerDirectly'
      | 'setBalance'
      | 'setDepositDataRoot'
      | 'setValidatorsManager'
      | 'updateOracles'
      | 'writeNetworkFile'
    >
  | keyof typeof own;

interface WorldCall {
  readonly id: number;
  readonly method: WorldMethod;
  readonly args: readonly never[];
}

const options: WorldOptions = JSON.parse(process.argv[2] ?? '{}');
const devnet: Devnet = await startDevnet({ ...options, oracleServers: { instant: true } });
const beacon = options.electra ? await devnet.startElectraNode() : await devnet.startBeaconNode();
const proxy = await startRpcProxy(devnet.rpcUrl);
let marks: Mark[] = [];
let beaconCalls = 0;

function mark(what: string): void {
  const { user, system } = process.cpuUsage();
  marks.push({ what, atMs: performance.timeOrigin + performance.now(), cpuMs: (user + system) / 1000 });
}

proxy.onRequest = ({ method }) => mark(method);
devnet.oracles.onRequest = (_, { method, path }) => mark(`oracle ${method} ${path.slice(0, 11)}`);
const blocks = new WebSocket(devnet.rpcUrl.replace('http', 'ws'));
blocks.onopen = () =>
  blocks.send(JSON.stringify({ id: 1, jsonrpc: '2.0', method: 'eth_subscribe', params: ['newHeads'] }));
blocks.onmessage = () => mark('block');

const own = {
  async startSlots() {
    await devnet.protocol.provider.send('evm_setIntervalMining', [SLOT_SECONDS]);
    devnet.protocol.pace.isPaced = true;
  },
  /** What happened since the last time; the calls of the beacon node, whose times are not known, come last. */
  async takeMarks() {
    for (const { method, path } of beacon.requests.slice(beaconCalls)) mark(`beacon ${method} ${path}`);
    beaconCalls = beacon.requests.length;
    const taken = marks;
    marks = [];
    return taken;
  },
};

process.on('message', async ({ id, method, args }: WorldCall) => {
  const target = method in own ? own : devnet;
  const call = target[method as keyof typeof target] as (...given: readonly unknown[]) => Promise<unknown>;
  try {
    process.send?.({ id, result: await call.apply(target, [...args]) });
  } catch (error) {
    process.send?.({ id, error: String(error) });
  }
});
process.on('disconnect', async () => {
  blocks.close();
  await Promise.all([beacon, proxy].map(one => one[Symbol.asyncDispose]()));
  await devnet.stop();
  process.exit();
});
const places: WorldPlaces = { rpcUrl: proxy.url, beaconUrl: beacon.url, vault: devnet.addresses.vault };
process.send?.({ id: 0, result: places });
