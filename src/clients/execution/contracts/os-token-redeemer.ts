import { Interface } from 'ethers/abi';
import { z } from 'zod';
import { fromHex, toHex } from '../../../lib/bytes.ts';
import { HASH_LENGTH } from '../../../lib/lengths.ts';
import type { ExecutionNode } from '../execution-node.ts';
import { type MulticallOptions, readContracts, readContractsInPieces } from './multicall.ts';

/** StakeWise V3 OsTokenRedeemer, the parts in use. */
const redeemerAbi = new Interface([
  'function nonce() view returns (uint256)',
  'function redeemablePositions() view returns (bytes32 merkleRoot, string ipfsHash)',
  'function queuedShares() view returns (uint256)',
  'function leafToProcessedShares(bytes32 leaf) view returns (uint256)',
]);

/** StakeWise V3 OsTokenVaultController, the parts in use. */
const controllerAbi = new Interface([
  'function totalAssets() view returns (uint256)',
  'function totalShares() view returns (uint256)',
]);

/** The redemptions of osToken, as of one block. */
export interface RedeemerState {
  /** Number of the next positions; 0 before the first ones, whose leaves have the number 0. */
  readonly nonce: bigint;
  /** Root of the tree of positions, 32 bytes; zeros when there are none. */
  readonly positionsRoot: Uint8Array;
  /** Where the positions are; empty when there are none. */
  readonly positionsIpfsHash: string;
  /** Shares of osToken whose holders wait for assets. */
  readonly queuedShares: bigint;
  /** What all shares of osToken are worth, and how many there are. */
  readonly totalAssetsWei: bigint;
  readonly totalShares: bigint;
}

const stateAnswer = z.tuple([
  z.tuple([z.bigint()]),
  z.tuple([z.string(), z.string()]),
  z.tuple([z.bigint()]),
  z.tuple([z.bigint()]),
  z.tuple([z.bigint()]),
]);

/**
 * What the redeemer and the controller of osToken say, in one call.
 * @throws ExternalError `contract-call-failed`
 */
export async function fetchRedeemerState(
  node: ExecutionNode,
  contracts: { readonly osTokenRedeemer: string; readonly osTokenVaultController: string },
  where: MulticallOptions,
): Promise<RedeemerState> {
  const redeemer = referRedeemer(contracts.osTokenRedeemer);
  const controller = {
    name: 'osToken vault controller',
    address: contracts.osTokenVaultController,
    abi: controllerAbi,
  };
  const answers = await readContracts(
    node,
    [
      { contract: redeemer, method: 'nonce' },
      { contract: redeemer, method: 'redeemablePositions' },
      { contract: redeemer, method: 'queuedShares' },
      { contract: controller, method: 'totalAssets' },
      { contract: controller, method: 'totalShares' },
    ],
    where,
  );
  const [[nonce], [root, ipfsHash], [queuedShares], [totalAssetsWei], [totalShares]] =
    stateAnswer.parse(answers);
  return {
    nonce,
    positionsRoot: fromHex(root, HASH_LENGTH),
    positionsIpfsHash: ipfsHash,
    queuedShares,
    totalAssetsWei,
    totalShares,
  };
}

/**
 * How many shares of each position have been redeemed, in calls of a thousand.
 * @param leaves - 32 bytes each: the hashes of the positions, with their number
 * @returns shares in the order of the leaves
 * @throws ExternalError `contract-call-failed`
 */
export async function fetchProcessedShares(
  node: ExecutionNode,
  osTokenRedeemer: string,
  leaves: readonly Uint8Array[],
  where: MulticallOptions,
): Promise<readonly bigint[]> {
  const contract = referRedeemer(osTokenRedeemer);
  const method = 'leafToProcessedShares';
  const calls = leaves.map(leaf => ({ contract, method, args: [toHex(leaf)] }));
  const answers = await readContractsInPieces(node, calls, where);
  return answers.map(([shares]) => z.bigint().parse(shares));
}

function referRedeemer(address: string) {
  return { name: 'osToken redeemer', address, abi: redeemerAbi };
}
