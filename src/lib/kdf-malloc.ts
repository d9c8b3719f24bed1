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
  MALLOC_MMAP_THRESHOLD_: String(320 * 1024 ** 2),
  MALLOC_TRIM_THRESHOLD_: String(2 * 1024 ** 3),
} as const;
