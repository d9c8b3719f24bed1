import { generateKeyPairSync, sign } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { formatDepositData } from '../../../src/domain/consensus/deposit-data.ts';
import { planDigest } from '../../../src/domain/fleet/fact-digests.ts';
import { decodeStatement, encodeStatement } from '../../../src/domain/fleet/statement.ts';
import { createDepositData } from '../../../src/domain/keys/signed-deposit.ts';
import { buildDepositTree } from '../../../src/domain/protocol/deposit-tree.ts';
import { fromHex } from '../../../src/lib/bytes.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import { readRemoteSignerFile } from '../../support/checkers/operator-files.ts';
import { readSignerKeys } from '../../support/checkers/validator-clients.ts';
import {
  copyDatabase,
  createTestDatabase,
  databaseUrl,
  dropDatabase,
  type TestDatabase,
} from '../../support/postgres/postgres.ts';
import { type CliRun, runCli } from '../../support/programs/cli.ts';
import { type OperatorProcess, startOperatorProcess } from '../../support/programs/operator-process.ts';
import { addVault } from '../../support/scenes/bad-input/tamper.ts';
import { type DatabaseState, openWorkshop, type Workshop } from '../../support/scenes/bad-input/workshop.ts';
import { type OperatorScene, startOperatorScene } from '../../support/scenes/operator-scene.ts';
import {
  attack,
  hideValidators,
  replaceDepositData,
  resealFacts,
  rewritePlan,
} from '../../support/scenes/unkeyed-attacker.ts';

const KEYS = 10;
let workshop: Workshop;
let publicKey: string;

/**
 * A vault with ten validators over two clients, whose plan is signed ("older"); then two keys were moved, and the keystores
 * uploaded again ("newer"). Another vault of the same team, with the same encryption key, has signed facts of its own.
 */
beforeAll(async () => {
  workshop = await openWorkshop('uploaded', { keys: KEYS });
  const key = ['--encrypt-key-file', join(workshop.folder, 'encrypt-key')];
  const uploadArgs = ['upload-keypairs', ...key, '--execution-endpoints', workshop.devnet.rpcUrl];
  const other = await addVault(workshop, uploadArgs);
  await workshop.remoteDb(['assign', '--total-validators', '2', ...key], other);
  const assigned = await workshop.remoteDb(['assign', '--total-validators', '2', ...key, '--json']);
  publicKey = JSON.parse(assigned.stdout).vaultPublicKey;
  await workshop.save('older');
  await workshop.remoteDb(['assign', '--total-validators', '3', '--reassign', ...key]);
  await workshop.remoteDb(uploadArgs);
  await workshop.save('newer');
});
afterAll(() => workshop[Symbol.asyncDispose]());

interface Place extends AsyncDisposable {
  readonly url: string;
  /** Output directories of this place. */
  readonly path: (name: string) => string;
  /** `remote-db …` on this copy of the database. */
  run(...args: readonly string[]): Promise<CliRun>;
  setupValidator(client: number, total: number, ...more: readonly string[]): Promise<CliRun>;
  setupOperator(...more: readonly string[]): Promise<CliRun>;
  keysOf(client: number): string[];
}

/** A copy of the database in this state, and files of nobody yet. */
async function openPlace(state: DatabaseState): Promise<Place> {
  const database = await workshop.cloneDatabase(state);
  const folder = mkdtempSync(join(workshop.folder, 'place-'));
  const path = (name: string) => join(folder, name);
  const { vault, programs } = workshop;
  const run = (...args: readonly string[]) =>
    programs.run(
      [
        'remote-db',
        '--db-url',
        database.url,
        '--vault',
        vault,
        '--data-dir',
        join(workshop.folder, 'data'),
        ...args,
      ],
      { env: { HOME: '/nonexistent' } },
    );
  return {
    url: database.url,
    path,
    run,
    setupValidator: (client, total, ...more) =>
      run(
        'setup-validator',
        '--validator-index',
        String(client),
        '--total-validators',
        String(total),
        '--web3signer-endpoint',
        'http://web3signer:9000',
        '--fee-recipient',
        vault,
        '--output-dir',
        path(`validator${client}`),
        ...more,
      ),
    setupOperator: (...more) => run('setup-operator', '--output-dir', path('operator'), ...more),
    keysOf: client => readSignerKeys(readFileSync(path(`validator${client}/signer_keys.yml`), 'utf8')),
    [Symbol.asyncDispose]: async () => {
      rmSync(folder, { recursive: true, force: true });
      await database[Symbol.asyncDispose]();
    },
  };
}

