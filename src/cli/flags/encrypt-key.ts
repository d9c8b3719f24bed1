import { type OptionSpec, optional, required } from '../options/option.ts';
import { text } from '../options/value-kinds.ts';

const SPEC: OptionSpec<string> = {
  description: 'The encryption key for the remote database.',
  env: 'REMOTE_DB_ENCRYPT_KEY',
  secret: true,
  hidden: true,
  value: text,
};

/** `--encrypt-key`, `--encrypt-key-file` and their variables. */
export const encryptKey = required({ ...SPEC, prompt: 'Enter the encryption key for the remote database' });

/** `--encrypt-key` of `assign`, which signs the plan with it. */
export const signingEncryptKey = optional({
  ...SPEC,
  description:
    'The encryption key for the remote database: signs the plan, and all that is read without this key.',
});

/** `--encrypt-key` of `setup`, which writes a new key to `--encrypt-key-file`. */
export const existingEncryptKey = optional({
  ...SPEC,
  description: 'An encryption key to use instead of a new one.',
  hasOwnFileOption: true,
});
