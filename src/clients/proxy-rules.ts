import { BlockList, isIP } from 'node:net';
import { UsageError } from '../lib/errors.ts';
import { isLoopback } from '../lib/loopback.ts';

/** What the environment says of forward proxies; plain data. */
export interface ProxySettings {
  /** `HTTP_PROXY`: for servers with http. */
  readonly http?: string | undefined;
  /** `HTTPS_PROXY`: for servers with https. */
  readonly https?: string | undefined;
  /** `NO_PROXY`: names and addresses that are reached directly. */
  readonly except?: string | undefined;
}

/** Which proxy leads to a server. @returns undefined where it is reached directly */
export type ProxyRules = (server: URL) => URL | undefined;

type Exception = (server: { readonly host: string; readonly port: string }) => boolean;

/**
 * Reads the rules as curl, Go and Python do: a proxy for each scheme, and a list of exceptions, separated by commas or blanks:
 * `*`, a name (with all that end in it), an address, a block of addresses (10.0.0.0/8), each also with a port. This machine
 * is never reached through a proxy.
 * @returns undefined where no proxy is set
 * @throws UsageError 'invalid-proxy'
 */
export function readProxyRules({ http, https, except = '' }: ProxySettings): ProxyRules | undefined {
  if (http === undefined && https === undefined) return undefined;
  const proxies = new Map([
    ['http:', http === undefined ? undefined : readProxy('HTTP_PROXY', http)],
    ['https:', https === undefined ? undefined : readProxy('HTTPS_PROXY', https)],
  ]);
  const exceptions = except
    .split(/[,\s]+/)
    .filter(entry => entry !== '')
    .map(readException);
  return server => {
    const host = bareHost(server.hostname);
    if (isOwn(host)) return undefined;
    const place = { host, port: server.port || (server.protocol === 'https:' ? '443' : '80') };
    return exceptions.some(excepts => excepts(place)) ? undefined : proxies.get(server.protocol);
  };
}

/** A scheme may be left out, and is http then. */
function readProxy(variable: string, text: string): URL {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text.trim()) ? text.trim() : `http://${text.trim()}`;
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return new URL(url);
  throw new UsageError('invalid-proxy', `${variable} is not an http or https URL of a proxy.`, {
    hint: 'Write it as in http://proxy.example:3128, or unset it.',
  });
}

function readException(entry: string): Exception {
  if (entry === '*') return () => true;
  const [, name = entry, onlyPort] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry) ?? [];
  const isOfPort = (port: string) => onlyPort === undefined || onlyPort === port;
  const isNamed = readName(bareHost(name));
  return ({ host, port }) => isOfPort(port) && isNamed(host);
}

function readName(name: string): (host: string) => boolean {
  const [address = '', prefix] = name.split('/');
  const family = isIP(address);
  if (family === 0) {
    const isBelowOnly = name.startsWith('*.');
    const suffix = name.replace(/^\*?\./, '');
    return host => (host === suffix && !isBelowOnly) || host.endsWith(`.${suffix}`);
  }
  const block = new BlockList();
  const length = prefix === undefined ? Number.NaN : Number(prefix);
  const isBlock = Number.isInteger(length) && length >= 0 && length <= (family === 4 ? 32 : 128);
  if (isBlock) block.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6');
  else if (prefix === undefined) block.addAddress(address, family === 4 ? 'ipv4' : 'ipv6');
  return host => {
    const version = isIP(host);
    return version !== 0 && block.check(host, version === 4 ? 'ipv4' : 'ipv6');
  };
}

/** A host as it is compared: no brackets of an address, no dot of a whole name, in lower case. */
function bareHost(host: string): string {
  return host
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/(.)\.$/, '$1')
    .toLowerCase();
}

/** This machine, by name or address; the unspecified address leads to it as well. */
function isOwn(host: string): boolean {
  return /^(.*\.)?localhost$/.test(host) || host === '0.0.0.0' || host === '::' || isLoopback(host);
}
