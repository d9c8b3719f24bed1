import type { Check, CheckSeverity } from '../../domain/fleet/doctor/check.ts';
import { count } from '../../domain/fleet/observation/words.ts';
import { paragraph } from './wrap.ts';

const NARROWEST = 40;
const MARKS: Readonly<Record<CheckSeverity, string>> = { ok: '✓ ', warn: '! ', fail: '✗ ', skip: '- ' };
const ORDER: readonly CheckSeverity[] = ['skip', 'ok', 'warn', 'fail'];

/**
 * One line for each check and one for what to do; what has to be mended stands last, where it is seen.
 * @param columns - width of the terminal; infinite where each is to have one line, whatever its length
 */
export function renderChecks(checks: readonly Check[], columns: number): string[] {
  const width = Math.max(NARROWEST, columns);
  const sorted = checks.toSorted((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));
  return [
    ...sorted.flatMap(({ severity, where, what, hint }) => [
      ...paragraph(MARKS[severity], `${where}: ${what}`, width),
      ...(hint === undefined || severity === 'ok' ? [] : paragraph('  → ', hint, width)),
    ]),
    '',
    ...paragraph('', summaryOf(checks), width),
  ];
}

function summaryOf(checks: readonly Check[]): string {
  const counted = (severity: CheckSeverity) => checks.filter(check => check.severity === severity).length;
  const made = checks.length - counted('skip');
  return `${count(made, 'check')}: ${counted('fail')} failed, ${counted('warn')} with a warning; ${counted('skip')} not made.`;
}
