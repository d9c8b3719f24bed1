import type { EndpointUrl } from '../lib/endpoint-url.ts';

/** How the nodes of one layer are reached. */
export interface NodeSettings {
  readonly endpoints: readonly EndpointUrl[];
  /** Time limit of one request. */
  readonly timeoutMs: number;
  /** How long a request that fails is begun again. */
  readonly retryTimeoutMs: number;
  /** The same where all nodes are of this machine and refuse connections, when it is less. */
  readonly refusedTimeoutMs?: number | undefined;
}

/** How documents are had from IPFS. */
export interface IpfsSettings {
  /** The user's own gateways, asked in this order before the network's. */
  readonly ownGateways: readonly EndpointUrl[];
  /** Time limit of everything that one gateway is asked. */
  readonly timeoutMs: number;
  /** Whether an oracle configuration is taken that no gateway can prove. */
  readonly allowUnverified: boolean;
}

/** The secret that execution nodes share with their clients. */
export interface JwtSecret {
  /** The secret as it was given; never printed. */
  readonly text: string;
  readonly key: Uint8Array;
}
