import { deriveSecretKey, publicKeyOf } from '../../domain/keys/derivation.ts';
import { mnemonicToSeed } from '../../domain/keys/mnemonic.ts';
import { wipe } from '../../lib/bytes.ts';

/** What a new vault's config.json holds. */
export interface NewVaultConfig {
  readonly network: string;
  readonly mnemonicNextIndex: number;
  readonly firstPublicKey: Uint8Array;
}

/** Stores the configuration of a new vault, which recognises the mnemonic by its first public key. */
export async function initializeVault(
  { saveConfig }: { readonly saveConfig: (config: NewVaultConfig) => Promise<void> },
  { mnemonic, network }: { readonly mnemonic: string; readonly network: string },
): Promise<NewVaultConfig> {
  const seed = mnemonicToSeed(mnemonic);
  const secretKey = deriveSecretKey(seed, 0);
  try {
    const config = { network, mnemonicNextIndex: 0, firstPublicKey: publicKeyOf(secretKey) };
    await saveConfig(config);
    return config;
  } finally {
    wipe([seed, secretKey]);
  }
}
