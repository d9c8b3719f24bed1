// The real program of every command that holds a key, held at a point where it has one: no debugger, no dump, no report.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deriveSecretKey, publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { mnemonicToSeed } from '../../../src/domain/keys/mnemonic.ts';
import { toHex } from '../../../src/lib/bytes.ts';
import { type Keymanager, startKeymanager } from '../../devnet/keymanager.ts';
import { createTestDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';
import { runCli } from '../../support/programs/cli.ts';
import {
  type BareProcess,
  childrenOf,
  type HoldingServers,
  startBareProcess,
  startHoldingServers,
} from '../../support/programs/held-process.ts';
import {
  type OperatorScene,
  remoteDbArguments,
  startOperatorScene,
} from '../../support/scenes/operator-scene.ts';
import { EXIT_CHAIN } from '../../support/scenes/signing-fixtures.ts';
import { startFakeSigner } from '../../support/servers/fake-signer.ts';
import { waitUntil } from '../../support/wait-until.ts';

const MNEMONIC = `${'abandon '.repeat(23)}art`;
/** Where Node's inspector listens when a signal opens it. */
const INSPECTOR_PORT = 9229;
const STRANGER = 65_534;
/** How long a process is looked at after a signal: the inspector opens within some 20 ms. */
const WATCHED_MS = 300;

/** A process that has keys, and the way to let it come to its end. */
interface Held {
  readonly process: BareProcess;
  letGo(): void | Promise<void>;
  readonly exitCode: number;
}

interface Place {
  /** Empty; the process's working directory. */
  readonly cwd: string;
  readonly stack: AsyncDisposableStack;
}

const world = new AsyncDisposableStack();
let scene: OperatorScene;
let database: TestDatabase;
let keymanager: Keymanager;
let mnemonicFile: string;
let encryptKeyFile: string;

beforeAll(async () => {
  scene = world.use(await startOperatorScene({ validators: 2, oracles: 3, threshold: 2 }));
  database = world.use(await createTestDatabase({ migrated: false }));
  keymanager = world.use(await startKeymanager(EXIT_CHAIN));
  mnemonicFile = join(scene.folder, 'mnemonic');
  encryptKeyFile = join(scene.folder, 'encrypt-key');
  writeFileSync(mnemonicFile, MNEMONIC, { mode: 0o600 });
  for (const args of [['setup'], ['upload-keypairs', '--execution-endpoints', scene.devnet.rpcUrl]]) {
    const run = await runCli([...remoteDb(...args), '--encrypt-key-file', encryptKeyFile]);
    expect(run.exitCode, run.stderr).toBe(0);
  }
});
afterAll(() => world.disposeAsync());

const remoteDb = (...args: string[]) => remoteDbArguments(scene, database.url, args);

async function withPlace<T>(callback: (place: Place) => Promise<T>): Promise<T> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'stakewise-held-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const cwd = join(folder, 'cwd');
  mkdirSync(cwd);
  return await callback({ cwd, stack });
}

