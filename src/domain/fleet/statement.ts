import { createHash, createPublicKey, verify } from 'node:crypto';
import { fromHex, type Hex, toHex } from '../../lib/bytes.ts';
import { UsageError } from '../../lib/errors.ts';
import { ADDRESS_LENGTH } from '../../lib/lengths.ts';

/** The vault that a statement is about. */
export interface StatementVault {
  readonly chainId: number;
  /** 20-byte address. */
  readonly vault: Uint8Array;
}

/**
 * What a vault's key says of the facts that commands read without the encryption key. One statement for all of them, so that
 * no two states can be mixed; both counters only grow, so that an older one is known by them.
 */
export interface Statement extends StatementVault {
  /** The manifest's counter: it grows with every upload. */
  readonly manifestCounter: bigint;
  /** Grows whenever another plan of clients is signed. */
  readonly planCounter: bigint;
  /** `validatorsDigest` of the validators that readers see. */
  readonly validatorsDigest: Uint8Array;
  /** `planDigest` of the plan of clients; null when there is none, or none that the encryption key has seen. */
  readonly planDigest: Uint8Array | null;
  /** Root of the deposit data's tree. */
  readonly depositDataRoot: Uint8Array | null;
  /** SHA-256 over the deposit data's text. */
  readonly depositDataDigest: Uint8Array | null;
  /** `operatorDigest` of all that the operator's files are written from. */
  readonly operatorDigest: Uint8Array;
  /** Grows whenever another set of retired keys is signed; 0 when none ever was. */
  readonly retirementCounter: bigint;
  /** `RetiredKeys.digest` of the keys that nobody needs any more; null when there are none. */
  readonly retiredDigest: Uint8Array | null;
}

/** A statement's bytes and their Ed25519 signature of 64 bytes. */
export interface SignedStatement {
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
}

// The tag names what is signed and the version of its form: a change of either is another tag. The second form has retired keys.
const TAG = 'stakewise-operator/statement/v1';
const TAG_WITH_RETIRED = 'stakewise-operator/statement/v2';
const TAG_WIDTH = 32;
const DIGEST_WIDTH = 32;
const VERIFYING_KEY_LENGTH = 32;

const OFFSET = {
  chainId: TAG_WIDTH,
  vault: TAG_WIDTH + 8,
  manifestCounter: TAG_WIDTH + 28,
  planCounter: TAG_WIDTH + 36,
  validatorsDigest: TAG_WIDTH + 44,
  planDigest: TAG_WIDTH + 76,
  depositDataRoot: TAG_WIDTH + 109,
  depositDataDigest: TAG_WIDTH + 142,
  operatorDigest: TAG_WIDTH + 175,
  retirementCounter: TAG_WIDTH + 207,
  retiredDigest: TAG_WIDTH + 215,
} as const;

/** Lengths of {@link encodeStatement}'s bytes: while no key was ever retired, and since then. */
const STATEMENT_LENGTH = OFFSET.operatorDigest + DIGEST_WIDTH;
const LENGTH_WITH_RETIRED = OFFSET.retiredDigest + 1 + DIGEST_WIDTH;

/**
 * The bytes that are signed: a domain tag and every field at its place, numbers big-endian, an absent digest as zeros behind
 * a zero flag. No two statements have the same bytes. While no key was ever retired, they are those that programs before know.
 * @throws RangeError when a field has another length than its own
 */
export function encodeStatement(statement: Statement): Uint8Array {
  const hasRetired = statement.retirementCounter > 0n;
  const bytes = new Uint8Array(hasRetired ? LENGTH_WITH_RETIRED : STATEMENT_LENGTH);
  const view = new DataView(bytes.buffer);
  new TextEncoder().encodeInto(hasRetired ? TAG_WITH_RETIRED : TAG, bytes);
  view.setBigUint64(OFFSET.chainId, BigInt(statement.chainId));
  writeBytes(bytes, OFFSET.vault, statement.vault, ADDRESS_LENGTH);
  view.setBigUint64(OFFSET.manifestCounter, statement.manifestCounter);
  view.setBigUint64(OFFSET.planCounter, statement.planCounter);
  writeBytes(bytes, OFFSET.validatorsDigest, statement.validatorsDigest, DIGEST_WIDTH);
  writeOptional(bytes, OFFSET.planDigest, statement.planDigest);
  writeOptional(bytes, OFFSET.depositDataRoot, statement.depositDataRoot);
  writeOptional(bytes, OFFSET.depositDataDigest, statement.depositDataDigest);
  writeBytes(bytes, OFFSET.operatorDigest, statement.operatorDigest, DIGEST_WIDTH);
  if (hasRetired) {
    view.setBigUint64(OFFSET.retirementCounter, statement.retirementCounter);
    writeOptional(bytes, OFFSET.retiredDigest, statement.retiredDigest);
  } else if (statement.retiredDigest !== null) throw new RangeError('retired keys without their counter');
  return bytes;
}

