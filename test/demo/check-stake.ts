import { formatEther } from 'ethers/utils';
import { credentialsOf } from '../devnet/deposit-data.ts';
import type { Devnet } from '../devnet/devnet.ts';
import type { ElectraState, ElectraValidator } from '../devnet/electra-state.ts';
import { hex } from '../devnet/exit-signature.ts';
import { expectEqual } from './expectations.ts';

// What a vault of version 5 has done with its stake, by the events of the chain and the state of the beacon chain.

const WEI_PER_GWEI = 10n ** 9n;

/** A validator of a vault, as the beacon chain has it. */
export interface StakedValidator {
  readonly index: number;
  readonly publicKey: string;
  readonly balanceGwei: bigint;
  readonly status: string;
}

/** An event in which a vault names a validator and an amount. */
export interface StakeEvent {
  readonly publicKey: string;
  /** 0 of a withdrawal asks for the validator's exit. */
  readonly amountGwei: bigint;
  readonly block: number;
}

export type StakeEventName = 'V2ValidatorRegistered' | 'ValidatorFunded' | 'ValidatorWithdrawalSubmitted';

/** All events of a kind, in the chain's order. */
export async function readStakeEvents(
  { protocol }: Devnet,
  vault: string,
  name: StakeEventName,
): Promise<readonly StakeEvent[]> {
  const logs = await protocol.at('VaultV5', vault).queryFilter(name, 0);
  return logs.flatMap(log =>
    'args' in log
      ? [{ publicKey: log.args[0], amountGwei: BigInt(log.args[1]) / WEI_PER_GWEI, block: log.blockNumber }]
      : [],
  );
}

/** The validators with 0x02 credentials of the vault, in the order of their indexes; there must be none with others. */
export async function readStake(devnet: Devnet, vault: string): Promise<readonly StakedValidator[]> {
  const { state } = await devnet.beacon.sync();
  return validatorsOf(state, vault).map(validator => {
    const { index, publicKey, balanceGwei, withdrawalCredentials } = validator;
    expectEqual(`credentials of ${publicKey}`, withdrawalCredentials, hex(credentialsOf(vault, 2)));
    return { index, publicKey, balanceGwei, status: state.statusOf(validator) };
  });
}

/** Prints them, a line each. */
export async function showStake(devnet: Devnet, vault: string): Promise<readonly StakedValidator[]> {
  const validators = await readStake(devnet, vault);
  for (const { index, publicKey, balanceGwei, status } of validators) {
    const key = `${publicKey.slice(0, 10)}…${publicKey.slice(-4)}`;
    console.log(`  | validator ${index}  ${key}  ${etherText(balanceGwei).padStart(8)}  ${status}`);
  }
  const wei = await devnet.protocol.provider.getBalance(vault);
  console.log(`  | in the vault itself       ${etherText(wei / WEI_PER_GWEI).padStart(8)}`);
  return validators;
}

/**
 * Nothing that the vault has asked of the beacon chain was void, and all of what was deposited in it is there: with it, with its
 * validators, or on the way to one.
 */
export async function checkNothingLost(devnet: Devnet, vault: string, depositedGwei: bigint): Promise<void> {
  const voids = await devnet.beacon.listVoidRequests(vault);
  const reasons = voids.map(({ kind, publicKey, reason }) => `${kind} of ${publicKey}: ${reason}`);
  expectEqual('requests of the vault that were void', reasons.join('; '), '');
  const { state } = await devnet.beacon.sync();
  const staked = sumGwei(validatorsOf(state, vault).map(({ balanceGwei }) => balanceGwei));
  const credentials = hex(credentialsOf(vault, 2));
  const pending = state.pendingDeposits.filter(one => hex(one.withdrawalCredentials) === credentials);
  const wei = await devnet.protocol.provider.getBalance(vault);
  const inAllWei = (staked + sumGwei(pending.map(({ amountGwei }) => amountGwei))) * WEI_PER_GWEI + wei;
  expectEqual('wei of the vault and its validators', inAllWei, depositedGwei * WEI_PER_GWEI);
}

function validatorsOf(state: ElectraState, vault: string): readonly ElectraValidator[] {
  const address = vault.slice(2).toLowerCase();
  return state.validators.filter(({ withdrawalCredentials }) => withdrawalCredentials.endsWith(address));
}

export function sumGwei(amounts: readonly bigint[]): bigint {
  return amounts.reduce((sum, amount) => sum + amount, 0n);
}

/** An amount of gwei as a reader wants to see it. */
export function etherText(gwei: bigint): string {
  return `${formatEther(gwei * WEI_PER_GWEI).replace(/\.0$/, '')} ETH`;
}
