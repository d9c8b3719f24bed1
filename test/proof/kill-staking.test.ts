// An operator of a vault of version 5 is killed with kill −9 before every step that changes or tells anybody something, while it
// registers validators by keys of its signer, tops them up, requests withdrawals, or exits validators; whoever comes next ends with one effect, by
// books that share no code with it. And it is stopped in the middle, until another operator with the same database has taken over, and
// woken: one effect.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { formatEther, parseEther } from 'ethers';
import { describe, expect, it } from 'vitest';
import { describeOracleSet } from '../devnet/oracle-set.ts';
import { type Account, StakeLedger } from '../support/checkers/stake-ledger.ts';
import { doStakingWork, type StakingWork } from '../support/faults/staking-work.ts';
import { type Step, startStepGate } from '../support/faults/step-gate.ts';
import { runSql } from '../support/postgres/postgres.ts';
import { COMPILE_CACHE, PROJECT_ROOT } from '../support/programs/cli.ts';
import {
  MAX_VALIDATOR_GWEI,
  openStakingOperator,
  type StakingPlace,
} from '../support/scenes/staking-operator.ts';
import { type StakingWorld, startStakingWorld } from '../support/scenes/staking-world.ts';

const GWEI_PER_ETHER = 1_000_000_000n;
/** More than there are steps to be killed before. */
const KEYS = 80;
/** How often a step is tried: on a busy machine an operator may fail before it, and is started again then. */
const ATTEMPTS = 3;

/** What is only read, and what goes on beside it, changes nothing: a kill there is one after the change before it. */
const READING =
  /^(database (select|begin|commit|rollback|set )|execution eth_(get|call|block|estimate|fee|maxPriority|chainId)|beacon|ipfs|signer GET|oracle GET)/;
const BESIDE = /^database (insert into|update) \S*"operator_leases"/;

/** A kind of work, and how there comes to be some of it. */
interface Kind {
  readonly name: string;
  readonly prepare: (world: StakingWorld) => Promise<void>;
  /** Makes one more piece of work. @param number - from 0 */
  readonly give: (world: StakingWorld, number: number) => Promise<StakingWork>;
  /** What is then done once: role and ether of each validator. */
  readonly effect: readonly string[];
  /** Steps that there are to be killed before, at least. */
  readonly steps: number;
  /** Whether it differs from another kind only in what is sent, so that what comes before that need not be tried again. */
  readonly isVariant?: boolean;
  /** Validators are topped up as well. */
  readonly isFunding?: boolean;
}

/** Validators that are old enough to leave. */
async function addOldValidators({ devnet, place }: StakingWorld, ether: readonly number[]): Promise<void> {
  await devnet.depositEther(ether.reduce((sum, one) => sum + one, 0));
  await devnet.registerCompounding(
    ether.map((one, i) => ({
      publicKey: Buffer.from(place.publicKeys[i]?.slice(2) ?? '', 'hex'),
      amountGwei: BigInt(one) * GWEI_PER_ETHER,
    })),
  );
  await devnet.passEpochs(300);
}

/** Oracles approve one validator at a time, so that two take two transactions. */
async function approveOneByOne({ devnet }: StakingWorld): Promise<void> {
  const { oracles, threshold } = devnet.oracleSet;
  const document = describeOracleSet(oracles, threshold);
  await devnet.publishOracleConfig({ ...document, validators_approval_batch_limit: 1 });
}

