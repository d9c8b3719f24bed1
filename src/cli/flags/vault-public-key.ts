import { formatVaultPublicKey, parseVaultPublicKey } from '../../domain/fleet/statement.ts';
import { optional, type ValueKind } from '../options/option.ts';

const PUBLIC_KEY: ValueKind<Uint8Array> = { placeholder: 'HEX', parse: parseVaultPublicKey };

/** `--vault-public-key` of commands that read the remote database. */
export const vaultPublicKey = optional({
  description:
    "The vault's public key, as remote-db setup, upload-keypairs, assign and verify print it: then only what its holder has signed is believed, and nothing older than what was believed before.",
  env: 'VAULT_PUBLIC_KEY',
  value: PUBLIC_KEY,
});

/** The line that tells users of the key. */
export function vaultPublicKeyHint(verifyingKey: Uint8Array): string {
  return `Next: to have only signed facts believed, give setup-validator, setup-operator and start --vault-public-key ${formatVaultPublicKey(verifyingKey)}`;
}
