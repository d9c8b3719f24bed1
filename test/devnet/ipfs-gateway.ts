import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { CarWriter } from '@ipld/car/writer';
import { importBytes } from 'ipfs-unixfs-importer';
import { fixedSize } from 'ipfs-unixfs-importer/chunker';
import { CID } from 'multiformats/cid';
import { listenOnLoopback } from './listen.ts';

/**
 * What the gateway does wrong: `down` cuts every connection, `slow` never answers, `missing` knows no document,
 * `wrong-bytes` serves others in every form, `plain-only` ignores what form is asked for, `car-only` and `raw-only` know
 * one form, `wrong-block` spoils all blocks but the root.
 */
export type GatewayFault =
  | 'down'
  | 'slow'
  | 'missing'
  | 'wrong-bytes'
  | 'plain-only'
  | 'car-only'
  | 'raw-only'
  | 'wrong-block';

export interface AddOptions {
  readonly cidVersion?: 0 | 1;
  readonly rawLeaves?: boolean;
  readonly chunkSize?: number;
}

export interface IpfsGateway extends AsyncDisposable {
  readonly url: string;
  /** The fault switch; undefined for a gateway that is in order. */
  fault: GatewayFault | undefined;
  /** Path and query of every request so far. */
  readonly requests: readonly string[];
  /** Stores a document as UnixFS blocks and returns its CID. */
  add(document: string | Uint8Array, options?: AddOptions): Promise<string>;
  stop(): Promise<void>;
}

interface StoredDocument {
  readonly bytes: Uint8Array;
  /** The blocks by the text of their CID, in the order in which they were made. */
  readonly blocks: ReadonlyMap<string, Uint8Array>;
}

/** An IPFS gateway on loopback: plain documents, single blocks (`?format=raw`) and archives (`?format=car`). */
export async function startIpfsGateway({ port }: { readonly port?: number } = {}): Promise<IpfsGateway> {
  const documents = new Map<string, StoredDocument>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    serve(documents, gateway.fault, request, response).catch((error: unknown) =>
      response.destroy(error as Error),
    );
  });
  const listening = await listenOnLoopback(server, port);
  const stop = async () => {
    server.closeAllConnections();
    if (server.listening) await new Promise(resolve => server.close(resolve));
  };
  const gateway: IpfsGateway = {
    url: `http://127.0.0.1:${listening}`,
    fault: undefined,
    requests,
    add: async (document, options = {}) => {
      const bytes = typeof document === 'string' ? new TextEncoder().encode(document) : document;
      const { cid, blocks } = await importDocument(bytes, options);
      documents.set(cid, { bytes, blocks });
      return cid;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
  return gateway;
}

async function importDocument(bytes: Uint8Array, options: AddOptions) {
  const { cidVersion = 1, rawLeaves = cidVersion === 1, chunkSize = 262_144 } = options;
  const blocks = new Map<string, Uint8Array>();
  const store = {
    put: async (cid: CID, block: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>) => {
      blocks.set(cid.toString(), block instanceof Uint8Array ? block : await buffer(Readable.from(block)));
      return cid;
    },
  };
  const root = await importBytes(bytes, store, { cidVersion, rawLeaves, chunker: fixedSize({ chunkSize }) });
  return { cid: root.cid.toString(), blocks };
}

async function serve(
  documents: ReadonlyMap<string, StoredDocument>,
  fault: GatewayFault | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (fault === 'down') {
    request.socket.destroy();
    return;
  }
  if (fault === 'slow') return;
  const url = new URL(request.url ?? '/', 'http://gateway');
  const cid = /^\/ipfs\/([^/]+)$/.exec(url.pathname)?.[1] ?? '';
  const form = fault === 'plain-only' ? 'plain' : (url.searchParams.get('format') ?? 'plain');
  const onlyForm = { 'car-only': 'car', 'raw-only': 'raw' }[String(fault)];
  const isKnownForm = onlyForm === undefined || form === onlyForm;
  const body = fault === 'missing' ? undefined : await readForm(documents, cid, form);
  if (!isKnownForm || body === undefined) {
    response.writeHead(isKnownForm ? 404 : 406, { 'content-type': 'text/plain' }).end('no such thing here\n');
    return;
  }
  const isSpoiled = fault === 'wrong-bytes' || (fault === 'wrong-block' && !documents.has(cid));
  response.writeHead(200, { 'content-type': CONTENT_TYPES[form] ?? 'application/octet-stream' });
  response.end(isSpoiled ? spoil(body) : body);
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  plain: 'application/json',
  raw: 'application/vnd.ipld.raw',
  car: 'application/vnd.ipld.car; version=1',
};

async function readForm(
  documents: ReadonlyMap<string, StoredDocument>,
  cid: string,
  form: string,
): Promise<Uint8Array | undefined> {
  const document = documents.get(cid);
  if (form === 'plain') return document?.bytes;
  if (form === 'car') return document === undefined ? undefined : await writeCar(cid, document);
  for (const { blocks } of documents.values()) {
    const block = blocks.get(cid);
    if (block !== undefined) return block;
  }
  return undefined;
}

async function writeCar(root: string, { blocks }: StoredDocument): Promise<Uint8Array> {
  const { writer, out } = CarWriter.create([CID.parse(root)]);
  const archive = buffer(Readable.from(out));
  for (const [cid, bytes] of blocks) await writer.put({ cid: CID.parse(cid), bytes });
  await writer.close();
  return await archive;
}

/** The same length and still JSON where it was: the last digit becomes another. */
function spoil(body: Uint8Array): Uint8Array {
  const spoiled = Uint8Array.from(body);
  const at = spoiled.findLastIndex(byte => byte >= 0x30 && byte <= 0x39);
  const index = Math.max(at, 0);
  spoiled[index] = spoiled[index] === 0x31 ? 0x32 : 0x31;
  return spoiled;
}
