import { formatEther, parseEther } from 'ethers/utils';
import type { Devnet } from '../devnet/devnet.ts';
import { hex } from '../devnet/exit-signature.ts';
import { checkExits, readApprovedExits } from './check-operator.ts';
import {
  checkNothingLost,
  etherText,
  readStake,
  readStakeEvents,
  type StakeEvent,
  type StakeEventName,
  showStake,
  sumGwei,
} from './check-stake.ts';
import { expectEqual } from './expectations.ts';
import { expectMetric, type MeteredOperator } from './metrics.ts';
import { tell } from './runner.ts';

/** An operator at work for a vault of version 5 that registers keys of its signer. */
export interface StakeScene extends MeteredOperator {
  readonly devnet: Devnet;
  readonly vault: string;
}

const GWEI = 1_000_000_000n;
/** What no partial withdrawal goes below. */
const LEAST_GWEI = 32n * GWEI;
/** What validators of type 0x02 get at most unless the operator is told otherwise, and the rest of the first deposit. */
const FIRST_GWEI = [300n * GWEI, LEAST_GWEI];
/** More than the least that is staked, and too little for a validator. */
const TOP_UP_GWEI = 20n * GWEI;
/** Deposits wait until they are finalized. */
const TOPPED_UP_EPOCHS = 10;
/** Validators may be withdrawn from, and exit, when they have been active for 256 epochs. */
const OLD_ENOUGH_EPOCHS = 300;
/** What is withdrawn arrives 256 epochs after it has left the validator, which an exit takes some epochs to do. */
export const PAID_EPOCHS = 270;
const STOP_MS = 10_000;

/** Ether arrives for two validators, one of 300 and one of 32 ETH. @returns the gwei that arrived */
export async function register(scene: StakeScene): Promise<bigint> {
  const { devnet, vault, operator } = scene;
  const gwei = sumGwei(FIRST_GWEI);
  await tell(`${etherText(gwei)} arrive in the vault.`, async () => {
    await devnet.depositEther(Number(gwei / GWEI), vault);
    const registered = await untilEvents(scene, 'V2ValidatorRegistered', FIRST_GWEI.length);
    expectEqual('amounts', registered.map(({ amountGwei }) => amountGwei).join(), FIRST_GWEI.join());
    expectEqual('blocks of the registration', new Set(registered.map(({ block }) => block)).size, 1);
    const publicKeys = registered.map(({ publicKey }) => publicKey);
    // Whose first valid signature is of another amount or vault would be no deposit of these.
    const deposits = await devnet.deposits.listValidators();
    for (const [i, { publicKey }] of registered.entries()) {
      const deposit = deposits.find(one => hex(one.publicKey) === publicKey);
      expectEqual(`signed deposit of ${publicKey}`, deposit?.amountGwei, FIRST_GWEI[i]);
    }
    await checkExits(devnet, await readApprovedExits(devnet, vault), { vault, publicKeys });
    await operator.printed('Successfully registered validators');
    return 'Two validators in one transaction: deposits signed for these amounts and 0x02 credentials of the vault, as another library agrees; the oracles recover each exit.';
  });
  await tell(`${OLD_ENOUGH_EPOCHS} epochs pass.`, async () => {
    await devnet.passEpochs(OLD_ENOUGH_EPOCHS);
    const stake = await showStake(devnet, vault);
    expectEqual('balances', stake.map(({ balanceGwei }) => balanceGwei).join(), FIRST_GWEI.join());
    expectEqual('states', new Set(stake.map(({ status }) => status)).size, 1);
    await checkNothingLost(devnet, vault, gwei);
    await expectMetric(scene, 'unused_validator_keys', 1);
    return `Both are ${stake[0]?.status}. One key is left.`;
  });
  return gwei;
}

/** More ether arrives, too little for a validator: the one that has room gets it. @returns the gwei that arrived */
export async function topUp(scene: StakeScene): Promise<bigint> {
  const { devnet, vault, operator } = scene;
  const before = await readStake(devnet, vault);
  const smallest = before.find(({ balanceGwei }) => balanceGwei === LEAST_GWEI);
  await tell(`${etherText(TOP_UP_GWEI)} more arrive in the vault.`, async () => {
    await devnet.depositEther(Number(TOP_UP_GWEI / GWEI), vault);
    const [topUp] = await untilEvents(scene, 'ValidatorFunded', 1);
    expectEqual('validator that was topped up', topUp?.publicKey, smallest?.publicKey);
    expectEqual('gwei', topUp?.amountGwei, TOP_UP_GWEI);
    await operator.printed('Successfully topped up validators');
    await expectMetric(scene, 'last_funding_block', topUp?.block ?? 0);
    return `Too little for another validator: validator ${smallest?.index} is topped up.`;
  });
  await tell(`${TOPPED_UP_EPOCHS} epochs pass.`, async () => {
    await devnet.passEpochs(TOPPED_UP_EPOCHS);
    const after = await showStake(devnet, vault);
    const one = after.find(({ index }) => index === smallest?.index);
    expectEqual('gwei of the validator', one?.balanceGwei, LEAST_GWEI + TOP_UP_GWEI);
    expectEqual('top-ups', (await readEvents(scene, 'ValidatorFunded')).length, 1);
    await checkNothingLost(devnet, vault, sumGwei(FIRST_GWEI) + TOP_UP_GWEI);
    return 'It was topped up once, and the beacon chain has taken the deposit.';
  });
  return TOP_UP_GWEI;
}

