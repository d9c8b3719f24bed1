import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { printable } from '../../lib/foreign-text.ts';
import type { Refusal } from './refusal.ts';

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
