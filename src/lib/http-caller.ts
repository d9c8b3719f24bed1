import type { IncomingMessage } from 'node:http';

/** A name or an address (IPv6 in brackets), and a port: RFC 3986, 3.2.2. */
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._~!$&'()*+,;=%-]+)(?::\d{0,5})?$/i;

/**
 * The name by which a request calls the server, in lower case and without port.
 * @returns undefined when an HTTP/1.0 client gives none; 'invalid' for an empty header, several, or what is no name, all
 *   of which RFC 9112 (3.2) has answered with 400: two readers of such a request could understand two hosts
 */
export function readHost(request: IncomingMessage): { readonly name: string } | 'invalid' | undefined {
  const [host, ...others] = hostHeaders(request);
  if (host === undefined) return undefined;
  const name = HOST.exec(host)?.[1];
  return name === undefined || others.length > 0 ? 'invalid' : { name: name.toLowerCase() };
}

/** All of them: `headers.host` is the first one only. */
function hostHeaders({ rawHeaders }: IncomingMessage): string[] {
  return rawHeaders.filter((_, place) => place % 2 === 1 && rawHeaders[place - 1]?.toLowerCase() === 'host');
}

/**
 * Whether a browser says that a page of another site, or of another port of this one, has made it ask. Only browsers send
 * the header, and no page can change it (Fetch Metadata).
 */
export function isAskedByPage({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  return site !== undefined && site !== 'none' && site !== 'same-origin';
}
