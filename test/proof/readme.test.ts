// The README's code blocks as a reader would run them: all of them, in their order, as they stand there. What stands for the
// reader's own machines (addresses, ports, the folder on tmpfs) is exchanged; nothing else is.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect } from 'vitest';
import { createDevnetCommands } from '../devnet/commands.ts';
import { type Devnet, startDevnet } from '../devnet/devnet.ts';
import { freePort } from '../devnet/listen.ts';
import { disposedAfterTest } from '../support/fixtures.ts';
import { it as base } from '../support/postgres/fixtures.ts';
import {
  COMPILE_CACHE,
  type DialogueStep,
  PROJECT_ROOT,
  runOnTerminal,
  withoutEscapes,
} from '../support/programs/cli.ts';
import { type OperatorProcess, startOperatorProcess } from '../support/programs/operator-process.ts';
import { waitUntil } from '../support/wait-until.ts';

const README = readFileSync(join(PROJECT_ROOT, 'README.md'), 'utf8');

interface Block {
  /** Heading above it. */
  readonly heading: string;
  readonly code: string;
}

function readBlocks(markdown: string): Block[] {
  let heading = '';
  const blocks: Block[] = [];
  for (const [, title, code] of markdown.matchAll(/^#+ ([^\n]+)$|^```bash\n(.*?)^```$/gms)) {
    if (title !== undefined) heading = title;
    if (code !== undefined) blocks.push({ heading, code });
  }
  return blocks;
}

/** The command lines of a block, continued ones joined. */
function linesOf(code: string): string[] {
  return code
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter(line => line !== '');
}

/** A shell that goes on from block to block: a folder that stands for the clone, a home, and what was exported. */
class Shell {
  readonly folder: string;
  readonly env: Record<string, string>;
  readonly #exchanged: readonly (readonly [string, string])[];

  constructor(folder: string, exchanged: readonly (readonly [string, string])[]) {
    this.folder = join(folder, 'clone');
    const home = join(folder, 'home');
    mkdirSync(this.folder);
    mkdirSync(home);
    for (const program of ['operator', 'v3-operator']) {
      symlinkSync(join(PROJECT_ROOT, program), join(this.folder, program));
    }
    this.env = {
      PATH: process.env.PATH ?? '',
      HOME: home,
      LANG: 'C.UTF-8',
      NODE_COMPILE_CACHE: COMPILE_CACHE,
    };
    this.#exchanged = exchanged;
  }

  /** The text with what stands in it for a reader's own machines exchanged. */
  own(code: string): string {
    return this.#exchanged.reduce((all, [from, to]) => all.replaceAll(from, to), code);
  }

  /** Runs a block, and keeps what it exports. @returns what was printed */
  async run(code: string): Promise<string> {
    const script = `set -euo pipefail\n${this.own(code)}\nenv -0 >&3`;
    const child = spawn('bash', ['-c', script], {
      cwd: this.folder,
      env: this.env,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    const streams = [child.stdout, child.stderr, child.stdio[3]] as NodeJS.ReadableStream[];
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject).once('close', resolve);
    });
    const [[stdout = '', stderr = '', variables = ''], exitCode] = await Promise.all([
      Promise.all(streams.map(stream => text(stream))),
      ended,
    ]);
    expect(exitCode, `${code}\n${stdout}${stderr}`).toBe(0);
    expect(errorsIn(stderr), code).toEqual([]);
    for (const variable of variables.split('\0')) {
      const at = variable.indexOf('=');
      if (at > 0) this.env[variable.slice(0, at)] = variable.slice(at + 1);
    }
    return stdout;
  }

  /** Runs a line of a launcher on a terminal. @returns what the terminal showed */
  async answer(line: string, dialogue: readonly DialogueStep[]): Promise<string> {
    const [launcher = '', ...args] = this.own(line).split(' ');
    expect(launcher).toBe('./operator');
    const { screen, exitCode } = await runOnTerminal(args, dialogue, { cwd: this.folder, env: this.env });
    expect(exitCode, `${line}\n${screen}`).toBe(0);
    expect(errorsIn(screen), line).toEqual([]);
    return screen;
  }

  /** Starts a line of a launcher that goes on until it is stopped. */
  start(line: string): OperatorProcess {
    const [launcher = '', command = '', ...args] = this.own(line).split(' ');
    expect(launcher).toBe('./operator');
    return startOperatorProcess(args, { env: this.env, words: [command] });
  }
}

