// The whole way of docs/migration.md: from a recorded database of the Python operator, and the key folder that its Web3Signer
// has read, to an operator of this program that registers the vault's validators.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { freePort } from '../../devnet/listen.ts';
import { readSignerKeys } from '../../support/checkers/validator-clients.ts';
import { readKeyDirectory } from '../../support/checkers/web3signer.ts';
import { it } from '../../support/postgres/fixtures.ts';
import { runSql } from '../../support/postgres/postgres.ts';
import { dumpDatabase } from '../../support/postgres/snapshot.ts';
import { type CliRun, runCli } from '../../support/programs/cli.ts';
import { unseenResults } from '../../support/programs/json-results.ts';
import { startOperatorProcess } from '../../support/programs/operator-process.ts';
import { spawnSignerProcess } from '../../support/programs/signer-process.ts';
import { fillWithPythonVault } from '../../support/recorded/python-database.ts';
import {
  RECORDED_ENCRYPT_KEY,
  RECORDED_VAULT,
  recordedDepositData,
} from '../../support/recorded/recorded-vault.ts';
import { readRecorded } from '../../support/recorded/vectors.ts';
import {
  type PythonOperatorScene,
  RECORDED_KEYS,
  readForeignValidator,
  startPythonOperatorScene,
  writePythonFiles,
} from '../../support/scenes/python-operator.ts';
import { waitUntil } from '../../support/wait-until.ts';

const CLIENTS = 3;
const STAKE = 32;

