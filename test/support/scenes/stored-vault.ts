import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../../src/db/database.ts';
import { depositListOf } from '../../../src/domain/consensus/deposit-list.ts';
import { createKeyDeriver, publicKeyOf, validatorKeyPath } from '../../../src/domain/keys/derivation.ts';
import { encryptTransportKeystore } from '../../../src/domain/keys/keystore.ts';
import { createDepositData } from '../../../src/domain/keys/signed-deposit.ts';
import { oracleSetHash } from '../../../src/domain/protocol/oracle-config.ts';
import { fromHex, type Hex, toHex } from '../../../src/lib/bytes.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import { keystoreSource } from '../../../src/services/remote-db/keystore-source.ts';
import { setupVault } from '../../../src/services/remote-db/setup-vault.ts';
import { uploadKeypairs } from '../../../src/services/remote-db/upload-keypairs.ts';
import { createWorkerPool } from '../../../src/workers/pool.ts';

const STORED_VAULT = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';

/** A vault of holesky in a remote database, as `remote-db setup` and `upload-keypairs` leave it. */
export interface StoredVault {
  readonly address: string;
  readonly encryptKey: string;
  /** The validators'. */
  readonly publicKeys: readonly Hex[];
  readonly oracles: number;
}

/** Stores a vault with keys of its own, and shares for some oracles. */
export async function storeTestVault(
  url: string,
  options: { readonly validators: number; readonly oracles: number },
): Promise<StoredVault> {
  const network = resolveNetwork('holesky');
  const ref = { network, address: STORED_VAULT };
  const keystoresDir = mkdtempSync(join(tmpdir(), 'stakewise-stored-'));
  await using database = await openDatabase({ url });
  await using pool = createWorkerPool();
  try {
    const { encryptionKey = '' } = await setupVault(database, {
      ref,
      programVersion: '1.0.0',
      ifNeeded: false,
    });
    const keys = await writeKeystores(keystoresDir, options.validators);
    const publicKeys = Array.from({ length: options.oracles }, (_, i) => new Uint8Array(64).fill(i + 1));
    const threshold = Math.max(2, Math.ceil((2 * options.oracles) / 3));
    const oracles = publicKeys.map(publicKey => ({ publicKey }));
    const hash = oracleSetHash({ exitSignatureRecoverThreshold: threshold, oracles });
    const vault = fromHex(STORED_VAULT, 20);
    await uploadKeypairs(
      {
        database,
        pool,
        say: () => undefined,
        warn: () => undefined,
        progress: { start: () => ({ advance() {}, finish() {} }) },
        fetchDepositDataRoot: async () => null,
        fetchDepositDataPlace: async () => null,
        isRegistered: async () => false,
        fetchOracleSet: async () => ({ hash, configIpfsHash: 'none', threshold, publicKeys }),
      },
      {
        ref,
        encryptKey: encryptionKey,
        pruneShares: false,
        allowRegistered: false,
        lockTimeoutMs: 1_000,
        command: 'remote-db upload-keypairs',
        findKeys: () =>
          keystoreSource(
            { keystoresDir, passwordFiles: [] },
            { say: () => undefined, warn: () => undefined },
          ),
        depositData: depositListOf({
          path: 'deposit data',
          entries: keys.map(secretKey => createDepositData({ secretKey, vault, network })),
        }),
      },
    );
    return {
      address: STORED_VAULT,
      encryptKey: encryptionKey,
      oracles: options.oracles,
      publicKeys: keys.map(secretKey => toHex(publicKeyOf(secretKey))),
    };
  } finally {
    rmSync(keystoresDir, { recursive: true, force: true });
  }
}

async function writeKeystores(directory: string, count: number): Promise<Uint8Array[]> {
  const derive = createKeyDeriver(new Uint8Array(64).fill(9));
  const keys = Array.from({ length: count }, (_, i) => derive(i));
  mkdirSync(directory, { recursive: true });
  for (const [i, secretKey] of keys.entries()) {
    const { text, password } = await encryptTransportKeystore({ secretKey, path: validatorKeyPath(i) });
    writeFileSync(join(directory, `keystore-${i}.json`), text, { mode: 0o600 });
    writeFileSync(join(directory, `keystore-${i}.txt`), password, { mode: 0o600 });
  }
  return keys;
}
