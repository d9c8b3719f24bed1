import type { Database } from '../../../db/database.ts';
import { type OwnCheck, passed, skipped } from '../../../domain/fleet/doctor/check.ts';
import { unlockVault, type VaultRef } from '../../remote-db/unlock-vault.ts';
import { ask } from '../observe/ask.ts';

const CODE = 'encryption-key';
const WHERE = 'encryption key';

export interface EncryptionKeyToCheck {
  /** Opens the database; undefined where none is named. */
  readonly open: ((limitMs: number) => Promise<Database>) | undefined;
  /** The user's base64 text; undefined where none is given. */
  readonly encryptKey: string | undefined;
  readonly ref: VaultRef;
  readonly limitMs: number;
}

/** Whether the encryption key opens the vault's data key, which is read and wiped. */
export async function checkEncryptionKey({
  open,
  encryptKey,
  ref,
  limitMs,
}: EncryptionKeyToCheck): Promise<OwnCheck[]> {
  if (encryptKey === undefined) return [skipped(CODE, WHERE, '--encrypt-key-file names none')];
  if (open === undefined) return [skipped(CODE, WHERE, '--db-url names no database')];
  const seen = await ask(limitMs, async () => {
    await using database = await open(limitMs);
    using _ = await unlockVault(database, ref, encryptKey);
    return true;
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