const signed = () => ['--vault-public-key', publicKey];

function expectRefusal(run: CliRun, exitCode: number, message: string | RegExp): void {
  expect(run.stderr).toMatch(message);
  expect(run.exitCode, run.stderr).toBe(exitCode);
}

function expectSuccess(run: CliRun): void {
  expect(run.exitCode, run.stderr).toBe(0);
}

/** All files of a directory by name, dot files included; none without one. */
function filesOf(directory: string): Record<string, string> {
  if (!existsSync(directory)) return {};
  return Object.fromEntries(
    readdirSync(directory).map(name => [name, readFileSync(join(directory, name), 'utf8')]),
  );
}

describe('M2 · what a database writer makes commands without the encryption key write', () => {
  it('database writer: gives all keys to client 1 → client 0 keeps its files, client 1 is warned', async () => {
    await using place = await openPlace('older');
    expectSuccess(await place.setupValidator(0, 2));
    expectSuccess(await place.setupValidator(1, 2));
    expect([place.keysOf(0).length, place.keysOf(1).length]).toEqual([5, 5]);
    const before = filesOf(place.path('validator0'));
    await rewritePlan(place.url, 2, () => 1);

    const losing = await place.setupValidator(0, 2);
    expectRefusal(
      losing,
      3,
      /would remove 5 of 5 keys .*\(5 of them are those of validator 1 now\); nothing/,
    );
    // Kept, they would run on two clients.
    expectRefusal(
      await place.setupValidator(0, 2, '--removals', 'keep'),
      3,
      /would run on two clients\. Nothing was changed/,
    );
    expect(filesOf(place.path('validator0'))).toEqual(before);
    expect((await place.setupValidator(1, 2)).stderr).toMatch(
      /Warning: This validator client gets 5 keys beside the 5 in its files/,
    );
  });

  it('database writer: gives all keys to client 1 → with the vault’s public key nobody takes them', async () => {
    await using place = await openPlace('older');
    for (const client of [0, 1]) expectSuccess(await place.setupValidator(client, 2, ...signed()));
    const before = [0, 1].map(client => filesOf(place.path(`validator${client}`)));
    await rewritePlan(place.url, 2, () => 1);
    for (const client of [0, 1]) {
      const run = await place.setupValidator(client, 2, ...signed(), '--removals', 'allow');
      expectRefusal(run, 1, /plan of validator clients .* is not one that was signed/);
      expect(run.stderr).toContain('remote-db assign --encrypt-key-file');
    }
    expect([0, 1].map(client => filesOf(place.path(`validator${client}`)))).toEqual(before);
  });

  it('database writer: hides 9 of 10 validators → the files stay, for clients and operator', async () => {
    await using place = await openPlace('uploaded');
    expectSuccess(await place.setupValidator(0, 1));
    expectSuccess(await place.setupOperator());
    const before = [filesOf(place.path('validator0')), filesOf(place.path('operator'))];
    await hideValidators(place.url, 1);
    expectRefusal(await place.setupValidator(0, 1), 3, /would remove 9 of 10 keys .* nothing was changed/);
    // The document still names the hidden ones.
    expectRefusal(
      await place.setupOperator(),
      1,
      /deposit data .* names 0x[0-9a-f]{96}, which is no validator/,
    );
    expect([filesOf(place.path('validator0')), filesOf(place.path('operator'))]).toEqual(before);

    const kept = await place.setupValidator(0, 1, '--removals', 'keep');
    expectSuccess(kept);
    expect(kept.stderr).toMatch(/Warning: 9 of 10 keys .* were kept/);
    expect(place.keysOf(0)).toHaveLength(10);
    expectSuccess(await place.setupValidator(0, 1, '--removals', 'allow'));
    expect(place.keysOf(0)).toHaveLength(1);
  });

  it('database writer: hides validators, also in the deposit data → the operator’s files stay', async () => {
    await using place = await openPlace('uploaded');
    expectSuccess(await place.setupOperator());
    const before = filesOf(place.path('operator'));
    await hideValidators(place.url, 1);
    const [row] = await attack(place.url, 'select document from deposit_data where vault_id = 1');
    const [first] = await attack(
      place.url,
      `select encode(public_key, 'hex') as key from keypairs where vault_id = 1 and active`,
    );
    const entries: { pubkey: string; signature: string }[] = JSON.parse(String(row?.document));
    const left = entries.filter(({ pubkey }) => pubkey === first?.key);
    expect(left).toHaveLength(1);
    const { root } = buildDepositTree(
      left.map(({ pubkey, signature }) => ({ publicKey: fromHex(pubkey), signature: fromHex(signature) })),
      fromHex(workshop.vault),
    );
    await replaceDepositData(place.url, JSON.stringify(left), root);
    expectRefusal(
      await place.setupOperator(),
      3,
      /would remove 9 of 10 keys from .*remote_signer_config\.json/,
    );
    expect(filesOf(place.path('operator'))).toEqual(before);
    const mismatch =
      /The validators of vault 0x[0-9a-fA-F]{40} in the remote db are not those that were signed/;
    expectRefusal(await place.setupOperator(...signed()), 1, mismatch);
    expectRefusal(await place.setupValidator(0, 2, ...signed()), 1, mismatch);
    expectSuccess(await place.setupOperator('--removals', 'allow', '--force'));
    const file = readFileSync(join(place.path('operator'), 'remote_signer_config.json'), 'utf8');
    expect(readRemoteSignerFile(file).shares.size).toBe(1);
  });

  it('database writer: puts any text in the place of the deposit data → refused, nothing written', async () => {
    await using place = await openPlace('uploaded');
    await replaceDepositData(
      place.url,
      '[{"pubkey":"attacker","note":"anything"}]',
      new Uint8Array(32).fill(7),
    );
    expectRefusal(await place.setupOperator(), 1, /deposit data in the remote db is not deposit data/);
    expect(filesOf(place.path('operator'))).toEqual({});
  });

  it('database writer: puts genuine deposits to keys of his own, with their root → refused', async () => {
    await using place = await openPlace('uploaded');
    const vault = fromHex(workshop.vault);
    const network = resolveNetwork(join(workshop.folder, 'network.json'));
    const entries = [createDepositData({ secretKey: new Uint8Array(32).fill(9), vault, network })];
    const { root } = buildDepositTree(entries, vault);
    await replaceDepositData(place.url, formatDepositData(entries), root);
    expectRefusal(await place.setupOperator(), 1, /which is no validator of vault/);
    expect(filesOf(place.path('operator'))).toEqual({});
  });

  it('database writer: puts the deposit data in another order, with its root → refused by the statement', async () => {
    await using place = await openPlace('older');
    const [row] = await attack(place.url, 'select document from deposit_data where vault_id = 1');
    const turned: { pubkey: string; signature: string }[] = JSON.parse(String(row?.document)).toReversed();
    const { root } = buildDepositTree(
      turned.map(({ pubkey, signature }) => ({ publicKey: fromHex(pubkey), signature: fromHex(signature) })),
      fromHex(workshop.vault),
    );
    const [vault] = await attack(place.url, 'select deposit_data_root from vaults where vault_id = 1');
    // A text that is not the root's.
    await replaceDepositData(place.url, JSON.stringify(turned), vault?.deposit_data_root as Uint8Array);
    expectRefusal(
      await place.setupOperator(),
      1,
      /has the root 0x[0-9a-f]{64}, and that of the last upload is/,
    );
    await replaceDepositData(place.url, JSON.stringify(turned), root);
    expectRefusal(
      await place.setupOperator(...signed()),
      1,
      /The deposit data of vault .* not those that were signed/,
    );
    expect(filesOf(place.path('operator'))).toEqual({});
  });

  it('database writer: takes a share away → refused, nothing written', async () => {
    await using place = await openPlace('uploaded');
    const share =
      'where vault_id = 1 and share_index = 0 and parent_public_key = (select min(public_key) from keypairs where vault_id = 1)';
    await attack(place.url, `delete from key_shares ${share}`);
    await resealFacts(place.url);
    expectRefusal(
      await place.setupOperator(),
      1,
      /has the shares of 0 oracles in the remote db, and there are 3/,
    );
    expect(filesOf(place.path('operator'))).toEqual({});
  });
});

