import type { BeaconNode } from '../../../clients/beacon/beacon-node.ts';
import { fetchHead } from '../../../clients/execution/block-headers.ts';
import { createStateReader } from '../../../clients/execution/chain-state.ts';
import { fetchConfigIpfsHash } from '../../../clients/execution/contracts/keeper.ts';
import { fetchVaultVersion } from '../../../clients/execution/contracts/vault.ts';
import { fetchLateRegistrations } from '../../../clients/execution/contracts/vault-registrations.ts';
import type { ExecutionNode } from '../../../clients/execution/execution-node.ts';
import { requireSyncedNode } from '../../../clients/execution/node-sync.ts';
import type {
  ConsensusFacts,
  ContractFacts,
  ExecutionFacts,
  Observation,
  Seen,
  ValidatorFacts,
  WalletFacts,
} from '../../../domain/fleet/observation/observation.ts';
import { toHex } from '../../../lib/bytes.ts';
import { OperatorError } from '../../../lib/errors.ts';
import { foreignText } from '../../../lib/foreign-text.ts';
import type { RecordTable } from '../../../lib/record-table.ts';
import { WEI_PER_GWEI } from '../../../lib/units.ts';
import type { VaultRef } from '../../remote-db/unlock-vault.ts';
import { ask, notAsked } from './ask.ts';
import { KeyCount } from './fleet-keys.ts';

/** Days whose registrations tell how fast keys are used. */
const RECENT_DAYS = 7;
const DAY_SECONDS = 86_400;
/** Validators that the beacon chain is asked for at once: all of a large vault would be kept at once. */
const BATCH = 2_000;

/** Statuses that say that a validator was slashed; later ones do not tell. */
const SLASHED: ReadonlySet<string> = new Set(['active_slashed', 'exited_slashed']);

/** Each execution node: whether it is synced, of the chain, and how far it is. */
export function observeExecutionNodes(
  nodes: readonly ExecutionNode[],
  limitMs: number,
): Promise<Observation['executionNodes']> {
  return Promise.all(
    nodes.map(async node => ({
      name: node.endpoint,
      seen: await ask(limitMs, async (): Promise<ExecutionFacts> => {
        await requireSyncedNode(node);
        const { number, timestamp } = await fetchHead(node);
        return { block: number, producedAt: new Date(timestamp * 1_000).toISOString() };
      }),
    })),
  );
}

/** Each consensus node: whether it is synced, of the network, and how far it is. */
export function observeConsensusNodes(
  nodes: readonly BeaconNode[],
  limitMs: number,
): Promise<Observation['consensusNodes']> {
  return Promise.all(
    nodes.map(async node => ({
      name: node.endpoint,
      seen: await ask(
        limitMs,
        async (): Promise<ConsensusFacts> => ({
          epoch: Number(await node.fetchCurrentEpoch()),
        }),
      ),
    })),
  );
}

/** What the contracts say of the vault. @param node - undefined where none is named */
export function observeContracts(
  node: ExecutionNode | undefined,
  ref: VaultRef,
  limitMs: number,
): Promise<Seen<ContractFacts>> {
  if (node === undefined) return Promise.resolve(notAsked('--execution-endpoints names no node'));
  return ask(limitMs, () => readContracts(node, ref));
}

async function readContracts(
  node: ExecutionNode,
  { network, address: vault }: VaultRef,
): Promise<ContractFacts> {
  const { contracts, secondsPerSlot } = network;
  const vaultVersion = await fetchVaultVersion(node, vault, contracts);
  const head = await fetchHead(node);
  const fromBlock = Math.max(0, head.number - Math.floor((RECENT_DAYS * DAY_SECONDS) / secondsPerSlot));
  const [state, oracleConfig, late] = await Promise.all([
    createStateReader(node, { contracts, vault, vaultVersion })(head),
    fetchConfigIpfsHash(node, contracts),
    // A node that has pruned its logs tells everything else.
    fetchLateRegistrations(node, vault, fromBlock).catch((error: unknown) => {
      if (error instanceof OperatorError) return undefined;
      throw error;
    }),
  ]);
  const { depositData, validatorsManager, withdrawableAssetsWei } = state.vault;
  const isUsed =
    depositData !== null && (vaultVersion === 1 || validatorsManager === contracts.depositDataRegistry);
  const hasRoot = depositData?.root.some(byte => byte !== 0) ?? false;
  return {
    block: head.number,
    producedAt: new Date(head.timestamp * 1_000).toISOString(),
    vaultVersion,
    depositDataUsed: isUsed,
    depositDataRoot: depositData !== null && hasRoot ? toHex(depositData.root) : undefined,
    nextIndex: depositData !== null && isUsed ? depositData.index : undefined,
    withdrawableWei: String(withdrawableAssetsWei),
    registeredLately: late?.size,
    oracleConfig: foreignText(oracleConfig),
    minOracles: state.keeper.validatorsMinOracles,
  };
}

/** What the hot wallet has. @param address - undefined where nobody knows whose balance is meant */
export function observeWallet(
  node: ExecutionNode | undefined,
  { network }: Pick<VaultRef, 'network'>,
  { address, limitMs }: { readonly address: string | undefined; readonly limitMs: number },
): Promise<Seen<WalletFacts>> {
  if (node === undefined) return Promise.resolve(notAsked('--execution-endpoints names no node'));
  if (address === undefined)
    return Promise.resolve(
      notAsked('there is no wallet of this vault here, and --hot-wallet-file names none'),
    );
  return ask(limitMs, async () => ({
    address,
    balanceWei: String(await node.getBalance(address)),
    recommendedWei: String(network.minWalletBalanceGwei * WEI_PER_GWEI),
    currency: network.currency,
  }));
}

/**
 * How far each of the vault's validators is.
 * @param beacon - undefined where no node is named
 * @param keys - undefined when nobody knows them
 */
export async function observeValidators(
  beacon: BeaconNode | undefined,
  keys: Promise<RecordTable | undefined>,
  limitMs: number,
): Promise<Seen<ValidatorFacts>> {
  if (beacon === undefined) return notAsked('--consensus-endpoints names no node');
  const known = await keys;
  if (known === undefined)
    return notAsked('neither database nor deposit data has told which keys the vault has');
  return ask(limitMs, ({ signal }) => countValidators(beacon, known, signal));
}

async function countValidators(
  beacon: BeaconNode,
  keys: RecordTable,
  signal: AbortSignal,
): Promise<ValidatorFacts> {
  const counts = { unregistered: 0, pending: 0, active: 0, exiting: 0, exited: 0 };
  const slashed = new KeyCount();
  for (let from = 0; from < keys.length; from += BATCH) {
    signal.throwIfAborted();
    const batch = Array.from({ length: Math.min(BATCH, keys.length - from) }, (_, i) => keys.at(from + i));
    const found = await beacon.fetchValidators(batch);
    for (const publicKey of batch) {
      const status = found.get(toHex(publicKey))?.status;
      counts[stageOf(status)] += 1;
      if (status !== undefined && SLASHED.has(status)) slashed.add(publicKey);
    }
  }
  return { ...counts, slashed: slashed.get() };
}

function stageOf(status: string | undefined): 'unregistered' | 'pending' | 'active' | 'exiting' | 'exited' {
  if (status === undefined) return 'unregistered';
  if (status.startsWith('pending_')) return 'pending';
  if (status === 'active_ongoing') return 'active';
  return status.startsWith('active_') ? 'exiting' : 'exited';
}
