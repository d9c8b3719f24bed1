import { spawn } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { PROJECT_ROOT, runCli, temporaryDirectory } from '../support/programs/cli.ts';
import { firstLineOf } from '../support/programs/first-line.ts';
import { checkJsonResult, unseenResults } from '../support/programs/json-results.ts';
import { mountSecret } from '../support/scenes/secret-volume.ts';

const SECRET_KEY = '3ee2224386c82ffea477e2adf28a2929f5c349165a4196158c7f3a2ecca40f35';

describe('operator signer', () => {
  it('operator signer says where it listens, and ends cleanly at SIGTERM', async () => {
    using directory = temporaryDirectory();
    writeFileSync(
      join(directory.path, 'k.yaml'),
      `type: file-raw\nkeyType: BLS\nprivateKey: '0x${SECRET_KEY}'\n`,
    );
    const child = spawn(
      join(PROJECT_ROOT, 'operator'),
      ['signer', '--network', 'mainnet', '--keys-dir', directory.path, '--listen', '127.0.0.1:0'],
      { env: { PATH: process.env.PATH ?? '' }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const stderr = text(child.stderr);
    const line = await firstLineOf(child);
    expect(line).toMatch(/^Signing exits with 1 keys on http:\/\/127\.0\.0\.1:\d+\n$/);
    child.kill('SIGTERM');
    const exitCode = await new Promise(resolve => child.once('close', resolve));
    expect(exitCode).toBe(0);
    expect(await stderr).not.toContain(SECRET_KEY);
    // As the log of "start" has it.
    expect(await stderr).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d INFO {5}keys loaded keys=1 /m);
  });

  it('the signer logs documents of JSON where LOG_FORMAT asks for them', async () => {
    using directory = temporaryDirectory();
    writeFileSync(
      join(directory.path, 'k.yaml'),
      `type: file-raw\nkeyType: BLS\nprivateKey: '0x${SECRET_KEY}'\n`,
    );
    const own = ['--network', 'mainnet', '--keys-dir', directory.path, '--listen', '127.0.0.1:0'];
    const child = spawn(join(PROJECT_ROOT, 'operator'), ['signer', ...own], {
      env: { PATH: process.env.PATH ?? '', LOG_FORMAT: 'json' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const stderr = text(child.stderr);
    await firstLineOf(child);
    child.kill('SIGTERM');
    const loaded = (await stderr).split('\n').find(line => line.includes('keys loaded')) ?? '';
    expect(JSON.parse(loaded)).toMatchObject({ msg: 'keys loaded', keys: 1 });
  });

  it('the signer with --json prints its result when it has stopped, and all else on stderr', async () => {
    using directory = temporaryDirectory();
    writeFileSync(
      join(directory.path, 'k.yaml'),
      `type: file-raw\nkeyType: BLS\nprivateKey: '0x${SECRET_KEY}'\n`,
    );
    const own = ['--network', 'mainnet', '--keys-dir', directory.path, '--listen', '127.0.0.1:0'];
    const args = ['signer', ...own, '--json'];
    const child = spawn(join(PROJECT_ROOT, 'operator'), args, {
      env: { PATH: process.env.PATH ?? '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const stdout = text(child.stdout);
    const closed = new Promise<number | null>(resolve => child.once('close', resolve));
    let stderr = '';
    for await (const data of child.stderr) {
      stderr += data;
      // Told once: a second signal ends it without a result.
      if (!child.killed && /^Signing exits with 1 keys on /m.test(stderr)) child.kill('SIGTERM');
    }
    expect(stderr).toMatch(/^Stopping$/m);
    const exitCode = await closed;
    expect(JSON.parse(await stdout)).toEqual({ keys: 1 });
    checkJsonResult(args, { stdout: await stdout, exitCode });
  });

  it.each(
    ['prysm', 'byte-order-mark', 'beside-other-json', 'old-ethdo'].flatMap(name => [
      [name, 'a folder'] as const,
      [name, 'a secret volume'] as const,
    ]),
  )('operator signer opens the keystores of %s from %s', async (name, place) => {
    using directory = temporaryDirectory();
    const source = join(PROJECT_ROOT, 'test/vectors/foreign-keystores', name);
    const files = Object.fromEntries(
      readdirSync(source).map(file => [file, readFileSync(join(source, file), 'utf8')]),
    );
    if (place === 'a folder') cpSync(source, directory.path, { recursive: true });
    else mountSecret(directory.path, files);
    const own = ['--network', 'mainnet', '--keystores-dir', directory.path, '--listen', '127.0.0.1:0'];
    const child = spawn(join(PROJECT_ROOT, 'operator'), ['signer', ...own], {
      env: { PATH: process.env.PATH ?? '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const stderr = text(child.stderr);
    expect(await firstLineOf(child)).toMatch(/^Signing exits with 2 keys on /);
    child.kill('SIGTERM');
    await new Promise(resolve => child.once('close', resolve));
    const left = /that are no keystores are left out: (.*)\.$/m.exec(await stderr)?.[1];
    expect(left).toBe(name === 'beside-other-json' ? 'pubkeys.json, slashing_protection.json' : undefined);
  });

  it.each<readonly [string, readonly string[], number, RegExp]>([
    [
      'without keys',
      ['--network', 'mainnet'],
      2,
      /There are no keystores, and no other place of keys is named\./,
    ],
    [
      'without a network',
      ['--keys-dir', '.'],
      2,
      /Name the network with --network, or the vault with --vault\./,
    ],
    [
      'on two places',
      ['--network', 'mainnet', '--keys-dir', '.', '--listen', '127.0.0.1:1', '--socket', 'x'],
      2,
      /Give --listen or --socket, not both\./,
    ],
    [
      'with half of TLS',
      ['--network', 'mainnet', '--keys-dir', '.', '--tls-client-ca', 'package.json'],
      2,
      /TLS needs --tls-cert and --tls-key/,
    ],
    [
      'open to all',
      ['--network', 'mainnet', '--keys-dir', '.', '--listen', '0.0.0.0:0'],
      2,
      /needs client certificates/,
    ],
    ['at no rate', ['--network', 'mainnet', '--keys-dir', '.', '--rate-limit', '5'], 2, /is not a rate/],
    [
      'on no port',
      ['--network', 'mainnet', '--keys-dir', '.', '--listen', '9000'],
      2,
      /is not a host and a port/,
    ],
    [
      'with half of a HashiCorp Vault',
      ['--network', 'mainnet', '--hashi-vault-url', 'http://localhost:1'],
      2,
      /need --hashi-vault-url, --hashi-vault-token-file and --hashi-vault-key-path/,
    ],
    [
      'with an empty directory of keystores',
      ['--network', 'mainnet', '--keystores-dir', 'migrations'],
      1,
      /Keystores not found in migrations\./,
    ],
  ])('operator signer %s does not start and says what is wrong', async (_, args, exitCode, message) => {
    const run = await runCli(['signer', ...args]);
    expect(run.stderr).toMatch(message);
    expect(run.exitCode).toBe(exitCode);
  });
});

it('the signer has shown its result with --json as its schema says', () => {
  expect(unseenResults(import.meta.filename)).toEqual([]);
});
