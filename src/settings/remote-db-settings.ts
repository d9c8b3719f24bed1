import type { VaultSettings } from './vault-settings.ts';

/** Where the remote database is. */
interface DatabaseUrlSetting {
  readonly url: string;
  /** The file to read the URL from again when it came from one. */
  readonly file: string | undefined;
  /** What libpq's variables say where the URL says nothing, by the names of its parameters. */
  readonly defaults?: Readonly<Record<string, string | undefined>> | undefined;
}

/** How the remote database is reached. */
export interface DatabaseSettings {
  readonly dbUrl: DatabaseUrlSetting;
  readonly dbSchema: string | undefined;
  /** How long a server that does not accept connections yet is waited for, in milliseconds. */
  readonly waitForDb?: number | undefined;
}

/** What every `remote-db` command is told. */
export interface RemoteDbSettings extends VaultSettings, DatabaseSettings {
  /** Is told what does not stop the command. */
  readonly warn?: ((line: string) => void) | undefined;
}
