import { describe, expect, it } from 'vitest';
import { createLogProgress } from '../../../src/lib/log-progress.ts';
import { recordingLog } from '../../support/recording-log.ts';

describe('createLogProgress', () => {
  it('a log is told of a step at once, and every ten seconds how far it is and how long it will take', () => {
    const { log, texts } = recordingLog();
    let nowMs = 0;
    const bar = createLogProgress(log, () => nowMs).start('Decrypting keystores', 100, { lanes: 2 });
    expect(texts('info')).toEqual(['Decrypting keystores: 0 of 100']);
    for (let i = 1; i <= 100; i++) {
      nowMs = 1_000 * Math.ceil(i / 2);
      bar.advance();
    }
    bar.finish();
    expect(texts('info').slice(1)).toEqual([
      'Decrypting keystores: 19 of 100, 00:00:40 left',
      'Decrypting keystores: 39 of 100, 00:00:30 left',
      'Decrypting keystores: 59 of 100, 00:00:20 left',
      'Decrypting keystores: 79 of 100, 00:00:10 left',
      'Decrypting keystores: 99 of 100, 00:00:00 left',
    ]);
  });

  it('a log is told nothing more of a step that is over soon', () => {
    const { log, texts } = recordingLog();
    const bar = createLogProgress(log, () => 0).start('Decrypting keystores', 2);
    bar.advance(2);
    bar.finish();
    expect(texts()).toEqual(['Decrypting keystores: 0 of 2']);
  });
});
