import { createHash } from 'node:crypto';
import type { OracleApproval } from '../../../src/domain/protocol/approval.ts';
import { parseOracleConfig } from '../../../src/domain/protocol/oracle-document.ts';
import { fromHex } from '../../../src/lib/bytes.ts';
import { readRecorded, readRecordedJson } from './vectors.ts';

/** Cases of 07-oracle-requests: the Python operator at work. */
export type RecordedCase = 'local3' | 'harvest' | 'remote2' | 'rotatelocal';

interface RecordedPost {
  readonly kind: 'oracle';
  readonly method: string;
  readonly path: string;
  readonly body_raw: string | null;
}

/** What an oracle was asked to sign, its digest by another program, and the oracle's signature. */
interface RecordedApproval {
  readonly kind: 'oracle_approval';
  readonly oracle: number;
  readonly typed_data: { readonly message: Readonly<Record<string, string | number>> };
  readonly digest: string;
  readonly signature: string;
}

interface RecordedCall {
  readonly kind: 'estimateGas';
  readonly tx: { readonly to: string; readonly data: string };
}

type RecordedLine = RecordedPost | RecordedApproval | RecordedCall | { readonly kind: 'other' };

interface RecordedInputs {
  readonly vault: string;
  readonly keeper: string;
  readonly chain_id: number;
  readonly config: unknown;
}

/** Requests of one case, in the order in which they were sent. */
export function readOracleRequests(name: RecordedCase) {
  const lines = readRecorded(`07-oracle-requests/${name}.jsonl`)
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as RecordedLine);
  const inputs = readRecordedJson<RecordedInputs>(`07-oracle-requests/inputs/${name}.json`);
  return {
    vault: inputs.vault,
    domain: { chainId: inputs.chain_id, keeper: inputs.keeper },
    config: parseOracleConfig(new TextEncoder().encode(JSON.stringify(inputs.config))),
    posts: lines.filter((line): line is RecordedPost => line.kind === 'oracle' && line.method === 'POST'),
    approvals: lines.filter((line): line is RecordedApproval => line.kind === 'oracle_approval'),
    calls: lines.filter((line): line is RecordedCall => line.kind === 'estimateGas'),
  };
}

/** Secret key of the recorded oracle of this place. */
export function recordedOracleKey(index: number): Uint8Array {
  return createHash('sha256').update(`oracle ${index}`).digest();
}

/** What the recorded oracle of this place answered. */
export function recordedOracleAnswer(name: RecordedCase, oracle: number): OracleApproval {
  const found = readOracleRequests(name).approvals.find(one => one.oracle === oracle);
  const message = found?.typed_data.message;
  return {
    ipfsHash: String(message?.exitSignaturesIpfsHash),
    deadline: BigInt(message?.deadline ?? 0),
    signature: fromHex(found?.signature ?? '', 65),
  };
}
