import type { ExternalError } from '../../lib/errors.ts';
import { type HttpResponse, HttpStatusError } from '../http.ts';
import { readRpcErrors } from './batch-refusal.ts';
import type { RpcPayload } from './rpc-answers.ts';

/** What gateways say of a server behind them that has not answered in time; 524 is Cloudflare's. */
const GATEWAY_TIMEOUTS: ReadonlySet<number> = new Set([504, 524]);
const CONTENT_TOO_LARGE = 413;
/** Says who asks, not what is asked. */
const UNAUTHORIZED = 401;
/** Words of a service of which requests are used up, or came too fast: to ask for less would take more of them. */
const USED_UP =
  /rate.?limit|too many requests|per.?(?:second|sec|day|month)\b|\/sec\b|request count|request limit|compute units|capacity|credits|quota|throughput|billing|unauthori[sz]ed|api.?key/i;

/** Whether logs are searched for, which nodes limit in their own ways. */
export function isSearch(payload: RpcPayload): boolean {
  return [payload].flat().some(({ method }) => method === 'eth_getLogs');
}

/**
 * Whether an answer with an HTTP status of an error refuses a search of logs because it asks for too much: there are services
 * for each of 403, 413, 429, 500 and 503 that do so, and say it by a JSON-RPC error in the body. What else such a status says
 * (that requests are used up, that the server is down) is no answer to the search.
 */
export function isSearchRefusal(
  payload: RpcPayload,
  { status, body }: Pick<HttpResponse, 'status' | 'body'>,
): boolean {
  if (!isSearch(payload) || status === UNAUTHORIZED) return false;
  const errors = readRpcErrors(body);
  return errors !== undefined && !errors.some(({ error }) => USED_UP.test(error.message));
}

/** Whether a request took longer than it may, by this program's clock or by that of a gateway. */
export function isTooLong(error: ExternalError): boolean {
  return error.code === 'timeout' || (error instanceof HttpStatusError && GATEWAY_TIMEOUTS.has(error.status));
}

/** Whether an answer is longer than it may be, by this program's measure or by that of a proxy. */
export function isTooMuch(error: ExternalError): boolean {
  return (
    error.code === 'response-too-large' ||
    (error instanceof HttpStatusError && error.status === CONTENT_TOO_LARGE)
  );
}