/** Warnings that the README announces. */
const ANNOUNCED = [
  /^Warning: Only one execution endpoint is given/,
  /^Warning: \d+ of \d+ keystores are not in /,
  /^Warning: This validator client gets \d+ keys beside the \d+ in its files/,
];

/** Lines that would make a reader stop. */
function errorsIn(printed: string): string[] {
  // "error" alone is a word of mnemonics, too.
  const isTold = (line: string) =>
    /(?:error|warning|fatal):/i.test(line) || /\b(?:ERROR|WARN|WARNING|FATAL)\b/.test(line);
  return withoutEscapes(printed)
    .split('\n')
    .filter(line => isTold(line) && !ANNOUNCED.some(announced => announced.test(line)));
}

const it = base.extend(
  'devnet',
  disposedAfterTest(() => startDevnet({ name: 'readme', oracleServers: {} })),
);

/** Scrypt of fifteen keystores again and again, beside another test file. */
const PATIENCE = { timeout: 480_000 };

/** Where a reader's machines are, and in place of what. */
function ownMachines(memory: string, databaseUrl: string, signerPort: number): [string, string][] {
  return [
    ['postgresql://user:pass@host/operator', databaseUrl],
    ['/dev/shm/web3signer', join(memory, 'web3signer')],
    ['localhost:9000', `localhost:${signerPort}`],
    ['127.0.0.1:9000', `127.0.0.1:${signerPort}`],
  ];
}

/** Types the mnemonic where it is asked for. */
function typed(mnemonic: string): DialogueStep[] {
  return [{ on: 'Enter the mnemonic', type: `${mnemonic}\r` }];
}

/** The words that a terminal has shown in columns, each behind its number. */
function shownWords(screen: string): string {
  const words = withoutEscapes(screen).matchAll(/(\d+)\. ([a-z]+)/g);
  return [...words].map(([, , word]) => word).join(' ');
}

