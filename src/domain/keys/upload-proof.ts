import { createHmac } from 'node:crypto';
import { wipe } from '../../lib/bytes.ts';
import { HASH_LENGTH } from '../../lib/lengths.ts';
import { deriveSubkey } from './envelope.ts';
import { encodeProofContext, type VaultContext } from './key-context.ts';

/** What an upload has proven of what it made current. */
export interface UploadProof {
  /** The manifest that was sealed with it: its counter and MAC. */
  readonly manifestCounter: bigint;
  readonly manifestMac: Uint8Array;
  /** SHA-256 over the whole of every row that readers see: each was opened, or sealed, by whoever made the proof. */
  readonly rowsDigest: Uint8Array;
  /** Root of the deposit data, of which every signature is valid for this vault under this fork version, and its text's SHA-256. */
  readonly depositDataRoot: Uint8Array;
  readonly documentDigest: Uint8Array;
  /** 4 bytes. */
  readonly genesisForkVersion: Uint8Array;
}

const FORK_VERSION_LENGTH = 4;

/**
 * HMAC-SHA256 of a proof under the 'manifest' subkey of the user's encryption key, the manifest's own MAC being part of it:
 * a proof holds for the state that it was made of, and whoever only writes to the database can make none.
 * @returns 32 bytes
 * @throws RangeError when a field has another length than its own
 */
export function computeProofMac(
  encryptionKey: Uint8Array,
  context: VaultContext,
  proof: UploadProof,
): Uint8Array {
  const counter = new Uint8Array(8);
  new DataView(counter.buffer).setBigUint64(0, proof.manifestCounter);
  const digests = [proof.manifestMac, proof.rowsDigest, proof.depositDataRoot, proof.documentDigest];
  const hasWidths =
    digests.every(({ length }) => length === HASH_LENGTH) &&
    proof.genesisForkVersion.length === FORK_VERSION_LENGTH;
  if (!hasWidths) throw new RangeError('malformed proof');
  const key = deriveSubkey(encryptionKey, 'manifest');
  const mac = createHmac('sha256', key);
  wipe(key);
  // Fields of fixed widths behind a tag that no manifest begins with.
  mac.update(encodeProofContext(context)).update(counter);
  for (const digest of digests) mac.update(digest);
  return new Uint8Array(mac.update(proof.genesisForkVersion).digest());
}
