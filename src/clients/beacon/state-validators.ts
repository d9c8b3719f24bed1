import type { z } from 'zod';
import { type Hex, toHex } from '../../lib/bytes.ts';
import { ExternalError } from '../../lib/errors.ts';
import { type BeaconEndpoint, GET_BATCH, NO_POST, notReadyError } from './beacon-node.ts';

/** 5,000 keys are 0.5 MB of a request, below the 1 MB that proxies take, and 3 MB of an answer. */
const POST_BATCH = 5_000;

/** What an answer has of one validator, beside what the schema takes. */
interface Named {
  readonly validator: { readonly pubkey: Uint8Array };
}

/**
 * Validators of one state of one node. Keys that the chain does not know are missing in the answer.
 * @param question.state - the name of the state: a slot, or `head`
 * @param question.publicKeys - 48 bytes each
 * @returns by public key in lower-case hex
 * @throws ExternalError `beacon-node-not-ready`, `invalid-answer`, and what the request fails with
 */
export async function fetchStateValidators<T extends Named>(
  endpoint: BeaconEndpoint,
  schema: z.ZodType<{ readonly execution_optimistic: boolean; readonly data: readonly T[] }>,
  { state, publicKeys }: { readonly state: string; readonly publicKeys: readonly Uint8Array[] },
): Promise<Map<Hex, T>> {
  const path = `/eth/v1/beacon/states/${state}/validators`;
  const wanted = [...new Set(publicKeys.map(toHex))];
  const found = new Map<Hex, T>();
  // An empty list of ids would ask for all validators of the chain.
  for (let from = 0; from < wanted.length; from += POST_BATCH) {
    const piece = wanted.slice(from, from + POST_BATCH);
    const asked = new Set(piece);
    for (const answer of await fetchPiece(endpoint, schema, path, piece)) {
      const publicKey = toHex(answer.validator.pubkey);
      if (!asked.has(publicKey)) continue;
      if (found.has(publicKey)) {
        throw new ExternalError(
          'invalid-answer',
          `${endpoint.name} tells of two validators with the public key ${publicKey}.`,
        );
      }
      found.set(publicKey, answer);
    }
  }
  return found;
}

async function fetchPiece<T>(
  endpoint: BeaconEndpoint,
  schema: z.ZodType<{ readonly execution_optimistic: boolean; readonly data: readonly T[] }>,
  path: string,
  ids: readonly Hex[],
): Promise<readonly T[]> {
  const posted = await endpoint.ask(schema, path, { body: JSON.stringify({ ids }), absent: NO_POST });
  if (posted !== undefined) return requireVerified(endpoint, posted).data;
  const pages: (readonly T[])[] = [];
  for (let from = 0; from < ids.length; from += GET_BATCH) {
    const query = ids.slice(from, from + GET_BATCH).join(',');
    pages.push(requireVerified(endpoint, await endpoint.ask(schema, `${path}?id=${query}`)).data);
  }
  return pages.flat();
}

/**
 * Insists on an answer that the execution node has verified: what is built upon another block is nobody's yet.
 * @throws ExternalError `beacon-node-not-ready`
 */
export function requireVerified<T extends { readonly execution_optimistic: boolean }>(
  endpoint: BeaconEndpoint,
  answer: T | undefined,
): T {
  if (answer === undefined) throw new Error('an answer that must be there is missing');
  if (!answer.execution_optimistic) return answer;
  throw notReadyError(endpoint.name, 'its head is optimistic: the execution node has not verified it');
}
