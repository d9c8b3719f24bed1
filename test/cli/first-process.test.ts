// A command as the first process of a container, which gets no signal that it does not listen for.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { spawn as spawnTerminal } from '@lydell/node-pty';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { listenOnLoopback } from '../devnet/listen.ts';
import { it } from '../support/fixtures.ts';
import { PROJECT_ROOT } from '../support/programs/cli.ts';
import { inContainer, requireNamespaces } from '../support/programs/namespaces.ts';
import { waitUntil } from '../support/wait-until.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
/** The recorded vault's. */
const MNEMONIC =
  'okay session silver direct slot fun meat life cargo fall muffin convince discover together apart token ten suffer science sponsor fruit abandon cause diamond';
const RECORDED = join(PROJECT_ROOT, 'test/vectors/v3-operator/01-create-keys');
const SIGNALS = [
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const;

/** A server that takes connections and says nothing. */
let silent: Server;
let port = 0;
beforeAll(async () => {
  requireNamespaces();
  silent = createServer(() => undefined);
  port = await listenOnLoopback(silent);
});
afterAll(() => void silent.close());

function environment(directory: string): Record<string, string> {
  return { PATH: process.env.PATH ?? '', HOME: directory, LANG: 'C.UTF-8', TERM: 'xterm' };
}

/** What each situation is begun with. */
const SITUATIONS: Readonly<Record<string, (directory: string) => string>> = {
  'waiting for a node': directory =>
    `recover --vault ${VAULT} --mnemonic-file ${join(directory, 'mnemonic')} --network hoodi --no-confirm --data-dir ${directory} --execution-endpoints http://127.0.0.1:${port} --consensus-endpoints http://127.0.0.1:${port}`,
  'waiting for a database': () =>
    `remote-db --vault ${VAULT} --network hoodi --db-url postgresql://operator:password@127.0.0.1:${port}/operator migrate`,
};

/** The process that is the first one in the container, by its number out here. */
async function firstProcess(unshare: number): Promise<number> {
  const children = () => readFileSync(`/proc/${unshare}/task/${unshare}/children`, 'utf8').trim();
  return await waitUntil('the container’s first process', () => Number(children()) || undefined);
}

/** Memory of one derivation of a keystore. */
const SCRYPT_BYTES = 256 * 1024 * 1024;
const PAGE_BYTES = 4096;

function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
}

async function connectionTo(server: Server): Promise<void> {
  await once(server, 'connection');
}

describe('a signal to the first process of a container', () => {
  it.for(
    Object.keys(SITUATIONS).flatMap(situation =>
      SIGNALS.map(([name, code]) => [situation, name, code] as const),
    ),
  )('a command that is %s ends at %s with exit code %i', async ([situation, name, code], { directory }) => {
    writeFileSync(join(directory, 'mnemonic'), MNEMONIC, { mode: 0o600 });
    const words = (SITUATIONS[situation]?.(directory) ?? '').split(' ');
    const connected = connectionTo(silent);
    const [program, ...args] = inContainer([join(PROJECT_ROOT, 'operator'), ...words]);
    await using container = running(spawn(program, args, { env: environment(directory), stdio: 'ignore' }));
    await connected;
    process.kill(await firstProcess(container.pid), name);
    expect(await container.exitCode).toBe(code);
  });

  it.for(SIGNALS)(
    'a command that derives keys ends at %s with exit code %i',
    async ([name, code], { directory }) => {
      const vaultDirectory = join(directory, VAULT.toLowerCase());
      mkdirSync(vaultDirectory, { recursive: true });
      copyFileSync(join(RECORDED, 'holesky/0-after-init/config.json'), join(vaultDirectory, 'config.json'));
      const create = ['create-keys', '--vault', VAULT, '--mnemonic', MNEMONIC, '--count', '200'];
      const words = [...create, '--data-dir', directory, '--pool-size', '1'];
      const [program, ...args] = inContainer([join(PROJECT_ROOT, 'operator'), ...words]);
      await using container = running(
        spawn(program, args, { env: environment(directory), stdio: ['ignore', 'pipe', 'pipe'] }),
      );
      const pid = await firstProcess(container.pid);
      await waitUntil('it to derive', () => residentBytes(pid) > SCRYPT_BYTES, {
        lastSeen: () => container.output,
      });
      process.kill(pid, name);
      expect(await container.exitCode).toBe(code);
      expect(container.output).toContain('\nInterrupted. Keystores that were written already stay in ');
    },
  );

  it.for([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)(
    'a command that asks a question ends at %s with exit code %i',
    async ([name, code], { directory }) => {
      const [program, ...args] = inContainer([
        join(PROJECT_ROOT, 'operator'),
        'recover',
        '--data-dir',
        directory,
      ]);
      const terminal = spawnTerminal(program, args, { env: environment(directory), cols: 200, rows: 50 });
      const ended = new Promise<number>(resolve => terminal.onExit(({ exitCode }) => resolve(exitCode)));
      let screen = '';
      terminal.onData(data => {
        screen += data;
      });
      await waitUntil('a question', () => screen.includes(': '), { lastSeen: () => screen });
      process.kill(await firstProcess(terminal.pid), name);
      expect(await ended).toBe(code);
    },
  );
});

interface RunningContainer extends AsyncDisposable {
  readonly pid: number;
  readonly output: string;
  readonly exitCode: Promise<number | null>;
}

function running(child: ChildProcess): RunningContainer {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const exitCode = once(child, 'close').then(() => child.exitCode);
  return {
    pid: child.pid ?? 0,
    get output() {
      return output;
    },
    exitCode,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exitCode;
    },
  };
}
