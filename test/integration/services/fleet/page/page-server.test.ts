import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Observation } from '../../../../../src/domain/fleet/observation/observation.ts';
import { MOST_VIEWERS } from '../../../../../src/services/fleet/page/live-viewers.ts';
import {
  type PageServer,
  type PageServerOptions,
  startPageServer,
} from '../../../../../src/services/fleet/page/page-server.ts';
import { burningPage, healthyPage } from '../../../../support/scenes/fleet-pages.ts';
import { waitUntil } from '../../../../support/wait-until.ts';

let resources = new AsyncDisposableStack();
afterEach(async () => {
  await resources.disposeAsync();
  resources = new AsyncDisposableStack();
});

const LONG_MS = 3_600_000;

async function startPage(options: Partial<PageServerOptions> = {}): Promise<PageServer> {
  return resources.use(
    await startPageServer({
      host: '127.0.0.1',
      port: 0,
      hosts: [],
      observe: async () => healthyPage().observation,
      intervalMs: LONG_MS,
      onFault: error => {
        throw error;
      },
      ...options,
    }),
  );
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Asks as a browser does, by whatever name. */
function ask(
  page: PageServer,
  path: string,
  options: { readonly method?: string; readonly headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  request(new URL(path, page.url), options, response => {
    let body = '';
    response.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
  })
    .on('error', reject)
    .end();
  return promise;
}

/** An open page: what it was sent, until it is closed. */
function follow(page: PageServer) {
  const seen = { text: '', status: 0, isEnded: false };
  const asked = request(new URL('/events', page.url), response => {
    seen.status = response.statusCode ?? 0;
    response.setEncoding('utf8').on('data', (text: string) => {
      seen.text += text;
    });
    response.on('error', () => undefined);
    response.on('close', () => {
      seen.isEnded = true;
    });
  });
  asked.on('error', () => undefined).end();
  resources.defer(() => void asked.destroy());
  return { seen, close: () => asked.destroy() };
}

const mainsOf = (text: string) => text.split('event: main\n').length - 1;

describe('the status page’s server', () => {
  it('the page has a policy that lets nothing in but what the server itself has', async () => {
    const page = await startPage();
    const { status, headers, body } = await ask(page, '/');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['x-content-type-options']).toBe('nosniff');
    // Neither scripts nor styles within the page, nothing to press, and no address of others.
    expect(body).not.toMatch(/<script(?! src="\/page\.js" defer><\/script>)|<style|\sstyle=|\son[a-z]+=/);
    expect(body).not.toMatch(/<(form|button|input|iframe|object|embed|a)[\s>]/);
    expect(body).not.toMatch(/(?:src|href)="(?!\/)/);
  });

  it.each([
    ['/page.css', 'text/css; charset=utf-8'],
    ['/page.js', 'text/javascript; charset=utf-8'],
    ['/icon.svg', 'image/svg+xml'],
  ])('%s is a file of the server itself', async (path, type) => {
    const page = await startPage();
    const { status, headers, body } = await ask(page, path);
    expect(status).toBe(200);
    expect(headers['content-type']).toBe(type);
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(body.length).toBeGreaterThan(100);
  });

  it.each(['/nothing', '/../package.json', '/page.css/', '/%2e%2e/package.json'])(
    '%s is not found',
    async path => {
      const page = await startPage();
      const { status } = await raw(page, `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      expect(status).toBe(404);
    },
  );

  it.each(['localhost', 'LOCALHOST:9102', '127.0.0.1:1', '[::1]:9102', '192.168.1.7:9102'])(
    'Host %s is answered',
    async host => {
      const page = await startPage();
      expect((await ask(page, '/', { headers: { host } })).status).toBe(200);
    },
  );

  it.each(['evil.example', 'localhost.evil.example', '127.0.0.1.nip.io', 'fleet.internal'])(
    'Host %s, which may have been turned towards this machine, gets nothing on any path',
    async host => {
      let looks = 0;
      const page = await startPage({
        observe: async () => {
          looks++;
          return healthyPage().observation;
        },
      });
      for (const path of ['/', '/events', '/page.js', '/page.css']) {
        const { status, body } = await ask(page, path, { headers: { host } });
        expect(status).toBe(403);
        expect(body).not.toContain('0x');
      }
      expect(looks).toBe(0);
    },
  );

  it('a name that was allowed is answered, and with * every name', async () => {
    const named = await startPage({ hosts: ['Fleet.Internal'] });
    expect((await ask(named, '/', { headers: { host: 'fleet.internal:80' } })).status).toBe(200);
    expect((await ask(named, '/', { headers: { host: 'other.internal' } })).status).toBe(403);
    const open = await startPage({ hosts: ['*'] });
    expect((await ask(open, '/', { headers: { host: 'other.internal' } })).status).toBe(200);
  });

  it('two Host headers are refused', async () => {
    const page = await startPage();
    const { status } = await raw(page, 'GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n');
    expect(status).toBe(400);
  });

  it('a page of another site gets nothing, and a link to it may be followed', async () => {
    const page = await startPage();
    const from = (site: string, mode: string) =>
      ask(page, '/', { headers: { 'sec-fetch-site': site, 'sec-fetch-mode': mode } });
    expect((await from('cross-site', 'no-cors')).status).toBe(403);
    expect((await from('same-site', 'cors')).status).toBe(403);
    expect((await from('cross-site', 'navigate')).status).toBe(200);
    expect((await from('same-origin', 'cors')).status).toBe(200);
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s is refused on every path', async method => {
    const page = await startPage();
    for (const path of ['/', '/events', '/page.js']) {
      const { status, headers } = await ask(page, path, { method });
      expect(status).toBe(405);
      expect(headers.allow).toBe('GET, HEAD');
    }
  });

  it('HEAD has the headers of GET and no body, and is no open page', async () => {
    const page = await startPage();
    const get = await ask(page, '/');
    const head = await ask(page, '/', { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(head.body).toBe('');
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
    expect((await ask(page, '/events', { method: 'HEAD' })).status).toBe(200);
  });

  it('however many ask, the fleet is looked at once at a time', async () => {
    let running = 0;
    let most = 0;
    let looks = 0;
    const page = await startPage({
      intervalMs: 5,
      observe: async () => {
        looks++;
        most = Math.max(most, ++running);
        await new Promise(resolve => setImmediate(() => setImmediate(resolve)));
        running--;
        return healthyPage().observation;
      },
    });
    const viewers = [1, 2, 3].map(() => follow(page));
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(page, '/')));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    await waitUntil('several looks', () => looks > 5);
    expect(most).toBe(1);
    for (const { seen } of viewers) await waitUntil('the main part', () => mainsOf(seen.text) > 0);
  });

  it('an open page is sent its changing part once, and again when it has changed', async () => {
    let observation: Observation = healthyPage().observation;
    const page = await startPage({ intervalMs: 10, observe: async () => observation });
    const { seen } = follow(page);
    await waitUntil('several looks', () => seen.text.split('event: seen').length > 4);
    expect(mainsOf(seen.text)).toBe(1);
    expect(seen.text).toMatch(/^retry: \d+\n\n/);
    observation = burningPage().observation;
    await waitUntil('the change', () => mainsOf(seen.text) === 2);
    expect(seen.text.split('event: main\n').at(-1)).toContain('differences to be mended');
  });

  it('nobody looks at the fleet when no page is open', async () => {
    let looks = 0;
    const page = await startPage({
      intervalMs: 5,
      observe: async () => {
        looks++;
        return healthyPage().observation;
      },
    });
    const { seen, close } = follow(page);
    await waitUntil('several looks', () => looks > 3);
    close();
    await waitUntil('the end of the page', () => seen.isEnded);
    // Every look that was under way has ended when the server answers something else, several turns later.
    for (let turn = 0; turn < 5; turn++) await ask(page, '/page.css');
    const before = looks;
    for (let turn = 0; turn < 50; turn++) await ask(page, '/page.css');
    expect(looks).toBe(before);
  });

  it('no more pages are kept up to date than are allowed, and the place of a closed one is free again', async () => {
    const page = await startPage();
    const viewers = Array.from({ length: MOST_VIEWERS }, () => follow(page));
    for (const { seen } of viewers) await waitUntil('an open page', () => seen.text.includes('event: main'));
    const further = await ask(page, '/events');
    expect(further.status).toBe(503);
    expect(further.headers['retry-after']).toBe('30');
    expect((await ask(page, '/')).status).toBe(200);
    viewers[0]?.close();
    await waitUntil('a free place', async () => {
      const next = follow(page);
      await waitUntil('an answer', () => next.seen.status !== 0);
      return next.seen.status === 200;
    });
  });

  it('a look that fails is told to the program and not to the browser', async () => {
    const faults: unknown[] = [];
    const page = await startPage({
      observe: async () => {
        throw new Error('planted-secret-0x01');
      },
      onFault: error => faults.push(error),
    });
    const { status, body } = await ask(page, '/');
    expect(status).toBe(503);
    expect(body).toContain('could not be looked at');
    expect(body).not.toContain('planted');
    expect(faults).toMatchObject([{ message: 'planted-secret-0x01' }]);
  });

  it('a stop ends open pages and the server', async () => {
    const page = await startPage();
    const { seen } = follow(page);
    await waitUntil('an open page', () => seen.text.includes('event: main'));
    await page[Symbol.asyncDispose]();
    await waitUntil('its end', () => seen.isEnded);
    await expect(ask(page, '/')).rejects.toThrow('ECONNREFUSED');
  });

  it('a port that is in use is named with the options', async () => {
    const page = await startPage();
    const port = Number(new URL(page.url).port);
    await expect(startPage({ port })).rejects.toMatchObject({
      code: 'port-in-use',
      message: `The status port ${port} of 127.0.0.1 is in use.`,
      hint: 'Choose another --status-port or --status-host.',
    });
  });
});

/** Sends a request as it stands: clients do not send what these tests are about. */
function raw(page: PageServer, text: string): Promise<{ readonly status: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ readonly status: number }>();
  const { hostname, port } = new URL(page.url);
  const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(text));
  let answer = '';
  socket.setEncoding('utf8').on('data', (data: string) => {
    answer += data;
    const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(answer) ?? [];
    if (status === undefined) return;
    socket.destroy();
    resolve({ status: Number(status) });
  });
  socket.on('error', reject);
  return promise;
}
