import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { postApproval } from '../../../../src/clients/oracle.ts';
import { type ApprovalRequest, registrationDigest } from '../../../../src/domain/protocol/approval.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { ExternalError } from '../../../../src/lib/errors.ts';
import {
  type CollectApprovalsOptions,
  collectApprovals,
} from '../../../../src/services/oracles/collect-approvals.ts';
import { signDigest } from '../../../devnet/typed-data.ts';
import {
  type RecordedCase,
  readOracleRequests,
  recordedOracleAnswer,
  recordedOracleKey,
} from '../../../support/recorded/recorded-oracles.ts';
import { readRecordedJson } from '../../../support/recorded/vectors.ts';
import { type RecordingLog, recordingLog } from '../../../support/recording-log.ts';
import { type Handler, startServer, type TestServer } from '../../../support/servers/http-server.ts';

const COUNT = 4;
const recorded = readOracleRequests('local3');
const body = JSON.parse(recorded.posts[0]?.body_raw ?? '') as ApprovalRequest;
const message = recorded.approvals[0]?.typed_data.message ?? {};
/** The recorded oracles' document has a made-up name, which an oracle of the client may not give. */
const RECORDED_DOCUMENT = String(message.exitSignaturesIpfsHash);
const DOCUMENT = 'QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn';
const DEADLINE = Number(message.deadline);

/** What the recorded oracles had to sign. */
const digestOf = (ipfsHash: string, deadline: bigint, { domain } = recorded) =>
  registrationDigest(domain, {
    validatorsRegistryRoot: fromHex(String(message.validatorsRegistryRoot), 32),
    vault: recorded.vault,
    validators: fromHex(String(message.validators)),
    ipfsHash,
    deadline,
  });

let servers: TestServer[];
/** How each oracle answers; honestly by default. */
let handlers: Handler[];
let recording: RecordingLog;
beforeEach(async () => {
  handlers = Array.from({ length: COUNT }, (_, i) => approves(i));
  recording = recordingLog();
  servers = await Promise.all(
    handlers.map((_, i) =>
      startServer((request, response) => (handlers[i] ?? (() => undefined))(request, response)),
    ),
  );
});
afterEach(() => Promise.all(servers.map(server => server[Symbol.asyncDispose]())));

/** Signs, as itself or with another's key, what is asked or something else. */
function approves(oracle: number, { key = oracle, document = DOCUMENT, deadline = DEADLINE } = {}): Handler {
  return () => {
    const signature = signDigest(recordedOracleKey(key), digestOf(document, BigInt(deadline)));
    return { body: JSON.stringify({ ipfs_hash: document, deadline, signature: toHex(signature) }) };
  };
}

const silent: Handler = () => undefined;
const refuses: Handler = () => ({ status: 400, body: '{"code": 3, "message": "not now"}' });
const cuts: Handler = (_, response) => void response.destroy();

function collect(changes: Partial<CollectApprovalsOptions> & { readonly timeoutMs?: number } = {}) {
  const oracles = recorded.config.oracles.map((oracle, i) => ({
    ...oracle,
    endpoints: [servers[i]?.url ?? ''],
  }));
  const timeoutMs = changes.timeoutMs ?? 10_000;
  return collectApprovals(
    { log: recording.log },
    {
      oracles,
      threshold: 3,
      timeoutMs,
      digestOf,
      now: BigInt(DEADLINE - 100),
      send: (oracle, signal) => postApproval({}, oracle, body, { timeoutMs, signal }),
      ...changes,
    },
  );
}

/** Addresses of the signers, in the order of their signatures. */
function signersOf(signatures: Uint8Array, document = DOCUMENT): string[] {
  const own = new Map<string, string>();
  for (const [i, { address }] of recorded.config.oracles.entries()) {
    own.set(toHex(signDigest(recordedOracleKey(i), digestOf(document, BigInt(DEADLINE)))), address);
  }
  return Array.from(
    { length: signatures.length / 65 },
    (_, i) => own.get(toHex(signatures.subarray(65 * i, 65 * (i + 1)))) ?? 'nobody',
  );
}

const isAscending = (addresses: readonly string[]) =>
  addresses.every((address, i) => i === 0 || BigInt(addresses[i - 1] ?? 0) < BigInt(address));

async function timed<T>(work: Promise<T>): Promise<{ result: T; tookMs: number }> {
  const start = performance.now();
  return { result: await work, tookMs: performance.now() - start };
}

