import type { VaultSettings } from './vault-settings.ts';

/** How the remote database is reached. */
export interface DatabaseSettings {
  /** The URL, and the file to read it from again when it came from one. */
  readonly dbUrl: { readonly url: string; readonly file: string | undefined };
  readonly dbSchema: string | undefined;
}

/** What every `remote-db` command is told. */
export interface RemoteDbSettings extends VaultSettings, DatabaseSettings {
  /** Is told what does not stop the command. */
  readonly warn?: ((line: string) => void) | undefined;
}
