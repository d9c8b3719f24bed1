import { describe, expect, it } from 'vitest';
import type { ProgressReporter } from '../../../src/lib/progress.ts';
import { followProgress, reportProgress } from '../../../src/signer-process/relayed-progress.ts';

describe('the progress of a child process', () => {
  it('what a child reports of its steps is shown by its parent as if the steps were its own', () => {
    const shown: unknown[] = [];
    const parent: ProgressReporter = {
      start(label, total, course) {
        shown.push([label, total, course]);
        return { advance: items => void shown.push(items), finish: () => void shown.push('finish') };
      },
    };
    const follow = followProgress(parent);
    const child = reportProgress(report => follow(JSON.parse(JSON.stringify(report))));
    const first = child.start('Decrypting keystores', 5, { done: 1, lanes: 2 });
    first.advance();
    first.advance(3);
    first.finish();
    child.start('Signing', 1).finish();
    expect(shown).toEqual([
      ['Decrypting keystores', 5, { done: 1, lanes: 2 }],
      1,
      3,
      'finish',
      ['Signing', 1, { done: 0, lanes: undefined }],
      'finish',
    ]);
  });
});
