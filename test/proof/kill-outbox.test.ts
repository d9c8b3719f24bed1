// An operator is killed with kill −9 before every statement on the wire to Postgres and every request to the
// node; whoever comes next ends with one transaction. And it is held up at each of them instead, for so long that another
// operator takes over and sends, and then goes on: one transaction. The same of withdrawals, which whoever comes next plans
// again, alike or for other amounts: one of the two plans happens.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forEveryPoint } from '../support/faults/killed-process.ts';
import { startRpcGate } from '../support/faults/rpc-gate.ts';
import { startWireProxy } from '../support/faults/wire-proxy.ts';
import { runSql } from '../support/postgres/postgres.ts';
import { PROJECT_ROOT } from '../support/programs/cli.ts';
import {
  deployOperationsVault,
  occasionNow,
  REQUEST_FEE_WEI,
  toldBy,
  type WithdrawalWork,
  withdrawalIntentOf,
} from '../support/scenes/operations-vault.ts';
import { type OutboxChain, startOutboxChain } from '../support/scenes/outbox-chain.ts';
import { countOf, intentOf, type OutboxPlace, startTestOperator } from '../support/scenes/outbox-scene.ts';

const LANES = 3;
let scene: OutboxChain;
beforeAll(async () => {
  scene = await startOutboxChain();
});
afterAll(() => scene?.[Symbol.asyncDispose]());

let places = 0;

/** A vault, a wallet and a storage slot that nobody else has. */
async function newPlace(): Promise<{ place: OutboxPlace; slot: number }> {
  const slot = ++places;
  return { place: await scene.newPlace(), slot };
}

