import { readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { messageOf, UsageError } from '../lib/errors.ts';
import { BUILT_IN, NETWORK_NAMES } from './built-in.ts';
import type { Network } from './network.ts';
import { parseNetworkFile } from './network-file.ts';

/** Whether text is meant as a network file's path: it has a `/` or ends in `.json`. */
export function isNetworkPath(text: string): boolean {
  return text.includes('/') || text.endsWith('.json');
}

/**
 * The built-in name in lower case, or the absolute path of a network file: what `config.json` stores.
 * @throws UsageError 'unknown-network' in click's words for a choice
 */
export function canonicalNetworkName(nameOrPath: string): string {
  if (isNetworkPath(nameOrPath)) return isAbsolute(nameOrPath) ? nameOrPath : resolve(nameOrPath);
  const name = NETWORK_NAMES.find(known => known === nameOrPath.toLowerCase());
  if (name !== undefined) return name;
  const choices = NETWORK_NAMES.map(known => `'${known}'`).join(', ');
  throw new UsageError('unknown-network', `'${nameOrPath}' is not one of ${choices}.`, {
    hint: 'The path of a network file (with a "/" or ending in .json) is possible, too.',
  });
}

/**
 * The network of a built-in name (in any case) or of a network file's path.
 * @throws UsageError naming the file and the field
 */
export function resolveNetwork(nameOrPath: string): Network {
  const canonical = canonicalNetworkName(nameOrPath);
  const builtIn = NETWORK_NAMES.find(name => name === canonical);
  if (builtIn !== undefined) return BUILT_IN[builtIn];
  let text: string;
  try {
    text = readFileSync(canonical, 'utf8');
  } catch (error) {
    throw new UsageError(
      'invalid-network-file',
      `Cannot read network file ${canonical}: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
  return parseNetworkFile(text, canonical);
}
