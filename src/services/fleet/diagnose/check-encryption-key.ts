import type { Database, Session } from '../../../db/database.ts';
import { type OwnCheck, passed, skipped } from '../../../domain/fleet/doctor/check.ts';
import type { VaultRef } from '../../remote-db/vault-ref.ts';
import { ask } from '../observe/ask.ts';

/** Tries the encryption key that was given; here no key is handled. @throws OperatorError 'invalid-encryption-key', and those of the database */
export type TryEncryptKey = (session: Session, ref: VaultRef) => Promise<void>;

const CODE = 'encryption-key';
const WHERE = 'encryption key';

export interface EncryptionKeyToCheck {
  /** Opens the database; undefined where none is named. */
  readonly open: ((limitMs: number) => Promise<Database>) | undefined;
  /** Undefined where no key is given. */
  readonly tryKey: TryEncryptKey | undefined;
  readonly ref: VaultRef;
  readonly limitMs: number;
}

/** Whether the encryption key opens the vault's data key, which is read and thrown away. */
export async function checkEncryptionKey({
  open,
  tryKey,
  ref,
  limitMs,
}: EncryptionKeyToCheck): Promise<OwnCheck[]> {
  if (tryKey === undefined) return [skipped(CODE, WHERE, '--encrypt-key-file names none')];
  if (open === undefined) return [skipped(CODE, WHERE, '--db-url names no database')];
  const seen = await ask(limitMs, async () => {
    await using database = await open(limitMs);
    await tryKey(database, ref);
  });
  if (seen.answer === 'answered') return [passed(CODE, WHERE, 'opens the data key of the vault')];
  if (seen.answer === 'not-asked') return [];
  const { code, message, hint } = seen.fault;
  const what = message.replace(/\.$/, '');
  switch (code) {
    case 'invalid-encryption-key':
      return [
        { code: CODE, severity: 'fail', where: WHERE, what: 'does not open the data key of the vault', hint },
      ];
    case 'db-permission-denied':
      return [skipped(CODE, WHERE, 'the role of --db-url may not read the data key of the vault')];
    default:
      return [{ code: CODE, severity: 'warn', where: WHERE, what: `was not tried: ${what}`, hint }];
  }
}
