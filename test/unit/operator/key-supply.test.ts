import { describe, expect, it } from 'vitest';
import { KeySupply, type ValidatorKeys } from '../../../src/operator/key-supply.ts';
import { recordingLog } from '../../support/recording-log.ts';

const DAY_MS = 86_400_000;

function open(countRecent: () => number | Error) {
  const { log, lines } = recordingLog();
  const shown: ValidatorKeys[] = [];
  const clock = { now: 0 };
  const supply = new KeySupply({
    log,
    now: () => clock.now,
    show: keys => void shown.push(keys),
    countRecent: async () => {
      const count = countRecent();
      if (count instanceof Error) throw count;
      return count;
    },
  });
  return { supply, clock, shown, texts: () => lines.map(({ level, text }) => `${level} ${text}`) };
}

describe('KeySupply', () => {
  it('KeySupply says at the start for how many days the keys are enough at the recent inflow', async () => {
    const { supply, shown, texts } = open(() => 14);
    await supply.keysCounted(101);
    expect(texts()).toEqual([
      'info 101 unused validator keys left, enough for 50 days at the recent inflow: 14 validators registered in the last 7 days',
    ]);
    expect(shown).toEqual([{ unused: 101, enoughForDays: 50 }]);
  });

  it('KeySupply warns when the keys are used up within a week, or are used up', async () => {
    const { supply, clock, texts } = open(() => 7);
    await supply.keysCounted(6);
    clock.now = DAY_MS;
    await supply.keysCounted(0);
    expect(texts()).toEqual([
      expect.stringMatching(/^warn 6 unused validator keys left, enough for 6 days/),
      expect.stringMatching(/^warn 0 unused validator keys left, enough for 0 days/),
    ]);
  });

  it('KeySupply shows every count, and says it once a day', async () => {
    let asked = 0;
    const { supply, clock, shown, texts } = open(() => {
      asked++;
      return 7;
    });
    await supply.keysCounted(20);
    clock.now = DAY_MS - 1;
    await supply.keysCounted(19);
    expect(texts()).toHaveLength(1);
    clock.now = DAY_MS;
    await supply.keysCounted(18);
    expect(texts()).toHaveLength(2);
    expect(asked).toBe(2);
    expect(shown.map(({ unused }) => unused)).toEqual([20, 19, 18]);
  });

  it('KeySupply says at the start of how many validators the signer has no whole key', async () => {
    const { supply, texts } = open(() => 0);
    await supply.keysCounted(0, 2);
    await supply.keysCounted(0, 2);
    expect(texts()).toEqual([
      'warn 0 unused validator keys left; 0 validators registered in the last 7 days',
      'warn The signer does not have the whole keys of 2 further validators: it cannot sign their deposits, which shares of keys cannot',
    ]);
  });

  it('KeySupply knows no days where nothing was registered of late, or the node does not tell', async () => {
    const idle = open(() => 0);
    await idle.supply.keysCounted(3);
    expect(idle.texts()).toEqual([
      'info 3 unused validator keys left; 0 validators registered in the last 7 days',
    ]);
    expect(idle.shown).toEqual([{ unused: 3, enoughForDays: null }]);
    const blind = open(() => new Error('History is pruned.'));
    await blind.supply.keysCounted(3);
    expect(blind.texts()).toEqual([
      'warn It is not known how fast validator keys are used: History is pruned.',
      'info 3 unused validator keys left',
    ]);
    expect(blind.shown).toEqual([{ unused: 3, enoughForDays: null }]);
  });
});
