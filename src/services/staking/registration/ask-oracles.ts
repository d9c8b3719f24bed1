import type { ChainSnapshot } from '../../../clients/execution/chain-snapshot.ts';
import type { HttpDeps } from '../../../clients/http.ts';
import { postApproval } from '../../../clients/oracle.ts';
import {
  type Approval,
  type ApprovalRequest,
  registrationDigest,
} from '../../../domain/protocol/approval.ts';
import type { OracleConfig } from '../../../domain/protocol/oracle-config.ts';
import type { Logger } from '../../../lib/logger.ts';
import type { Network } from '../../../networks/network.ts';
import { collectApprovals } from '../../oracles/collect-approvals.ts';
import type { RegistrationBatch } from './registration-mode.ts';

export interface AskOraclesOptions {
  /** Checksummed. */
  readonly vault: string;
  readonly network: Pick<Network, 'chainId' | 'secondsPerSlot' | 'contracts'>;
  /** Time limit of one question to all oracles together. */
  readonly oraclesTimeoutMs: number;
  readonly snapshot: ChainSnapshot;
  readonly config: Pick<OracleConfig, 'oracles'>;
  readonly signal: AbortSignal;
}

/**
 * Has the oracles approve a batch of validators; each signature is recovered before it counts.
 * @throws ExternalError 'not-enough-approvals'; the signal's reason
 */
export function askOracles(
  { http, log }: { readonly http: HttpDeps; readonly log: Pick<Logger, 'debug' | 'info' | 'warn'> },
  options: AskOraclesOptions,
  { encoded }: Pick<RegistrationBatch, 'encoded'>,
  request: ApprovalRequest,
): Promise<Approval> {
  const { vault, network, snapshot, config, signal, oraclesTimeoutMs: timeoutMs } = options;
  const domain = { chainId: network.chainId, keeper: network.contracts.keeper };
  const validatorsRegistryRoot = snapshot.registryRoot;
  return collectApprovals(
    { log },
    {
      oracles: config.oracles,
      threshold: snapshot.keeper.validatorsMinOracles,
      timeoutMs,
      // The approval has to hold in the next block at least.
      now: BigInt(snapshot.timestamp + network.secondsPerSlot),
      send: (oracle, ended) => postApproval(http, oracle, request, { timeoutMs, signal: ended }),
      digestOf: (ipfsHash, deadline) =>
        registrationDigest(domain, {
          validatorsRegistryRoot,
          vault,
          validators: encoded,
          ipfsHash,
          deadline,
        }),
      signal,
    },
  );
}
