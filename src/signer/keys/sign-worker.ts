import { parentPort } from 'node:worker_threads';
import { signMessage } from '../../domain/consensus/bls.ts';
import { messageOf } from '../../lib/errors.ts';
import type { SignBatch, SignedBatch } from './sign-messages.ts';

// The one copy of a key outside of shared memory; blst's own cannot be overwritten from here and is freed right away.
const secretKey = new Uint8Array(32);

parentPort?.on('message', (batch: SignBatch) => {
  const answer = signBatch(batch);
  parentPort?.postMessage(answer, 'signatures' in answer ? [answer.signatures.buffer as ArrayBuffer] : []);
});

function signBatch({ secretKeys, places, roots }: SignBatch): SignedBatch {
  const keys = new Uint8Array(secretKeys);
  const signatures = new Uint8Array(96 * places.length);
  try {
    for (const [i, place] of places.entries()) {
      secretKey.set(keys.subarray(32 * place, 32 * (place + 1)));
      signatures.set(signMessage(secretKey, roots.subarray(32 * i, 32 * (i + 1))), 96 * i);
    }
    return { signatures };
  } catch (error) {
    return { failure: messageOf(error) };
  } finally {
    secretKey.fill(0);
  }
}
