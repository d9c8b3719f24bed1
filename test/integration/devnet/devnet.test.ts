import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect } from 'vitest';
import { startDevnet } from '../../devnet/devnet.ts';
import { it } from '../../support/fixtures.ts';
import { waitUntil } from '../../support/wait-until.ts';

async function readHead(rpcUrl: string): Promise<number> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(rpcUrl, { method: 'POST', headers, body });
  return Number(((await answer.json()) as { result: string }).result);
}

describe('startDevnet', () => {
  it('the devnet’s network file has every address', async ({ directory }) => {
    await using devnet = await startDevnet({
      vaultVersion: 5,
      oracles: 3,
      threshold: 2,
      chainId: 4242,
      name: 'tiny',
    });
    const path = join(directory, 'network.json');
    await devnet.writeNetworkFile(path);
    const network = JSON.parse(await readFile(path, 'utf8'));
    expect(network).toMatchObject({
      name: 'tiny',
      chainId: 4242,
      ipfsGateways: [devnet.ipfs.url],
      secondsPerSlot: 1,
    });
    const { vault: _vault, ...contracts } = devnet.addresses;
    expect(network.contracts).toEqual(contracts);
    for (const address of Object.values(contracts).filter(value => typeof value === 'string')) {
      expect(await devnet.protocol.provider.getCode(address)).not.toBe('0x');
    }
  });

  it('the devnet publishes oracle sets, in IPFS and on the chain', async () => {
    await using devnet = await startDevnet({ oracles: 3, threshold: 2 });
    const before = devnet.oracleSet;
    const after = await devnet.updateOracles({ count: 5, threshold: 4 });
    expect(after.oracles.slice(0, 3)).toEqual(before.oracles);
    const document = await (await fetch(`${devnet.ipfs.url}/ipfs/${after.configIpfsHash}`)).json();
    expect(document).toMatchObject({ exit_signature_recover_threshold: 4 });
    const keeper = devnet.protocol.at('Keeper', devnet.addresses.keeper);
    expect(await keeper.getFunction('totalOracles').staticCall()).toBe(5n);
    const replaced = await devnet.updateOracles({ count: 2, threshold: 1, replace: true });
    expect(replaced.oracles.some(oracle => after.oracles.includes(oracle))).toBe(false);
    expect(await keeper.getFunction('totalOracles').staticCall()).toBe(2n);
    expect(await keeper.getFunction('validatorsMinOracles').staticCall()).toBe(1n);
  });

  it('the devnet mines at a pace when told to', async () => {
    await using devnet = await startDevnet({ oracles: 1, threshold: 1, blockTime: 1 });
    const before = await readHead(devnet.rpcUrl);
    await waitUntil('two blocks that nobody asked for', async () => {
      const head = await readHead(devnet.rpcUrl);
      return head >= before + 2;
    });
    expect(await readHead(devnet.rpcUrl)).toBeGreaterThanOrEqual(before + 2);
  });

  it('the devnet leaves nothing running when it is stopped', async () => {
    const devnet = await startDevnet({ oracles: 1, threshold: 1 });
    await devnet.stop();
    await expect(fetch(devnet.rpcUrl)).rejects.toThrow();
    await expect(fetch(devnet.ipfs.url)).rejects.toThrow();
  });
});

describe('npm run devnet', () => {
  it('npm run devnet prints where everything is and ends with an interrupt', async () => {
    const program = join(import.meta.dirname, '../../devnet/main.ts');
    const child = spawn(
      process.execPath,
      [program, '--rpc-port', '0', '--ipfs-port', '0', '--beacon-port', '0'],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    try {
      const lines: string[] = [];
      for await (const line of createInterface({ input: child.stdout })) {
        lines.push(line);
        if (line.startsWith('Stops')) break;
      }
      const find = (label: string) =>
        lines
          .find(line => line.startsWith(label))
          ?.slice(label.length)
          .trim() ?? '';
      const rpcUrl = find('execution node').split(' ')[0] ?? '';
      expect(await readHead(rpcUrl)).toBeGreaterThan(0);
      const [, oracleUrl = ''] = find('oracle  ').split(' ');
      for (const url of [oracleUrl, `${find('beacon node')}/eth/v1/node/syncing`]) {
        expect((await fetch(url)).status).toBe(200);
      }
      const networkFile = find('network file');
      expect(JSON.parse(await readFile(networkFile, 'utf8'))).toMatchObject({
        name: 'devnet',
        chainId: 31_337,
      });
      const ended = once(child, 'exit');
      child.kill('SIGINT');
      expect(await ended).toEqual([0, null]);
      expect(existsSync(networkFile)).toBe(false);
      await expect(fetch(rpcUrl)).rejects.toThrow();
    } finally {
      child.kill('SIGKILL');
    }
  });
});
