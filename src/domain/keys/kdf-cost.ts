import { z } from 'zod';

/**
 * What a foreign keystore or wallet may cost, decided by the numbers in the file before anything of it is computed. Whoever
 * wrote the file chose them: without limits it could take the machine's memory, or hours.
 *
 * - scrypt takes 128 · n · r bytes: 1 GiB at most, which n = 2^20, r = 8 needs, four times the usual n = 2^18, r = 8.
 * - Its time goes with n · r · p: 2^24 at most, eight times the usual, some ten seconds.
 * - r is 64 and p is 16 at most, so that what both take beside (128 · r · p bytes) is nothing.
 * - pbkdf2 makes 10,000,000 rounds at most, some five seconds; the usual are 262,144, the most that a maker has as its
 *   default are 1,000,000.
 * - A salt has 1,024 bytes at most; 16 or 32 are usual.
 *
 * What the makers write is well below: EIP-2335 keystores of the deposit CLI, Prysm, Teku, Lodestar, Nimbus, Lighthouse and
 * ethdo (n = 2^18, r = 8, p = 1 or c = 262,144), wallets of geth (n = 2^18, r = 8, p = 1; light:
 * n = 4096, r = 8, p = 6), ethers and web3j (n = 2^17, 2^18), eth-account (n = 2^18, r = 1, p = 8 or r = 8, p = 1;
 * c = 1,000,000) and Parity (c = 10,240).
 */
export const KDF_LIMITS = {
  memoryBytes: 1024 ** 3,
  work: 2 ** 24,
  r: 64,
  p: 16,
  rounds: 10_000_000,
  saltBytes: 1024,
} as const;

/** Hex in any case, with a prefix or without, as bare lower-case digits; anything else goes on as it is. */
export function bareHex(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/^0x/i, '').toLowerCase() : value;
}

export const saltSchema = z.preprocess(
  bareHex,
  z
    .string()
    .regex(/^(?:[0-9a-fA-F]{2})*$/, { error: 'is not hex' })
    .max(2 * KDF_LIMITS.saltBytes, { error: `has more than ${KDF_LIMITS.saltBytes} bytes` }),
);

/** The numbers of scrypt, within {@link KDF_LIMITS}. */
export const scryptSchema = z
  .object({
    // In the order in which keystores are written.
    dklen: z.literal(32),
    n: z.int().positive(),
    r: z
      .int()
      .positive()
      .max(KDF_LIMITS.r, { error: `is more than ${KDF_LIMITS.r}` }),
    p: z
      .int()
      .positive()
      .max(KDF_LIMITS.p, { error: `is more than ${KDF_LIMITS.p}` }),
    salt: saltSchema,
  })
  .refine(({ n, r }) => 128 * n * r <= KDF_LIMITS.memoryBytes, {
    error: 'asks for more than 1 GiB of memory',
  })
  .refine(({ n, r, p }) => n * r * p <= KDF_LIMITS.work, {
    error: `asks for more work than n · r · p = ${KDF_LIMITS.work}`,
  });

/** How many rounds pbkdf2 makes, within {@link KDF_LIMITS}. */
export const roundsSchema = z
  .int()
  .positive()
  .max(KDF_LIMITS.rounds, { error: `asks for more than ${KDF_LIMITS.rounds} rounds` });

/** The memory that one derivation takes, in bytes. */
export function memoryOfScrypt({
  n,
  r,
  p,
}: {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}): number {
  return 128 * r * (n + p);
}
