import { type OptionSpec, required } from './option.ts';
import { text } from './value-kinds.ts';

const SPEC: OptionSpec<string> = {
  description: 'The encryption key for the remote database.',
  env: 'REMOTE_DB_ENCRYPT_KEY',
  secret: true,
  hidden: true,
  value: text,
};

/** `--encrypt-key`, `--encrypt-key-file` and their variables. */
export const encryptKey = required({ ...SPEC, prompt: 'Enter the encryption key for the remote database' });
