import { expect } from 'vitest';
import type { Version5Operator, Version5Operators } from '../scenes/version-5-operators.ts';

type OpenOptions = NonNullable<Parameters<Version5Operators['open']>[0]>;

/** Something that keeps a task from its work, and how that shows. */
export interface Version5Fault {
  /** The fault, as the end of a title. */
  readonly fault: string;
  /** The vault in which it shows. */
  readonly vault: OpenOptions;
  /** Brings it about before the pass, or has it happen in the middle; what it returns is waited for. */
  arrange(scene: Version5Operators, operator: Version5Operator): unknown;
  /** What the log says of it. */
  readonly line: RegExp;
  /** The label `reason` of the metric. */
  readonly reason: string;
  /** Transactions that the wallet sends all the same, and whose gas is lost. Default: none. */
  readonly sent?: number;
  /** Ends it beyond what ends every fault; undefined where nothing does. */
  readonly mend?: ((scene: Version5Operators, operator: Version5Operator) => unknown) | 'never';
}

/** The reason that the figures show for a task, as none or one. */
export async function shownReasons(operator: Version5Operator, task: string): Promise<readonly string[]> {
  const label = new RegExp(`^task_waiting\\{task="${task}",reason="([a-z-]+)"\\}$`);
  return [...(await operator.samples())].flatMap(([name, value]) => {
    const reason = label.exec(name)?.[1];
    return reason === undefined || value !== 1 ? [] : [reason];
  });
}

/**
 * One pass with the fault: nothing void is sent, and log, figures and `/readyz` say what is waited for; then one without it,
 * in which the task does its work, and nothing is waited for any more.
 * @param isDone - whether the task has done its work
 */
export async function expectFault(
  scene: Version5Operators,
  task: string,
  { vault, arrange, line, reason, sent = 0, mend }: Version5Fault,
  isDone: (operator: Version5Operator) => Promise<boolean>,
): Promise<void> {
  const operator = await scene.open(vault);
  await operator.pass('track-validators');
  await arrange(scene, operator);
  const before = await operator.countSent();
  await operator.pass(task);
  expect(operator.texts()).toContainEqual(expect.stringMatching(line));
  expect(await shownReasons(operator, task)).toEqual([reason]);
  const { waitsFor, lastError } = operator.reportOf(task);
  const said = waitsFor ?? lastError ?? 'nothing';
  expect(operator.texts()).toContainEqual(expect.stringContaining(said));
  expect(await operator.countSent()).toBe(before + sent);
  expect(await isDone(operator)).toBe(false);
  await scene.mend();
  if (mend !== 'never') {
    await mend?.(scene, operator);
    await operator.pass('track-validators');
    await operator.pass(task);
    expect(await isDone(operator), operator.texts().join('\n')).toBe(true);
    expect(await shownReasons(operator, task)).toEqual([]);
  }
  expect(await operator.listVoid()).toEqual([]);
}
