import { readFileSync } from 'node:fs';
import { messageOf, UsageError } from '../lib/errors.ts';
import { decodeText } from '../lib/text.ts';
import type { Network } from './network.ts';
import { parseNetworkFile } from './network-file.ts';
import { canonicalNetworkName, findBuiltIn } from './network-name.ts';

/**
 * The network of a built-in name (in any case) or of a network file's path.
 * @throws UsageError naming the file and the field
 */
export function resolveNetwork(nameOrPath: string): Network {
  const canonical = canonicalNetworkName(nameOrPath);
  const builtIn = findBuiltIn(canonical);
  if (builtIn !== undefined) return builtIn;
  let text: string;
  try {
    text = decodeText(readFileSync(canonical));
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
