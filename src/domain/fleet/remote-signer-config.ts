import { AsciiBytes } from '../../lib/ascii-bytes.ts';
import { toHex } from '../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import { formatPythonJson } from '../../lib/python-json.ts';

/** Which oracles the key shares are made for. */
export interface OracleSetRef {
  /** 32 bytes over threshold and oracle public keys in order. */
  readonly configHash: Uint8Array;
  /** IPFS hash of the oracle configuration. */
  readonly ipfsHash: string;
  readonly threshold: number;
}

/** The operator's `remote_signer_config.json`. */
export interface RemoteSignerConfig {
  /** 48-byte public keys; shares in the order of the oracles, none where the signer has the whole keys only. */
  readonly validators: readonly { readonly publicKey: Uint8Array; readonly shares: readonly Uint8Array[] }[];
  /** Missing in files of the Python operator. */
  readonly oracleSet?: OracleSetRef | undefined;
}

/**
 * Bytes of `remote_signer_config.json`: the Python operator's, followed by `oracle_set` (which it ignores).
 * @param config.validators - gone through twice: first for the length
 * @returns JSON in one line, validators in the order given, no newline at the end
 */
export function encodeRemoteSignerConfig({
  validators,
  oracleSet,
}: {
  readonly validators: Iterable<RemoteSignerConfig['validators'][number]>;
  readonly oracleSet?: OracleSetRef | undefined;
}): Uint8Array {
  const end = `}${oracleSet === undefined ? '' : `, "oracle_set": ${formatOracleSet(oracleSet)}`}}`;
  let length = BEGIN.length + end.length;
  let separator = '';
  for (const { shares } of validators) {
    length += separator.length + KEY_LENGTH + ': []'.length;
    length += shares.length * KEY_LENGTH + Math.max(0, shares.length - 1) * SEPARATOR.length;
    separator = SEPARATOR;
  }
  const file = new AsciiBytes(length).text(BEGIN);
  separator = '';
  for (const { publicKey, shares } of validators) {
    file.text(`${separator}"0x`).hex(publicKey).text('": [');
    for (const [place, share] of shares.entries()) {
      file
        .text(place === 0 ? '"0x' : `${SEPARATOR}"0x`)
        .hex(share)
        .text('"');
    }
    file.text(']');
    separator = SEPARATOR;
  }
  return file.text(end).bytes;
}

const BEGIN = '{"pubkeys_to_shares": {';
const SEPARATOR = ', ';
/** Length of a public key in quotes. */
const KEY_LENGTH = '"0x"'.length + 2 * PUBLIC_KEY_LENGTH;

function formatOracleSet({ configHash, ipfsHash, threshold }: OracleSetRef): string {
  return formatPythonJson({
    config_hash: toHex(configHash),
    config_ipfs_hash: ipfsHash,
    threshold,
  });
}
