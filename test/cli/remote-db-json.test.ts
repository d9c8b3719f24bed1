import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { formatDepositData } from '../../src/domain/consensus/deposit-data.ts';
import { createDepositData } from '../../src/domain/keys/signed-deposit.ts';
import { buildDepositTree } from '../../src/domain/protocol/deposit-tree.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { resolveNetwork } from '../../src/networks/resolve-network.ts';
import { type Devnet, startDevnet } from '../devnet/devnet.ts';
import { createTestDatabase, roleUrl, runSql, type TestDatabase } from '../support/postgres/postgres.ts';
import { type CliRun, runCli, temporaryDirectory } from '../support/programs/cli.ts';
import { unseenResults } from '../support/programs/json-results.ts';
import { KEYSTORE_PASSWORD, recordedSecretKeys, writeKeystores } from '../support/recorded/recorded-vault.ts';

const ENCRYPT_KEY = Buffer.alloc(32, 'planted encryption key').toString('base64');
const DB_PASSWORD = 'planted-db-password';
const DB_ROLE = `json_${process.pid}`;
const secretKeys = recordedSecretKeys(3);
/** Nothing that a command prints may hold any of these. */
const SECRETS = [
  ENCRYPT_KEY,
  DB_PASSWORD,
  KEYSTORE_PASSWORD,
  ...secretKeys.map(secretKey => Buffer.from(secretKey).toString('hex')),
];

const directory = temporaryDirectory();
const networkFile = join(directory.path, 'network.json');
let devnet: Devnet;
let database: TestDatabase;
let url: string;

beforeAll(async () => {
  devnet = await startDevnet({ name: 'json', oracles: 4, threshold: 3 });
  await devnet.writeNetworkFile(networkFile);
  database = await createTestDatabase({ migrated: false });
  await runSql(database.url, `create role ${DB_ROLE} login password '${DB_PASSWORD}'`);
  await runSql(database.url, `grant create on database ${database.name} to ${DB_ROLE}`);
  url = roleUrl(database.url, DB_ROLE, DB_PASSWORD);
  const vault = fromHex(devnet.addresses.vault, 20);
  const vaultDir = join(directory.path, devnet.addresses.vault.toLowerCase());
  writeKeystores(join(vaultDir, 'keystores'), secretKeys);
  const network = resolveNetwork(networkFile);
  const deposits = secretKeys.map(secretKey => createDepositData({ secretKey, vault, network }));
  writeFileSync(join(vaultDir, 'deposit_data.json'), formatDepositData(deposits));
  await devnet.setDepositDataRoot(buildDepositTree(deposits, vault).root);
});
afterAll(async () => {
  directory[Symbol.dispose]();
  await database[Symbol.asyncDispose]();
  await runSql(inject('postgres').url, `drop role ${DB_ROLE}`);
  await devnet.stop();
});

/** Runs a command with `--json`, secrets in argv. */
async function runJson(command: string, ...more: string[]): Promise<CliRun> {
  const group = ['--db-url', url, '--vault', devnet.addresses.vault, '--network', networkFile];
  const run = await runCli(['remote-db', ...group, '--data-dir', directory.path, command, ...more, '--json']);
  for (const secret of SECRETS) expect(run.stdout + run.stderr).not.toContain(secret);
  return run;
}

function expectResult(run: CliRun, schema: z.ZodType): void {
  expect(run.exitCode, run.stderr).toBe(0);
  expect(() => schema.parse(JSON.parse(run.stdout))).not.toThrow();
}

const key = ['--encrypt-key', ENCRYPT_KEY];
const count = z.int().min(0);
const out = join(directory.path, 'out');

