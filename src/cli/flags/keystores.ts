import { defaulted, optional } from '../options/option.ts';
import { choice, directory, file } from '../options/value-kinds.ts';

/** `--keystores-dir`. */
export const keystoresDir = optional({
  description:
    'Path of the directory with all the encrypted keystores. Default is the directory generated with "create-keys" command.',
  env: 'KEYSTORES_DIR',
  value: directory({ exists: true }),
});

/** Where the passwords of keystores are. */
export const KEYSTORE_PASSWORD_OPTIONS = {
  keystoresPasswordFile: optional({
    description:
      'Password of keystores that have no password file of their own. Default is password.txt beside them.',
    env: 'KEYSTORES_PASSWORD_FILE',
    value: file({ exists: true }),
  }),
  keystoresPasswordDir: optional({
    description:
      'Directory with one password file per keystore, <keystore name>.txt. Default is beside the keystores.',
    env: 'KEYSTORES_PASSWORD_DIR',
    value: directory({ exists: true }),
  }),
} as const;

/** `--kdf` of commands that make keystores. */
export const keystoreKdf = defaulted(() => 'scrypt', {
  description: 'Key derivation of the keystores. Default is scrypt; pbkdf2 is faster and weaker.',
  value: choice(['scrypt', 'pbkdf2']),
});
