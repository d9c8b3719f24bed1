import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectBeaconNode } from '../../../src/clients/beacon/beacon-node.ts';
import { BeaconSnapshotReader } from '../../../src/clients/beacon/beacon-snapshot.ts';
import { fetchHead } from '../../../src/clients/execution/block-headers.ts';
import { fetchVaultV5State } from '../../../src/clients/execution/contracts/vault-v5.ts';
import { readOneHead } from '../../../src/clients/one-head.ts';
import { startVersion5Views, type Version5Views } from '../../support/scenes/version-5-views.ts';
import { startServer, type TestServer } from '../../support/servers/http-server.ts';

const ROOT = `0x${'d3'.repeat(32)}`;
const NOBODY = `0x${'00'.repeat(20)}`;

interface ExecutionBlock {
  readonly number: number;
  readonly hash: string;
}

let views: Version5Views;
beforeAll(async () => {
  views = await startVersion5Views();
});
afterAll(() => views[Symbol.asyncDispose]());

/** A beacon node whose head is built upon a block. */
function startBeacon(blockOf: () => ExecutionBlock | Promise<ExecutionBlock>): Promise<TestServer> {
  return startServer(async ({ path }) => {
    const { number, hash } = await blockOf();
    const message = { slot: String(number), state_root: ROOT };
    const payload = { block_number: String(number), block_hash: hash, timestamp: '1' };
    const answers: Readonly<Record<string, unknown>> = {
      '/eth/v1/beacon/genesis': { genesis_validators_root: ROOT },
      '/eth/v1/node/syncing': { head_slot: String(number), sync_distance: '0', is_syncing: false },
      '/eth/v1/beacon/headers/head': { root: hash, header: { message } },
      [`/eth/v1/beacon/headers/${number}`]: { root: hash, header: { message } },
      [`/eth/v1/beacon/blinded_blocks/${hash}`]: {
        message: { ...message, body: { execution_payload_header: payload } },
      },
    };
    const data = answers[path];
    return data === undefined ? { status: 404 } : { body: JSON.stringify({ data }) };
  });
}

async function openReader(...servers: TestServer[]): Promise<BeaconSnapshotReader> {
  const node = await connectBeaconNode(
    {},
    {
      endpoints: servers.map(({ url }) => url),
      slotsPerEpoch: 32,
      timeoutMs: 2_000,
      retryTimeoutMs: 0,
      genesisValidatorsRoot: new Uint8Array(32).fill(0xd3),
    },
  );
  return new BeaconSnapshotReader(node);
}

const numberOf = async ({ head }: { readonly head: { readonly executionBlock: ExecutionBlock } }) =>
  head.executionBlock.number;

describe('both chains as of one head', () => {
  it('readOneHead reads contracts at the block of the beacon head, whatever the chain has since', async () => {
    await views.send('ViewedVault', 'set', NOBODY, 7n, 0n);
    const block = await fetchHead(views.node);
    await using server = await startBeacon(() => block);
    const beacon = await openReader(server);
    await views.send('ViewedVault', 'set', NOBODY, 8n, 0n);
    const refs = { vault: views.addresses.ViewedVault, keeper: views.addresses.ViewedKeeper };
    const nonce = await readOneHead({ beacon, node: views.node }, async ({ head }) => {
      const where = {
        multicall: views.addresses.ViewedMulticall,
        blockNumber: head.executionBlock.number,
      };
      return (await fetchVaultV5State(views.node, refs, where)).validatorsManagerNonce;
    });
    expect(nonce).toBe(7n);
  });

  it('readOneHead asks another beacon node where the execution node lacks the block, or has another one', async () => {
    const block = await fetchHead(views.node);
    await using ahead = await startBeacon(() => ({ number: block.number + 9, hash: `0x${'11'.repeat(32)}` }));
    await using elsewhere = await startBeacon(() => ({ number: block.number, hash: `0x${'22'.repeat(32)}` }));
    await using same = await startBeacon(() => block);
    const { node } = views;
    await expect(readOneHead({ beacon: await openReader(ahead), node }, numberOf)).rejects.toMatchObject({
      code: 'node-behind',
      retryable: true,
    });
    await expect(readOneHead({ beacon: await openReader(elsewhere), node }, numberOf)).rejects.toMatchObject({
      code: 'chain-heads-differ',
      retryable: true,
    });
    const beacon = await openReader(ahead, elsewhere, same);
    expect(await readOneHead({ beacon, node }, numberOf)).toBe(block.number);
  });

  it('readOneHead gives nothing when the block is gone after reading', async () => {
    const snapshot = await views.request('evm_snapshot', []);
    await views.send('ViewedVault', 'set', NOBODY, 9n, 0n);
    const block = await fetchHead(views.node);
    await using server = await startBeacon(() => block);
    const beacon = await openReader(server);
    const reading = readOneHead({ beacon, node: views.node }, async () => {
      await views.request('evm_revert', [snapshot]);
      await views.send('ViewedVault', 'set', NOBODY, 10n, 0n);
    });
    await expect(reading).rejects.toMatchObject({ code: 'chain-heads-differ' });
  });
});
