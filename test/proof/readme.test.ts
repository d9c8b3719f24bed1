// The README's code blocks as a reader would run them: all of them, in their order, as they stand there. What stands for the
// reader's own machines (addresses, ports, the folder on tmpfs) is exchanged; nothing else is.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { createDevnetCommands } from '../devnet/commands.ts';
import { type Devnet, startDevnet } from '../devnet/devnet.ts';
import { freePort } from '../devnet/listen.ts';
import { type CodeBlock, commandLines, readMarkdownPage } from '../support/documentation/markdown-page.ts';
import { ReaderShell } from '../support/documentation/reader-shell.ts';
import { disposedAfterTest } from '../support/fixtures.ts';
import { it as base } from '../support/postgres/fixtures.ts';
import { type DialogueStep, PROJECT_ROOT, withoutEscapes } from '../support/programs/cli.ts';
import type { OperatorProcess } from '../support/programs/operator-process.ts';
import { waitUntil } from '../support/wait-until.ts';

/** Warnings that the README announces. */
const ANNOUNCED = [
  /^Warning: Only one execution endpoint is given/,
  /^Warning: \d+ of \d+ keystores are not in /,
  /^Warning: This validator client gets \d+ keys beside the \d+ in its files/,
];

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
  const blocks = readMarkdownPage('README.md').blocks.filter(({ language }) => language === 'bash');
  const of = (heading: string | RegExp): CodeBlock[] =>
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
      const shell = new ReaderShell(directory, {
        exchanged: ownMachines(memory, empty.url, signerPort),
        announced: ANNOUNCED,
      });
      await using beacon = await devnet.startBeaconNode();
      await using world = createDevnetCommands(devnet, 32);
      const told: CodeBlock[] = [];
      const next = (heading: string): string[] => {
        const block = blocks.find(candidate => candidate.heading === heading && !told.includes(candidate));
        if (block === undefined) throw new Error(`the README has no further block under ${heading}`);
        told.push(block);
        return commandLines(block.code);
      };
      const vaultFolder = join(shell.home, '.stakewise', devnet.addresses.vault.toLowerCase());
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
      await using again = shell.start(commandLines(of('3. The signer host')[1]?.code ?? '').join('\n'));
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
