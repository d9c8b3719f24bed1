import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { updateAssignmentPlan } from '../../../../src/db/assignments.ts';
import { type Database, inTransaction } from '../../../../src/db/database.ts';
import { insertOracleSet } from '../../../../src/db/oracle-sets.ts';
import { toHex } from '../../../../src/lib/bytes.ts';
import { setupVault } from '../../../../src/services/remote-db/setup-vault.ts';
import { unlockVault } from '../../../../src/services/remote-db/unlock-vault.ts';
import { type VerifyResult, verifyVault } from '../../../../src/services/remote-db/verify-vault.ts';
import { createWorkerPool, type WorkerPool } from '../../../../src/workers/pool.ts';
import { BOTH_DATABASES, openMigrated } from '../../../support/postgres/both-databases.ts';
import {
  type RawVault,
  rawOracleSet,
  rawSecretKeys,
  storeRawVault,
} from '../../../support/scenes/raw-vault.ts';
import { sealRawKeys } from '../../../support/scenes/sealed-vault.ts';

const MANIFEST =
  'The rows of this vault are not those of its manifest: keys were removed, added, exchanged or restored from an older state.';
const VALIDATORS = 'The list of validators is not that of the last upload.';
const OPERATOR_FACTS =
  'The oracles, shares or deposit data in the remote db are not those of the last upload: rows were removed, added or changed.';
const NOT_SIGNED = "The vault's facts are not those that were signed.";
const UNSIGNED = "The vault's facts are not signed by its key.";
const OTHER_DEPOSITS = 'The deposit data is not that of the last upload.';
const NOT_CURRENT = 'No validator has shares of the current oracle set.';

const tampered = (key: Uint8Array) =>
  `The encrypted row of public key ${toHex(key)} is not what was written for this vault.`;
const notRecombined = (key: Uint8Array) =>
  `The shares of validator ${toHex(key)} do not recombine to its key.`;
const lacksKey = (key: Uint8Array) => `Validator ${toHex(key)} has no encrypted key.`;
const lacksShares = (key: Uint8Array, count: number, wanted: number | string) =>
  `Validator ${toHex(key)} has ${count} shares instead of ${wanted}.`;

/** Byte strings in statements. */
const bytea = (bytes: Uint8Array) => `'\\x${Buffer.from(bytes).toString('hex')}'::bytea`;
const sortedKeys = (keys: readonly Uint8Array[]) => keys.toSorted((a, b) => Buffer.compare(a, b));

/** A vault of five validators and three oracles, two of which are enough. */
interface Scene extends RawVault {
  readonly key: (validator: number) => Uint8Array;
  readonly share: (validator: number, index: number) => Uint8Array;
}

interface Case {
  readonly name: string;
  /** Statements past the program; `$vault` stands for the vault's id. */
  readonly statements: (scene: Scene) => readonly string[];
  readonly findings: (scene: Scene) => readonly unknown[];
}

const swapSecrets = (a: Uint8Array, b: Uint8Array, columns = ['nonce', 'ciphertext']) =>
  `update key_secrets c set ${columns.map(column => `${column} = o.${column}`).join(', ')} from key_secrets o
   where c.vault_id = $vault and o.vault_id = $vault
     and ((c.public_key = ${bytea(a)} and o.public_key = ${bytea(b)})
       or (c.public_key = ${bytea(b)} and o.public_key = ${bytea(a)}))`;
const flip = (table: string, column: string, where: string) =>
  `update ${table} set ${column} = set_byte(${column}, 7, get_byte(${column}, 7) # 1) where vault_id = $vault and ${where}`;
const document = (change: string) => `update deposit_data set document = ${change} where vault_id = $vault`;