describe('M2 · facts that are signed', () => {
  it('database writer: mixes rows of two genuine plans → refused, whichever statement stands beside them', async () => {
    await using older = await openPlace('older');
    await using place = await openPlace('newer');
    const read = async (url: string) => {
      const rows = await attack(
        url,
        'select public_key, client_index from assignments where vault_id = 1 order by public_key',
      );
      const [statement] = await attack(url, 'select body, signature from statements where vault_id = 1');
      return { clients: rows.map(row => Number(row.client_index)), statement };
    };
    const before = await read(older.url);
    const now = await read(place.url);
    expect(before.clients).not.toEqual(now.clients);
    expectSuccess(await place.setupValidator(0, 3, ...signed()));
    const files = filesOf(place.path('validator0'));

    await rewritePlan(place.url, 3, (index, current) => (index < 5 ? (before.clients[index] ?? 0) : current));
    expectRefusal(await place.setupValidator(0, 3, ...signed()), 1, /not one that was signed/);
    // The whole of the older plan, below the newer statement; then the other way round.
    await rewritePlan(place.url, 2, index => before.clients[index] ?? 0);
    expectRefusal(await place.setupValidator(0, 2, ...signed()), 1, /not one that was signed/);
    await rewritePlan(place.url, 3, index => now.clients[index] ?? 0);
    expectSuccess(await place.setupValidator(0, 3, ...signed()));
    await attack(place.url, 'update statements set body = $1, signature = $2 where vault_id = 1', [
      before.statement?.body,
      before.statement?.signature,
    ]);
    expectRefusal(await place.setupValidator(0, 3, ...signed()), 1, /not one that was signed/);
    // Two statements mixed are none.
    await attack(place.url, 'update statements set body = $1, signature = $2 where vault_id = 1', [
      before.statement?.body,
      now.statement?.signature,
    ]);
    expectRefusal(await place.setupValidator(0, 3, ...signed()), 1, /is not signed by the key/);
    expect(filesOf(place.path('validator0'))).toEqual(files);
  });

  it('database writer: puts the whole database back to an older state → noticed by whoever saw the newer one', async () => {
    await using newer = await openPlace('newer');
    await using older = await openPlace('older');
    expectSuccess(await newer.setupValidator(1, 3, ...signed()));
    expectSuccess(await newer.setupOperator(...signed()));
    const key = ['--encrypt-key-file', join(workshop.folder, 'encrypt-key')];
    const setupWeb3Signer = (place: Place) =>
      place.run('setup-web3signer', '--output-dir', place.path('web3signer'), ...key, ...signed());
    expectSuccess(await setupWeb3Signer(newer));
    const names = ['validator1', 'operator', 'web3signer'];
    for (const name of names) {
      mkdirSync(older.path(name));
      for (const [file, text] of Object.entries(filesOf(newer.path(name)))) {
        writeFileSync(join(older.path(name), file), text);
      }
    }
    const before = names.map(name => filesOf(older.path(name)));
    const rolledBack =
      /has an older state than was seen here before: upload 1 and plan 1, after upload 1 and plan 2/;
    expectRefusal(await older.setupValidator(1, 2, ...signed(), '--removals', 'allow'), 1, rolledBack);
    expectRefusal(await older.setupOperator(...signed()), 1, rolledBack);
    expectRefusal(await setupWeb3Signer(older), 1, rolledBack);
    expect(names.map(name => filesOf(older.path(name)))).toEqual(before);
  });

  it('database writer: puts another vault’s genuine statement and key beside the rows → refused', async () => {
    await using place = await openPlace('newer');
    const keys = await attack(
      place.url,
      'select vault_id, verifying_key from signing_keys order by vault_id',
    );
    expect(keys).toHaveLength(2);
    await attack(
      place.url,
      `update statements s set body = o.body, signature = o.signature from statements o
       where s.vault_id = 1 and o.vault_id = 2`,
    );
    await attack(
      place.url,
      `update signing_keys s set verifying_key = o.verifying_key, nonce = o.nonce, ciphertext = o.ciphertext
       from signing_keys o where s.vault_id = 1 and o.vault_id = 2`,
    );
    for (const run of [
      await place.setupValidator(0, 3, ...signed()),
      await place.setupOperator(...signed()),
    ]) {
      expectRefusal(run, 1, /is not signed by the key/);
    }
    // A user who takes the other vault's public key for this one's.
    const otherKey = `0x${Buffer.from(keys[1]?.verifying_key as Uint8Array).toString('hex')}`;
    const mistaken = await place.setupOperator('--vault-public-key', otherKey);
    expectRefusal(
      mistaken,
      1,
      /The statement that the remote db has of vault .* is about 0x[0-9a-f]{40} of chain/,
    );
    expect(filesOf(place.path('operator'))).toEqual({});
    expect(filesOf(place.path('validator0'))).toEqual({});
  });

  it('database writer: takes the statement away → refused; nothing is pinned without the option', async () => {
    await using place = await openPlace('newer');
    await attack(place.url, 'delete from statements where vault_id = 1');
    for (const run of [
      await place.setupValidator(0, 3, ...signed()),
      await place.setupOperator(...signed()),
    ]) {
      expectRefusal(run, 1, /is not signed, and --vault-public-key asks for it/);
      expect(run.stderr).toContain('remote-db assign --encrypt-key-file');
    }
    expect(filesOf(place.path('operator'))).toEqual({});
    expectSuccess(await place.setupValidator(0, 3));
    expectSuccess(await place.setupOperator());
  });

  it('database writer: exchanges the signing key for one of his own and signs his plan → refused everywhere', async () => {
    await using place = await openPlace('newer');
    await rewritePlan(place.url, 3, () => 1);
    const [row] = await attack(place.url, 'select body from statements where vault_id = 1');
    const rows = await attack(place.url, 'select public_key from assignments where vault_id = 1 order by 1');
    const assignments = rows.map(each => ({ publicKey: each.public_key as Uint8Array, clientIndex: 1 }));
    const statement = decodeStatement(row?.body as Uint8Array);
    if (statement === undefined) throw new Error('no statement');
    const body = encodeStatement({
      chainId: statement.chainId,
      vault: statement.vault,
      manifestCounter: statement.manifestCounter + 1n,
      planCounter: statement.planCounter + 1n,
      validatorsDigest: statement.validatorsDigest,
      planDigest: planDigest({ totalClients: 3, assignments }),
      depositDataRoot: statement.depositDataRoot,
      depositDataDigest: statement.depositDataDigest,
      operatorDigest: statement.operatorDigest,
      retirementCounter: statement.retirementCounter,
      retiredDigest: statement.retiredDigest,
    });
    const pair = generateKeyPairSync('ed25519');
    const { x = '' } = pair.publicKey.export({ format: 'jwk' });
    await attack(place.url, 'update statements set body = $1, signature = $2 where vault_id = 1', [
      body,
      sign(null, body, pair.privateKey),
    ]);
    await attack(place.url, 'update signing_keys set verifying_key = $1 where vault_id = 1', [
      Buffer.from(x, 'base64url'),
    ]);
    expectRefusal(await place.setupValidator(1, 3, ...signed()), 1, /is not signed by the key/);
    expectRefusal(await place.setupOperator(...signed()), 1, /is not signed by the key/);
    // Whoever has the encryption key notices, and signs nothing with it.
    const key = ['--encrypt-key-file', join(workshop.folder, 'encrypt-key')];
    const tampered = /signing key of the vault in the remote db is not what was written/;
    expectRefusal(await place.run('assign', '--total-validators', '3', ...key), 1, tampered);
    expectRefusal(
      await place.run('upload-keypairs', ...key, '--execution-endpoints', workshop.devnet.rpcUrl),
      1,
      tampered,
    );
    const verified = await place.run('verify', ...key);
    expect(verified.stdout).toMatch(tampered);
    expect(verified.exitCode).toBe(3);
    expect(filesOf(place.path('validator1'))).toEqual({});
  });

  it('database writer: has his plan signed by the next upload or assign → it stays unsigned until somebody looks', async () => {
    await using place = await openPlace('newer');
    const key = ['--encrypt-key-file', join(workshop.folder, 'encrypt-key')];
    await rewritePlan(place.url, 3, () => 1);
    const uploaded = await place.run(
      'upload-keypairs',
      ...key,
      '--execution-endpoints',
      workshop.devnet.rpcUrl,
    );
    expectSuccess(uploaded);
    expect(uploaded.stderr).toContain(
      'Warning: The plan of validator clients was changed without the encryption key',
    );
    expectRefusal(await place.setupValidator(1, 3, ...signed()), 1, /not one that was signed/);
    const assigned = await place.run('assign', '--total-validators', '3', ...key);
    expectRefusal(assigned, 3, /plan of 3 validator clients \(0, 10, 0 keys\) was stored or changed without/);
    expectRefusal(await place.setupValidator(1, 3, ...signed()), 1, /not one that was signed/);
    // Somebody has looked: the keys are dealt out anew.
    expectSuccess(await place.run('assign', '--total-validators', '3', '--reassign', ...key));
    for (const client of [0, 1, 2]) expectSuccess(await place.setupValidator(client, 3, ...signed()));
    const dealt = [0, 1, 2].flatMap(client => place.keysOf(client));
    expect(dealt).toHaveLength(KEYS);
    expect(new Set(dealt).size).toBe(KEYS);
  });

  it('database writer: adds a validator of his own before the next upload → nobody signs it', async () => {
    await using place = await openPlace('newer');
    const key = ['--encrypt-key-file', join(workshop.folder, 'encrypt-key')];
    await attack(
      place.url,
      `insert into keypairs (vault_id, public_key, active, shares_set_hash)
       select 1, $1, true, oracle_set_hash from vaults where vault_id = 1`,
      [Buffer.alloc(48, 0xab)],
    );
    await resealFacts(place.url);
    const changed = /validators or shares in the remote db are not those that were sealed/;
    expectRefusal(await place.run('assign', '--total-validators', '3', ...key), 1, changed);
    expectRefusal(
      await place.run('upload-keypairs', ...key, '--execution-endpoints', workshop.devnet.rpcUrl),
      1,
      changed,
    );
    expectRefusal(await place.setupOperator(), 1, /0x(ab){48} has the shares of 0 oracles/);
  });
});

