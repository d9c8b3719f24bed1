import { Interface } from 'ethers/abi';
import { z } from 'zod';
import type { HarvestParams } from '../../../domain/protocol/rewards.ts';
import { toHex } from '../../../lib/bytes.ts';
import { ExternalError } from '../../../lib/errors.ts';
import { keccak256 } from '../../../lib/keccak.ts';
import type { ExecutionNode } from '../execution-node.ts';
import { isContractFailure } from './contract-call.ts';
import { keeperAbi } from './keeper.ts';
import { type MulticallOptions, readContracts, readContractsInPieces } from './multicall.ts';
import { decodeWithdrawableAssets, encodeWithdrawableAfter } from './vault-calldata.ts';

/** StakeWise V3 IVaultValidators and IVaultEnterExit of version 5 (of 3 on Gnosis Chain), the parts in use. */
const vaultAbi = new Interface([
  'function getExitQueueData() view returns (uint128 queuedShares, uint128 unclaimedAssets, uint128 totalExitingTickets, uint128 totalExitingAssets, uint256 totalTickets)',
  'function validatorsManager() view returns (address)',
  'function validatorsManagerNonce() view returns (uint256)',
  'function v2Validators(bytes32 publicKeyHash) view returns (bool isRegistered)',
  'function withdrawableAssets() view returns (uint256)',
]);

/** Who waits for assets of a vault. */
interface ExitQueueData {
  readonly queuedShares: bigint;
  /** Paid out by the queue, and not yet claimed. */
  readonly unclaimedAssetsWei: bigint;
  /** Tickets, and assets that they are worth, of the queue as it was before version 4. */
  readonly totalExitingTickets: bigint;
  readonly totalExitingAssetsWei: bigint;
  readonly totalTickets: bigint;
}

/** What only vaults of version 5 have, as of one block. */
export interface VaultV5State {
  readonly exitQueue: ExitQueueData;
  /** Checksummed; zero where nobody was named. */
  readonly validatorsManager: string;
  /** What the manager's next signature is made over; signatures for registrations raise it, too. */
  readonly validatorsManagerNonce: bigint;
  /** Whether the keeper has seen rewards of the vault: before, it refuses withdrawals. */
  readonly isCollateralized: boolean;
}

const stateAnswer = z.tuple([
  z.tuple([z.bigint(), z.bigint(), z.bigint(), z.bigint(), z.bigint()]),
  z.tuple([z.string()]),
  z.tuple([z.bigint()]),
  z.tuple([z.boolean()]),
]);

/**
 * What a pass of withdrawals and top-ups looks at, in one call.
 * @throws ExternalError `contract-call-failed`, also for a vault of an older version
 */
export async function fetchVaultV5State(
  node: ExecutionNode,
  { vault: address, keeper }: { readonly vault: string; readonly keeper: string },
  where: MulticallOptions,
): Promise<VaultV5State> {
  const contract = refer(address);
  const answers = await readContracts(
    node,
    [
      { contract, method: 'getExitQueueData' },
      { contract, method: 'validatorsManager' },
      { contract, method: 'validatorsManagerNonce' },
      {
        contract: { name: 'keeper', address: keeper, abi: keeperAbi },
        method: 'isCollateralized',
        args: [address],
      },
    ],
    where,
  );
  const [queue, [validatorsManager], [validatorsManagerNonce], [isCollateralized]] =
    stateAnswer.parse(answers);
  const [queuedShares, unclaimedAssetsWei, totalExitingTickets, totalExitingAssetsWei, totalTickets] = queue;
  return {
    exitQueue: {
      queuedShares,
      unclaimedAssetsWei,
      totalExitingTickets,
      totalExitingAssetsWei,
      totalTickets,
    },
    validatorsManager,
    validatorsManagerNonce,
    isCollateralized,
  };
}

/**
 * Which validators the vault takes top-ups for: those that it has registered with 0x02 credentials, or has had switched to them.
 * @param publicKeys - 48 bytes each
 * @returns in the order of the keys
 * @throws ExternalError `contract-call-failed`
 */
export async function fetchTrackedValidators(
  node: ExecutionNode,
  vault: string,
  publicKeys: readonly Uint8Array[],
  where: MulticallOptions,
): Promise<readonly boolean[]> {
  const contract = refer(vault);
  const calls = publicKeys.map(publicKey => ({
    contract,
    method: 'v2Validators',
    args: [toHex(keccak256(publicKey))],
  }));
  const answers = await readContractsInPieces(node, calls, where);
  return answers.map(([isTracked]) => z.boolean().parse(isTracked));
}

/**
 * Assets of the vault that nobody waits for, as of one block and after a harvest.
 * @param options.harvest - null when none is pending
 * @throws ExternalError `contract-call-failed` when the harvest would revert
 */
export async function fetchWithdrawableAssets(
  node: ExecutionNode,
  vault: string,
  options: { readonly harvest: HarvestParams | null; readonly blockNumber: number },
): Promise<bigint> {
  const { harvest, blockNumber } = options;
  const view = vaultAbi.encodeFunctionData('withdrawableAssets');
  const data = harvest === null ? view : encodeWithdrawableAfter(harvest);
  try {
    const answer = await node.call({ to: vault, data, blockTag: blockNumber });
    if (harvest !== null) return decodeWithdrawableAssets(answer);
    return z.bigint().parse(vaultAbi.decodeFunctionResult('withdrawableAssets', answer).toArray()[0]);
  } catch (error) {
    if (!isContractFailure(error)) throw error;
    throw new ExternalError(
      'contract-call-failed',
      `withdrawableAssets of the vault ${vault} failed: ${error.shortMessage}.`,
      { cause: error },
    );
  }
}

function refer(address: string) {
  return { name: 'vault', address, abi: vaultAbi };
}
