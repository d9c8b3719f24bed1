import { describe, expect, it } from 'vitest';
import { isBatchRefusal } from '../../../../src/clients/execution/batch-refusal.ts';

const ERROR = '{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"header not found"}}';
const RESULT = '{"jsonrpc":"2.0","id":2,"result":"0x1"}';
const NO_BATCH = '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Not supported"}}';

function answer(status: number, body: string) {
  return { status, body: new TextEncoder().encode(body) };
}

describe('isBatchRefusal', () => {
  it.each([
    ['a page with status 405', 405, '<html>405 Not Allowed</html>'],
    ['a page with status 413', 413, '<html>413 Request Entity Too Large</html>'],
    ['nothing with status 501', 501, ''],
    ['one invalid request for all', 200, NO_BATCH],
    ['one invalid request for all, in a list', 200, `[${NO_BATCH}]`],
    ['any one error for all with status 400', 400, ERROR],
    [
      'words about the batch, whatever the status and the code',
      500,
      '{"error":{"code":31,"message":"Batch of more than 3 requests are not allowed"}}',
    ],
  ])('isBatchRefusal is true of %s, for several requests and not for one', (_what, status, body) => {
    expect(isBatchRefusal(2, answer(status, body))).toBe(true);
    expect(isBatchRefusal(1, answer(status, body))).toBe(false);
  });

  it.each([
    ['results', 200, `[${RESULT},${RESULT}]`],
    ['a result and an error', 200, `[${RESULT},${ERROR}]`],
    ['an error for each', 200, `[${ERROR},${ERROR}]`],
    ['an error for each with status 400', 400, `[${ERROR},${ERROR}]`],
    ['one error for all that says nothing of it', 200, ERROR],
    ['too many requests', 429, '{"error":{"code":-32005,"message":"batch limit"}}'],
    ['a page that wants a key', 401, '<html>401 Unauthorized</html>'],
    ['a page of a server that is down', 502, '<html>502 Bad Gateway</html>'],
    ['a page with status 200', 200, '<html>Welcome</html>'],
    ['an empty list', 200, '[]'],
  ])('isBatchRefusal is false of %s', (_what, status, body) => {
    expect(isBatchRefusal(2, answer(status, body))).toBe(false);
  });
});
