import { CarBlockIterator } from '@ipld/car/iterator';
import { exporter } from 'ipfs-unixfs-exporter';
import { CID } from 'multiformats/cid';
import { identity } from 'multiformats/hashes/identity';
import { sha256 } from 'multiformats/hashes/sha2';
import { equalBytes } from '../../lib/bytes.ts';
import { ExternalError, messageOf, OperatorError } from '../../lib/errors.ts';
import { foreignText } from '../../lib/foreign-text.ts';
import { type HttpDeps, type HttpResponse, HttpStatusError, requestHttp } from '../http.ts';
import { openGatewayDispatcher } from './gateway-dispatcher.ts';
import { type ImportBudget, isImportOf, openImportBudget } from './ipfs-import.ts';

export interface IpfsOptions {
  /** Gateways in the order in which they are asked; without a scheme https is meant. */
  readonly gateways: readonly string[];
  /** Time limit of everything that one gateway is asked. */
  readonly timeoutMs: number;
  /** Largest document, and largest sum of blocks, in bytes. */
  readonly maxBytes?: number | undefined;
  /** Takes the plain bytes of a gateway when none proves the document. */
  readonly allowUnverified?: boolean | undefined;
  /** Is told when such bytes are taken. */
  readonly onUnverified?: ((gateway: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One gateway's way to one document. */
interface Source {
  readonly url: string;
  readonly cid: CID;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** Shared by all ways to the document. */
  readonly imports: ImportBudget;
  /** Gateways that have not been asked, this one included. */
  readonly gatewaysLeft: number;
}

type ReadBlock = (cid: CID) => Promise<Uint8Array>;

const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;

/**
 * Fetches a document by its CID (version 0 or 1, also behind ipfs:// or /ipfs/) and checks it against the CID: block by
 * block or as CAR from a trustless gateway, else by importing the plain bytes again with the usual chunkers. A public
 * gateway's redirects are followed to public addresses only.
 * @returns the document's bytes
 * @throws OperatorError `invalid-ipfs-cid`; ExternalError `ipfs-unavailable` when no gateway answered,
 *   `ipfs-document-unproven` when answers came and none was this document; both say what each gateway did
 */
export async function fetchIpfsDocument(
  deps: HttpDeps,
  cidText: string,
  options: IpfsOptions,
): Promise<Uint8Array> {
  const cid = parseCid(cidText);
  if (options.gateways.length === 0) {
    throw new OperatorError('no-ipfs-gateway', 'No IPFS gateway is configured.', {
      hint: 'Set IPFS_FETCH_ENDPOINTS.',
    });
  }
  const failures: string[] = [];
  let unproven: UnprovenDocumentError | undefined;
  const gateways = options.gateways.map(normalizeGateway);
  const imports = openImportBudget();
  for (const [index, gateway] of gateways.entries()) {
    options.signal?.throwIfAborted();
    const timeout = AbortSignal.timeout(options.timeoutMs);
    const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
    const source = {
      url: `${gateway}/ipfs/${cid}`,
      cid,
      maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES,
      signal,
      imports,
      gatewaysLeft: gateways.length - index,
    };
    try {
      await using reach = openGatewayDispatcher(new URL(gateway), deps.proxies);
      return await fetchProven({ ...deps, dispatcher: deps.dispatcher ?? reach.dispatcher }, source);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof UnprovenDocumentError) unproven ??= error;
      const reason = signal.aborted ? `no answer within ${options.timeoutMs / 1000} s` : messageOf(error);
      const { origin } = new URL(gateway);
      failures.push(reason.startsWith(origin) ? reason : `${origin}: ${reason}`);
    }
  }
  if (unproven !== undefined && options.allowUnverified === true) {
    options.onUnverified?.(unproven.gateway);
    return unproven.document;
  }
  throw describeFailures(cid, failures, unproven !== undefined);
}

function parseCid(text: string): CID {
  const bare = text.trim().replace(/^(ipfs:\/\/|\/ipfs\/)/, '');
  try {
    return CID.parse(bare);
  } catch (error) {
    throw new OperatorError(
      'invalid-ipfs-cid',
      `Not an IPFS content identifier: ${JSON.stringify(foreignText(text))}.`,
      {
        cause: error,
      },
    );
  }
}

function normalizeGateway(gateway: string): string {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(gateway) ? gateway : `https://${gateway}`;
  if (!/^https?:/i.test(url) || !URL.canParse(url)) {
    throw new OperatorError('invalid-ipfs-gateway', 'An IPFS gateway is not a http or https URL.', {
      hint: 'Check IPFS_FETCH_ENDPOINTS; gateways are separated by commas.',
    });
  }
  return url.replace(/\/+$/, '');
}

/** Trustless answers first; a gateway that has none of them may still serve the plain bytes. */
async function fetchProven(deps: HttpDeps, source: Source): Promise<Uint8Array> {
  for (const openBlocks of [openRawBlocks, openCar]) {
    // Ends the requests for other blocks that are still under way when one block fails.
    const end = new AbortController();
    const attempt = { ...source, signal: AbortSignal.any([source.signal, end.signal]) };
    try {
      return await assembleDocument(attempt, await openBlocks(deps, attempt));
    } catch (error) {
      if (!isAnswer(error) || source.signal.aborted) throw error;
    } finally {
      end.abort();
    }
  }
  return await fetchPlain(deps, source);
}

/** Whether the gateway is there and another form of the document may be asked of it. */
function isAnswer(error: unknown): boolean {
  return (
    !(error instanceof ExternalError) || error instanceof HttpStatusError || error.code === 'ipfs-wrong-block'
  );
}

async function openRawBlocks(deps: HttpDeps, source: Source): Promise<ReadBlock> {
  let size = 0;
  return async cid => {
    const url = source.url.replace(/[^/]+$/, `${cid}?format=raw`);
    const { body: block } = await get(deps, source, url, 'application/vnd.ipld.raw');
    size += block.length;
    if (size > source.maxBytes) throw tooLarge(source);
    return await requireBlock(cid, block);
  };
}

async function openCar(deps: HttpDeps, source: Source): Promise<ReadBlock> {
  const { body: car } = await get(deps, source, `${source.url}?format=car`, 'application/vnd.ipld.car');
  const blocks = new Map<string, Uint8Array>();
  for await (const { cid, bytes } of await CarBlockIterator.fromBytes(car)) blocks.set(cid.toString(), bytes);
  return async cid => {
    const block = blocks.get(cid.toString());
    if (block === undefined) throw wrongBlock(`the archive lacks block ${cid}`);
    return await requireBlock(cid, block);
  };
}

/** The reader checks every block, so what comes out is what the CID names, whoever served it. */
async function assembleDocument(source: Source, readBlock: ReadBlock): Promise<Uint8Array> {
  const blockstore = {
    async *get(cid: CID): AsyncGenerator<Uint8Array> {
      yield await readBlock(cid);
    },
  };
  const entry = await exporter(source.cid, blockstore, { signal: source.signal });
  if (entry.type === 'directory' || entry.type === 'object') {
    throw new ExternalError('ipfs-not-a-file', `${source.cid} is no file in IPFS`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of entry.content({ signal: source.signal, blockReadConcurrency: 8 })) {
    size += chunk.length;
    if (size > source.maxBytes) throw tooLarge(source);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

async function requireBlock(cid: CID, block: Uint8Array): Promise<Uint8Array> {
  const hasher = [sha256, identity].find(({ code }) => code === cid.multihash.code);
  if (hasher === undefined) {
    throw new ExternalError(
      'ipfs-unsupported-hash',
      `${cid} uses hash function ${cid.multihash.code}, which cannot be checked`,
    );
  }
  const { digest } = await hasher.digest(block);
  if (!equalBytes(digest, cid.multihash.digest))
    throw wrongBlock(`what it serves as block ${cid} has another hash`);
  return block;
}

async function fetchPlain(deps: HttpDeps, source: Source): Promise<Uint8Array> {
  const response = await get(deps, source, source.url, '*/*');
  const { body: document } = response;
  const isProven = await isImportOf(document, source.cid, source.imports, source.gatewaysLeft);
  if (isProven) return document;
  if (isWebPage(response)) {
    throw new ExternalError('ipfs-web-page', 'answers with a web page in place of the document');
  }
  throw new UnprovenDocumentError(source.url, document);
}

/** A page of a gateway that blocks, of a login, or of a proxy on the way: whoever trusted the gateway would get no document. */
function isWebPage({ headers, body }: HttpResponse): boolean {
  if (/^\s*(?:text\/html|application\/xhtml)/i.test(String(headers['content-type'] ?? ''))) return true;
  const beginning = new TextDecoder().decode(body.subarray(0, 1_024)).replace(/^\uFEFF?\s*/, '');
  return /^(?:<\?xml[^>]*>\s*|<!--[\s\S]*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b/i.test(beginning);
}

async function get(deps: HttpDeps, source: Source, url: string, accept: string): Promise<HttpResponse> {
  return await requestHttp(deps, {
    url,
    headers: { accept },
    // The source's signal bounds the whole gateway; no attempt is given up before it.
    timeoutMs: 600_000,
    retries: 0,
    maxRedirects: 5,
    maxBytes: source.maxBytes,
    signal: source.signal,
  });
}

function tooLarge(source: Source): ExternalError {
  return new ExternalError('ipfs-document-too-large', `the document has more than ${source.maxBytes} bytes`);
}

function wrongBlock(message: string): ExternalError {
  return new ExternalError('ipfs-wrong-block', message);
}

function describeFailures(cid: CID, failures: readonly string[], isAnswered: boolean): ExternalError {
  const outcome = failures.join('; ').replace(/\.(?=;|$)/g, '');
  if (!isAnswered) {
    return new ExternalError('ipfs-unavailable', `IPFS document ${cid} could not be fetched: ${outcome}.`, {
      retryable: true,
      hint: 'Name other gateways in IPFS_FETCH_ENDPOINTS.',
    });
  }
  return new ExternalError(
    'ipfs-document-unproven',
    `IPFS document ${cid} could not be proven: ${outcome}.`,
    {
      hint: 'Name a trustless gateway in IPFS_FETCH_ENDPOINTS, or pass --allow-unverified-ipfs if you trust the gateway.',
    },
  );
}

class UnprovenDocumentError extends ExternalError {
  readonly gateway: string;
  readonly document: Uint8Array;

  constructor(url: string, document: Uint8Array) {
    super('ipfs-document-unproven', 'serves bytes that do not have this CID');
    this.gateway = new URL(url).origin;
    this.document = document;
  }
}
