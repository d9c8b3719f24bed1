import type { SignerTls } from '../clients/signer/signer-tls.ts';
import type { EndpointUrl } from '../lib/endpoint-url.ts';
import type { KeySourceSettings } from './signer-settings.ts';

/** How a remote signer is asked. */
export interface SignerConnectionSettings {
  readonly tls: SignerTls | undefined;
  /** Time limit of one request. */
  readonly timeoutMs: number;
}

/** Who holds the validators' keys: remote signers with the same keys, or the built-in signer. */
export type ExitKeysSettings =
  | { readonly kind: 'remote'; readonly urls: readonly EndpointUrl[] }
  | { readonly kind: 'built-in'; readonly keys: KeySourceSettings };

/** How exits are signed. */
export interface ExitSigningSettings extends SignerConnectionSettings {
  readonly exitKeys: ExitKeysSettings;
  /** Signatures asked for at a time. */
  readonly concurrency: number;
}
