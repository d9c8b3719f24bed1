// Random rounds on a devnet: things happen to a vault of version 5, its validators, its oracles and the queues, then its operator
// makes its passes, and books that share no code with it are settled: nothing is asked for in vain, no wei is missing, no validator
// has two roles, nothing is staked that somebody is owed. `npm run proof` makes ten thousand of them.
import { expect, it } from 'vitest';
import { StakeLedger } from '../../support/checkers/stake-ledger.ts';
import {
  MAX_VALIDATOR_GWEI,
  openStakingOperator,
  type StakingOperator,
} from '../../support/scenes/staking-operator.ts';
import { startStakingWorld } from '../../support/scenes/staking-world.ts';
import { Chance } from './chance.ts';
import { Happenings } from './happenings.ts';
import { Holders } from './holders.ts';
import { Tally } from './tally.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 200);
const FIRST_SEED = Number(process.env.ROUNDS_SEED ?? 1);
/** Rounds in one world: a chain that grows without end takes longer for each. */
const ROUNDS_A_WORLD = 200;
const KEYS = 400;
const FEE_LIMIT_WEI = 1_000n * 10n ** 9n;

/** What a pass may fail with, when oracles, nodes or chain are as the round has made them. */
const EXPECTED = new Set([
  'beacon-node-not-ready',
  'chain-heads-differ',
  'exit-not-possible',
  'no-active-validators',
  'node-behind',
  'request-fee-too-high',
]);

/** One world with its operator, and what has come of its rounds. */
interface Play {
  readonly operator: StakingOperator;
  readonly ledger: StakeLedger;
  readonly happenings: Happenings;
  readonly chance: Chance;
  readonly tally: Tally;
}

/** A pass and what it came to, in few words. */
type Pass = () => Promise<string>;

function choosePasses({ operator, chance }: Play): readonly (readonly [name: string, pass: Pass])[] {
  const type = chance.is(0.25) ? '0x01' : '0x02';
  const rules = {
    maxRequestFeeWei: chance.one([1n, 5_000n, FEE_LIMIT_WEI]) ?? FEE_LIMIT_WEI,
    intervalMs: chance.between(1, 12) * 1_000,
    isWithoutExits: chance.is(0.15),
  };
  const count = chance.between(1, 3);
  const passes: (readonly [string, Pass])[] = [
    [
      `registration ${type}`,
      async () => {
        const outcome = await operator.register(type);
        return outcome.status === 'waiting' ? `waits: ${outcome.code}` : outcome.status;
      },
    ],
    [
      'withdrawals',
      async () => {
        const outcome = await operator.withdraw(rules);
        return outcome.status === 'waiting' ? `waits for ${shortened(outcome.waitsFor)}` : outcome.status;
      },
    ],
  ];
  if (chance.is(0.5)) passes.reverse();
  if (chance.is(0.02)) {
    passes.push([
      'exit-validators',
      async () => {
        await operator.exit({ count });
        return 'requested';
      },
    ]);
  }
  return passes;
}

/** What is waited for, without numbers and addresses. */
function shortened(waitsFor: string): string {
  return waitsFor
    .replace(/[:(].*/s, '')
    .replace(/\b(0x)?[0-9a-f]*[0-9][0-9a-f]*\b/gi, '…')
    .trim();
}

async function playRound(play: Play): Promise<void> {
  const { happenings, ledger, chance, tally } = play;
  for (let i = chance.between(1, 3); i > 0; i--) {
    const what = await happenings.happen();
    if (what !== undefined) tally.add('what happened', what);
  }
  const told = happenings.toldKeys();
  for (const [name, pass] of choosePasses(play)) {
    tally.add(name, await tryPass(pass));
    // Whoever asks for exits by hand is not held up by oracles.
    const { deeds, faults } = await ledger.settle(name === 'exit-validators' ? new Set() : told);
    for (const { role } of deeds) tally.add('validators', role);
    if (faults.length > 0) throw new Error(`after ${name}: ${faults.join('; ')}`);
  }
  await happenings.undo();
}

async function tryPass(pass: Pass): Promise<string> {
  try {
    return await pass();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!EXPECTED.has(code)) throw error;
    return `fails: ${code}`;
  }
}

async function playWorld(seed: number, rounds: number, tally: Tally): Promise<void> {
  await using world = await startStakingWorld({ seed, keys: KEYS });
  const { devnet, vault, wallet, place } = world;
  const { publicKeys } = place;
  const chance = new Chance(seed);
  const holders = new Holders(world, chance);
  const options = { vault, wallet, keys: publicKeys, maxValidatorGwei: MAX_VALIDATOR_GWEI };
  const ledger = await StakeLedger.open(devnet, options, () => holders.reserveWei);
  await using operator = await openStakingOperator({ ...place, minDepositDelayMs: 5_000 }, `seed ${seed}`);
  await holders.prepare();
  const happenings = new Happenings(world, ledger, chance, holders);
  const play: Play = { operator, ledger, happenings, chance, tally };
  for (let round = 1; round <= rounds; round++) {
    try {
      await playRound(play);
    } catch (error) {
      const again = `ROUNDS_SEED=${seed} ROUNDS=${round} npm run proof`;
      throw new Error(`round ${round} of seed ${seed}, to be seen again by ${again}\n${tally}`, {
        cause: error,
      });
    }
  }
  tally.add('rules', 'requests void', ledger.voidRequests);
  tally.add('rules', 'wei unaccounted for', Number(ledger.unaccountedWei));
  tally.add('rules', 'requests overtaken by a slashing or a penalty', ledger.overtakenRequests);
}

it(`${ROUNDS} random rounds: nothing is asked for in vain, no wei is missing, no validator has two roles, nothing is staked that is owed`, {
  timeout: 60_000 + ROUNDS * 1_000,
}, async () => {
  const tally = new Tally();
  const began = performance.now();
  for (let done = 0; done < ROUNDS; done += ROUNDS_A_WORLD) {
    const seed = FIRST_SEED + done / ROUNDS_A_WORLD;
    await playWorld(seed, Math.min(ROUNDS_A_WORLD, ROUNDS - done), tally);
  }
  const seconds = (performance.now() - began) / 1_000;
  console.log(`${ROUNDS} rounds in ${seconds.toFixed(1)} s, the first seed being ${FIRST_SEED}\n${tally}`);
  expect(tally.countOf('rules', 'requests void')).toBe(0);
  expect(tally.countOf('rules', 'wei unaccounted for')).toBe(0);
  // Rounds in which nobody does anything would prove nothing.
  const roles = ['registered', 'topped up', 'partially withdrawn', 'exited'];
  if (ROUNDS >= ROUNDS_A_WORLD) expect(tally.under('validators')).toEqual(roles.sort());
});
