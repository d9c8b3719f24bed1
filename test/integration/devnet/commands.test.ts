import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseEther } from 'ethers/utils';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { createDevnetCommands, type DevnetCommands } from '../../devnet/commands.ts';
import { depositTreeRoot } from '../../devnet/deposit-data.ts';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';
import { freePort, listenOnLoopback } from '../../devnet/listen.ts';
import { it } from '../../support/fixtures.ts';
import { PROJECT_ROOT } from '../../support/programs/cli.ts';
import { waitUntil } from '../../support/wait-until.ts';

const SECONDS_PER_EPOCH = 32;
const ACCOUNT = '0x000000000000000000000000000000000000dEaD';

describe('the commands of a devnet', () => {
  let devnet: Devnet;
  let commands: DevnetCommands;

  beforeAll(async () => {
    devnet = await startDevnet({ oracles: 4, threshold: 3, oracleServers: {} });
    commands = createDevnetCommands(devnet, SECONDS_PER_EPOCH);
  });
  afterAll(async () => {
    await commands[Symbol.asyncDispose]();
    await devnet.stop();
  });

  it('fund gives an account ether', async () => {
    expect(await commands.run(`fund ${ACCOUNT} 2.5`)).toBe(`${ACCOUNT} has 2.5 ETH`);
    expect(await devnet.protocol.provider.getBalance(ACCOUNT)).toBe(parseEther('2.5'));
  });

  it('root sets the deposit data root of the vault', async () => {
    const root = `0x${'12'.repeat(32)}`;
    await commands.run(`root ${root}`);
    const vault = devnet.protocol.at('VaultV1', devnet.addresses.vault);
    expect(await vault.getFunction('validatorsRoot').staticCall()).toBe(root);
  });

  it('root finds the root of a deposit data file as the operator’s vectors have it, and names a file that is missing', async ({
    directory,
  }) => {
    const { vault, trees } = JSON.parse(
      readFileSync(join(PROJECT_ROOT, 'test/vectors/v3-operator/02-merkle/trees.json'), 'utf8'),
    );
    for (const tree of trees) {
      if (tree.n > 0) expect(depositTreeRoot(vault, tree.deposit_data)).toBe(tree.root);
    }
    const path = join(directory, 'deposit_data.json');
    writeFileSync(path, JSON.stringify(trees[0].deposit_data));
    const root = depositTreeRoot(devnet.addresses.vault, trees[0].deposit_data);
    expect(await commands.run(`root ${path}`)).toBe(`The deposit data root of the vault is ${root}`);
    await expect(commands.run(`root ${path}.none`)).rejects.toThrowError('ENOENT');
  });

  it('deposit brings the vault assets', async () => {
    expect(await commands.run('deposit 64')).toBe('The vault has 64.0 ETH');
  });

  it('oracles changes the oracle set, two thirds of which approve when nothing else is said', async () => {
    expect(await commands.run('oracles 6')).toContain('6 oracles, 4 of them approve');
    expect(devnet.oracleSet.oracles).toHaveLength(6);
    await commands.run('oracles 5 2');
    expect(devnet.oracleSet).toMatchObject({ threshold: 2 });
  });

  it('rewards are published for the vault', async () => {
    expect(await commands.run('rewards 3')).toMatch(/^The vault has earned 3 ETH; rewards root 0x/);
  });

  it('skip lets the clock of the chain go on', async () => {
    const timestamp = async () => (await devnet.protocol.provider.getBlock('latest'))?.timestamp ?? 0;
    const before = await timestamp();
    expect(await commands.run('skip 256')).toBe('256 epochs later');
    expect((await timestamp()) - before).toBeGreaterThanOrEqual(256 * SECONDS_PER_EPOCH);
  });

  it('keymanager starts a signer that lists keys', async () => {
    const answer = await commands.run('keymanager 0');
    const url = /http:\S+$/.exec(answer)?.[0] ?? '';
    expect(await (await fetch(`${url}/eth/v1/keystores`)).json()).toEqual({ data: [] });
  });

  it.each([
    ['fund', 'fund ADDRESS|FILE [ETHER]: '],
    ['deposit much', "deposit ETHER: 'much' is not a number"],
    ['root ./none.json', 'root FILE|ROOT: '],
    ['toString', "There is no command 'toString'; there are fund, root, deposit, "],
  ])('the command "%s" says how it is written', async (line, message) => {
    await expect(commands.run(line)).rejects.toThrowError(message);
  });

  it('the list of commands has a line for each of them', () => {
    expect(commands.list.match(/^ {2}\w+/gm)?.map(name => name.trim())).toEqual([
      'fund',
      'root',
      'deposit',
      'oracles',
      'rewards',
      'skip',
      'keymanager',
    ]);
  });
});

describe('npm run devnet', () => {
  const main = (args: readonly string[]) =>
    spawn(process.execPath, [join(PROJECT_ROOT, 'test/devnet/main.ts'), ...args], {
      cwd: PROJECT_ROOT,
      env: { PATH: process.env.PATH },
    });

  it('the devnet ends its greeting with lines to copy, and takes commands from stdin and from another process', async () => {
    const [rpc, ipfs, beacon] = [await freePort(), await freePort(), await freePort()];
    const ports = ['--rpc-port', String(rpc), '--ipfs-port', String(ipfs), '--beacon-port', String(beacon)];
    const devnet = main(ports);
    const ended = once(devnet, 'exit');
    try {
      let output = '';
      for (const stream of [devnet.stdout, devnet.stderr]) {
        stream.on('data', (chunk: Buffer) => {
          output += chunk.toString();
        });
      }
      const printed = (what: string) =>
        waitUntil(`"${what}"`, () => output.includes(what), { lastSeen: () => output });
      await printed('Stops with Ctrl-C.');
      expect(output).toMatch(/^export NETWORK=\S+ VAULT=0x\w{40} DATA_DIR=\S+$/m);
      expect(output).toMatch(/^\.\/operator create-keys --count 2$/m);
      expect(output).toMatch(/^npm run devnet -- root \S+deposit_data\.json$/m);
      devnet.stdin.write('deposit 32\n');
      await printed('The vault has 32.0 ETH');
      const other = main([...ports, 'deposit', '32']);
      expect(await text(other.stdout)).toBe('The vault has 64.0 ETH\n');
      const wrong = main([...ports, 'nothing']);
      expect(await text(wrong.stdout)).toMatch(/^Error: There is no command 'nothing'/);
    } finally {
      devnet.kill('SIGINT');
      await ended;
    }
  });

  it.each(['rpc-port', 'ipfs-port', 'beacon-port'])(
    'a port that is in use is told in a sentence with its option: --%s',
    async option => {
      const server = createServer();
      const port = await listenOnLoopback(server);
      try {
        const others = ['rpc-port', 'ipfs-port', 'beacon-port'].filter(name => name !== option);
        const free = await Promise.all(others.map(async name => [`--${name}`, String(await freePort())]));
        const devnet = main([`--${option}`, String(port), ...free.flat()]);
        const [stderr, [exitCode]] = await Promise.all([text(devnet.stderr), once(devnet, 'exit')]);
        expect(stderr).toBe(`Error: Port ${port} is in use: name another one with --${option}.\n`);
        expect(exitCode).toBe(1);
      } finally {
        server.close();
      }
    },
  );

  it('a command finds no devnet where none runs', async () => {
    const lost = main(['--rpc-port', String(await freePort()), 'deposit', '32']);
    expect(await text(lost.stderr)).toContain('start one with "npm run devnet"');
  });
});