const FILE_COUNTS = z.strictObject({ added: count, changed: count, adjusted: count, removed: count });
const PUBLIC_KEY = z.string().regex(/^0x[0-9a-f]{64}$/);
const COMMANDS: readonly (readonly [string, string[], z.ZodType])[] = [
  [
    'setup',
    key,
    z.strictObject({
      migrations: z.array(z.string()).min(1),
      created: z.literal(true),
      vaultPublicKey: PUBLIC_KEY,
    }),
  ],
  [
    'setup',
    [...key, '--if-needed'],
    z.strictObject({ migrations: z.tuple([]), created: z.literal(false), vaultPublicKey: PUBLIC_KEY }),
  ],
  ['migrate', [], z.strictObject({ migrations: z.tuple([]) })],
  [
    'upload-keypairs',
    [...key, '--execution-endpoints', 'RPC'],
    z.strictObject({
      keystores: z.literal(3),
      stored: z.literal(3),
      shares: z.literal(12),
      oracles: z.literal(4),
      threshold: z.literal(3),
      prunedShares: z.literal(0),
      vaultPublicKey: PUBLIC_KEY,
    }),
  ],
  [
    'assign',
    ['--total-validators', '2'],
    z.strictObject({
      totalValidators: z.literal(2),
      keys: z.literal(3),
      keysPerValidator: z.tuple([count, count]),
      changed: z.literal(true),
      movedKeys: z.literal(0),
    }),
  ],
  [
    'setup-web3signer',
    [...key, '--output-dir', out],
    z.strictObject({
      keys: z.literal(15),
      changed: z.boolean(),
      removedKeys: count,
      removedShares: count,
      keptKeys: count,
      retiredKeys: z.literal(0),
      files: FILE_COUNTS,
      signers: z.tuple([]),
    }),
  ],
  [
    'setup-validator',
    [
      '--validator-index',
      '1',
      '--total-validators',
      '2',
      '--web3signer-endpoint',
      'http://w:9000',
      '--fee-recipient',
      '0xb793c3D2Cec1d0F35fF88BCA7655B88A44669e4B',
      '--output-dir',
      out,
    ],
    z.strictObject({
      validatorIndex: z.literal(1),
      totalValidators: z.literal(2),
      keys: z.literal(1),
      removedKeys: z.literal(0),
      keptKeys: z.literal(0),
      retiredKeys: z.literal(0),
      paths: z.array(z.string()).length(3),
      clients: z.array(
        z.strictObject({
          kind: z.string(),
          files: z.array(z.string()),
          flags: z.array(z.string()),
          notes: z.array(z.string()),
        }),
      ),
      changed: z.literal(true),
    }),
  ],
  [
    'setup-operator',
    ['--output-dir', out],
    z.strictObject({
      remoteSignerConfigFile: z.string(),
      depositDataFile: z.string(),
      validators: z.literal(3),
      staleValidators: z.literal(0),
      retiredValidators: z.literal(0),
      changed: z.literal(true),
    }),
  ],
  [
    'verify',
    key,
    z.strictObject({
      validators: z.literal(3),
      shares: z.literal(12),
      staleValidators: z.literal(0),
      depositDataEntries: z.literal(3),
      manifestCounter: z.literal(1),
      findings: z.tuple([]),
      planSigned: z.literal(false),
      vaultPublicKey: PUBLIC_KEY,
    }),
  ],
];

