import { join } from 'node:path';
import { UsageError } from '../../lib/errors.ts';
import type { WalletPlace } from '../../settings/signer-settings.ts';
import { vaultDirectory } from '../../settings/vault-directory.ts';
import { optional, type Resolved, type ValueKind } from '../options/option.ts';
import { file } from '../options/value-kinds.ts';
import { unlessEmpty } from './foreign-settings.ts';

const existingFile = file({ exists: true });

/** Order of the group of secp256k1: a key is below it, and above zero. */
const GROUP_ORDER = 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe_baae_dce6_af48_a03b_bfd2_5e8c_d036_4141n;

/** A key of secp256k1 in hex, as the Python operator takes it; with or without 0x. What is refused is not repeated. */
const privateKey: ValueKind<string> = {
  placeholder: 'HEX',
  parse(value) {
    const digits = value.trim().replace(/^0x/i, '').toLowerCase();
    const isNumber = /^[0-9a-f]{64}$/.test(digits) && !/^0+$/.test(digits);
    if (isNumber && BigInt(`0x${digits}`) < GROUP_ORDER) return `0x${digits}`;
    throw new UsageError('wallet-key-invalid', 'It is no private key of a wallet: 32 bytes of hex.');
  },
};

/** Where the hot wallet is. */
export const HOT_WALLET_OPTIONS = {
  hotWalletFile: optional({
    description: 'Path to the hot wallet. Default is the file generated with "create-wallet" command.',
    env: 'HOT_WALLET_FILE',
    value: existingFile,
  }),
  hotWalletPasswordFile: optional({
    description:
      'Path to the hot wallet password file. Default is the file generated with "create-wallet" command.',
    env: 'HOT_WALLET_PASSWORD_FILE',
    value: existingFile,
  }),
  walletFile: optional({
    description: 'Another name of --hot-wallet-file.',
    env: 'WALLET_FILE',
    value: existingFile,
  }),
  walletPasswordFile: optional({
    description: 'Another name of --hot-wallet-password-file.',
    env: 'WALLET_PASSWORD_FILE',
    value: existingFile,
  }),
  walletPrivateKey: optional<string | undefined>({
    description:
      'Private key of the hot wallet, which then is used instead of any wallet file, as by the Python operator. An encrypted file is safer.',
    env: 'WALLET_PRIVATE_KEY',
    secret: true,
    hidden: true,
    value: unlessEmpty(privateKey),
  }),
} as const;

type HotWalletGiven = Resolved<typeof HOT_WALLET_OPTIONS>;

/** @throws UsageError 'contradiction' when the two names of a file name two files */
export function checkHotWallet(given: HotWalletGiven): void {
  assertSameFile(given.hotWalletFile, given.walletFile);
  assertSameFile(given.hotWalletPasswordFile, given.walletPasswordFile);
}

function assertSameFile(first: string | undefined, second: string | undefined): void {
  if (first !== undefined && second !== undefined && first !== second)
    throw new UsageError('contradiction', '--hot-wallet and --wallet options name different files.');
}

/** The hot wallet of these options: the key that was given, else the files that were, else those of "create-wallet". */
export function hotWalletPlace(
  given: HotWalletGiven & { readonly dataDir: string; readonly vault: string },
): WalletPlace {
  if (given.walletPrivateKey !== undefined) return { privateKey: given.walletPrivateKey };
  const own = join(vaultDirectory(given.dataDir, given.vault), 'wallet');
  return {
    file: given.hotWalletFile ?? given.walletFile ?? join(own, 'wallet.json'),
    passwordFile: given.hotWalletPasswordFile ?? given.walletPasswordFile ?? join(own, 'password.txt'),
  };
}

/** What is told of a wallet's key that no file encrypts; undefined where one does. */
export function warnOfPlainWallet(place: WalletPlace): string | undefined {
  if (!('privateKey' in place)) return undefined;
  return 'The hot wallet is the key of --wallet-private-key (WALLET_PRIVATE_KEY), and no wallet file is looked at. Whoever may read the environment of this process, or the file that it comes from, has the wallet: an encrypted file (--hot-wallet-file, --hot-wallet-password-file) keeps it safer.';
}
