import { z } from 'zod';
import type { EndpointUrl } from '../lib/endpoint-url.ts';
import { ExternalError } from '../lib/errors.ts';
import { foreignText } from '../lib/foreign-text.ts';
import { matchSchema } from '../lib/match-schema.ts';
import { bodyJson, type HttpDeps, requestHttp } from './http.ts';

const cleaned = z.string().transform(foreignText);
const time = z.iso.datetime();
const MAX_ANSWER_BYTES = 1024 * 1024;

/** What an operator answers with at /readyz, as far as it is shown. */
const report = z.object({
  ready: z.boolean(),
  phase: cleaned,
  waitsFor: cleaned.nullable(),
  tasks: z
    .array(
      z.object({
        name: cleaned,
        running: z.boolean(),
        lastSuccess: time.nullable(),
        lastError: z.object({ message: cleaned }).nullable(),
        waitsFor: cleaned.nullable(),
        failures: z.int().min(0),
      }),
    )
    .max(100)
    .readonly(),
  validatorKeys: z.object({ unused: z.int().min(0) }).optional(),
});

/** What an operator says of itself. */
export type OperatorReport = z.infer<typeof report>;

/**
 * Asks a running operator whether it can do its work, and what its tasks do.
 * @param options.url - of its probes, with or without /readyz
 * @throws ExternalError 'invalid-answer' when another program listens there, and those of the connection
 */
export async function fetchReadiness(
  deps: HttpDeps,
  options: {
    readonly url: EndpointUrl;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<OperatorReport> {
  const url = `${options.url.reveal().replace(/\/readyz$/, '')}/readyz`;
  const response = await requestHttp(deps, {
    url,
    timeoutMs: options.timeoutMs,
    maxBytes: MAX_ANSWER_BYTES,
    retries: 0,
    signal: options.signal,
    isExpected: status => status === 200 || status === 503,
  });
  const checked = matchSchema(report, bodyJson(response, url));
  if (checked.success) return checked.data;
  throw new ExternalError('invalid-answer', `${options.url.name} does not answer as an operator does.`, {
    hint: 'Name the address of --health-port of the operator.',
    cause: checked.fault.cause,
  });
}
