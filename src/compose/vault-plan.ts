import { BeaconSnapshotReader } from '../clients/beacon/beacon-snapshot.ts';
import type { ChainSnapshot } from '../clients/execution/chain-snapshot.ts';
import type { HttpDeps } from '../clients/http.ts';
import type { Database } from '../db/database.ts';
import type { OracleConfig } from '../domain/protocol/oracle-config.ts';
import type { HarvestParams } from '../domain/protocol/rewards.ts';
import { fromHex } from '../lib/bytes.ts';
import type { ErrorCode } from '../lib/error-codes.ts';
import { OperatorError } from '../lib/errors.ts';
import { ADDRESS_LENGTH } from '../lib/lengths.ts';
import type { Logger } from '../lib/logger.ts';
import type { Network } from '../networks/network.ts';
import { resolveNetwork } from '../networks/resolve-network.ts';
import { readVaultFacts, type StartupFacts } from '../operator/startup/check-startup.ts';
import { VaultValidators } from '../services/local-keys/vault-validators.ts';
import { readWalletAddress } from '../services/local-keys/wallet-address.ts';
import { readOracleSet } from '../services/oracles/read-oracle-set.ts';
import { findLastFunding } from '../services/staking/funding/last-funding.ts';
import { fetchHarvestParams } from '../services/staking/harvest/fetch-harvest-params.ts';
import { describeCeiling } from '../services/staking/plan/fee-ceiling.ts';
import { type PlanVaultDeps, type PlanVaultOptions, planVault } from '../services/staking/plan/plan-vault.ts';
import type { VaultPlan } from '../services/staking/plan/vault-plan.ts';
import { ethereumVaultVersion } from '../services/staking/registration/vault-version.ts';
import { findLastSubmission } from '../services/staking/withdrawals/last-submission.ts';
import { RedemptionReserve } from '../services/staking/withdrawals/redemption-reserve.ts';
import type {
  NamedFile,
  OperatorDatabaseSettings,
  OperatorNodesSettings,
  StakingPolicy,
} from '../settings/operator-settings.ts';
import { vaultDirectory } from '../settings/vault-directory.ts';
import type { VaultSettings } from '../settings/vault-settings.ts';
import { ipfsOptions, openBeaconNode, openRememberingNode } from './nodes.ts';
import { openSources } from './operator.ts';
import { findRegistration, type PlanKeysSettings, whyNoFunding, whyNoWithdrawals } from './plan-rules.ts';
import { fundingOf, withdrawalsOf } from './staking-rules.ts';
import { openTransactionStore } from './transaction-store.ts';

export interface VaultPlanSettings {
  /** The vault, whose network is known. */
  readonly vault: VaultSettings & { readonly network: string };
  readonly database: OperatorDatabaseSettings;
  readonly depositDataFile: NamedFile | undefined;
  readonly nodes: OperatorNodesSettings;
  readonly keys: PlanKeysSettings;
  /** The hot wallet that is meant, checksummed; default: the vault's validators manager. */
  readonly walletAddress: string | undefined;
  /** The hot wallet's file, which need not be there. */
  readonly walletFile: string;
  readonly policy: StakingPolicy;
}

export interface VaultPlanDeps {
  readonly http: HttpDeps;
  readonly log: Logger;
  readonly warn: (line: string) => void;
  readonly programVersion: string;
  readonly signal: AbortSignal;
}

/** A plan, and what it was made for. */
export interface MadeVaultPlan {
  readonly plan: VaultPlan;
  readonly network: Network;
  readonly vaultVersion: number;
  /** The hot wallet that is meant, checksummed; undefined where it is not known which that is. */
  readonly wallet: string | undefined;
  /** What could not be looked at, and what else is to be known; sentences. */
  readonly notes: readonly string[];
}

/**
 * Opens nodes, and the operator's database where that can be had beside it, and makes the plan. No wallet and no key is opened, and
 * nothing is signed, sent or written.
 * @throws OperatorError 'unsupported-vault-version', 'not-validators-manager', 'signer-keys-unknown', 'deposit-data-missing'; what
 *   `planVault` throws, and what nodes cannot be opened with
 */
