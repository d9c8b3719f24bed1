import { type BeaconNode, connectBeaconNode } from '../clients/beacon/beacon-node.ts';
import type { ExecutionNode } from '../clients/execution/execution-node.ts';
import type { HttpDeps } from '../clients/http.ts';
import type { IpfsOptions } from '../clients/ipfs/ipfs.ts';
import {
  openSignerClient,
  type SignerClient,
  type SignerClientOptions,
} from '../clients/signer/signer-client.ts';
import { type EndpointUrl, withoutSecrets } from '../lib/endpoint-url.ts';
import { UsageError } from '../lib/errors.ts';
import { createCommandLogger } from '../lib/logger.ts';
import type { Network } from '../networks/network.ts';
import { parseIpfsGateway } from '../networks/network-file.ts';
import { readEnvironment } from '../settings/environment.ts';
import { readTimeoutMs } from '../settings/timeouts.ts';

/** What HTTP clients are given; with `--verbose` they say which requests they repeat. */
export function openHttp({ verbose }: { readonly verbose: boolean }): HttpDeps {
  return { log: createCommandLogger(verbose) };
}

/** Connects to the execution layer of a network. Timeouts: `EXECUTION_TIMEOUT`, `EXECUTION_RETRY_TIMEOUT`, in seconds. */
export async function openExecutionNode(
  http: HttpDeps,
  endpoints: readonly EndpointUrl[],
  { chainId }: Network,
): Promise<ExecutionNode> {
  // Loaded here only: commands that ask no node need not wait for ethers' providers.
  const { connectExecutionNode } = await import('../clients/execution/execution-node.ts');
  return connectExecutionNode(http, {
    endpoints: endpoints.map(endpoint => endpoint.reveal()),
    chainId,
    timeoutMs: readTimeoutMs('EXECUTION_TIMEOUT', 30),
    retryTimeoutMs: readTimeoutMs('EXECUTION_RETRY_TIMEOUT', 60),
  });
}

/** How long an endpoint that has a vote is waited for, where others may decide without it. */
const VOTER_RETRY_TIMEOUT_MS = 5_000;

/** A client for each execution endpoint alone: what several must agree on is asked of all of them. */
export async function openVoters(
  http: HttpDeps,
  endpoints: readonly EndpointUrl[],
  { chainId }: Network,
): Promise<{ readonly voters: readonly ExecutionNode[] } & Disposable> {
  const { ExecutionNode, distinctEndpoints } = await import('../clients/execution/execution-node.ts');
  const distinct = distinctEndpoints(endpoints);
  const voters = distinct.map(
    endpoint =>
      new ExecutionNode(http, {
        endpoints: [endpoint.reveal()],
        chainId,
        timeoutMs: readTimeoutMs('EXECUTION_TIMEOUT', 30),
        retryTimeoutMs:
          distinct.length === 1 ? readTimeoutMs('EXECUTION_RETRY_TIMEOUT', 60) : VOTER_RETRY_TIMEOUT_MS,
      }),
  );
  const close = () => {
    for (const voter of voters) voter.destroy();
  };
  return { voters, [Symbol.dispose]: close };
}

/** Connects to the consensus layer of a network. Timeouts: `CONSENSUS_TIMEOUT`, `CONSENSUS_RETRY_TIMEOUT`, in seconds. */
export function openBeaconNode(
  http: HttpDeps,
  endpoints: readonly EndpointUrl[],
  { genesisValidatorsRoot, slotsPerEpoch }: Network,
): Promise<BeaconNode> {
  return connectBeaconNode(http, {
    endpoints: endpoints.map(endpoint => endpoint.reveal()),
    genesisValidatorsRoot,
    slotsPerEpoch,
    timeoutMs: readTimeoutMs('CONSENSUS_TIMEOUT', 60),
    retryTimeoutMs: readTimeoutMs('CONSENSUS_RETRY_TIMEOUT', 120),
  });
}

/** Gateways of `IPFS_FETCH_ENDPOINTS` come before the network's own. Timeout per gateway: `IPFS_TIMEOUT`, in seconds. */
export function ipfsOptions(
  network: Network,
  { allowUnverified, warn }: { readonly allowUnverified: boolean; readonly warn: (line: string) => void },
): IpfsOptions {
  const own =
    readEnvironment('IPFS_FETCH_ENDPOINTS')
      ?.split(',')
      .map(text => text.trim()) ?? [];
  return {
    gateways: [...own.filter(text => text !== '').map(parseOwnGateway), ...network.ipfsGateways],
    timeoutMs: readTimeoutMs('IPFS_TIMEOUT', 60),
    allowUnverified,
    onUnverified: gateway =>
      warn(
        `The oracle configuration of ${gateway} could not be proven against its IPFS hash and is used all the same.`,
      ),
  };
}

function parseOwnGateway(text: string): string {
  try {
    return parseIpfsGateway(text);
  } catch (cause) {
    throw new UsageError(
      'invalid-ipfs-gateway',
      `'${withoutSecrets(text)}' in IPFS_FETCH_ENDPOINTS is not an http or https URL.`,
      { cause },
    );
  }
}

/**
 * Opens the client of a remote signer, or of several with the same keys. Timeout of one request: `REMOTE_SIGNER_TIMEOUT`,
 * in seconds.
 */
export function openRemoteSigner(
  options: Pick<SignerClientOptions, 'urls' | 'tls' | 'concurrency'> & { readonly verbose: boolean },
): SignerClient {
  const { urls, tls, concurrency, verbose } = options;
  const timeoutMs = readTimeoutMs('REMOTE_SIGNER_TIMEOUT', 30);
  return openSignerClient({
    urls,
    tls,
    concurrency,
    timeoutMs,
    log: createCommandLogger(verbose),
  });
}
