import type { Database } from '../../../db/database.ts';
import { findsPooler, readServerFacts, type ServerFacts } from '../../../db/server-facts.ts';
import { type OwnCheck, passed, skipped } from '../../../domain/fleet/doctor/check.ts';
import { foreignText } from '../../../lib/foreign-text.ts';
import { ask } from '../observe/ask.ts';

const WHERE = 'database';
/** The oldest version that the migrations are tried on. */
const OLDEST_VERSION = 130_000;

/** The server's version, whether the way to it is encrypted, and what the role may do that it need not. */
export async function checkDatabase(
  open: ((limitMs: number) => Promise<Database>) | undefined,
  limitMs: number,
): Promise<OwnCheck[]> {
  if (open === undefined) return [skipped('database-version', WHERE, '--db-url names no database')];
  const seen = await ask(limitMs, async () => {
    await using database = await open(limitMs);
    return { ...(await readServerFacts(database)), isPooled: await findsPooler(database) };
  });
  // One that does not answer is told of already.
  if (seen.answer !== 'answered') return [];
  const { facts } = seen;
  return [checkVersion(facts), ...checkEncryption(facts), ...checkPooler(facts), checkRole(facts)];
}

/** Nothing here needs a session of its own, but what is told at once over one (NOTIFY) has to be asked for behind a pooler. */
function checkPooler({ isPooled }: { readonly isPooled: boolean | undefined }): OwnCheck[] {
  if (isPooled === undefined) return [];
  if (!isPooled) return [passed('database-pooler', WHERE, 'is reached without a pooler of transactions')];
  const what = 'is reached through a pooler of transactions: changes are asked for, and not told at once';
  const hint = 'Nothing has to be done; who wants to be told at once names the server itself in --db-url';
  return [{ code: 'database-pooler', severity: 'warn', where: WHERE, what, hint }];
}

function checkVersion({ version }: ServerFacts): OwnCheck {
  const name = `Postgres ${Math.floor(version / 10_000)}`;
  if (version >= OLDEST_VERSION) return passed('database-version', WHERE, `${name} is new enough`);
  return {
    code: 'database-version',
    severity: 'fail',
    where: WHERE,
    what: `${name} is older than 13, which this program is tried on`,
    hint: 'Upgrade the server',
  };
}

function checkEncryption({ isEncrypted }: ServerFacts): OwnCheck[] {
  if (isEncrypted === undefined) return [];
  if (isEncrypted) return [passed('database-tls', WHERE, 'the connection is encrypted')];
  return [
    {
      code: 'database-tls',
      severity: 'warn',
      where: WHERE,
      what: 'the connection is not encrypted',
      hint: 'Use sslmode=verify-full in --db-url, unless the database is on this machine',
    },
  ];
}

function checkRole({ role, isSuperuser, isStandby, mayReadSecrets, mayStoreKeys }: ServerFacts): OwnCheck {
  const name = foreignText(role);
  if (isSuperuser) {
    return {
      code: 'database-role',
      severity: 'warn',
      where: WHERE,
      what: `the role ${name} is a superuser`,
      hint: 'Use a role of "remote-db grants": docs/databases.md',
    };
  }
  const rights = [
    mayReadSecrets ? 'may read sealed keys' : 'reads no sealed key',
    mayStoreKeys ? 'may store keys' : 'stores no key',
  ];
  if (isStandby) rights.push('is connected to a standby, which takes no changes');
  return passed('database-role', WHERE, `the role ${name} ${rights.join(', ')}`);
}
