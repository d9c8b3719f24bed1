import { signMessage } from '../../domain/consensus/bls.ts';
import { HASH_LENGTH, SECRET_KEY_LENGTH, SIGNATURE_LENGTH } from '../../lib/lengths.ts';
import { serveJobs } from '../../workers/serve-jobs.ts';
import type { SignBatch, SignJobs } from './sign-messages.ts';

// The one copy of a key outside of shared memory; blst's own cannot be overwritten from here and is freed right away.
const secretKey = new Uint8Array(SECRET_KEY_LENGTH);

serveJobs<SignJobs>({ sign: signBatch });

function signBatch({ secretKeys, places, roots }: SignBatch): Uint8Array {
  const keys = new Uint8Array(secretKeys);
  const signatures = new Uint8Array(SIGNATURE_LENGTH * places.length);
  try {
    for (const [i, place] of places.entries()) {
      secretKey.set(recordAt(keys, place, SECRET_KEY_LENGTH));
      signatures.set(signMessage(secretKey, recordAt(roots, i, HASH_LENGTH)), SIGNATURE_LENGTH * i);
    }
    return signatures;
  } finally {
    secretKey.fill(0);
  }
}

function recordAt(flat: Uint8Array, place: number, width: number): Uint8Array {
  return flat.subarray(width * place, width * (place + 1));
}
