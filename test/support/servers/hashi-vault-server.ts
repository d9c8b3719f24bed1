import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { listenOnLoopback } from '../../devnet/listen.ts';

interface RecordedVaultEntry {
  readonly name: string;
  readonly request?: { readonly method: string; readonly path: string };
  readonly response?: {
    readonly status?: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: unknown;
    readonly body_text?: string;
  };
}

/** What the server says: a recorded exchange by file and name, or an answer of a test's own. */
export type VaultAnswer =
  | readonly [file: 'kv2' | 'auth' | 'state' | 'limits' | 'tls', name: string]
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body: unknown };

interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export interface VaultServer extends AsyncDisposable {
  readonly url: string;
  readonly received: readonly ReceivedRequest[];
}

/** A server that gives recorded answers of a KV version 2 engine by path (without `/v1/`), one after another, the last for ever. */
export async function startVaultServer(
  answers: Readonly<Record<string, readonly VaultAnswer[]>>,
): Promise<VaultServer> {
  const received: ReceivedRequest[] = [];
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    received.push({ method: request.method ?? '', path, headers: request.headers });
    const list = answers[path.replace('/v1/', '')] ?? [['kv2', 'missing-path']];
    const count = counts.get(path) ?? 0;
    counts.set(path, count + 1);
    const { status, headers, text } = resolve(list[Math.min(count, list.length - 1)]);
    response.writeHead(status, headers).end(text);
  });
  const port = await listenOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function resolve(answer: VaultAnswer | undefined) {
  if (answer === undefined) throw new Error('the server has no answer');
  if ('status' in answer)
    return { status: answer.status, headers: answer.headers ?? {}, text: JSON.stringify(answer.body) };
  const { status = 0, headers = {}, body, body_text: text } = recordedVaultResponse(...answer);
  const { 'Content-Length': _, ...kept } = headers;
  return { status, headers: kept, text: text ?? `${JSON.stringify(body)}\n` };
}

/** A recorded answer of a KV version 2 server. */
export function recordedVaultResponse(
  file: string,
  name: string,
): NonNullable<RecordedVaultEntry['response']> {
  const url = new URL(`../../vectors/hashi-vault/${file}.json`, import.meta.url);
  const { entries } = JSON.parse(readFileSync(url, 'utf8')) as { entries: RecordedVaultEntry[] };
  const entry = entries.find(each => each.name === name);
  if (entry?.response === undefined) throw new Error(`there is no recorded answer ${file}/${name}`);
  return entry.response;
}
