import type { Interface } from 'ethers/abi';
import { isCallException, isError } from 'ethers/utils';
import { ExternalError, OperatorError } from '../../../lib/errors.ts';
import type { ExecutionNode } from '../execution-node.ts';

export interface ContractRef {
  /** How messages call it: "vault", "keeper". */
  readonly name: string;
  readonly address: string;
  readonly abi: Interface;
}

/**
 * Reads a view of a contract at the head.
 * @returns the decoded values, to be given to a schema
 * @throws OperatorError `contract-not-found` when there is no such contract at the address; ExternalError
 *   `contract-call-failed` when it reverts
 */
export async function readContract(
  node: ExecutionNode,
  { name, address, abi }: ContractRef,
  method: string,
  args: readonly unknown[] = [],
): Promise<readonly unknown[]> {
  let data: string;
  try {
    data = await node.call({ to: address, data: abi.encodeFunctionData(method, args) });
  } catch (error) {
    if (!isCallException(error)) throw error;
    throw new ExternalError(
      'contract-call-failed',
      `${method} of the ${name} ${address} failed: ${error.shortMessage}.`,
      {
        cause: error,
      },
    );
  }
  if (data === '0x') throw missingContract(node, name, address);
  try {
    return abi.decodeFunctionResult(method, data).toArray();
  } catch (error) {
    throw new ExternalError(
      'contract-call-failed',
      `${address} does not answer ${method} as a ${name} does.`,
      { cause: error },
    );
  }
}

/** Whether a call reverted, or was answered by another contract than was meant, or by none: as ethers tells of both. */
export function isContractFailure(error: unknown): error is Error & { readonly shortMessage: string } {
  return isCallException(error) || isError(error, 'BAD_DATA');
}

/**
 * @throws OperatorError `contract-not-found` when no code is at the address
 */
export async function requireContractCode(node: ExecutionNode, name: string, address: string): Promise<void> {
  if ((await node.getCode(address)) === '0x') throw missingContract(node, name, address);
}

/** No code is at the address of a contract. @param name - how messages call it */
export function missingContract(node: ExecutionNode, name: string, address: string): OperatorError {
  return new OperatorError(
    'contract-not-found',
    `There is no ${name} contract at ${address} on chain ${node.chainId} (${node.endpoint}).`,
    { hint: 'Check the network, the address and whether the execution node is synced.' },
  );
}
