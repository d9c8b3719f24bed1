import { passwordOf } from '../db/database-url.ts';
import { withoutSecrets } from '../lib/endpoint-url.ts';
import type { Option } from './options/option.ts';

const MASK = '***';

/** What an option was given, as it may be shown: a secret is masked, and a URL shows no password, path or query, which may hold a key. */
export function maskValue(option: Option<unknown>, text: string): string {
  if (option.hidden || option.secret === true) return MASK;
  if (option.secret !== undefined && option.secret !== false) return maskDatabaseUrl(text);
  if (!/^URL/.test(option.value.placeholder) && !text.includes('://')) return text;
  return text
    .split(',')
    .map(part => maskUrl(part.trim()))
    .join(',');
}

function maskUrl(text: string): string {
  if (text.startsWith('unix:')) return text;
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) return withoutSecrets(text);
  const { origin, pathname, search, hash, username, password } = new URL(text);
  const user = username === '' && password === '' ? '' : `${MASK}@`;
  const rest = pathname.length > 1 || search !== '' || hash !== '' ? `/${MASK}` : '';
  return `${origin.replace('://', `://${user}`)}${rest}`;
}

/** A database URL, or libpq's keywords, without the password; all of it where it cannot be told from the rest. */
function maskDatabaseUrl(text: string): string {
  const masked = text
    .replace(/^([\w:]+:\/\/[^:@/]*):.*@/s, `$1:${MASK}@`)
    .replace(/((?:^|[\s?&])(?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s&]+)/gi, `$1${MASK}`);
  const password = findPassword(text);
  const isShown = password !== undefined && password !== '' && masked.includes(password);
  return isShown ? MASK : masked;
}

function findPassword(text: string): string | undefined {
  try {
    return passwordOf(text.trim());
  } catch {
    return undefined;
  }
}
