import type { HttpDeps } from '../../../clients/http.ts';
import { fetchReadiness, type OperatorReport } from '../../../clients/operator-probes.ts';
import type { Observation, OperatorFacts } from '../../../domain/fleet/observation/observation.ts';
import type { EndpointUrl } from '../../../lib/endpoint-url.ts';
import { ask } from './ask.ts';

export interface OperatorsToObserve {
  /** Addresses of their probes. */
  readonly urls: readonly EndpointUrl[];
  readonly limitMs: number;
}

/** Asks each operator what it does and waits for, all at once. */
export function observeOperators(
  http: HttpDeps,
  { urls, limitMs }: OperatorsToObserve,
): Promise<Observation['operators']> {
  return Promise.all(
    urls.map(async url => ({
      name: url.name,
      seen: await ask(limitMs, async ({ signal }) =>
        operatorFactsOf(await fetchReadiness(http, { url, timeoutMs: limitMs, signal })),
      ),
    })),
  );
}

/** What an operator reports of itself, as an observation has it. */
export function operatorFactsOf({
  ready,
  phase,
  waitsFor,
  tasks,
  validatorKeys,
}: OperatorReport): OperatorFacts {
  return {
    ready,
    phase,
    waitsFor: waitsFor ?? undefined,
    tasks: tasks.map(task => ({
      task: task.name,
      running: task.running,
      failures: task.failures,
      waitsFor: task.waitsFor ?? undefined,
      succeededAt: task.lastSuccess ?? undefined,
      message: task.lastError?.message,
    })),
    unusedKeys: validatorKeys?.unused,
  };
}
