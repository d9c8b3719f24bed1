import { loadavg } from 'node:os';
import type { Bench, Figure } from './bench.ts';
import type { Cost } from './measure.ts';

export interface TargetLine {
  readonly text: string;
  readonly isMet: boolean;
}

export function printHead(cores: number): void {
  console.log(
    `Node ${process.versions.node}, ${cores} cores. A fresh process per figure; results are verified.`,
  );
  console.log(
    'wall | CPU of all threads | peak resident; then the bare primitives, and the ratio to them.\n',
  );
}

/** One bench: its cost, the bare cost, the targets. */
export function printFigure(bench: Bench, figure: Figure): void {
  const load = loadavg()[0]?.toFixed(2);
  console.log(`${bench.name}: ${bench.title}`);
  console.log(`  input    ${bench.input}`);
  console.log(`  cost     ${costText(figure.cost)}   (load average ${load})`);
  console.log(`  bare     ${costText(figure.bare.cost)}   ${figure.bare.label}`);
  console.log(`  ratio    ${ratio(figure).toFixed(2)} (${figure.bare.by === 'cpuMs' ? 'CPU' : 'wall'})`);
  for (const { text, isMet } of summarize(bench, figure))
    console.log(`  target   ${text} ${isMet ? 'met' : 'MISSED'}`);
  if (bench.reference !== undefined) console.log(`  Python   ${bench.reference}`);
  for (const [name, value] of Object.entries(figure.notes ?? {})) console.log(`  ${name.padEnd(8)} ${value}`);
  console.log(`  verified ${figure.verified}\n`);
}

export function summarize({ targets }: Bench, { cost }: Figure): TargetLine[] {
  return Object.entries(targets).map(([what, limit]) => {
    const actual = cost[what as keyof Cost];
    const text =
      what === 'peakMb'
        ? `${Math.round(actual)} of ${limit} MB peak`
        : `${seconds(actual)} of ${seconds(limit)} ${what === 'cpuMs' ? 'CPU' : 'wall'}`;
    return { text, isMet: actual <= limit };
  });
}

function ratio({ cost, bare }: Figure): number {
  return cost[bare.by] / bare.cost[bare.by];
}

function costText({ wallMs, cpuMs, peakMb }: Cost): string {
  const peak = Number.isNaN(peakMb) ? '' : ` | ${Math.round(peakMb)} MB`;
  return `${seconds(wallMs)} | ${Number.isNaN(cpuMs) ? '' : `${seconds(cpuMs)} CPU`}${peak}`;
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
