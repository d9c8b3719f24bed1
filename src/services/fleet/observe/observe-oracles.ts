import type { ExecutionNode } from '../../../clients/execution/execution-node.ts';
import type { HttpDeps } from '../../../clients/http.ts';
import type { IpfsOptions } from '../../../clients/ipfs/ipfs.ts';
import { checkOracleUp } from '../../../clients/oracle.ts';
import type { OracleFacts, Seen } from '../../../domain/fleet/observation/observation.ts';
import type { Oracle } from '../../../domain/protocol/oracle-config.ts';
import { toHex } from '../../../lib/bytes.ts';
import { foreignText } from '../../../lib/foreign-text.ts';
import { fetchOracleSet } from '../../oracles/fetch-oracle-set.ts';
import type { VaultRef } from '../../remote-db/unlock-vault.ts';
import { ask, notAsked } from './ask.ts';

export interface OraclesToObserve {
  readonly http: HttpDeps;
  readonly ipfs: IpfsOptions;
  readonly node: ExecutionNode | undefined;
  /** A node per endpoint: a majority of them says which oracles there are. */
  readonly voters: readonly ExecutionNode[];
  readonly limitMs: number;
  /** Is told of an endpoint whose data is wrong. */
  readonly warn: (line: string) => void;
  /** Is told of what one endpoint alone decides. */
  readonly debug: (line: string) => void;
}

/** Codes of errors of an oracle that was reached, and did not want to answer. */
const REFUSALS: ReadonlySet<string> = new Set(['oracle-refused', 'http-status']);

/** Finds the oracles that the keeper names, and asks each whether it is there, all at once. */
export async function observeOracles(
  target: OraclesToObserve,
  { network }: Pick<VaultRef, 'network'>,
): Promise<Seen<OracleFacts>> {
  const { http, ipfs, node, voters, limitMs, warn, debug } = target;
  if (node === undefined) return notAsked('--execution-endpoints names no node');
  const named = await ask(limitMs, () =>
    fetchOracleSet({ node, voters, http, warn: debug, error: warn }, { contracts: network.contracts, ipfs }),
  );
  if (named.answer !== 'answered') return named;
  const { set, config } = named.facts;
  const members = await Promise.all(config.oracles.map(oracle => askOracle(http, oracle, limitMs)));
  return {
    ...named,
    facts: {
      oracleSetHash: toHex(set.hash),
      oracleConfig: foreignText(set.configIpfsHash),
      threshold: set.threshold,
      members,
    },
  };
}

async function askOracle(
  http: HttpDeps,
  oracle: Oracle,
  limitMs: number,
): Promise<OracleFacts['members'][number]> {
  const seen = await ask(limitMs, ({ signal }) =>
    checkOracleUp(http, oracle, { timeoutMs: limitMs, signal }),
  );
  const { address } = oracle;
  if (seen.answer === 'failed') {
    const { code, message } = seen.fault;
    const result = REFUSALS.has(code) ? 'refused' : 'failed';
    return { address, result, latencyMs: seen.latencyMs, message };
  }
  return { address, result: 'answered', latencyMs: seen.answer === 'answered' ? seen.latencyMs : 0 };
}
