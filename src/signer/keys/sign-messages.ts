/** What the signer's threads are told and answer. Keys never travel in messages: they lie in shared memory. */
export interface SignBatch {
  /** Secret keys of 32 bytes, flat. */
  readonly secretKeys: SharedArrayBuffer;
  /** Places of the keys of this batch. */
  readonly places: readonly number[];
  /** Signing roots of 32 bytes, flat, one for each place. */
  readonly roots: Uint8Array;
}

/** The one job of the threads: signatures of 96 bytes, flat, in the order of the batch. */
export interface SignJobs {
  sign: { input: SignBatch; output: Uint8Array };
}
