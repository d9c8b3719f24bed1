import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT_ROOT, temporaryDirectory } from '../support/programs/cli.ts';

const GUARD = `--import=${join(PROJECT_ROOT, 'test/support/programs/forbid-sockets.mjs')}`;
const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const WORKER = "data:text/javascript,import net from 'node:net'; net.connect(9, '127.0.0.1');";

describe('commands of an air-gapped machine', () => {
  it.each([
    ['a connection', "net.connect(9, '127.0.0.1')"],
    ['a request', "fetch('http://127.0.0.1:9')"],
    ['a name', "dns.lookup('localhost', () => {})"],
    [
      'a connection of a worker without environment',
      `new worker_threads.Worker(new URL(${JSON.stringify(WORKER)}), { env: {} }).on('exit', code => process.exit(code))`,
    ],
  ])('forbid-sockets.mjs ends a process that asks for %s', (_what, program) => {
    expect(spawnSync(process.execPath, [GUARD, '-e', program], { stdio: 'pipe' }).status).toBe(99);
  });

  it('init, create-keys, create-wallet, get-validators-root and merge-deposit-data open no socket', () => {
    using directory = temporaryDirectory();
    const dataDir = directory.path;
    // Options on the command line reach the worker threads, those in NODE_OPTIONS do not.
    const guarded = (...args: string[]) =>
      execFileSync(process.execPath, [GUARD, join(PROJECT_ROOT, 'bin/run.js'), ...args], {
        env: { PATH: process.env.PATH, HOME: dataDir },
        stdio: 'pipe',
      }).toString();
    const ofVault = ['--data-dir', dataDir, '--vault', VAULT];
    const mnemonic = guarded(
      'init',
      ...ofVault,
      '--network',
      'gnosis',
      '--language',
      'czech',
      '--no-verify',
    ).trim();
    guarded('create-keys', ...ofVault, '--mnemonic', mnemonic, '--count', '1', '--kdf', 'pbkdf2');
    guarded('create-wallet', ...ofVault, '--mnemonic', mnemonic);
    guarded('get-validators-root', ...ofVault);
    const depositData = join(dataDir, VAULT.toLowerCase(), 'deposit_data.json');
    guarded('merge-deposit-data', '-d', depositData, '-d', depositData, '-m', join(dataDir, 'merged.json'));
  });
});
