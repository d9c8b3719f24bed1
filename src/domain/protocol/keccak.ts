import { keccakP } from '@noble/hashes/sha3.js';

const HASH_WORDS = 8;
/** How many words of the state a block of the message goes into. */
const BLOCK_WORDS = 34;

/**
 * Keccak-256 of many short messages, such as the nodes of a tree: one state for all of them, where `keccak_256` makes four
 * objects for each, a fifth of its time for 64 bytes.
 */
export class Keccak256 {
  readonly #state = new Uint32Array(50);

  /**
   * Writes the hash of a message to a place of another array, or of the same one.
   * @param message - a multiple of 4 bytes
   */
  hashInto(message: Uint8Array, target: DataView, offset: number): void {
    const words = new DataView(message.buffer, message.byteOffset, message.length);
    const state = this.#state.fill(0);
    let place = 0;
    for (let at = 0; at < message.length; at += 4) {
      state[place] = (state[place] as number) ^ words.getUint32(at, true);
      place += 1;
      if (place < BLOCK_WORDS) continue;
      keccakP(state);
      place = 0;
    }
    // The padding: its first bit behind the message, its last one at the end of the block.
    state[place] = (state[place] as number) ^ 1;
    state[BLOCK_WORDS - 1] = (state[BLOCK_WORDS - 1] as number) ^ 0x8000_0000;
    keccakP(state);
    for (let i = 0; i < HASH_WORDS; i++) target.setUint32(offset + 4 * i, state[i] as number, true);
  }
}
