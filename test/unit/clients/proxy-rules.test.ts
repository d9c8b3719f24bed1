import { describe, expect, it } from 'vitest';
import { readProxyRules } from '../../../src/clients/proxy-rules.ts';

const PROXIES = { http: 'http://proxy:3128', https: 'http://secure-proxy:3129' };
const HTTP = 'http://proxy:3128';
const HTTPS = 'http://secure-proxy:3129';

function ways(except: string, servers: readonly string[]): (string | undefined)[] {
  const rules = readProxyRules({ ...PROXIES, except });
  return servers.map(server => rules?.(new URL(server))?.origin);
}

describe('readProxyRules', () => {
  it('readProxyRules leads each scheme through its own proxy, and one without a proxy directly', () => {
    expect(ways('', ['http://node:8545', 'https://node'])).toEqual([HTTP, HTTPS]);
    const rules = readProxyRules({ http: PROXIES.http });
    expect(rules?.(new URL('https://node'))).toBeUndefined();
    expect(readProxyRules({})).toBeUndefined();
    expect(readProxyRules({ except: '*' })).toBeUndefined();
  });

  it.each([
    'http://localhost:8545',
    'http://LOCALHOST.',
    'http://node.localhost',
    'http://127.0.0.1:8545',
    'http://127.8.9.1',
    'http://[::1]:8545',
    'http://[::ffff:127.0.0.1]',
    'http://0.0.0.0:8545',
    'https://[::]',
  ])('readProxyRules leads to this machine directly: %s', server => {
    expect(ways('', [server])).toEqual([undefined]);
  });

  it.each<readonly [except: string, direct: readonly string[], proxied: readonly string[]]>([
    ['*', ['http://node', 'https://1.2.3.4'], []],
    [
      'node',
      ['http://node:8545', 'http://a.node', 'https://NODE.'],
      ['http://othernode', 'http://node.other'],
    ],
    ['.example.com', ['http://example.com', 'https://a.b.example.com'], ['http://badexample.com']],
    ['*.example.com', ['http://a.example.com'], ['http://example.com']],
    ['node:8545', ['http://node:8545'], ['http://node:8546', 'http://node']],
    ['node:443', ['https://node'], ['http://node']],
    ['10.1.2.3', ['http://10.1.2.3:8545'], ['http://10.1.2.4']],
    ['10.0.0.0/8,fd00::/8', ['http://10.200.0.1', 'https://[fd12::1]:5052'], ['http://11.0.0.1']],
    ['[fd00::1]:5052 , a b', ['http://[fd00::1]:5052', 'http://a', 'http://b'], ['http://[fd00::1]:5053']],
    ['2001:db8::1', ['http://[2001:db8::1]'], ['http://[2001:db8::2]']],
    ['10.0.0.0/99,10.0.0.0/x,,', [], ['http://10.0.0.1']],
  ])('readProxyRules takes %j from the proxies', (except, direct, proxied) => {
    expect(ways(except, direct)).toEqual(direct.map(() => undefined));
    expect(ways(except, proxied)).toEqual(
      proxied.map(server => (server.startsWith('https:') ? HTTPS : HTTP)),
    );
  });

  it('readProxyRules takes a proxy without a scheme for one with http', () => {
    const rules = readProxyRules({ http: ' user:p%ss@proxy:3128 ' });
    expect(rules?.(new URL('http://node'))?.origin).toBe('http://proxy:3128');
  });

  it.each(['socks5://user:secret@proxy:1080', 'ftp://proxy', 'http://', 'http://a b'])(
    'readProxyRules refuses %s, and does not repeat it',
    https => {
      expect(() => readProxyRules({ https })).toThrow(
        /^HTTPS_PROXY is not an http or https URL of a proxy\.$/,
      );
    },
  );
});
