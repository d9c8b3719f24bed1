import { describe, expect, it } from 'vitest';
import { Outlook } from '../../../src/operator/probes/outlook.ts';
import { recordingLog } from '../../support/recording-log.ts';

const ETHER = 10n ** 18n;
const HOUR_MS = 3_600_000;
const KEY = Uint8Array.from({ length: 48 }, () => 0xab);

function openScene() {
  const { log, texts } = recordingLog();
  const clock = { nowMs: 0 };
  const outlook = new Outlook(
    { log, now: () => clock.nowMs },
    { currency: 'ETH', assetsPerValidatorWei: 32n * ETHER },
  );
  return { outlook, texts, clock };
}

describe('what an operator tells that waits', () => {
  it('an operator that waits tells in one line what there is to stake, the next key and what it waits for', () => {
    const { outlook, texts } = openScene();
    outlook.keysCounted([KEY, KEY]);
    outlook.passEnded((ETHER * 5n) / 2n, 'assets for the next validator');
    expect(texts()).toEqual([
      `Stakeable: 2.5 ETH, a validator takes 32 ETH; 2 unused keys, the next one 0x${'ab'.repeat(48)}; waits for assets for the next validator`,
    ]);
  });

  it('an operator that waits says so again after an hour, not pass after pass', () => {
    const { outlook, texts, clock } = openScene();
    outlook.keysCounted([]);
    for (; clock.nowMs < 3 * HOUR_MS; clock.nowMs += 12_000) outlook.passEnded(0n, 'more deposit data');
    expect(texts()).toHaveLength(3);
    expect(texts()[0]).toContain('0 unused keys; waits for more deposit data');
  });

  it('an operator that registers tells nothing of waiting, nor before its keys are counted', () => {
    const { outlook, texts } = openScene();
    outlook.passEnded(0n, 'assets for the next validator');
    outlook.keysCounted([KEY]);
    outlook.passEnded(0n, undefined);
    expect(texts()).toEqual([]);
  });
});
