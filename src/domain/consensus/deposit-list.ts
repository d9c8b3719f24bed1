import { createHash } from 'node:crypto';
import { fromHex } from '../../lib/bytes.ts';
import { GrowingBytes } from '../../lib/growing-bytes.ts';
import { HASH_LENGTH, PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { RecordTable } from '../../lib/record-table.ts';
import type { DepositDataEntry } from './deposit-data.ts';
import { type DepositText, DepositTextWriter } from './deposit-text.ts';

/** What some entries of a file say of themselves alike, as it stands there. */
export interface DepositClaim {
  /** The first of these entries. */
  readonly publicKey: Uint8Array;
  readonly json: Readonly<Record<'withdrawal_credentials' | 'fork_version', unknown>>;
}

/** A file of deposit data, kept as flat bytes: as objects, the entries of 150,000 validators take half a gigabyte. */
export interface DepositList {
  /** The file, for messages. */
  readonly path: string;
  readonly length: number;
  /** Public keys of 48 bytes in the order of the entries, each once. */
  readonly publicKeys: RecordTable;
  /** Signatures of 96 bytes in the same order. */
  readonly signatures: Uint8Array;
  /** A public key that stands twice, the first such; a list that has one is not to be used. */
  readonly duplicate: Uint8Array | undefined;
  /** What the entries say of vault and network, each such thing once, in the order of the entries. */
  readonly claims: readonly DepositClaim[];
  /** The deposit data root that an entry names, 32 bytes; undefined when it names none. */
  rootNamedBy(index: number): Uint8Array | undefined;
  /**
   * Lets go of what only a check of the deposits needs, more than half of the list: signatures and named roots must not be asked
   * for any more.
   */
  letGoOfProofs(): void;
  /** The text of all entries. */
  readonly text: DepositText;
}

const NONE = new Uint8Array(HASH_LENGTH);

/** What a check of the deposits needs of them beside their keys. */
interface DepositProofs {
  readonly signatures: Uint8Array;
  /** 1 for each entry that names its root. */
  readonly hasRoot: Uint8Array;
  readonly namedRoots: Uint8Array;
}

/** Takes the entries of a file, some at a time. */
export class DepositListBuilder {
  readonly #path: string;
  readonly #publicKeys = new RecordTable(PUBLIC_KEY_LENGTH);
  #signatures = new GrowingBytes();
  #namedRoots = new GrowingBytes();
  #hasRoot = new GrowingBytes();
  readonly #claims = new Map<string, DepositClaim>();
  readonly #writer = new DepositTextWriter();
  readonly #textHash = createHash('sha256');
  #textLength = 0;
  #duplicate: Uint8Array | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** @returns the text up to the end of these entries, which is not kept here */
  add(entries: readonly DepositDataEntry[]): Uint8Array {
    for (const entry of entries) this.#addEntry(entry);
    return this.#hashed(entries.length === 0 ? new Uint8Array(0) : this.#writer.add(entries));
  }

  /**
   * Ends the text. To be called once, before {@link build}.
   * @returns the rest of it
   */
  end(): Uint8Array {
    return this.#hashed(this.#writer.end());
  }

  /** @param pieces - gives the text from its beginning, as `add` and `end` have returned it */
  build(pieces: DepositText['pieces']): DepositList {
    const length = this.#hasRoot.length;
    let held: DepositProofs | undefined = {
      signatures: this.#signatures.subarray(),
      hasRoot: this.#hasRoot.subarray(),
      namedRoots: this.#namedRoots.subarray(),
    };
    const proofs = (): DepositProofs => {
      // None would look like entries that name no root.
      if (held === undefined)
        throw new Error('the signatures and named roots of the deposit data were let go');
      return held;
    };
    // The builder may be held as long as the list.
    this.#signatures = new GrowingBytes();
    this.#hasRoot = new GrowingBytes();
    this.#namedRoots = new GrowingBytes();
    return {
      path: this.#path,
      length,
      publicKeys: this.#publicKeys,
      get signatures() {
        return proofs().signatures;
      },
      duplicate: this.#duplicate,
      claims: [...this.#claims.values()],
      rootNamedBy: index => {
        const { hasRoot, namedRoots } = proofs();
        return hasRoot[index] === 1
          ? namedRoots.subarray(index * HASH_LENGTH, (index + 1) * HASH_LENGTH)
          : undefined;
      },
      letGoOfProofs: () => {
        held = undefined;
      },
      text: { length: this.#textLength, digest: new Uint8Array(this.#textHash.digest()), pieces },
    };
  }

  #hashed(piece: Uint8Array): Uint8Array {
    this.#textHash.update(piece);
    this.#textLength += piece.length;
    return piece;
  }

  #addEntry({ publicKey, signature, json }: DepositDataEntry): void {
    const known = this.#publicKeys.length;
    this.#publicKeys.add(publicKey);
    if (this.#publicKeys.length === known) this.#duplicate ??= publicKey;
    this.#signatures.append(signature);
    const root = json.deposit_data_root;
    this.#hasRoot.append(Uint8Array.of(typeof root === 'string' ? 1 : 0));
    this.#namedRoots.append(typeof root === 'string' ? fromHex(root, HASH_LENGTH) : NONE);
    const { withdrawal_credentials, fork_version } = json;
    const claim = JSON.stringify([withdrawal_credentials, fork_version]);
    if (!this.#claims.has(claim)) {
      this.#claims.set(claim, { publicKey, json: { withdrawal_credentials, fork_version } });
    }
  }
}

/** The list of entries that are there as objects. */
export function depositListOf({
  path,
  entries,
}: {
  readonly path: string;
  readonly entries: readonly DepositDataEntry[];
}): DepositList {
  const builder = new DepositListBuilder(path);
  const pieces = [builder.add(entries), builder.end()];
  return builder.build(() => pieces);
}
