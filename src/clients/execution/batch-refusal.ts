import { z } from 'zod';
import { parseJson } from '../../lib/json.ts';
import type { HttpResponse } from '../http.ts';

/** What a server says of the form of a request: not of who sends it, of how many there were, or of its own state. */
const FORM_REFUSED: ReadonlySet<number> = new Set([400, 403, 404, 405, 413, 415, 422, 501]);

/** What a server says of who sends a request, and of how many came: neither gets better by sending them one by one. */
const NOT_ABOUT_FORM: ReadonlySet<number> = new Set([401, 429]);
/** JSON-RPC's "Invalid Request", which geth and proxies say of a batch. */
const INVALID_REQUEST = -32600;

const rpcError = z.object({ error: z.object({ code: z.int(), message: z.string() }) });
const rpcErrors = z.union([z.array(rpcError).min(1), rpcError.transform(one => [one])]);

/**
 * Whether an answer refuses several requests because they came together: by HTTP, by one error for all of them, or in
 * words. What such a server says of each alone is only known when it is asked for each alone.
 * @param count - requests that were sent together
 */
export function isBatchRefusal(count: number, answer: Pick<HttpResponse, 'status' | 'body'>): boolean {
  if (count < 2 || NOT_ABOUT_FORM.has(answer.status)) return false;
  const errors = readRpcErrors(answer.body);
  if (errors === undefined) return FORM_REFUSED.has(answer.status);
  const isOneForAll = errors.length < count;
  return errors.some(
    ({ error }) =>
      /\bbatch/i.test(error.message) ||
      (isOneForAll && (error.code === INVALID_REQUEST || FORM_REFUSED.has(answer.status))),
  );
}

/** The errors of an answer that has nothing else; undefined when it is no JSON-RPC, or has results too. */
export function readRpcErrors(body: Uint8Array): z.infer<typeof rpcErrors> | undefined {
  return rpcErrors.safeParse(parseJson(new TextDecoder().decode(body))).data;
}
