// Lengths in bytes of what the protocols name. What is made of them (records, sealed keys) says so where it is defined.

/** Length of a BLS12-381 secret key, and of a secp256k1 one. */
export const SECRET_KEY_LENGTH = 32;

/** Length of a compressed BLS12-381 public key. */
export const PUBLIC_KEY_LENGTH = 48;

/** Length of a compressed BLS12-381 signature. */
export const SIGNATURE_LENGTH = 96;

/** Length of an address of the execution layer. */
export const ADDRESS_LENGTH = 20;

/** Length of a hash, and of the root of a tree of hashes: both protocols have none of another length. */
export const HASH_LENGTH = 32;

/** Length of the nonce of AES-256-GCM, and of the tag that follows what it has encrypted. */
export const GCM_NONCE_LENGTH = 12;
export const GCM_TAG_LENGTH = 16;

/** Length of a secp256k1 signature: r and s, and with v, which names the key that signed. */
export const COMPACT_SIGNATURE_LENGTH = 64;
export const RECOVERABLE_SIGNATURE_LENGTH = 65;
