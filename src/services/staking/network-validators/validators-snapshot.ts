import type { HttpDeps } from '../../../clients/http.ts';
import { fetchIpfsDocument } from '../../../clients/ipfs/ipfs.ts';
import { ExternalError } from '../../../lib/errors.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';

/** Validators up to a block, as StakeWise publishes them for a network. */
export interface ValidatorsSnapshot {
  /** All deposits up to this block are in. */
  readonly lastBlock: number;
  readonly count: number;
  /** Public keys of 48 bytes, in pieces: they are views, made when they are asked for. */
  publicKeys(): Iterable<readonly Uint8Array[]>;
}

/** Block number (4 bytes, big-endian) and public key. */
const RECORD_LENGTH = 4 + PUBLIC_KEY_LENGTH;
const PIECE = 10_000;
/** Mainnet's has some 60 MB. */
const MAX_BYTES = 512 * 1024 * 1024;

/**
 * Fetches a network's snapshot from IPFS; its bytes are those of its CID, or it is not taken.
 * @throws what `fetchIpfsDocument` throws; ExternalError `invalid-validators-snapshot`
 */
export async function fetchValidatorsSnapshot(
  deps: HttpDeps,
  ipfsHash: string,
  options: {
    readonly gateways: readonly string[];
    readonly timeoutMs: number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<ValidatorsSnapshot> {
  const document = await fetchIpfsDocument(deps, ipfsHash, { ...options, maxBytes: MAX_BYTES });
  return readValidatorsSnapshot(document, ipfsHash);
}

/** @throws ExternalError `invalid-validators-snapshot` */
function readValidatorsSnapshot(document: Uint8Array, name: string): ValidatorsSnapshot {
  const count = document.length / RECORD_LENGTH;
  if (!Number.isInteger(count) || count === 0) {
    throw new ExternalError(
      'invalid-validators-snapshot',
      `The snapshot of the network's validators ${name} has ${document.length} bytes, not records of ${RECORD_LENGTH}.`,
    );
  }
  const view = new DataView(document.buffer, document.byteOffset, document.byteLength);
  let lastBlock = 0;
  for (let i = 0; i < count; i++) lastBlock = Math.max(lastBlock, view.getUint32(i * RECORD_LENGTH));
  return { lastBlock, count, publicKeys: () => piecesOf(document) };
}

function* piecesOf(document: Uint8Array): Generator<Uint8Array[]> {
  const length = PIECE * RECORD_LENGTH;
  for (let from = 0; from < document.length; from += length) {
    const piece = document.subarray(from, from + length);
    yield Array.from({ length: piece.length / RECORD_LENGTH }, (_, i) =>
      piece.subarray(i * RECORD_LENGTH + 4, (i + 1) * RECORD_LENGTH),
    );
  }
}
