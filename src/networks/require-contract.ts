import { OperatorError } from '../lib/errors.ts';
import type { Network } from './network.ts';

/** Contracts that a network may name, each with what messages call it. */
const OPTIONAL_CONTRACTS = {
  validatorsChecker: 'validators checker',
  consolidationsChecker: 'consolidations checker',
  withdrawalRequests: 'contract for withdrawal requests (EIP-7002)',
  consolidationRequests: 'contract for consolidation requests (EIP-7251)',
  osTokenRedeemer: 'osToken redeemer',
  osTokenVaultController: 'osToken vault controller',
} as const;

/**
 * The address of a contract that not every network names.
 * @param purpose - what needs it, as the subject of a sentence: "Withdrawals"
 * @throws OperatorError `network-incomplete`
 */
export function requireContract(
  network: Pick<Network, 'name' | 'contracts'>,
  contract: keyof typeof OPTIONAL_CONTRACTS,
  purpose: string,
): string {
  const address = network.contracts[contract];
  if (address !== undefined) return address;
  throw incomplete(network, OPTIONAL_CONTRACTS[contract], `contracts.${contract}`, purpose);
}

/**
 * The largest balance that validators of a network are given, in gwei.
 * @param purpose - what needs it, as the subject of a sentence: "Registrations with 0x02 credentials"
 * @throws OperatorError `network-incomplete`
 */
export function requireMaxValidatorBalance(
  network: Pick<Network, 'name' | 'maxValidatorBalanceGwei'>,
  purpose: string,
): bigint {
  const { maxValidatorBalanceGwei } = network;
  if (maxValidatorBalanceGwei !== undefined) return maxValidatorBalanceGwei;
  throw incomplete(network, 'largest balance of a validator', 'maxValidatorBalanceGwei', purpose);
}

function incomplete(
  { name }: Pick<Network, 'name'>,
  what: string,
  member: string,
  purpose: string,
): OperatorError {
  return new OperatorError(
    'network-incomplete',
    `The network ${name} names no ${what}. ${purpose} cannot do without.`,
    { hint: `Put ${member} into a network file, and give it with --network.` },
  );
}
