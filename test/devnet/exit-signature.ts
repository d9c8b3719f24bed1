import { createHash } from 'node:crypto';
import { bls12_381 } from '@noble/curves/bls12-381.js';

/** What exits of a chain are signed for. */
export interface ExitChain {
  /** 32 bytes. */
  readonly genesisValidatorsRoot: Uint8Array;
  /** 4 bytes. */
  readonly capellaForkVersion: Uint8Array;
}

/** What deposits of a chain are signed for. */
export interface DepositChain {
  /** 4 bytes. */
  readonly genesisForkVersion: Uint8Array;
}

const { longSignatures } = bls12_381;
/** The domain separation tag of signatures in G2, as the consensus specification has it. */
export const EXIT_DST = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_';

/** Signing root of a voluntary exit (EIP-7044), by hand: containers of two leaves each. */
export function exitSigningRoot(exit: { epoch: bigint; validatorIndex: bigint }, chain: ExitChain): Buffer {
  const objectRoot = hashPair(leaf(exit.epoch), leaf(exit.validatorIndex));
  const version = Buffer.concat([chain.capellaForkVersion, Buffer.alloc(28)]);
  const forkDataRoot = hashPair(version, chain.genesisValidatorsRoot);
  const domain = Buffer.concat([Uint8Array.of(4, 0, 0, 0), forkDataRoot.subarray(0, 28)]);
  return hashPair(objectRoot, domain);
}

/** Whether an exit is signed by the key. */
export function isSignedBy(publicKey: Uint8Array, signingRoot: Uint8Array, signature: Uint8Array): boolean {
  try {
    return longSignatures.verify(signature, longSignatures.hash(signingRoot, EXIT_DST), publicKey);
  } catch {
    return false;
  }
}

/** Signature of 96 bytes. */
export function sign(secretKey: Uint8Array, signingRoot: Uint8Array): Uint8Array {
  return longSignatures.sign(longSignatures.hash(signingRoot, EXIT_DST), secretKey).toBytes();
}

/** Public key of 48 bytes. */
export function publicKeyOf(secretKey: Uint8Array): Uint8Array {
  return longSignatures.getPublicKey(secretKey).toBytes();
}

/** Text of bytes as the APIs write it. */
export function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString('hex')}`;
}

/** Bytes of such a text. */
export function unhex(text: string): Buffer {
  return Buffer.from(text.replace(/^0x/, ''), 'hex');
}

function leaf(value: bigint): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

function hashPair(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash('sha256').update(left).update(right).digest();
}
