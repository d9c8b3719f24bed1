/** The public facts of a sealed key. Null where the kind has no such thing. */
export interface KeyFacts {
  readonly kind: 'validator' | 'share';
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** Public key of the validator whose share this is. */
  readonly parentPublicKey: Uint8Array | null;
  /** 32 bytes. */
  readonly oracleSetHash: Uint8Array | null;
  readonly shareIndex: number | null;
  readonly dataKeyId: number;
}

/** What the manifest's MAC covers of each row that readers see. */
export interface ManifestEntry extends Pick<KeyFacts, 'publicKey' | 'dataKeyId'> {
  /** 12 bytes, which name the ciphertext: every sealing draws another one. */
  readonly nonce: Uint8Array;
}
