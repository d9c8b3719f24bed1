import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ExecutionNode } from '../../../../src/clients/execution/execution-node.ts';
import { oracleSetHash } from '../../../../src/domain/protocol/oracle-config.ts';
import type { AcceptedOracleSet } from '../../../../src/services/oracles/accepted-oracle-sets.ts';
import {
  OracleSetGuard,
  type OracleSetGuardOptions,
} from '../../../../src/services/oracles/oracle-set-guard.ts';
import { type Devnet, startDevnet } from '../../../devnet/devnet.ts';
import { createOracleKey, describeOracleSet } from '../../../devnet/oracle-set.ts';
import type { OracleLie } from '../../../devnet/rpc-lies.ts';
import { type RpcProxy, startRpcProxy } from '../../../devnet/rpc-proxy.ts';
import { recordingLog } from '../../../support/recording-log.ts';

const RETRY_MS = 1_000;

let devnet: Devnet;
let nodes: readonly RpcProxy[];
let voters: readonly ExecutionNode[];
const resources = new AsyncDisposableStack();
beforeAll(async () => {
  devnet = resources.use(await startDevnet({ oracles: 3, threshold: 2 }));
  nodes = await Promise.all([1, 2].map(() => startRpcProxy(devnet.rpcUrl)));
  for (const node of nodes) resources.use(node);
  voters = nodes.map(({ url }) => {
    const options = { chainId: devnet.chainId, timeoutMs: 2_000, retryTimeoutMs: 0 };
    return resources.use(new ExecutionNode({}, { endpoints: [url], ...options }));
  });
});
afterAll(() => resources.disposeAsync());

/** What the guard has said, and the time that it is told. */
interface Bench {
  readonly guard: OracleSetGuard;
  /** Level and text of every line. */
  readonly said: () => string[];
  readonly shown: boolean[];
  readonly remembered: AcceptedOracleSet[];
  changes: number;
  nowMs: number;
}

function openGuard(
  options: Partial<OracleSetGuardOptions> & { readonly accepted?: AcceptedOracleSet } = {},
): Bench {
  const { accepted, ...more } = options;
  const { log, lines } = recordingLog();
  const said = () => lines.map(({ level, text }) => `${level} ${text}`);
  const guard = new OracleSetGuard(
    {
      voters,
      http: {},
      log,
      accepted: {
        find: async () => accepted,
        remember: async set => void bench.remembered.push(set),
      },
      showUnconfirmed: isUnconfirmed => void bench.shown.push(isUnconfirmed),
      countChange: () => void bench.changes++,
      now: () => bench.nowMs,
    },
    {
      contracts: devnet.addresses,
      ipfs: { gateways: [devnet.ipfs.url], timeoutMs: 2_000 },
      retryAfterMs: RETRY_MS,
      ...more,
    },
  );
  const bench: Bench = { guard, said, shown: [], remembered: [], changes: 0, nowMs: 0 };
  return bench;
}

const node = (index: number): RpcProxy => {
  const found = nodes[index];
  if (found === undefined) throw new Error(`no node ${index}`);
  return found;
};
const asked = () => nodes.reduce((sum, { bodies }) => sum + bodies, 0);
const current = () => devnet.oracleSet.configIpfsHash;
const addressesOf = (config: { oracles: readonly { address: string }[] }) =>
  config.oracles.map(({ address }) => address.toLowerCase());
const currentAddresses = () => devnet.oracleSet.oracles.map(({ address }) => address);

/** An event of a set that the keeper has never had, in the block that is the head now. */
async function lie(): Promise<OracleLie> {
  const keys = [0, 1, 2].map(createOracleKey);
  const ipfsHash = await devnet.ipfs.add(JSON.stringify(describeOracleSet(keys, 2)));
  const head = await devnet.protocol.provider.getBlock('latest');
  const event = { ipfsHash, blockNumber: head?.number ?? 0, blockHash: head?.hash ?? '' };
  return { keeper: devnet.addresses.keeper, event, oracles: keys.map(({ address }) => address) };
}

beforeEach(() => {
  for (const { faults } of nodes)
    for (const name of Object.keys(faults)) delete (faults as Record<string, unknown>)[name];
});

