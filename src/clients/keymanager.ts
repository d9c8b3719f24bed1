import { z } from 'zod';
import { fromHex, type Hex, toHex } from '../lib/bytes.ts';
import type { EndpointUrl } from '../lib/endpoint-url.ts';
import { ExternalError, UsageError } from '../lib/errors.ts';
import { foreignText } from '../lib/foreign-text.ts';
import { PUBLIC_KEY_LENGTH } from '../lib/lengths.ts';
import type { Logger } from '../lib/logger.ts';
import {
  openSignerEndpoint,
  parseSignerAnswer,
  requestSigner,
  type SignerRequest,
} from './signer/signer-endpoint.ts';
import type { SignerTls } from './signer/signer-tls.ts';

/** Web3Signer takes 10 MiB and not a byte more. */
export const MAX_KEYMANAGER_BODY_BYTES = 10 * 1024 * 1024;

export interface KeymanagerOptions {
  /** http or https URL, or `socketUrl(path)`. */
  readonly url: EndpointUrl | string;
  readonly tls?: SignerTls | undefined;
  /** Time limit of one request; an import decrypts its keystores one after another. */
  readonly timeoutMs: number;
  readonly log?: Pick<Logger, 'debug'> | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface ListedKeystore {
  readonly derivationPath: string | null;
  /** Whether the key is of a source that the API cannot delete from, such as a raw key file. */
  readonly isReadOnly: boolean;
}

interface KeystoreBatch {
  /** EIP-2335 documents, as text. */
  readonly keystores: readonly string[];
  /** Passwords in the order of the keystores. */
  readonly passwords: readonly string[];
  /** EIP-3076 document, as text. */
  readonly slashingProtection?: string | undefined;
}

interface ImportResult {
  readonly status: 'imported' | 'duplicate' | 'error';
  readonly message: string;
}

interface DeleteResult {
  readonly status: 'deleted' | 'not_active' | 'not_found' | 'error';
  readonly message: string;
}

/** The key manager API of one signer (https://ethereum.github.io/keymanager-APIs/). */
export interface KeymanagerClient extends AsyncDisposable {
  readonly url: EndpointUrl;
  /** Keys that are loaded, in lower case, from whatever source. */
  listKeystores(): Promise<ReadonlyMap<Hex, ListedKeystore>>;
  /**
   * One result per keystore. Never repeated by itself: after `connection-reset` or `timeout` the import goes on in the
   * signer, so the caller lists its keys before sending anything again.
   * @throws UsageError 'body-too-large' before anything is sent; ExternalError
   */
  importKeystores(batch: KeystoreBatch): Promise<readonly ImportResult[]>;
  /**
   * One result per public key, and the slashing protection data of the deleted ones. Never repeated by itself: a second
   * answer would lack that data.
   */
  deleteKeystores(publicKeys: readonly Uint8Array[]): Promise<{
    readonly results: readonly DeleteResult[];
    readonly slashingProtection: string | undefined;
  }>;
}

const PATH = '/eth/v1/keystores';
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
const message = z
  .string()
  .nullish()
  .transform(text => foreignText(text ?? ''));
const listAnswer = z.object({
  data: z.array(
    z.object({
      validating_pubkey: z.string().regex(/^0x[0-9a-fA-F]{96}$/),
      derivation_path: z.string().nullish(),
      readonly: z.boolean().nullish(),
    }),
  ),
});
const importAnswer = z.object({
  data: z.array(z.object({ status: z.enum(['imported', 'duplicate', 'error']), message })),
});
const deleteAnswer = z.object({
  data: z.array(z.object({ status: z.enum(['deleted', 'not_active', 'not_found', 'error']), message })),
  slashing_protection: z.string().nullish(),
});

/**
 * Prepares connections to a signer's key manager; none is opened yet.
 * @throws UsageError when the TLS material cannot be used
 */
export function openKeymanager(options: KeymanagerOptions): KeymanagerClient {
  const { url, tls, timeoutMs, log, signal } = options;
  const endpoint = openSignerEndpoint({ url, tls, timeoutMs, log, connections: 4 });

  async function send<T>(
    schema: z.ZodType<T>,
    request: Pick<SignerRequest, 'method' | 'body'>,
    expectedCount?: number,
  ): Promise<T & { data: unknown[] }> {
    const response = await requestSigner(endpoint, {
      ...request,
      path: PATH,
      timeoutMs,
      signal,
      maxBytes: MAX_ANSWER_BYTES,
      headers: {
        accept: 'application/json',
        ...(request.body !== undefined && { 'content-type': 'application/json' }),
      },
      isExpected: status => status === 200,
    }).catch((error: unknown) => {
      throw explainMissingApi(error, endpoint.name);
    });
    const answer = parseSignerAnswer(schema, response, endpoint.name) as T & { data: unknown[] };
    if (expectedCount !== undefined && answer.data.length !== expectedCount) {
      throw new ExternalError(
        'invalid-answer',
        `${endpoint.name} answered for ${answer.data.length} of ${expectedCount} keys.`,
        { hint: 'List its keys to see what it did.' },
      );
    }
    return answer;
  }

  return {
    url: endpoint.url,
    async listKeystores() {
      const { data } = await send(listAnswer, { method: 'GET' });
      return new Map(
        data.map(entry => [
          toHex(fromHex(entry.validating_pubkey, PUBLIC_KEY_LENGTH)),
          { derivationPath: entry.derivation_path ?? null, isReadOnly: entry.readonly ?? false },
        ]),
      );
    },
    async importKeystores(batch) {
      const body = importBody(batch);
      const { data } = await send(importAnswer, { method: 'POST', body }, batch.keystores.length);
      return data;
    },
    async deleteKeystores(publicKeys) {
      const body = JSON.stringify({ pubkeys: publicKeys.map(toHex) });
      const answer = await send(deleteAnswer, { method: 'DELETE', body }, publicKeys.length);
      return { results: answer.data, slashingProtection: answer.slashing_protection ?? undefined };
    },
    [Symbol.asyncDispose]: () => endpoint[Symbol.asyncDispose](),
  };
}

/** Bytes that one keystore adds to an import's body; with a little for the rest, their sum is that of the body. */
export function importEntryBytes(keystore: string, password: string): number {
  return Buffer.byteLength(JSON.stringify(keystore)) + Buffer.byteLength(JSON.stringify(password)) + 2;
}

function importBody({ keystores, passwords, slashingProtection }: KeystoreBatch): string {
  if (keystores.length !== passwords.length) {
    throw new RangeError(`${keystores.length} keystores with ${passwords.length} passwords`);
  }
  const body = JSON.stringify({
    keystores,
    passwords,
    ...(slashingProtection !== undefined && { slashing_protection: slashingProtection }),
  });
  const size = Buffer.byteLength(body);
  if (size > MAX_KEYMANAGER_BODY_BYTES) {
    throw new UsageError(
      'body-too-large',
      `${keystores.length} keystores are ${size} bytes in one request; a signer takes ${MAX_KEYMANAGER_BODY_BYTES}.`,
    );
  }
  return body;
}

/** The API is off by default, and its path then unknown. */
function explainMissingApi(error: unknown, name: string): unknown {
  const isMissing =
    error instanceof ExternalError &&
    error.code === 'web3signer-refused' &&
    / HTTP status (404|405)\.$/.test(error.message);
  if (!isMissing) return error;
  return new ExternalError('keymanager-missing', `${name} has no key manager API.`, {
    hint: 'Start Web3Signer with --key-manager-api-enabled=true; the signer of this program has none and imports no keys.',
    cause: error,
  });
}
