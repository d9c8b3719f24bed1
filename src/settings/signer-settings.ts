import type { HashiVaultPlace } from '../clients/hashi-vault.ts';
import { UsageError } from '../lib/errors.ts';
import type { RemoteDbSettings } from './remote-db-settings.ts';

/** A limit of `count` signatures in any stretch of `perMs` that begins with a full allowance; it refills evenly. */
export interface RateLimit {
  readonly count: number;
  readonly perMs: number;
}

/** A secret, and the file to read it from again when it came from one. */
export interface SecretSetting {
  readonly value: string;
  readonly file: string | undefined;
}

/** Where a signer's keys are; plain data, so that it can be handed to a process. */
export type KeySourceSettings =
  | {
      readonly kind: 'keystores';
      readonly keystoresDir: string;
      readonly passwordsDir?: string | undefined;
      readonly passwordFiles: readonly string[];
      /** Public keys, lower-case hex: keystores of others are not decrypted. Default: all. */
      readonly onlyPublicKeys?: readonly string[] | undefined;
    }
  | { readonly kind: 'key-files'; readonly directory: string }
  | (HashiVaultPlace & {
      readonly kind: 'hashi-vault';
      readonly token: SecretSetting;
      readonly caFile?: string | undefined;
    })
  | { readonly kind: 'remote-db'; readonly db: RemoteDbSettings; readonly encryptKey: SecretSetting };

/** Where the hot wallet's key is; plain data. */
export type WalletPlace =
  /** A version 3 JSON wallet. */
  | { readonly file: string; readonly passwordFile: string }
  /** The key itself, 32 bytes of hex with 0x, where somebody has given it so. */
  | { readonly privateKey: string };

/** Where the hot wallet is, and what it may sign; plain data. */
export type WalletSettings = WalletPlace & WalletRules;

interface WalletRules {
  /** The vault that the wallet works for; the protocol's contracts are those of the network. */
  readonly vault: string;
  /** Ceilings above which the wallet signs no transaction; decimal. */
  readonly ceilings: { readonly maxFeePerGasWei: string; readonly gas: string };
  /** What it may sign for validators that the vault has. Default: nothing. */
  readonly operations?: WalletOperationsSettings | undefined;
}

/** Top-ups and withdrawals that the wallet may sign, each off unless it is switched on. */
export interface WalletOperationsSettings {
  readonly funding: boolean;
  /** What may go with each request to withdraw; decimal. Without it none is signed. */
  readonly maxWithdrawalRequestFeeWei?: string | undefined;
}

/** All that a signer is told; plain data. */
export interface SignerSettings {
  /** Name or path. */
  readonly network: string;
  /** Validator keys; without them it must have a wallet. */
  readonly keys?: KeySourceSettings | undefined;
  readonly wallet?: WalletSettings | undefined;
  readonly listen:
    | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
    | { readonly kind: 'socket'; readonly path: string };
  /** Files in PEM. */
  readonly tls?:
    | { readonly cert: string; readonly key: string; readonly clientCa?: string | undefined }
    | undefined;
  /** Names of the clients that may ask, of all that the authority has signed for; all of them when left out. */
  readonly clientNames?: readonly string[] | undefined;
  readonly allowUnauthenticated?: boolean | undefined;
  /** Further names by which it may be called; `*` for all. */
  readonly hosts?: readonly string[] | undefined;
  /** Decimal. */
  readonly onlyValidatorIndexes?: readonly string[] | undefined;
  readonly rateLimit?: RateLimit | undefined;
  /** The vault whose deposits are signed, too; none is when left out. */
  readonly deposits?: { readonly vault: string } | undefined;
  /** Signing threads, and threads that open keys at a load. */
  readonly poolSize?: number | undefined;
}

/** @param hint - which options of the command name a place of keys */
export function noKeySource(hint: string): UsageError {
  return new UsageError('no-key-source', 'There are no keystores, and no other place of keys is named.', {
    hint,
  });
}
