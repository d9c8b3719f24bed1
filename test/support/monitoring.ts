import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { z } from 'zod';
import { PROJECT_ROOT } from './programs/cli.ts';

/** A question to Prometheus, and where it stands. */
export interface DeployedQuery {
  readonly where: string;
  readonly expr: string;
}

const dashboardSchema = z.looseObject({
  uid: z.string(),
  panels: z.array(
    z.looseObject({
      type: z.string(),
      title: z.string().optional(),
      description: z.string().optional(),
      targets: z.array(z.looseObject({ expr: z.string(), refId: z.string() })).optional(),
    }),
  ),
  templating: z.looseObject({ list: z.array(z.looseObject({ name: z.string(), query: z.unknown() })) }),
});
export type DeployedDashboard = z.infer<typeof dashboardSchema>;

const alertSchema = z.strictObject({
  alert: z.string(),
  expr: z.string(),
  for: z.string(),
  labels: z.strictObject({ severity: z.enum(['critical', 'warning']) }),
  annotations: z.strictObject({ summary: z.string(), description: z.string(), runbook: z.string() }),
});
export type DeployedAlert = z.infer<typeof alertSchema>;
const rulesSchema = z.strictObject({
  groups: z.array(z.strictObject({ name: z.string(), rules: z.array(alertSchema) })),
});

/** Paths below the project of what a pattern finds, in order. */
export function deployedFiles(pattern: string): readonly string[] {
  return globSync(pattern, { cwd: PROJECT_ROOT }).sort();
}

export function readDeployed(path: string): string {
  return readFileSync(join(PROJECT_ROOT, path), 'utf8');
}

/** All dashboards of deploy/grafana. */
export function readDashboards(): readonly DeployedDashboard[] {
  return deployedFiles('deploy/grafana/*.json').map(path =>
    dashboardSchema.parse(JSON.parse(readDeployed(path))),
  );
}

/** Every query of every panel. */
export function panelQueries(dashboards = readDashboards()): readonly DeployedQuery[] {
  return dashboards.flatMap(({ panels }) =>
    panels.flatMap(({ title = 'untitled', targets = [] }) =>
      targets.map(({ expr, refId }) => ({ where: `panel "${title}" ${refId}`, expr })),
    ),
  );
}

/** All alerts of deploy/prometheus; a rule that is of another form than ours is an error. */
export function readAlerts(): readonly DeployedAlert[] {
  return deployedFiles('deploy/prometheus/*.rules.yml').flatMap(path =>
    rulesSchema.parse(parse(readDeployed(path))).groups.flatMap(group => group.rules),
  );
}

export interface PromqlParts {
  /** Whether it is PromQL at all. */
  readonly isValid: boolean;
  /** Series that are asked for, with the labels that choose among them. */
  readonly selectors: readonly { readonly metric: string; readonly labels: readonly string[] }[];
  /** Labels by which results are grouped or joined. */
  readonly grouping: readonly string[];
}

/** What an expression asks for. Variables of Grafana are allowed where a duration or a string stands. */
export function partsOfPromql(expr: string): PromqlParts {
  const text = expr.replaceAll('$__rate_interval', '5m').replaceAll('$__range', '1h');
  const selectors: { metric: string; labels: string[] }[] = [];
  const grouping: string[] = [];
  let isValid = true;
  parser.parse(text).iterate({
    enter({ type, name, node, from, to }) {
      if (type.isError) isValid = false;
      if (name === 'VectorSelector') selectors.push({ metric: '', labels: [] });
      const selector = selectors.at(-1);
      const part = text.slice(from, to);
      if (name === 'Identifier' && node.parent?.name === 'VectorSelector' && selector) selector.metric = part;
      if (name !== 'LabelName') return;
      if (node.parent?.name === 'GroupingLabels') grouping.push(part);
      else selector?.labels.push(part);
    },
  });
  return { isValid, selectors, grouping };
}