const KINDS: readonly Kind[] = [
  {
    name: 'registers two batches of 0x02 validators by keys of its signer',
    prepare: approveOneByOne,
    async give({ devnet }) {
      await devnet.depositEther(332);
      return { kind: 'register', type: '0x02' };
    },
    effect: ['registered 300.0', 'registered 32.0'],
    steps: 10,
  },
  {
    name: 'registers 0x01 validators by keys of its signer',
    prepare: async () => undefined,
    async give({ devnet }) {
      await devnet.depositEther(64);
      return { kind: 'register', type: '0x01' };
    },
    effect: ['registered 32.0', 'registered 32.0'],
    steps: 3,
    isVariant: true,
  },
  {
    name: 'tops up a validator',
    prepare: world => addOldValidators(world, [32]),
    async give({ devnet }) {
      await devnet.depositEther(11);
      return { kind: 'register', type: '0x02' };
    },
    effect: ['topped up 11.0'],
    steps: 5,
    isFunding: true,
  },
  {
    name: 'requests withdrawals',
    prepare: world => addOldValidators(world, [300, 300]),
    async give({ devnet, vault }) {
      const { protocol } = devnet;
      const contract = protocol.at('VaultV5', vault);
      await protocol.send(contract, 'enterExitQueue', parseEther('5'), protocol.owner.address);
      return { kind: 'withdraw' };
    },
    effect: ['partially withdrawn 5.0'],
    steps: 5,
  },
  {
    name: 'exits a validator that somebody has named',
    prepare: world => addOldValidators(world, new Array<number>(40).fill(32)),
    async give({ devnet, place }, number) {
      const { state } = await devnet.beacon.sync();
      return { kind: 'exit', index: state.find(place.publicKeys[number] ?? '')?.index ?? -1 };
    },
    effect: ['exited 0.0'],
    steps: 5,
  },
];

/** One vault whose operators are killed, one after the other. */
class Lane {
  readonly #world: StakingWorld;
  readonly #kind: Kind;
  readonly #ledger: StakeLedger;
  #given = 0;

  constructor(world: StakingWorld, kind: Kind, ledger: StakeLedger) {
    this.#world = world;
    this.#kind = kind;
    this.#ledger = ledger;
  }

  /** Steps of an operator that nobody disturbs. */
  async record(): Promise<readonly Step[]> {
    const steps: Step[] = [];
    const run = await this.#run(await this.#give(), async step => steps.push(step) > 0);
    expect(run.how, run.stderr).toBe(0);
    this.#expectOneEffect(await this.#ledger.settle());
    return steps;
  }

  /** @returns whether the operator got there */
  async killAt(point: Step): Promise<boolean> {
    const work = await this.#give();
    let isReached = false;
    const run = await this.#run(work, async (step, child) => {
      isReached ||= isSame(step, point);
      if (isReached) child.kill('SIGKILL');
      return !isReached;
    });
    if (isReached) expect(run.how, run.stderr).toBe('SIGKILL');
    await this.#takeOver(work);
    this.#expectOneEffect(await this.#ledger.settle());
    return isReached;
  }

  /** @returns whether the operator got there */
  async stopAt(point: Step): Promise<boolean> {
    const work = await this.#give();
    let isReached = false;
    await this.#run(work, async (step, child) => {
      if (isReached || !isSame(step, point)) return true;
      isReached = true;
      child.kill('SIGSTOP');
      await this.#takeOver(work);
      child.kill('SIGCONT');
      return true;
    });
    await this.#takeOver(work);
    this.#expectOneEffect(await this.#ledger.settle());
    return isReached;
  }

  async #give(): Promise<StakingWork> {
    const work = await this.#kind.give(this.#world, this.#given++);
    await this.#world.devnet.beacon.sync();
    return work;
  }

  get #place(): StakingPlace {
    const { place } = this.#world;
    return this.#kind.isFunding === true ? { ...place, minDepositDelayMs: 0 } : place;
  }

  async #run(work: StakingWork, onStep: (step: Step, child: ChildProcess) => Promise<boolean>) {
    const { devnet } = this.#world;
    const place = this.#place;
    let child: ChildProcess | undefined;
    await using gate = await startStepGate(
      {
        execution: place.rpcUrl,
        beacon: place.beaconUrl,
        signer: place.signerUrl,
        ipfs: devnet.ipfs.url,
        database: place.databaseUrl,
      },
      async step => child === undefined || (await onStep(step, child)),
    );
    const { execution, beacon, signer, database } = gate.servers;
    const gated = {
      ...place,
      rpcUrl: execution,
      beaconUrl: beacon,
      signerUrl: signer,
      databaseUrl: database ?? '',
    };
    devnet.oracles.onRequest = async (_, request) => void (await gate.asked(request));
    const file = join(PROJECT_ROOT, 'test/support/faults/staking-child.ts');
    child = spawn(process.execPath, [file, JSON.stringify(gated), JSON.stringify(work)], {
      cwd: PROJECT_ROOT,
      env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: COMPILE_CACHE },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(child, 'close') as Promise<[number | null, string | null]>;
    if (child.stderr === null) throw new Error('no pipe');
    const [stderr, [code, signal]] = await Promise.all([text(child.stderr), ended]);
    devnet.oracles.onRequest = undefined;
    return { stderr, how: code ?? signal };
  }

  /** The time of the lease passes, and the next operator starts. */
  async #takeOver(work: StakingWork): Promise<void> {
    const { vault, devnet } = this.#world;
    const place = this.#place;
    const { onRequest } = devnet.oracles;
    devnet.oracles.onRequest = undefined;
    await runSql(
      place.databaseUrl,
      'update stakewise_operator.operator_leases set expires_at = clock_timestamp() where vault = $1',
      [Buffer.from(vault.slice(2), 'hex')],
    );
    await using next = await openStakingOperator(place, 'the next one');
    await doStakingWork(next, work);
    devnet.oracles.onRequest = onRequest;
  }

  #expectOneEffect({ deeds, faults }: Account): void {
    expect(faults).toEqual([]);
    expect(deeds.map(({ role, wei }) => `${role} ${formatEther(wei)}`).sort()).toEqual(
      [...this.#kind.effect].sort(),
    );
  }
}

