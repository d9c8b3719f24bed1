import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deriveSecretKey, publicKeyOf } from '../../src/domain/keys/derivation.ts';
import { decryptKeystore, parseKeystore } from '../../src/domain/keys/keystore.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { KDF_MALLOC } from '../../src/lib/kdf-malloc.ts';
import { createWorkerPool } from '../../src/workers/pool.ts';
import { readRecordedJson } from '../support/recorded/vectors.ts';
import {
  KEYSTORE_PASSWORD,
  type OperatorScene,
  remoteDbArguments,
  startOperatorScene,
} from '../support/scenes/operator-scene.ts';
import type { Bench, Figure } from './bench.ts';
import { runProgram, runStep } from './child-process.ts';
import { benchSeed, MNEMONIC, NETWORK, VAULT } from './inputs.ts';
import { check } from './measure.ts';
import { SCHEME } from './prepare.ts';
import { withClient } from './with-client.ts';

/** Each costs most of a second. */
const KEYSTORES = Number(process.env.KEYSTORES || 16);
/** Start-up included. */
const TARGET_PER_KEY_MS = 620;
const { oracles, threshold } = SCHEME;

const createKeys: Bench = {
  name: 'create-keys',
  title: `create-keys of ${KEYSTORES} keystores by scrypt`,
  input: 'the recorded mnemonic of the vectors (01-create-keys/holesky); ./operator as a whole process',
  targets: { cpuMs: KEYSTORES * TARGET_PER_KEY_MS },
  needsDatabase: false,
  async run({ createDirectory }) {
    const dataDir = createDirectory();
    const args = createKeysArguments(dataDir, KEYSTORES);
    const { cost } = await runProgram('./operator', args);
    await checkKeystores(join(dataDir, VAULT.toLowerCase(), 'keystores'));
    return {
      cost,
      bare: await bareScrypt(),
      verified: `${KEYSTORES} keystores of distinct keys, among them the recorded ones, one of them opened with the password`,
      notes: perKey(cost.cpuMs),
    };
  },
};

/** A vault that is initialised with the recorded mnemonic, and the command line that makes its first keys. */
export function createKeysArguments(dataDir: string, count: number): string[] {
  const vaultDir = join(dataDir, VAULT.toLowerCase());
  mkdirSync(vaultDir);
  const first_public_key = toHex(publicKeyOf(deriveSecretKey(benchSeed(), 0)));
  const config = { network: NETWORK, mnemonic_next_index: 0, first_public_key };
  writeFileSync(join(vaultDir, 'config.json'), JSON.stringify(config));
  const mnemonicFile = join(dataDir, 'mnemonic');
  writeFileSync(mnemonicFile, MNEMONIC, { mode: 0o600 });
  const words = ['create-keys', '--vault', VAULT, '--count', String(count), '--data-dir', dataDir];
  return [...words, '--mnemonic-file', mnemonicFile];
}

async function checkKeystores(directory: string): Promise<void> {
  const keystores = readdirSync(directory)
    .filter(name => name.endsWith('.json'))
    .map(name => parseKeystore(readFileSync(join(directory, name), 'utf8'), name));
  check(new Set(keystores.map(({ pubkey }) => pubkey)).size === KEYSTORES, 'number of keystores');
  const recorded = readRecordedJson<{ pubkey: string }[]>(
    '01-create-keys/holesky/1-after-first/deposit_data.json',
  );
  const made = new Set(keystores.map(({ pubkey }) => pubkey));
  for (const { pubkey } of recorded.slice(0, KEYSTORES)) check(made.has(pubkey), `recorded key ${pubkey}`);
  const [keystore] = keystores;
  const password = readFileSync(join(directory, 'password.txt'), 'utf8');
  check(keystore !== undefined && (await decryptKeystore(keystore, password)).length === 32, 'a keystore');
}

const uploadKeypairs: Bench = {
  name: 'upload-keypairs',
  title: `upload-keypairs of ${KEYSTORES} keystores by scrypt, for ${oracles} oracles`,
  input: 'numbered keys, a vault of the devnet, an empty database; ./v3-operator as a whole process',
  targets: { cpuMs: KEYSTORES * TARGET_PER_KEY_MS },
  needsDatabase: true,
  async run({ createDatabase, createDirectory }) {
    await using scene = await startOperatorScene({
      validators: KEYSTORES,
      oracles,
      threshold,
      hasEmbeddedDatabase: false,
    });
    await encryptByScrypt(scene);
    const url = await createDatabase();
    const key = ['--encrypt-key-file', join(createDirectory(), 'encrypt-key')];
    await runProgram('./v3-operator', remoteDbArguments(scene, url, ['setup', ...key]));
    const upload = ['upload-keypairs', ...key, '--execution-endpoints', scene.devnet.rpcUrl];
    const { cost } = await runProgram('./v3-operator', remoteDbArguments(scene, url, upload));
    await withClient(url, async client => {
      const { rows } = await client.query(
        `select (select count(*) from stakewise_operator.keypairs where active)::int as keys,
                (select count(*) from stakewise_operator.key_shares)::int as shares`,
      );
      check(rows[0].keys === KEYSTORES && rows[0].shares === KEYSTORES * oracles, JSON.stringify(rows));
    });
    return {
      cost,
      bare: await bareScrypt(),
      verified: `${KEYSTORES} keys active, with ${oracles} shares each, which the upload has opened and compared before`,
      notes: perKey(cost.cpuMs),
    };
  },
};

/** Keystores as create-keys makes them, in place of the scene's, which cost nothing to open. */
export async function encryptByScrypt({ secretKeys, vaultDir }: OperatorScene): Promise<void> {
  await using pool = createWorkerPool();
  const keys = secretKeys.map(secretKey => ({
    secretKey,
    password: KEYSTORE_PASSWORD,
    path: '',
    kdf: 'scrypt' as const,
  }));
  for (const [i, text] of (await pool.encryptKeystores(keys)).entries()) {
    writeFileSync(join(vaultDir, 'keystores', `keystore-${i}.json`), text, { mode: 0o600 });
  }
}

async function bareScrypt(): Promise<Figure['bare']> {
  const { cost } = await runStep('scrypt-bare', { count: KEYSTORES }, KDF_MALLOC);
  return { cost, by: 'cpuMs', label: 'scrypt by node:crypto in memory that is kept, one thread' };
}

function perKey(cpuMs: number): Record<string, string> {
  return { key: `${Math.round(cpuMs / KEYSTORES)} ms CPU each, start-up included` };
}

/** What commands cost whose time is the key derivation of keystores. */
export const KEYSTORE_BENCHES: readonly Bench[] = [createKeys, uploadKeypairs];