describe('approvals', () => {
  it('collectApprovals gives exactly as many signatures as the keeper asks for, in the keeper’s order', async () => {
    const approval = await collect();
    expect(approval).toMatchObject({ ipfsHash: DOCUMENT, deadline: BigInt(DEADLINE) });
    expect(approval.signatures).toHaveLength(3 * 65);
    const signers = signersOf(approval.signatures);
    expect(signers).not.toContain('nobody');
    expect(isAscending(signers)).toBe(true);
  });

  it('collectApprovals gives the recorded signatures when the recorded oracles answer', async () => {
    interface Decoded {
      readonly case: RecordedCase;
      readonly function: string;
      readonly args: { readonly keeperParams: { readonly signatures: string } };
    }
    const decoded = readRecordedJson<Decoded[]>('07-oracle-requests/decoded-tx.json');
    const call = decoded.find(one => one.case === 'local3' && one.function === 'registerValidators');
    const signatures = call?.args.keeperParams.signatures ?? '';
    // The recorded set has four oracles of which the first three by address were taken: the last one must not answer.
    const taken = signersOf(fromHex(signatures), RECORDED_DOCUMENT);
    const last = recorded.config.oracles.findIndex(({ address }) => !taken.includes(address));
    const send: CollectApprovalsOptions['send'] = async oracle => {
      const place = recorded.config.oracles.findIndex(({ address }) => address === oracle.address);
      if (place === last) return new Promise(() => undefined);
      return recordedOracleAnswer('local3', place);
    };
    expect(toHex((await collect({ send })).signatures)).toBe(signatures);
  });

  it('collectApprovals collects the approvals of all oracles when the keeper asks for all', async () => {
    expect(signersOf((await collect({ threshold: 4 })).signatures)).toHaveLength(4);
  });
});

describe('an oracle with a fault', () => {
  it.each<[string, Handler]>([
    ['is silent', silent],
    ['cuts the connection', cuts],
    ['refuses', refuses],
    ['answers nonsense', () => ({ body: '<html>' })],
    ['fails', () => ({ status: 500 })],
    ['signs with another key', approves(1, { key: 7 })],
    ['gives the signature of another oracle', approves(1, { key: 0 })],
    ['names another document', approves(1, { document: 'QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPbdG' })],
    ['names another deadline', approves(1, { deadline: DEADLINE + 1 })],
    ['names a deadline that has passed', approves(1, { deadline: DEADLINE - 1_000 })],
  ])('collectApprovals loses one vote and no time when one oracle %s', async (_, handler) => {
    handlers[1] = handler;
    const { result, tookMs } = await timed(collect());
    const honest = recorded.config.oracles.map(({ address }) => address).filter((__, i) => i !== 1);
    expect(new Set(signersOf(result.signatures))).toEqual(new Set(honest));
    expect(tookMs).toBeLessThan(2_000);
  });

  it('collectApprovals logs that the approval of an oracle that lies does not count', async () => {
    handlers[2] = approves(2, { key: 7 });
    await collect();
    expect(recording.texts()).toEqual([
      expect.stringMatching(/^Approval not counted: its signature is by 0x/),
    ]);
  });
});

describe('too few approvals', () => {
  it('collectApprovals fails at once when the silent oracles could not make up for it', async () => {
    handlers = [silent, refuses, approves(2), refuses];
    const { tookMs } = await timed(
      expect(collect()).rejects.toMatchObject({
        code: 'not-enough-approvals',
        retryable: true,
        message: expect.stringContaining('1 of the 3 oracles'),
      }),
    );
    expect(tookMs).toBeLessThan(2_000);
  });

  it('collectApprovals fails when the time is over, with every oracle and what it said', async () => {
    handlers = [silent, approves(1), approves(2), refuses];
    const { result: error, tookMs } = await timed(collect({ timeoutMs: 1_600 }).catch((e: unknown) => e));
    expect(tookMs).toBeGreaterThan(1_400);
    expect(tookMs).toBeLessThan(6_000);
    const { message: text } = error as ExternalError;
    for (const { address } of recorded.config.oracles) expect(text).toContain(address);
    expect(text).toMatch(/^2 of the 3 oracles approved/);
    expect(text).toContain('did not answer within 1.6 s');
    expect(text).toContain(`approved ${DOCUMENT} until ${DEADLINE}`);
    expect(text).toContain('refuses the request: {"code": 3, "message": "not now"}');
  });

  it('collectApprovals fails when the oracles do not agree', async () => {
    handlers = [approves(0), approves(1), approves(2, { document: 'a' }), approves(3, { document: 'a' })];
    await expect(collect()).rejects.toMatchObject({ code: 'not-enough-approvals' });
  });

  it('collectApprovals fails before it asks anybody when there are fewer oracles than the keeper asks for', async () => {
    handlers = handlers.map(() => silent);
    await expect(collect({ threshold: 5 })).rejects.toMatchObject({ code: 'not-enough-approvals' });
  });

  it('collectApprovals fails in time even when a client does not keep to its own', async () => {
    const never = new Promise<never>(() => undefined);
    await expect(collect({ send: () => never, timeoutMs: 50 })).rejects.toBeInstanceOf(ExternalError);
  });
});

it('collectApprovals ends with the reason of an end from outside', async () => {
  handlers = handlers.map(() => silent);
  const end = new AbortController();
  setTimeout(() => end.abort(new Error('SIGTERM')), 50);
  await expect(collect({ signal: end.signal })).rejects.toThrow('SIGTERM');
  await expect(collect({ signal: end.signal })).rejects.toThrow('SIGTERM');
});
