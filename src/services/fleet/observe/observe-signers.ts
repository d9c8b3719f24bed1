import { openSignerEndpoint } from '../../../clients/signer/signer-endpoint.ts';
import type { SignerTls } from '../../../clients/signer/signer-tls.ts';
import { readSignerPublicKeys } from '../../../clients/signer/web3signer.ts';
import type { Observation, SignerFacts } from '../../../domain/fleet/observation/observation.ts';
import type { EndpointUrl } from '../../../lib/endpoint-url.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import { ask } from './ask.ts';
import { type FleetKeys, KeyCount } from './fleet-keys.ts';

export interface SignersToObserve {
  readonly urls: readonly EndpointUrl[];
  readonly tls: SignerTls | undefined;
  readonly limitMs: number;
}

/**
 * Asks each signer for its keys, all at once, and compares them with what it should have.
 * @param keys - what that is; undefined when nobody knows
 */
export function observeSigners(
  { urls, tls, limitMs }: SignersToObserve,
  keys: Promise<Pick<FleetKeys, 'signerKeys'> | undefined>,
): Promise<Observation['signers']> {
  return Promise.all(
    urls.map(async url => {
      const listed = await ask(limitMs, async ({ signal }) => {
        await using endpoint = openSignerEndpoint({ url, tls, timeoutMs: limitMs, connections: 1 });
        return await readSignerPublicKeys(endpoint.http, { url, timeoutMs: limitMs, signal });
      });
      const wanted = (await keys)?.signerKeys;
      if (listed.answer !== 'answered') return { name: url.name, seen: listed };
      return { name: url.name, seen: { ...listed, facts: compareKeys(listed.facts, wanted) } };
    }),
  );
}

/**
 * Compares the keys that a signer lists with those that it should have.
 * @param listed - 48 bytes each, one after another; some may stand there twice
 */
export function compareKeys(listed: Uint8Array, wanted: RecordTable | undefined): SignerFacts {
  const extra = new KeyCount();
  const missing = new KeyCount();
  if (wanted === undefined) {
    const table = RecordTable.of(listed, PUBLIC_KEY_LENGTH);
    return { loaded: table.length, missing: missing.get(), extra: extra.get() };
  }
  const isListed = new Uint8Array(wanted.length);
  // Those that are not wanted are few, or the signer is another vault's.
  const others = new RecordTable(PUBLIC_KEY_LENGTH);
  let found = 0;
  for (let at = 0; at < listed.length; at += PUBLIC_KEY_LENGTH) {
    const publicKey = listed.subarray(at, at + PUBLIC_KEY_LENGTH);
    const place = wanted.placeOf(publicKey);
    if (place === undefined) others.add(publicKey);
    else if (isListed[place] === 0) {
      isListed[place] = 1;
      found += 1;
    }
  }
  for (const other of others) extra.add(other);
  for (let place = 0; place < wanted.length; place++)
    if (isListed[place] === 0) missing.add(wanted.at(place));
  return {
    loaded: found + others.length,
    expected: wanted.length,
    missing: missing.get(),
    extra: extra.get(),
  };
}
