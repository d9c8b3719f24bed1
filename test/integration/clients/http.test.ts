import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { bodyJson, bodyText, HttpStatusError, requestHttp } from '../../../src/clients/http.ts';
import { listenOnLoopback } from '../../devnet/listen.ts';

async function serve(listener: RequestListener): Promise<AsyncDisposable & { readonly host: string }> {
  const server = createServer(listener);
  const port = await listenOnLoopback(server);
  return {
    host: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

/** Answers with these statuses one after another, then with 200. */
function statuses(...codes: readonly number[]) {
  const left = [...codes];
  const seen: string[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    seen.push(request.method ?? '');
    response.writeHead(left.shift() ?? 200).end('done');
  };
  return { listener, seen };
}

describe('requestHttp', () => {
  it('requestHttp returns status, headers and body', async () => {
    await using server = await serve((_, response) =>
      response.writeHead(201, { 'x-is': 'here' }).end('{"a":1}'),
    );
    const response = await requestHttp({}, { url: `http://${server.host}/x`, timeoutMs: 1_000 });
    expect(response).toMatchObject({ status: 201, headers: { 'x-is': 'here' } });
    expect(bodyJson(response, `http://${server.host}`)).toEqual({ a: 1 });
  });

  it('requestHttp repeats a GET that may succeed later, but neither a POST nor a refused GET', async () => {
    const flaky = statuses(503, 502);
    await using server = await serve(flaky.listener);
    const url = `http://${server.host}/`;
    expect(bodyText(await requestHttp({}, { url, timeoutMs: 1_000 }))).toBe('done');
    expect(flaky.seen).toEqual(['GET', 'GET', 'GET']);

    const posted = statuses(503);
    await using postServer = await serve(posted.listener);
    const post = requestHttp(
      {},
      { url: `http://${postServer.host}/`, method: 'POST', body: 'x', timeoutMs: 1_000 },
    );
    await expect(post).rejects.toMatchObject({ code: 'http-status', status: 503, retryable: true });
    expect(posted.seen).toEqual(['POST']);

    const refusing = statuses(404);
    await using refusingServer = await serve(refusing.listener);
    const get = requestHttp({}, { url: `http://${refusingServer.host}/`, timeoutMs: 1_000 });
    await expect(get).rejects.toBeInstanceOf(HttpStatusError);
    expect(refusing.seen).toEqual(['GET']);
  });

  it('requestHttp sends the credentials of a URL, and shows neither them nor path and query', async () => {
    const seen: (string | undefined)[] = [];
    await using server = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(403).end();
    });
    const url = `http://user:p%40ss@${server.host}/v3/apikey?token=secret`;
    const failure = await requestHttp({}, { url, timeoutMs: 1_000 }).catch((error: unknown) => error);
    expect(seen).toEqual([`Basic ${Buffer.from('user:p@ss').toString('base64')}`]);
    expect(failure).toMatchObject({
      message: `http://${server.host} answered with HTTP status 403.`,
      exitCode: 1,
    });
  });

  it.each([
    ['user:50%off', 'user:50%off'],
    ['user:100%', 'user:100%'],
    ['us%er:%zz%40', 'us%er:%zz@'],
    ['user:%ff', 'user:%ff'],
    ['K%C3%A4se:p%25', 'Käse:p%'],
  ])(
    'requestHttp sends the credentials %s as %s: a percent sign that is no escape stands for itself',
    async (typed, sent) => {
      const seen: (string | undefined)[] = [];
      await using server = await serve((request, response) => {
        seen.push(request.headers.authorization);
        response.end();
      });
      await requestHttp({}, { url: `http://${typed}@${server.host}/`, timeoutMs: 1_000 });
      expect(seen).toEqual([`Basic ${Buffer.from(sent).toString('base64')}`]);
    },
  );

  it('requestHttp bounds the time of an answer, also of a body that stalls', async () => {
    await using silent = await serve(() => undefined);
    const request = { timeoutMs: 100, retries: 0 };
    const failure = { code: 'timeout', retryable: true };
    await expect(requestHttp({}, { url: `http://${silent.host}/`, ...request })).rejects.toMatchObject({
      ...failure,
      message: `http://${silent.host} did not answer within 0.1 s.`,
    });
    await using stalling = await serve((_, response) => void response.writeHead(200).write('half'));
    await expect(requestHttp({}, { url: `http://${stalling.host}/`, ...request })).rejects.toMatchObject(
      failure,
    );
  });

  it('requestHttp bounds the size of an answer before the body is all there', async () => {
    await using endless = await serve((_, response) => {
      const timer = setInterval(() => response.write(Buffer.alloc(1_000)), 1);
      response.on('close', () => clearInterval(timer));
    });
    const request = requestHttp({}, { url: `http://${endless.host}/`, timeoutMs: 5_000, maxBytes: 10_000 });
    await expect(request).rejects.toMatchObject({
      code: 'response-too-large',
      retryable: false,
      message: `http://${endless.host} answered with more than 10000 bytes.`,
    });
  });

  it('requestHttp says why a server cannot be reached', async () => {
    const request = requestHttp({}, { url: 'http://127.0.0.1:1/x?key=secret', timeoutMs: 1_000, retries: 0 });
    await expect(request).rejects.toMatchObject({
      code: 'unreachable',
      retryable: true,
      message: 'http://127.0.0.1:1 cannot be reached: connect ECONNREFUSED 127.0.0.1:1.',
    });
  });

  it('requestHttp follows redirects only when told to', async () => {
    await using server = await serve((request, response) => {
      if (request.url === '/there') response.end('found');
      else response.writeHead(301, { location: '/there' }).end();
    });
    const url = `http://${server.host}/`;
    expect(bodyText(await requestHttp({}, { url, timeoutMs: 1_000, maxRedirects: 3 }))).toBe('found');
    await expect(requestHttp({}, { url, timeoutMs: 1_000 })).rejects.toMatchObject({ status: 301 });
  });

  it('requestHttp ends with the reason of the caller’s signal', async () => {
    await using silent = await serve(() => undefined);
    const stopped = new Error('stopped');
    const controller = new AbortController();
    setTimeout(() => controller.abort(stopped), 20);
    const request = { url: `http://${silent.host}/`, timeoutMs: 5_000, signal: controller.signal };
    await expect(requestHttp({}, request)).rejects.toBe(stopped);
  });

  it('bodyJson names the server that did not answer with JSON', async () => {
    await using server = await serve((_, response) => response.end('<html>'));
    const response = await requestHttp({}, { url: `http://${server.host}/`, timeoutMs: 1_000 });
    expect(() => bodyJson(response, `http://${server.host}/secret`)).toThrow(
      `http://${server.host} did not answer with JSON.`,
    );
  });
});
