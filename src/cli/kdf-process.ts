import { canKeepKdfMemory, KDF_MALLOC } from '../lib/kdf-malloc.ts';
import { beginAgain, type Restart } from './begin-again.ts';
import { isHelpOption } from './command-names.ts';

/** Commands whose own threads encrypt or decrypt keystores. `validators-exit` leaves it to a signer that it starts. */
const COMMANDS = ['create-keys', 'deposit-data', 'recover', 'remote-signer-setup'];
const REMOTE_DB_COMMANDS = ['upload-keypairs'];

/**
 * Begins a command that derives keys from passwords again, as the same process, with what the C library is to be told: it
 * reads that at its start only. The variables stay in the environment, which says that it was done: these commands start no
 * other program.
 */
export function keepKdfMemory(commandLine: readonly string[], restart: Restart): void {
  const { environment } = restart;
  if (process.platform !== 'linux' || !derivesKeys(commandLine)) return;
  if (Object.keys(KDF_MALLOC).every(name => environment[name] !== undefined)) return;
  if (canKeepKdfMemory()) beginAgain({ variables: KDF_MALLOC }, restart);
}

/**
 * Looked up before the command line is parsed, so that it is read once: what is taken for such a command and is none, as
 * a value that looks like one, starts a thirtieth of a second later, nothing else.
 */
export function derivesKeys([first = '', ...rest]: readonly string[]): boolean {
  if (rest.some(isHelpOption)) return false;
  if (first === 'remote-db') return rest.some(word => REMOTE_DB_COMMANDS.includes(word));
  return COMMANDS.includes(first);
}
