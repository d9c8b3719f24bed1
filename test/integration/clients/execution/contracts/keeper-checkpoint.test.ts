import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchConfigEvent, type KeeperRef } from '../../../../../src/clients/execution/contracts/keeper.ts';
import { findKeeperEvents, NO_EVENTS } from '../../../../../src/clients/execution/contracts/keeper-events.ts';
import type { ExecutionNode } from '../../../../../src/clients/execution/execution-node.ts';
import {
  connectViews,
  startVersion5Views,
  type Version5Views,
} from '../../../../support/scenes/version-5-views.ts';
import { type PrunedNode, startPrunedNode } from '../../../../support/servers/pruned-node.ts';

let views: Version5Views;
let configBlock: number;
let rewardsBlock: number;
let checkpoint: number;
let ref: KeeperRef;
beforeAll(async () => {
  views = await startVersion5Views();
  await views.send('ViewedKeeper', 'updateConfig', 'first');
  rewardsBlock = await views.send('ViewedKeeper', 'updateRewards', new Uint8Array(32).fill(1), 'old');
  await views.send('ViewedKeeper', 'updateExitSignatures', views.addresses.ViewedVault, 'old');
  configBlock = await views.send('ViewedKeeper', 'updateConfig', 'second');
  await views.request('anvil_mine', ['0x32']);
  checkpoint = await views.blockNumber();
  await views.request('anvil_mine', ['0x14']);
  ref = {
    keeper: views.addresses.ViewedKeeper,
    keeperGenesisBlock: 0,
    keeperCheckpoint: { block: checkpoint, configUpdatedBlock: configBlock },
  };
});
afterAll(() => views[Symbol.asyncDispose]());

/** A client of a node that keeps the logs of these blocks only. */
async function withPruned(
  isKept: (block: number) => boolean,
  use: (node: ExecutionNode, pruned: PrunedNode) => Promise<void>,
): Promise<void> {
  await using pruned = await startPrunedNode(views.rpcUrl, isKept);
  const node = await connectViews(pruned.url);
  try {
    await use(node, pruned);
  } finally {
    node.destroy();
  }
}

describe('the keeper with a checkpoint', () => {
  it('fetchConfigEvent needs no logs before the checkpoint but those of one block', async () => {
    await withPruned(
      block => block === configBlock || block > checkpoint,
      async (node, { searches }) => {
        const event = await fetchConfigEvent(node, ref);
        expect(event).toMatchObject({ ipfsHash: 'second', blockNumber: configBlock });
        expect(searches).toEqual([
          [checkpoint + 1, await views.blockNumber()],
          [configBlock, configBlock],
        ]);
      },
    );
  });

  it('fetchConfigEvent asks the same node, without a checkpoint, for blocks that it does not keep', async () => {
    await withPruned(
      block => block === configBlock || block > checkpoint,
      async node => {
        const { keeperCheckpoint: _, ...bare } = ref;
        await expect(fetchConfigEvent(node, bare)).rejects.toMatchObject({ code: 'rpc-error' });
      },
    );
  });

  it.each([false, true])(
    'an event that the node has pruned is no missing one (silent: %s)',
    async isSilent => {
      await withPruned(
        block => block > checkpoint,
        async (node, pruned) => {
          pruned.isSilent = isSilent;
          await expect(fetchConfigEvent(node, ref)).rejects.toMatchObject({
            code: isSilent ? 'logs-pruned' : 'rpc-error',
            message: expect.stringContaining(isSilent ? `of block ${configBlock}` : 'pruned history'),
          });
        },
      );
    },
  );

  it('a head up to the checkpoint has the same event, and one before it is searched', async () => {
    const at = (toBlock: number) => fetchConfigEvent(views.node, ref, { toBlock });
    expect((await at(checkpoint))?.ipfsHash).toBe('second');
    expect((await at(checkpoint - 3))?.ipfsHash).toBe('second');
    expect((await at(configBlock))?.ipfsHash).toBe('second');
    expect((await at(configBlock - 1))?.ipfsHash).toBe('first');
  });

  it('findKeeperEvents takes what is behind the checkpoint, and no update of exit signatures before it', async () => {
    const vault = views.addresses.ViewedVault;
    const kinds = ['config', 'exitSignatures'] as const;
    await withPruned(
      block => block === configBlock || block > checkpoint,
      async node => {
        const options = { toBlock: await views.blockNumber(), kinds, known: NO_EVENTS };
        expect(await findKeeperEvents(node, { ...ref, vault }, options)).toMatchObject({
          config: { ipfsHash: 'second', blockNumber: configBlock },
          exitSignatures: null,
        });
        const config = await views.send('ViewedKeeper', 'updateConfig', 'third');
        const update = await views.send('ViewedKeeper', 'updateExitSignatures', vault, 'new');
        const later = { ...options, toBlock: update };
        expect(await findKeeperEvents(node, { ...ref, vault }, later)).toMatchObject({
          config: { ipfsHash: 'third', blockNumber: config },
          exitSignatures: { ipfsHash: 'new', blockNumber: update },
        });
      },
    );
  });

  it('findKeeperEvents looks for rewards behind the checkpoint first, and before it when there are none', async () => {
    const vault = views.addresses.ViewedVault;
    const find = async (node: ExecutionNode) => {
      const options = { toBlock: await views.blockNumber(), kinds: ['rewards'] as const, known: NO_EVENTS };
      return (await findKeeperEvents(node, { ...ref, vault }, options)).rewards;
    };
    expect(await find(views.node)).toMatchObject({ ipfsHash: 'old', blockNumber: rewardsBlock });
    const update = await views.send('ViewedKeeper', 'updateRewards', new Uint8Array(32).fill(2), 'new');
    await withPruned(
      block => block > checkpoint,
      async (node, { searches }) => {
        expect(await find(node)).toMatchObject({ ipfsHash: 'new', blockNumber: update });
        expect(searches).toEqual([[checkpoint + 1, update]]);
      },
    );
  });
});
