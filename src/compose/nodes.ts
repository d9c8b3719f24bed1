import { type BeaconNode, connectBeaconNode } from '../clients/beacon/beacon-node.ts';
import type { ExecutionNode } from '../clients/execution/execution-node.ts';
import type { RememberingNode } from '../clients/execution/remembering-node.ts';
import type { HttpDeps, Wait } from '../clients/http.ts';
import type { IpfsOptions } from '../clients/ipfs/ipfs.ts';
import { openProxies, type Proxies } from '../clients/proxies.ts';
import type { ProxySettings } from '../clients/proxy-rules.ts';
import { openSignerClient, type SignerClient } from '../clients/signer/signer-client.ts';
import type { EndpointUrl } from '../lib/endpoint-url.ts';
import { messageOf } from '../lib/errors.ts';
import { createCommandLogger } from '../lib/logger.ts';
import { formatDuration } from '../lib/time-left.ts';
import { parseIpfsGateway } from '../networks/ipfs-gateway.ts';
import type { Network } from '../networks/network.ts';
import type { IpfsSettings, NodeSettings } from '../settings/node-settings.ts';
import type { OperatorNodesSettings } from '../settings/operator-settings.ts';
import type { SignerConnectionSettings } from '../settings/signing-settings.ts';

/** Which servers of others a command asks, and how they are reached. */
export interface OutwardSettings {
  readonly proxies: ProxySettings;
  /** Nodes. */
  readonly endpoints: readonly EndpointUrl[];
  /** IPFS gateways, which may have no scheme. */
  readonly gateways?: readonly string[] | undefined;
}

/**
 * What HTTP clients are given; with `--verbose` they say which requests they repeat.
 * @param tell - is told in a line which servers are reached through a proxy, and what is waited for. On a terminal also of
 *   servers that are slow to answer: a log has no use for that
 * @throws UsageError 'invalid-proxy'
 */
export function openHttp(
  { verbose }: { readonly verbose: boolean },
  outward: OutwardSettings,
  tell: (line: string) => void,
): HttpDeps {
  return { ...openDirectHttp({ verbose }, tell), proxies: openToldProxies(outward, tell) };
}

/** {@link openHttp} for servers of one's own, which are never reached through a proxy. */
export function openDirectHttp(
  { verbose }: { readonly verbose: boolean },
  tell: (line: string) => void,
): HttpDeps {
  return {
    log: createCommandLogger(verbose),
    onWait: wait => tell(describeWait(wait)),
    onSlow: process.stderr.isTTY ? server => tell(`Waiting for an answer of ${server}...`) : undefined,
  };
}

function describeWait({ error, leftMs }: Wait): string {
  const reason = messageOf(error).replace(/\.$/, '');
  return `${reason}, trying again for ${formatDuration(leftMs)}, Ctrl-C stops.`;
}

/** The proxies of the environment, and one line about the servers that are known to be asked. @throws UsageError */
export function openToldProxies(
  { proxies: settings, endpoints, gateways = [] }: OutwardSettings,
  say: (line: string) => void,
): Proxies | undefined {
  const proxies = openProxies(settings, say);
  proxies?.tell([...endpoints.map(endpoint => endpoint.reveal()), ...gateways.map(parseIpfsGateway)]);
  return proxies;
}

/** Connects to the execution layer of a network. */
export async function openExecutionNode(
  http: HttpDeps,
  { endpoints, timeoutMs, retryTimeoutMs, refusedTimeoutMs }: NodeSettings,
  { chainId }: Network,
): Promise<ExecutionNode> {
  // Loaded here only: commands that ask no node need not wait for ethers' providers.
  const { connectExecutionNode } = await import('../clients/execution/execution-node.ts');
  return connectExecutionNode(http, {
    endpoints: endpoints.map(endpoint => endpoint.reveal()),
    chainId,
    timeoutMs,
    retryTimeoutMs,
    refusedTimeoutMs,
  });
}