let scene: PythonOperatorScene;
beforeAll(async () => {
  scene = await startPythonOperatorScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

describe('the way from the Python operator', () => {
  it('the recorded database goes over, its clients keep their keys, and the operator registers with them', async ({
    directory,
    empty,
  }) => {
    const { devnet, beacon } = scene;
    const networkFile = join(directory, 'network.json');
    await devnet.writeNetworkFile(networkFile);
    const dataDir = join(directory, 'data');
    const keyFolder = join(directory, 'web3signer');
    const own = await writePythonFiles(devnet, { dataDir, keyFolder, networkFile });
    const secretFile = (name: string, text: string) => {
      writeFileSync(join(directory, name), `${text}\n`, { mode: 0o600 });
      return join(directory, name);
    };
    // The new tables come to stand beside the old ones.
    await fillWithPythonVault(empty.url, { network: devnet.name });
    const url = secretFile('db-url', empty.url);
    const oldTables = async () => {
      const dump = await dumpDatabase(empty.url);
      return [dump['public.devnet_keypairs'], dump['public.devnet_configs']];
    };
    const before = await oldTables();
    const encryptKey = ['--encrypt-key-file', join(directory, 'encrypt-key')];
    const runs: CliRun[] = [];
    const remoteDb = async (...args: readonly string[]) => {
      const group = ['--db-url-file', url, '--vault', RECORDED_VAULT, '--data-dir', dataDir];
      const run = await runCli(['remote-db', ...group, ...args]);
      expect(run.exitCode, `${args.join(' ')}\n${run.stdout}${run.stderr}`).toBe(0);
      runs.push(run);
      return run;
    };

    await remoteDb('setup', ...encryptKey);
    const from = ['--from-db-url-file', url, '--from-encrypt-key-file'];
    const oldKey = secretFile('old-encrypt-key', RECORDED_ENCRYPT_KEY);
    const importing = ['import-v3-operator', ...from, oldKey, ...encryptKey];
    const tried = await remoteDb(...importing, '--dry-run');
    expect(tried.stdout).toContain(
      `Checked 10 keys of the ${RECORDED_VAULT} vault: 10 new, 0 stored already`,
    );
    const node = ['--execution-endpoints', devnet.rpcUrl];
    const done = await remoteDb(...importing, ...node, '--json');
    expect(JSON.parse(done.stdout)).toMatchObject({ dryRun: false, stored: 10, shares: 40, oldShares: 40 });
    expect(done.stderr).toContain('Not taken: 40 key shares.');
    const again = await remoteDb(...importing, ...node);
    expect(again.stdout).toContain('imported 10 keys');
    expect(again.stdout).toContain('; 0 were not complete here before.');
    await remoteDb('verify', ...encryptKey);
    expect(await oldTables()).toEqual(before);

    // Every client keeps the keys that it has; what the Python operator gave to nobody goes to the last one.
    await remoteDb('assign', '--like-reference', '--total-validators', String(CLIENTS), ...encryptKey);
    for (let client = 0; client < CLIENTS; client++) {
      const output = join(directory, `client${client}`);
      const place = ['--validator-index', String(client), '--total-validators', String(CLIENTS)];
      const endpoint = ['--web3signer-endpoint', 'http://web3signer:6174', '--fee-recipient', RECORDED_VAULT];
      await remoteDb('setup-validator', ...place, ...endpoint, '--output-dir', output);
      const recorded = readRecorded(
        `03-remote-db/4-validator-total${CLIENTS}-index${client}/signer_keys.yml`,
      );
      expect(readSignerKeys(readFileSync(join(output, 'signer_keys.yml'), 'utf8'))).toEqual(
        expect.arrayContaining(readSignerKeys(recorded)),
      );
    }

    // The validators' files are taken over; those of the old shares are named.
    const synced = await remoteDb('setup-web3signer', '--adopt', ...encryptKey, '--output-dir', keyFolder);
    const strays = readdirSync(keyFolder).filter(name => /^key_\d+\.yaml$/.test(name));
    expect(strays).toHaveLength(4 * RECORDED_KEYS);
    expect(synced.stderr).toContain(strays.length.toString());
    expect(readKeyDirectory(keyFolder).publicKeys.size).toBe(RECORDED_KEYS + 8 * RECORDED_KEYS);
    await remoteDb('setup-operator');
    for (const { stdout, stderr } of runs) expect(stdout + stderr).not.toContain(RECORDED_ENCRYPT_KEY);

    const address = `127.0.0.1:${await freePort()}`;
    const source = ['--network', networkFile, '--keys-dir', keyFolder];
    await using _signer = await spawnSignerProcess([...source, '--listen', address]);
    const local = ['--vault', RECORDED_VAULT, '--data-dir', dataDir, '--db-url-file', url];
    const consensus = ['--consensus-endpoints', beacon.url];
    const operatorDb = join(own, 'operator.db');
    const lastBlock = await readForeignValidator(devnet, operatorDb);
    const fromOperatorDb = [
      'import-operator-db',
      '--operator-db',
      operatorDb,
      ...node,
      ...consensus,
      '--json',
    ];
    const stored = { dryRun: false, validators: 1, lastBlock, imported: true };
    const imported = await runCli([...fromOperatorDb, ...local]);
    expect(imported.exitCode, imported.stderr).toBe(0);
    expect(JSON.parse(imported.stdout)).toEqual(stored);
    // Into an embedded database, too, which is made for it, and which has it then.
    const embedded = [
      '--vault',
      RECORDED_VAULT,
      '--data-dir',
      dataDir,
      '--database-dir',
      join(directory, 'db'),
    ];
    const first = await runCli([...fromOperatorDb, ...embedded]);
    expect(first.exitCode, first.stderr).toBe(0);
    expect(JSON.parse(first.stdout)).toEqual(stored);
    const second = await runCli([...fromOperatorDb, ...embedded]);
    expect(JSON.parse(second.stdout)).toEqual({ ...stored, imported: false, knownToBlock: lastBlock });
    const outward = [...consensus, '--remote-signer-url', `http://${address}`];
    await using operator = startOperatorProcess([...local, ...node, ...outward]);
    await operator.printed(`Using remote signer at http://${address} for ${RECORDED_KEYS} public keys`);
    await operator.printed('Started operator service');
    await devnet.depositEther(2 * STAKE, RECORDED_VAULT);
    await operator.printed('start index=1');
    await operator.printed('Successfully registered validators');
    await waitUntil(
      'two validators in the vault’s log',
      async () => (await devnet.readVaultLog(RECORDED_VAULT)).registered.length === 2,
      { lastSeen: () => operator.output },
    );
    expect((await operator.stop()).exitCode).toBe(0);
    expect(readdirSync(own)).toContain('remote_signer_config.json');
    expect(await oldTables()).toEqual(before);
  });

  it('a key that is not what it says ends import and dry run with 3, and no secret is printed', async ({
    directory,
    empty,
  }) => {
    const { devnet } = scene;
    const networkFile = join(directory, 'network.json');
    await devnet.writeNetworkFile(networkFile);
    await fillWithPythonVault(empty.url, { network: devnet.name });
    const [entry] = recordedDepositData().entries;
    const broken = `0x${entry?.json.pubkey}`;
    await runSql(
      empty.url,
      `update devnet_keypairs set private_key = '0x${'ab'.repeat(32)}' where public_key = '${broken}'`,
    );
    const encryptKey = ['--encrypt-key', Buffer.alloc(32, 'new key').toString('base64')];
    const group = ['--db-url', empty.url, '--vault', RECORDED_VAULT, '--network', networkFile];
    const remoteDb = (...args: readonly string[]) =>
      runCli(['remote-db', ...group, '--data-dir', directory, ...args, ...encryptKey, '--json']);
    expect((await remoteDb('setup')).exitCode).toBe(0);
    const from = ['--from-db-url', empty.url, '--from-encrypt-key', RECORDED_ENCRYPT_KEY];
    const tried = await remoteDb('import-v3-operator', ...from, '--dry-run');
    expect([tried.exitCode, JSON.parse(tried.stdout).oldKeys]).toEqual([
      3,
      expect.arrayContaining([{ publicKey: broken, state: 'broken' }]),
    ]);
    expect(tried.stderr).toMatch(/--from-encrypt-key/);
    const node = ['--execution-endpoints', devnet.rpcUrl];
    const refused = await remoteDb('import-v3-operator', ...from, ...node);
    expect([refused.exitCode, JSON.parse(refused.stdout).error.code]).toEqual([3, 'v3-keys-broken']);
    expect(refused.stdout).toContain(broken);
    const wrong = ['--from-db-url', empty.url, '--from-encrypt-key', Buffer.alloc(32, 1).toString('base64')];
    const closed = await remoteDb('import-v3-operator', ...wrong, ...node);
    expect([closed.exitCode, JSON.parse(closed.stdout).error.code]).toEqual([1, 'v3-wrong-key']);
    const embedded = ['--from-db-url', `pglite:${directory}/db`, '--from-encrypt-key', RECORDED_ENCRYPT_KEY];
    const unusable = await remoteDb('import-v3-operator', ...embedded, ...node);
    expect([unusable.exitCode, JSON.parse(unusable.stdout).error.code]).toEqual([2, 'invalid-db-url']);
    for (const { stdout, stderr } of [tried, refused, closed, unusable])
      for (const secret of [RECORDED_ENCRYPT_KEY, encryptKey[1] ?? '', wrong[3] ?? ''])
        expect(stdout + stderr).not.toContain(secret);
  });
});

it('remote-db import-v3-operator and import-operator-db have shown their results with --json as their schemas say', () => {
  expect(unseenResults(import.meta.filename)).toEqual([]);
});
