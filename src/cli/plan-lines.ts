import { toVaultWei } from '../domain/protocol/stake-units.ts';
import type { UnfundedReason } from '../domain/protocol/unfunded-validators.ts';
import type { UntouchedReason } from '../domain/protocol/untouched-validators.ts';
import { type Hex, toHex } from '../lib/bytes.ts';
import { nameList } from '../lib/name-list.ts';
import { countOf } from '../lib/plural.ts';
import { timeText } from '../lib/time-text.ts';
import { formatEther, formatGwei } from '../lib/units.ts';
import type { Network } from '../networks/network.ts';
import type { PlanState, VaultPlan } from '../services/staking/plan/vault-plan.ts';
import { stakeCurrency, stakePerToken } from '../services/staking/registration/vault-version.ts';
import { renderTable } from './terminal/table.ts';

/** A plan, and what it was made for. */
export interface ShownPlan {
  readonly plan: VaultPlan;
  readonly network: Pick<Network, 'name' | 'currency'>;
  /** Checksummed. */
  readonly vault: string;
  readonly vaultVersion: number;
  readonly wallet: string | undefined;
}

/** How many rows a table has before the rest is counted. */
const ROWS = 20;

const UNFUNDED: Readonly<Record<UnfundedReason, string>> = {
  'other-credentials': 'no 0x02 credentials of this vault',
  exiting: 'exiting',
  'exit-requested': 'exit requested',
  consolidating: 'consolidating',
  unknown: 'not on the beacon chain yet',
  untracked: 'not registered with 0x02 credentials by the vault',
  full: 'full',
  'not-enough-assets': 'not enough assets',
  interval: 'too soon after the last top-up',
};

const UNTOUCHED: Readonly<Record<UntouchedReason, string>> = {
  foreign: 'no validator of the vault',
  exiting: 'exiting',
  'exit-requested': 'exit requested',
  'too-young': 'not active long enough',
  'partials-pending': 'partial withdrawals waiting',
  consolidating: 'consolidating',
  'deposit-pending': 'a deposit for it waits',
  'oracles-exit': 'exited by oracles',
  'exits-switched-off': 'nothing above 32 ETH, and exits switched off',
  'not-needed': 'not needed',
};

/** A plan for people, in lines of at most 100 letters but for what is waited for. */
export function planLines(shown: ShownPlan): string[] {
  return [
    ...headLines(shown),
    ...assetLines(shown),
    ...fundingLines(shown),
    ...registrationLines(shown),
    ...withdrawalLines(shown),
    ...costLines(shown),
  ];
}

/** Whether the operator would do anything of the plan. */
export function isActing({ funding, registration, withdrawals }: VaultPlan): boolean {
  return [funding, registration, withdrawals].some(({ outlook }) => outlook.state === 'acting');
}

function headLines({ plan: { head }, vault, vaultVersion, network }: ShownPlan): string[] {
  const { number, timestamp } = head.executionBlock;
  const time = timeText(new Date(timestamp * 1000).toISOString());
  return [
    `Vault ${vault} of version ${vaultVersion} on ${network.name}`,
    `Block ${number}, slot ${head.slot}, epoch ${head.epoch}, ${time} UTC`,
  ];
}

function assetLines({ plan: { assets }, network }: ShownPlan): string[] {
  const ofVault = (wei: bigint) => formatEther(wei, stakeCurrency(network));
  return section('Assets', [
    ...aligned([
      ['withdrawable, after a pending harvest', ofVault(assets.withdrawableWei)],
      ['kept for osToken redemptions', ofVault(assets.redemptionsWei)],
      ['kept by --vault-min-balance-gwei', ofVault(assets.minBalanceWei)],
      ['to be staked', stake(assets.stakeableGwei, network)],
    ]),
  ]);
}

function fundingLines({ plan: { funding }, network }: ShownPlan): string[] {
  const { outlook, topUps, untouched } = funding;
  const sumGwei = topUps.reduce((sum, { amountGwei }) => sum + amountGwei, 0n);
  const what = `${countOf(topUps.length, 'validator')} would get ${stake(sumGwei, network)}`;
  const rows = topUps.map(({ index, publicKey, balanceGwei, amountGwei }) => [
    index === undefined ? 'none yet' : String(index),
    shortKey(publicKey),
    stake(balanceGwei, network),
    stake(amountGwei, network),
    stake(balanceGwei + amountGwei, network),
  ]);
  return section(headingOf('Top-ups', outlook, topUps.length === 0 ? undefined : what), [
    ...tableOf(['INDEX', 'PUBLIC KEY', 'HAS', 'GETS', 'THEN'], rows),
    ...leftOutLines(
      'Not topped up',
      untouched.map(({ index, publicKey, reason }) => ({
        name: index === undefined ? shortKey(publicKey) : String(index),
        reason: UNFUNDED[reason],
      })),
    ),
  ]);
}

function registrationLines({ plan: { registration }, network }: ShownPlan): string[] {
  const { outlook, type, keySource, amountsGwei, validators, restGwei } = registration;
  const chosen = validators.length > 0 ? validators.map(({ amountGwei }) => amountGwei) : amountsGwei;
  const sumGwei = chosen.reduce((sum, amount) => sum + amount, 0n);
  const what = `${countOf(chosen.length, 'validator')} of type ${type} would get ${stake(sumGwei, network)}`;
  const rows = validators.map(({ publicKey, amountGwei }) => [toHex(publicKey), stake(amountGwei, network)]);
  return section(
    headingOf('Registration', outlook, chosen.length === 0 || type === undefined ? undefined : what),
    [
      ...(keySource === undefined ? [] : [`Keys of ${keySource}`]),
      ...tableOf(
        ['PUBLIC KEY', 'GETS'],
        rows.map(([key = '', gets = '']) => [shortHex(key as Hex), gets]),
      ),
      ...(restGwei > 0n ? [`Left in the vault: ${stake(restGwei, network)}`] : []),
    ],
  );
}