describe('M2 · what a database writer makes an operator work with', () => {
  let scene: OperatorScene;
  beforeAll(async () => {
    scene = await startOperatorScene({ hasEmbeddedDatabase: false });
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  /** `start` with keys, facts and state in this database, and a data directory of its own. */
  function startFrom(url: string, dataDir: string, ...more: readonly string[]): OperatorProcess {
    const wallet = join(scene.vaultDir, 'wallet');
    return startOperatorProcess([
      '--vault',
      scene.vault,
      '--data-dir',
      dataDir,
      '--db-url',
      url,
      '--network',
      scene.networkFile,
      '--encrypt-key-file',
      join(scene.folder, 'encrypt-key'),
      ...scene.args.slice(4),
      '--wallet-file',
      join(wallet, 'wallet.json'),
      '--wallet-password-file',
      join(wallet, 'password.txt'),
      ...more,
    ]);
  }

  async function remoteDb(url: string, ...args: readonly string[]): Promise<string> {
    const run = await runCli([
      'remote-db',
      '--db-url',
      url,
      '--vault',
      scene.vault,
      '--data-dir',
      scene.dataDir,
      ...args,
      '--encrypt-key-file',
      join(scene.folder, 'encrypt-key'),
      '--json',
    ]);
    expect(run.exitCode, run.stderr).toBe(0);
    return JSON.parse(run.stdout).vaultPublicKey;
  }

  it('database writer: rolls facts back, takes the statement or the facts away → the operator does not start', async () => {
    await using first = await createTestDatabase();
    const upload = ['upload-keypairs', '--execution-endpoints', scene.devnet.rpcUrl];
    await remoteDb(first.url, 'setup');
    const key = await remoteDb(first.url, ...upload);
    await using kept = await keepCopy(first);
    expect(await remoteDb(first.url, 'assign', '--total-validators', '2')).toBe(key);
    const dataDir = join(scene.folder, 'signed');
    {
      await using operator = startFrom(first.url, dataDir, '--vault-public-key', key);
      await operator.printed('Only what the vault has signed is believed of the remote database.');
      await operator.printed('Started operator service');
      expect((await operator.stop()).exitCode).toBe(0);
    }
    const refusal = async (url: string, text: string | RegExp) => {
      await using operator = startFrom(url, dataDir, '--vault-public-key', key);
      expect(await operator.ended, operator.output).toBe(1);
      expect(operator.output).toMatch(text);
      expect(operator.output).not.toContain('Started operator service');
    };
    await refusal(
      kept.url,
      'has an older state than was seen here before: upload 1 and plan 0, after upload 1 and plan 1',
    );
    const other = `0x${'11'.repeat(32)}`;
    {
      await using operator = startFrom(first.url, dataDir, '--vault-public-key', other);
      expect(await operator.ended, operator.output).toBe(1);
      expect(operator.output).toContain(`is not signed by the key ${other}`);
    }
    await attack(first.url, 'delete from statements');
    await refusal(first.url, 'is not signed, and --vault-public-key asks for it');
    // Without rows the files of the data directory would be taken: whoever asked for signed facts gets none.
    await attack(first.url, 'update vaults set operator_digest = null');
    await refusal(first.url, 'is not signed, and --vault-public-key asks for it');
  });
});

async function keepCopy(database: TestDatabase): Promise<TestDatabase> {
  const server = inject('postgres').url;
  const name = `${database.name}_kept`;
  await copyDatabase(server, name, database.name);
  return {
    url: databaseUrl(server, name),
    name,
    [Symbol.asyncDispose]: () => dropDatabase(server, name),
  };
}
