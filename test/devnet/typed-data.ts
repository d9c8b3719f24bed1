import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { hex, unhex } from './exit-signature.ts';

// EIP-712 digests of the protocol, encoded by hand: what oracles and validators managers sign.

/** The domain of approvals and rewards, which is a keeper's. */
export interface KeeperDomain {
  readonly chainId: number;
  readonly keeper: string;
}

/** `KeeperValidators` of a registration. */
export function registrationDigest(
  domain: KeeperDomain,
  message: {
    readonly validatorsRegistryRoot: Uint8Array;
    readonly vault: string;
    readonly validators: Uint8Array;
    readonly exitSignaturesIpfsHash: string;
    readonly deadline: bigint;
  },
): Uint8Array {
  return keeperDigest(domain, [
    textHash(
      'KeeperValidators(bytes32 validatorsRegistryRoot,address vault,bytes validators,string exitSignaturesIpfsHash,uint256 deadline)',
    ),
    message.validatorsRegistryRoot,
    addressWord(message.vault),
    keccak_256(message.validators),
    textHash(message.exitSignaturesIpfsHash),
    word(message.deadline),
  ]);
}

/** `KeeperValidators` of new exit signatures. */
export function rotationDigest(
  domain: KeeperDomain,
  message: {
    readonly vault: string;
    readonly exitSignaturesIpfsHash: string;
    readonly nonce: bigint;
    readonly deadline: bigint;
  },
): Uint8Array {
  return keeperDigest(domain, [
    textHash('KeeperValidators(address vault,string exitSignaturesIpfsHash,uint256 nonce,uint256 deadline)'),
    addressWord(message.vault),
    textHash(message.exitSignaturesIpfsHash),
    word(message.nonce),
    word(message.deadline),
  ]);
}

/** `KeeperRewards`. */
export function rewardsDigest(
  domain: KeeperDomain,
  message: {
    readonly rewardsRoot: Uint8Array;
    readonly rewardsIpfsHash: string;
    readonly avgRewardPerSecond: bigint;
    readonly updateTimestamp: bigint;
    readonly nonce: bigint;
  },
): Uint8Array {
  return keeperDigest(domain, [
    textHash(
      'KeeperRewards(bytes32 rewardsRoot,string rewardsIpfsHash,uint256 avgRewardPerSecond,uint64 updateTimestamp,uint64 nonce)',
    ),
    message.rewardsRoot,
    textHash(message.rewardsIpfsHash),
    word(message.avgRewardPerSecond),
    word(message.updateTimestamp),
    word(message.nonce),
  ]);
}

/** `VaultValidators`: what a validators manager signs for the oracles. */
export function managerDigest(
  chainId: number,
  vault: string,
  message: { readonly validatorsRegistryRoot: Uint8Array; readonly validators: Uint8Array },
): Uint8Array {
  return digest(domainSeparator('VaultValidators', chainId, vault), [
    textHash('VaultValidators(bytes32 validatorsRegistryRoot,bytes validators)'),
    message.validatorsRegistryRoot,
    keccak_256(message.validators),
  ]);
}

/** r, s and v (27 or 28) over a digest: 65 bytes. */
export function signDigest(secretKey: Uint8Array, signed: Uint8Array): Uint8Array {
  const recovered = secp256k1.sign(signed, secretKey, { prehash: false, format: 'recovered' });
  return Buffer.concat([recovered.subarray(1), Uint8Array.of(27 + (recovered[0] ?? 0))]);
}

/** Who signed, 0x hex in lower case; undefined when it is no signature. */
export function recoverSigner(signed: Uint8Array, signature: Uint8Array): string | undefined {
  const v = signature[64] ?? 0;
  if (signature.length !== 65 || (v !== 27 && v !== 28)) return undefined;
  try {
    const recovered = Buffer.concat([Uint8Array.of(v - 27), signature.subarray(0, 64)]);
    const point = secp256k1.recoverPublicKey(recovered, signed, { prehash: false });
    return addressOf(secp256k1.Point.fromBytes(point).toBytes(false).subarray(1));
  } catch {
    return undefined;
  }
}

/** The address of a public key, which is an uncompressed point without its prefix; 0x hex in lower case. */
export function addressOf(publicKey: Uint8Array): string {
  return hex(keccak_256(publicKey).subarray(12));
}

/** EIP-55. */
export function checksumOf(address: string): string {
  const digits = address.slice(2).toLowerCase();
  const hash = Buffer.from(keccak_256(new TextEncoder().encode(digits))).toString('hex');
  return `0x${[...digits].map((digit, i) => (Number.parseInt(hash[i] ?? '0', 16) >= 8 ? digit.toUpperCase() : digit)).join('')}`;
}

function keeperDigest({ chainId, keeper }: KeeperDomain, words: readonly Uint8Array[]): Uint8Array {
  return digest(domainSeparator('KeeperOracles', chainId, keeper), words);
}

function digest(separator: Uint8Array, words: readonly Uint8Array[]): Uint8Array {
  return keccak_256(Buffer.concat([Uint8Array.of(0x19, 0x01), separator, keccak_256(Buffer.concat(words))]));
}

function domainSeparator(name: string, chainId: number, verifyingContract: string): Uint8Array {
  return keccak_256(
    Buffer.concat([
      textHash('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'),
      textHash(name),
      textHash('1'),
      word(BigInt(chainId)),
      addressWord(verifyingContract),
    ]),
  );
}

function textHash(text: string): Uint8Array {
  return keccak_256(new TextEncoder().encode(text));
}

function addressWord(address: string): Uint8Array {
  return Buffer.concat([Buffer.alloc(12), unhex(address)]);
}

function word(value: bigint): Uint8Array {
  return unhex(value.toString(16).padStart(64, '0'));
}
