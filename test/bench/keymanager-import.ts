// What the import of key shares through a key manager costs on this side.
import { importEntryBytes } from '../../src/clients/keymanager.ts';
import { publicKeyOf } from '../../src/domain/keys/derivation.ts';
import { encryptTransportKeystore } from '../../src/domain/keys/keystore.ts';
import { toHex } from '../../src/lib/bytes.ts';

const KEYS = 1_000;

/** Prints the figures. */
export async function benchKeymanagerImport(): Promise<void> {
  const secretKey = new Uint8Array(32).fill(5);
  const path = `share_${toHex(publicKeyOf(secretKey))}_10`;
  let bytes = 0;
  const began = performance.now();
  for (let i = 0; i < KEYS; i++) {
    const { text, password } = await encryptTransportKeystore({ secretKey, path });
    bytes += importEntryBytes(text, password);
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(2);
  console.log(
    `keymanager import of ${KEYS} shares: ${seconds} s to encrypt, ${Math.round(bytes / KEYS)} bytes each in the request (a Web3Signer takes 7 to 17 ms each)`,
  );
}

if (import.meta.main) await benchKeymanagerImport();