const CASES: readonly Case[] = [
  { name: 'nothing', statements: () => [], findings: () => [] },
  {
    name: 'the secret of a share that is gone',
    statements: ({ share }) => [
      `delete from key_secrets where vault_id = $vault and public_key = ${bytea(share(1, 2))}`,
    ],
    findings: ({ key }) => [MANIFEST, lacksShares(key(1), 2, 3)],
  },
  {
    name: 'a share that is gone',
    statements: ({ share }) => [
      `delete from key_shares where vault_id = $vault and public_key = ${bytea(share(1, 2))}`,
    ],
    findings: ({ key }) => [MANIFEST, lacksShares(key(1), 2, 3), OPERATOR_FACTS, NOT_SIGNED],
  },
  {
    name: 'the secret of a validator that is gone',
    statements: ({ key }) => [
      `delete from key_secrets where vault_id = $vault and public_key = ${bytea(key(3))}`,
    ],
    findings: ({ key }) => [MANIFEST, lacksKey(key(3))],
  },
  {
    name: 'a validator that is gone',
    statements: ({ key }) => [
      `delete from keypairs where vault_id = $vault and public_key = ${bytea(key(0))}`,
    ],
    findings: () => [
      MANIFEST,
      VALIDATORS,
      '1 keys of the deposit data are not in the remote db.',
      OPERATOR_FACTS,
      NOT_SIGNED,
    ],
  },
  {
    name: 'all secrets gone',
    statements: () => ['delete from key_secrets where vault_id = $vault'],
    findings: ({ keypairs }) => [
      MANIFEST,
      ...keypairs.flatMap(({ publicKey }) => [lacksKey(publicKey), lacksShares(publicKey, 0, 3)]),
    ],
  },
  {
    name: 'exchanged secrets of two validators',
    statements: ({ key }) => [swapSecrets(key(1), key(2))],
    findings: ({ key }) => [tampered(key(1)), tampered(key(2)), MANIFEST],
  },
  {
    name: 'exchanged ciphertexts of two shares',
    statements: ({ share }) => [swapSecrets(share(0, 0), share(0, 1), ['ciphertext'])],
    findings: ({ share }) => sortedKeys([share(0, 0), share(0, 1)]).map(tampered),
  },
  {
    name: 'exchanged places of two shares',
    statements: ({ share }) => [
      `update key_shares set share_index = 100 where vault_id = $vault and public_key = ${bytea(share(4, 0))}`,
      `update key_shares set share_index = 0 where vault_id = $vault and public_key = ${bytea(share(4, 1))}`,
      'update key_shares set share_index = 1 where vault_id = $vault and share_index = 100',
    ],
    findings: ({ share }) => [
      ...sortedKeys([share(4, 0), share(4, 1)]).map(tampered),
      OPERATOR_FACTS,
      NOT_SIGNED,
    ],
  },
  {
    name: 'a share at a place without an oracle',
    statements: ({ share }) => [
      `update key_shares set share_index = 9 where vault_id = $vault and public_key = ${bytea(share(4, 2))}`,
    ],
    findings: ({ share }) => [tampered(share(4, 2)), OPERATOR_FACTS, NOT_SIGNED],
  },
  {
    name: 'a share under another validator',
    statements: ({ key, share }) => [
      `update key_shares set parent_public_key = ${bytea(key(0))}, share_index = 3 where vault_id = $vault and public_key = ${bytea(share(2, 1))}`,
    ],
    findings: ({ key, share }) => [
      tampered(share(2, 1)),
      lacksShares(key(0), 4, 3),
      lacksShares(key(2), 2, 3),
      OPERATOR_FACTS,
      NOT_SIGNED,
    ],
  },
  {
    name: 'a flipped bit in the ciphertext of a validator',
    statements: ({ key }) => [flip('key_secrets', 'ciphertext', `public_key = ${bytea(key(4))}`)],
    findings: ({ key }) => [tampered(key(4))],
  },
  {
    name: 'a flipped bit in the ciphertext of a share',
    statements: ({ share }) => [flip('key_secrets', 'ciphertext', `public_key = ${bytea(share(0, 1))}`)],
    findings: ({ share }) => [tampered(share(0, 1))],
  },
  {
    name: 'a flipped bit in the nonce of a share',
    statements: ({ share }) => [flip('key_secrets', 'nonce', `public_key = ${bytea(share(0, 1))}`)],
    findings: ({ share }) => [tampered(share(0, 1)), MANIFEST],
  },
  {
    name: 'another data key’s number',
    statements: ({ key }) => [
      `update key_secrets set data_key_id = 9 where vault_id = $vault and public_key = ${bytea(key(2))}`,
    ],
    findings: ({ key }) => [tampered(key(2)), MANIFEST],
  },
  {
    name: 'a validator that is not active any more',
    statements: ({ key }) => [
      `update keypairs set active = false where vault_id = $vault and public_key = ${bytea(key(2))}`,
    ],
    findings: () => [
      MANIFEST,
      VALIDATORS,
      '1 keys of the deposit data are not in the remote db.',
      OPERATOR_FACTS,
      NOT_SIGNED,
    ],
  },
  {
    name: 'a share that is also an active validator',
    statements: ({ share, oracleSet }) => [
      `insert into keypairs (vault_id, public_key, active, shares_set_hash)
       values ($vault, ${bytea(share(1, 0))}, true, ${bytea(oracleSet.hash)})`,
    ],
    findings: ({ share }) => [
      tampered(share(1, 0)),
      VALIDATORS,
      lacksShares(share(1, 0), 0, 3),
      OPERATOR_FACTS,
      NOT_SIGNED,
    ],
  },
  {
    name: 'an oracle set with another threshold',
    statements: () => ['update oracle_sets set threshold = 3 where vault_id = $vault'],
    findings: ({ oracleSet }) => [
      `The oracle set ${toHex(oracleSet.hash)} is not what was written.`,
      `The oracle set ${toHex(oracleSet.hash)} in the remote db is not what was written: its threshold or its oracles were changed.`,
      NOT_SIGNED,
    ],
  },
  {
    name: 'a threshold of one',
    statements: () => ['update oracle_sets set threshold = 1 where vault_id = $vault'],
    findings: ({ oracleSet }) => [
      `The oracle set ${toHex(oracleSet.hash)} is not what was written.`,
      `The oracle set ${toHex(oracleSet.hash)} has a threshold of 1: its shares are the validator keys.`,
      `The oracle set ${toHex(oracleSet.hash)} in the remote db is not what was written: its threshold or its oracles were changed.`,
      NOT_SIGNED,
    ],
  },
  {
    name: 'an oracle set that is gone',
    statements: () => ['delete from oracle_sets where vault_id = $vault'],
    findings: ({ oracleSet, keypairs }) => [
      `The current oracle set ${toHex(oracleSet.hash)} is missing.`,
      ...keypairs.map(({ publicKey }) => lacksShares(publicKey, 3, 'those of its oracle set')),
      'No remote signer configuration found in the remote db.',
      NOT_SIGNED,
    ],
  },
  {
    name: 'a document of oracles that is no name of IPFS',
    statements: () => [`update oracle_sets set config_ipfs_hash = 'no name' where vault_id = $vault`],
    findings: ({ oracleSet }) => [
      `The oracle set ${toHex(oracleSet.hash)} in the remote db names no IPFS document.`,
      NOT_SIGNED,
    ],
  },
  {
    name: 'deposit data that are gone',
    statements: () => ['delete from deposit_data where vault_id = $vault'],
    findings: () => [
      'The deposit data is missing.',
      'No remote signer configuration found in the remote db.',
      NOT_SIGNED,
    ],
  },
  {
    name: 'deposit data that are no JSON',
    statements: () => [document(`document || ','`)],
    findings: () => ['deposit data is not JSON.', OPERATOR_FACTS, NOT_SIGNED],
  },
  {
    name: 'deposit data that are cut',
    statements: () => [document('left(document, -1)')],
    findings: () => ['deposit data is not JSON.', OPERATOR_FACTS, NOT_SIGNED],
  },
  {
    name: 'deposit data that are no list',
    statements: () => [document(`'{"a": 1}'`)],
    findings: () => [
      'deposit data is not deposit data: the document: is an object, not an array',
      OPERATOR_FACTS,
      NOT_SIGNED,
    ],
  },
  {
    name: 'deposit data with an entry that is none, before text that is no JSON',
    statements: () => [document(`'[{"pubkey": 1}, {'`)],
    findings: () => ['deposit data is not JSON.', OPERATOR_FACTS, NOT_SIGNED],
  },
  {
    name: 'deposit data with an entry that is none',
    statements: () => [document(`replace(document, '"signature"', '"sig"')`)],
    findings: () => [
      'deposit data is not deposit data: 0: signature: is missing',
      OPERATOR_FACTS,
      NOT_SIGNED,
    ],
  },
  {
    name: 'deposit data with a bad entry behind good ones',
    statements: () => [document(`left(document, -1) || ', {"pubkey": "0x12", "signature": ""}, 5]'`)],
    findings: () => [
      'deposit data is not deposit data: 5: pubkey: is not 48 bytes of hex',
      OPERATOR_FACTS,
      NOT_SIGNED,
    ],
  },
  {
    name: 'deposit data without entries',
    statements: () => [document(`' [ ] '`)],
    findings: () => ['The deposit data has no entries.', OPERATOR_FACTS, NOT_SIGNED],
  },
  {
    name: 'deposit data with another key',
    statements: ({ key }) => [
      document(
        `replace(document, '${Buffer.from(key(1)).toString('hex')}', '${Buffer.alloc(48, 1).toString('hex')}')`,
      ),
    ],
    findings: () => [
      OTHER_DEPOSITS,
      '1 keys of the deposit data are not in the remote db.',
      OPERATOR_FACTS,
      NOT_SIGNED,
    ],
  },
  {
    name: 'deposit data written in another way',
    statements: () => [document(`replace(document, ', ', e',\\n\\t')`)],
    findings: () => [OPERATOR_FACTS, NOT_SIGNED],
  },
  {
    name: 'deposit data with text beyond ASCII, and braces and quotes in it',
    statements: () => [
      document(`replace(document, '"deposit_cli_version": "2.4.0"', '"note": "ü€😀 ]}{[ \\" \\\\"')`),
    ],
    findings: () => [OPERATOR_FACTS, NOT_SIGNED],
  },
  {
    name: 'another root of the deposit data',
    statements: () => [flip('deposit_data', 'root', 'true')],
    findings: () => [OTHER_DEPOSITS],
  },
  {
    name: 'another root of the deposit data in the vault',
    statements: () => [flip('vaults', 'deposit_data_root', 'true')],
    findings: () => [
      MANIFEST,
      OTHER_DEPOSITS,
      expect.stringMatching(
        /^The deposit data in the remote db has the root 0x\w{64}, and that of the last upload is 0x\w{64}\.$/,
      ),
      NOT_SIGNED,
    ],
  },
  {
    name: 'another number of deposits',
    statements: () => ['update deposit_data set entry_count = 4 where vault_id = $vault'],
    findings: () => [OTHER_DEPOSITS],
  },
  {
    name: 'another digest of the validators',
    statements: () => [flip('vaults', 'validators_digest', 'true')],
    findings: () => [VALIDATORS],
  },
  {
    name: 'no digest of the validators',
    statements: () => ['update vaults set validators_digest = null where vault_id = $vault'],
    findings: () => [VALIDATORS],
  },
  {
    name: 'no digest of what the operator reads',
    statements: () => ['update vaults set operator_digest = null where vault_id = $vault'],
    findings: () => [],
  },
  {
    name: 'another counter of the manifest',
    statements: () => ['update vaults set manifest_counter = 7 where vault_id = $vault'],
    findings: () => [MANIFEST, NOT_SIGNED],
  },
  {
    name: 'no manifest',
    statements: () => ['update vaults set manifest_mac = null where vault_id = $vault'],
    findings: () => [MANIFEST],
  },
  {
    name: 'no current oracle set',
    statements: () => ['update vaults set oracle_set_hash = null where vault_id = $vault'],
    findings: () => ['No remote signer configuration found in the remote db.', NOT_SIGNED, NOT_CURRENT],
  },
  {
    name: 'a statement that is gone',
    statements: () => ['delete from statements where vault_id = $vault'],
    findings: () => [UNSIGNED],
  },
  {
    name: 'a changed statement',
    statements: () => [flip('statements', 'signature', 'true')],
    findings: () => [UNSIGNED],
  },
  {
    name: 'a signing key that is gone',
    statements: () => ['delete from signing_keys where vault_id = $vault'],
    findings: () => ["The key that has signed the vault's facts is not there."],
  },
  {
    name: 'a changed signing key',
    statements: () => [flip('signing_keys', 'ciphertext', 'true')],
    findings: () => [
      'The signing key of the vault in the remote db is not what was written for it.',
      "The key that has signed the vault's facts is not there.",
    ],
  },
];

