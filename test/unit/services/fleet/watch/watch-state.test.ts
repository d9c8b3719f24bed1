import { describe, expect, it } from 'vitest';
import { DifferencesError, ExternalError } from '../../../../../src/lib/errors.ts';
import { createWatchMetrics } from '../../../../../src/services/fleet/watch/watch-metrics.ts';
import { WatchState } from '../../../../../src/services/fleet/watch/watch-state.ts';

const WRITTEN = { keysWanted: 5, keysWritten: 6, isChanged: true };
const brake = () => new DifferencesError('too-many-removals', 'secret keys would go', { hint: 'Look.' });

/** A state by a clock of whole seconds of 1970. */
function scene() {
  let at = 0;
  const state = new WatchState({
    now: () => new Date(at * 1000),
    scrub: text => text.replace('secret', '***'),
    isListening: () => true,
  });
  const registry = createWatchMetrics(state, { command: 'setup-validator', network: 'hoodi', vault: '0xab' });
  return {
    state,
    setClock: (seconds: number) => {
      at = seconds;
    },
    /** Lines of figures by their names; labels of every one left out. */
    figures: async () => {
      const text = await registry.metrics();
      const lines = text.split('\n').filter(line => line.startsWith('key_sync_'));
      return Object.fromEntries(
        lines.map(line => {
          const name = line
            .slice('key_sync_'.length, line.lastIndexOf(' '))
            .replace(/,?command="setup-validator",network="hoodi",vault="0xab"/, '')
            .replace('{}', '');
          return [name, Number(line.slice(line.lastIndexOf(' ')))];
        }),
      );
    },
  };
}

describe('the state of a watch', () => {
  it('a watch is not ready, and shows no figure that it does not know, until its files are right', async () => {
    const { state, figures } = scene();
    expect(state.report()).toMatchObject({ ready: false, phase: 'starting', upToDate: false, problem: null });
    const first = await figures();
    expect(first).toMatchObject({ up_to_date: 0, ready: 0, listening: 1, rewrites_total: 0 });
    expect(Object.keys(first)).not.toContain('keys_wanted');
    expect(Object.keys(first)).not.toContain('last_look_timestamp_seconds');
    state.right(WRITTEN);
    expect(state.report()).toMatchObject({ ready: true, phase: 'watching', upToDate: true, waitsFor: null });
    expect(await figures()).toMatchObject({
      up_to_date: 1,
      keys_wanted: 5,
      keys_written: 6,
      rewrites_total: 1,
    });
  });

  it('what was refused is shown with code, hint and the time of its first look, without secrets, and counted', async () => {
    const { state, figures, setClock } = scene();
    state.right(WRITTEN);
    setClock(10);
    state.outdated();
    state.failed(brake(), { isWrite: true });
    setClock(20);
    state.failed(brake(), { isWrite: false });
    state.failed(brake(), { isWrite: true });
    expect(state.report()).toEqual({
      ready: false,
      phase: 'watching',
      waitsFor: '*** keys would go',
      upToDate: false,
      since: '1970-01-01T00:00:10.000Z',
      keysWanted: 5,
      keysWritten: 6,
      lastLook: '1970-01-01T00:00:00.000Z',
      lastRewrite: '1970-01-01T00:00:00.000Z',
      listening: true,
      problem: {
        code: 'too-many-removals',
        message: '*** keys would go',
        hint: 'Look.',
        since: '1970-01-01T00:00:10.000Z',
      },
    });
    expect(await figures()).toMatchObject({
      up_to_date: 0,
      state_since_timestamp_seconds: 10,
      'problem{code="too-many-removals"}': 1,
      'refused_total{code="too-many-removals"}': 2,
    });
    setClock(30);
    state.right();
    const after = await figures();
    expect(after).toMatchObject({ up_to_date: 1, last_look_timestamp_seconds: 30, ready: 1 });
    expect(after).toMatchObject({ last_rewrite_timestamp_seconds: 0, rewrites_total: 1 });
    expect(Object.keys(after)).not.toContain('problem{code="too-many-removals"}');
  });

  it('files whose database cannot be looked at are not outdated for that, and the watch is not ready', () => {
    const { state } = scene();
    state.right(WRITTEN);
    state.failed(new ExternalError('db-unreachable', 'away'), { isWrite: false });
    expect(state.report()).toMatchObject({
      ready: false,
      upToDate: true,
      problem: { code: 'db-unreachable' },
    });
    expect(state.refusals.size).toBe(0);
    state.failed(new Error('odd'), { isWrite: true });
    expect(state.report().problem).toMatchObject({ code: 'bug', message: 'odd', hint: null });
    state.stopping();
    state.right();
    expect(state.report()).toMatchObject({
      ready: false,
      phase: 'stopping',
      waitsFor: 'The process is stopping.',
    });
  });
});
