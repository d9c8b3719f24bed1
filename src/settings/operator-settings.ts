import type { FeeHistoryQuery } from '../clients/execution/read-transactions.ts';
import type { ProxySettings } from '../clients/proxy-rules.ts';
import type { ValidatorType } from '../domain/consensus/deposit.ts';
import type { ExitShardMode } from '../domain/protocol/signature-share.ts';
import type { LogFormat } from '../lib/log-format.ts';
import type { LogLevel } from '../lib/logger.ts';
import { WEI_PER_GWEI } from '../lib/units.ts';
import type { FleetSettings, StatusPageSettings } from './fleet-settings.ts';
import type { IpfsSettings, JwtSecret, NodeSettings } from './node-settings.ts';
import type { DatabaseSettings } from './remote-db-settings.ts';
import type { WalletOperationsSettings, WalletPlace } from './signer-settings.ts';
import type { ExitSigningSettings } from './signing-settings.ts';
import type { VaultSettings } from './vault-settings.ts';

/** A file that an option or its variable names. */
export interface NamedFile {
  readonly path: string;
  /** False only where a variable names a file that does not exist. */
  readonly isThere: boolean;
}

/** All that `start` is told, in the parts that its openers take. */
export interface OperatorSettings {
  /** The vault, whose network is known: that of its config.json when none was given. */
  readonly vault: VaultSettings & { readonly network: string };
  readonly database: OperatorDatabaseSettings;
  readonly facts: OperatorFactsSettings;
  readonly nodes: OperatorNodesSettings;
  readonly signing: OperatorSigningSettings;
  readonly policy: OperatorPolicy;
  readonly observability: ObservabilitySettings;
  /** The fleet as one page, and how it is looked at; undefined where nobody wants it. */
  readonly statusPage: { readonly page: StatusPageSettings; readonly fleet: FleetSettings } | undefined;
}

/** Where the operator keeps its state: in the remote database, or in an embedded one below a directory. */
export type OperatorDatabaseSettings =
  | { readonly kind: 'remote'; readonly remote: DatabaseSettings }
  | { readonly kind: 'embedded'; readonly directory: string };

/** Where the operator's configuration and deposit data come from, and who has to have signed them. */
export interface OperatorFactsSettings {
  /** The vault's verifying key, 32 bytes: facts in the remote database are believed only when it has signed them. */
  readonly vaultPublicKey: Uint8Array | undefined;
  readonly depositDataFile: NamedFile | undefined;
}

/** The nodes and gateways that the operator asks. */
export interface OperatorNodesSettings {
  readonly execution: NodeSettings;
  readonly executionJwt: JwtSecret | undefined;
  readonly consensus: NodeSettings;
  readonly ipfs: IpfsSettings;
  /** Forward proxies on the way to them, and to oracles. */
  readonly proxies: ProxySettings;
}

/** How the operator has exits and transactions signed. */
export interface OperatorSigningSettings extends ExitSigningSettings {
  /** Read by the built-in signer only. */
  readonly wallet: WalletPlace;
  /** Threads of the built-in signer. */
  readonly poolSize: number | undefined;
}

/** What the operator does with validators that the vault has. */
export interface OperationsPolicy {
  /** Whether validators are topped up, which those of type 0x01 never are. */
  readonly fund: boolean;
  /** Whether withdrawals from validators are requested. */
  readonly withdraw: boolean;
  /** What goes with each request to withdraw at most. */
  readonly maxWithdrawalRequestFeeGwei: bigint;
}

/** What the wallet may sign of it: what is not done is not signed either, whoever asks. */
export function walletOperations({
  fund,
  withdraw,
  maxWithdrawalRequestFeeGwei,
}: OperationsPolicy): WalletOperationsSettings {
  const maxFeeWei = maxWithdrawalRequestFeeGwei * WEI_PER_GWEI;
  return { funding: fund, maxWithdrawalRequestFeeWei: withdraw ? String(maxFeeWei) : undefined };
}

/** What the operator does with a vault's assets and validators, and within which bounds. */
export interface StakingPolicy extends OperationsPolicy {
  /** Whether validators are registered. */
  readonly register: boolean;
  /** Undefined when nobody has said it. */
  readonly validatorType: ValidatorType | undefined;
  /** What a validator with 0x02 credentials gets at most; default: that of the network. */
  readonly maxValidatorBalanceGwei: bigint | undefined;
  /** The least for which anything is staked. */
  readonly minDepositAmountGwei: bigint;
  /** Time from one top-up of validators to the next. */
  readonly minDepositDelayMs: number;
  /** Whether somebody vouches for it that the remote signer has keys of this vault only. */
  readonly isRemoteSignerExclusive: boolean;
  /** Whether validators exit where partial withdrawals are not enough. */
  readonly withdrawFully: boolean;
  readonly withdrawalsIntervalMs: number;
  readonly exitShards: ExitShardMode;
  /** Default: the network's. */
  readonly maxFeePerGasGwei: bigint | undefined;
  readonly minVaultBalanceWei: bigint;
  /** Time limit of one question to all oracles together. */
  readonly oraclesTimeoutMs: number;
  /** Time limit of the network's list of validators, which is fetched once. */
  readonly validatorsListTimeoutMs: number;
}

/** What the operator does for the vault, and within which bounds. */
export interface OperatorPolicy extends StakingPolicy {
  readonly harvest: boolean;
  /** What `tx bump` may have it offer; default: no more than the other. */
  readonly maxFeePerGasGweiBump: bigint | undefined;
  /** What the priority fee of registrations goes by; default: the node's advice. */
  readonly feeHistory: FeeHistoryQuery | undefined;
  /** The only oracle set that is accepted, 32 bytes. */
  readonly oracleSetHash: Uint8Array | undefined;
  /** Threads that verify deposits. */
  readonly poolSize: number | undefined;
  /** Whether the start goes on past nodes that are down or syncing. */
  readonly skipWaiting: boolean;
  /** Whether every task has one pass only. */
  readonly once: boolean;
}

/** What the operator shows of itself. */
export interface ObservabilitySettings {
  readonly probes: ProbeSettings;
  /** Comes before the names of metrics. */
  readonly metricsPrefix: string;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  /** What must never be printed. */
  readonly secrets: readonly (string | undefined)[];
  /** What is told once, at the start, of the settings themselves. */
  readonly notes: readonly string[];
  /** What is warned of then. */
  readonly warning?: string | undefined;
}

/** Where metrics and probes are answered. */
export interface ProbeSettings {
  readonly host: string;
  /** Undefined where metrics are not asked for. */
  readonly metricsPort: number | undefined;
  readonly healthPort: number | undefined;
}
