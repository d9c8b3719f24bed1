/** Which vault a process works for, and where its files are. */
export interface VaultSettings {
  /** Checksummed. */
  readonly vault: string;
  /** Name or path; that of the vault's config.json when left out. */
  readonly network: string | undefined;
  readonly dataDir: string;
}
