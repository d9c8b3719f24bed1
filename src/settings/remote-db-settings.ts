/** What every `remote-db` command is told. */
export interface RemoteDbSettings {
  /** Checksummed. */
  readonly vault: string;
  /** Name or path; that of the vault's config.json when left out. */
  readonly network: string | undefined;
  readonly dbUrl: { readonly url: string; readonly file: string | undefined };
  readonly dbSchema: string | undefined;
  readonly dataDir: string;
  /** Is told what does not stop the command. */
  readonly warn?: ((line: string) => void) | undefined;
}
