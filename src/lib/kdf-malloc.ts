const MIB = 1024 ** 2;

/**
 * What the C library is told in a process that derives many keys from passwords. Each scrypt takes 256 MB and gives them
 * back: by default with a mapping of its own, whose 65,536 pages the kernel makes and clears anew for every key, a sixth of
 * its whole cost (measured). So it comes from the heap, up to a quarter more than the usual scrypt takes, and the heap keeps
 * it, eight of them at most; OpenSSL has overwritten it by then. What costs more has a mapping of its own as before, so that
 * no mixture of sizes is kept. Only the first arena can hold pieces as large as these, so there is no other.
 *
 * glibc on Linux knows these names; musl and the other systems pass over them.
 */
export const KDF_MALLOC = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: String(320 * MIB),
  MALLOC_TRIM_THRESHOLD_: String(2048 * MIB),
} as const;

/**
 * Small pieces may be cut out of what one scrypt has left while another one is at work, which makes it too small for the
 * next: the heap then holds one more than are in use (seen in one of three long runs with two threads: 919 MB instead of
 * 657). Where that could be felt, nothing is kept.
 */
const ENOUGH_MEMORY = 4096 * MIB;

/** Whether there is memory enough to keep some of it. @param availableBytes - what the process may take; its control group's limit counts */
export function canKeepKdfMemory(availableBytes = process.availableMemory()): boolean {
  return availableBytes >= ENOUGH_MEMORY;
}