describe('--json', () => {
  it.each(COMMANDS)(
    'remote-db %s %j --json prints one document of its result on stdout',
    async (command, options, schema) => {
      const words = options.map(word => (word === 'RPC' ? devnet.rpcUrl : word));
      expectResult(await runJson(command, ...words), schema);
    },
  );

  it('verify --json prints its result with the findings, and exits with 3', async () => {
    await runSql(url, 'update stakewise_operator.vaults set manifest_counter = manifest_counter + 1');
    const run = await runJson('verify', ...key);
    expect(run.exitCode).toBe(3);
    // The manifest, and the statement that names it.
    expect(JSON.parse(run.stdout).findings).toHaveLength(2);
    await runSql(url, 'update stakewise_operator.vaults set manifest_counter = manifest_counter - 1');
  });

  it.each([
    [
      'wrong-key',
      'verify',
      ['--encrypt-key', Buffer.alloc(32).toString('base64')],
      'invalid-encryption-key',
      1,
    ],
    ['a key that is none', 'verify', ['--encrypt-key', `${ENCRYPT_KEY}AAAA`], 'invalid-encryption-key', 1],
    ['not empty', 'setup', key, 'remote-db-not-empty', 1],
    ['nobody to ask', 'setup-web3signer', [], 'missing-option', 2],
    ['an unknown option', 'verify', [`--encrypt-keys=${ENCRYPT_KEY}`], 'no-such-option', 2],
    ['a word too many', 'verify', [...key, 'extra'], 'unexpected-argument', 2],
    ['no --yes', 'cleanup', [], 'missing-option', 2],
    ['other moves', 'assign', ['--total-validators', '3'], 'keys-would-move', 3],
    ['--check', 'setup-operator', ['--check', '--output-dir', join(out, 'new')], 'files-differ', 3],
    [
      'an endpoint that is no URL',
      'upload-keypairs',
      [...key, '--execution-endpoints', 'http://127.0.0.1:x'],
      'invalid-url',
      2,
    ],
  ])(
    'a remote-db command that fails (%s) prints its error as JSON on stdout, with code and message',
    async (_name, command, options, code, exitCode) => {
      const run = await runJson(command, ...options);
      const error = z.strictObject({
        error: z.strictObject({
          code: z.literal(code),
          message: z.string().min(1),
          hint: z.string().optional(),
        }),
      });
      expect(error.parse(JSON.parse(run.stdout)).error.code).toBe(code);
      expect(run.exitCode).toBe(exitCode);
    },
  );

  it('setup --json tells a refused password from an unreachable database by the code of its error', async () => {
    const refused = await runCli(
      [
        'remote-db',
        '--db-url',
        roleUrl(url, DB_ROLE, 'planted-other'),
        '--vault',
        devnet.addresses.vault,
      ].concat(['--network', networkFile, 'setup', '--json']),
    );
    const down = await runCli(
      ['remote-db', '--db-url', `postgresql://op:${DB_PASSWORD}@127.0.0.1:1/op`, '--vault'].concat([
        devnet.addresses.vault,
        '--network',
        networkFile,
        'setup',
        '--json',
      ]),
    );
    expect([refused.exitCode, down.exitCode]).toEqual([1, 1]);
    expect(JSON.parse(refused.stdout).error.code).toBe('db-auth-failed');
    expect(JSON.parse(down.stdout).error.code).toBe('db-unreachable');
    expect(refused.stdout + refused.stderr).not.toContain('planted-other');
    expect(down.stdout + down.stderr).not.toContain(DB_PASSWORD);
  });

  it('setup --json shows a new key once, beside its result, and cleanup --json removes one vault only', async () => {
    const other = await devnet.createVault(1);
    const group = ['--db-url', url, '--network', networkFile];
    const setup = await runCli(['remote-db', ...group, '--vault', other, 'setup', '--json']);
    expect(JSON.parse(setup.stdout)).toEqual({
      migrations: [],
      created: true,
      vaultPublicKey: expect.stringMatching(/^0x[0-9a-f]{64}$/),
    });
    const shown = /Encryption key: (\S{44})\n/.exec(setup.stderr)?.[1] ?? '';
    expect(Buffer.from(shown, 'base64')).toHaveLength(32);

    const removed = z.strictObject({
      removed: z.strictObject({
        validators: z.literal(3),
        shares: z.literal(12),
        secrets: z.literal(15),
        oracleSets: z.literal(1),
        depositData: z.literal(1),
        assignments: z.literal(3),
      }),
    });
    expectResult(await runJson('cleanup', '--yes'), removed);
    const kept = await runCli([
      'remote-db',
      ...group,
      '--vault',
      other,
      'verify',
      '--encrypt-key',
      shown,
      '--json',
    ]);
    expect(kept.exitCode).toBe(0);
    expect(JSON.parse((await runJson('setup-operator')).stdout).error.code).toBe('vault-not-set-up');
  });
});

it('the commands of remote-db have shown results with --json as their schemas say', () => {
  expect(unseenResults(import.meta.filename)).toEqual([]);
});
