import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { decodeText } from '../lib/text.ts';

/** The account whose password is wanted. */
export interface PasswordPlace {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** Where libpq looks when nothing names another file. */
export function ownPasswordFile(): string {
  return join(homedir(), '.pgpass');
}

/** Directory of a server's socket, which libpq calls localhost: the default of its sources, and that of Debian's packages. */
const SOCKET_DIRECTORIES = ['/tmp', '/var/run/postgresql', '/run/postgresql'];
const GROUP_AND_OTHERS = 0o077;

/**
 * Finds a password in libpq's file of passwords (https://www.postgresql.org/docs/current/libpq-pgpass.html): lines of
 * `host:port:database:user:password`, of which the first counts whose first four fit; `*` fits all.
 * @param warn - told of a file that is not read, as libpq tells it
 * @returns undefined where there is none, or no file
 */
export async function findPassword(
  path: string,
  place: PasswordPlace,
  warn: (line: string) => void,
): Promise<string | undefined> {
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined) return undefined;
  if (!stats.isFile()) {
    warn(`The password file "${path}" is not a plain file: it is not read.`);
    return undefined;
  }
  if (process.platform !== 'win32' && (stats.mode & GROUP_AND_OTHERS) !== 0) {
    warn(
      `The password file "${path}" has group or world access; permissions should be u=rw (0600) or less: it is not read.`,
    );
    return undefined;
  }
  const text = await readFile(path).then(decodeText, () => undefined);
  if (text === undefined) {
    warn(`The password file "${path}" cannot be read by this user.`);
    return undefined;
  }
  return passwordIn(text, place);
}

function passwordIn(text: string, { host, port, database, user }: PasswordPlace): string | undefined {
  const wanted = [SOCKET_DIRECTORIES.includes(host) ? 'localhost' : host, String(port), database, user];
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    if (line === '' || line.startsWith('#')) continue;
    const fields = splitLine(line);
    if (fields === undefined) continue;
    const { names, password } = fields;
    if (names.every((name, index) => name === '*' || withoutBackslashes(name) === wanted[index]))
      return withoutBackslashes(password);
  }
  return undefined;
}

/** The four fields before the password, as they are written; a colon that belongs to one has a backslash before it. */
function splitLine(
  line: string,
): { readonly names: readonly string[]; readonly password: string } | undefined {
  const [before, ...names] =
    /^((?:\\.|[^\\:])*):((?:\\.|[^\\:])*):((?:\\.|[^\\:])*):((?:\\.|[^\\:])*):/s.exec(line) ?? [];
  return before === undefined ? undefined : { names, password: line.slice(before.length) };
}

function withoutBackslashes(text: string): string {
  return text.replace(/\\(.)/gs, '$1');
}
