import type { JsonRpcError, JsonRpcPayload, JsonRpcResult } from 'ethers/providers';
import { z } from 'zod';
import { ExternalError } from '../../lib/errors.ts';
import { foreignText } from '../../lib/foreign-text.ts';
import { bodyJson, describeEndpoint, type HttpResponse } from '../http.ts';
import { logsAnswer, pickAskedLogs } from './asked-logs.ts';

/** One request, or several that are sent together. */
export type RpcPayload = JsonRpcPayload | JsonRpcPayload[];

export type RpcAnswer = JsonRpcResult | JsonRpcError;

const quantity = z
  .string()
  .regex(/^0x[0-9a-f]+$/i)
  .transform(BigInt);
const hexData = z.string().regex(/^0x([0-9a-f]{2})*$/i);
/** What these methods must answer with; ethers would call anything else a mistake of the program. */
const resultSchemas: ReadonlyMap<string, z.ZodType> = new Map<string, z.ZodType>([
  ['eth_chainId', quantity],
  ['eth_blockNumber', quantity],
  ['eth_call', hexData],
  ['eth_getCode', hexData],
]);
const errorSchema = z.object({
  code: z.int(),
  message: z.string().transform(foreignText),
  data: z.unknown().optional(),
});
/** Some proxies write a number that they were given as text. */
const idSchema = z.union([
  z.int(),
  z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number),
]);
const answerSchema = z.union([
  z.object({ id: idSchema.nullable(), error: errorSchema }),
  z.object({ id: idSchema, result: z.unknown() }),
]);
const answersSchema = z.union([z.array(answerSchema), answerSchema.transform(answer => [answer])]);

/**
 * The answers to what was asked, in its order. A node is believed no more than it must be: what is not of the method's form,
 * or of something else than was asked for, is no answer.
 * @throws ExternalError `invalid-answer`
 */
export function readAnswers(
  endpoint: string,
  payload: RpcPayload,
  response: Pick<HttpResponse, 'body'> & Partial<HttpResponse>,
): RpcAnswer[] {
  const answers = answersSchema.safeParse(bodyJson(response, endpoint));
  if (!answers.success) {
    throw new ExternalError('invalid-answer', `${describeEndpoint(endpoint)} did not answer with JSON-RPC.`, {
      cause: answers.error,
    });
  }
  // A batch that is refused as a whole is answered by an error without an id, or by errors with ids that nobody gave.
  const [first] = answers.data.every(one => 'error' in one) ? answers.data : [];
  const refusal = answers.data.find(one => one.id === null) ?? first;
  return [payload].flat().map(({ id, method, params }) => {
    const answer = answers.data.find(one => one.id === id) ?? refusal;
    if (answer !== undefined && 'error' in answer) {
      const { code, message, data } = answer.error;
      return { id, error: { code, message, data } };
    }
    const result = answer && readResult(endpoint, { method, params }, answer.result);
    if (result === undefined) {
      throw new ExternalError('invalid-answer', `${describeEndpoint(endpoint)} did not answer ${method}.`);
    }
    return { id, result };
  });
}

/** What of a result was asked for; undefined where it is not of the method's form. */
function readResult(
  endpoint: string,
  { method, params }: Pick<JsonRpcPayload, 'method' | 'params'>,
  result: unknown,
): unknown {
  if (method !== 'eth_getLogs') {
    const isAnswer = resultSchemas.get(method)?.safeParse(result).success !== false;
    return isAnswer && isOfAsked(method, params, result) ? result : undefined;
  }
  const logs = logsAnswer.safeParse(result);
  const [filter] = Array.isArray(params) ? params : [];
  return logs.success ? pickAskedLogs(filter, logs.data, describeEndpoint(endpoint)) : undefined;
}

/** Which member of a result must be what was asked for by the first parameter. */
const ASKED_BY: ReadonlyMap<string, string> = new Map([
  ['eth_getTransactionReceipt', 'transactionHash'],
  ['eth_getTransactionByHash', 'hash'],
  ['eth_getBlockByNumber', 'number'],
]);

/** Whether a transaction, receipt or block is the one that was asked for; a tag such as `latest` says nothing of that. */
function isOfAsked(method: string, params: JsonRpcPayload['params'], result: unknown): boolean {
  const member = ASKED_BY.get(method);
  const [asked] = Array.isArray(params) ? params : [];
  if (member === undefined || typeof asked !== 'string' || !asked.startsWith('0x')) return true;
  if (typeof result !== 'object' || result === null) return true;
  const given = (result as Readonly<Record<string, unknown>>)[member];
  return typeof given === 'string' && given.toLowerCase() === asked.toLowerCase();
}

/** The chain id in the answer to `eth_chainId`; undefined where there is none. */
export function chainIdIn(answer: RpcAnswer | undefined): bigint | undefined {
  return answer !== undefined && 'result' in answer ? quantity.safeParse(answer.result).data : undefined;
}

/** The head's number, when it was asked for. */
export function headIn(payload: RpcPayload, answers: readonly RpcAnswer[]): bigint | undefined {
  for (const [i, request] of [payload].flat().entries()) {
    const answer = answers[i];
    if (answer === undefined || !('result' in answer)) continue;
    const head = quantity.safeParse(headNumber(request, answer));
    if (head.success) return head.data;
  }
  return undefined;
}

function headNumber({ method, params }: JsonRpcPayload, { result }: JsonRpcResult): unknown {
  if (method === 'eth_blockNumber') return result;
  const isHeader = method === 'eth_getBlockByNumber' && Array.isArray(params) && params[0] === 'latest';
  return isHeader ? result?.number : undefined;
}
