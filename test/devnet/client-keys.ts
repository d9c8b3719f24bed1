import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ClientEntry,
  readLighthouseDefinitions,
  readSignerKeys,
} from '../support/checkers/validator-clients.ts';
import { CLIENT_RULES, type ClientKind, type ClientRules } from './validator-client-rules.ts';

/** A key that a validator client runs by a remote signer. */
export interface RemoteKey {
  /** Its hex as it was given, with 0x. */
  readonly pubkey: string;
  readonly url: string;
  /** Whether it stands in the client's own files; else its key manager was given it. */
  readonly isOfFile: boolean;
}

/** What became of one key of a request. */
export interface KeyStatus {
  readonly status: 'imported' | 'duplicate' | 'error' | 'deleted' | 'not_found';
  readonly message?: string;
}

export interface ClientKeysOptions {
  readonly kind: ClientKind;
  /** Where its file lies, of the clients that read one of `setup-validator`. */
  readonly folder?: string | undefined;
  /** The keys that it was configured with, where there is no folder. */
  readonly keys: readonly string[];
}

const SIGNER_URL = 'http://signer:9000';
const PUBLIC_KEY = /^0x[0-9a-fA-F]{96}$/;

/** The keys of one validator client: those that run now, and those that will after a restart. */
export class ClientKeys {
  readonly #options: ClientKeysOptions;
  readonly #rules: ClientRules;
  /** All by their hex in lower case. What it was configured with, where that is in no folder. */
  #configured = new Map<string, RemoteKey>();
  #running = new Map<string, RemoteKey>();
  /** What the client itself has kept of its key manager's, beside its files. */
  readonly #kept = new Map<string, RemoteKey>();
  /** Waits for the end of a doppelganger check. */
  #checked: RemoteKey[] = [];

  constructor(options: ClientKeysOptions) {
    this.#options = options;
    this.#rules = CLIENT_RULES[options.kind];
    this.set(options.keys);
  }

  /** The keys that it runs now. */
  get running(): readonly RemoteKey[] {
    return [...this.#running.values()];
  }

  /** Has it run these keys, which are those of its configuration from now on. */
  set(keys: readonly string[]): void {
    this.#kept.clear();
    this.#checked = [];
    this.#configured = new Map(keys.map(pubkey => [pubkey.toLowerCase(), ofFile(pubkey, SIGNER_URL)]));
    this.#running = new Map(this.#configured);
  }

  /**
   * Starts with what is in its file, and with what it has kept of its key manager's.
   * @throws Error for a file that the client refuses
   */
  start(): void {
    this.#checked = [];
    this.#running = this.#readFile() ?? new Map(this.#configured);
    for (const [name, key] of this.#kept) if (!this.#running.has(name)) this.#running.set(name, key);
    this.#save();
  }

  /**
   * Takes a key as POST does: without asking its signer whether it has the key, or whether it is there.
   * @param waits - whether the key runs only when {@link endCheck} says that nobody else does
   */
  add(given: { readonly pubkey?: unknown; readonly url?: unknown }, waits: boolean): KeyStatus {
    const { pubkey, url } = given;
    if (typeof pubkey !== 'string' || !PUBLIC_KEY.test(pubkey))
      return { status: 'error', message: 'invalid public key' };
    if (this.#rules.url !== 'ignored' && url !== undefined && !URL.canParse(String(url)))
      return { status: 'error', message: 'failed to parse remotekey URL: relative URL without a base' };
    const name = pubkey.toLowerCase();
    // Also where the URL is another one: the old one stays.
    if (this.#running.has(name)) return { status: 'duplicate' };
    const isUsed = this.#rules.url !== 'ignored' && typeof url === 'string';
    const key = { pubkey: name, url: isUsed ? url : SIGNER_URL, isOfFile: false };
    if (this.#rules.keepsAdded) this.#kept.set(name, key);
    if (waits) this.#checked.push(key);
    else this.#running.set(name, key);
    this.#save();
    return { status: 'imported' };
  }

  /** Ends the doppelganger check of the keys that were added: nobody else runs them. */
  endCheck(): void {
    for (const key of this.#checked) this.#running.set(key.pubkey, key);
    this.#checked = [];
  }

  /** Gives a key up as DELETE does. */
  remove(pubkey: string): KeyStatus {
    const name = this.#rules.comparesLetters ? pubkey : pubkey.toLowerCase();
    const key = this.#running.get(name);
    if (key === undefined) return { status: 'not_found' };
    if (key.isOfFile && this.#rules.fileKeysAre === 'refused')
      return { status: 'error', message: 'Cannot remove read-only validator' };
    this.#running.delete(name);
    this.#kept.delete(name);
    if (this.#rules.fileKeysAre === 'gone') this.#configured.delete(name);
    this.#save();
    return { status: 'deleted' };
  }

  #readFile(): Map<string, RemoteKey> | undefined {
    const { folder } = this.#options;
    const name = this.#rules.file;
    if (folder === undefined || name === undefined) return undefined;
    const text = readFileSync(join(folder, name), 'utf8');
    const entries =
      name === 'validator_definitions.yml'
        ? readDefinitions(text)
        : readSignerKeys(text).map(publicKey => ({ publicKey, url: SIGNER_URL }));
    return new Map(entries.map(({ publicKey, url }) => [publicKey.toLowerCase(), ofFile(publicKey, url)]));
  }

  /** Lighthouse writes its own file anew at its start and after each change: without quotes, and with descriptions. */
  #save(): void {
    const { folder } = this.#options;
    if (folder === undefined || this.#rules.file !== 'validator_definitions.yml') return;
    // It is all in the file, and the file's from now on.
    this.#kept.clear();
    const path = join(folder, this.#rules.file);
    const before = readDefinitions(readFileSync(path, 'utf8'));
    const fees = new Map(before.map(one => [one.publicKey.toLowerCase(), one.feeRecipient?.toLowerCase()]));
    const entries = [...this.#running].map(([name, { url }]) => {
      const fee = fees.get(name);
      return [
        '- enabled: true',
        `  voting_public_key: ${name}`,
        ...(fee === undefined ? [] : [`  suggested_fee_recipient: ${fee}`]),
        `  description: ${fees.has(name) ? "''" : 'Added by remotekey API'}`,
        '  type: web3signer',
        `  url: ${url}`,
      ].join('\n');
    });
    writeFileSync(path, entries.length === 0 ? '[]\n' : `${entries.join('\n')}\n`);
  }
}

/** Lighthouse reads hex as text, with quotes and without. */
function readDefinitions(text: string): readonly ClientEntry[] {
  return readLighthouseDefinitions(text.replace(/: (0x[0-9a-fA-F]+)$/gm, ': "$1"'));
}

function ofFile(pubkey: string, url: string): RemoteKey {
  return { pubkey, url, isOfFile: true };
}
