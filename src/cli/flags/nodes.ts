import type { ProxySettings } from '../../clients/proxy-rules.ts';
import type { EndpointUrl } from '../../lib/endpoint-url.ts';
import { readEnvironment } from '../../settings/environment.ts';
import type { IpfsSettings, NodeSettings } from '../../settings/node-settings.ts';
import { flag, optional, type Resolved, required } from '../options/option.ts';
import { bytes32, httpUrls, ipfsGateways } from '../options/value-kinds.ts';
import { timeout } from './timeout.ts';

/** `--execution-endpoints`. */
export const executionEndpoints = required({
  description:
    'Comma separated list of API endpoints for execution nodes; HTTP_PROXY, HTTPS_PROXY and NO_PROXY say how they are reached.',
  env: 'EXECUTION_ENDPOINTS',
  value: httpUrls,
  prompt: 'Enter comma separated list of API endpoints for execution nodes',
});

/** Seconds that requests which fail are sent again, when nothing else is said. */
const EXECUTION_RETRY_SECONDS = 60;
const CONSENSUS_RETRY_SECONDS = 120;
/** The same for a node of this machine that refuses connections, when somebody sits before it. */
const ATTENDED_REFUSED_MS = 10_000;

/** How long execution nodes are waited for. */
export const EXECUTION_TIMEOUTS = {
  executionTimeout: timeout('EXECUTION_TIMEOUT', 30, 'Time limit of one request to an execution node'),
  executionRetryTimeout: timeout(
    'EXECUTION_RETRY_TIMEOUT',
    EXECUTION_RETRY_SECONDS,
    'How long requests that fail are sent to execution nodes again',
  ),
} as const;

/** How execution nodes are reached, of `--execution-endpoints` and its time limits. */
export function executionSettings(
  given: Resolved<typeof EXECUTION_TIMEOUTS> & {
    readonly executionEndpoints?: readonly EndpointUrl[] | undefined;
  },
): NodeSettings {
  return {
    endpoints: given.executionEndpoints ?? [],
    timeoutMs: given.executionTimeout,
    retryTimeoutMs: given.executionRetryTimeout,
    refusedTimeoutMs: refusedTimeoutMs(given.executionRetryTimeout, EXECUTION_RETRY_SECONDS),
  };
}

/** `--consensus-endpoints`; the question differs between commands. */
export function consensusEndpoints(prompt: 'Enter comma separated' | 'Enter the comma separated') {
  return required({
    description:
      'Comma separated list of API endpoints for consensus nodes; HTTP_PROXY, HTTPS_PROXY and NO_PROXY say how they are reached.',
    env: 'CONSENSUS_ENDPOINTS',
    value: httpUrls,
    prompt: `${prompt} list of API endpoints for consensus nodes`,
  });
}

/** How long consensus nodes are waited for. */
export const CONSENSUS_TIMEOUTS = {
  consensusTimeout: timeout('CONSENSUS_TIMEOUT', 60, 'Time limit of one request to a consensus node'),
  consensusRetryTimeout: timeout(
    'CONSENSUS_RETRY_TIMEOUT',
    CONSENSUS_RETRY_SECONDS,
    'How long requests that fail are sent to consensus nodes again',
  ),
} as const;

/** How consensus nodes are reached, of `--consensus-endpoints` and its time limits. */
export function consensusSettings(
  given: Resolved<typeof CONSENSUS_TIMEOUTS> & { readonly consensusEndpoints: readonly EndpointUrl[] },
): NodeSettings {
  return {
    endpoints: given.consensusEndpoints,
    timeoutMs: given.consensusTimeout,
    retryTimeoutMs: given.consensusRetryTimeout,
    refusedTimeoutMs: refusedTimeoutMs(given.consensusRetryTimeout, CONSENSUS_RETRY_SECONDS),
  };
}

/** Who has named a time waits so long, and a service or script as long as was said. */
function refusedTimeoutMs(retryTimeoutMs: number, defaultSeconds: number): number | undefined {
  const isChosen = retryTimeoutMs !== defaultSeconds * 1_000;
  return process.stdin.isTTY && !isChosen ? ATTENDED_REFUSED_MS : undefined;
}

/** Which IPFS gateways are asked. */
export const IPFS_OPTIONS = {
  ipfsFetchEndpoints: optional({
    description:
      "Comma separated list of IPFS gateways, asked before the network's own. Default is the network's own alone.",
    env: 'IPFS_FETCH_ENDPOINTS',
    value: ipfsGateways,
  }),
  ipfsTimeout: timeout('IPFS_TIMEOUT', 60, 'Time limit of all that one IPFS gateway is asked'),
} as const;

/** The proxies of the environment: no options, since every program reads these variables. An empty one is as good as none. */
export function proxySettings(): ProxySettings {
  const read = (name: string) => readEnvironment(name.toLowerCase()) ?? readEnvironment(name);
  return { http: read('HTTP_PROXY'), https: read('HTTPS_PROXY'), except: read('NO_PROXY') };
}

/** How IPFS is reached, of these options and `--allow-unverified-ipfs`. */
export function ipfsSettings(
  given: Resolved<typeof IPFS_OPTIONS> & { readonly allowUnverifiedIpfs?: boolean | undefined },
): IpfsSettings {
  return {
    ownGateways: given.ipfsFetchEndpoints ?? [],
    timeoutMs: given.ipfsTimeout,
    allowUnverified: given.allowUnverifiedIpfs ?? false,
  };
}

/** `--allow-unverified-ipfs`. */
export const allowUnverifiedIpfs = flag({
  description: 'Takes an oracle configuration that no gateway can prove. Not for mainnet.',
});

/** `--oracle-set-hash`. */
export const oracleSetHash = optional({
  description:
    'The only oracle set that is accepted, as 32 bytes of hex; another one is refused. Default is what the execution nodes agree on.',
  env: 'ORACLE_SET_HASH',
  value: bytes32,
});

/** `--verbose`. */
export const verbose = flag({
  description: 'Enable debug mode. Default is false.',
  char: 'v',
  env: 'VERBOSE',
});
