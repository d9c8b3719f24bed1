import { Agent } from 'undici';
import { z } from 'zod';
import { fromHex, wipe } from '../lib/bytes.ts';
import { ExternalError, OperatorError, UsageError } from '../lib/errors.ts';
import { foreignText } from '../lib/foreign-text.ts';
import { createLimit, type Limit, mapBounded } from '../lib/limit.ts';
import { type HashiVaultServer, requestHashiVault, trimSlashes } from './hashi-vault-server.ts';
import { bodyJson, describeEndpoint, type HttpDeps } from './http.ts';

/** Where keys lie in a HashiCorp Vault, and how they are asked for; plain data. */
export interface HashiVaultPlace extends HashiVaultServer {
  /** Secrets whose members are `public key: secret key`. */
  readonly keyPaths: readonly string[];
  /** Folders with one secret for each key, named after its public key, whose only member is the secret key. */
  readonly keyPrefixes: readonly string[];
  /** Requests in flight. */
  readonly parallelism: number;
}

export interface HashiVaultOptions extends HashiVaultPlace {
  readonly token: string;
  /** PEM of the authority that signed the server's certificate; the system's when left out. */
  readonly ca?: Uint8Array | undefined;
}

/** A key as it is stored; that the two belong together is for the caller to prove. */
export interface HashiVaultKey {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes; the caller wipes it. The text that it was read from cannot be overwritten. */
  readonly secretKey: Uint8Array;
  /** Path of the secret that the key was read from. */
  readonly path: string;
}

// A KV version 1 secret may have a member `data`, too, but no version beside it.
const secretSchema = z.object({
  data: z.object({ data: z.record(z.string(), z.unknown()), metadata: z.object({ version: z.int() }) }),
});
const listSchema = z.object({ data: z.object({ keys: z.array(z.string()) }) });

/**
 * Reads the keys of a KV version 2 engine (HashiCorp Vault, OpenBao). Sealed, busy and unreachable servers are asked again
 * for a while; redirects are never followed, since a standby names hosts that the user never gave and the token would go
 * there.
 * @throws ExternalError naming server and path; OperatorError 'hashi-vault-invalid-key' for what is no key
 */
export async function readHashiVaultKeys(
  deps: HttpDeps,
  options: HashiVaultOptions,
): Promise<HashiVaultKey[]> {
  requireToken(options.token);
  // Its own in any case: what leads elsewhere (a proxy of the environment) must not lead there.
  await using agent = openAgent(options.ca);
  const http: HttpDeps = { ...deps, dispatcher: deps.dispatcher ?? agent.dispatcher };
  const limit = createLimit(options.parallelism);
  const reads = [
    ...options.keyPaths.map(path => () => limit(() => readBundle(http, options, path))),
    ...options.keyPrefixes.map(prefix => () => readPrefix(http, options, prefix, limit)),
  ];
  const lists = await mapBounded(reads, read => read(), { concurrency: reads.length, discard: wipeKeys });
  return lists.flat();
}

function wipeKeys(keys: readonly HashiVaultKey[]): void {
  wipe(keys.map(({ secretKey }) => secretKey));
}

function openAgent(ca: Uint8Array | undefined): AsyncDisposable & { readonly dispatcher: Agent } {
  const dispatcher = ca === undefined ? new Agent() : new Agent({ connect: { ca: Buffer.from(ca) } });
  return { dispatcher, [Symbol.asyncDispose]: () => dispatcher.close() };
}

async function readBundle(
  deps: HttpDeps,
  options: HashiVaultOptions,
  path: string,
): Promise<HashiVaultKey[]> {
  const members = Object.entries(await readSecret(deps, options, path));
  if (members.length === 0) throw noKeys(options, path);
  return members.map(([name, value]) => toKey(name, value, path));
}

async function readPrefix(
  deps: HttpDeps,
  options: HashiVaultOptions,
  prefix: string,
  limit: Limit,
): Promise<HashiVaultKey[]> {
  const names = await limit(() => listNames(deps, options, prefix));
  const readKey = async (name: string): Promise<HashiVaultKey> => {
    const path = `${trimSlashes(prefix)}/${name}`;
    const [value, ...others] = Object.values(await readSecret(deps, options, path));
    if (value === undefined || others.length > 0) {
      throw new OperatorError(
        'hashi-vault-invalid-key',
        `The secret ${foreignText(path)} has not exactly one member.`,
      );
    }
    return toKey(name, value, path);
  };
  return await mapBounded(names, name => limit(() => readKey(name)), {
    concurrency: options.parallelism,
    discard: key => wipe(key.secretKey),
  });
}

async function readSecret(
  deps: HttpDeps,
  options: HashiVaultOptions,
  path: string,
): Promise<Readonly<Record<string, unknown>>> {
  const response = await requestHashiVault(deps, options, 'data', path);
  const answer = secretSchema.safeParse(bodyJson(response, options.url));
  if (answer.success) return answer.data.data.data;
  // A null or a KV version 1 answer: its `data` is not a record of records.
  throw noKeys(options, path);
}

/** Names of the secrets of a folder; folders below it are not gone into. */
async function listNames(deps: HttpDeps, options: HashiVaultOptions, prefix: string): Promise<string[]> {
  const response = await requestHashiVault(deps, options, 'metadata', prefix, '?list=true');
  const answer = listSchema.safeParse(bodyJson(response, options.url));
  const names = answer.success ? answer.data.data.keys.filter(name => !name.endsWith('/')) : [];
  if (names.length === 0) throw noKeys(options, prefix);
  return names;
}

/** Names are repeated only when they are public keys: stored the wrong way round, they are the secret ones. */
function toKey(name: string, value: unknown, path: string): HashiVaultKey {
  const publicDigits = /^(?:0x)?([0-9a-f]{96})$/i.exec(name)?.[1];
  if (publicDigits === undefined)
    throw new OperatorError(
      'hashi-vault-invalid-key',
      `A name in ${foreignText(path)} is not a public key of 48 bytes of hex.`,
    );
  const secretDigits = typeof value === 'string' ? /^(?:0x)?([0-9a-f]{64})$/i.exec(value)?.[1] : undefined;
  if (secretDigits === undefined) {
    const message = `The value of 0x${publicDigits.toLowerCase()} in ${foreignText(path)} is not a secret key of 32 bytes of hex.`;
    throw new OperatorError('hashi-vault-invalid-key', message);
  }
  return { publicKey: fromHex(publicDigits), secretKey: fromHex(secretDigits), path };
}

function noKeys({ url, mount }: HashiVaultOptions, path: string): ExternalError {
  return new ExternalError(
    'hashi-vault-no-keys',
    `${describeEndpoint(url)} ${mount}/${path} holds no keys.`,
    {
      hint: 'Its members must be "public key": "secret key", in hex; the engine must be KV version 2.',
    },
  );
}

function requireToken(token: string): void {
  if (/^[\x21-\x7e]+$/.test(token)) return;
  throw new UsageError(
    'hashi-vault-invalid-token',
    'The token for HashiCorp Vault is not a token: it has spaces, line breaks or other characters.',
  );
}
