import type { OperatorReport } from '../clients/operator-probes.ts';
import type { Observation } from '../domain/fleet/observation/observation.ts';
import { messageOf } from '../lib/errors.ts';
import { isPlainLoopback } from '../lib/loopback.ts';
import { owned } from '../lib/owned.ts';
import { operatorFactsOf } from '../services/fleet/observe/observe-operators.ts';
import { type PageServer, startPageServer } from '../services/fleet/page/page-server.ts';
import type { FleetSettings, StatusPageSettings } from '../settings/fleet-settings.ts';
import { openFleet } from './fleet.ts';

export interface StatusPageContext {
  readonly programVersion: string;
  readonly warn: (line: string) => void;
  /** Takes secrets out of what counterparts have said. */
  readonly scrub: (text: string) => string;
  /** The operator that serves the page, where one does. */
  readonly operator?: { readonly name: string; readonly report: () => OperatorReport } | undefined;
}

/**
 * Serves a fleet as one page for browsers. It is looked at while somebody looks at the page.
 * @throws OperatorError 'port-in-use', 'cannot-listen', and those of {@link openFleet}
 */
export async function openStatusPage(
  settings: { readonly page: StatusPageSettings; readonly fleet: FleetSettings },
  { programVersion, warn, scrub, operator }: StatusPageContext,
): Promise<PageServer> {
  await using stack = new AsyncDisposableStack();
  const fleet = stack.use(await openFleet(settings.fleet, { programVersion, warn }));
  const { host, port, hosts, intervalMs } = settings.page;
  const page = stack.use(
    await startPageServer({
      host,
      port,
      hosts,
      intervalMs,
      observe: async () => {
        const seen = await fleet.observe();
        return scrubbed(operator === undefined ? seen : withOperator(seen, operator), scrub);
      },
      onFault: error => warn(`The fleet could not be looked at: ${scrub(messageOf(error))}`),
    }),
  );
  if (host !== 'localhost' && !isPlainLoopback(host))
    warn(`The status page listens beyond this machine: whoever reaches ${page.url} can read it.`);
  return owned(stack, { url: page.url, look: page.look });
}

/** The operator knows its own state without being asked over the network. */
function withOperator(
  observation: Observation,
  { name, report }: NonNullable<StatusPageContext['operator']>,
): Observation {
  const own = { answer: 'answered', latencyMs: 0, facts: operatorFactsOf(report()) } as const;
  return { ...observation, operators: [{ name, seen: own }, ...observation.operators] };
}

/** What counterparts have said is theirs: an address of a node may come back in it, with its key. */
function scrubbed(observation: Observation, scrub: (text: string) => string): Observation {
  const clean = (_key: string, value: unknown) => (typeof value === 'string' ? scrub(value) : value);
  return JSON.parse(JSON.stringify(observation, clean));
}
