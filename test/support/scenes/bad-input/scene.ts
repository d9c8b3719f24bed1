import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';
import { createTestDatabase } from '../../postgres/postgres.ts';
import { dumpDatabase, listTree } from '../../postgres/snapshot.ts';
import { type CliRun, COMPILE_CACHE, PROJECT_ROOT } from '../../programs/cli.ts';
import { checkJsonResult } from '../../programs/json-results.ts';
import type { DatabaseState, Workshop } from './workshop.ts';

/** A copy of a workshop's files and database for one case to spoil. */
export interface Scene {
  readonly workshop: Workshop;
  readonly folder: string;
  readonly url: string;
  /** Path below the folder; `keystores`, `vault` and `data` are those of the vault. */
  readonly path: (...parts: string[]) => string;
  readonly keystore: (index: number) => string;
  readonly depositData: string;
  readonly read: (path: string) => string;
  readonly write: (path: string, content: string | Uint8Array, mode?: number) => void;
  readonly remove: (path: string) => void;
  /** Changes a JSON file through its parsed form. */
  readonly edit: <T>(path: string, change: (document: T) => unknown) => void;
  /** Run at the end, in reverse order. */
  readonly defer: (undo: () => unknown) => void;
}

export interface BadCase {
  readonly name: string;
  readonly state?: DatabaseState;
  /** Command line after the launcher's name. */
  readonly args: (scene: Scene) => readonly string[];
  readonly env?: (scene: Scene) => Readonly<Record<string, string>>;
  /** Makes the input bad. Returns further secrets that must not be shown. */
  readonly arrange?: (scene: Scene) => unknown;
  readonly exitCode: 1 | 2 | 3;
  readonly code: string | RegExp;
  /** The words after `Error: `; see {@link normalise} for the places in braces. */
  readonly message: string | RegExp;
  /** Whether the launcher runs without the rights of root over files and owners. */
  readonly isUnprivileged?: boolean;
  /** Commands put before the launcher, such as one that limits the size of files. */
  readonly wrapper?: readonly string[];
  /** Looked at instead of the scene's own database: a case may have none that answers. */
  readonly database?: 'none';
  readonly program?: string;
}

/** The cases, each with the database in this state where it names none itself. */
export function inState(state: DatabaseState, cases: readonly BadCase[]): BadCase[] {
  return cases.map(bad => ({ ...bad, state: bad.state ?? state }));
}

const PROGRAMS = ['operator', 'v3-operator'];

/** Runs one case and checks message, exit code, secrets, and that nothing was written anywhere. */
export async function expectRefusal(workshop: Workshop, bad: BadCase): Promise<void> {
  await withScene(workshop, bad.state ?? 'set-up', async scene => {
    const planted = (await bad.arrange?.(scene)) ?? [];
    const before = await observe(scene);
    const args = [...bad.args(scene), '--json'];
    const { isUnprivileged, wrapper, program = PROGRAMS[args[0] === 'remote-db' ? 1 : 0] } = bad;
    const env = {
      IPFS_TIMEOUT: '1',
      EXECUTION_TIMEOUT: '2',
      EXECUTION_RETRY_TIMEOUT: '1',
      ...bad.env?.(scene),
    };
    const run = await runInScene(scene, args, { env, isUnprivileged, wrapper, program });
    expect(await observe(scene), run.stderr).toEqual(before);
    expectNoSecrets(run, [...workshop.secrets, ...(Array.isArray(planted) ? planted.map(String) : [])]);
    const { error } = parseResult(run);
    const message = normalise(scene, String(error?.message));
    const code = typeof bad.code === 'string' ? bad.code : expect.stringMatching(bad.code);
    expect({ exitCode: run.exitCode, code: error?.code }, run.stderr).toEqual({
      exitCode: bad.exitCode,
      code,
    });
    if (typeof bad.message === 'string') expect(message).toBe(bad.message);
    else expect(message).toMatch(bad.message);
    // The same sentence is what a person reads.
    expect(run.stderr).toContain(`Error: ${error?.message}`);
  });
}

/** Copies the workshop for the callback and clears everything away after it. */
export async function withScene<T>(
  workshop: Workshop,
  state: DatabaseState,
  callback: (scene: Scene) => Promise<T>,
): Promise<T> {
  await using resources = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'stakewise-scene-'));
  resources.defer(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  cpSync(workshop.folder, folder, { recursive: true, verbatimSymlinks: true });
  const database = resources.use(
    state === 'empty' ? await createTestDatabase({ migrated: false }) : await workshop.cloneDatabase(state),
  );
  mkdirSync(join(folder, 'home'));
  const vaultFolder = join(folder, 'data', workshop.vault.toLowerCase());
  const scene: Scene = {
    workshop,
    folder,
    url: database.url,
    path: (first = '', ...rest) => {
      if (first === 'vault') return join(vaultFolder, ...rest);
      if (first === 'keystores') return join(vaultFolder, 'keystores', ...rest);
      return join(folder, first, ...rest);
    },
    keystore: index => join(vaultFolder, 'keystores', `keystore-${index}.json`),
    depositData: join(vaultFolder, 'deposit_data.json'),
    read: path => readFileSync(path, 'utf8'),
    write: (path, content, mode = 0o600) => {
      writeFileSync(path, content, { mode });
      chmodSync(path, mode);
    },
    remove: path => unlinkSync(path),
    edit: (path, change) => {
      const document = JSON.parse(readFileSync(path, 'utf8'));
      writeFileSync(path, JSON.stringify(change(document) ?? document));
    },
    defer: undo => {
      resources.defer(async () => {
        await undo();
      });
    },
  };
  scene.write(scene.path('db-url'), database.url);
  const config = scene.path('vault', 'config.json');
  scene.write(config, scene.read(config).replaceAll(workshop.folder, folder), 0o644);
  return await callback(scene);
}

