import { closeSync, constants, openSync, unlinkSync, writeSync } from 'node:fs';
import { codeOf } from '../file-errors.ts';
import { createLockFile, readLockFile, readText } from './lock-files.ts';
import { formatCount, formatHolder } from './lock-holder.ts';

/** How often a holder counts on. Watchers wait for five times as long. */
const RENEWAL_MS = 3_000;
/** How old a count may be before a holder looks whether it is the holder still. Well below what watchers wait. */
const FRESH_MS = 8_000;

/**
 * The file in which a process says that it holds a lock, and counts on while it lives. No clock is compared with another
 * one's: a watcher only asks whether the file changes.
 */
export class LockRecord {
  readonly #path: string;
  /** Names this entry among all others. */
  readonly #entry: string;
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  #count = 0;
  #renewedAtMs: number;
  #isLost = false;

  /** @returns undefined when somebody's file is there */
  static create(path: string, lockedFile: string | undefined, now: () => number): LockRecord | undefined {
    const entry = formatHolder(lockedFile);
    const renewedAtMs = now();
    return createLockFile(path, entry + formatCount(0))
      ? new LockRecord(path, entry, now, renewedAtMs)
      : undefined;
  }

  private constructor(path: string, entry: string, now: () => number, renewedAtMs: number) {
    this.#path = path;
    this.#entry = entry;
    this.#now = now;
    this.#renewedAtMs = renewedAtMs;
    this.#timer = setInterval(() => this.#renewQuietly(), RENEWAL_MS).unref();
  }

  /** Whether the last count is so young that nobody can have taken the lock. */
  get isFresh(): boolean {
    return !this.#isLost && this.#now() - this.#renewedAtMs < FRESH_MS;
  }

  /**
   * Looks into the file, and counts on when that is due.
   * @returns false when another process has taken the lock: for good
   */
  check(): boolean {
    if (this.#isLost) return false;
    if (!this.isFresh) return this.#renew();
    if (readLockFile(this.#path)?.startsWith(this.#entry) !== true) return this.#renew();
    return true;
  }

  /** Removes the file, unless it is another's. */
  remove(): void {
    clearInterval(this.#timer);
    if (readLockFile(this.#path)?.startsWith(this.#entry) === true) unlinkSync(this.#path);
  }

  #renewQuietly(): void {
    try {
      if (!this.#renew()) clearInterval(this.#timer);
    } catch {
      // The next time, or the next check, which says what is wrong.
    }
  }

  #renew(): boolean {
    const beganAtMs = this.#now();
    this.#count++;
    // Somebody who takes over moves the file away to look at it, and puts it back when it is not the one that he watched.
    const isMine = this.#writeCount() ?? (this.#createAnew() || this.#writeCount() === true);
    if (isMine) this.#renewedAtMs = beganAtMs;
    else this.#isLost = true;
    return isMine;
  }

  #createAnew(): boolean {
    return createLockFile(this.#path, this.#entry + formatCount(this.#count));
  }

  /** Opened each time: on network file systems, closing shows the count to others. @returns undefined without a file */
  #writeCount(): boolean | undefined {
    let file: number;
    try {
      file = openSync(this.#path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
    try {
      if (!readText(file).startsWith(this.#entry)) return false;
      writeSync(file, formatCount(this.#count), Buffer.byteLength(this.#entry));
      return true;
    } finally {
      closeSync(file);
    }
  }
}
