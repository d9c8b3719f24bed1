import { afterEach, describe, expect, it } from 'vitest';
import {
  checkOracleUp,
  fetchSignaturesStatus,
  postApproval,
  postRotation,
} from '../../../src/clients/oracle.ts';
import type { ApprovalRequest } from '../../../src/domain/protocol/approval.ts';
import type { Oracle } from '../../../src/domain/protocol/oracle-config.ts';
import { toHex } from '../../../src/lib/bytes.ts';
import { readOracleRequests, recordedOracleAnswer } from '../../support/recorded/recorded-oracles.ts';
import { TEST_VAULT } from '../../support/scenes/signing-fixtures.ts';
import {
  type Answer,
  type Handler,
  startServer,
  type TestServer,
} from '../../support/servers/http-server.ts';

const UNREACHABLE = 'http://127.0.0.1:1';
const options = { timeoutMs: 2_000 };
const [post] = readOracleRequests('local3').posts;
const body = JSON.parse(post?.body_raw ?? '') as ApprovalRequest;
// The recorded document has a made-up name.
const approval = {
  ...recordedOracleAnswer('local3', 0),
  ipfsHash: 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi',
};
const answer = { ipfs_hash: approval.ipfsHash, deadline: Number(approval.deadline) };
const good = JSON.stringify({ ...answer, signature: toHex(approval.signature), more: [] });

const servers: TestServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

async function start(handle: Handler): Promise<TestServer> {
  const server = await startServer(handle);
  servers.push(server);
  return server;
}

const says = (text: string, status = 200) => start(() => ({ status, body: text }));
const silent = () => start(() => undefined);

function oracle(...replicas: (TestServer | string)[]): Oracle {
  const endpoints = replicas.map(one => (typeof one === 'string' ? one : one.url));
  return { publicKey: new Uint8Array(64), address: `0x${'11'.repeat(20)}`, endpoints };
}

describe('an approval', () => {
  it('postApproval asks for an approval at the URL of the configuration as it is', async () => {
    const server = await says(good);
    await postApproval({}, oracle(`${server.url}/a/path?key=1`), body, options);
    const given = await postApproval({}, oracle(server), body, options);
    expect(given).toEqual(approval);
    expect(server.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /a/path?key=1',
      'POST /',
    ]);
    expect(server.seen[1]?.headers['content-type']).toBe('application/json');
    expect(JSON.parse(server.seen[1]?.body ?? '')).toEqual(body);
  });

  it.each([
    ['', '/signatures'],
    ['/', '/signatures'],
    ['/oracle-3', '/oracle-3/signatures'],
    ['/oracle-3//', '/oracle-3/signatures'],
    ['/oracle-3?key=1', '/oracle-3/signatures?key=1'],
  ])('postRotation asks for an approval below the endpoint: %j', async (path, expected) => {
    const server = await says(good);
    expect(await postRotation({}, oracle(server.url + path), body, options)).toEqual(approval);
    expect(server.seen.map(one => `${one.method} ${one.path}`)).toEqual([`POST ${expected}`]);
  });

  it.each([
    ['is in other bytes', { ...answer, signature: '0x12' }, 'signature'],
    ['has no deadline', { ipfs_hash: answer.ipfs_hash, signature: toHex(approval.signature) }, 'deadline'],
    [
      'has a deadline of text',
      { ...answer, signature: toHex(approval.signature), deadline: '1' },
      'deadline',
    ],
    [
      'names a document by no content identifier',
      { ...answer, signature: toHex(approval.signature), ipfs_hash: 'bafyexitsigs' },
      'ipfs_hash',
    ],
    ['names no document', { ...answer, signature: toHex(approval.signature), ipfs_hash: '' }, 'ipfs_hash'],
  ])('postApproval refuses an approval that %s', async (_, document, member) => {
    const server = await says(JSON.stringify(document));
    await expect(postApproval({}, oracle(server), body, options)).rejects.toMatchObject({
      code: 'invalid-answer',
      message: expect.stringContaining(member),
    });
  });

  it.each<[string, Answer, string, string]>([
    [
      'JSON',
      { status: 400, body: '{"code": 7,\n "message": "no"}' },
      'oracle-refused',
      '{"code": 7, "message": "no"}',
    ],
    ['text', { status: 400, body: 'not now' }, 'oracle-refused', 'not now'],
    ['nothing', { status: 400 }, 'oracle-refused', 'refuses the request.'],
    ['too much', { status: 400, body: 'x'.repeat(900) }, 'oracle-refused', `${'x'.repeat(199)}….`],
    ['a page', { status: 200, body: '<html>' }, 'invalid-answer', 'did not answer with JSON'],
    ['an error', { status: 500, body: 'secret' }, 'http-status', 'HTTP status 500.'],
  ])('postApproval gives a bounded reason when an oracle answers with %s', async (_, given, code, reason) => {
    const server = await start(() => given);
    const refused = postApproval({}, oracle(server), body, options);
    await expect(refused).rejects.toMatchObject({ code, message: expect.stringContaining(reason) });
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringMatching(/\n|secret/) });
  });
});

