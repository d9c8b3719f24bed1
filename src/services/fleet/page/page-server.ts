import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Observation } from '../../../domain/fleet/observation/observation.ts';
import { readTextFile } from '../../../lib/files.ts';
import { isAskedByPage, readHost } from '../../../lib/http-caller.ts';
import { type HttpLimits, limitConnections, serverOptions } from '../../../lib/http-limits.ts';
import { closeHttp, listenHttp } from '../../../lib/listen-http.ts';
import { packageRoot } from '../../../lib/package-root.ts';
import { LatestLook } from './latest-look.ts';
import { LiveViewers } from './live-viewers.ts';
import { type PageContent, renderPage } from './render-page.ts';

export interface PageServerOptions {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Further names by which browsers may call it; `*` for all. */
  readonly hosts: readonly string[];
  /** Looks at the fleet. */
  readonly observe: () => Promise<Observation>;
  /** Time from one look to the next, while anybody looks at the page. */
  readonly intervalMs: number;
  /** Is told why the fleet could not be looked at. */
  readonly onFault: (error: unknown) => void;
}

export interface PageServer extends AsyncDisposable {
  readonly url: string;
  /** Looks at the fleet as the page does, and for it. */
  readonly look: () => Promise<PageContent>;
}

/** Open pages have one connection for as long as they are open, and a few more while they load. */
const LIMITS: HttpLimits = { connections: 128, headersMs: 10_000, requestMs: 10_000, idleMs: 60_000 };

/** Nothing but what this server itself has; no page of another one may frame it. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

/** Files of the page, with their types. */
const FILES = {
  'page.css': 'text/css; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const;

interface ServedFile {
  readonly type: string;
  readonly text: string;
}

interface Page {
  readonly options: PageServerOptions;
  readonly hosts: ReadonlySet<string>;
  readonly files: ReadonlyMap<string, ServedFile>;
  readonly look: LatestLook;
  readonly viewers: LiveViewers;
}

/**
 * Serves the fleet as one page: `/`, its files, and `/events`, by which an open page is kept up to date. Nothing can be changed
 * by it. The fleet is looked at only while anybody asks for it.
 * @throws OperatorError 'port-in-use', 'cannot-listen'
 */
export async function startPageServer(options: PageServerOptions): Promise<PageServer> {
  const { host, port, intervalMs, observe, onFault } = options;
  const look = new LatestLook({ observe, now: () => performance.now() }, intervalMs);
  const page: Page = {
    options,
    hosts: new Set(['localhost', host, ...options.hosts].map(name => name.toLowerCase())),
    files: await readFiles(),
    look,
    viewers: new LiveViewers({ look, intervalMs, onFault }),
  };
  const server = createServer(serverOptions(LIMITS), (request, response) => {
    answer(page, request, response).catch(error => {
      onFault(error);
      refuse(response, 503, 'The fleet could not be looked at; the log of the program says why.\n');
    });
  });
  limitConnections(server, LIMITS);
  const url = await listenHttp(server, { host, port, name: 'status' });
  return {
    url,
    look: () => look.get(),
    [Symbol.asyncDispose]: () => {
      page.viewers[Symbol.dispose]();
      return closeHttp(server);
    },
  };
}

async function readFiles(): Promise<ReadonlyMap<string, ServedFile>> {
  const directory = join(packageRoot(), 'templates', 'status-page');
  const entries = Object.entries(FILES).map(async ([name, type]) => {
    const text = await readTextFile(join(directory, name));
    return [`/${name}`, { type, text }] as const;
  });
  return new Map(await Promise.all(entries));
}

async function answer(page: Page, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  const host = readHost(request);
  if (host === 'invalid') return refuse(response, 400, 'The Host header is not one name.\n');
  if (!isAllowedHost(host?.name, page.hosts))
    return refuse(response, 403, 'Not called by this name: --status-host-allowlist names those that are.\n');
  // A link to it may be followed; a page of another site gets nothing.
  if (isAskedByPage(request) && request.headers['sec-fetch-mode'] !== 'navigate')
    return refuse(response, 403, 'Not for pages of other sites.\n');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return refuse(response, 405, 'This page is for reading: GET and HEAD.\n');
  }
  const file = page.files.get(path);
  if (file !== undefined) return send(response, file);
  if (path === '/events') return follow(page, request, response);
  if (path !== '/') return refuse(response, 404, 'Not found: the page is at /.\n');
  const text = renderPage(await page.look.get(), page.options.intervalMs / 1_000);
  send(response, { type: 'text/html; charset=utf-8', text });
}

/** Keeps an open page up to date until it is closed. */
function follow({ viewers }: Page, request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'GET' && viewers.isFull) {
    response.setHeader('retry-after', '30');
    refuse(response, 503, 'Too many pages are open; this one has to be loaded again.\n');
    return;
  }
  response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream; charset=utf-8' });
  if (request.method === 'HEAD') response.end();
  else viewers.add(response);
}

/**
 * Whether a browser may call the server so. A name may be turned towards this machine by whoever owns it, so that a page of theirs
 * reads what this one has (DNS rebinding); an address cannot.
 */
function isAllowedHost(name: string | undefined, hosts: ReadonlySet<string>): boolean {
  if (hosts.has('*')) return true;
  if (name === undefined) return false;
  return hosts.has(name) || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
}

function send(response: ServerResponse, { type, text }: ServedFile): void {
  response.writeHead(200, { ...HEADERS, 'content-type': type, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

function refuse(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { ...HEADERS, 'content-type': 'text/plain; charset=utf-8' });
  response.end(text);
}
