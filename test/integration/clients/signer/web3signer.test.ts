import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import {
  checkSignerUp,
  listSignerPublicKeys,
  reloadSigner,
} from '../../../../src/clients/signer/web3signer.ts';
import { listenOnLoopback } from '../../../devnet/listen.ts';

interface Exchange {
  readonly name: string;
  readonly request: { readonly method: string; readonly path: string };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  };
}

function readExchanges(file: 'info' | 'reload'): readonly Exchange[] {
  const text = readFileSync(new URL(`../../../vectors/web3signer/${file}.json`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { entries: readonly Exchange[] }).entries;
}

const exchanges = [...readExchanges('info'), ...readExchanges('reload')];

function recorded(name: string): Exchange {
  const found = exchanges.find(exchange => exchange.name === name);
  if (found === undefined) throw new Error(`no recorded exchange ${name}`);
  return found;
}

/** What a recorded signer, or one of another age, answers; by method and path. */
type Script = Readonly<
  Record<string, (request: IncomingMessage) => Pick<Exchange['response'], 'status' | 'body'>>
>;

async function startSigner(
  script: Script,
): Promise<AsyncDisposable & { readonly url: string; readonly seen: readonly string[] }> {
  const seen: string[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const line = `${request.method} ${request.url}`;
    seen.push(line);
    const { status, body } = script[line]?.(request) ?? recorded('GET /config').response;
    response.writeHead(status).end(body);
  });
  const port = await listenOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

/** Answers one after another; the last one stays. */
function oneByOne(...answers: readonly Pick<Exchange['response'], 'status' | 'body'>[]) {
  const left = [...answers];
  return () => {
    const answer = left.length > 1 ? left.shift() : left[0];
    if (answer === undefined) throw new Error('no answer left');
    return answer;
  };
}

const times = { timeoutMs: 1_000, reloadTimeoutMs: 2_000, pollMs: 5 };
const accepted = recorded('POST /reload').response;
const busy = {
  status: 409,
  body: '{"status":"error","message":"A reload operation is already in progress. Please try again later."}',
};
const idle = recorded('GET /reload accept application/json').response;
const running = { status: 200, body: '{"status":"running"}' };
const completed = recorded('2 key added: GET /reload').response;
const completedLater = recorded('13 directory back: GET /reload').response;
const withErrors = recorded('12 directory missing: GET /reload').response;
const absent = recorded('GET /config').response;

describe('upcheck', () => {
  it('checkSignerUp asks for the content type that the signer serves', async () => {
    const script: Script = {
      'GET /upcheck': request => recorded(`GET /upcheck accept ${request.headers.accept}`).response,
    };
    await using signer = await startSigner(script);
    await expect(checkSignerUp({}, { url: `${signer.url}/`, ...times })).resolves.toBeUndefined();
  });

  it('checkSignerUp refuses another server', async () => {
    await using signer = await startSigner({ 'GET /upcheck': () => ({ status: 200, body: '<html>' }) });
    await expect(checkSignerUp({}, { url: signer.url, ...times })).rejects.toMatchObject({
      code: 'invalid-answer',
    });
  });
});

describe('public keys', () => {
  it('listSignerPublicKeys gives the public keys as a set in lower case', async () => {
    const script: Script = {
      'GET /api/v1/eth2/publicKeys': request =>
        recorded(`GET /api/v1/eth2/publicKeys accept ${request.headers.accept}`).response,
    };
    await using signer = await startSigner(script);
    expect(await listSignerPublicKeys({}, { url: signer.url, ...times })).toEqual(
      new Set([
        '0x888cf19858b8433c2d26ab6eb215ef1b526c4c42f47f4efeba0e076f59be8f42fcb4b812a9499313454b0b294a199152',
        '0x989d34725a2bfc3f15105f3f5fc8741f436c25ee1ee4f948e425d6bcb8c56bce6e06c269635b7e985a7ffa639e2409bf',
        '0xa530d1ac082622ff141f6a11bcd6b0ac032fffcc246d60d09d452e653ec32f0d150abad5aaa55491a3eddba0a59ab4ca',
      ]),
    );
  });

  it('listSignerPublicKeys takes public keys without 0x', async () => {
    const body = JSON.stringify(['AB'.repeat(48)]);
    await using signer = await startSigner({ 'GET /api/v1/eth2/publicKeys': () => ({ status: 200, body }) });
    const listed = await listSignerPublicKeys({}, { url: signer.url, ...times });
    expect([...listed]).toEqual([`0x${'ab'.repeat(48)}`]);
  });

  it.each(['{}', '["0x00"]', '[1]', '<html>'])('listSignerPublicKeys refuses the answer %s', async body => {
    await using signer = await startSigner({ 'GET /api/v1/eth2/publicKeys': () => ({ status: 200, body }) });
    const listed = listSignerPublicKeys({}, { url: signer.url, ...times });
    await expect(listed).rejects.toMatchObject({ code: 'invalid-answer', exitCode: 1 });
  });

  it('listSignerPublicKeys says what to change when the signer refuses', async () => {
    const script: Script = {
      'GET /api/v1/eth2/publicKeys': () => recorded('GET /api/v1/eth2/publicKeys host evil.example').response,
    };
    await using signer = await startSigner(script);
    await expect(listSignerPublicKeys({}, { url: signer.url, ...times })).rejects.toMatchObject({
      message: `${signer.url} answered /api/v1/eth2/publicKeys with HTTP status 403.`,
      hint: expect.stringContaining('http-host-allowlist'),
    });
  });
});

describe('reload', () => {
  function startReloading(get: Script[string], post: Script[string]) {
    return startSigner({ 'GET /reload': get, 'POST /reload': post });
  }

  it('reloadSigner waits for the end of the reload', async () => {
    await using signer = await startReloading(oneByOne(idle, running, running, completed), () => accepted);
    expect(await reloadSigner({}, { url: signer.url, ...times })).toEqual({
      status: 'completed',
      lastError: undefined,
    });
  });

  it('reloadSigner is not taken in by the end of an earlier reload', async () => {
    const get = oneByOne(completed, completed, running, completedLater);
    await using signer = await startReloading(get, () => accepted);
    await reloadSigner({}, { url: signer.url, ...times });
    expect(signer.seen.filter(line => line === 'GET /reload')).toHaveLength(4);
  });

  it('reloadSigner says when keys failed to load', async () => {
    await using signer = await startReloading(oneByOne(completed, withErrors), () => accepted);
    expect(await reloadSigner({}, { url: signer.url, ...times })).toEqual({
      status: 'completed_with_errors',
      lastError: 'Reload completed with 1 signer loading error(s)',
    });
  });

  it('reloadSigner waits while another reload runs, and then starts its own', async () => {
    const get = oneByOne(running, running, completed, running, completedLater);
    await using signer = await startReloading(get, oneByOne(busy, busy, accepted));
    expect(await reloadSigner({}, { url: signer.url, ...times })).toMatchObject({ status: 'completed' });
    expect(signer.seen.filter(line => line === 'POST /reload')).toHaveLength(3);
  });

  it('reloadSigner takes the word of a signer that cannot be asked about its reload', async () => {
    for (const status of [404, 405]) {
      await using signer = await startReloading(
        () => ({ ...absent, status }),
        () => ({ status: 200, body: '' }),
      );
      expect(await reloadSigner({}, { url: signer.url, ...times })).toMatchObject({ status: 'completed' });
    }
  });

  it('reloadSigner does not wait for ever', async () => {
    await using signer = await startReloading(
      () => running,
      () => accepted,
    );
    const reload = reloadSigner({}, { url: signer.url, ...times, reloadTimeoutMs: 100 });
    await expect(reload).rejects.toMatchObject({
      code: 'reload-timeout',
      message: `${signer.url} has not finished its reload within 0.1 s.`,
    });
  });

  it('reloadSigner fails where there is no signer', async () => {
    await using signer = await startSigner({});
    await expect(reloadSigner({}, { url: signer.url, ...times })).rejects.toMatchObject({
      code: 'web3signer-refused',
      message: `${signer.url} answered /reload with HTTP status 404.`,
    });
  });
});
