import { isCallException } from 'ethers/utils';
import { z } from 'zod';
import { fromHex, type Hex } from '../../lib/bytes.ts';
import { ExternalError } from '../../lib/errors.ts';
import { HASH_LENGTH } from '../../lib/lengths.ts';
import type { BlockHeader } from './block-headers.ts';
import { depositContractAbi, readDepositCount } from './contracts/deposit-contract.ts';
import { depositDataRegistryAbi } from './contracts/deposit-data-registry.ts';
import { keeperAbi } from './contracts/keeper.ts';
import { balanceCall, readContracts, type ViewCall } from './contracts/multicall.ts';
import { vaultAbi } from './contracts/vault.ts';
import type { ExecutionNode } from './execution-node.ts';

/** What contracts and the hot wallet's account have as of one block. */
export interface ChainState {
  readonly blockNumber: number;
  readonly blockHash: Hex;
  /** The block's time, in unix seconds. */
  readonly timestamp: number;
  readonly baseFeePerGasWei: bigint;
  /** Balance of the hot wallet; null when the reader was given no wallet. */
  readonly walletBalanceWei: bigint | null;
  /** Root of the deposit contract's tree, 32 bytes. */
  readonly registryRoot: Uint8Array;
  /** Deposits that the deposit contract has taken. */
  readonly depositCount: bigint;
  readonly vault: VaultState;
  readonly keeper: KeeperState;
}

interface VaultState {
  /** Assets that validators can be registered from, without what a pending harvest would bring. */
  readonly withdrawableAssetsWei: bigint;
  /**
   * Root of the deposit data tree (32 bytes; zeros when none is set) and place in it of the next validator: the vault's
   * own for version 1, the DepositDataRegistry's for later ones; null when the network names no such registry.
   */
  readonly depositData: { readonly root: Uint8Array; readonly index: number } | null;
  /** Who may register validators, checksummed; null for version 1. */
  readonly validatorsManager: string | null;
}

interface KeeperState {
  readonly isCollateralized: boolean;
  readonly canHarvest: boolean;
  readonly isHarvestRequired: boolean;
  /** Nonce of the next rewards update; 1 before the first one. */
  readonly rewardsNonce: bigint;
  /** Nonce of the vault's next exit signatures update. */
  readonly exitSignaturesNonce: bigint;
  readonly validatorsMinOracles: number;
}

export interface ChainStateOptions {
  /** Contracts of the network. */
  readonly contracts: {
    readonly keeper: string;
    readonly depositContract: string;
    readonly multicall: string;
    readonly depositDataRegistry?: string | undefined;
  };
  /** Checksummed. */
  readonly vault: string;
  /** 1 to 5, see `fetchVaultVersion`. */
  readonly vaultVersion: number;
  /** Address of the hot wallet. */
  readonly wallet?: string | undefined;
}

export type StateReader = (head: BlockHeader) => Promise<ChainState>;

/** Reads the state as of a block in one call; the balance in a second one where the multicall does not tell it. */
export function createStateReader(node: ExecutionNode, options: ChainStateOptions): StateReader {
  const { contracts, wallet } = options;
  const calls = stateCalls(options);
  let hasBalance: boolean | undefined;
  return async head => {
    const where = { multicall: contracts.multicall, blockNumber: head.number };
    const withBalance = wallet !== undefined && hasBalance !== false;
    const balance = withBalance ? [balanceCall(contracts.multicall, wallet)] : [];
    const rpcBalance = wallet !== undefined && !withBalance ? node.getBalance(wallet, head.number) : null;
    const answers = await Promise.all([readContracts(node, [...calls, ...balance], where), rpcBalance]).catch(
      async error => {
        // The first time it may be the multicall that has no balances; a view that fails then fails again.
        const isRefused = error instanceof ExternalError && isCallException(error.cause);
        if (!withBalance || hasBalance === true || !isRefused) throw error;
        hasBalance = false;
        return await Promise.all([readContracts(node, calls, where), node.getBalance(wallet, head.number)]);
      },
    );
    const [values, balanceWei] = answers;
    if (withBalance && values.length > calls.length) hasBalance = true;
    return readAnswers(head, options, values, balanceWei);
  };
}

