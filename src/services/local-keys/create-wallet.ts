import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { deriveSecretKey, publicKeyOf } from '../../domain/keys/derivation.ts';
import { mnemonicToSeed } from '../../domain/keys/mnemonic.ts';
import { createWallet } from '../../domain/keys/wallet.ts';
import { equalBytes, wipe } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { createFileExclusive, ensureDirectory } from '../../lib/files.ts';
import { generatePassword } from '../../lib/password.ts';
import { readSecretFile } from '../../lib/secret.ts';

export interface CreateWalletOptions {
  readonly mnemonic: string;
  /** Checksummed. */
  readonly vault: string;
  readonly vaultDirectory: string;
  /** The first public key of the vault's mnemonic, 48 bytes. */
  readonly firstPublicKey: Uint8Array;
  /** Finds the address, and writes nothing. */
  readonly check?: boolean | undefined;
}

export interface CreatedWallet {
  readonly vault: string;
  /** Checksummed address of the hot wallet. */
  readonly address: string;
  readonly walletDir: string;
}

/**
 * Writes the hot wallet of a mnemonic and its password. A wallet that is there is never replaced: it may hold funds.
 * @throws OperatorError 'wallet-exists'
 */
export async function createVaultWallet(
  { warn }: { readonly warn: (message: string) => void },
  { mnemonic, vault, vaultDirectory, firstPublicKey, check }: CreateWalletOptions,
): Promise<CreatedWallet> {
  const walletDir = join(vaultDirectory, 'wallet');
  const walletPath = join(walletDir, 'wallet.json');
  if (existsSync(walletPath)) {
    throw new OperatorError('wallet-exists', `${walletPath} exists already and is not overwritten.`, {
      hint: 'Move the directory away first if you want another wallet.',
    });
  }
  if (!belongsToVault(mnemonic, firstPublicKey)) {
    warn(`the mnemonic is not the one of vault ${vault}; keep it, the wallet can only be recovered from it.`);
  }
  if (check) {
    const { address } = await createWallet(mnemonic, generatePassword());
    return { vault, address, walletDir };
  }
  await ensureDirectory(walletDir, { mode: 0o755 });
  const password = await readOrCreatePassword(join(walletDir, 'password.txt'));
  const { address, json } = await createWallet(mnemonic, password);
  await createFileExclusive(walletPath, json);
  return { vault, address, walletDir };
}

/** The password is on disk before the wallet that needs it; a run that was killed in between left it there. */
async function readOrCreatePassword(path: string): Promise<string> {
  if (existsSync(path)) return (await readSecretFile(path)).value;
  const password = generatePassword();
  await createFileExclusive(path, password);
  return password;
}

function belongsToVault(mnemonic: string, firstPublicKey: Uint8Array): boolean {
  const seed = mnemonicToSeed(mnemonic);
  const secretKey = deriveSecretKey(seed, 0);
  try {
    return equalBytes(publicKeyOf(secretKey), firstPublicKey);
  } finally {
    wipe([seed, secretKey]);
  }
}
