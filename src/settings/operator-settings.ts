import type { SignerTls } from '../clients/signer/signer-tls.ts';
import type { ExitShardMode } from '../domain/protocol/signature-share.ts';
import type { EndpointUrl } from '../lib/endpoint-url.ts';
import type { LogFormat, LogLevel } from '../lib/logger.ts';
import type { RemoteDbSettings } from './remote-db-settings.ts';
import type { KeySourceSettings } from './signer-settings.ts';

/** All that `start` is told. */
export interface OperatorSettings {
  /** Checksummed. */
  readonly vault: string;
  /** Name or path; that of the vault's config.json when left out. */
  readonly network: string | undefined;
  readonly dataDir: string;
  /** The remote database, or where the embedded one is. */
  readonly database: Pick<RemoteDbSettings, 'dbUrl' | 'dbSchema'> | { readonly directory: string };
  /** The vault's verifying key, 32 bytes: facts in the remote database are believed only when it has signed them. */
  readonly vaultPublicKey: Uint8Array | undefined;
  readonly executionEndpoints: readonly EndpointUrl[];
  readonly executionJwtSecret: string | undefined;
  /** The only oracle set that is accepted, 32 bytes. */
  readonly oracleSetHash: Uint8Array | undefined;
  readonly consensusEndpoints: readonly EndpointUrl[];
  readonly depositDataFile: string | undefined;
  /** Read by the built-in signer only. */
  readonly wallet: { readonly file: string; readonly passwordFile: string };
  /** Default: the network's. */
  readonly maxFeePerGasGwei: bigint | undefined;
  /** What `tx bump` may have it offer; default: no more than the other. */
  readonly maxFeePerGasGweiBump: bigint | undefined;
  readonly minVaultBalanceWei: bigint;
  readonly harvest: boolean;
  readonly register: boolean;
  readonly exitShards: ExitShardMode;
  readonly poolSize: number | undefined;
  readonly remoteSignerUrl: readonly EndpointUrl[] | undefined;
  readonly tls: SignerTls | undefined;
  readonly signerConcurrency: number;
  /** Where the built-in signer finds its keys; asked only when there is no remote signer. */
  readonly keys: (say: (line: string) => void) => KeySourceSettings | undefined;
  readonly metrics: {
    readonly isEnabled: boolean;
    readonly host: string;
    readonly port: number;
    readonly prefix: string;
  };
  readonly healthPort: number | undefined;
  readonly skipWaiting: boolean;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  /** What must never be printed. */
  readonly secrets: readonly (string | undefined)[];
  /** Names of options and variables that mean nothing here. */
  readonly ignored: readonly string[];
}