export async function makeVaultPlan(
  deps: VaultPlanDeps,
  settings: VaultPlanSettings,
): Promise<MadeVaultPlan> {
  const { http, signal } = deps;
  const { nodes, policy } = settings;
  const { vault, dataDir } = settings.vault;
  const network = resolveNetwork(settings.vault.network);
  await using stack = new AsyncDisposableStack();
  const node = stack.use(await openRememberingNode(http, nodes, network));
  const facts = await readVaultFacts(node, vault, network);
  const beacon = await openBeaconNode(http, nodes.consensus, network);
  const notes: string[] = [];
  const database = await openDatabaseBeside(stack, deps, settings, notes);
  const wallet = chooseWallet(settings, facts, network, notes);
  const sources = await openSources(
    deps.log,
    {
      vault: settings.vault,
      facts: { vaultPublicKey: undefined, depositDataFile: settings.depositDataFile },
    },
    { network, rowsOf: settings.database.kind === 'remote' ? database : undefined },
  );
  const own = {
    ...settings,
    network,
    facts,
    wallet,
    sources,
    beacon,
    directory: vaultDirectory(dataDir, vault),
  };
  const { registration, staking } = await findRegistration(deps.log, own);
  const of = { network, vault, wallet: wallet ?? '', type: staking.type };
  const isVersion5 = ethereumVaultVersion(network, vault, facts.vaultVersion) >= 5;
  const options: PlanVaultOptions = {
    vault,
    vaultVersion: facts.vaultVersion,
    isVersion5,
    network,
    wallet,
    staking,
    registration,
    signal,
    maxFeePerGasGwei: policy.maxFeePerGasGwei ?? network.maxFeePerGasGwei,
    minVaultBalanceWei: policy.minVaultBalanceWei,
    oraclesTimeoutMs: policy.oraclesTimeoutMs,
    funding: fundingOf(policy, facts, of) ?? { off: whyNoFunding(own, staking.type) },
    withdrawals: withdrawalsOf(policy, facts, of) ?? { off: whyNoWithdrawals(own) },
  };
  const ipfs = ipfsOptions(nodes.ipfs, network, deps.warn);
  const scope = { chainId: network.chainId, vault: fromHex(vault, ADDRESS_LENGTH) };
  const planDeps: PlanVaultDeps = {
    node,
    http,
    log: {
      debug: deps.log.debug.bind(deps.log),
      info: () => undefined,
      warn: (line: unknown) => deps.warn(String(line)),
    },
    beacon: new BeaconSnapshotReader(beacon),
    validators: new VaultValidators(
      { node, http },
      { vault, network, dumpTimeoutMs: policy.validatorsListTimeoutMs },
    ),
    reserve: new RedemptionReserve(
      { node, http, log: { info: (line: unknown) => void notes.push(String(line)) } },
      { vault, network, ipfs },
    ),
    ...createDocuments(http, { vault, facts, network, ipfs }),
    findLastSubmission: async () => database && findLastSubmission(database, scope),
    findLastFunding: async () => database && findLastFunding(database, scope),
  };
  const plan = await planVault(planDeps, options);
  const ceiling = describeCeiling(plan.costs, options.maxFeePerGasGwei);
  if (ceiling !== undefined) notes.push(ceiling);
  return { plan, network, wallet, notes, vaultVersion: facts.vaultVersion };
}

/** Documents of IPFS that a plan asks for, each fetched once. */
function createDocuments(
  http: HttpDeps,
  of: {
    readonly vault: string;
    readonly facts: StartupFacts;
    readonly network: Network;
    readonly ipfs: ReturnType<typeof ipfsOptions>;
  },
): Pick<PlanVaultDeps, 'fetchOracleConfig' | 'fetchHarvest'> {
  const { vault, facts, network, ipfs } = of;
  const configs = new Map<string, Promise<OracleConfig>>();
  const harvests = new Map<string, HarvestParams | null>();
  const rules = { hasOwnMevEscrow: facts.hasOwnMevEscrow, currency: network.currency };
  return {
    fetchOracleConfig(hash) {
      const known = configs.get(hash) ?? readOracleSet(http, hash, ipfs).then(({ config }) => config);
      configs.set(hash, known);
      return known;
    },
    fetchHarvest: ({ events }: ChainSnapshot) =>
      fetchHarvestParams({ http, cache: harvests }, { vault, rewards: events.rewards, rules, ipfs }),
  };
}

/** Why an embedded database is not looked at, and what that means. */
const CLOSED: Readonly<Partial<Record<ErrorCode, string>>> = {
  'db-in-use':
    'The operator has its database open: when it has requested withdrawals last is not known, and it may wait for --withdrawals-interval.',
  'db-schema-missing':
    'The operator has not got to the end of its first start here: what it has sent is not known.',
  'db-schema-too-old':
    'The database of the operator is of an older program, and is migrated at the next start: what it has sent is not known.',
  'no-database': 'No operator has run here: that it has requested or topped up anything before is not known.',
};

/** The operator's database; undefined, with a note, where there is none, or the operator has it open. */
async function openDatabaseBeside(
  stack: AsyncDisposableStack,
  { warn, programVersion }: VaultPlanDeps,
  settings: VaultPlanSettings,
  notes: string[],
): Promise<Database | undefined> {
  try {
    return stack.use(await openTransactionStore({ warn }, settings, programVersion)).database;
  } catch (error) {
    const note = error instanceof OperatorError ? CLOSED[error.code] : undefined;
    if (note === undefined || settings.database.kind !== 'embedded') throw error;
    notes.push(note);
    return undefined;
  }
}

/** The wallet that was named, else the vault's validators manager, else the one of the data directory. */
function chooseWallet(
  { vault: { vault }, walletAddress, walletFile }: VaultPlanSettings,
  { validatorsManager }: StartupFacts,
  { contracts }: Network,
  notes: string[],
): string | undefined {
  const own = readWalletAddress(walletFile);
  const isOwner =
    validatorsManager !== null &&
    BigInt(validatorsManager) !== 0n &&
    validatorsManager !== contracts.depositDataRegistry;
  const wallet = walletAddress ?? (isOwner ? validatorsManager : own);
  if (isOwner && wallet === validatorsManager && own !== undefined && own !== wallet) {
    notes.push(
      `The hot wallet of ${walletFile} is ${own}, and the validators manager of the vault ${vault} is ${wallet}: with that wallet the operator does nothing of this plan.`,
    );
  }
  return wallet;
}
