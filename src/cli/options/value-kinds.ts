import { existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, normalize } from 'node:path';
import { checksumAddress } from '../../lib/address.ts';
import { fromHex } from '../../lib/bytes.ts';
import { EndpointUrl, withoutSecrets } from '../../lib/endpoint-url.ts';
import { UsageError } from '../../lib/errors.ts';
import { HASH_LENGTH } from '../../lib/lengths.ts';
import { NETWORK_NAMES } from '../../networks/built-in.ts';
import { parseIpfsGateway } from '../../networks/ipfs-gateway.ts';
import { canonicalNetworkName } from '../../networks/network-name.ts';
import type { NamedFile } from '../../settings/operator-settings.ts';
import type { ValueKind } from './option.ts';

/** Any text. */
export const text: ValueKind<string> = { placeholder: 'TEXT', parse: value => value };

/** A whole number, bounds included. Messages are click's. */
export function integer(range: { min: number; max?: number | undefined }): ValueKind<number> {
  return {
    placeholder: 'INTEGER',
    parse(value) {
      if (!/^\s*[+-]?\d{1,15}\s*$/.test(value)) {
        throw new UsageError('invalid-integer', `'${value}' is not a valid integer.`);
      }
      const number = Number(value);
      const { min, max } = range;
      if (number < min || number > (max ?? Number.MAX_SAFE_INTEGER)) {
        const bounds = max === undefined ? `x>=${min}` : `${min}<=x<=${max}`;
        throw new UsageError('out-of-range', `${number} is not in the range ${bounds}.`);
      }
      return number;
    },
  };
}

/** One of a few words, in any case. */
export function choice<const T extends string>(words: readonly T[]): ValueKind<T> {
  return {
    placeholder: `[${words.join('|')}]`,
    choices: words,
    parse(value) {
      const word = words.find(known => known.toLowerCase() === value.toLowerCase());
      if (word !== undefined) return word;
      const known = words.map(each => `'${each}'`).join(', ');
      throw new UsageError(
        'invalid-choice',
        `'${value}' is not ${words.length > 1 ? 'one of ' : ''}${known}.`,
      );
    },
  };
}

/** A hash, such as 0x12…; with or without 0x. */
export const bytes32: ValueKind<Uint8Array> = {
  placeholder: 'HASH',
  parse(value) {
    const digits = value.trim().replace(/^0x/i, '');
    if (/^[0-9a-f]{64}$/i.test(digits)) return fromHex(digits, HASH_LENGTH);
    throw new UsageError('invalid-hash', `'${value}' is not a hash of 32 bytes in hex.`);
  },
};

/** An Ethereum address; the value is its checksummed form. */
export const address: ValueKind<string> = {
  placeholder: 'ADDRESS',
  parse: value => checksumAddress(value.trim()),
};

/** {@link address}, and not the zero address: clients take that one as it is, and all fees would be gone. */
export const feeRecipientAddress: ValueKind<string> = {
  placeholder: 'ADDRESS',
  parse(value) {
    const recipient = checksumAddress(value.trim());
    if (BigInt(recipient) !== 0n) return recipient;
    throw new UsageError('invalid-address', 'The zero address belongs to nobody: all fees would be lost');
  },
};

/** A built-in network, or the path of a network file; the value is the name or the absolute path. */
export const network: ValueKind<string> = {
  placeholder: `[${NETWORK_NAMES.join('|')}|FILE]`,
  choices: NETWORK_NAMES,
  parse: canonicalNetworkName,
};

/** A directory's path, with `./` and doubled slashes taken away as the Python operator prints paths. */
export function directory(options: { exists: boolean }): ValueKind<string> {
  return {
    placeholder: 'DIRECTORY',
    parse(value) {
      const path = readPath(value);
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats === undefined && options.exists) {
        throw new UsageError('directory-missing', `Directory '${value}' does not exist.`);
      }
      if (stats !== undefined && !stats.isDirectory()) {
        throw new UsageError('not-a-directory', `Directory '${value}' is a file.`);
      }
      return path;
    },
  };
}

