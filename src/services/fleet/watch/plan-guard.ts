import { join } from 'node:path';
import type { AssignmentPlan } from '../../../db/assignments.ts';
import { findGains, keysOfOthers } from '../../../domain/fleet/watched-plan.ts';
import { CLIENT_KEYS } from '../../../domain/fleet/written-keys.ts';
import { toHex } from '../../../lib/bytes.ts';
import { DifferencesError } from '../../../lib/errors.ts';
import { type FileAttributes, writeIfChanged } from '../../../lib/files.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { nameList } from '../../../lib/name-list.ts';
import { findDirectory } from '../../../lib/output-directory.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import type { VaultRef } from '../../remote-db/vault-ref.ts';
import { readKeysOfFile } from '../keys-of-file.ts';

export interface PlanGuardOptions {
  /** The directory of the client's files. */
  readonly directory: string;
  readonly ref: VaultRef;
  readonly clientIndex: number;
  readonly attributes: FileAttributes;
}

const HEADER = 'stakewise-operator keys of other clients 1';

/**
 * Keeps a watch from giving a client a key that was another client's in a plan that the watch has seen. What it has seen stands in a dot
 * file beside the client's files as well, so that a process that was killed knows it when it is started again: nobody has said anything
 * by that.
 */
export class PlanGuard {
  readonly #options: PlanGuardOptions;
  /** Undefined until the file was read. */
  #others: RecordTable | undefined;

  constructor(options: PlanGuardOptions) {
    this.#options = options;
  }

  /** Reads what an earlier process has seen; once. @throws OperatorError naming the file */
  async load(): Promise<void> {
    this.#others ??= await readKeysOfFile(this.#path, CLIENT_KEYS);
  }

  /**
   * Looks at a plan before anything of it is written, and remembers it.
   * @param present - keys of the client's files
   * @throws DifferencesError 'keys-from-another-client'
   */
  accept(plan: AssignmentPlan, present: RecordTable): void {
    const { clientIndex } = this.#options;
    const others = this.#others ?? new RecordTable(PUBLIC_KEY_LENGTH);
    const watched = { assignments: plan.assignments, clientIndex, present, others };
    const gains = findGains(watched);
    this.#others = keysOfOthers(watched);
    if (gains.length === 0) return;
    throw new DifferencesError(
      'keys-from-another-client',
      `${gains.length} keys that were another validator client's are those of validator ${clientIndex} now, such as ${nameList(gains)}: the other client may still run them. Nothing was changed.`,
      {
        hint: 'Stop the client that had them and wait two epochs; then run the same "remote-db setup-validator" without --watch, which writes the files, and --watch goes on from them.',
      },
    );
  }

  /** Remembers on the disk what was seen, where the directory is. @throws OperatorError naming the file */
  async save(): Promise<void> {
    const { directory, attributes } = this.#options;
    await using held = await findDirectory(directory, attributes);
    if (held === undefined || this.#others === undefined) return;
    const keys = Array.from(this.#others, toHex).sort();
    await writeIfChanged(this.#path, `${[HEADER, ...keys].join('\n')}\n`, attributes);
  }

  get #path(): string {
    const { directory, ref } = this.#options;
    return join(directory, `.${ref.network.name}-${ref.address.toLowerCase()}.others`);
  }
}
