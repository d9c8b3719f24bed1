import type { ExecutionNode } from '../../../clients/execution/execution-node.ts';
import { estimateCall } from '../../../clients/execution/read-transactions.ts';
import { requestFeeWei } from '../../../domain/protocol/request-fee.ts';
import { ExternalError } from '../../../lib/errors.ts';
import { leastGas } from '../../../transactions/expected-funds.ts';
import type { TransactionIntent } from '../../../transactions/transaction.ts';
import { topUpIntents } from '../funding/fund-validators.ts';
import type { RegistrationPlan } from '../registration/registration-planner.ts';
import { type WithdrawalDecision, withdrawalIntent } from '../withdrawals/withdrawals-planner.ts';
import type { PlanCosts, PlannedCall, VaultPlan } from './vault-plan.ts';

/** Who would send what is planned, and at what prices. */
export interface Payer {
  /** Checksummed. */
  readonly vault: string;
  /** The hot wallet, checksummed; undefined where nobody has said which it is. */
  readonly wallet: string | undefined;
  readonly balanceWei: bigint | null;
  readonly baseFeePerGasWei: bigint;
  readonly priorityFeePerGasWei: bigint;
}

/** What the tasks have decided. */
export interface DecidedCalls {
  readonly registration: RegistrationPlan;
  readonly withdrawals: WithdrawalDecision | undefined;
}

/** What the transactions of a plan cost, as far as that can be told before anybody has approved or signed anything. */
export async function planCosts(
  { node }: { readonly node: ExecutionNode },
  payer: Payer,
  decided: DecidedCalls,
  { registration, funding }: Pick<VaultPlan, 'funding' | 'registration'>,
): Promise<PlanCosts> {
  const { baseFeePerGasWei, priorityFeePerGasWei, balanceWei } = payer;
  const topUps = funding.outlook.state === 'acting' ? await estimateTopUps(node, payer, decided) : [];
  const calls = [...topUps];
  if (registration.outlook.state === 'acting') {
    const kind = 'register-validators';
    const gas = leastGas({ kind, validators: registration.validators.length });
    calls.push({ kind, gas, isLeast: true, refusal: undefined });
  }
  const requests = await estimateRequests(node, payer, decided);
  if (requests !== undefined) calls.push(requests.call);
  const gas = calls.reduce((sum, call) => sum + call.gas, 0n);
  return {
    requestFeeWei: requests?.feeWei,
    requestFeesWei: requests?.feesWei ?? 0n,
    baseFeePerGasWei,
    priorityFeePerGasWei,
    calls,
    gasWei: gas * (baseFeePerGasWei + priorityFeePerGasWei),
    balanceWei,
  };
}

/** The harvest goes with the first batch: what the others take then is asked for as if it went with each. */
async function estimateTopUps(
  node: ExecutionNode,
  payer: Payer,
  { registration: { planned, round } }: DecidedCalls,
): Promise<PlannedCall[]> {
  if (planned === undefined) return [];
  const calls: PlannedCall[] = [];
  for (const intent of topUpIntents(node, payer.vault, planned, round.harvest)) {
    const [first] = calls;
    const isBehindHarvest = first !== undefined && round.harvest !== null;
    calls.push(isBehindHarvest ? first : await estimate(node, payer, intent));
  }
  return calls;
}

async function estimateRequests(
  node: ExecutionNode,
  payer: Payer,
  { withdrawals: decision }: DecidedCalls,
): Promise<{ readonly feeWei: bigint; readonly feesWei: bigint; readonly call: PlannedCall } | undefined> {
  if (decision?.status !== 'request') return undefined;
  const { planned, count } = decision;
  const intent = withdrawalIntent(node, payer.vault, planned, count);
  const feeWei = requestFeeWei('withdrawal', planned.stake.requestQueue, count) ?? 0n;
  return { feeWei, feesWei: intent.valueWei ?? 0n, call: await estimate(node, payer, intent) };
}

/** What a call takes as the chain is now; the least that its kind takes where the node cannot tell, as for an empty wallet. */
async function estimate(
  node: ExecutionNode,
  { wallet }: Payer,
  { kind, to, data, valueWei, validators = 0 }: TransactionIntent,
): Promise<PlannedCall> {
  const least = { kind, gas: leastGas({ kind, validators }), isLeast: true, refusal: undefined };
  if (wallet === undefined) return least;
  try {
    const found = await estimateCall(node, { from: wallet, to, data, valueWei: valueWei ?? 0n });
    if (found.status === 'passes') return { kind, gas: found.gas, isLeast: false, refusal: undefined };
    return { ...least, refusal: found.reason };
  } catch (error) {
    if (!(error instanceof ExternalError)) throw error;
    return least;
  }
}