describe('replicas', () => {
  it('postApproval asks replicas in random order, one after another, until one answers', async () => {
    const both = [await says(good), await says(good)];
    for (let i = 0; i < 40; i++) await postApproval({}, oracle(...both), body, options);
    const counts = both.map(({ seen }) => seen.length);
    expect(counts[0]).toBeGreaterThan(5);
    expect(counts[1]).toBeGreaterThan(5);
    expect((counts[0] ?? 0) + (counts[1] ?? 0)).toBe(40);
  });

  it('postApproval loses no time with replicas that are down or refuse', async () => {
    const replicas = [UNREACHABLE, await says('no', 400), await says('<html>'), await says(good)];
    const start = performance.now();
    expect(await postApproval({}, oracle(...replicas), body, options)).toEqual(approval);
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  it('postApproval leaves the other replicas their part of the time when some are silent', async () => {
    const started = performance.now();
    const given = await postApproval({}, oracle(await silent(), await silent(), await says(good)), body, {
      timeoutMs: 3_000,
    });
    expect(given).toEqual(approval);
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it('postApproval takes the first answer of replicas that are all slow', async () => {
    // Each is slower than its share of the time, so that the other is asked, too, whichever comes first.
    const answerLate = () =>
      start(async () => {
        await new Promise(resolve => setTimeout(resolve, 2_100));
        return { body: good };
      });
    const replicas = oracle(await answerLate(), await answerLate());
    expect(await postApproval({}, replicas, body, { timeoutMs: 4_000 })).toEqual(approval);
  });

  it('postApproval takes no longer for all replicas than the time of the oracle, and names them all', async () => {
    const [mute, refusing] = [await silent(), await says('no', 400)];
    const started = performance.now();
    const asked = postApproval({}, oracle(mute, refusing, UNREACHABLE), body, { timeoutMs: 1_500 });
    await expect(asked).rejects.toMatchObject({
      code: 'oracle-unavailable',
      message: expect.stringMatching(/did not answer within [01]\.\d+ s/),
    });
    const took = performance.now() - started;
    expect(took).toBeGreaterThan(1_250);
    expect(took).toBeLessThan(4_500);
    await expect(asked).rejects.toMatchObject({
      message: expect.stringContaining(`${refusing.url} refuses the request: no;`),
    });
  });

  it('postApproval lets go of the replicas when the caller has heard enough', async () => {
    const end = new AbortController();
    const mute = await start(() => {
      end.abort(new Error('enough'));
      return undefined;
    });
    await expect(
      postApproval({}, oracle(mute, mute.url), body, { timeoutMs: 5_000, signal: end.signal }),
    ).rejects.toThrow('enough');
    expect(mute.seen).toHaveLength(1);
  });

  it('checkOracleUp takes one replica that answers as a sign that the oracle is there', async () => {
    const server = await says('{}');
    await checkOracleUp({}, oracle(UNREACHABLE, `${server.url}/x`), options);
    expect(server.seen.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /x']);
    await expect(checkOracleUp({}, oracle(UNREACHABLE), options)).rejects.toMatchObject({
      code: 'unreachable',
    });
  });
});

describe('the status of exit signatures', () => {
  const status = (block: number | null, ...indexes: number[]) =>
    JSON.stringify({ exit_signature_block_number: block, validators: indexes.map(index => ({ index })) });

  it('fetchSignaturesStatus gives the status of the replica that is behind the others', async () => {
    const [ahead, behind] = [await says(status(120, 1)), await says(status(100, 1, 2))];
    expect(await fetchSignaturesStatus({}, oracle(ahead, behind), TEST_VAULT, options)).toEqual({
      blockNumber: 100,
      outdatedIndexes: [1n, 2n],
    });
    expect(ahead.seen[0]?.path).toBe(`/signatures/${TEST_VAULT}`);
    const fresh = await says(status(null, 5));
    expect(await fetchSignaturesStatus({}, oracle(ahead, fresh, behind), TEST_VAULT, options)).toEqual({
      blockNumber: null,
      outdatedIndexes: [5n],
    });
  });

  it('fetchSignaturesStatus does not need all replicas', async () => {
    const replicas = [UNREACHABLE, await says('no', 500), await says(status(7))];
    expect(await fetchSignaturesStatus({}, oracle(...replicas), TEST_VAULT, options)).toEqual({
      blockNumber: 7,
      outdatedIndexes: [],
    });
    await expect(
      fetchSignaturesStatus({}, oracle(UNREACHABLE, await says('{}')), TEST_VAULT, options),
    ).rejects.toMatchObject({
      code: 'oracle-unavailable',
      message: expect.stringContaining('exit_signature_block_number'),
    });
  });
});
