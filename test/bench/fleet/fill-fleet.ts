// The database of a fleet: node test/bench/fleet/fill-fleet.ts OPTIONS. Nobody opens what is sealed there, so it is not.
import { hostname } from 'node:os';
import { activateUpload } from '../../../src/db/activate-upload.ts';
import { openDatabase } from '../../../src/db/database.ts';
import { insertKeypairs, type NewKeypair } from '../../../src/db/keypairs.ts';
import { takeLease } from '../../../src/db/leases.ts';
import { insertOracleSet } from '../../../src/db/oracle-sets.ts';
import { recordWrittenKeySet } from '../../../src/db/written-key-sets.ts';
import { depositTextOf } from '../../../src/domain/consensus/deposit-text.ts';
import { validatorsDigest } from '../../../src/domain/fleet/fact-digests.ts';
import { generateEncryptionKey } from '../../../src/domain/keys/envelope.ts';
import { oracleSetHash } from '../../../src/domain/protocol/oracle-config.ts';
import { fromHex } from '../../../src/lib/bytes.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import { assignKeys } from '../../../src/services/fleet/assign-keys.ts';
import { setupVault } from '../../../src/services/remote-db/setup-vault.ts';
import { unlockVault } from '../../../src/services/remote-db/unlock-vault.ts';
import { activationOf } from '../../support/scenes/stored-keys.ts';
import { check } from '../measure.ts';
import {
  CLIENTS,
  DEPOSIT_DATA_ROOT,
  keysOfClients,
  ORACLES,
  shareKey,
  THRESHOLD,
  validatorKey,
} from './fleet-keys.ts';

export interface FillFleetOptions {
  readonly url: string;
  readonly validators: number;
  readonly vault: string;
  readonly networkFile: string;
  /** Public keys of 64 bytes in hex. */
  readonly oracles: readonly string[];
  readonly configIpfsHash: string;
}

const BATCH = 500;
const SEALED = { nonce: new Uint8Array(12), ciphertext: new Uint8Array(48) };
const LEASE_MS = 24 * 3_600_000;

const options: FillFleetOptions = JSON.parse(process.argv[2] ?? '{}');
const { url, validators, vault: address } = options;
const ref = { network: resolveNetwork(options.networkFile), address };
const publicKeys = options.oracles.map(text => fromHex(text, 64));
const oracleSet = {
  hash: oracleSetHash({
    exitSignatureRecoverThreshold: THRESHOLD,
    oracles: publicKeys.map(publicKey => ({ publicKey })),
  }),
  configIpfsHash: options.configIpfsHash,
  threshold: THRESHOLD,
  publicKeys,
};

function keypairOf(index: number): NewKeypair {
  const shares = Array.from({ length: ORACLES }, (_, oracle) => ({
    publicKey: shareKey(index, oracle),
    ...SEALED,
  }));
  return { publicKey: validatorKey(index), secret: SEALED, shares };
}

await using database = await openDatabase({ url, statementTimeoutMs: 0 });
const encryptKey = generateEncryptionKey();
await setupVault(database, { ref, programVersion: '1.0.0', encryptKey, ifNeeded: true });
using unlocked = await unlockVault(database, ref, encryptKey);
const { vaultId, dataKeyId } = unlocked.vault;
await insertOracleSet(database, vaultId, oracleSet);
for (let from = 0; from < validators; from += BATCH) {
  const keypairs = Array.from({ length: Math.min(BATCH, validators - from) }, (_, i) => keypairOf(from + i));
  await insertKeypairs(database, { vaultId, oracleSetHash: oracleSet.hash, dataKeyId, keypairs });
}
const byClient = keysOfClients(validators);
const root = fromHex(DEPOSIT_DATA_ROOT, 32);
const depositData = { root, text: depositTextOf([Buffer.from('[]')]), entryCount: validators };
const activated = await activateUpload(
  database,
  activationOf(unlocked.vault, byClient.flat(), oracleSet, { depositData }),
);
await assignKeys(database, { ref, totalClients: CLIENTS, reassign: false });
for (const [clientIndex, keys] of byClient.entries()) {
  await recordWrittenKeySet(database, vaultId, {
    clientIndex,
    totalClients: CLIENTS,
    keyCount: keys.length,
    digest: validatorsDigest(keys),
    manifestCounter: activated.manifestCounter,
    host: hostname(),
  });
}
const lease = { holder: 'op-0', ttlMs: LEASE_MS };
const vault = fromHex(address, 20);
const taken = await takeLease(database, { chainId: ref.network.chainId, vault }, lease);
check(taken !== undefined, 'the lease was taken');
