import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateEncryptionKey } from '../../src/domain/keys/envelope.ts';
import { startPostgresServer } from '../support/postgres/postgres-server.ts';
import { runStep, type StepResult } from './child-process.ts';
import { NETWORK, type Scheme, VAULT } from './inputs.ts';
import { withClient } from './with-client.ts';

/** The size; KEYS makes a smaller one, whose figures mean little. */
export const SCHEME: Scheme = { count: Number(process.env.KEYS || 10_000), oracles: 11, threshold: 8 };
export const ROWS = SCHEME.count * (SCHEME.oracles + 1);

export interface BenchContext extends AsyncDisposable {
  readonly server: { readonly host: string; readonly port: number };
  /** URL of a fresh, empty database. */
  createDatabase(): Promise<string>;
  /** The filled database, filled when it is first asked for. */
  filled(): Promise<{
    readonly url: string;
    readonly result: StepResult;
    readonly remoteDb: readonly string[];
  }>;
  readonly encryptKey: string;
  readonly encryptKeyFile: string;
  /** A fresh directory, on a memory file system if there is one. */
  createDirectory(): string;
}

/** A Postgres server, a filled database and temporary directories, all gone at the end. */
export async function prepareBench({ needsDatabase }: { needsDatabase: boolean }): Promise<BenchContext> {
  const resources = new AsyncDisposableStack();
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'stakewise-bench-'));
  resources.defer(() => rmSync(folder, { recursive: true, force: true }));
  try {
    buildIfStale();
    const serverUrl = needsDatabase
      ? resources.use(await startPostgresServer()).url
      : 'postgresql://none:5432';
    const encryptKey = generateEncryptionKey();
    const encryptKeyFile = join(folder, 'encrypt-key');
    writeFileSync(encryptKeyFile, `${encryptKey}\n`, { mode: 0o600 });
    const createDatabase = async () => {
      const name = `stakewise_bench_${process.pid}_${Math.random().toString(16).slice(2, 10)}`;
      await withClient(serverUrl, client => client.query(`create database ${name}`));
      resources.defer(async () => {
        await withClient(serverUrl, client => client.query(`drop database if exists ${name} with (force)`));
      });
      return Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href;
    };
    let filled: ReturnType<BenchContext['filled']> | undefined;
    const fill = async () => {
      const url = await createDatabase();
      const result = await runStep('fill', { ...SCHEME, url, encryptKey });
      const urlFile = join(folder, 'db-url');
      writeFileSync(urlFile, url, { mode: 0o600 });
      const remoteDb = [
        'remote-db',
        '--db-url-file',
        urlFile,
        '--vault',
        VAULT,
        '--network',
        NETWORK,
        '--data-dir',
        folder,
      ];
      return { url, result, remoteDb };
    };
    const { hostname, port } = new URL(serverUrl);
    return {
      server: { host: hostname, port: Number(port) },
      createDatabase,
      encryptKey,
      encryptKeyFile,
      filled: () => {
        filled ??= fill();
        return filled;
      },
      createDirectory: () => mkdtempSync(join(folder, 'out-')),
      [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
    };
  } catch (error) {
    await resources[Symbol.asyncDispose]();
    throw error;
  }
}

/** The launchers run dist, which may be older than what is to be measured. */
export function buildIfStale(): void {
  const root = join(import.meta.dirname, '../..');
  const built = statSync(join(root, 'dist/src/cli/main.js'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = globSync(['src/**/*.ts', 'migrations/*.ts', 'scripts/build.js', 'package-lock.json'], {
    cwd: root,
  });
  if (sources.every(path => statSync(join(root, path)).mtimeMs <= built)) return;
  execFileSync(process.execPath, [join(root, 'scripts/build.js')], { stdio: 'inherit' });
}
