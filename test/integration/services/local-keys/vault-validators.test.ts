import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { concatBytes } from '../../../../src/lib/bytes.ts';
import { BUILT_IN } from '../../../../src/networks/built-in.ts';
import { VaultValidators } from '../../../../src/services/local-keys/vault-validators.ts';
import { type IpfsGateway, startIpfsGateway } from '../../../devnet/ipfs-gateway.ts';
import {
  connectViews,
  startVersion5Views,
  type Version5Views,
} from '../../../support/scenes/version-5-views.ts';
import { startPrunedNode } from '../../../support/servers/pruned-node.ts';

/** Blocks from one epoch to the next; what is finalized is two epochs behind the head. */
const SLOTS_PER_EPOCH = 4;

const key = (seed: number) => new Uint8Array(48).fill(seed);
const seeds = (keys: readonly Uint8Array[]) => keys.map(([first]) => first);

let views: Version5Views;
let gateway: IpfsGateway;
beforeAll(async () => {
  gateway = await startIpfsGateway();
});
afterAll(() => gateway.stop());
beforeEach(async () => {
  const started = await startVersion5Views({ slotsPerEpoch: SLOTS_PER_EPOCH });
  views = started;
  return () => started[Symbol.asyncDispose]();
});

function open(
  node: Version5Views['node'],
  dump?: { readonly ipfsHash: string; readonly block: number },
): VaultValidators {
  const { contracts } = BUILT_IN.mainnet;
  return new VaultValidators(
    { node, http: {} },
    {
      vault: views.addresses.ViewedVault,
      network: {
        contracts: { ...contracts, keeperGenesisBlock: 0, genesisVault: undefined },
        vaultValidatorsDump: dump,
        ipfsGateways: [gateway.url],
      },
      dumpTimeoutMs: 5_000,
    },
  );
}

const finalize = () => views.request('anvil_mine', [`0x${(3 * SLOTS_PER_EPOCH).toString(16)}`]);

function record(block: number, vault: string, seed: number): Uint8Array {
  const bytes = Buffer.alloc(72);
  bytes.writeUInt32BE(block);
  bytes.write(vault.slice(2), 4, 'hex');
  bytes.fill(seed, 24);
  return bytes;
}

describe('validators of a vault', () => {
  it('VaultValidators tells what is finalized from what is not, and reads what is finalized once', async () => {
    await views.send('ViewedVault', 'register', key(1));
    await views.send('ViewedVault', 'registerV2', key(2), 32n);
    await finalize();
    await views.send('ViewedVault', 'registerV2', key(3), 32n);
    await views.send('ViewedVault', 'fund', key(3), 1n);
    await using pruned = await startPrunedNode(views.rpcUrl, () => true);
    const node = await connectViews(pruned.url);
    try {
      const validators = open(node);
      const first = await validators.read(await views.blockNumber());
      expect(seeds(first.finalized)).toEqual([1, 2]);
      expect(seeds(first.late)).toEqual([3]);
      const [, [lateFrom = 0] = []] = pruned.searches;
      await finalize();
      await views.send('ViewedVault', 'register', key(4));
      const before = pruned.searches.length;
      const second = await validators.read(await views.blockNumber());
      expect(seeds(second.finalized)).toEqual([1, 2, 3]);
      expect(seeds(second.late)).toEqual([4]);
      expect(pruned.searches.slice(before).every(([from]) => from >= lateFrom)).toBe(true);
    } finally {
      node.destroy();
    }
  });

  it('VaultValidators begins behind the dump on a node that keeps no older logs', async () => {
    await views.send('ViewedVault', 'register', key(1));
    const dumped = await views.send('ViewedVault', 'registerV2', key(2), 32n);
    const { ViewedVault: vault, ViewedKeeper: other } = views.addresses;
    const ipfsHash = await gateway.add(
      concatBytes([record(1, vault, 1), record(2, other, 77), record(dumped, vault, 2)]),
    );
    await views.send('ViewedVault', 'registerV2', key(3), 32n);
    await finalize();
    const isKept = (block: number) => block > dumped;
    await using pruned = await startPrunedNode(views.rpcUrl, isKept);
    const node = await connectViews(pruned.url);
    try {
      const read = await open(node, { ipfsHash, block: dumped }).read(await views.blockNumber());
      expect(seeds(read.finalized)).toEqual([1, 2, 3]);
      expect(pruned.searches.every(([from]) => from > dumped)).toBe(true);
      await expect(open(node).read(await views.blockNumber())).rejects.toMatchObject({ code: 'rpc-error' });
    } finally {
      node.destroy();
    }
  });

  it('VaultValidators gives no list where the dump cannot be had, and begins anew', async () => {
    await views.send('ViewedVault', 'register', key(1));
    await finalize();
    const ipfsHash = await gateway.add(record(1, views.addresses.ViewedVault, 9));
    const validators = open(views.node, { ipfsHash, block: 1 });
    gateway.fault = 'down';
    await expect(validators.read(await views.blockNumber())).rejects.toMatchObject({
      code: 'ipfs-unavailable',
    });
    gateway.fault = undefined;
    expect(seeds((await validators.read(await views.blockNumber())).finalized)).toEqual([9, 1]);
  });

  it('VaultValidators asks a chain that is not as far as the dump for its logs', async () => {
    await views.send('ViewedVault', 'register', key(1));
    await finalize();
    const validators = open(views.node, { ipfsHash: 'bafy', block: 1_000_000 });
    expect(seeds((await validators.read(await views.blockNumber())).finalized)).toEqual([1]);
  });
});
