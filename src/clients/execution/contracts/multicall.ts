import { Interface } from 'ethers/abi';
import { isCallException } from 'ethers/utils';
import { z } from 'zod';
import { ExternalError } from '../../../lib/errors.ts';
import type { ExecutionNode } from '../execution-node.ts';
import type { ContractRef } from './contract-call.ts';

/** Multicall3. `aggregate` is in every multicall, `getEthBalance` since the second one. */
const multicallAbi = new Interface([
  'function aggregate((address target, bytes callData)[] calls) payable returns (uint256 blockNumber, bytes[] returnData)',
  'function getEthBalance(address addr) view returns (uint256 balance)',
]);

export interface ViewCall {
  readonly contract: ContractRef;
  readonly method: string;
  readonly args?: readonly unknown[] | undefined;
}

export interface MulticallOptions {
  /** Address of the multicall. */
  readonly multicall: string;
  readonly blockNumber: number;
}

/**
 * Reads views of several contracts as of one block in one call.
 * @returns the decoded values of each call, in order, to be given to a schema
 * @throws ExternalError `contract-call-failed` when one of them reverts, or answers as something else
 */
export async function readContracts(
  node: ExecutionNode,
  calls: readonly ViewCall[],
  { multicall, blockNumber }: MulticallOptions,
): Promise<(readonly unknown[])[]> {
  const data = multicallAbi.encodeFunctionData('aggregate', [
    calls.map(({ contract, method, args = [] }) => [
      contract.address,
      contract.abi.encodeFunctionData(method, args),
    ]),
  ]);
  const answers = await aggregate(node, { to: multicall, data, blockTag: blockNumber });
  return calls.map(({ contract: { abi, address, name }, method }, i) => {
    try {
      return abi.decodeFunctionResult(method, answers[i] ?? '0x').toArray();
    } catch (error) {
      throw new ExternalError(
        'contract-call-failed',
        `${address} does not answer ${method} as a ${name} does.`,
        { cause: error },
      );
    }
  });
}

/** Calls that go into one multicall of many: 1,000 hashes are 0.2 MB of a request. */
const PIECE = 1_000;

/**
 * {@link readContracts} for many views: a call for each thousand, one after another.
 * @throws ExternalError `contract-call-failed`
 */
export async function readContractsInPieces(
  node: ExecutionNode,
  calls: readonly ViewCall[],
  where: MulticallOptions,
): Promise<(readonly unknown[])[]> {
  const pieces: (readonly unknown[])[][] = [];
  for (let from = 0; from < calls.length; from += PIECE) {
    pieces.push(await readContracts(node, calls.slice(from, from + PIECE), where));
  }
  return pieces.flat();
}

/** The call that tells an account's balance, for multicalls that have it. */
export function balanceCall(multicall: string, account: string): ViewCall {
  return {
    contract: { name: 'multicall', address: multicall, abi: multicallAbi },
    method: 'getEthBalance',
    args: [account],
  };
}

async function aggregate(
  node: ExecutionNode,
  call: { readonly to: string; readonly data: string; readonly blockTag: number },
): Promise<readonly string[]> {
  try {
    const result = await node.call(call);
    const [, returnData] = multicallAbi.decodeFunctionResult('aggregate', result).toArray();
    return z.array(z.string()).parse([...returnData]);
  } catch (error) {
    if (!isCallException(error) && !(error instanceof z.ZodError) && !isBadData(error)) throw error;
    throw new ExternalError(
      'contract-call-failed',
      `Reading through the multicall ${call.to} failed: ${error instanceof Error && 'shortMessage' in error ? error.shortMessage : error}.`,
      { cause: error, hint: 'Check the addresses of the network and the vault.' },
    );
  }
}

/** What ethers calls an answer of no multicall: no code, or other code at the address. */
function isBadData(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'BAD_DATA';
}
