// Reads remote_signer_config.json and deposit_data.json as the operator and the launchpad do: SSZ by hand over SHA-256,
// signatures with @noble/curves. Shares no code with src/.
import { createHash } from 'node:crypto';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { checkPublicKey } from './addresses.ts';

export interface RemoteSignerFile {
  /** Shares by public key, in oracle order. */
  readonly shares: ReadonlyMap<string, readonly string[]>;
  readonly threshold: number | undefined;
}

/** @throws Error when the operator could not use the file */
export function readRemoteSignerFile(text: string): RemoteSignerFile {
  const json: { pubkeys_to_shares?: unknown; oracle_set?: { config_hash?: unknown; threshold?: unknown } } =
    JSON.parse(text);
  const shares = new Map<string, readonly string[]>();
  const all = new Set<string>();
  for (const [publicKey, listed] of Object.entries(Object(json.pubkeys_to_shares))) {
    checkPublicKey(publicKey, 'remote_signer_config.json');
    if (!Array.isArray(listed) || listed.length === 0) throw new Error(`${publicKey}: no shares`);
    const keys = listed.map((share: unknown) => checkPublicKey(share, `share of ${publicKey}`));
    for (const key of [publicKey, ...keys]) {
      if (all.has(key)) throw new Error(`${key} is there twice`);
      all.add(key);
    }
    shares.set(publicKey, keys);
  }
  if (new Set(Array.from(shares.values(), list => list.length)).size > 1)
    throw new Error('unequal numbers of shares');
  if (!json.oracle_set) return { shares, threshold: undefined };
  const { threshold, config_hash: hash } = json.oracle_set;
  if (typeof threshold !== 'number' || threshold < 1) throw new Error('oracle_set: no threshold');
  if (!/^0x[0-9a-f]{64}$/.test(String(hash))) throw new Error('oracle_set: no config hash');
  for (const [publicKey, list] of shares) {
    if (list.length < threshold) throw new Error(`${publicKey}: fewer shares than the threshold`);
  }
  return { shares, threshold };
}

/**
 * Whether `threshold` of a validator's shares recombine to its public key, at positions 1…threshold.
 * @throws Error when they do not
 */
export function checkShares(publicKey: string, shares: readonly string[], threshold: number): void {
  const { Fr } = bls12_381.fields;
  const chosen = shares.slice(0, threshold);
  const sum = chosen.reduce((total, share, index) => {
    const x = BigInt(index + 1);
    const coefficient = chosen.reduce((product, _, other) => {
      if (other === index) return product;
      const y = BigInt(other + 1);
      return Fr.mul(product, Fr.div(y, Fr.sub(y, x)));
    }, Fr.ONE);
    return total.add(bls12_381.G1.Point.fromHex(share.slice(2)).multiply(coefficient));
  }, bls12_381.G1.Point.ZERO);
  if (`0x${sum.toHex(true)}` !== publicKey)
    throw new Error(`${publicKey}: its shares do not recombine to it`);
}

const ENTRY_FIELDS = [
  'pubkey',
  'withdrawal_credentials',
  'amount',
  'signature',
  'deposit_message_root',
  'deposit_data_root',
  'fork_version',
];

/**
 * Verifies `deposit_data.json`: credentials of the vault, 32 ETH, both roots, the signature.
 * @param expected - vault as 0x hex, genesis fork version of the network as 4 bytes of hex
 * @returns public keys in order, 0x hex
 * @throws Error naming the entry
 */
export function readDepositData(
  text: string,
  expected: { vault: string; genesisForkVersion: string },
): string[] {
  const entries: unknown = JSON.parse(text);
  if (!Array.isArray(entries)) throw new Error('deposit_data.json: not a list');
  const credentials = `01${'00'.repeat(11)}${expected.vault.slice(2).toLowerCase()}`;
  const forkVersion = expected.genesisForkVersion.replace(/^0x/, '');
  const publicKeys = entries.map((entry: Record<string, unknown>, index) => {
    const wrong = (what: string) => new Error(`deposit_data.json, entry ${index + 1}: wrong ${what}`);
    for (const field of ENTRY_FIELDS) if (!(field in entry)) throw wrong(`${field} (missing)`);
    const publicKey = checkPublicKey(`0x${entry.pubkey}`, `entry ${index + 1}`);
    if (entry.withdrawal_credentials !== credentials) throw wrong('withdrawal credentials');
    if (entry.amount !== 32_000_000_000) throw wrong('amount');
    if (entry.fork_version !== forkVersion) throw wrong('fork version');
    const keyRoot = sha256(hex(`${entry.pubkey}${'00'.repeat(16)}`));
    const amount = Buffer.alloc(32);
    amount.writeBigUInt64LE(32_000_000_000n);
    const messageRoot = node(node(keyRoot, hex(credentials)), node(amount, Buffer.alloc(32)));
    if (entry.deposit_message_root !== messageRoot.toString('hex')) throw wrong('deposit message root');
    const signature = hex(String(entry.signature));
    const signatureRoot = node(
      sha256(signature.subarray(0, 64)),
      sha256(Buffer.concat([signature.subarray(64), Buffer.alloc(32)])),
    );
    const dataRoot = node(node(keyRoot, hex(credentials)), node(amount, signatureRoot));
    if (entry.deposit_data_root !== dataRoot.toString('hex')) throw wrong('deposit data root');
    const forkRoot = node(Buffer.concat([hex(forkVersion), Buffer.alloc(28)]), Buffer.alloc(32));
    const domain = Buffer.concat([hex('03000000'), forkRoot.subarray(0, 28)]);
    if (!verify(signature, node(messageRoot, domain), publicKey)) throw wrong('signature');
    return publicKey;
  });
  if (new Set(publicKeys).size !== publicKeys.length)
    throw new Error('deposit_data.json: a public key is there twice');
  return publicKeys;
}

function verify(signature: Uint8Array, message: Uint8Array, publicKey: string): boolean {
  const { longSignatures } = bls12_381;
  const dst = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_';
  try {
    return longSignatures.verify(
      longSignatures.Signature.fromBytes(signature),
      longSignatures.hash(message, dst),
      bls12_381.G1.Point.fromHex(publicKey.slice(2)),
    );
  } catch {
    return false;
  }
}

function sha256(data: Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}

function node(left: Uint8Array, right: Uint8Array): Buffer {
  return sha256(Buffer.concat([left, right]));
}

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}
