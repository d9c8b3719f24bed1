import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keeperAbi } from '../../../src/clients/execution/contracts/keeper.ts';
import { concatBytes } from '../../../src/lib/bytes.ts';
import { runCli } from '../../support/programs/cli.ts';
import { type OperatorScene, startOperatorScene } from '../../support/scenes/operator-scene.ts';
import { startPrunedNode } from '../../support/servers/pruned-node.ts';
import { waitUntil } from '../../support/wait-until.ts';

/** Ether of one validator. */
const STAKE = 32;
/** Blocks behind the head whose logs the least of nodes keeps. */
const KEPT_BLOCKS = 40;
/** A start on a node without old logs takes no longer. */
const LIMIT_MS = 30_000;

let scene: OperatorScene;
beforeAll(async () => {
  scene = await startOperatorScene({ validators: 4 });
});
afterAll(() => scene[Symbol.asyncDispose]());

/** A record of the network's validators: written by hand, apart from the reader. */
function record(block: number, publicKey: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(52);
  bytes.writeUInt32BE(block);
  bytes.set(publicKey, 4);
  return bytes;
}

describe('start on a node that keeps no old logs', () => {
  it('begins with the checkpoints of the network, and registers the next validator', async () => {
    const { devnet, networkFile } = scene;
    const { provider, addresses } = devnet.protocol;
    const registered = async () => (await devnet.readVaultLog()).registered.length;
    const start = (rpcUrl: string, dataDir: string) => {
      const args = [...scene.args];
      args[args.indexOf('--execution-endpoints') + 1] = rpcUrl;
      args[args.indexOf('--data-dir') + 1] = dataDir;
      return runCli(['start', '--once', ...args], { env: { ORACLES_VALIDATORS_TIMEOUT: '40' } });
    };
    await devnet.depositEther(2 * STAKE);
    const before = await start(devnet.rpcUrl, scene.dataDir);
    expect(before.exitCode, before.stderr).toBe(0);
    expect(await registered()).toBe(2);

    const topic = keeperAbi.getEvent('ConfigUpdated')?.topicHash ?? '';
    const configs = await provider.getLogs({ address: addresses.keeper, topics: [topic], fromBlock: 0 });
    const configUpdatedBlock = configs.at(-1)?.blockNumber ?? 0;
    const validators = await devnet.deposits.listValidators();
    const block = Math.max(...validators.map(({ blockNumber }) => blockNumber));
    await waitUntil(
      'the deposits to be final',
      async () => ((await provider.getBlock('finalized'))?.number ?? 0) > block,
    );
    const dump = concatBytes(validators.map(({ blockNumber, publicKey }) => record(blockNumber, publicKey)));
    const network = JSON.parse(readFileSync(networkFile, 'utf8'));
    network.contracts.keeperCheckpoint = { block, configUpdatedBlock };
    network.genesisValidatorsIpfsHash = await devnet.ipfs.add(dump);
    writeFileSync(networkFile, JSON.stringify(network));

    // What a registration looks back at, in case that its block was reorganised, every node keeps.
    await provider.send('anvil_mine', [`0x${KEPT_BLOCKS.toString(16)}`]);
    await devnet.depositEther(STAKE);
    const isKept = (one: number) => one > block || one === configUpdatedBlock;
    await using pruned = await startPrunedNode(devnet.rpcUrl, isKept);
    const beganAt = performance.now();
    const after = await start(pruned.url, scene.writeDataDir('pruned'));
    const tookMs = performance.now() - beganAt;
    expect(after.exitCode, after.stderr).toBe(0);
    expect(await registered()).toBe(3);
    expect(pruned.searches.filter(([from, to]) => !(isKept(from) && isKept(to)))).toEqual([]);
    expect(tookMs).toBeLessThan(LIMIT_MS);
  });
});
