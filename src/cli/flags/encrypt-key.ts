import { type OptionSpec, optional, required, type ValueKind } from '../options/option.ts';

/** Blanks and line ends around a key are none of it. */
export const encryptionKey: ValueKind<string> = { placeholder: 'TEXT', parse: value => value.trim() };

const SPEC: OptionSpec<string> = {
  description: 'The encryption key for the remote database.',
  env: 'REMOTE_DB_ENCRYPT_KEY',
  secret: true,
  hidden: true,
  value: encryptionKey,
};

/** `--encrypt-key`, `--encrypt-key-file` and their variables. */
export const encryptKey = required({ ...SPEC, prompt: 'Enter the encryption key for the remote database' });

/** `--encrypt-key` of `assign`, which signs the plan with it. */
export const signingEncryptKey = optional({
  ...SPEC,
  description:
    'The encryption key for the remote database: signs the plan, and all that is read without this key.',
});

/** `--encrypt-key` of `doctor`, which only tries it. */
export const triedEncryptKey = optional({
  ...SPEC,
  description: 'The encryption key for the remote database: whether it opens the vault is tried.',
});

/** `--encrypt-key` of `setup`, which writes a new key to `--encrypt-key-file`. */
export const existingEncryptKey = optional({
  ...SPEC,
  description: 'An encryption key to use instead of a new one.',
  hasOwnFileOption: true,
});