describe('the set of oracles that exit shards are made for', () => {
  it('OracleSetGuard asks for an oracle set once, also for several tasks, and no more as long as a node names it', async () => {
    const { guard, said, shown, remembered } = openGuard();
    const before = node(0).methods.filter(method => method === 'eth_getLogs').length;
    const [one, other] = await Promise.all([guard.configFor(current()), guard.configFor(current())]);
    expect(addressesOf(one)).toEqual(currentAddresses());
    expect(other).toBe(one);
    expect(node(0).methods.filter(method => method === 'eth_getLogs').length - before).toBe(1);
    expect(remembered).toHaveLength(1);
    expect(said()).toEqual([
      expect.stringMatching(/^info Accepted oracle set 0x[0-9a-f]{64}: 3 oracles, threshold 2/),
    ]);
    expect(shown).toEqual([false]);
    const [sent, documents] = [asked(), devnet.ipfs.requests.length];
    for (let round = 0; round < 5; round++) expect(await guard.configFor(current())).toBe(one);
    expect(asked()).toBe(sent);
    expect(devnet.ipfs.requests.length).toBe(documents);
  });

  it('OracleSetGuard keeps its oracle set while another is not confirmed, and asks again with growing pauses', async () => {
    const bench = openGuard();
    const { guard, said, shown } = bench;
    const honest = await guard.configFor(current());
    const told = await lie();
    const { event } = told;
    node(0).faults.lies = told;
    const named = event?.ipfsHash ?? '';
    const votes: number[] = [];
    for (; bench.nowMs < 20 * RETRY_MS; bench.nowMs += RETRY_MS / 2) {
      const before = asked();
      expect(await guard.configFor(named)).toBe(honest);
      if (asked() > before) votes.push(bench.nowMs / RETRY_MS);
    }
    expect(votes).toEqual([0, 1, 3, 7, 15]);
    expect(shown.at(-1)).toBe(true);
    const warnings = said().filter(line => line.startsWith('warn'));
    expect(warnings).toEqual([
      expect.stringMatching(
        /^warn A new oracle set is not confirmed, 0x[0-9a-f]{64} stays in use: .* agree on/,
      ),
    ]);
    expect(warnings[0]).toContain(`${node(0).url} names ${named} of block ${event?.blockNumber}`);
    expect(warnings[0]).toContain(`${node(1).url} names ${current()} of block`);

    expect(await guard.configFor(current())).toBe(honest);
    expect(shown.at(-1)).toBe(false);
    expect(bench.changes).toBe(0);
  });

  it('OracleSetGuard takes another oracle set when the endpoints agree, and says, counts and remembers it', async () => {
    const bench = openGuard();
    const { guard, said, remembered } = bench;
    await guard.configFor(current());
    const { oracles } = await devnet.updateOracles({ count: 4, threshold: 3 });
    const config = await guard.configFor(current());
    expect(addressesOf(config)).toEqual(oracles.map(({ address }) => address));
    expect(bench.changes).toBe(1);
    expect(said().at(-1)).toMatch(
      /^warn Oracle set changed from 0x[0-9a-f]{64} to 0x[0-9a-f]{64}: 4 oracles/,
    );
    expect(remembered.map(({ configIpfsHash }) => configIpfsHash).at(-1)).toBe(current());
  });

  it('OracleSetGuard takes the remembered oracle set without a question, also while all other nodes are out', async () => {
    const first = openGuard();
    await first.guard.configFor(current());
    const [accepted] = first.remembered;
    if (accepted === undefined) throw new Error('nothing was remembered');
    for (const { faults } of nodes) faults.down = true;
    const second = openGuard({ accepted });
    const before = asked();
    expect(addressesOf(await second.guard.configFor(current()))).toEqual(currentAddresses());
    expect(asked()).toBe(before);
    // Another one has to be confirmed, which nobody can do now.
    expect(addressesOf(await second.guard.configFor('QmSomethingElse'))).toEqual(currentAddresses());
    expect(second.shown.at(-1)).toBe(true);
  });

  it('OracleSetGuard does not take a remembered oracle set whose document has other oracles', async () => {
    const accepted = {
      setHash: new Uint8Array(32).fill(7),
      configIpfsHash: current(),
      eventBlock: 1,
      eventBlockHash: new Uint8Array(32),
    };
    const { guard } = openGuard({ accepted });
    await expect(guard.configFor(current())).rejects.toMatchObject({
      code: 'oracle-set-unconfirmed',
      retryable: true,
    });
  });

  it('OracleSetGuard has no oracle set until the endpoints agree', async () => {
    const bench = openGuard();
    node(0).faults.lies = await lie();
    await expect(bench.guard.begin(current())).rejects.toMatchObject({ code: 'oracle-set-unconfirmed' });
    expect(bench.shown).toEqual([true]);
    delete node(0).faults.lies;
    bench.nowMs += RETRY_MS;
    expect(addressesOf(await bench.guard.begin(current()))).toEqual(currentAddresses());
    expect(bench.shown.at(-1)).toBe(false);
  });

  it('OracleSetGuard takes the pinned oracle set only, at the start and later', async () => {
    const { oracles, threshold } = devnet.oracleSet;
    const pinnedHash = oracleSetHash({ exitSignatureRecoverThreshold: threshold, oracles });
    const pinned = openGuard({ pinnedHash });
    const config = await pinned.guard.begin(current());
    const before = pinned.remembered[0];
    await devnet.updateOracles({ count: 3, threshold: 2 });
    expect(await pinned.guard.configFor(current())).toBe(config);
    expect(pinned.shown.at(-1)).toBe(true);
    if (before === undefined) throw new Error('nothing was remembered');
    for (const accepted of [undefined, before]) {
      const again = openGuard(accepted === undefined ? { pinnedHash } : { pinnedHash, accepted });
      await expect(again.guard.begin(current())).rejects.toMatchObject({
        code: 'oracle-set-hash-mismatch',
        exitCode: 1,
      });
    }
    // What was remembered under another pin is as good as nothing.
    const other = openGuard({ pinnedHash: new Uint8Array(32), accepted: before });
    await expect(other.guard.configFor(before.configIpfsHash)).rejects.toMatchObject({
      code: 'oracle-set-hash-mismatch',
    });
  });
});
