// The import of key shares into a signer through its key manager, beside what the same keystores cost without one.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { openKeymanager } from '../../src/clients/keymanager.ts';
import { createKeyDeriver, publicKeyOf } from '../../src/domain/keys/derivation.ts';
import { splitSecretKey } from '../../src/domain/keys/key-share.ts';
import { encryptTransportKeystore } from '../../src/domain/keys/keystore.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { importKeys, type TransportKey } from '../../src/services/fleet/remote-signer/import-keys.ts';
import { decryptKeystoreV4 } from '../devnet/keystore-v4.ts';
import { silentProgress } from '../support/scenes/signing-fixtures.ts';
import type { Received } from './keymanager-process.ts';
import { type Cost, check, measure } from './measure.ts';

const VALIDATORS = 125;
const SCHEME = { threshold: 5, count: 8 };
const KEYS = VALIDATORS * SCHEME.count;
/** The other side's part is another library's: its bare cost is measured on a part of the keys. */
const DECRYPTED = 100;

/** Prints the figures. */
export async function benchKeymanagerImport(): Promise<void> {
  const keys = makeShares();
  const bare = await measure(() => encryptAll(keys));
  const decryption = await measure(() => {
    for (const { text, password } of bare.value.slice(0, DECRYPTED)) decryptKeystoreV4(text, password);
  });
  const { cost, received } = await importInto(keys);
  const perKey = (ms: number, count = KEYS) => `${(ms / count).toFixed(2)} ms`;
  const floorMs = bare.cost.wallMs + (decryption.cost.wallMs * KEYS) / DECRYPTED;
  console.log(
    `keymanager import of ${KEYS} shares into the devnet's key manager in another process: ${(cost.wallMs / 1000).toFixed(2)} s ` +
      `in ${received.imports} requests, ${perKey(cost.wallMs)} and ${Math.round(received.bytes / KEYS)} bytes a key`,
  );
  console.log(
    `  CPU      ${perKey(cost.cpuMs)} a key here, ${perKey(received.cpuMs)} there (a Web3Signer takes 7 to 17 ms each)`,
  );
  console.log(
    `  bare     ${perKey(bare.cost.wallMs)} to encrypt a keystore, ${perKey(decryption.cost.wallMs, DECRYPTED)} to decrypt it and derive its public key there`,
  );
  console.log(
    `  ratio    ${(cost.cpuMs / bare.cost.cpuMs).toFixed(2)} (CPU here, to encryption alone), ${(cost.wallMs / floorMs).toFixed(2)} (wall, to both one after another)`,
  );
  console.log(`  verified the signer lists exactly these keys, all under ${received.kdfs.join(', ')}`);
}

/** Shares as remote-signer-setup makes them. */
function makeShares(): TransportKey[] {
  const derive = createKeyDeriver(new Uint8Array(64).fill(5));
  return Array.from({ length: VALIDATORS }, (_, i) => derive(i)).flatMap(secretKey => {
    const validator = toHex(publicKeyOf(secretKey));
    return splitSecretKey(secretKey, SCHEME).map((share, index) => ({
      secretKey: share,
      publicKey: publicKeyOf(share),
      path: `share_${validator}_${index}`,
    }));
  });
}

async function encryptAll(keys: readonly TransportKey[]) {
  const keystores: Awaited<ReturnType<typeof encryptTransportKeystore>>[] = [];
  for (const key of keys) keystores.push(await encryptTransportKeystore(key));
  return keystores;
}

async function importInto(keys: readonly TransportKey[]): Promise<{ cost: Cost; received: Received }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'keymanager-process.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [url] = await once(child.stdout, 'data');
  await using keymanager = openKeymanager({ url: String(url).trim(), timeoutMs: 60_000 });
  const { cost, value } = await measure(() =>
    importKeys({ keymanager, progress: silentProgress, warn: console.warn }, { keys }),
  );
  const listed = await keymanager.listKeystores();
  const isListed = keys.every(({ publicKey }) => listed.has(toHex(publicKey)));
  check(value.imported === KEYS && listed.size === KEYS && isListed, 'the keys that the signer lists');
  child.stdin.end();
  const [received] = await once(child.stdout, 'data');
  return { cost, received: JSON.parse(String(received)) };
}

if (import.meta.main) await benchKeymanagerImport();
