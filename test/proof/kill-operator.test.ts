// `operator start` is killed with kill −9 at every step of a registration and of a rotation: every kind of request to the
// execution node, beacon node, signer, oracles and gateways, and of statement to the database, in every phase of the
// transaction. What is started next ends with one transaction. So it does after a leader was stopped in the middle and
// woken, or killed, and after the embedded database was lost.
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Step } from '../support/faults/step-gate.ts';
import {
  type Deeds,
  type GatedOperator,
  type OperatorLane,
  startOperatorLane,
} from '../support/programs/operator-lane.ts';

const SECONDS = 1000;
const STAKE = 32;
/** How long an operator may take on a machine that has much else to do. */
const PATIENCE_MS = 60 * SECONDS;
/** How often a point is tried. */
const ATTEMPTS = 4;

/** The step at which the operator is killed; of any kind when there is none. */
interface Point {
  readonly phase: Step['phase'];
  readonly kind: string | undefined;
  readonly number: number;
}

const nameOf = ({ phase, kind = 'any', number }: Point): string =>
  `${phase}: ${kind.slice(0, 120)} #${number}`;
const isAt = (point: Point, { phase, kind, number }: Step): boolean =>
  point.phase === phase && (point.kind === undefined || (point.kind === kind && point.number === number));

/** What goes on beside it: the lease is renewed, the deposits of the network are followed. */
const BESIDE = /^database (begin|commit|set )|"deposit_registries"|update \S*"operator_leases"/;
/** What is only read changes nothing: a kill there is one after the change before it. */
const READING = /^(database select|execution eth_(get|call|block|estimate|fee|maxPriority))/;

/**
 * First of each kind in each phase that changes or tells anybody something, last of the oracles that are asked, and one
 * after the end; of steps that both recordings have, and that are not taken as well when there is nothing to do.
 */
function pointsOf({ idle, first, second }: Recorded): Point[] {
  const points = new Map<string, Point>();
  const known = new Set(second.map(nameOf));
  const idleKinds = new Set(idle.map(({ kind }) => kind));
  for (const point of first) {
    const { phase, kind, number } = point;
    if (phase === 'ended' || !known.has(nameOf(point)) || BESIDE.test(kind) || READING.test(kind)) continue;
    if ((phase === 'preparing' || phase === 'sent') && idleKinds.has(kind)) continue;
    if (number === 1) points.set(nameOf(point), point);
    else if (phase === 'approving' && kind.startsWith('oracle')) points.set(`${kind}, last`, point);
  }
  return [...points.values(), { phase: 'ended', kind: undefined, number: 1 }];
}

/** Steps of an operator that nobody disturbs. */
interface Recorded {
  readonly idle: readonly Step[];
  readonly first: readonly Step[];
  readonly second: readonly Step[];
}

/** One operator after the other on one chain: each finishes what the one before left, and is then killed itself. */
interface Chained extends AsyncDisposable {
  record(): Promise<Recorded>;
  /** Resolves to whether the point was reached. */
  killAt(point: Point): Promise<boolean>;
}

async function startChained(
  lane: OperatorLane,
  {
    trigger,
    done: begun,
    more,
  }: {
    readonly trigger: () => Promise<void>;
    readonly done: Deeds;
    readonly more: (deeds: Deeds) => Deeds;
  },
): Promise<Chained> {
  let done = begun;
  let onStep: ((step: Step) => boolean) | undefined;
  let operator: GatedOperator;
  const start = async () => {
    operator = await lane.startGated(async (step, process) => {
      if (onStep?.(step) !== false) return true;
      process.kill('SIGKILL');
      return false;
    });
    await operator.process.printed('Started operator service', PATIENCE_MS);
  };
  await start();
  return {
    async record() {
      const recordDuring = async (pass: () => Promise<unknown>): Promise<readonly Step[]> => {
        const steps: Step[] = [];
        onStep = step => steps.push(step) > 0;
        operator.gate.begin();
        await pass();
        onStep = undefined;
        return steps;
      };
      const once = () =>
        recordDuring(async () => {
          await trigger();
          done = more(done);
          await lane.settled(done);
        });
      return {
        idle: await recordDuring(() => sleep(1.5 * SECONDS)),
        first: await once(),
        second: await once(),
      };
    },
    async killAt(point) {
      let isReached = false;
      const reached = new Promise<void>(resolve => {
        onStep = step => {
          if (isReached) return false;
          isReached = isAt(point, step);
          if (isReached) resolve();
          return !isReached;
        };
      });
      operator.gate.begin();
      await trigger();
      done = more(done);
      try {
        await Promise.race([
          reached,
          lane.settled(done).then(() => sleep(point.phase === 'ended' ? SECONDS : 0)),
        ]);
        if (isReached) {
          await operator.process.ended;
          onStep = undefined;
          await operator[Symbol.asyncDispose]();
          await lane.expireLease();
          await start();
          await lane.settled(done);
        }
        onStep = undefined;
        return isReached;
      } catch (error) {
        throw new Error(`killed at ${nameOf(point)}\n${operator.process.output}`, { cause: error });
      }
    },
    [Symbol.asyncDispose]: () => operator[Symbol.asyncDispose](),
  };
}