function withdrawalLines({ plan: { withdrawals: requests }, network }: ShownPlan): string[] {
  const {
    outlook,
    lackingGwei,
    comingInGwei,
    missingGwei,
    uncoveredGwei = 0n,
    withdrawals,
    later,
  } = requests;
  const exits = withdrawals.filter(({ kind }) => kind === 'exit').length;
  const partials = withdrawals.length - exits;
  const what = `${countOf(partials, 'partial withdrawal')} and ${countOf(exits, 'exit')} would be requested`;
  const rows = withdrawals.map(({ index, publicKey, kind, returnsGwei }) => [
    String(index),
    shortKey(publicKey),
    kind,
    stake(returnsGwei, network),
  ]);
  const queue: (readonly [string, bigint | undefined])[] = [
    ['the exit queue lacks', lackingGwei],
    ['coming in', comingInGwei],
    ['missing then', missingGwei],
  ];
  return section(headingOf('Withdrawals', outlook, withdrawals.length === 0 ? undefined : what), [
    ...aligned(queue.flatMap(([name, gwei]) => (gwei === undefined ? [] : [[name, stake(gwei, network)]]))),
    ...tableOf(['INDEX', 'PUBLIC KEY', 'WHAT', 'RETURNS'], rows),
    ...(later.length === 0 ? [] : [`In a later pass: ${nameList(later.map(({ index }) => index))}`]),
    ...(uncoveredGwei > 0n ? [`Cannot be had of any now: ${stake(uncoveredGwei, network)}`] : []),
    ...leftOutLines(
      'Nothing is asked of',
      requests.untouched.map(({ index, reason }) => ({ name: String(index), reason: UNTOUCHED[reason] })),
    ),
  ]);
}

function costLines({ plan: { costs }, network, wallet }: ShownPlan): string[] {
  const { calls, requestFeeWei, requestFeesWei, gasWei, balanceWei } = costs;
  const price = costs.baseFeePerGasWei + costs.priorityFeePerGasWei;
  const inCurrency = (wei: bigint) => formatEther(wei, network.currency);
  const rows = calls.map(({ kind, gas, isLeast, refusal }) => [
    kind,
    `${isLeast ? 'at least ' : ''}${gas} gas`,
    inCurrency(gas * price),
    refusal === undefined ? '' : `the vault refuses it now: ${refusal}`,
  ]);
  const fees =
    requestFeeWei === undefined
      ? []
      : [
          `Fees of requests: at most ${requestFeeWei} wei each, ${requestFeesWei} wei together; what is too much comes back`,
        ];
  const isLeast = calls.some(call => call.isLeast) ? 'at least ' : '';
  const leftWei = (balanceWei ?? 0n) - gasWei - requestFeesWei;
  const holder = wallet === undefined || balanceWei === null ? undefined : `The hot wallet ${wallet}`;
  const balance =
    holder === undefined
      ? ['It is not known which the hot wallet is: name it with --wallet-address']
      : [
          leftWei < 0n
            ? `${holder} has ${inCurrency(balanceWei ?? 0n)}: not enough`
            : `${holder} has ${inCurrency(balanceWei ?? 0n)}${calls.length === 0 ? '' : `, and ${inCurrency(leftWei)} then`}`,
        ];
  return section(`Cost at ${formatGwei(price)} gwei per gas`, [
    ...rows.map(row => row.filter(text => text !== '').join('  ')),
    ...fees,
    ...(calls.length > 1 ? [`Together: ${isLeast}${inCurrency(gasWei + requestFeesWei)}`] : []),
    ...balance,
  ]);
}

/** What a part of the plan does, or why it does nothing. */
function headingOf(name: string, outlook: PlanState, what: string | undefined): string {
  switch (outlook.state) {
    case 'acting':
      return `${name}: ${what ?? 'something would be done'}`;
    case 'waiting':
      return `${name}: ${what === undefined ? '' : `${what}, but `}waiting for ${outlook.reason}`;
    case 'idle':
      return `${name}: nothing to do, ${outlook.reason}`;
    case 'off':
      return `${name}: none, ${outlook.reason}`;
  }
}

function section(heading: string, lines: readonly string[]): string[] {
  return ['', heading, ...lines.map(line => `  ${line}`)];
}

function tableOf(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const more = rows.length - ROWS;
  return [...renderTable(headings, rows.slice(0, ROWS)), ...(more > 0 ? [`and ${more} more`] : [])];
}

/** How many are left out by each reason, and the first of them. */
function leftOutLines(
  heading: string,
  left: readonly { readonly name: string; readonly reason: string }[],
): string[] {
  if (left.length === 0) return [];
  const byReason = Map.groupBy(left, ({ reason }) => reason);
  const reasons = Array.from(
    byReason,
    ([reason, some]) => `  ${some.length} ${reason}: ${nameList(some.map(({ name }) => name))}`,
  );
  return [`${heading}: ${countOf(left.length, 'validator')}`, ...reasons];
}

/** Lines of two columns. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const width = rows.reduce((widest, [name = '']) => Math.max(widest, name.length), 0);
  return rows.map(([name = '', text = '']) => `${name.padEnd(width)}  ${text}`);
}

function stake(gwei: bigint, network: Pick<Network, 'currency'>): string {
  return formatEther(toVaultWei(gwei, stakePerToken(network)), stakeCurrency(network));
}

function shortKey(publicKey: Uint8Array): string {
  return shortHex(toHex(publicKey));
}

function shortHex(hex: Hex): string {
  return `${hex.slice(0, 10)}…${hex.slice(-6)}`;
}
