import type { JsonRpcError } from 'ethers/providers';
import { ExternalError } from '../../lib/errors.ts';

/** What a request is that no node will ever take: no JSON-RPC, an unknown method, wrong parameters. */
const MISTAKES: ReadonlySet<number> = new Set([-32700, -32600, -32601, -32602]);
/** What a node says of blocks that it has not kept, some with the code of a mistake: one that keeps more has them. */
const NOT_KEPT = /\bolder than\b|\barchiv|\bprun(?:ed|ing)\b|\bmissing trie node\b|\bhistorical\b/i;

/** Whether no other node would take the request either. */
function isMistake({ code, message }: JsonRpcError['error']): boolean {
  return MISTAKES.has(code) && !NOT_KEPT.test(message ?? '');
}

/** A node answered a request with a JSON-RPC error that says nothing about the chain. */
export class RpcError extends ExternalError {
  readonly rpcCode: number;
  /** The node's own words; empty when it has none. */
  readonly reason: string;

  constructor(endpoint: string, method: string, { error }: JsonRpcError) {
    super(
      'rpc-error',
      `${endpoint} refused ${method}: ${error.message ?? 'no reason given'} (${error.code}).`,
      // Another node of those behind a load balancer has the block; a limit of requests is one per time.
      { retryable: !isMistake(error) },
    );
    this.rpcCode = error.code;
    this.reason = error.message ?? '';
  }
}

/** Nethermind before 2025: `{"code": -32015, "message": "VM execution error.", "data": "Reverted 0x7a933234"}`. */
export function withRevertData(answer: JsonRpcError): JsonRpcError {
  const { id, error } = answer;
  const [, data] = /^reverted (0x[0-9a-f]*)$/i.exec(typeof error.data === 'string' ? error.data : '') ?? [];
  return data === undefined ? answer : { id, error: { ...error, message: 'execution reverted', data } };
}

const REVERTS = /revert|out of gas|gas required exceeds|invalid opcode/i;

/** Whether a call failed in the contract, as nodes say it that give no data with it. */
export function isRevert({ error: { code, message } }: JsonRpcError): boolean {
  return code === 3 || code === -32015 || REVERTS.test(message ?? '');
}
