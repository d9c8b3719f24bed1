import { compareBytes, fromHex } from '../../lib/bytes.ts';
import { ExternalError } from '../../lib/errors.ts';
import { ADDRESS_LENGTH, PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import type { HttpDeps } from '../http.ts';
import { fetchIpfsDocument, type IpfsOptions } from './ipfs.ts';

/** A registration by some vault, as a dump has it. */
export interface DumpedValidator {
  readonly blockNumber: number;
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
}

/** Where a dump is, and how far it goes. */
export interface VaultValidatorsDumpRef {
  readonly ipfsHash: string;
  /** Last block of which it has the registrations. */
  readonly block: number;
}

/** Number of the block (4 bytes, big-endian), address of the vault, public key. */
const BLOCK_LENGTH = 4;
const RECORD_LENGTH = BLOCK_LENGTH + ADDRESS_LENGTH + PUBLIC_KEY_LENGTH;
/** Gnosis Chain's has 13 MB. */
const MAX_BYTES = 256 * 1024 * 1024;

/**
 * Fetches what a vault has registered up to a block from the dump of all vaults, which is that of its CID or is not taken.
 * @param vault - in any case
 * @returns in the order of the blocks
 * @throws what `fetchIpfsDocument` throws; ExternalError `invalid-vault-validators-dump`
 */
export async function fetchDumpedValidators(
  deps: HttpDeps,
  dump: VaultValidatorsDumpRef,
  vault: string,
  options: Pick<IpfsOptions, 'gateways' | 'timeoutMs' | 'signal'>,
): Promise<readonly DumpedValidator[]> {
  const document = await fetchIpfsDocument(deps, dump.ipfsHash, { ...options, maxBytes: MAX_BYTES });
  return readDumpedValidators(document, dump, vault);
}

/**
 * The records of one vault in a dump: 72 bytes each, ascending by block.
 * @param vault - in any case
 * @throws ExternalError `invalid-vault-validators-dump`
 */
export function readDumpedValidators(
  document: Uint8Array,
  { ipfsHash, block: lastBlock }: VaultValidatorsDumpRef,
  vault: string,
): readonly DumpedValidator[] {
  const invalid = (what: string) =>
    new ExternalError(
      'invalid-vault-validators-dump',
      `The dump ${ipfsHash} of what vaults have registered ${what}.`,
      { hint: 'Check vaultValidatorsDump of the network file.' },
    );
  const count = document.length / RECORD_LENGTH;
  if (!Number.isInteger(count) || count === 0) {
    throw invalid(`has ${document.length} bytes, not records of ${RECORD_LENGTH}`);
  }
  const address = fromHex(vault, ADDRESS_LENGTH);
  const view = new DataView(document.buffer, document.byteOffset, document.byteLength);
  const found: DumpedValidator[] = [];
  let lastSeen = 0;
  for (let at = 0; at < document.length; at += RECORD_LENGTH) {
    const blockNumber = view.getUint32(at);
    if (blockNumber < lastSeen) throw invalid(`goes back from block ${lastSeen} to ${blockNumber}`);
    lastSeen = blockNumber;
    const keyAt = at + BLOCK_LENGTH + ADDRESS_LENGTH;
    if (compareBytes(document.subarray(at + BLOCK_LENGTH, keyAt), address) !== 0) continue;
    // Copied, so that the dump of all vaults can go.
    found.push({ blockNumber, publicKey: new Uint8Array(document.subarray(keyAt, at + RECORD_LENGTH)) });
  }
  if (lastSeen > lastBlock) throw invalid(`goes to block ${lastSeen}, behind block ${lastBlock}`);
  return found;
}
