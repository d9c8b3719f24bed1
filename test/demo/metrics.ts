import type { RunningProgram } from './runner.ts';

/** An operator that serves metrics. */
export interface MeteredOperator {
  readonly operator: RunningProgram;
  readonly metricsUrl: string;
  /** The name of its network, which every metric has as a label. */
  readonly network: string;
}

/** Gauges are set at the end of a pass: waits for the value. */
export async function expectMetric(
  { operator, metricsUrl, network }: MeteredOperator,
  name: string,
  value: number,
): Promise<void> {
  const label = `network="${network}"`;
  const labelled = name.endsWith('}') ? `${name.slice(0, -1)},${label}}` : `${name}{${label}}`;
  await operator.until(`the metric ${labelled} ${value}`, async () =>
    (await fetchText(metricsUrl)).split('\n').includes(`${labelled} ${value}`),
  );
}

export async function fetchText(url: string): Promise<string> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return await response.text();
}
