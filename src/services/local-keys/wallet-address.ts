import { existsSync } from 'node:fs';
import { z } from 'zod';
import { checksumAddress } from '../../lib/address.ts';
import { readTextAtOnce } from '../../lib/files.ts';
import { parseJson } from '../../lib/json.ts';

const named = z.object({ address: z.string().regex(/^(0x)?[0-9a-f]{40}$/i) });

/**
 * The address that a wallet file names, checksummed; nothing is decrypted, so it is not proven.
 * @returns undefined where there is no such file, or it names none
 */
export function readWalletAddress(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const found = named.safeParse(parseJson(readTextAtOnce(path)));
    return found.success ? checksumAddress(`0x${found.data.address.replace(/^0x/i, '')}`) : undefined;
  } catch {
    return undefined;
  }
}