/** Kills at a point, and tries again where it was not reached: another task of a busy machine took the step along, once. */
async function isReachedAgain(chain: Chained, point: Point): Promise<boolean> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) if (await chain.killAt(point)) return true;
  return false;
}

/** Every point, by a few lanes at a time; each lane takes those that it has seen. */
async function killEverywhere(name: string, chains: readonly Chained[]): Promise<void> {
  const seen = await Promise.all(chains.map(async one => pointsOf(await one.record())));
  const all = new Map(seen.flat().map(point => [nameOf(point), point]));
  const left = new Set(all.keys());
  const missed: string[] = [];
  const lanes = chains.map(async (chain, i) => {
    const own = new Set(seen[i]?.map(nameOf));
    for (;;) {
      const next = [...left].find(point => own.has(point));
      const point = next === undefined ? undefined : all.get(next);
      if (next === undefined || point === undefined) return;
      left.delete(next);
      if (!(await isReachedAgain(chain, point))) missed.push(next);
    }
  });
  await Promise.all(lanes);
  expect(all.size).toBeGreaterThan(8);
  // A step now and then is taken by another task in the same request, whenever it is tried.
  expect(missed.length, `not reached: ${missed.join('; ')}`).toBeLessThan(all.size / 8);
  expect(missed.filter(one => one.startsWith('recorded'))).toEqual([]);
  console.log(
    `${name}: killed at ${all.size - missed.length} of ${all.size} steps${missed.map(one => `\n  not reached: ${one}`).join('')}`,
  );
}

const NOTHING: Deeds = { validators: 0, registrations: 0, rotations: 0 };
const ONE_MORE = { validators: 1, registrations: 1, rotations: 0 };
const add = (deeds: Deeds, more: Deeds): Deeds => ({
  validators: deeds.validators + more.validators,
  registrations: deeds.registrations + more.registrations,
  rotations: deeds.rotations + more.rotations,
});

// A killed process leaves no compiled code behind for the next one.
beforeAll(async () => {
  await using lane = await startOperatorLane();
  await using operator = lane.start();
  await operator.printed('Started operator service', PATIENCE_MS);
  await operator.stop();
});

describe('an operator that is killed', () => {
  it('an operator killed at any step of a registration registers once, after it is started again', {
    timeout: 300_000,
  }, async () => {
    await using stack = new AsyncDisposableStack();
    const chains = await Promise.all(
      [1, 5].map(async vaultVersion => {
        const lane = stack.use(await startOperatorLane({ vaultVersion, validators: 24 }));
        return stack.use(
          await startChained(lane, {
            trigger: () => lane.scene.devnet.depositEther(STAKE),
            done: NOTHING,
            more: deeds => add(deeds, ONE_MORE),
          }),
        );
      }),
    );
    await killEverywhere('registration', chains);
  });

  it('an operator killed at any step of a rotation rotates once, after it is started again', {
    timeout: 300_000,
  }, async () => {
    await using stack = new AsyncDisposableStack();
    const chains = await Promise.all(
      [1, 2].map(async () => {
        const lane = stack.use(await startOperatorLane());
        const { devnet } = lane.scene;
        const begun = { validators: 2, registrations: 1, rotations: 0 };
        await devnet.depositEther(2 * STAKE);
        {
          await using _first = lane.start();
          await lane.settled(begun);
        }
        await lane.expireLease();
        return stack.use(
          await startChained(lane, {
            async trigger() {
              await devnet.updateOracles({ count: 7 - devnet.oracleSet.oracles.length, threshold: 2 });
              // What was registered or rotated last is finalized.
              await devnet.mine(4);
            },
            done: begun,
            more: deeds => add(deeds, { validators: 0, registrations: 0, rotations: 1 }),
          }),
        );
      }),
    );
    await killEverywhere('rotation', chains);
  });

  const places = [
    'execution eth_sendRawTransaction',
    'execution eth_sendRawTransaction, answered',
    'the first look at the receipt',
  ] as const;
  it.each(places)(
    'an operator that is killed and loses its embedded database at %s registers once',
    async what => {
      await using lane = await startOperatorLane({ isEmbedded: true, vaultVersion: 5 });
      let isReached = false;
      await lane.scene.devnet.depositEther(STAKE);
      await using first = await lane.startGated(async ({ kind }, process) => {
        isReached ||= what.endsWith('receipt')
          ? kind === 'execution eth_getTransactionReceipt'
          : kind === what;
        if (isReached) process.kill('SIGKILL');
        return !isReached;
      });
      expect(await first.process.ended, first.process.output).toBeNull();
      expect(isReached).toBe(true);
      lane.loseDatabase();
      await using second = lane.start();
      await second.printed('Started operator service', PATIENCE_MS);
      await lane.settled(ONE_MORE);
      // It goes on as if nothing had been.
      await lane.scene.devnet.depositEther(STAKE);
      await second.printed('Successfully registered validators', PATIENCE_MS);
      await lane.settled(add(ONE_MORE, ONE_MORE));
    },
  );
});

