import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../src/domain/keys/derivation.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { type BeaconNode, startBeaconNode } from '../devnet/beacon-node.ts';
import { type Keymanager, startKeymanager } from '../devnet/keymanager.ts';
import { runCli, runOnTerminal, temporaryDirectory, withoutEscapes } from '../support/programs/cli.ts';
import { unseenResults } from '../support/programs/json-results.ts';
import { readRecorded } from '../support/recorded/vectors.ts';
import {
  credentialsOf,
  TEST_VAULT,
  testSecretKey,
  writeTestKeystores,
} from '../support/scenes/signing-fixtures.ts';

const HOLESKY = {
  genesisValidatorsRoot: Buffer.from(
    '9143aa7c615a7f7115e2b6aac319c03529df8242ae705fba9df39b79c59fa8b1',
    'hex',
  ),
  capellaForkVersion: Uint8Array.of(0x04, 0x01, 0x70, 0x00),
};
const MNEMONIC =
  'okay session silver direct slot fun meat life cargo fall muffin convince discover together apart token ten suffer science sponsor fruit abandon cause diamond';
const secretKeys = [testSecretKey(1), testSecretKey(2)];
const env = { CONSENSUS_RETRY_TIMEOUT: '0.1', EXECUTION_RETRY_TIMEOUT: '0.1', EXECUTION_TIMEOUT: '1' };

let folder: ReturnType<typeof temporaryDirectory>;
let vaultFolder: string;
let beacon: BeaconNode;
let signer: Keymanager;
beforeEach(async () => {
  folder = temporaryDirectory();
  vaultFolder = join(folder.path, TEST_VAULT.toLowerCase());
  beacon = await startBeaconNode(HOLESKY, { firstIndex: 102n });
  signer = await startKeymanager(HOLESKY);
  for (const key of secretKeys) {
    beacon.addValidator(publicKeyOf(key), { withdrawalCredentials: credentialsOf(TEST_VAULT) });
  }
});
afterEach(async () => {
  folder[Symbol.dispose]();
  await Promise.all([beacon[Symbol.asyncDispose](), signer[Symbol.asyncDispose]()]);
});

async function initialize({ keystores = true } = {}): Promise<void> {
  mkdirSync(vaultFolder, { recursive: true });
  const config = { network: 'holesky', mnemonic_next_index: 2, first_public_key: `0x${'aa'.repeat(48)}` };
  writeFileSync(join(vaultFolder, 'config.json'), JSON.stringify(config));
  if (keystores) await writeTestKeystores(join(vaultFolder, 'keystores'), secretKeys);
}

function loadSigner(): string[] {
  for (const secretKey of secretKeys) {
    signer.addKey(toHex(publicKeyOf(secretKey)), { secretKey, path: '', isReadOnly: false });
  }
  return ['--remote-signer-url', signer.url];
}

const dataDir = () => ['--data-dir', folder.path];
const exitArgs = () => [
  'validators-exit',
  '--vault',
  TEST_VAULT,
  '--consensus-endpoints',
  beacon.url,
  ...dataDir(),
];

/** The questions of a recorded transcript, one after another. */
function recordedQuestions(name: string): string[] {
  const [, output = ''] = readRecorded(`09-cli/${name}`).split('--- output\n');
  return [...output.matchAll(/(Enter[^:]*: )/g)].map(([question]) => question);
}

describe('a node that is down', () => {
  const nowhere = 'http://127.0.0.1:1';
  const lines = (seconds: number) =>
    `${nowhere} cannot be reached: connect ECONNREFUSED 127.0.0.1:1, trying again for ${seconds} seconds, Ctrl-C stops.\n`;
  const commands: Record<string, readonly string[]> = {
    'validators-exit': ['--consensus-endpoints', nowhere, '--remote-signer-url', nowhere, '--yes'],
    'remote-signer-setup': ['--execution-endpoints', nowhere, '--remote-signer-url', nowhere],
    recover: ['--execution-endpoints', nowhere, '--consensus-endpoints', nowhere, '--mnemonic', MNEMONIC],
  };
  const argsOf = (command: string) => [
    command,
    ...(commands[command] ?? []),
    '--vault',
    TEST_VAULT,
    ...(command === 'recover' ? ['--network', 'holesky', '--no-confirm'] : []),
    ...dataDir(),
  ];

  it.each(Object.keys(commands))(
    '%s says at the first failure of a node that it tries again, and for how long',
    async command => {
      await initialize();
      const { stderr, exitCode } = await runCli(argsOf(command), {
        env: { CONSENSUS_RETRY_TIMEOUT: '2', EXECUTION_RETRY_TIMEOUT: '2' },
      });
      expect(exitCode).toBe(1);
      expect(stderr.split(lines(2))).toHaveLength(2);
      expect(stderr).toMatch(/Error: http:\/\/127\.0\.0\.1:1 cannot be reached: [^\n]*\.\n$/);
    },
  );

  it.each(Object.keys(commands))(
    '%s on a terminal waits ten seconds only for a node of the same machine that refuses connections',
    async command => {
      await initialize();
      const stop = { on: lines(10).trimEnd(), type: '\u0003' };
      const { exitCode } = await runOnTerminal(argsOf(command), [stop]);
      expect(exitCode).toBe(130);
    },
  );
});

