import { keccak_256 } from '@noble/hashes/sha3.js';

/** keccak256(keccak256(abi.encode(bytes, uint256))): a validator of the deposit data and its place there. */
export function hashDepositLeaf(entry: Uint8Array, index: number): Uint8Array {
  const padding = Buffer.alloc((32 - (entry.length % 32)) % 32);
  const encoded = Buffer.concat([word(64), word(index), word(entry.length), entry, padding]);
  return keccak_256(keccak_256(encoded));
}

/** OpenZeppelin's multi-proof: consumes leaves, then computed nodes, in order. */
export function isMultiProven(
  root: Uint8Array,
  leaves: readonly Uint8Array[],
  { proof, proofFlags }: { readonly proof: readonly Uint8Array[]; readonly proofFlags: readonly boolean[] },
): boolean {
  if (leaves.length + proof.length !== proofFlags.length + 1) return false;
  const queue = [...leaves];
  const siblings = [...proof];
  for (const flag of proofFlags) {
    const left = queue.shift();
    const right = flag ? queue.shift() : siblings.shift();
    if (left === undefined || right === undefined) return false;
    const [low, high] = Buffer.compare(left, right) < 0 ? [left, right] : [right, left];
    queue.push(keccak_256(Buffer.concat([low, high])));
  }
  const last = queue.length === 1 ? queue[0] : siblings[0];
  return last !== undefined && Buffer.compare(last, root) === 0;
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt32BE(value, 28);
  return bytes;
}