describe.concurrent('a leader that is stopped in the middle of a registration', () => {
  const isRecording = ({ kind }: Step) => kind.includes('insert into "stakewise_operator"."transactions"');
  const isSending = ({ kind }: Step) => kind === 'execution eth_sendRawTransaction';
  const isSent = ({ phase }: Step) => phase === 'sent';
  it.each([
    { where: 'with approvals in hand', isThere: isRecording, end: 'killed' },
    { where: 'with approvals in hand', isThere: isRecording, end: 'woken' },
    { where: 'before its transaction is sent', isThere: isSending, end: 'woken' },
    { where: 'after its transaction was sent', isThere: isSent, end: 'woken' },
  ])(
    'a leader stopped $where is replaced by the other and $end, and the validator is registered once',
    async ({ isThere, end }) => {
      await using lane = await startOperatorLane({ vaultVersion: end === 'woken' ? 5 : 1 });
      const stopped = Promise.withResolvers<number>();
      const woken = Promise.withResolvers<boolean>();
      let isArmed = false;
      await using leader = await lane.startGated(async (step, process) => {
        if (!isArmed || !isThere(step)) return true;
        isArmed = false;
        process.kill('SIGSTOP');
        stopped.resolve(performance.now());
        return woken.promise;
      });
      await leader.process.printed('Started operator service', PATIENCE_MS);
      await using other = lane.start();
      await other.printed('standing by', PATIENCE_MS);
      leader.gate.begin();
      isArmed = true;
      await lane.scene.devnet.depositEther(STAKE);
      const stoppedAt = await stopped.promise;
      await other.printed('Started operator service', PATIENCE_MS);
      const tookMs = performance.now() - stoppedAt;
      console.log(`stopped leader: replaced after ${Math.round(tookMs)} ms`);
      expect(tookMs).toBeLessThan(15 * SECONDS);
      if (end === 'killed') {
        await leader.process.stop('SIGKILL');
        woken.resolve(false);
        await lane.settled(ONE_MORE);
      } else {
        leader.process.kill('SIGCONT');
        woken.resolve(true);
        await leader.process.printed('no longer acts for the vault', PATIENCE_MS);
        await leader.process.printed('standing by', PATIENCE_MS);
        await lane.settled(ONE_MORE);
      }
      // Whoever it is that acts now goes on.
      await lane.scene.devnet.depositEther(STAKE);
      await lane.settled(add(ONE_MORE, ONE_MORE));
    },
  );

  it('a leader hands over at once on SIGTERM, in the middle of a registration', async () => {
    await using lane = await startOperatorLane();
    let stoppedAt: number | undefined;
    await using leader = await lane.startGated(async ({ kind }, process) => {
      if (stoppedAt !== undefined || kind !== 'execution eth_sendRawTransaction') return true;
      stoppedAt = performance.now();
      process.kill('SIGTERM');
      return true;
    });
    await leader.process.printed('Started operator service', PATIENCE_MS);
    await using other = lane.start();
    await other.printed('standing by', PATIENCE_MS);
    await lane.scene.devnet.depositEther(STAKE);
    await other.printed('Started operator service', PATIENCE_MS);
    const tookMs = performance.now() - (stoppedAt ?? 0);
    console.log(`leader that ends: replaced after ${Math.round(tookMs)} ms`);
    expect(tookMs).toBeLessThan(6 * SECONDS);
    expect(await leader.process.ended).toBe(0);
    await lane.settled(ONE_MORE);
  });
});
