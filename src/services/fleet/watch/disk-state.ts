import { createHash } from 'node:crypto';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { asFileError, codeOf, ignoreMissing } from '../../../lib/file-errors.ts';

/** Looks at a directory are so far apart at least, and so many times as long as one takes: they cost half a percent of a core. */
const EVERY_MS = 5_000;
const TIMES_ITS_LENGTH = 200;

/**
 * Sees whether anything in a directory has been changed, removed or put beside it, by names, sizes and times alone: nothing is opened.
 * The kernel sets the time of a change, and nobody else can.
 */
export class DiskState {
  readonly #directory: string;
  readonly #now: () => number;
  #last: string | undefined;
  #notBefore = Number.NEGATIVE_INFINITY;

  /** @param now - milliseconds of a clock that never goes back */
  constructor(directory: string, now: () => number) {
    this.#directory = directory;
    this.#now = now;
  }

  /** The state, which is looked at again when the time has come. @throws OperatorError naming the directory */
  async read(): Promise<string> {
    if (this.#last === undefined || this.#now() >= this.#notBefore) return await this.readNow();
    return this.#last;
  }

  /** The state as it is now. @throws OperatorError naming the directory */
  async readNow(): Promise<string> {
    const begun = this.#now();
    this.#last = await describe(this.#directory);
    const ended = this.#now();
    this.#notBefore = ended + Math.max(EVERY_MS, (ended - begun) * TIMES_ITS_LENGTH);
    return this.#last;
  }
}

async function describe(directory: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    const names = await readdir(directory);
    for (const name of names.sort()) {
      // A temporary file of somebody else's is gone by the time that it is looked at.
      const stats = await lstat(join(directory, name), { bigint: true }).catch(ignoreMissing);
      if (stats === undefined) continue;
      const { ino, size, mode, uid, gid, ctimeNs } = stats;
      hash.update(`${name}\0${ino} ${size} ${mode} ${uid} ${gid} ${ctimeNs}\n`);
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'missing';
    throw asFileError(error, directory, 'read');
  }
  return hash.digest('hex');
}
