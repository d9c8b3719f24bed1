import { describe, expect, it } from 'vitest';
import { isSearchRefusal } from '../../../../src/clients/execution/search-refusal.ts';

function request(method: string) {
  return { id: 1, jsonrpc: '2.0', method, params: [] } as const;
}

function answer(status: number, body: string) {
  return { status, body: new TextEncoder().encode(body) };
}

function says(message: string): string {
  return JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code: -32000, message } });
}

const SEARCH = request('eth_getLogs');

describe('isSearchRefusal', () => {
  it.each([400, 403, 404, 405, 413, 422, 429, 500, 501, 503])(
    'isSearchRefusal takes HTTP status %i with a JSON-RPC error for a refusal of the range',
    status => {
      expect(isSearchRefusal(SEARCH, answer(status, says('too wide')))).toBe(true);
      expect(isSearchRefusal([SEARCH, request('eth_call')], answer(status, says('too wide')))).toBe(true);
    },
  );

  it('isSearchRefusal looks at searches only', () => {
    expect(isSearchRefusal(request('eth_call'), answer(403, says('too wide')))).toBe(false);
  });

  it.each<readonly [what: string, status: number, body: string]>([
    ['a wrong key', 401, says('too wide')],
    ['a page', 403, '<html>403 Forbidden</html>'],
    ['nothing', 503, ''],
    ['text that is no JSON', 429, 'Too Many Requests'],
    ['requests that came too fast', 429, says('rate limit exceeded')],
    ['requests that came too fast', 429, says('Too Many Requests')],
    ['requests that came too fast', 429, says('100/second request limit reached')],
    ['units that are used up', 429, says('Your app has exceeded its compute units per second capacity.')],
    ['requests that are used up', 403, says('Monthly capacity limit exceeded.')],
    ['requests that are used up', 429, says('daily request count exceeded, request rate limited')],
  ])('isSearchRefusal leaves %s to what is done about it (status %i, %j)', (_what, status, body) => {
    expect(isSearchRefusal(SEARCH, answer(status, body))).toBe(false);
  });
});
