import { fromHex, type Hex, toHex } from '../../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';

/** The keys that are this vault's, whoever else's the signer has. */
export interface OwnKeys {
  /** What messages call the place that says which keys are the vault's. */
  readonly source: string;
  /**
   * Public keys of 48 bytes, each once, in the order in which they are registered. The signer need not have all of them.
   * @param loaded - what the signer has, in the order in which it lists them
   */
  list(loaded: ReadonlySet<Hex>): Promise<readonly Uint8Array[]>;
}

/** All that a signer has which has keys of this vault only, as the signer lists them. */
export function keysOfSigner(source: string): OwnKeys {
  return { source, list: async loaded => readKeys([...loaded]) };
}

/** The same of a remote signer, which lists its keys in no order, and in another one after each start. */
export function sortedKeysOfSigner(source: string): OwnKeys {
  return { source, list: async loaded => readKeys([...loaded].sort()) };
}

/** The keys that something beside the signer names as the vault's, read anew each time. */
export function namedKeys(source: string, read: () => Promise<readonly Uint8Array[]>): OwnKeys {
  return {
    source,
    list: async () => [...new Map((await read()).map(key => [toHex(key), key])).values()],
  };
}

/** Views of one byte string: with a buffer of its own, each of ten thousand keys takes several times its bytes. */
function readKeys(names: readonly Hex[]): readonly Uint8Array[] {
  const bytes = new Uint8Array(names.length * PUBLIC_KEY_LENGTH);
  return names.map((name, i) => {
    const at = i * PUBLIC_KEY_LENGTH;
    bytes.set(fromHex(name, PUBLIC_KEY_LENGTH), at);
    return bytes.subarray(at, at + PUBLIC_KEY_LENGTH);
  });
}
