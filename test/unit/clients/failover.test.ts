import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Failover, type FailoverOptions, type Worth } from '../../../src/clients/failover.ts';
import type { Wait } from '../../../src/clients/http.ts';
import { ExternalError } from '../../../src/lib/errors.ts';

const FIRST = 'http://first:1/v3/api-key';
const SECOND = 'http://second:2';
const THIRD = 'http://third:3';

// The pauses are p-retry's, which takes no clock of its own but the process's.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const down = (server: string) =>
  new ExternalError('unreachable', `${server} cannot be reached.`, { retryable: true });
const refusal = (server: string) =>
  new ExternalError('http-status', `${server} answered with HTTP status 401.`, { hint: 'Log in.' });
const wrongChain = () => new ExternalError('wrong-chain', 'A node of another chain.');

/** What a server does when it is asked: it fails with the error, or answers with its own name. */
type Behaviour = 'well' | ExternalError | (() => Promise<string>);

/** Servers that are told how to behave, and a failover over them that writes down whom it asks when. */
function openScene(
  behaviours: Record<string, Behaviour>,
  options: Partial<FailoverOptions> & { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
) {
  const { timeoutMs = 0, signal, ...rest } = options;
  const asked: string[] = [];
  const proven: string[] = [];
  const logged: unknown[] = [];
  const waits: Wait[] = [];
  const slow: string[] = [];
  const behave = async (server: string): Promise<string> => {
    const behaviour = behaviours[server];
    if (behaviour instanceof Error) throw behaviour;
    return typeof behaviour === 'function' ? await behaviour() : server;
  };
  const failover = new Failover(
    {
      log: { debug: (...entry: unknown[]) => void logged.push(entry) },
      onWait: wait => void waits.push(wait),
      onSlow: server => void slow.push(server),
    },
    {
      endpoints: Object.keys(behaviours),
      retry: { timeoutMs, signal },
      unavailableCode: 'execution-node-unavailable',
      ...rest,
    },
  );
  const question = (server: string) => {
    asked.push(server);
    return behave(server);
  };
  return {
    behaviours,
    asked,
    proven,
    logged,
    waits,
    slow,
    failover,
    question,
    ask: () => failover.ask(question),
  };
}

/** A proof that is written down, and fails where the server is a wrong one. */
function proofBy(
  proven: string[],
  lasts: 'for-good' | 'until-failure',
  wrong: readonly string[] = [],
): NonNullable<FailoverOptions['proof']> {
  return {
    require: async server => {
      proven.push(server);
      if (wrong.includes(server)) throw wrongChain();
    },
    lasts,
    mistake: 'wrong-chain',
  };
}

describe('a failover over several endpoints', () => {
  it('a question to a failover comes to each endpoint once, though another one moves the preference meanwhile', async () => {
    const turn = Promise.withResolvers<string>();
    let asks = 0;
    // The first question waits at the first endpoint; the second finds it down and prefers the other.
    const first = () => {
      asks += 1;
      return asks === 1 ? turn.promise : Promise.reject(down('first'));
    };
    const scene = openScene({ [FIRST]: first, [SECOND]: 'well' });
    const waiting = scene.ask();
    expect(await scene.ask()).toBe(SECOND);
    turn.reject(down('first'));
    expect(await waiting).toBe(SECOND);
    expect(scene.asked).toEqual([FIRST, FIRST, SECOND, SECOND]);
  });

  it.each([
    ['asks the first one alone that is well', { [FIRST]: 'well', [SECOND]: 'well' }, [FIRST], FIRST],
    ['goes on where the first is down', { [FIRST]: down('a'), [SECOND]: 'well' }, [FIRST, SECOND], SECOND],
    [
      'goes on where the first refuses for good',
      { [FIRST]: refusal('a'), [SECOND]: 'well' },
      [FIRST, SECOND],
      SECOND,
    ],
    [
      'goes on until one is well',
      { [FIRST]: down('a'), [SECOND]: down('b'), [THIRD]: 'well' },
      [FIRST, SECOND, THIRD],
      THIRD,
    ],
  ] satisfies [string, Record<string, Behaviour>, string[], string][])(
    'a failover %s',
    async (_what, behaviours, order, answer) => {
      const { ask, asked, failover } = openScene(behaviours);
      await expect(ask()).resolves.toBe(answer);
      expect(asked).toEqual(order);
      expect(failover.endpoint).toBe(new URL(answer).origin);
    },
  );

  it('a failover asks the second endpoint when the first, which is slow, has used up its time, and no sooner', async () => {
    const slow = async () => {
      await new Promise(resolve => setTimeout(resolve, 2_000));
      throw new ExternalError('timeout', 'The first did not answer within 2 s.', { retryable: true });
    };
    const { ask, asked } = openScene({ [FIRST]: slow, [SECOND]: 'well' });
    const answer = ask();
    await vi.advanceTimersByTimeAsync(1_999);
    expect(asked).toEqual([FIRST]);
    await vi.advanceTimersByTimeAsync(1);
    await expect(answer).resolves.toBe(SECOND);
  });

  it('a failover stays with the endpoint that answered last until it fails, also when a preferred one is back', async () => {
    const { ask, asked, behaviours, failover } = openScene({ [FIRST]: down('a'), [SECOND]: 'well' });
    await ask();
    behaviours[FIRST] = 'well';
    await ask();
    expect(asked).toEqual([FIRST, SECOND, SECOND]);
    behaviours[SECOND] = down('b');
    await expect(ask()).resolves.toBe(FIRST);
    expect(asked).toEqual([FIRST, SECOND, SECOND, SECOND, FIRST]);
    expect(failover.endpoint).toBe('http://first:1');
  });

  it('a failover asks an endpoint that is left out no more until it is taken back, unless none is left', async () => {
    const { ask, asked, failover } = openScene({ [FIRST]: 'well', [SECOND]: down('b') });
    failover.leaveOut(FIRST);
    await expect(ask()).rejects.toMatchObject({ code: 'unreachable' });
    failover.leaveOut(SECOND);
    await expect(ask()).resolves.toBe(FIRST);
    failover.takeBack(SECOND);
    await expect(ask()).rejects.toMatchObject({ code: 'unreachable' });
    failover.takeBack(FIRST);
    await expect(ask()).resolves.toBe(FIRST);
    expect(asked).toEqual([SECOND, FIRST, SECOND, FIRST]);
  });
});

describe('the proof that a failover asks of its endpoints', () => {
  it('a failover ends the question at once, and asks nobody else, where the first endpoint lies about its chain', async () => {
    const proven: string[] = [];
    const proof = proofBy(proven, 'for-good', [FIRST]);
    const { ask, asked } = openScene({ [FIRST]: 'well', [SECOND]: 'well' }, { proof, timeoutMs: 60_000 });
    await expect(ask()).rejects.toMatchObject({ code: 'wrong-chain' });
    expect([proven, asked]).toEqual([[FIRST], []]);
  });

  it('a failover asks the next endpoint for its proof too, before that one is used', async () => {
    const proven: string[] = [];
    const proof = proofBy(proven, 'for-good', [SECOND]);
    const { ask, asked } = openScene({ [FIRST]: down('a'), [SECOND]: 'well' }, { proof });
    await expect(ask()).rejects.toMatchObject({ code: 'wrong-chain' });
    expect([proven, asked]).toEqual([[FIRST, SECOND], [FIRST]]);
  });

  it.each([
    ['for-good', [FIRST]],
    ['until-failure', [FIRST, FIRST]],
  ] as const)('the proof of a failover’s endpoint lasts %s, when it is said to', async (lasts, order) => {
    const proven: string[] = [];
    const { ask, behaviours } = openScene({ [FIRST]: 'well' }, { proof: proofBy(proven, lasts) });
    await ask();
    await ask();
    expect(proven).toEqual([FIRST]);
    behaviours[FIRST] = down('a');
    await expect(ask()).rejects.toMatchObject({ code: 'unreachable' });
    behaviours[FIRST] = 'well';
    await ask();
    expect(proven).toEqual(order);
  });
});

describe('the error of a failover', () => {
  it('a failover’s error with one endpoint is that endpoint’s own', async () => {
    const error = refusal('a');
    await expect(openScene({ [FIRST]: error }).ask()).rejects.toBe(error);
  });

  it('a failover’s error has all messages, the first hint and one code where endpoints failed differently', async () => {
    const failures = [down('a'), refusal('b')];
    const { ask } = openScene({ [FIRST]: down('a'), [SECOND]: refusal('b') });
    const error = await ask().catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(ExternalError);
    expect(error).toMatchObject({
      code: 'execution-node-unavailable',
      message: 'a cannot be reached. b answered with HTTP status 401.',
      retryable: true,
      hint: 'Log in.',
      cause: { errors: failures },
    });
  });

  it('a failover’s error keeps the code that all have in common, and is not retryable where none is', async () => {
    const { ask } = openScene({ [FIRST]: refusal('a'), [SECOND]: refusal('b') }, { timeoutMs: 60_000 });
    await expect(ask()).rejects.toMatchObject({ code: 'http-status', retryable: false });
  });
});

/** What a server is found with where nothing listens, as undici tells it. */
function refusedAt(address: string): ExternalError {
  const cause = Object.assign(new Error(`connect ECONNREFUSED ${address}:1`), {
    code: 'ECONNREFUSED',
    address,
  });
  return new ExternalError('unreachable', `http://${address}:1 cannot be reached.`, {
    retryable: true,
    cause,
  });
}

describe('what a failover tells of its waits', () => {
  it('a failover tells at its first failure how long it will go on, and of no other one of the same question', async () => {
    const { ask, waits } = openScene({ [FIRST]: down('a') }, { timeoutMs: 120_000 });
    const failure = ask().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(1);
    expect(waits).toEqual([{ error: down('a'), leftMs: 120_000 }]);
    await vi.advanceTimersByTimeAsync(130_000);
    await expect(failure).resolves.toMatchObject({ code: 'unreachable' });
    expect(waits).toHaveLength(1);
  });

  it('a failover tells nothing of a wait that is over at once, or that there is none', async () => {
    const short = openScene({ [FIRST]: down('a') }, { timeoutMs: 200 });
    const failure = short.ask().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(1_000);
    await failure;
    const refusing = openScene({ [FIRST]: refusal('a') }, { timeoutMs: 60_000 });
    await refusing.ask().catch((error: unknown) => error);
    expect([short.waits, refusing.waits]).toEqual([[], []]);
  });

  it('a failover tells after a second of a server that has not answered yet, and never again when it has', async () => {
    const lateBy = (ms: number) => () =>
      new Promise<string>(resolve => void setTimeout(() => resolve('late'), ms));
    const { ask, slow } = openScene({ [FIRST]: lateBy(5_000) });
    const first = ask();
    await vi.advanceTimersByTimeAsync(999);
    expect(slow).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(slow).toEqual(['http://first:1']);
    await vi.advanceTimersByTimeAsync(4_000);
    await first;
    const second = ask();
    await vi.advanceTimersByTimeAsync(5_000);
    await second;
    expect(slow).toEqual(['http://first:1']);
  });

  it.each<[string, readonly ExternalError[], number]>([
    ['its only server is of this machine and refuses', [refusedAt('127.0.0.1')], 10_000],
    ['both servers are of this machine and refuse', [refusedAt('::1'), refusedAt('127.0.0.2')], 10_000],
    ['one of them is another machine’s', [refusedAt('127.0.0.1'), refusedAt('192.0.2.1')], 60_000],
    ['a server of this machine is down otherwise', [down('a')], 60_000],
  ])(
    'a failover that is told to gives up soon where %s, and after its time elsewhere',
    async (_what, errors, limitMs) => {
      const behaviours = Object.fromEntries(
        [FIRST, SECOND].slice(0, errors.length).map((url, i) => [url, errors[i] ?? down('')]),
      );
      const { ask, waits } = openScene(behaviours, { timeoutMs: 60_000, refusedTimeoutMs: 10_000 });
      let endedMs: number | undefined;
      const begunMs = performance.now();
      const end = ask().catch(() => {
        endedMs = performance.now() - begunMs;
      });
      await vi.advanceTimersByTimeAsync(90_000);
      await end;
      expect(waits.map(wait => wait.leftMs)).toEqual([limitMs]);
      expect(endedMs).toBeLessThanOrEqual(limitMs);
      expect(endedMs).toBeGreaterThan(limitMs / 4);
    },
  );
});

describe('the rounds of a failover', () => {
  it('a failover makes rounds with growing pauses while an endpoint may be back, and ends them with its time', async () => {
    const { ask, asked, logged } = openScene(
      { [FIRST]: down('a'), [SECOND]: down('b') },
      { timeoutMs: 8_000 },
    );
    const failure = ask().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(200);
    expect(asked).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(8_000);
    await expect(failure).resolves.toMatchObject({ code: 'unreachable' });
    const rounds = asked.length / 2;
    // Pauses of 0.25 s, twice as long each time, and up to twice that at random.
    expect(rounds).toBeGreaterThanOrEqual(5);
    expect(rounds).toBeLessThanOrEqual(7);
    expect(logged).toHaveLength(rounds - 1);
    expect(logged[0]).toEqual([
      { server: 'http://first:1', delayMs: expect.any(Number) },
      'a cannot be reached. b cannot be reached.',
    ]);
  });

  it('a failover ends its rounds with the answer of an endpoint that is back', async () => {
    const { ask, asked, behaviours } = openScene(
      { [FIRST]: down('a'), [SECOND]: down('b') },
      { timeoutMs: 60_000 },
    );
    const answer = ask();
    await vi.advanceTimersByTimeAsync(0);
    behaviours[SECOND] = 'well';
    await vi.advanceTimersByTimeAsync(500);
    await expect(answer).resolves.toBe(SECOND);
    expect(asked).toEqual([FIRST, SECOND, FIRST, SECOND]);
  });

  it('a failover makes one round only where nobody may answer later', async () => {
    const { ask, asked } = openScene(
      { [FIRST]: refusal('a'), [SECOND]: refusal('b') },
      { timeoutMs: 60_000 },
    );
    await expect(ask()).rejects.toMatchObject({ code: 'http-status' });
    expect(asked).toEqual([FIRST, SECOND]);
  });

  it('a failover makes one round only for a question that calls its error not retryable', async () => {
    const { failover, question, asked } = openScene({ [FIRST]: down('a') }, { timeoutMs: 60_000 });
    await expect(failover.ask(question, { isRetryable: () => false })).rejects.toMatchObject({
      code: 'unreachable',
    });
    expect(asked).toEqual([FIRST]);
  });

  it('a failover makes the pauses that it is given, also with one server without proof, as HashiCorp Vault', async () => {
    const { ask, asked } = openScene(
      { [FIRST]: down('a') },
      {
        retry: {
          timeoutMs: 10_000,
          minDelayMs: 1_000,
          maxDelayMs: 1_000,
          isRetryable: () => asked.length < 4,
        },
      },
    );
    const failure = ask().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(2_999);
    expect(asked).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(1);
    await expect(failure).resolves.toMatchObject({ code: 'unreachable' });
    expect(asked).toHaveLength(4);
  });

  it('a failover ends its rounds with the reason of the signal, and asks nobody else', async () => {
    const stop = new AbortController();
    const stopped = new Error('stopped');
    const options = { timeoutMs: 60_000, signal: stop.signal };
    const { ask, asked } = openScene({ [FIRST]: down('a'), [SECOND]: down('b') }, options);
    const failure = ask().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(0);
    stop.abort(stopped);
    await expect(failure).resolves.toBe(stopped);
    await vi.advanceTimersByTimeAsync(60_000);
    await expect(ask()).rejects.toBe(stopped);
    expect(asked).toEqual([FIRST, SECOND]);
  });
});

describe('the worth of an answer to a failover', () => {
  it.each<[string, Record<string, Worth>, order: string[], chosen: string]>([
    [
      'ends the search where it is final',
      { [FIRST]: 5n, [SECOND]: 'final', [THIRD]: 9n },
      [FIRST, SECOND],
      SECOND,
    ],
    [
      'decides where none is final',
      { [FIRST]: -1n, [SECOND]: 9n, [THIRD]: 5n },
      [FIRST, SECOND, THIRD],
      SECOND,
    ],
    [
      'leaves equals to the first',
      { [FIRST]: 5n, [SECOND]: 5n, [THIRD]: -1n },
      [FIRST, SECOND, THIRD],
      FIRST,
    ],
  ])('the worth of an answer to a failover %s', async (_what, worths, order, chosen) => {
    const wells = Object.fromEntries(Object.keys(worths).map(server => [server, 'well' as const]));
    const { failover, question, asked } = openScene(wells);
    const worthOf = (server: string) => worths[server] ?? 'final';
    await expect(failover.ask(question, { worthOf })).resolves.toBe(chosen);
    expect(asked).toEqual(order);
    expect(failover.endpoint).toBe(new URL(chosen).origin);
  });

  it('a failover takes an answer of any worth rather than the failure of another endpoint', async () => {
    const { failover, question } = openScene({ [FIRST]: down('a'), [SECOND]: 'well' }, { timeoutMs: 60_000 });
    await expect(failover.ask(question, { worthOf: () => -1n })).resolves.toBe(SECOND);
  });
});
