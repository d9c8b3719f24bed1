import { globSync } from 'node:fs';
import { basename } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** The findings of the security review. Each has at least one attack here. */
const POINTS = [
  'H1',
  'H2',
  'H3',
  'H4',
  'M1',
  'M2',
  'M3',
  'M4',
  'M5',
  'M6',
  'M7',
  'M8',
  'L1',
  'L2',
  'L3',
  'L4',
  'L5',
  'L6',
  'L7',
  'L8',
  'L9',
  'L10',
];

interface Attack {
  readonly point: string;
  /** The test's title: `who: what he tries → what happens`. */
  readonly title: string;
  readonly file: string;
  readonly hasFailed: boolean;
}

/**
 * Prints what a run has tried of the attacks, a line for each, grouped by the finding that it belongs to. A run of all attack
 * files that leaves a finding without an attack fails: a file that was renamed or emptied would otherwise pass unseen.
 */
export default class AttackTable implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const run = modules.filter(module => module.relativeModuleId.startsWith('test/proof/attacks/'));
    if (run.length === 0) return;
    const ran = new Set(run.map(module => basename(module.relativeModuleId)));
    const isWhole = globSync('*.test.ts', { cwd: import.meta.dirname }).every(file => ran.has(file));
    const attacks = run.flatMap(module => Array.from(module.children.allTests(), asAttack));
    const lines = attacks
      .toSorted((a, b) => orderOf(a.point) - orderOf(b.point))
      .map(attack => `${attack.point.padEnd(4)}${attack.hasFailed ? 'WON   ' : 'failed'}  ${attack.title}`);
    process.stdout.write(`\npoint and outcome of each attack\n${lines.join('\n')}\n`);
    const tried = new Set(attacks.map(attack => attack.point));
    const missing = POINTS.filter(point => !tried.has(point));
    const won = attacks.filter(attack => attack.hasFailed);
    process.stdout.write(
      `\n${attacks.length} attacks on ${tried.size} of ${POINTS.length} findings: ${won.length} won.\n`,
    );
    for (const attack of won) process.stdout.write(`won: ${attack.file}: ${attack.title}\n`);
    if (isWhole && missing.length > 0) {
      process.stdout.write(`No attack was tried for ${missing.join(', ')}.\n`);
      process.exitCode = 1;
    }
  }
}

function asAttack(test: TestCase): Attack {
  const group = test.fullName.split(' > ')[0] ?? '';
  return {
    point: /^[HML]\d+/.exec(group)?.[0] ?? group,
    title: test.name,
    file: test.module.relativeModuleId,
    // What did not run was not shown to fail.
    hasFailed: test.result().state !== 'passed',
  };
}

function orderOf(point: string): number {
  const place = POINTS.indexOf(point);
  return place < 0 ? POINTS.length : place;
}