describe('the order of the questions', () => {
  it.each([
    ['validators-exit', 'prompts-validators-exit.txt', [], ['http://127.0.0.1:1', TEST_VAULT]],
    [
      'remote-signer-setup',
      'prompts-remote-signer-setup.txt',
      ['--remote-signer-url', 'http://127.0.0.1:1'],
      ['http://127.0.0.1:1', TEST_VAULT],
    ],
  ])('%s asks its questions in the recorded order', async (command, recorded, options, answers) => {
    const questions = recordedQuestions(recorded);
    expect(questions).toHaveLength(answers.length);
    const dialogue = questions.map((on, i) => ({ on, type: `${answers[i]}\r` }));
    const { screen, exitCode } = await runOnTerminal([command, ...options, ...dataDir()], dialogue, { env });
    expect(exitCode).toBe(1);
    expect(withoutEscapes(screen)).toContain(
      `Error: Config for vault ${TEST_VAULT} does not exist. Please run "init" command.`,
    );
  });

  it('recover asks its questions in the recorded order', async () => {
    const answers = [MNEMONIC, TEST_VAULT, 'http://127.0.0.1:1', beacon.url, 'holesky'];
    // The networks that are offered have changed since.
    const questions = recordedQuestions('prompts-recover.txt').map(text => text.replace(/ \(.*/, ''));
    expect(questions).toHaveLength(answers.length);
    const dialogue = questions.map((on, i) => ({ on, type: `${answers[i]}\r` }));
    const { screen, exitCode } = await runOnTerminal(['recover', ...dataDir()], dialogue, { env });
    expect(exitCode).toBe(1);
    expect(screen).toContain('127.0.0.1:1');
    expect(readdirSync(folder.path)).toEqual([]);
  });
});

describe('validators-exit', () => {
  it('validators-exit asks before it exits, and sends nothing after a no', async () => {
    await initialize({ keystores: false });
    const question = 'Are you sure you want to exit 2 validators with indexes: 102, 103? [y/N]: ';
    const no = [{ on: question, type: 'n\r' }];
    const { exitCode } = await runOnTerminal([...exitArgs(), ...loadSigner()], no, { env });
    expect(exitCode).toBe(0);
    expect(beacon.pool.size).toBe(0);
    const yes = [{ on: question, type: 'y\r' }];
    const { screen } = await runOnTerminal([...exitArgs(), ...loadSigner()], yes, { env });
    expect(withoutEscapes(screen)).toContain('Validators 102, 103 (2 of 2) exits successfully initiated');
    expect(beacon.pool).toEqual(new Set([102n, 103n]));
  });

  it('validators-exit exits with local keystores through the built-in signer', async () => {
    await initialize();
    const { stdout, exitCode } = await runCli([...exitArgs(), '--yes', '--count', '1'], { env });
    expect(exitCode).toBe(0);
    expect(stdout).toBe('Validators 102 (1 of 1) exits successfully initiated\n');
    expect(beacon.pool).toEqual(new Set([102n]));
  });

  it('validators-exit knows which validators can exit before any keystore is decrypted, and decrypts no others', async () => {
    await initialize();
    const keystores = join(vaultFolder, 'keystores');
    const wrong = { password: 'the password of another keystore', mode: 0o600 };
    writeFileSync(join(keystores, 'password.txt'), wrong.password, { mode: wrong.mode });
    const dry = await runCli([...exitArgs(), '--dry-run'], { env });
    expect(dry).toMatchObject({ stdout: 'Would exit 2 validators with indexes: 102, 103\n', exitCode: 0 });
    const none = await runCli([...exitArgs(), '--yes', '--indexes', '7'], { env });
    expect(none.stderr).toContain('No key of the vault is that of validator 7.');
    // The keystore of the other validator cannot be opened, and need not be.
    const [, second = ''] = readdirSync(keystores)
      .filter(name => name.endsWith('.json'))
      .sort();
    writeFileSync(join(keystores, 'password.txt'), 'a password', { mode: wrong.mode });
    writeFileSync(join(keystores, second.replace(/json$/, 'txt')), wrong.password, { mode: wrong.mode });
    const one = await runCli([...exitArgs(), '--yes', '--count', '1'], { env });
    expect(one).toMatchObject({
      stdout: 'Validators 102 (1 of 1) exits successfully initiated\n',
      exitCode: 0,
    });
    const both = await runCli([...exitArgs(), '--yes', '--indexes', '103'], { env });
    expect(both.stderr).toContain(second);
    expect(both.exitCode).toBe(1);
  });

  it('validators-exit draws a bar on a terminal while keystores are decrypted', async () => {
    await initialize();
    const { screen, exitCode } = await runOnTerminal([...exitArgs(), '--yes', '--count', '1'], [], { env });
    expect(exitCode).toBe(0);
    expect(withoutEscapes(screen)).toMatch(/Decrypting keystores {2}\[#*-*\] {2}0\/1/);
  });

  it('validators-exit --json tells a script what it would do, and what it did', async () => {
    await initialize({ keystores: false });
    const remote = [...loadSigner(), '--json', '--indexes', '103'];
    const dry = await runCli([...exitArgs(), ...remote, '--dry-run'], { env });
    expect(JSON.parse(dry.stdout)).toEqual({
      planned: [103],
      alreadyExiting: [],
      exits: [],
      dryRun: true,
    });
    expect(beacon.pool.size).toBe(0);
    const done = await runCli([...exitArgs(), ...remote, '--yes'], { env });
    expect(JSON.parse(done.stdout)).toMatchObject({ exits: [{ index: 103, result: 'submitted' }] });
  });

  it('validators-exit names a validator that is already exiting, and sends nothing', async () => {
    await initialize({ keystores: false });
    const asked = [...exitArgs(), ...loadSigner(), '--yes', '--indexes', '103'];
    await runCli(asked, { env });
    beacon.includeExits();
    const again = await runCli(asked, { env });
    expect(again.stderr).toContain('Validator 103 is already exiting (active_exiting).\n');
    expect(again.stdout).toBe('All validators are already exiting.\n');
    expect(again.exitCode).toBe(0);
    expect(beacon.pool.size).toBe(0);
  });

  it.each<[string, string[], number, string]>([
    ['nobody to ask', [], 2, "Missing option '--yes'."],
    ['no keys anywhere', ['--yes'], 2, 'There are no keystores'],
    [
      'a signer that is down',
      ['--yes', '--remote-signer-url', 'http://127.0.0.1:1'],
      1,
      'refuses connections',
    ],
    ['a wrong index', ['--yes', '--indexes', 'x'], 2, "'x' is not a validator index"],
  ])('validators-exit with %s sends nothing', async (_, options, code, message) => {
    await initialize({ keystores: false });
    const { stderr, exitCode } = await runCli([...exitArgs(), ...options], { env });
    expect(stderr).toContain(message);
    expect(exitCode).toBe(code);
    expect(beacon.pool.size).toBe(0);
  });

  it.each(['syncing', 'optimistic', 'other-network', 'garbage', 'down'] as const)(
    'validators-exit asks no signer when its beacon node is at fault: %s',
    async fault => {
      await initialize({ keystores: false });
      beacon.fault = fault;
      const { stderr, exitCode } = await runCli([...exitArgs(), '--yes', ...loadSigner()], { env });
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/^Error: http:\/\/127\.0\.0\.1/m);
      expect(signer.requests).toEqual([]);
    },
  );
});

describe('remote-signer-setup', () => {
  const args = () => [
    'remote-signer-setup',
    '--vault',
    TEST_VAULT,
    '--remote-signer-url',
    signer.url,
    '--execution-endpoints',
    'http://127.0.0.1:1',
    ...dataDir(),
  ];

  it('remote-signer-setup without keystores says so, as recorded', async () => {
    await initialize({ keystores: false });
    const { stdout, exitCode } = await runCli(args(), { env });
    expect(stdout).toBe('Keystores not found.\n');
    const asJson = await runCli([...args(), '--json'], { env });
    expect(JSON.parse(asJson.stdout)).toEqual({ removedKeys: 0 });
    expect(exitCode).toBe(0);
    expect(readRecorded('08-remote-signer-setup/setup-again-no-keystores.out')).toContain(stdout);
  });

  it('remote-signer-setup asks for the key manager before any keystore is decrypted', async () => {
    await initialize();
    writeFileSync(join(vaultFolder, 'keystores', 'password.txt'), 'a wrong one', { mode: 0o600 });
    const asked = ['remote-signer-setup', '--vault', TEST_VAULT, '--split', ...dataDir()];
    const down = await runCli([...asked, '--remote-signer-url', 'http://127.0.0.1:1'], { env });
    expect(down).toMatchObject({ stdout: '', exitCode: 1 });
    expect(down.stderr).toContain('refuses connections');
    const other = await runCli([...asked, '--remote-signer-url', beacon.url], { env });
    expect(other).toMatchObject({ stdout: '', exitCode: 1 });
    expect(other.stderr).toContain('has no key manager API');
    const there = await runCli([...asked, '--remote-signer-url', signer.url], { env });
    expect(there.stderr).toContain('password');
  });

  it('remote-signer-setup changes nothing when no execution node answers', async () => {
    await initialize();
    const { exitCode } = await runCli(args(), { env });
    expect(exitCode).toBe(1);
    expect(readdirSync(join(vaultFolder, 'keystores'))).toHaveLength(3);
    expect(signer.requests).toEqual([]);
  });
});

it('validators-exit has shown its result with --json as its schema says', () => {
  expect(unseenResults(import.meta.filename)).toEqual([]);
});
