import type { ExecutionNode } from '../clients/execution-node.ts';
import type { HttpDeps } from '../clients/http.ts';
import type { SignerClient } from '../clients/signer-client.ts';
import type { RemoteSignerConfig } from '../domain/fleet/remote-signer-config.ts';
import type { OracleConfig } from '../domain/protocol/oracle-config.ts';
import type { PointCombiner } from '../domain/protocol/signature-share.ts';
import type { Hex } from '../lib/bytes.ts';
import type { Logger } from '../lib/logger.ts';
import type { Network } from '../networks.ts';
import type { ExitShardsOptions } from './make-exit-shards.ts';
import type { RegistrationFacts, RegistrationMode, StateUpdate } from './registration/registration-mode.ts';

export interface RegisterValidatorsDeps {
  readonly mode: RegistrationMode;
  readonly node: ExecutionNode;
  readonly http: HttpDeps;
  readonly signer: Pick<SignerClient, 'signExit' | 'signExits' | 'listPublicKeys'>;
  readonly combiner: PointCombiner;
  readonly networkValidators: {
    nextValidatorIndex(): Promise<bigint>;
    findRegistered(publicKeys: readonly Uint8Array[]): Promise<ReadonlySet<Hex>>;
  };
  /** The configuration of this IPFS hash, from a cache where it is known. */
  readonly fetchOracleConfig: (configIpfsHash: string) => Promise<OracleConfig>;
  /** The vault's pending harvest; null when there is none. */
  readonly fetchStateUpdate: (snapshot: RegistrationSnapshot) => Promise<StateUpdate | null>;
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface RegisterValidatorsOptions {
  /** Checksummed. */
  readonly vault: string;
  readonly vaultVersion: number;
  readonly network: Network;
  readonly maxFeePerGasGwei: bigint;
  readonly exitShards: {
    readonly mode: ExitShardsOptions['mode'];
    readonly config: RemoteSignerConfig | undefined;
  };
  /** What stays in the vault and is never staked. */
  readonly minVaultBalanceWei?: bigint;
}

/** What a pass looks at, read once per round. */
export interface RegistrationSnapshot extends RegistrationFacts {
  /** Unix seconds. */
  readonly timestamp: bigint;
  readonly baseFeePerGasWei: bigint;
  /** 32 bytes. */
  readonly registryRoot: Uint8Array;
  readonly withdrawableAssetsWei: bigint;
  readonly canHarvest: boolean;
  readonly isHarvestRequired: boolean;
  readonly validatorsMinOracles: number;
  readonly configIpfsHash: string;
}

export type RegistrationOutcome = {
  /** Including a pending harvest. */
  readonly stakeableAssetsWei: bigint;
} & (
  | { readonly status: 'idle' }
  /** The same text as long as nothing changes; logged when it does. */
  | { readonly status: 'waiting'; readonly code: string; readonly waitsFor: string }
  /** Something changed in the middle; the next round starts again. */
  | { readonly status: 'restarted'; readonly reason: string }
  | { readonly status: 'registered'; readonly publicKeys: readonly Hex[]; readonly hash: string | undefined }
);

/** One operator's registration of a vault's validators. */
export interface ValidatorRegistrar {
  /** One pass: registers what the vault's assets are enough for, at most one batch. */
  run(snapshot: RegistrationSnapshot, signal: AbortSignal): Promise<RegistrationOutcome>;
}
