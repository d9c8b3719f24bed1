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
  readonly retirementCounter: bigint;
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
  const { manifestCounter, planCounter, retirementCounter } = proven.statement;
  const isOlder =
    manifestCounter < seen.manifestCounter ||
    planCounter < seen.planCounter ||
    retirementCounter < seen.retirementCounter;
  if (isOlder) {
    throw rolledBack(
      'statement-old',
      `The remote db has an older state than was seen here before: ${describeState(proven.statement)}, after ${describeState(seen)}.`,
      path,
    );
  }
  const isSameState =
    manifestCounter === seen.manifestCounter &&
    planCounter === seen.planCounter &&
    retirementCounter === seen.retirementCounter;
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
    // Programs before know no such line: they read the record of a vault that never had retired keys.
    ...(statement.retirementCounter === 0n ? [] : [`retirement ${statement.retirementCounter}`]),
    `sha256 ${toHex(digest)}`,
    '',
  ];
  await writeIfChanged(path, lines.join('\n'), attributes);
}

/** What was believed under this key; another key begins anew, since it was given on purpose. */
async function readSeen(path: string, verifyingKey: Uint8Array): Promise<SeenStatement | undefined> {
  const text = await readTextIfThere(path);
  if (text === undefined) return undefined;
  const [, key = '', upload = '', plan = '', retirement = '0', digest = ''] =
    /^stakewise-operator statement 1\nkey (0x[0-9a-f]{64})\nupload (\d{1,20})\nplan (\d{1,20})\n(?:retirement (\d{1,20})\n)?sha256 (0x[0-9a-f]{64})\n$/.exec(
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
  return {
    manifestCounter: BigInt(upload),
    planCounter: BigInt(plan),
    retirementCounter: BigInt(retirement),
    digest: fromHex(digest),
  };
}

function describeState({
  manifestCounter,
  planCounter,
  retirementCounter,
}: Omit<SeenStatement, 'digest'>): string {
  const retirement = retirementCounter === 0n ? '' : ` and retirement ${retirementCounter}`;
  return `upload ${manifestCounter} and plan ${planCounter}${retirement}`;
}

function rolledBack(code: ErrorCodeOf<'failure'>, message: string, path: string): OperatorError {
  return new OperatorError(code, message, {
    hint: `Find out who put the database back. When it was done on purpose, remove ${path}.`,
  });
}
