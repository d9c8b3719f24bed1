import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal } from './refusal.ts';

/** What every request takes beside its body, roughly: a connection can have many under way. */
const REQUEST_BYTES = 8 * 1024;
/** Read on and thrown away behind a body that is too large, so that the client has sent all and sees the answer. */
const MAX_DISCARDED_BYTES = 20 * 1024 * 1024;
const FIRST_BUFFER_BYTES = 4 * 1024;

/**
 * Reads bodies and bounds what all that are under way take together, from their first byte until they are answered: a
 * limit for each alone would not hold where there are many connections.
 */
export class BodyReader {
  #freeBytes: number;

  constructor(maxBytesUnderWay: number) {
    this.#freeBytes = maxBytesUnderWay;
  }

  /** The whole body. @throws Refusal 413 when it is larger than `maxBytes`, 503 when there is no room for it now */
  async read(request: IncomingMessage, response: ServerResponse, maxBytes: number): Promise<Uint8Array> {
    let taken = 0;
    const take = (bytes: number): boolean => {
      if (bytes > this.#freeBytes) return false;
      this.#freeBytes -= bytes;
      taken += bytes;
      return true;
    };
    response.once('close', () => {
      this.#freeBytes += taken;
      taken = 0;
    });
    if (!take(REQUEST_BYTES)) throw noRoom();
    return await collect(request, maxBytes, take);
  }
}

/** Collects a body by events: an async iterator costs a tenth of a signature. */
function collect(
  request: IncomingMessage,
  maxBytes: number,
  take: (bytes: number) => boolean,
): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const body = new GrowingBuffer(maxBytes, take);
  let size = 0;
  let refusal: Refusal | undefined;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (refusal === undefined) refusal = body.append(chunk);
    if (refusal !== undefined) body.clear();
    if (size > MAX_DISCARDED_BYTES) request.destroy(refusal);
  });
  request.on('end', () => (refusal === undefined ? resolve(body.bytes()) : reject(refusal)));
  request.on('error', reject);
  // A client that goes away in the middle leaves neither an end nor, always, an error.
  request.on('close', () => reject(new Refusal(400, 'the client went away')));
  return promise;
}

/**
 * One buffer, however small the pieces that come: each piece kept for itself would take a hundred times its bytes. A body
 * of one piece, which most are, is not copied.
 */
class GrowingBuffer {
  readonly #maxBytes: number;
  readonly #take: (bytes: number) => boolean;
  #buffer: Buffer = Buffer.alloc(0);
  #length = 0;

  constructor(maxBytes: number, take: (bytes: number) => boolean) {
    this.#maxBytes = maxBytes;
    this.#take = take;
  }

  append(piece: Buffer): Refusal | undefined {
    const length = this.#length + piece.length;
    if (length > this.#maxBytes) return tooLarge(this.#maxBytes);
    if (this.#length === 0) {
      if (!this.#take(piece.length)) return noRoom();
      this.#buffer = piece;
    } else {
      if (length > this.#buffer.length && !this.#grow(length)) return noRoom();
      piece.copy(this.#buffer, this.#length);
    }
    this.#length = length;
    return undefined;
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  clear(): void {
    this.#buffer = Buffer.alloc(0);
    this.#length = 0;
  }

  #grow(needed: number): boolean {
    const capacity = Math.min(this.#maxBytes, Math.max(FIRST_BUFFER_BYTES, 2 * needed));
    if (!this.#take(capacity - this.#buffer.length)) return false;
    const larger = Buffer.allocUnsafeSlow(capacity);
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
    return true;
  }
}

const CLOSE = { connection: 'close' };

function tooLarge(maxBytes: number): Refusal {
  return new Refusal(413, `the body is larger than ${maxBytes / 1024} KiB`, { headers: CLOSE });
}

function noRoom(): Refusal {
  return new Refusal(503, 'too many requests are under way', { headers: { 'retry-after': '1' } });
}
