import { toHex } from '../../lib/bytes.ts';
import { ADDRESS_LENGTH, HASH_LENGTH, PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import type { KeyFacts } from '../fleet/key-facts.ts';

/** The vault to which encrypted things belong. */
export interface VaultContext {
  readonly chainId: number;
  /** 20-byte address. */
  readonly vault: Uint8Array;
}

/** Everything that a sealed key is bound to. */
export interface KeyContext extends VaultContext, KeyFacts {}

/** Version of the envelope's format; part of all associated data and of every subkey's name. */
export const FORMAT_VERSION = 1;

const TAG_WIDTH = 16;
const VAULT_WIDTH = TAG_WIDTH + 1 + 8 + ADDRESS_LENGTH;
const KINDS = { validator: 1, share: 2 } as const;

/** Where the fields of {@link encodeKeyContext} begin. */
const OFFSET = {
  kind: VAULT_WIDTH,
  publicKey: VAULT_WIDTH + 1,
  parentPublicKey: VAULT_WIDTH + 49,
  oracleSetHash: VAULT_WIDTH + 98,
  shareIndex: VAULT_WIDTH + 131,
  dataKeyId: VAULT_WIDTH + 136,
} as const;
export const KEY_CONTEXT_LENGTH = OFFSET.dataKeyId + 4;

/**
 * Associated data of a sealed key: a domain tag and all fields at fixed places, an absent one as zeros behind a zero flag,
 * so that no two contexts have the same bytes.
 * @throws RangeError when a field has another length than its own
 */
export function encodeKeyContext(context: KeyContext): Uint8Array {
  const bytes = new Uint8Array(KEY_CONTEXT_LENGTH);
  keyContextWriter(context)(bytes, context);
  return bytes;
}

/** Writes {@link encodeKeyContext}'s bytes of many keys of one vault, each to where there are zeros so far. */
export function keyContextWriter({
  chainId,
  vault,
}: VaultContext): (target: Uint8Array, facts: KeyFacts) => void {
  const head = new Uint8Array(VAULT_WIDTH);
  writeVault(head, 'stakewise/row', { chainId, vault });
  return (target, facts) => {
    target.set(head);
    target[OFFSET.kind] = KINDS[facts.kind];
    writeBytes(target, OFFSET.publicKey, facts.publicKey, PUBLIC_KEY_LENGTH);
    writeOptional(target, OFFSET.parentPublicKey, facts.parentPublicKey, PUBLIC_KEY_LENGTH);
    writeOptional(target, OFFSET.oracleSetHash, facts.oracleSetHash, HASH_LENGTH);
    if (facts.shareIndex !== null) {
      target[OFFSET.shareIndex] = 1;
      writeUint32(target, OFFSET.shareIndex + 1, facts.shareIndex);
    }
    writeUint32(target, OFFSET.dataKeyId, facts.dataKeyId);
  };
}

/** Public key and data-key id out of {@link encodeKeyContext}'s bytes, as views of them. */
export function readKeyContext(bytes: Uint8Array): { publicKey: Uint8Array; dataKeyId: number } {
  return {
    publicKey: bytes.subarray(OFFSET.publicKey, OFFSET.publicKey + PUBLIC_KEY_LENGTH),
    dataKeyId: new DataView(bytes.buffer, bytes.byteOffset).getUint32(OFFSET.dataKeyId),
  };
}

/** Associated data of a wrapped data key. */
export function encodeDataKeyContext(context: VaultContext & { readonly dataKeyId: number }): Uint8Array {
  const bytes = new Uint8Array(VAULT_WIDTH + 4);
  writeVault(bytes, 'stakewise/dek', context);
  writeUint32(bytes, VAULT_WIDTH, context.dataKeyId);
  return bytes;
}

/** Associated data of a sealed signing key. */
export function encodeSigningKeyContext(
  context: VaultContext & { readonly dataKeyId: number; readonly verifyingKey: Uint8Array },
): Uint8Array {
  const bytes = new Uint8Array(VAULT_WIDTH + 4 + 32);
  writeVault(bytes, 'stakewise/sign', context);
  writeUint32(bytes, VAULT_WIDTH, context.dataKeyId);
  writeBytes(bytes, VAULT_WIDTH + 4, context.verifyingKey, 32);
  return bytes;
}

/** What the manifest's MAC begins with: counter, deposit data root and number of entries. */
export function encodeManifestHead(
  context: VaultContext,
  manifest: { readonly counter: bigint; readonly depositDataRoot: Uint8Array | null },
): Uint8Array {
  const bytes = new Uint8Array(VAULT_WIDTH + 8 + 33);
  writeVault(bytes, 'stakewise/list', context);
  new DataView(bytes.buffer).setBigUint64(VAULT_WIDTH, manifest.counter);
  writeOptional(bytes, VAULT_WIDTH + 8, manifest.depositDataRoot, HASH_LENGTH);
  return bytes;
}

/** What an upload's proof is bound to, beside what it names. */
export function encodeProofContext(context: VaultContext): Uint8Array {
  const bytes = new Uint8Array(VAULT_WIDTH);
  writeVault(bytes, 'stakewise/proof', context);
  return bytes;
}

function writeVault(target: Uint8Array, tag: string, context: VaultContext): void {
  new TextEncoder().encodeInto(tag, target.subarray(0, TAG_WIDTH));
  target[TAG_WIDTH] = FORMAT_VERSION;
  new DataView(target.buffer).setBigUint64(TAG_WIDTH + 1, BigInt(context.chainId));
  writeBytes(target, TAG_WIDTH + 9, context.vault, ADDRESS_LENGTH);
}

function writeOptional(target: Uint8Array, offset: number, value: Uint8Array | null, length: number): void {
  if (value === null) return;
  target[offset] = 1;
  writeBytes(target, offset + 1, value, length);
}

function writeBytes(target: Uint8Array, offset: number, value: Uint8Array, length: number): void {
  if (value.length !== length)
    throw new RangeError(`${toHex(value)} has ${value.length} bytes, not ${length}`);
  target.set(value, offset);
}

function writeUint32(target: Uint8Array, offset: number, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff)
    throw new RangeError(`${value} is no 32-bit number`);
  new DataView(target.buffer, target.byteOffset).setUint32(offset, value);
}