const nameOf = ({ phase, kind, number }: Step): string => `${phase}: ${kind} #${number}`;
const isSame = (step: Step, point: Step): boolean => nameOf(step) === nameOf(point);

/** The first of each kind of step, in each phase, that changes or tells anybody something. */
function pointsOf(steps: readonly Step[], { isVariant = false }: Kind): readonly Step[] {
  return steps.filter(
    ({ kind, number, phase }) =>
      number === 1 &&
      !READING.test(kind) &&
      !BESIDE.test(kind) &&
      (!isVariant || phase === 'recorded' || phase === 'sent'),
  );
}

/** Whether a statement follows another one: between the two, nothing but the database has changed. */
function isAgain(before: Step | undefined, kind: string): boolean {
  return before?.phase === 'recorded' && [before.kind, kind].every(one => one.startsWith('database'));
}

async function startLane(kind: Kind, seed: number): Promise<Lane & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const world = stack.use(await startStakingWorld({ seed, keys: KEYS }));
  const { devnet, vault, wallet, place } = world;
  await kind.prepare(world);
  const options = { vault, wallet, keys: place.publicKeys, maxValidatorGwei: MAX_VALIDATOR_GWEI };
  const ledger = await StakeLedger.open(devnet, options, () => 0n);
  const open = stack.move();
  return Object.assign(new Lane(world, kind, ledger), {
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  });
}

describe.concurrent('an operator of a vault of version 5', () => {
  it.each(KINDS.map((kind, i) => [kind.name, kind, i] as const))(
    'an operator that %s has one effect, being killed before each step, or stopped there until another takes over',
    { timeout: 480_000 },
    async (_, kind, i) => {
      await using lane = await startLane(kind, 1_000 + i);
      const points = pointsOf(await lane.record(), kind);
      expect(points.length).toBeGreaterThanOrEqual(kind.steps);
      const missed: string[] = [];
      const tryAt = async (what: string, point: Step, work: (point: Step) => Promise<boolean>) => {
        for (let attempt = 1; attempt <= ATTEMPTS; attempt++) if (await work(point)) return;
        missed.push(`${what} ${nameOf(point)}`);
      };
      for (const point of points) await tryAt('killed', point, at => lane.killAt(at));
      // With all of it in hand, with the form signed and not sent, with the form sent and not learnt of.
      const sending = points.filter(
        ({ phase, kind: step }, i) => phase === 'recorded' && !isAgain(points[i - 1], step),
      );
      expect(sending.length).toBeGreaterThan(2);
      const stops = kind.isVariant === true ? [] : sending;
      for (const point of stops) await tryAt('stopped', point, at => lane.stopAt(at));
      console.log(`${kind.name}: killed at ${points.length} steps, stopped and woken at ${stops.length}`);
      expect(missed).toEqual([]);
    },
  );
});
