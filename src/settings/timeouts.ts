import { UsageError } from '../lib/errors.ts';
import { readEnvironment } from './environment.ts';

/** Seconds in a variable of the environment, as milliseconds. @throws UsageError naming the variable */
export function readTimeoutMs(name: string, defaultSeconds: number): number {
  const text = readEnvironment(name);
  const seconds = text === undefined ? defaultSeconds : Number(text);
  if (Number.isFinite(seconds) && seconds > 0) return seconds * 1000;
  throw new UsageError('invalid-timeout', `${name} must be a number of seconds above 0, got '${text}'.`);
}

/** Timeouts of requests to HashiCorp Vault: `HASHI_VAULT_TIMEOUT`, `HASHI_VAULT_RETRY_TIMEOUT`, in seconds. */
export function readVaultTimeouts(): { readonly timeoutMs: number; readonly retryTimeoutMs: number } {
  return {
    timeoutMs: readTimeoutMs('HASHI_VAULT_TIMEOUT', 10),
    retryTimeoutMs: readTimeoutMs('HASHI_VAULT_RETRY_TIMEOUT', 30),
  };
}