async function hold(
  { cwd, stack }: Place,
  servers: readonly string[],
  holds: RegExp,
  args: (urls: readonly string[]) => readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Held> {
  const holding: HoldingServers = stack.use(
    await startHoldingServers(servers, request => holds.test(request)),
  );
  const process = stack.use(startBareProcess(args(holding.urls), { cwd, env }));
  await Promise.race([holding.held(), process.ended.then(failed(process))]);
  return { process, letGo: () => holding.letGo(), exitCode: 0 };
}

function failed(process: BareProcess) {
  return (code: unknown) => {
    throw new Error(`it ended with ${code} before it was held:\n${process.output}`);
  };
}

/** A data directory of the mnemonic's vault, as `init` leaves it. */
function writeInitialised(cwd: string): string {
  const dataDir = join(cwd, '..', 'data');
  const directory = join(dataDir, scene.vault.toLowerCase());
  mkdirSync(directory, { recursive: true });
  const first_public_key = toHex(publicKeyOf(deriveSecretKey(mnemonicToSeed(MNEMONIC), 0)));
  const config = { network: scene.networkFile, mnemonic_next_index: 0, first_public_key };
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
  return dataDir;
}

const COMMANDS: Readonly<Record<string, (place: Place, env?: Record<string, string>) => Promise<Held>>> = {
  async signer({ cwd, stack }, env) {
    const keystores = ['--keystores-dir', join(scene.vaultDir, 'keystores')];
    const args = ['signer', '--network', scene.networkFile, ...keystores, '--listen', '127.0.0.1:0'];
    const process = stack.use(startBareProcess(args, { cwd, ...(env && { env }) }));
    await process.printed('Signing exits with 2 keys');
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(process.output)?.[0] ?? '';
    const letGo = async () => {
      expect(await (await fetch(`${url}/upcheck`)).text()).toBe('OK');
      process.kill('SIGTERM');
    };
    return { process, letGo, exitCode: 0 };
  },
  'upload-keypairs': place =>
    hold(place, [scene.devnet.rpcUrl], /eth_getLogs/, ([execution = '']) => [
      ...remoteDb('upload-keypairs', '--encrypt-key-file', encryptKeyFile),
      '--execution-endpoints',
      execution,
    ]),
  async 'setup-web3signer'(place) {
    const out = join(place.cwd, '..', 'keys');
    const signer = place.stack.use(await startFakeSigner(out));
    return hold(place, [signer.url], /POST \/reload/, ([endpoint = '']) => [
      ...remoteDb('setup-web3signer', '--encrypt-key-file', encryptKeyFile, '--output-dir', out),
      '--web3signer-endpoint',
      endpoint,
    ]);
  },
  async verify({ cwd, stack }) {
    const client = new pg.Client({ connectionString: database.url });
    stack.defer(() => client.end());
    await client.connect();
    await client.query('begin; lock table stakewise_operator.key_secrets in access exclusive mode');
    const args = remoteDb('verify', '--encrypt-key-file', encryptKeyFile);
    const process = stack.use(startBareProcess(args, { cwd }));
    await waitUntil('verify to wait for the keys', async () => {
      const { rows } = await client.query('select 1 from pg_locks where not granted');
      return rows.length > 0;
    });
    return { process, letGo: async () => void (await client.query('commit')), exitCode: 0 };
  },
  async 'create-keys'({ cwd, stack }) {
    const dataDir = writeInitialised(cwd);
    const args = ['create-keys', '--vault', scene.vault, '--count', '3', '--pool-size', '1'];
    const process = stack.use(
      startBareProcess([...args, '--mnemonic-file', mnemonicFile, '--data-dir', dataDir], { cwd }),
    );
    await process.printed(/\S/);
    return { process, letGo() {}, exitCode: 0 };
  },
  async 'create-wallet'({ cwd, stack }) {
    const dataDir = writeInitialised(cwd);
    const args = ['create-wallet', '--vault', scene.vault, '--mnemonic-file', mnemonicFile];
    const process = stack.use(startBareProcess([...args, '--data-dir', dataDir], { cwd }));
    // Its key is in the memory for a second only, while the wallet's own key is derived.
    await waitUntil('it to derive', () => cpuSeconds(process.pid) > 0.4);
    return { process, letGo() {}, exitCode: 0 };
  },
  async recover(place) {
    const servers = [scene.devnet.rpcUrl, scene.beacon.url];
    const dataDir = join(place.cwd, '..', 'data');
    const held = await hold(place, servers, /eth_getLogs/, ([execution = '', consensus = '']) => [
      'recover',
      '--vault',
      scene.vault,
      '--network',
      scene.networkFile,
      '--data-dir',
      dataDir,
      '--execution-endpoints',
      execution,
      '--consensus-endpoints',
      consensus,
      '--no-confirm',
      '--mnemonic-file',
      mnemonicFile,
      '--search-limit',
      '2',
    ]);
    // The vault has no validator of this mnemonic.
    return { ...held, exitCode: 1 };
  },
  'remote-signer-setup': place => {
    const dataDir = scene.writeDataDir(`held-${Math.random()}`);
    return hold(place, [keymanager.url], /POST \/eth\/v1\/keystores/, ([signer = '']) => [
      'remote-signer-setup',
      '--vault',
      scene.vault,
      '--data-dir',
      dataDir,
      '--split',
      '--remote-signer-url',
      signer,
      '--keep-keystores',
    ]);
  },
  async 'validators-exit'(place) {
    const servers = [scene.beacon.url];
    const held = await hold(place, servers, /head\/validators/, ([consensus = '']) => [
      'validators-exit',
      '--vault',
      scene.vault,
      '--data-dir',
      scene.dataDir,
      '--dry-run',
      '--consensus-endpoints',
      consensus,
    ]);
    // The chain knows none of the keys yet.
    return { ...held, exitCode: 1 };
  },
  async start(place) {
    const servers = [scene.devnet.rpcUrl, scene.beacon.url];
    const dataDir = scene.writeDataDir(`held-${Math.random()}`);
    const held = await hold(
      place,
      servers,
      // What is asked once the signer has told the wallet's address.
      /eth_getBalance/,
      ([execution = '', consensus = '']) => [
        'start',
        '--vault',
        scene.vault,
        '--data-dir',
        dataDir,
        '--execution-endpoints',
        execution,
        '--consensus-endpoints',
        consensus,
      ],
      { HOST: '127.0.0.1' },
    );
    return { ...held, letGo: () => held.process.kill('SIGTERM') };
  },
};

function cpuSeconds(pid: number): number {
  const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  const fields = rest.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function isPortOpen(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Looks for a debugger as long as one takes to open, and longer. */
async function expectNoDebugger(process: BareProcess): Promise<void> {
  const deadline = performance.now() + WATCHED_MS;
  while (performance.now() < deadline) {
    expect(process.output).not.toContain('Debugger listening');
    expect(await isPortOpen(INSPECTOR_PORT)).toBe(false);
    await sleep(20);
  }
}

describe('M7 · the memory of a process that holds keys', () => {
  it.each(Object.keys(COMMANDS))(
    'local user: sends SIGUSR1 to "%s" while it holds keys → no debugger opens, its dump would be empty, it works on',
    name =>
      withPlace(async place => {
        const { process, letGo, exitCode } = await (COMMANDS[name] as (place: Place) => Promise<Held>)(place);
        const processes = [process.pid, ...childrenOf(process.pid)];
        for (const pid of processes) {
          expect(Number(readFileSync(`/proc/${pid}/coredump_filter`, 'utf8'))).toBe(0);
          globalThis.process.kill(pid, 'SIGUSR1');
        }
        // Those that do their work in a second may come to their end meanwhile.
        await expectNoDebugger(process);
        for (const pid of processes.slice(1)) expect(childrenOf(process.pid)).toContain(pid);
        await letGo();
        expect(await process.ended, process.output).toBe(exitCode);
      }),
  );

  it('another uid: looks for a debugger of the signer, and reads its memory and environment → nothing is there, nothing opens', () =>
    withPlace(async place => {
      const { process, letGo } = await (COMMANDS.signer as (place: Place) => Promise<Held>)(place);
      process.kill('SIGUSR1');
      await expectNoDebugger(process);
      // Node starts as root: this checkout may be in a directory that others cannot enter.
      const script = `
        process.setgroups([]); process.setgid(${STRANGER}); process.setuid(${STRANGER});
        fetch('http://127.0.0.1:${INSPECTOR_PORT}/json').then(() => console.log('inspector'), () => {});
        for (const name of ['mem', 'environ', 'maps'])
          try { require('fs').closeSync(require('fs').openSync('/proc/${process.pid}/' + name)); require('fs').readFileSync('/proc/${process.pid}/' + name, { length: 1 }); console.log(name); } catch (e) { if (e.code !== 'EACCES') console.log(name, e.code); }`;
      const attacker = spawnSync(globalThis.process.execPath, ['-e', script], {
        cwd: '/',
        encoding: 'utf8',
      });
      expect({ stdout: attacker.stdout, stderr: attacker.stderr }).toEqual({ stdout: '', stderr: '' });
      await letGo();
      expect(await process.ended).toBe(0);
    }));

  it("local user: asks for Node's report and heap snapshot by their signals → nothing is written, the signer works on", () =>
    withPlace(async place => {
      const NODE_OPTIONS = '--heapsnapshot-signal=SIGUSR2 --report-on-signal --report-signal=SIGUSR1';
      const { process, letGo } = await (
        COMMANDS.signer as (place: Place, env: Record<string, string>) => Promise<Held>
      )(place, { NODE_OPTIONS });
      process.kill('SIGUSR1');
      process.kill('SIGUSR2');
      await expectNoDebugger(process);
      expect(readdirSync(place.cwd)).toEqual([]);
      await letGo();
      expect(await process.ended, process.output).toBe(0);
      expect(readdirSync(place.cwd)).toEqual([]);
    }));

  it('local user: sends SIGQUIT for a core dump → the signer ends by itself and leaves none', () =>
    withPlace(async place => {
      const { process } = await (COMMANDS.signer as (place: Place) => Promise<Held>)(place);
      process.kill('SIGQUIT');
      expect(await process.ended).toBe(131);
      expect(readdirSync(place.cwd)).toEqual([]);
    }));

  it('local user: makes start crash → the kernel may write no core dump of it, nor of its signer', () =>
    withPlace(async place => {
      const { process, letGo } = await (COMMANDS.start as (place: Place) => Promise<Held>)(place);
      const processes = [process.pid, ...childrenOf(process.pid)];
      expect(processes).toHaveLength(2);
      for (const pid of processes) {
        expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/^Max core file size +0 /m);
      }
      await letGo();
      await process.ended;
    }));

  it.each([
    ['--inspect=0', 'upload-keypairs'],
    ['--inspect=0', 'signer'],
    ['--heap-prof', 'create-keys'],
  ])(
    'operator’s own process: NODE_OPTIONS has %s for "%s" → it refuses before it reads a key',
    (option, name) =>
      withPlace(async ({ cwd, stack }) => {
        const words = name === 'upload-keypairs' ? ['remote-db', name] : [name];
        const process = stack.use(startBareProcess(words, { cwd, env: { NODE_OPTIONS: option } }));
        expect(await process.ended).toBe(2);
        expect(process.output).toContain(`Error: Node's option ${option.split('=')[0]} would show the keys`);
      }),
  );
});