/** The statement of {@link encodeStatement}'s bytes; undefined when they are not exactly such. */
export function decodeStatement(body: Uint8Array): Statement | undefined {
  const hasRetired = body.length === LENGTH_WITH_RETIRED;
  if (!hasRetired && body.length !== STATEMENT_LENGTH) return undefined;
  const view = new DataView(body.buffer, body.byteOffset);
  const digest = (offset: number) => body.slice(offset, offset + DIGEST_WIDTH);
  const optional = (offset: number) => (body[offset] === 1 ? digest(offset + 1) : null);
  const statement: Statement = {
    chainId: Number(view.getBigUint64(OFFSET.chainId)),
    vault: body.slice(OFFSET.vault, OFFSET.vault + ADDRESS_LENGTH),
    manifestCounter: view.getBigUint64(OFFSET.manifestCounter),
    planCounter: view.getBigUint64(OFFSET.planCounter),
    validatorsDigest: digest(OFFSET.validatorsDigest),
    planDigest: optional(OFFSET.planDigest),
    depositDataRoot: optional(OFFSET.depositDataRoot),
    depositDataDigest: optional(OFFSET.depositDataDigest),
    operatorDigest: digest(OFFSET.operatorDigest),
    retirementCounter: hasRetired ? view.getBigUint64(OFFSET.retirementCounter) : 0n,
    retiredDigest: hasRetired ? optional(OFFSET.retiredDigest) : null,
  };
  if (hasRetired && statement.retirementCounter === 0n) return undefined;
  // Tag, flags and the zeros behind them are what no other bytes would give again.
  return Buffer.compare(encodeStatement(statement), body) === 0 ? statement : undefined;
}

/** Whether the vault's key has signed these bytes. */
export function isSignedBy(verifyingKey: Uint8Array, { body, signature }: SignedStatement): boolean {
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(verifyingKey).toString('base64url') },
    format: 'jwk',
  });
  return verify(null, body, key, signature);
}

/** The statement of these bytes, when this key has signed it for this vault; otherwise undefined. */
export function openStatement(
  verifyingKey: Uint8Array,
  { chainId, vault }: StatementVault,
  signed: SignedStatement,
): Statement | undefined {
  if (!isSignedBy(verifyingKey, signed)) return undefined;
  const statement = decodeStatement(signed.body);
  const isOfVault = statement?.chainId === chainId && Buffer.compare(statement.vault, vault) === 0;
  return isOfVault ? statement : undefined;
}

/** A statement by the SHA-256 over its bytes. */
export function statementDigest({ body }: SignedStatement): Uint8Array {
  return new Uint8Array(createHash('sha256').update(body).digest());
}

/** SHA-256 over the deposit data's text, as a statement names it. @param document - in UTF-8 */
export function depositDataDigest(document: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(document).digest());
}

/** A vault's public key as it is printed and given: 0x and 64 hex digits. */
export function formatVaultPublicKey(verifyingKey: Uint8Array): Hex {
  return toHex(verifyingKey);
}

/**
 * The 32 bytes of a vault's public key.
 * @throws UsageError 'invalid-vault-public-key'
 */
export function parseVaultPublicKey(text: string): Uint8Array {
  const digits = text.trim();
  if (/^0x[0-9a-fA-F]{64}$/.test(digits)) return fromHex(digits, VERIFYING_KEY_LENGTH);
  throw new UsageError(
    'invalid-vault-public-key',
    `'${text}' is not the public key of a vault (0x and 64 hex digits).`,
    { hint: 'Copy it from the output of "remote-db setup", "upload-keypairs", "assign" or "verify".' },
  );
}

function writeOptional(target: Uint8Array, offset: number, value: Uint8Array | null): void {
  if (value === null) return;
  target[offset] = 1;
  writeBytes(target, offset + 1, value, DIGEST_WIDTH);
}

function writeBytes(target: Uint8Array, offset: number, value: Uint8Array, length: number): void {
  if (value.length !== length)
    throw new RangeError(`${toHex(value)} has ${value.length} bytes, not ${length}`);
  target.set(value, offset);
}
