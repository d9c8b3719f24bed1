import { openSignerClient, type SignerClient } from '../clients/signer/signer-client.ts';
import { socketUrl } from '../clients/signer/signer-endpoint.ts';
import { canKeepKdfMemory, KDF_MALLOC } from '../lib/kdf-malloc.ts';
import type { Logger } from '../lib/logger.ts';
import { owned } from '../lib/owned.ts';
import type { ProgressReporter } from '../lib/progress.ts';
import type { ExitSigningSettings } from '../settings/signing-settings.ts';
import { spawnSigner } from '../signer-process/spawn-signer.ts';

export interface ExitSigner extends AsyncDisposable {
  readonly client: SignerClient;
  /** Whether the keys are in the built-in signer, spawned for this command. */
  readonly isBuiltIn: boolean;
}

/**
 * Whoever signs exits: the remote signer if there is one, else the built-in signer as a process of its own; the same API
 * either way.
 * @param network - name or path
 * @param progress - is told how far the keys of the built-in signer are
 * @throws what the built-in signer met at its start
 */
export async function openExitSigner(
  log: Logger,
  { exitKeys, tls, timeoutMs, concurrency }: ExitSigningSettings,
  network: string,
  progress?: ProgressReporter,
): Promise<ExitSigner> {
  const options = { timeoutMs, concurrency, log };
  await using stack = new AsyncDisposableStack();
  if (exitKeys.kind === 'remote') {
    const client = stack.use(openSignerClient({ ...options, urls: exitKeys.urls, tls }));
    return owned(stack, { client, isBuiltIn: false });
  }
  // It ends with this command: what its memory keeps for the next keystore is no burden, as it would be for a service.
  const variables = exitKeys.keys.kind === 'keystores' && canKeepKdfMemory() ? KDF_MALLOC : undefined;
  const spawned = stack.use(
    await spawnSigner({ log }, { network, keys: exitKeys.keys }, { variables, progress }),
  );
  const client = stack.use(openSignerClient({ ...options, urls: [socketUrl(spawned.socketPath)] }));
  return owned(stack, { client, isBuiltIn: true });
}