function stateCalls({ contracts, vault: address, vaultVersion }: ChainStateOptions): ViewCall[] {
  const registry = { name: 'deposit contract', address: contracts.depositContract, abi: depositContractAbi };
  const keeper = { name: 'keeper', address: contracts.keeper, abi: keeperAbi };
  const vault = { name: 'vault', address, abi: vaultAbi };
  const { depositDataRegistry } = contracts;
  const deposits = {
    name: 'deposit data registry',
    address: depositDataRegistry ?? '',
    abi: depositDataRegistryAbi,
  };
  const versionCalls: ViewCall[] =
    vaultVersion === 1
      ? [
          { contract: vault, method: 'validatorsRoot' },
          { contract: vault, method: 'validatorIndex' },
        ]
      : [{ contract: vault, method: 'validatorsManager' }];
  if (vaultVersion > 1 && depositDataRegistry !== undefined) {
    versionCalls.push(
      { contract: deposits, method: 'depositDataRoots', args: [address] },
      { contract: deposits, method: 'depositDataIndexes', args: [address] },
    );
  }
  return [
    { contract: registry, method: 'get_deposit_root' },
    { contract: registry, method: 'get_deposit_count' },
    { contract: vault, method: 'withdrawableAssets' },
    { contract: keeper, method: 'isCollateralized', args: [address] },
    { contract: keeper, method: 'canHarvest', args: [address] },
    { contract: keeper, method: 'isHarvestRequired', args: [address] },
    { contract: keeper, method: 'rewardsNonce' },
    { contract: keeper, method: 'exitSignaturesNonces', args: [address] },
    { contract: keeper, method: 'validatorsMinOracles' },
    ...versionCalls,
  ];
}

const bytes32 = z.string().transform(text => fromHex(text, HASH_LENGTH));
const depositData = z
  .tuple([bytes32, z.bigint()])
  .transform(([root, index]) => ({ root, index: Number(index) }));

function readAnswers(
  head: BlockHeader,
  { vaultVersion, contracts, wallet }: ChainStateOptions,
  answers: readonly (readonly unknown[])[],
  rpcBalanceWei: bigint | null,
): ChainState {
  const values = answers.flat().slice(0, 9);
  const rest = answers.flat().slice(9);
  const manager = vaultVersion === 1 ? null : z.string().parse(rest.shift());
  const hasDepositData = vaultVersion === 1 || contracts.depositDataRegistry !== undefined;
  const deposits = hasDepositData ? depositData.parse(rest.splice(0, 2)) : null;
  const balanceWei = wallet === undefined ? null : (rpcBalanceWei ?? z.bigint().parse(rest.shift()));
  const state = stateAnswer.parse(values);
  return {
    blockNumber: head.number,
    blockHash: head.hash,
    timestamp: head.timestamp,
    baseFeePerGasWei: head.baseFeePerGasWei,
    walletBalanceWei: balanceWei,
    registryRoot: state[0],
    depositCount: state[1],
    vault: { withdrawableAssetsWei: state[2], depositData: deposits, validatorsManager: manager },
    keeper: {
      isCollateralized: state[3],
      canHarvest: state[4],
      isHarvestRequired: state[5],
      rewardsNonce: state[6],
      exitSignaturesNonce: state[7],
      validatorsMinOracles: Number(state[8]),
    },
  };
}

/** The answers in the order of `stateCalls`. */
const stateAnswer = z.tuple([
  bytes32,
  z.string().transform(text => readDepositCount(fromHex(text, 8))),
  z.bigint(),
  z.boolean(),
  z.boolean(),
  z.boolean(),
  z.bigint(),
  z.bigint(),
  z.bigint(),
]);