/** Every row and every file that a command could have touched. */
export async function observe(scene: Scene) {
  return { database: await dumpDatabase(scene.url), files: listTree(scene.folder) };
}

// Not another uid: that could not enter a checkout of root's own.
const WITHOUT_CAPABILITIES = ['setpriv', '--bounding-set=-all', '--inh-caps=-all'];

/** Runs a command line without a terminal, in the scene's own home; the launcher itself where something is put before it. */
export async function runInScene(
  scene: Scene,
  args: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly isUnprivileged?: boolean | undefined;
    readonly wrapper?: readonly string[] | undefined;
    readonly program?: string | undefined;
  } = {},
): Promise<CliRun> {
  const { program = 'operator' } = options;
  const own = { HOME: scene.path('home'), LANG: 'C.UTF-8', ...options.env };
  const wrapper = [
    ...(options.wrapper ?? []),
    ...(options.isUnprivileged && process.getuid?.() === 0 ? WITHOUT_CAPABILITIES : []),
  ];
  if (wrapper.length === 0) {
    return await scene.workshop.programs.run(args, { env: own, cwd: scene.path('home'), program });
  }
  const [command = '', ...words] = [...wrapper, join(PROJECT_ROOT, program), ...args];
  const child = spawn(command, words, {
    cwd: scene.path('home'),
    env: { PATH: process.env.PATH ?? '', NODE_COMPILE_CACHE: COMPILE_CACHE, ...own },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', reject);
  });
  const [stdout, stderr, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  checkJsonResult(args, { stdout, exitCode });
  return { stdout, stderr, exitCode };
}

/** The document of `--json`; a failed command prints its error and nothing else. */
export function parseResult(run: CliRun): { error?: { code?: unknown; message?: unknown } } {
  try {
    return JSON.parse(run.stdout);
  } catch {
    throw new Error(`--json printed no document but: ${run.stdout}\n${run.stderr}`);
  }
}

/** No secret in any output, whole or in its tell-tale parts. */
export function expectNoSecrets(run: CliRun, secrets: readonly string[]): void {
  const shown = `${run.stdout}\n${run.stderr}`;
  for (const secret of secrets) {
    const words = secret.split(' ');
    const part = words.length > 3 ? words.slice(0, 3).join(' ') : secret;
    if (part === '' || !shown.includes(part)) continue;
    throw new Error(`a secret is shown (${secret.slice(0, 4)}…): ${shown}`);
  }
}

/** `{folder}`, `{vault}`, `{VAULT}` (its directory), `{key0}`…, `{gateway}`, `{node}`, `{cid}`, `{port}` for what changes from run to run. */
function normalise({ folder, url, workshop }: Scene, message: string): string {
  const { devnet, vault, validators } = workshop;
  const places: [string, string][] = [
    [folder, '{folder}'],
    [vault, '{vault}'],
    [vault.toLowerCase(), '{VAULT}'],
    ...validators.map(({ publicKey }, index): [string, string] => [`0x${publicKey}`, `{key${index}}`]),
    [devnet.ipfs.url, '{gateway}'],
    [devnet.rpcUrl, '{node}'],
    [devnet.oracleSet.configIpfsHash, '{cid}'],
    [devnet.addresses.keeper, '{keeper}'],
    [new URL(url).pathname.slice(1), '{database}'],
    [new URL(url).port, '{port}'],
  ];
  return places.reduce((result, [value, place]) => result.replaceAll(value, place), message);
}

/** `remote-db …` on the scene's database and vault. */
export function remoteDb(scene: Scene, ...args: readonly string[]): string[] {
  return [
    'remote-db',
    '--db-url-file',
    scene.path('db-url'),
    '--vault',
    scene.workshop.vault,
    '--data-dir',
    scene.path('data'),
    ...args,
  ];
}

/** `upload-keypairs` with everything that it needs. */
export function upload(scene: Scene, ...args: readonly string[]): string[] {
  const node = args.includes('--execution-endpoints')
    ? []
    : ['--execution-endpoints', scene.workshop.devnet.rpcUrl];
  return remoteDb(scene, 'upload-keypairs', ...encryptKey(scene), ...node, ...args);
}

/** `--encrypt-key-file` of the scene. */
export function encryptKey(scene: Scene): string[] {
  return ['--encrypt-key-file', scene.path('encrypt-key')];
}