function startChild(place: OutboxPlace, work: number | WithdrawalWork): ChildProcess {
  const file = join(PROJECT_ROOT, 'test/support/faults/outbox-child.ts');
  return spawn(process.execPath, [file, JSON.stringify(place), JSON.stringify(work)], {
    cwd: PROJECT_ROOT,
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: join(PROJECT_ROOT, 'node_modules/.cache/stakewise-operator'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function endOf(child: ChildProcess): Promise<{ stdout: string; stderr: string; how: number | string }> {
  if (child.stdout === null || child.stderr === null) throw new Error('no pipes');
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null, string | null]>,
  ]);
  return { stdout, stderr, how: code ?? signal ?? '' };
}

/** The time of the lease passes. */
async function expireLease({ databaseUrl, vault }: OutboxPlace): Promise<void> {
  await runSql(
    databaseUrl,
    'update stakewise_operator.operator_leases set expires_at = clock_timestamp() where vault = $1',
    [Buffer.from(vault.slice(2), 'hex')],
  );
}

/** The next operator starts, and is asked for the same. */
async function takeOver(place: OutboxPlace, slot: number): Promise<void> {
  await expireLease(place);
  await using next = await startTestOperator(place, { holder: 'the next one' });
  const { signal } = new AbortController();
  await next.outbox.reconcile(signal);
  expect(await next.outbox.send(intentOf(slot), { signal })).toMatchObject({ status: 'confirmed' });
}

async function expectOneTransaction(place: OutboxPlace, slot: number): Promise<void> {
  expect(await countOf(scene.chain, slot), 'calls').toBe(1);
  expect(await scene.nonceOf(place), 'transactions').toBe(1);
  const states = await runSql(
    place.databaseUrl,
    'select state from stakewise_operator.transactions where vault = $1',
    [Buffer.from(place.vault.slice(2), 'hex')],
  );
  expect(states).toEqual([{ state: 'confirmed' }]);
}

/** Runs an operator of which something is done at one point; resolves to its end and where that was. */
async function runTo(
  kind: 'statement' | 'request',
  number: number,
  place: OutboxPlace,
  work: number | WithdrawalWork,
  atPoint: (child: ChildProcess) => Promise<boolean>,
) {
  let child: ChildProcess | undefined;
  let reached: string | undefined;
  const reach = async (what: string) => {
    reached = what;
    return child === undefined ? false : await atPoint(child);
  };
  const onRequest = (at: number, body: string) => (kind === 'request' && at === number ? reach(body) : true);
  await using gate = await startRpcGate({ nodeUrl: place.rpcUrl, before: onRequest });
  await using wire = await startWireProxy({
    serverUrl: place.databaseUrl,
    ...(kind === 'statement' && { point: { number, when: 'before' }, hold: reach }),
  });
  child = startChild({ ...place, databaseUrl: wire.url, rpcUrl: gate.url }, work);
  return { ...(await endOf(child)), reached };
}

const KINDS = ['statement', 'request'] as const;

describe('an operator that sends a transaction', () => {
  it.each(KINDS)(
    'a transaction is sent once, its operator being killed before each %s in turn',
    async kind => {
      const count = await forEveryPoint(LANES, async number => {
        const { place, slot } = await newPlace();
        const run = await runTo(kind, number, place, slot, async child => {
          child.kill('SIGKILL');
          return false;
        });
        try {
          if (run.reached === undefined) expect(run, run.stderr).toMatchObject({ how: 0 });
          else expect(run.how).toBe('SIGKILL');
          await takeOver(place, slot);
          await expectOneTransaction(place, slot);
        } catch (error) {
          throw new Error(`killed before ${kind} ${number}: ${run.reached}`, { cause: error });
        }
        return run.reached !== undefined;
      });
      console.log(`outbox: killed before ${count} × ${kind}`);
      expect(count).toBeGreaterThan(kind === 'statement' ? 10 : 4);
    },
  );

  it.each(KINDS)(
    'a transaction is sent once, its operator being held up before each %s until another takes over',
    {
      timeout: 120_000,
    },
    async kind => {
      const count = await forEveryPoint(LANES, async number => {
        const { place, slot } = await newPlace();
        let isTakenOver = false;
        const run = await runTo(kind, number, place, slot, async child => {
          child.kill('SIGSTOP');
          await takeOver(place, slot);
          isTakenOver = true;
          child.kill('SIGCONT');
          return true;
        });
        try {
          expect(isTakenOver).toBe(run.reached !== undefined);
          await takeOver(place, slot);
          await expectOneTransaction(place, slot);
        } catch (error) {
          throw new Error(`held up before ${kind} ${number}: ${run.reached}\n${run.stderr}`, {
            cause: error,
          });
        }
        return run.reached !== undefined;
      });
      console.log(`outbox: held up before ${count} × ${kind}`);
      expect(count).toBeGreaterThan(kind === 'statement' ? 10 : 4);
    },
  );
});

/** A vault with nothing planned yet, and the withdrawals that its operator is to request. */
async function newWithdrawals(): Promise<{ place: OutboxPlace; work: WithdrawalWork }> {
  const place = await scene.newPlace();
  await deployOperationsVault(scene.chain, place.vault);
  await using operator = await startTestOperator(place, { holder: 'who plans' });
  return { place, work: { amountGwei: 5, occasion: await occasionNow(operator.node, place.vault) } };
}

/** The next operator starts, and requests what it has planned before it knew what became of the other one's. */
async function takeOverWithdrawals(place: OutboxPlace, work: WithdrawalWork): Promise<string> {
  await expireLease(place);
  await using next = await startTestOperator(place, { holder: 'the next one' });
  const { signal } = new AbortController();
  await next.outbox.reconcile(signal);
  return (await next.outbox.send(withdrawalIntentOf(next.node, place, work), { signal })).status;
}

async function expectOneEffect(place: OutboxPlace, amounts: readonly number[]): Promise<void> {
  const told = await toldBy(scene.chain, place.vault);
  const plans = amounts.map(amount => [
    `ValidatorWithdrawalSubmitted 0x01 ${amount}`,
    'ValidatorWithdrawalSubmitted 0x02 0',
  ]);
  expect(plans).toContainEqual(told);
  expect(await scene.chain.getBalance(place.vault), 'wei for the requests').toBe(2n * REQUEST_FEE_WEI);
  expect(await scene.nonceOf(place), 'transactions').toBe(1);
}

const PLANS = [
  ['alike', 5, ['confirmed']],
  ['for another amount', 6, ['confirmed', 'outdated']],
] as const;

describe('an operator that requests withdrawals', () => {
  it.each(KINDS.flatMap(kind => PLANS.map(plan => [kind, ...plan] as const)))(
    'withdrawals are requested once, their operator being killed before each %s in turn, and they being planned again %s',
    { timeout: 240_000 },
    async (kind, _, amountGwei, outcomes) => {
      const seen = new Set<string>();
      const count = await forEveryPoint(LANES, async number => {
        const { place, work } = await newWithdrawals();
        const run = await runTo(kind, number, place, work, async child => {
          child.kill('SIGKILL');
          return false;
        });
        try {
          if (run.reached === undefined) expect(run, run.stderr).toMatchObject({ how: 0 });
          else expect(run.how).toBe('SIGKILL');
          const status = await takeOverWithdrawals(place, { ...work, amountGwei });
          expect(outcomes).toContain(status);
          seen.add(status);
          await expectOneEffect(place, [5, amountGwei]);
        } catch (error) {
          throw new Error(`killed before ${kind} ${number}: ${run.reached}`, { cause: error });
        }
        return run.reached !== undefined;
      });
      console.log(`withdrawals: killed before ${count} × ${kind}`);
      expect(count).toBeGreaterThan(kind === 'statement' ? 10 : 4);
      expect([...seen].sort()).toEqual(outcomes);
    },
  );

  it.each(KINDS)(
    'withdrawals are requested once, their operator being held up before each %s until another one has planned other ones',
    { timeout: 240_000 },
    async kind => {
      const count = await forEveryPoint(LANES, async number => {
        const { place, work } = await newWithdrawals();
        const other = { ...work, amountGwei: 6 };
        const run = await runTo(kind, number, place, work, async child => {
          child.kill('SIGSTOP');
          await takeOverWithdrawals(place, other);
          child.kill('SIGCONT');
          return true;
        });
        try {
          await takeOverWithdrawals(place, other);
          await expectOneEffect(place, [5, 6]);
        } catch (error) {
          throw new Error(`held up before ${kind} ${number}: ${run.reached}\n${run.stderr}`, {
            cause: error,
          });
        }
        return run.reached !== undefined;
      });
      console.log(`withdrawals: held up before ${count} × ${kind}`);
      expect(count).toBeGreaterThan(kind === 'statement' ? 10 : 4);
    },
  );
});
