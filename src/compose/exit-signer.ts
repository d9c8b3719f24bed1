import { openSignerClient, type SignerClient } from '../clients/signer/signer-client.ts';
import { socketUrl } from '../clients/signer/signer-endpoint.ts';
import type { SignerTls } from '../clients/signer/signer-tls.ts';
import type { EndpointUrl } from '../lib/endpoint-url.ts';
import type { Logger } from '../lib/logger.ts';
import { type KeySourceSettings, noKeySource } from '../settings/signer-settings.ts';
import { readTimeoutMs } from '../settings/timeouts.ts';
import { spawnSigner } from '../signer-process/spawn-signer.ts';

export interface ExitSignerSettings {
  /** Name or path. */
  readonly network: string;
  readonly remoteSignerUrl: readonly EndpointUrl[] | undefined;
  readonly tls: SignerTls | undefined;
  readonly signerConcurrency: number;
  /** Where the built-in signer finds its keys; asked only when there is no remote signer. */
  readonly keys: () => KeySourceSettings | undefined;
}

export interface ExitSigner extends AsyncDisposable {
  readonly client: SignerClient;
  /** Whether the keys are in the built-in signer, spawned for this command. */
  readonly isBuiltIn: boolean;
}

/**
 * Whoever signs exits: the remote signer if there is one, else the built-in signer as a process of its own; the same API
 * either way. Timeout of a request: `REMOTE_SIGNER_TIMEOUT`, in seconds.
 * @throws UsageError 'no-key-source'; what the built-in signer met at its start
 */
export async function openExitSigner(
  log: Logger,
  { network, remoteSignerUrl, tls, signerConcurrency, keys }: ExitSignerSettings,
): Promise<ExitSigner> {
  const options = {
    timeoutMs: readTimeoutMs('REMOTE_SIGNER_TIMEOUT', 30),
    concurrency: signerConcurrency,
    log,
  };
  if (remoteSignerUrl !== undefined) {
    const client = openSignerClient({ ...options, urls: remoteSignerUrl, tls });
    return { client, isBuiltIn: false, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
  }
  const source = keys();
  if (source === undefined) {
    throw noKeySource('Give --remote-signer-url, --keystores-dir, or --hashi-vault-url.');
  }
  await using stack = new AsyncDisposableStack();
  const spawned = stack.use(await spawnSigner({ log }, { network, keys: source }));
  const client = stack.use(openSignerClient({ ...options, urls: [socketUrl(spawned.socketPath)] }));
  const open = stack.move();
  return { client, isBuiltIn: true, [Symbol.asyncDispose]: () => open.disposeAsync() };
}