const PLAN_CASES: readonly Case[] = [
  { name: 'nothing', statements: () => [], findings: () => [] },
  {
    name: 'an assignment that is gone',
    statements: ({ key }) => [
      `delete from assignments where vault_id = $vault and public_key = ${bytea(key(2))}`,
    ],
    findings: () => [
      'The plan of validator clients does not name every validator exactly once.',
      'The plan of validator clients is not as it was stored.',
    ],
  },
  {
    name: 'an assignment to a client that does not exist',
    statements: ({ key }) => [
      `update assignments set client_index = 2 where vault_id = $vault and public_key = ${bytea(key(2))}`,
    ],
    findings: () => [
      'The plan of validator clients is not as it was stored.',
      'The plan of validator clients names a client that does not exist.',
    ],
  },
  {
    name: 'an assignment of a key that is no validator’s',
    statements: ({ key, share }) => [
      `update assignments set public_key = ${bytea(share(0, 0))} where vault_id = $vault and public_key = ${bytea(key(2))}`,
    ],
    findings: () => [
      'The plan of validator clients does not name every validator exactly once.',
      'The plan of validator clients is not as it was stored.',
    ],
  },
  {
    name: 'a plan that is gone',
    statements: () => ['delete from assignment_plans where vault_id = $vault'],
    findings: () => [
      'The plan of validator clients is gone from the database, while 5 keys are assigned by it.',
    ],
  },
];