/** The same, but a node that is asked nothing twice: see `RememberingNode`. */
export async function openRememberingNode(
  http: HttpDeps,
  { execution, executionJwt }: Pick<OperatorNodesSettings, 'execution' | 'executionJwt'>,
  { chainId }: Network,
): Promise<RememberingNode> {
  const { connectExecutionNode } = await import('../clients/execution/execution-node.ts');
  const { RememberingNode } = await import('../clients/execution/remembering-node.ts');
  const { endpoints, timeoutMs, retryTimeoutMs, refusedTimeoutMs } = execution;
  return connectExecutionNode(
    http,
    {
      endpoints: endpoints.map(endpoint => endpoint.reveal()),
      chainId,
      timeoutMs,
      retryTimeoutMs,
      refusedTimeoutMs,
      jwtSecret: executionJwt?.key,
    },
    RememberingNode,
  );
}

/** How long an endpoint that has a vote is waited for, where others may decide without it. */
const VOTER_RETRY_TIMEOUT_MS = 5_000;

/** A client for each execution endpoint alone: what several must agree on is asked of all of them. */
export async function openVoters(
  http: HttpDeps,
  { endpoints, timeoutMs, retryTimeoutMs, refusedTimeoutMs }: NodeSettings,
  { chainId }: Network,
): Promise<{ readonly voters: readonly ExecutionNode[] } & Disposable> {
  const { ExecutionNode, distinctEndpoints } = await import('../clients/execution/execution-node.ts');
  const distinct = distinctEndpoints(endpoints);
  const voters = distinct.map(
    endpoint =>
      new ExecutionNode(http, {
        endpoints: [endpoint.reveal()],
        chainId,
        timeoutMs,
        retryTimeoutMs: distinct.length === 1 ? retryTimeoutMs : VOTER_RETRY_TIMEOUT_MS,
        refusedTimeoutMs,
      }),
  );
  const close = () => {
    for (const voter of voters) voter.destroy();
  };
  return { voters, [Symbol.dispose]: close };
}

/**
 * A client for each consensus endpoint alone, where all of them must agree. Each has proven its chain.
 * @throws ExternalError of the first that is not of the network, not synced, or not there
 */
export async function openEachBeaconNode(
  http: HttpDeps,
  settings: NodeSettings,
  network: Network,
): Promise<readonly BeaconNode[]> {
  const { distinctEndpoints } = await import('../clients/execution/execution-node.ts');
  return await Promise.all(
    distinctEndpoints(settings.endpoints).map(endpoint =>
      openBeaconNode(http, { ...settings, endpoints: [endpoint] }, network),
    ),
  );
}

/** Connects to the consensus layer of a network. */
export function openBeaconNode(
  http: HttpDeps,
  { endpoints, timeoutMs, retryTimeoutMs, refusedTimeoutMs }: NodeSettings,
  { genesisValidatorsRoot, slotsPerEpoch }: Network,
): Promise<BeaconNode> {
  return connectBeaconNode(http, {
    endpoints: endpoints.map(endpoint => endpoint.reveal()),
    genesisValidatorsRoot,
    slotsPerEpoch,
    timeoutMs,
    retryTimeoutMs,
    refusedTimeoutMs,
  });
}

/** Which gateways are asked: the user's own come before the network's. */
export function ipfsOptions(
  { ownGateways, timeoutMs, allowUnverified }: IpfsSettings,
  network: Network,
  warn: (line: string) => void,
): IpfsOptions {
  return {
    gateways: [...ownGateways.map(gateway => gateway.reveal()), ...network.ipfsGateways],
    timeoutMs,
    allowUnverified,
    onUnverified: gateway =>
      warn(
        `The oracle configuration of ${gateway} could not be proven against its IPFS hash and is used all the same.`,
      ),
  };
}

/** Opens the client of a remote signer that is asked for little: one request at a time. */
export function openRemoteSigner(
  url: EndpointUrl,
  connection: SignerConnectionSettings,
  { verbose }: { readonly verbose: boolean },
): SignerClient {
  return openSignerClient({ ...connection, urls: [url], concurrency: 1, log: createCommandLogger(verbose) });
}
