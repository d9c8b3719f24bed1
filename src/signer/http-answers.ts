import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { printable } from '../lib/foreign-text.ts';
import { Refusal } from './refusal.ts';

/** As Vert.x, which Web3Signer is made with: 10 MiB. */
const MAX_BODY_BYTES = 10 * 1024 * 1024;

export const JSON_TYPE = 'application/json; charset=utf-8';
export const TEXT_TYPE = 'text/plain; charset=utf-8';

/** Answers with these bytes; no content type where Web3Signer gives none. */
export function answer(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    vary: 'origin',
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
  });
  response.end(body);
}

export function answerJson(response: ServerResponse, status: number, value: unknown, type = JSON_TYPE): void {
  answer(response, status, JSON.stringify(value), { 'content-type': type });
}

/** Web3Signer's answer to an error is the bare phrase of its status; ours gives the reason where it has no such answer. */
export function answerRefusal(response: ServerResponse, { status, body, headers }: Refusal): void {
  const phrase = status === 413 ? 'Request Entity Too Large' : (STATUS_CODES[status] ?? '');
  const type = body === undefined ? {} : { 'content-type': TEXT_TYPE };
  answer(response, status, body === undefined ? phrase : printable(body), { ...type, ...headers });
}

export function answerNotFound(response: ServerResponse): void {
  const body = '<html><body><h1>Resource not found</h1></body></html>';
  answer(response, 404, body, { 'content-type': 'text/html; charset=utf-8' });
}

/** @param allow - methods that the path has */
export function answerWrongMethod(request: IncomingMessage, response: ServerResponse, allow: string): void {
  if (request.method === 'HEAD') response.writeHead(405, { vary: 'origin' }).end();
  else answer(response, 405, '', { allow });
}

/** Whether a client that sends this Accept header takes an answer of the type; none takes all. */
export function accepts(header: string | undefined, type: string): boolean {
  if (header === undefined || header.trim() === '') return true;
  const wildcard = `${type.split('/')[0]}/*`;
  return mediaRanges(header).some(range => range === '*/*' || range === wildcard || range === type);
}

/** Whether a signature is given as JSON: only these two ranges count, and no header means text. */
export function wantsJson(header: string | undefined): boolean {
  return mediaRanges(header ?? '').some(range => range === 'application/json' || range === '*/*');
}

function mediaRanges(header: string): string[] {
  return header.split(',').map(range => (range.split(';', 1)[0] ?? '').trim().toLowerCase());
}

/** The whole body, by events: an async iterator costs a tenth of a signature. @throws Refusal 413 when it is larger than 10 MiB */
export function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const chunks: Buffer[] = [];
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
    // A little more is still read, so that the client has sent all and sees the answer.
    else if (size > 2 * MAX_BODY_BYTES) request.destroy(tooLarge());
  });
  request.on('end', () => {
    const [first] = chunks;
    if (size > MAX_BODY_BYTES) reject(tooLarge());
    else resolve(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, size));
  });
  request.on('error', reject);
  return promise;
}

function tooLarge(): Refusal {
  return new Refusal(413, 'the body is larger than 10 MiB', { headers: { connection: 'close' } });
}
