import { isAbsolute, resolve } from 'node:path';
import { UsageError } from '../lib/errors.ts';
import { BUILT_IN, NETWORK_NAMES } from './built-in.ts';
import type { Network } from './network.ts';

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

/** The built-in network of a canonical name; undefined for the path of a network file. */
export function findBuiltIn(canonicalName: string): Network | undefined {
  const name = NETWORK_NAMES.find(known => known === canonicalName);
  return name && BUILT_IN[name];
}