export interface Withdrawal {
  /** What holders leave with. */
  readonly ether: number;
  /** Gwei that the vault and its validators have. */
  readonly allGwei: bigint;
  /** How many validators have to exit for that. */
  readonly exits: number;
}

/** Holders leave with so much: the operator asks for it back from validators, and it arrives. */
export async function withdraw(scene: StakeScene, { ether, allGwei, exits }: Withdrawal): Promise<void> {
  const { devnet, vault, operator } = scene;
  const wantedGwei = BigInt(ether) * GWEI;
  await tell(`Holders leave, and wait for ${ether} ETH.`, async () => {
    const before = new Map((await readStake(devnet, vault)).map(one => [one.publicKey, one]));
    const contract = devnet.protocol.at('VaultV5', vault);
    const shares = parseEther(String(ether));
    await devnet.protocol.send(contract, 'enterExitQueue', shares, devnet.protocol.owner.address);
    const requests = await untilEvents(scene, 'ValidatorWithdrawalSubmitted', 1);
    const balanceOf = ({ publicKey }: StakeEvent) => before.get(publicKey)?.balanceGwei ?? 0n;
    for (const request of requests) {
      const { amountGwei } = request;
      const what = amountGwei === 0n ? 'all, by its exit' : etherText(amountGwei);
      console.log(`  | asked of validator ${before.get(request.publicKey)?.index}: ${what}`);
      const leftGwei = balanceOf(request) - amountGwei;
      if (leftGwei < LEAST_GWEI) throw new Error(`the request would leave ${etherText(leftGwei)}`);
    }
    expectEqual('exits', requests.filter(({ amountGwei }) => amountGwei === 0n).length, exits);
    const returns = requests.map(one => (one.amountGwei === 0n ? balanceOf(one) : one.amountGwei));
    expectEqual('gwei that will come back', sumGwei(returns), wantedGwei);
    await operator.printed('Requested withdrawals from validators');
    await expectMetric(scene, 'queued_assets', 0);
    await expectMetric(scene, 'last_withdrawal_block', requests[0]?.block ?? 0);
    return `Asked for in one transaction, to the gwei.`;
  });
  await tell(`${PAID_EPOCHS} epochs pass.`, async () => {
    await devnet.passEpochs(PAID_EPOCHS);
    await showStake(devnet, vault);
    const wei = await devnet.protocol.provider.getBalance(vault);
    expectEqual('ether in the vault', formatEther(wei), `${ether}.0`);
    await checkNothingLost(devnet, vault, allGwei);
    expectEqual('requests', (await readEvents(scene, 'ValidatorWithdrawalSubmitted')).length, 1 + exits);
    return `They can be paid: ${ether} ETH are in the vault, and nothing was asked for twice or in vain.`;
  });
}

/** SIGTERM; it says what became of the questions to the oracles. */
export async function stop({ operator }: StakeScene): Promise<void> {
  await tell('SIGTERM.', async () => {
    const { exitCode, afterMs } = await operator.stop();
    expectEqual('exit code after SIGTERM', exitCode, 0);
    if (afterMs > STOP_MS) throw new Error(`it took ${Math.round(afterMs)} ms to stop`);
    return `Exit code ${exitCode}.`;
  });
}

function readEvents({ devnet, vault }: StakeScene, name: StakeEventName): Promise<readonly StakeEvent[]> {
  return readStakeEvents(devnet, vault, name);
}

/** The vault's events of a kind, when there are so many. */
async function untilEvents(
  scene: StakeScene,
  name: StakeEventName,
  count: number,
): Promise<readonly StakeEvent[]> {
  let seen: readonly StakeEvent[] = [];
  await scene.operator.until(`${count} events ${name}`, async () => {
    seen = await readEvents(scene, name);
    return seen.length >= count;
  });
  return seen;
}
