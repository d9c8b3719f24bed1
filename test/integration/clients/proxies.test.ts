import { describe, expect, it } from 'vitest';
import { readHashiVaultKeys } from '../../../src/clients/hashi-vault.ts';
import { bodyText, requestHttp } from '../../../src/clients/http.ts';
import { fetchIpfsDocument } from '../../../src/clients/ipfs/ipfs.ts';
import { openProxies, type Proxies } from '../../../src/clients/proxies.ts';
import { startIpfsGateway } from '../../devnet/ipfs-gateway.ts';
import { type ForwardProxy, startForwardProxy } from '../../support/servers/forward-proxy.ts';
import { startVaultServer } from '../../support/servers/hashi-vault-server.ts';
import { startServer } from '../../support/servers/http-server.ts';

const CREDENTIALS = { user: 'operator', password: 'p%41:ss@' };

function portOf(url: string): number {
  return Number(new URL(url).port);
}

function open(proxy: Pick<ForwardProxy, 'url'>, except?: string): { proxies: Proxies; lines: string[] } {
  const lines: string[] = [];
  const proxies = openProxies({ http: proxy.url, https: proxy.url, except }, line => lines.push(line));
  if (proxies === undefined) throw new Error('no proxy');
  return { proxies, lines };
}

function ask(proxies: Proxies, url: string) {
  return requestHttp({ proxies }, { url, timeoutMs: 5_000, retries: 0 });
}

describe('a forward proxy', () => {
  it('a server with http is asked through it by its whole URL, with the proxy’s credentials and its own', async () => {
    await using server = await startServer(({ headers }) => ({ body: String(headers.authorization) }));
    const names = { 'node.test': portOf(server.url) };
    await using proxy = await startForwardProxy({ names, credentials: CREDENTIALS });
    const { proxies, lines } = open(proxy);
    const answer = await ask(proxies, 'http://user:pass@node.test:8545/v1/key?a=b');
    expect(bodyText(answer)).toBe(`Basic ${Buffer.from('user:pass').toString('base64')}`);
    expect(proxy.asked).toEqual(['GET http://node.test:8545/v1/key?a=b']);
    expect(server.seen.map(({ headers }) => headers['proxy-authorization'] ?? '')).not.toContain(server.url);
    expect(lines).toEqual([
      `Through a proxy, as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say: ${proxy.origin} to http://node.test:8545.`,
    ]);
  });

  it('a server with https is asked through a tunnel, of which the proxy sees the name alone', async () => {
    await using proxy = await startForwardProxy({ names: {}, credentials: CREDENTIALS });
    const { proxies } = open(proxy);
    await expect(ask(proxies, 'https://oracle.test/v1/key')).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(
        new RegExp(`^https://oracle\\.test cannot be reached through the proxy ${proxy.origin}: .*502`),
      ),
      hint: expect.stringContaining('NO_PROXY'),
    });
    expect(proxy.asked).toEqual(['CONNECT oracle.test:443']);
  });

  it.each(['http://node.test', 'https://node.test'])(
    'a proxy that wants credentials is told of as such: %s',
    async url => {
      await using proxy = await startForwardProxy({ names: {}, credentials: CREDENTIALS });
      const { proxies } = open({ url: proxy.url.replace(/\/\/.*@/, '//operator:secret@') });
      const error = await ask(proxies, url).catch(thrown => thrown);
      expect(error).toMatchObject({
        code: 'unreachable',
        message: expect.stringContaining(`${url} cannot be reached through the proxy ${proxy.origin}: `),
        hint: expect.stringContaining('The proxy wants credentials'),
      });
      expect(`${error.stack}${JSON.stringify(error)}`).not.toContain('secret');
    },
  );

  it('a proxy that is down is named, without its credentials', async () => {
    const { proxies } = open({ url: 'http://operator:secret@127.0.0.1:1' });
    const error = await ask(proxies, 'http://node.test').catch(thrown => thrown);
    expect(error.message).toMatch(
      /^http:\/\/node\.test cannot be reached through the proxy http:\/\/127\.0\.0\.1:1: /,
    );
    expect(`${error.stack}${JSON.stringify(error)}`).not.toContain('secret');
  });

  it('this machine and what NO_PROXY names are asked directly', async () => {
    await using server = await startServer(() => ({ body: 'direct' }));
    await using proxy = await startForwardProxy({ names: {} });
    const { proxies, lines } = open(proxy, 'node.test');
    expect(bodyText(await ask(proxies, server.url))).toBe('direct');
    expect(bodyText(await ask(proxies, server.url.replace('127.0.0.1', 'localhost')))).toBe('direct');
    await expect(ask(proxies, 'http://node.test:1')).rejects.toThrow(
      /^http:\/\/node\.test:1 cannot be reached: /,
    );
    expect({ asked: proxy.asked, lines }).toEqual({ asked: [], lines: [] });
  });

  it('openProxies says in one line which servers it leads to, each once', () => {
    const lines: string[] = [];
    const settings = { http: 'http://u:secret@a:3128', https: 'b:3129', except: '.inside' };
    const proxies = openProxies(settings, line => lines.push(line));
    proxies?.tell(['http://node/key', 'https://one', 'https://two', 'http://x.inside', 'http://127.0.0.1:1']);
    proxies?.tell(['https://one', 'http://node']);
    expect(lines).toEqual([
      'Through a proxy, as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say: http://a:3128 to http://node; http://b:3129 to https://one, https://two.',
    ]);
  });
});

describe('behind a forward proxy', () => {
  const document = new TextEncoder().encode('{"oracles":[],"threshold":8}');

  it('an IPFS gateway is asked through it, and proven', async () => {
    const gateway = await startIpfsGateway();
    const cid = await gateway.add(document);
    await using proxy = await startForwardProxy({ names: { 'gateway.test': portOf(gateway.url) } });
    const { proxies } = open(proxy);
    const gateways = ['http://gateway.test'];
    const fetched = await fetchIpfsDocument({ proxies }, cid, { gateways, timeoutMs: 5_000 });
    expect(Buffer.compare(fetched, document)).toBe(0);
    expect(proxy.asked.length).toBeGreaterThan(0);
    await gateway.stop();
  });

  it.each([
    'http://10.0.0.1/',
    'http://169.254.169.254/latest/meta-data',
    'http://localhost:1/',
    'http://[::1]:1/',
  ])('a public gateway may not lead to the inside: %s', async location => {
    await using gateway = await startServer(() => ({ status: 302, headers: { location } }));
    await using proxy = await startForwardProxy({ names: { 'gateway.test': portOf(gateway.url) } });
    const { proxies } = open(proxy);
    const cid = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy';
    await expect(
      fetchIpfsDocument({ proxies }, cid, { gateways: ['http://gateway.test'], timeoutMs: 5_000 }),
    ).rejects.toThrow(/is no address of the public internet/);
    expect(proxy.asked.every(asked => asked.startsWith('GET http://gateway.test/'))).toBe(true);
  });

  it('HashiCorp Vault is asked directly', async () => {
    await using server = await startVaultServer({ 'secret/data/keys': [['kv2', 'read-0x']] });
    await using proxy = await startForwardProxy({ names: {} });
    const { proxies } = open(proxy);
    const keys = await readHashiVaultKeys(
      { proxies },
      {
        url: server.url,
        token: 't',
        mount: 'secret',
        keyPaths: ['keys'],
        keyPrefixes: [],
        parallelism: 1,
        timeoutMs: 2_000,
        retryTimeoutMs: 0,
      },
    );
    expect(keys).toHaveLength(3);
    expect(proxy.asked).toEqual([]);
  });
});
