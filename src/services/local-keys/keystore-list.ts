import { type Keystore, memoryToDecrypt, workToDecrypt } from '../../domain/keys/keystore.ts';
import { fromHex } from '../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { RecordTable } from '../../lib/record-table.ts';
import { TextList } from '../../lib/text-list.ts';
import { type KeystoreLocation, keystoreDuplicate, readEachKeystore } from './read-keystores.ts';

/** Keystores of which no more is kept than where they are: all that is in those of 150,000 validators takes 300 MB. */
export interface KeystoreList {
  readonly length: number;
  /** The public keys that the files name, in the order of the files' paths. */
  readonly publicKeys: RecordTable;
  fileAt(place: number): KeystoreFacts;
}

/** What is known of a keystore that has been read. */
export interface KeystoreFacts {
  readonly path: string;
  readonly password: string;
  /** 48 bytes; not proven. */
  readonly publicKey: Uint8Array;
  /** What it takes to decrypt it: bytes of memory, and rounds of a hash. */
  readonly memoryBytes: number;
  readonly work: number;
}

/** Reads keystores as `readKeystores` does, and keeps what a {@link KeystoreList} has. */
export async function listKeystores(
  location: KeystoreLocation,
  warn: (message: string) => void,
): Promise<KeystoreList> {
  const publicKeys = new RecordTable(PUBLIC_KEY_LENGTH);
  const paths = new TextList();
  const passwords: string[] = [];
  const costs: Pick<KeystoreFacts, 'memoryBytes' | 'work'>[] = [];
  // Keystores of one maker cost the same.
  const known = new Map<string, (typeof costs)[number]>();
  const costOf = (keystore: Keystore) => {
    const cost = { memoryBytes: memoryToDecrypt(keystore), work: workToDecrypt(keystore) };
    const name = `${cost.memoryBytes} ${cost.work}`;
    const same = known.get(name) ?? cost;
    known.set(name, same);
    return same;
  };
  let duplicate: ReturnType<typeof keystoreDuplicate> | undefined;
  for await (const { path, keystore, password } of readEachKeystore(location, warn)) {
    const place = publicKeys.add(fromHex(keystore.pubkey, PUBLIC_KEY_LENGTH));
    const other = paths.at(place);
    // What is wrong with a later file is told first.
    if (other !== undefined) duplicate ??= keystoreDuplicate(keystore.pubkey, [other, path]);
    if (duplicate !== undefined) continue;
    paths.push(path);
    passwords.push(password);
    costs.push(costOf(keystore));
  }
  if (duplicate !== undefined) throw duplicate;
  return {
    length: paths.length,
    publicKeys,
    fileAt: place => {
      const [path, password, cost] = [paths.at(place), passwords[place], costs[place]];
      if (path === undefined || password === undefined || cost === undefined) {
        throw new RangeError(`there is no keystore ${place}`);
      }
      const { memoryBytes, work } = cost;
      return { path, password, publicKey: publicKeys.at(place), memoryBytes, work };
    },
  };
}
