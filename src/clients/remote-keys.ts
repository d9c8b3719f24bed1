import { z } from 'zod';
import { fromHex } from '../lib/bytes.ts';
import type { EndpointUrl } from '../lib/endpoint-url.ts';
import { ExternalError } from '../lib/errors.ts';
import { parseJson } from '../lib/json.ts';
import { PUBLIC_KEY_LENGTH } from '../lib/lengths.ts';
import { matchSchema } from '../lib/match-schema.ts';
import { RecordTable } from '../lib/record-table.ts';
import { bodyText, HttpStatusError, requestHttp } from './http.ts';
import { openSignerEndpoint } from './signer/signer-endpoint.ts';
import type { SignerTls } from './signer/signer-tls.ts';

/** A validator client with the key manager API (https://ethereum.github.io/keymanager-APIs/). */
export interface ValidatorClientOptions {
  readonly url: EndpointUrl;
  /** What the client has written into its token file. */
  readonly token: string;
  readonly tls?: SignerTls | undefined;
  /** Time limit of each request. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The keys that a validator client runs now. */
export interface RunningKeys {
  /** Those with a keystore of its own and those of a remote signer, each once. */
  readonly keys: RecordTable;
  /** How many of them are a remote signer's. */
  readonly remote: number;
}

/** 10,000 keys with their URLs are 3 MB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Its entries are looked at one by one, by hand: of ten thousand a schema would make copies. */
const listAnswer = z.object({ data: z.array(z.unknown()) });
/** Answers of clients that serve one of the two lists only. */
const NOT_SERVED: ReadonlySet<number> = new Set([404, 405, 501]);

/**
 * Lists the keys that a validator client runs. Lodestar and Prysm name remote keys in both lists, other clients in one of them.
 * @throws ExternalError 'keymanager-refused' for a token that is not the client's, 'keymanager-missing' where neither list is
 *   served, 'invalid-answer', and those of the connection
 */
export async function fetchRunningKeys(options: ValidatorClientOptions): Promise<RunningKeys> {
  await using endpoint = openSignerEndpoint({ ...options, connections: 2 });
  const ask = async (path: string): Promise<unknown | undefined> => {
    const response = await requestHttp(endpoint.http, {
      url: `${options.url.reveal()}${path}`,
      headers: { accept: 'application/json', authorization: `Bearer ${options.token}` },
      timeoutMs: options.timeoutMs,
      maxBytes: MAX_ANSWER_BYTES,
      retries: 0,
      signal: options.signal,
      isExpected: status => status === 200 || NOT_SERVED.has(status),
    }).catch((error: unknown) => {
      throw explainRefusal(error, endpoint.name);
    });
    return response.status === 200 ? parseJson(bodyText(response)) : undefined;
  };
  const [remote, local] = await Promise.all([ask('/eth/v1/remotekeys'), ask('/eth/v1/keystores')]);
  if (remote === undefined && local === undefined) throw missingApi(endpoint.name);
  const keys = new RecordTable(PUBLIC_KEY_LENGTH);
  addKeys(keys, remote, { member: 'pubkey', name: endpoint.name });
  const remoteKeys = keys.length;
  addKeys(keys, local, { member: 'validating_pubkey', name: endpoint.name });
  return { keys, remote: remoteKeys };
}

/** Adds the keys of a list. @param json - the list's answer; undefined where it is not served */
function addKeys(
  keys: RecordTable,
  json: unknown,
  { member, name }: { readonly member: 'pubkey' | 'validating_pubkey'; readonly name: string },
): void {
  if (json === undefined) return;
  const checked = matchSchema(listAnswer, json);
  if (!checked.success) throw notListed(name, checked.fault.cause);
  for (const entry of checked.data.data) {
    const text = (entry as Readonly<Record<string, unknown>> | null)?.[member];
    const publicKey = typeof text === 'string' ? publicKeyOf(text) : undefined;
    if (publicKey === undefined) throw notListed(name);
    keys.add(publicKey);
  }
}

/** The bytes of a public key in hex, with or without 0x; undefined when the text is none. */
function publicKeyOf(text: string): Uint8Array | undefined {
  try {
    return fromHex(text, PUBLIC_KEY_LENGTH);
  } catch {
    return undefined;
  }
}

function notListed(name: string, cause?: unknown): ExternalError {
  return new ExternalError('invalid-answer', `${name} does not list its keys as a validator client does.`, {
    cause,
  });
}

function explainRefusal(error: unknown, name: string): unknown {
  if (!(error instanceof HttpStatusError) || (error.status !== 401 && error.status !== 403)) return error;
  return new ExternalError('keymanager-refused', `${name} refuses the token (HTTP status ${error.status}).`, {
    hint: 'Name the token file that this validator client has written: --keymanager URL=FILE.',
    cause: error,
  });
}

function missingApi(name: string): ExternalError {
  return new ExternalError('keymanager-missing', `${name} has no key manager API.`, {
    hint: 'Start the validator client with its key manager API: docs/validator-clients.md.',
  });
}
