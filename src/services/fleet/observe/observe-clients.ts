import { fetchRunningKeys, type RunningKeys } from '../../../clients/remote-keys.ts';
import type { SignerTls } from '../../../clients/signer/signer-tls.ts';
import type {
  KeymanagerFacts,
  Observation,
  SomeKeys,
} from '../../../domain/fleet/observation/observation.ts';
import type { EndpointUrl } from '../../../lib/endpoint-url.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import { ask } from './ask.ts';
import { type FleetKeys, KeyCount, NOBODY } from './fleet-keys.ts';

/** A validator client whose key manager is asked. */
export interface ClientToObserve {
  readonly url: EndpointUrl;
  /** What the client has written into its token file. */
  readonly token: string;
}

export interface ClientsToObserve {
  readonly clients: readonly ClientToObserve[];
  readonly tls: SignerTls | undefined;
  readonly limitMs: number;
}

/** The keys that validator clients run now, and those that more than one of them runs. */
export type ObservedClients = Pick<Observation, 'keymanagers' | 'runTwice'>;

/**
 * Asks each validator client which keys it runs, all at once, and compares them with the plan and with each other.
 * @param keys - the vault's; undefined when nobody knows them
 */
export async function observeClients(
  { clients, tls, limitMs }: ClientsToObserve,
  keys: Promise<FleetKeys | undefined>,
): Promise<ObservedClients> {
  const answers = await Promise.all(
    clients.map(async ({ url, token }) => ({
      name: url.name,
      seen: await ask(limitMs, ({ signal }) =>
        fetchRunningKeys({ url, token, tls, timeoutMs: limitMs, signal }),
      ),
    })),
  );
  const known = await keys;
  const running = answers.flatMap(({ seen }) => (seen.answer === 'answered' ? [seen.facts] : []));
  return {
    keymanagers: answers.map(({ name, seen }) => ({
      name,
      seen: seen.answer === 'answered' ? { ...seen, facts: compareWithPlan(seen.facts, known) } : seen,
    })),
    runTwice: findDoubles(running),
  };
}

/** Compares the keys of a client with those of the client of the plan that has most of them. */
export function compareWithPlan(
  { keys, remote }: RunningKeys,
  known: FleetKeys | undefined,
): KeymanagerFacts {
  const missing = new KeyCount();
  const misplaced = new KeyCount();
  const owners = new Map<number, number>();
  let own = 0;
  for (const publicKey of keys) {
    const place = known?.validators.placeOf(publicKey);
    if (place === undefined) continue;
    own += 1;
    const client = known?.clientOf?.[place] ?? NOBODY;
    if (client !== NOBODY) owners.set(client, (owners.get(client) ?? 0) + 1);
  }
  const index = mostOf(owners);
  const counts = { runs: keys.length, remote, foreign: known === undefined ? 0 : keys.length - own };
  if (known?.clientOf === undefined || index === undefined)
    return { ...counts, missing: missing.get(), misplaced: misplaced.get() };
  for (const publicKey of keys) {
    const place = known.validators.placeOf(publicKey);
    if (place !== undefined && known.clientOf[place] !== index) misplaced.add(publicKey);
  }
  for (const [place, client] of known.clientOf.entries()) {
    if (client !== index) continue;
    const publicKey = known.validators.at(place);
    if (!keys.has(publicKey) && !known.retired?.has(publicKey)) missing.add(publicKey);
  }
  return { ...counts, index, missing: missing.get(), misplaced: misplaced.get() };
}

/** The client with the most keys; of equal ones the lower index, so that two looks at the same say the same. */
function mostOf(owners: ReadonlyMap<number, number>): number | undefined {
  const sorted = [...owners].sort(([a, many], [b, more]) => more - many || a - b);
  return sorted[0]?.[0];
}

/** Keys that more than one of the clients runs, whosever they are: each is slashed when both sign with it. */
export function findDoubles(running: readonly RunningKeys[]): SomeKeys {
  const seen = new RecordTable(PUBLIC_KEY_LENGTH);
  const told = new RecordTable(PUBLIC_KEY_LENGTH);
  const doubles = new KeyCount();
  for (const { keys } of running) {
    for (const publicKey of keys) {
      const before = seen.length;
      seen.add(publicKey);
      // One that a third client runs, too, is told of once.
      if (seen.length > before || told.has(publicKey)) continue;
      told.add(publicKey);
      doubles.add(publicKey);
    }
  }
  return doubles.get();
}