describe('README', () => {
  const blocks = readBlocks(README);
  const of = (heading: string | RegExp): Block[] =>
    blocks.filter(block =>
      typeof heading === 'string' ? block.heading === heading : heading.test(block.heading),
    );

  it('the README begins with the two commands that CI runs', () => {
    const ci = readFileSync(join(PROJECT_ROOT, '.ci/run'), 'utf8');
    const tried = of('Try it').map(({ code }) => code.trim());
    expect(tried).toEqual(['npm ci && npm run demo', 'npm ci && npm test']);
    // What it prints may go into a file first.
    const commands = ci.split('\n').map(line => line.replace(/ >.*/, ''));
    expect(commands).toEqual(expect.arrayContaining(['npm ci && npm test', 'npm run demo']));
  });

  it(
    'the README’s code blocks run as they stand there, from the mnemonic to a vault that has grown',
    PATIENCE,
    async ({ directory, devnet, empty }) => {
      const signerPort = await freePort();
      await using resources = new AsyncDisposableStack();
      const memory = mkdtempSync('/dev/shm/stakewise-readme-');
      resources.defer(() => rmSync(memory, { recursive: true }));
      const shell = new Shell(directory, ownMachines(memory, empty.url, signerPort));
      await using beacon = await devnet.startBeaconNode();
      await using world = createDevnetCommands(devnet, 32);
      const told: Block[] = [];
      const next = (heading: string): string[] => {
        const block = blocks.find(candidate => candidate.heading === heading && !told.includes(candidate));
        if (block === undefined) throw new Error(`the README has no further block under ${heading}`);
        told.push(block);
        return linesOf(block.code);
      };
      const vaultFolder = join(shell.env.HOME ?? '', '.stakewise', devnet.addresses.vault.toLowerCase());
      const depositData = join(vaultFolder, 'deposit_data.json');

      // The reader's own values.
      const networkFile = join(directory, 'network.json');
      await devnet.writeNetworkFile(networkFile);
      const values = {
        NETWORK: networkFile,
        VAULT: devnet.addresses.vault,
        EXECUTION_ENDPOINTS: devnet.rpcUrl,
        CONSENSUS_ENDPOINTS: beacon.url,
      };
      expect(next('Run it, machine by machine').map(line => /^export (\w+)=\S+$/.exec(line)?.[1])).toEqual(
        Object.keys(values),
      );
      Object.assign(shell.env, values);

      const [init = '', createKeys = '', createWallet = '', root = '', ...none] = next(
        '1. The air-gapped machine: keys',
      );
      expect(none).toEqual([]);
      let mnemonic = '';
      await shell.answer(init, [
        { on: 'Choose your mnemonic language', type: '\r' },
        {
          on: 'Press any key',
          type: screen => {
            mnemonic = shownWords(screen);
            return ' ';
          },
        },
        { on: /confirm|Please type/i, type: () => `${mnemonic}\r` },
      ]);
      expect(mnemonic.split(' ')).toHaveLength(24);
      await shell.answer(createKeys, typed(mnemonic));
      await shell.answer(createWallet, typed(mnemonic));
      const rootShown = await shell.run(root);
      const set = await world.run(`root ${depositData}`);
      expect(rootShown).toContain(/0x[0-9a-f]{64}/.exec(set)?.[0]);

      await shell.run(next('2. The admin machine or CI: the database').join('\n'));
      await shell.run(next('3. The signer host').join('\n'));
      await using signer = shell.start(next('3. The signer host').join('\n'));
      await signer.printed('Signing exits');
      await shell.run(next('4. The host of a validator client').join('\n'));
      const keysOfClient = () =>
        readFileSync(join(shell.folder, 'validator0/validator_definitions.yml'), 'utf8').match(
          /voting_public_key/g,
        )?.length;
      expect(keysOfClient()).toBe(5);

      const [database = '', start = ''] = next('5. The operator');
      await shell.run(database);
      await world.run(`fund ${join(vaultFolder, 'wallet/wallet.json')}`);
      await world.run('deposit 320');
      await registerAll(devnet, 10, () => shell.start(start));

      // The vault grows.
      const grows = 'When the vault grows';
      await shell.answer(next(grows).join('\n'), typed(mnemonic));
      await shell.run(next(grows).join('\n'));
      await world.run(`root ${depositData}`);
      await shell.run(next(grows).join('\n'));
      expect(keysOfClient()).toBe(8);
      await signer.stop();
      await using again = shell.start(linesOf(of('3. The signer host')[1]?.code ?? '').join('\n'));
      await again.printed('Signing exits');
      await world.run('deposit 160');
      await registerAll(devnet, 15, () => shell.start(start));

      // The end.
      await world.run('skip 300');
      await shell.run(next('Leave again').join('\n'));
      const [recover = ''] = next('Leave again');
      await shell.answer(recover, typed(mnemonic));
      await again.stop();
      await world.run(`keymanager ${signerPort}`);
      const [setup = ''] = next('Without a database');
      await shell.answer(setup, [{ on: '[Y/n]', type: '\r' }]);

      expect(told).toEqual(blocks.filter(({ heading }) => heading !== 'Try it'));
    },
  );
});

/** Runs an operator until the vault has so many validators. */
async function registerAll(devnet: Devnet, validators: number, start: () => OperatorProcess): Promise<void> {
  await using operator = start();
  await waitUntil(
    `${validators} registered validators`,
    async () => (await devnet.readVaultLog()).registered.length === validators,
    { lastSeen: () => operator.output },
  );
  expect((await operator.stop()).exitCode).toBe(0);
}
