import { join } from 'node:path';
import { equalBytes, fromHex, toHex } from '../../../lib/bytes.ts';
import type { ErrorCodeOf } from '../../../lib/error-codes.ts';
import { OperatorError } from '../../../lib/errors.ts';
import { type FileAttributes, readTextIfThere, writeIfChanged } from '../../../lib/files.ts';
import type { VaultRef } from '../unlock-vault.ts';
import type { ProvenStatement } from './signed-statement.ts';

/** The last statement that was believed here. */
interface SeenStatement {
  readonly manifestCounter: bigint;
  readonly planCounter: bigint;
  readonly digest: Uint8Array;
}

const HEADER = 'stakewise-operator statement 1';

/** Where a directory remembers the last statement of a vault: a dot file, which no client reads. */
export function seenStatementPath(directory: string, { network, address }: VaultRef): string {
  return join(directory, `.${network.name}-${address.toLowerCase()}.statement`);
}

/**
 * Insists that a statement is not older than the last one that was believed here: a database that was put back to an earlier
 * state has genuine rows.
 * @param path - {@link seenStatementPath}
 * @throws OperatorError 'statement-old', 'statement-forked', 'statement-record-invalid'
 */
export async function assertNotOlder(path: string, proven: ProvenStatement): Promise<void> {
  const seen = await readSeen(path, proven.verifyingKey);
  if (seen === undefined) return;
  const { manifestCounter, planCounter } = proven.statement;
  if (manifestCounter < seen.manifestCounter || planCounter < seen.planCounter) {
    throw rolledBack(
      'statement-old',
      `The remote db has an older state than was seen here before: upload ${manifestCounter} and plan ${planCounter}, after upload ${seen.manifestCounter} and plan ${seen.planCounter}.`,
      path,
    );
  }
  const isSameState = manifestCounter === seen.manifestCounter && planCounter === seen.planCounter;
  // Facts are signed again without a new counter only when they are the same, or the plan lost its signature.
  if (isSameState && !equalBytes(proven.digest, seen.digest)) {
    throw rolledBack(
      'statement-forked',
      `The remote db has another upload ${manifestCounter} with plan ${planCounter} than was seen here before.`,
      path,
    );
  }
}

/** Remembers a statement that is believed. */
export async function recordSeen(
  path: string,
  { statement, digest, verifyingKey }: ProvenStatement,
  attributes: FileAttributes,
): Promise<void> {
  const lines = [
    HEADER,
    `key ${toHex(verifyingKey)}`,
    `upload ${statement.manifestCounter}`,
    `plan ${statement.planCounter}`,
    `sha256 ${toHex(digest)}`,
    '',
  ];
  await writeIfChanged(path, lines.join('\n'), attributes);
}

/** What was believed under this key; another key begins anew, since it was given on purpose. */
async function readSeen(path: string, verifyingKey: Uint8Array): Promise<SeenStatement | undefined> {
  const text = await readTextIfThere(path);
  if (text === undefined) return undefined;
  const [, key = '', upload = '', plan = '', digest = ''] =
    /^stakewise-operator statement 1\nkey (0x[0-9a-f]{64})\nupload (\d{1,20})\nplan (\d{1,20})\nsha256 (0x[0-9a-f]{64})\n$/.exec(
      text,
    ) ?? [];
  if (digest === '') {
    throw new OperatorError(
      'statement-record-invalid',
      `${path} is not a record of the last statement that was believed.`,
      {
        hint: 'Remove it when the database is known to be in its newest state; the next run writes it anew.',
      },
    );
  }
  if (!equalBytes(fromHex(key), verifyingKey)) return undefined;
  return { manifestCounter: BigInt(upload), planCounter: BigInt(plan), digest: fromHex(digest) };
}

function rolledBack(code: ErrorCodeOf<'failure'>, message: string, path: string): OperatorError {
  return new OperatorError(code, message, {
    hint: `Find out who put the database back. When it was done on purpose, remove ${path}.`,
  });
}
