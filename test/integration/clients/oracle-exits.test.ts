import { afterEach, describe, expect, it } from 'vitest';
import { fetchExits, fetchExitsOfAll } from '../../../src/clients/oracle.ts';
import type { Oracle } from '../../../src/domain/protocol/oracle-config.ts';
import { type Handler, startServer, type TestServer } from '../../support/servers/http-server.ts';

const options = { timeoutMs: 2_000 };
const servers: TestServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

async function start(handle: Handler): Promise<TestServer> {
  const server = await startServer(handle);
  servers.push(server);
  return server;
}

const says = (text: string, status = 200) => start(() => ({ status, body: text }));

function oracle(place: number, ...endpoints: string[]): Oracle {
  return { publicKey: new Uint8Array(64), address: `0x${String(place).repeat(40)}`, endpoints };
}

describe('exits that oracles have begun', () => {
  it.each([
    ['', '/exits'],
    ['/', '/exits'],
    ['/oracle-3//', '/oracle-3/exits'],
    ['/oracle-3?key=1', '/oracle-3/exits?key=1'],
  ])('fetchExits asks below the endpoint: %j', async (path, expected) => {
    const server = await says('[{"index":7,"more":"?"},{"index":3},{"index":7}]');
    expect(await fetchExits({}, oracle(1, server.url + path), options)).toEqual(new Set([7n, 3n]));
    expect(server.seen.map(one => `${one.method} ${one.path}`)).toEqual([`GET ${expected}`]);
  });

  it('fetchExits takes the first replica that answers', async () => {
    const [down, good] = await Promise.all([says('', 500), says('[]')]);
    for (let i = 0; i < 5; i++) {
      expect(await fetchExits({}, oracle(1, down.url, good.url), options)).toEqual(new Set());
    }
  });

  it('fetchExits goes past a replica that is silent', async () => {
    const silent = await start(() => undefined);
    const good = await says('[{"index":5}]');
    for (let i = 0; i < 3; i++) {
      expect(await fetchExits({}, oracle(1, silent.url, good.url), { timeoutMs: 600 })).toEqual(
        new Set([5n]),
      );
    }
  });

  it.each([
    ['no list', '{"index":1}'],
    ['an index of text', '[{"index":"1"}]'],
    ['a negative index', '[{"index":-1}]'],
    ['an index that is no whole number', '[{"index":1.5}]'],
    ['an index above what a number holds', '[{"index":9007199254740993}]'],
    ['an entry without an index', '[{"index":1},{}]'],
    ['a page', '<html>'],
    ['nothing', ''],
  ])('fetchExits refuses an answer that has %s', async (_, text) => {
    const server = await says(text);
    await expect(fetchExits({}, oracle(1, server.url), options)).rejects.toMatchObject({
      code: 'invalid-answer',
      exitCode: 1,
    });
  });

  it('fetchExits refuses an answer that is too long to be one', async () => {
    const server = await says(`[${' '.repeat(17 * 1024 * 1024)}]`);
    await expect(fetchExits({}, oracle(1, server.url), options)).rejects.toMatchObject({
      code: 'response-too-large',
    });
  });

  it('fetchExitsOfAll tells what each oracle says, in the order of the configuration, and who says nothing', async () => {
    const [one, two] = await Promise.all([says('[{"index":1}]'), says('[{"index":1},{"index":2}]')]);
    const liar = await says('"all of them"');
    const answers = await fetchExitsOfAll(
      {},
      [oracle(1, one.url), oracle(2, liar.url), oracle(3, two.url), oracle(4, 'http://127.0.0.1:1')],
      options,
    );
    expect(answers.map(({ oracle: address }) => address[2])).toEqual(['1', '2', '3', '4']);
    expect(answers.map(({ exits }) => exits.indexes && [...exits.indexes])).toEqual([
      [1n],
      undefined,
      [1n, 2n],
      undefined,
    ]);
    expect(answers[1]?.exits.error).toMatchObject({ code: 'invalid-answer' });
    expect(answers[3]?.exits.error).toMatchObject({ code: 'unreachable' });
  });

  it('fetchExitsOfAll ends with the signal', async () => {
    const silent = await start(() => undefined);
    const end = new AbortController();
    const answers = fetchExitsOfAll({}, [oracle(1, silent.url)], { ...options, signal: end.signal });
    setTimeout(() => end.abort(new Error('stopped')), 100);
    await expect(answers).rejects.toThrow('stopped');
  });
});