describe.each(BOTH_DATABASES)('verifyVault on $kind', ({ createUrl }) => {
  const resources = new AsyncDisposableStack();
  let database: Database;
  let pool: WorkerPool;

  beforeAll(async () => {
    database = await openMigrated(resources, createUrl);
    pool = resources.use(createWorkerPool({ size: 2 }));
  });
  afterAll(() => resources.disposeAsync());

  it.each(CASES)(
    'verifyVault finds exactly what there is to find: $name',
    async ({ statements, findings }) => {
      const scene = await storeScene();
      await tamper(scene, statements(scene));
      const result = await verify(scene);
      expect(result.findings).toEqual(findings(scene));
    },
  );

  it.each(PLAN_CASES)(
    'verifyVault finds exactly what is wrong with a plan of validator clients: $name',
    async ({ statements, findings }) => {
      const scene = await storeScene();
      await updateAssignmentPlan(database, scene.vaultId, (_stored, keys) => ({
        totalClients: 2,
        assignments: keys.map((publicKey, i) => ({ publicKey, clientIndex: i % 2 })),
      }));
      await tamper(scene, statements(scene));
      expect((await verify(scene)).findings).toEqual(findings(scene));
    },
  );

  it('verifyVault counts what it has opened', async () => {
    const scene = await storeScene();
    expect(await verify(scene)).toMatchObject({
      validators: 5,
      shares: 15,
      staleValidators: 0,
      depositDataEntries: 5,
      manifestCounter: 1n,
      verifyingKey: expect.any(Uint8Array),
      isPlanSigned: false,
    });
    await tamper(scene, [
      `delete from key_secrets where vault_id = $vault and public_key = ${bytea(scene.key(0))}`,
      `delete from key_secrets where vault_id = $vault and public_key = ${bytea(scene.share(0, 0))}`,
    ]);
    expect(await verify(scene)).toMatchObject({ validators: 5, shares: 14 });
  });

  it('verifyVault finds nothing in a vault that was only set up', async () => {
    const { ref, encryptKey } = await storeScene();
    const other = { ...ref, address: '0xb793c3D2Cec1d0F35fF88BCA7655B88A44669e4B' };
    await setupVault(database, { ref: other, programVersion: '1.0.0', encryptKey, ifNeeded: true });
    expect(await verify({ ref: other, encryptKey })).toMatchObject({
      validators: 0,
      shares: 0,
      depositDataEntries: 0,
      findings: [],
    });
  });

  it('verifyVault finds shares of another split of the same key, which open by themselves', async () => {
    const scene = await storeScene();
    const { vaultId, ref, encryptKey, oracleSet } = scene;
    using unlocked = await unlockVault(database, ref, encryptKey);
    // As whoever has the data key could write them: a second split of a key, of which one share takes the place of another.
    const secretKeys = rawSecretKeys(1);
    const publicKeys = await pool.derivePublicKeys(secretKeys);
    const [first] = await sealRawKeys(pool, unlocked, { secretKeys, publicKeys }, oracleSet);
    const [second] = await sealRawKeys(pool, unlocked, { secretKeys, publicKeys }, oracleSet);
    if (first === undefined || second === undefined) return expect.fail();
    const shares = [first.shares[0], first.shares[1], second.shares[2]];
    const sealedRow = (
      publicKey: Uint8Array,
      { nonce, ciphertext }: { nonce: Uint8Array; ciphertext: Uint8Array },
    ) =>
      `insert into key_secrets (vault_id, public_key, data_key_id, nonce, ciphertext)
       values ($vault, ${bytea(publicKey)}, 1, ${bytea(nonce)}, ${bytea(ciphertext)})`;
    await tamper(scene, [
      `insert into keypairs (vault_id, public_key, active, shares_set_hash)
       values ($vault, ${bytea(publicKeys)}, true, ${bytea(oracleSet.hash)})`,
      sealedRow(publicKeys, first.secret),
      ...shares.flatMap((share, i) =>
        share === undefined
          ? []
          : [
              `insert into key_shares (vault_id, parent_public_key, oracle_set_hash, share_index, public_key)
               values ($vault, ${bytea(publicKeys)}, ${bytea(oracleSet.hash)}, ${i}, ${bytea(share.publicKey)})`,
              sealedRow(share.publicKey, share),
            ],
      ),
    ]);
    expect(vaultId).toBe(unlocked.vault.vaultId);
    expect((await verify(scene)).findings).toEqual([
      MANIFEST,
      VALIDATORS,
      notRecombined(publicKeys),
      OPERATOR_FACTS,
      NOT_SIGNED,
    ]);
  });

  it('verifyVault counts validators whose shares are of an earlier oracle set', async () => {
    const scene = await storeScene();
    const newer = rawOracleSet(3);
    await insertOracleSet(database, scene.vaultId, newer);
    await tamper(scene, [`update vaults set oracle_set_hash = ${bytea(newer.hash)} where vault_id = $vault`]);
    const { staleValidators, findings } = await verify(scene);
    expect(staleValidators).toBe(5);
    expect(findings).toEqual([OPERATOR_FACTS, NOT_SIGNED, NOT_CURRENT]);
  });

  it('verifyVault names tampered rows in order, first and last of full and of started pages', async () => {
    // Pages have 2,000 rows.
    const full = await storeScene({ validators: 500, oracles: 3 });
    const started = await storeScene({ validators: 501, oracles: 3 });
    for (const scene of [full, started]) {
      const keys = sortedKeys(
        scene.keypairs.flatMap(({ publicKey, shares }) => [publicKey, ...shares.map(one => one.publicKey)]),
      );
      const spoiled = [0, 1, 999, 1000, 1998, 1999, 2000, 2001, keys.length - 1]
        .filter((place, i, all) => place < keys.length && all.indexOf(place) === i)
        .map(place => keys[place] ?? expect.fail());
      expect((await verify(scene)).findings).toEqual([]);
      const places = spoiled.map(bytea).join(', ');
      await tamper(scene, [flip('key_secrets', 'ciphertext', `public_key in (${places})`)]);
      expect((await verify(scene)).findings).toEqual(spoiled.map(tampered));
    }
  });

  it('verifyVault ends with the error of a page, reads no further, and leaves the database as usable as before', async () => {
    const scene = await storeScene({ validators: 1501, oracles: 3 });
    let calls = 0;
    const opened: Uint8Array[] = [];
    const failing: WorkerPool = {
      ...pool,
      [Symbol.asyncDispose]: async () => undefined,
      size: 2,
      openEach: async input => {
        calls += 1;
        if (calls === 2) throw new Error('the thread has died');
        const output = await pool.openEach(input);
        opened.push(output.secretKeys);
        return output;
      },
    };
    await expect(verify(scene, failing)).rejects.toThrow('the thread has died');
    // The third page of four may have been begun by then.
    expect(calls).toBeLessThanOrEqual(3);
    for (const secretKeys of opened) expect(secretKeys.every(byte => byte === 0)).toBe(true);
    expect((await verify(scene)).findings).toEqual([]);
  });

  it('verifyVault ends with the error of a row of another length, whatever was begun before', async () => {
    const scene = await storeScene({ validators: 1001, oracles: 3 });
    const keys = sortedKeys(
      scene.keypairs.flatMap(({ publicKey, shares }) => [publicKey, ...shares.map(one => one.publicKey)]),
    );
    const last = keys.at(-1) ?? expect.fail();
    const constraint = 'key_secrets_ciphertext_check';
    await tamper(scene, [
      `alter table key_secrets drop constraint ${constraint}`,
      `update key_secrets set ciphertext = ciphertext || '\\x00' where vault_id = $vault and public_key = ${bytea(last)}`,
    ]);
    await expect(verify(scene)).rejects.toMatchObject({
      code: 'row-tampered',
      message: expect.stringContaining(toHex(last)),
    });
    await tamper(scene, [
      `update key_secrets set ciphertext = substring(ciphertext from 1 for 48) where vault_id = $vault`,
      `alter table key_secrets add constraint ${constraint} check (octet_length(ciphertext) = 48)`,
    ]);
    expect((await verify(scene)).findings).toEqual([]);
  });

  async function storeScene(size = { validators: 5, oracles: 3 }): Promise<Scene> {
    const vault = await storeRawVault(database, pool, size);
    const keypair = (i: number) => vault.keypairs[i] ?? expect.fail();
    return {
      ...vault,
      key: validator => keypair(validator).publicKey,
      share: (validator, index) => keypair(validator).shares[index]?.publicKey ?? expect.fail(),
    };
  }

  function verify(
    { ref, encryptKey }: Pick<RawVault, 'ref' | 'encryptKey'>,
    threads = pool,
  ): Promise<VerifyResult> {
    const progress = { start: () => ({ advance() {}, finish() {} }) };
    return verifyVault({ database, pool: threads, progress }, { ref, encryptKey });
  }

  /** No foreign key and no trigger holds up somebody who can write to the files. */
  async function tamper({ vaultId }: RawVault, statements: readonly string[]): Promise<void> {
    await inTransaction(database, async ({ db }) => {
      await sql`select set_config('session_replication_role', 'replica', true),
        set_config('search_path', 'stakewise_operator', true)`.execute(db);
      for (const statement of statements)
        await sql.raw(statement.replaceAll('$vault', String(vaultId))).execute(db);
    });
  }
});