/** A file's path. */
export function file(options: { exists: boolean }): ValueKind<string> {
  return {
    placeholder: 'FILE',
    parse(value) {
      const path = readPath(value);
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats === undefined && options.exists) {
        throw new UsageError('file-missing', `File '${value}' does not exist.`);
      }
      if (stats?.isDirectory()) throw new UsageError('is-a-directory', `File '${value}' is a directory.`);
      return path;
    },
  };
}

/** {@link file}, which may be missing when its variable names it: charts set some that nothing has filled. */
export const fileOfVariable: ValueKind<NamedFile> = {
  placeholder: 'FILE',
  async parse(value, source) {
    const path = await file({ exists: source.kind !== 'environment' }).parse(value, source);
    return { path, isThere: existsSync(path) };
  },
};

/** An http or https URL without a slash at its end. */
export const httpUrl: ValueKind<EndpointUrl> = {
  placeholder: 'URL',
  parse(value) {
    const url = EndpointUrl.parse(value);
    if (url.socketPath === undefined) return url;
    throw new UsageError('invalid-url', `'${value}' is not an http or https URL.`);
  },
};

/** Comma separated http or https URLs. */
export const httpUrls: ValueKind<readonly EndpointUrl[]> = {
  placeholder: 'URL[,URL…]',
  parse: (value, source) => parseEach(value, part => httpUrl.parse(part, source)),
};

/** Comma separated signers: http or https URLs, or `unix:` and the path of a socket. */
export const signerUrls: ValueKind<readonly EndpointUrl[]> = {
  placeholder: 'URL[,URL…]',
  parse: value => parseEach(value, EndpointUrl.parse),
};

/** Comma separated IPFS gateways, or none; without a scheme https is meant. */
export const ipfsGateways: ValueKind<readonly EndpointUrl[]> = {
  placeholder: 'URL[,URL…]',
  parse(value) {
    const parts = value.split(',').map(part => part.trim());
    return parts.filter(part => part !== '').map(parseGateway);
  },
};

function parseGateway(text: string): EndpointUrl {
  try {
    return EndpointUrl.parse(parseIpfsGateway(text));
  } catch (cause) {
    throw new UsageError('invalid-ipfs-gateway', `'${withoutSecrets(text)}' is not an http or https URL.`, {
      cause,
    });
  }
}

async function parseEach(
  value: string,
  parse: (part: string) => EndpointUrl | Promise<EndpointUrl>,
): Promise<EndpointUrl[]> {
  const parts = value.split(',').map(part => part.trim());
  const isCutInPassword = parts.some((part, i) => i > 0 && part.includes('@') && !part.includes('://'));
  // Neither part may be repeated: the first one has the beginning of the password, and no @ that tells.
  if (isCutInPassword) {
    throw new UsageError('invalid-url', `'${withoutSecrets(value)}' is not a list of URLs.`, {
      hint: 'Begin each with its scheme; in a password, write %2C for a comma.',
    });
  }
  const urls = await Promise.all(parts.filter(part => part !== '').map(parse));
  if (urls.length === 0) throw new UsageError('invalid-url', `'${withoutSecrets(value)}' names no URL.`);
  return urls;
}

/** A mnemonic in one of the eight languages; the value is its normalised form. The word lists are loaded on use. */
export const mnemonic: ValueKind<string> = {
  placeholder: 'TEXT',
  hintsAtPrompt: true,
  async parse(value) {
    const { parseMnemonic } = await import('../../domain/keys/mnemonic.ts');
    return parseMnemonic(value);
  },
};

function readPath(value: string): string {
  // No shell expands the tilde of `--data-dir=~/x` or of a line in .env.
  const expanded = value === '~' || value.startsWith('~/') ? join(homedir(), value.slice(1)) : value;
  const path = normalize(expanded);
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
