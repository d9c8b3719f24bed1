import { type Hex, toHex, wipe } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import type { ProgressReporter } from '../../lib/progress.ts';
import type { SignThreads } from './sign-threads.ts';

/** Keys as a source gives them; the ring overwrites the secret ones. */
interface SourceKeys {
  /** 48 bytes each, proven to be those of the secret keys. */
  readonly publicKeys: readonly Uint8Array[];
  /** 32 bytes each, flat, in the same order. */
  readonly secretKeys: Uint8Array;
}

/** Where keys come from; asked again at every reload. */
export interface KeySource {
  /** What the log calls the source: kind and place, never a secret. */
  readonly description: string;
  /**
   * @param progress - is told how far what takes long has come
   * @throws OperatorError when any key cannot be had: half a set is never given
   */
  load(progress?: ProgressReporter): Promise<SourceKeys>;
}

/** The state of a reload as `GET /reload` tells it. */
interface ReloadState {
  readonly status: 'idle' | 'running' | 'completed' | 'failed';
  readonly lastOperationTime?: string | undefined;
  readonly lastError?: string | undefined;
}

interface KeyRingDeps {
  readonly source: KeySource;
  readonly threads: SignThreads;
  readonly log: Pick<Logger, 'info' | 'error'>;
  /** Is told how far the first load has come. */
  readonly progress?: ProgressReporter | undefined;
}

/** Keys of one load, in memory that the signing threads share: one copy, to be overwritten in one place. */
interface KeySet {
  readonly secretKeys: SharedArrayBuffer;
  readonly places: ReadonlyMap<string, number>;
  readonly publicKeys: readonly Hex[];
  inFlight: number;
  isRetired: boolean;
}

/**
 * Loads the keys of a source and keeps them.
 * @throws OperatorError 'no-keys', or what the source throws
 */
export async function openKeyRing(deps: KeyRingDeps): Promise<KeyRing> {
  const keys = await loadKeySet(deps.source, deps.progress);
  deps.log.info({ keys: keys.publicKeys.length, source: deps.source.description }, 'keys loaded');
  return new KeyRing(deps, keys);
}

/** The keys of a source, which a reload replaces all at once; they are overwritten when they are no longer used. */
export class KeyRing implements AsyncDisposable {
  readonly #deps: KeyRingDeps;
  #current: KeySet;
  #reloadState: ReloadState = { status: 'idle' };
  #reloading: Promise<void> | undefined;

  constructor(deps: KeyRingDeps, keys: KeySet) {
    this.#deps = deps;
    this.#current = keys;
  }

  /** Lower-case hex. */
  listPublicKeys(): readonly Hex[] {
    return this.#current.publicKeys;
  }

  has(publicKey: string): boolean {
    return this.#current.places.has(publicKey);
  }

  /** The signature of a root; undefined when there is no such key. */
  sign(publicKey: string, root: Uint8Array): Promise<Uint8Array> | undefined {
    const place = this.#current.places.get(publicKey);
    return place === undefined ? undefined : signWith(this.#deps.threads, this.#current, place, root);
  }

  get reloadState(): ReloadState {
    return this.#reloadState;
  }

  /** Starts to load the keys again; false when that is being done already. Present keys stay until all new ones are there. */
  startReload(): boolean {
    if (this.#reloading !== undefined) return false;
    this.#reloading = this.#reload().finally(() => {
      this.#reloading = undefined;
    });
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reloading;
    wipe(new Uint8Array(this.#current.secretKeys));
  }

  async #reload(): Promise<void> {
    const { source, log } = this.#deps;
    this.#reloadState = { ...this.#reloadState, status: 'running' };
    try {
      const next = await loadKeySet(source);
      const removed = this.#current.publicKeys.filter(key => !next.places.has(key)).length;
      retire(this.#current);
      this.#current = next;
      this.#reloadState = { status: 'completed', lastOperationTime: new Date().toISOString() };
      log.info({ keys: next.publicKeys.length, removed, source: source.description }, 'keys reloaded');
    } catch (error) {
      // The present keys stay: a source that is away for a moment must not end the signing.
      const lastError = reasonOf(error);
      this.#reloadState = { status: 'failed', lastOperationTime: new Date().toISOString(), lastError };
      log.error({ source: source.description, reason: lastError }, 'reload failed, the present keys stay');
    }
  }
}

/**
 * Why keys could not be loaded, as it is told to whoever asks. Sentences of this program name no secret; what something
 * else has thrown may quote the file that it stumbled over.
 */
function reasonOf(error: unknown): string {
  return error instanceof OperatorError ? error.message : 'The keys could not be loaded: an internal error.';
}

async function signWith(
  threads: SignThreads,
  set: KeySet,
  place: number,
  root: Uint8Array,
): Promise<Uint8Array> {
  set.inFlight += 1;
  try {
    return await threads.sign(set.secretKeys, place, root);
  } finally {
    set.inFlight -= 1;
    if (set.isRetired) retire(set);
  }
}

/** Overwrites the keys as soon as no thread reads them any more. */
function retire(set: KeySet): void {
  set.isRetired = true;
  if (set.inFlight === 0) wipe(new Uint8Array(set.secretKeys));
}

async function loadKeySet(source: KeySource, progress?: ProgressReporter): Promise<KeySet> {
  const { publicKeys, secretKeys } = await source.load(progress);
  try {
    const places = new Map<string, number>();
    for (const [place, publicKey] of publicKeys.entries()) places.set(toHex(publicKey), place);
    if (places.size === 0) throw new OperatorError('no-keys', `${source.description} holds no keys.`);
    const shared = new SharedArrayBuffer(secretKeys.length);
    new Uint8Array(shared).set(secretKeys);
    const listed = [...places.keys()] as Hex[];
    return { secretKeys: shared, places, publicKeys: listed, inFlight: 0, isRetired: false };
  } finally {
    wipe(secretKeys);
  }
}
