import type { ChangeFeed } from '../../../db/change-feed.ts';
import type { Session } from '../../../db/database.ts';
import { readVaultMark } from '../../../db/vault-mark.ts';
import { ExternalError, messageOf, UsageError } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import { countOf } from '../../../lib/plural.ts';
import { identityOf, type VaultRef } from '../../remote-db/vault-ref.ts';
import { decideLook, type LookFacts, type SeenStates } from './decide-look.ts';
import type { DiskState } from './disk-state.ts';
import type { WatchState, WrittenState } from './watch-state.ts';

/** Files that are kept in line with the database. */
export interface WatchedFiles {
  /** Writes what has to be another, and has whoever reads the files read them again. @throws what the command itself throws */
  write(): Promise<WrittenState>;
  /** Compares files and rows in full, and changes nothing. @returns whether something would be written */
  compare(): Promise<boolean>;
}

export interface FilesWatcherDeps {
  readonly database: Session;
  readonly feed: Pick<ChangeFeed, 'listen' | 'isListening'>;
  readonly files: WatchedFiles;
  readonly disk: DiskState;
  readonly state: WatchState;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/**
 * Keeps files in line with a vault, look by look. A look asks the database one small question; the files are written when the answer has
 * changed, when something has changed on the disk, and anew for as long as it fails. Of what is written nothing is kept in memory.
 */
export class FilesWatcher {
  readonly #deps: FilesWatcherDeps;
  readonly #ref: VaultRef;
  #vaultId: number | undefined;
  #right: LookFacts['right'];
  #failed: (NonNullable<LookFacts['failed']> & { readonly error: unknown }) | undefined;
  #isDeaf = false;

  constructor(deps: FilesWatcherDeps, ref: VaultRef) {
    this.#deps = deps;
    this.#ref = ref;
  }

  /** Whether a notification is about this vault; before the first look any may be. */
  concerns(vaultId: number): boolean {
    return this.#vaultId === undefined || vaultId === this.#vaultId;
  }

  /** One look. @throws why the files are not known to be right */
  async look(): Promise<void> {
    const { state, disk, files } = this.#deps;
    const seen = await this.#see();
    const step = decideLook({ now: this.#deps.now(), seen, right: this.#right, failed: this.#failed });
    if (step === 'refused') {
      state.failed(this.#failed?.error, { isWrite: false });
      throw this.#failed?.error;
    }
    if (step === 'right') return state.right();
    try {
      if (step === 'write') state.outdated();
      const mustWrite = step === 'write' || (await files.compare());
      const written = mustWrite ? await files.write() : undefined;
      this.#right = {
        database: seen.database,
        disk: await disk.readNow(),
        comparedAt: this.#deps.now(),
      };
      this.#failed = undefined;
      state.right(written);
      this.#tell(written);
    } catch (error) {
      await this.#noteFailure(error, seen);
      throw error;
    }
  }

  async #see(): Promise<SeenStates> {
    const { database, disk, state } = this.#deps;
    try {
      // First: what changes after this question is told, what has changed before it is in the answer.
      const deafness = await this.#listen();
      const mark = await readVaultMark(database, identityOf(this.#ref));
      this.#tellDeafness(deafness);
      this.#vaultId = mark?.vaultId;
      return { database: mark?.state ?? 'none', disk: await disk.read() };
    } catch (error) {
      state.failed(error, { isWrite: false });
      throw error;
    }
  }

  /** Where nothing is told, looks see the changes: no failure. @returns why nothing is */
  async #listen(): Promise<ExternalError | undefined> {
    try {
      await this.#deps.feed.listen();
      return undefined;
    } catch (error) {
      if (error instanceof ExternalError) return error;
      throw error;
    }
  }

  /** Says so once, and of a database that answers: what is wrong with another one is told by the look. */
  #tellDeafness(error: ExternalError | undefined): void {
    if (this.#deps.feed.isListening) this.#isDeaf = false;
    if (error === undefined || this.#isDeaf) return;
    this.#isDeaf = true;
    this.#deps.log.warn(`${messageOf(error)} Changes are seen at the next look instead of at once.`);
  }

  async #noteFailure(error: unknown, seen: SeenStates): Promise<void> {
    const { state, disk, now } = this.#deps;
    // A wrong setting stays wrong: it ends the watch.
    const mayPass = error instanceof ExternalError || error instanceof UsageError;
    const after = await disk.readNow().catch(() => seen.disk);
    this.#failed = { error, database: seen.database, disk: after, at: now(), mayPass };
    state.failed(error, { isWrite: true });
  }

  #tell(written: WrittenState | undefined): void {
    if (written === undefined) return;
    const keys = countOf(written.keysWritten, 'key');
    this.#deps.log.info(
      written.isChanged ? `Files written, with ${keys}` : `Files are up to date, with ${keys}`,
    );
  }
}
