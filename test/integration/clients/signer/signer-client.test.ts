import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openSignerClient, type SignerClientOptions } from '../../../../src/clients/signer/signer-client.ts';
import { findInvalidSignatures } from '../../../../src/domain/consensus/bls.ts';
import { EXIT_PROOF, exitSigningRoot } from '../../../../src/domain/consensus/exit-message.ts';
import { publicKeyOf } from '../../../../src/domain/keys/derivation.ts';
import { splitSecretKey } from '../../../../src/domain/keys/key-share.ts';
import { toHex } from '../../../../src/lib/bytes.ts';
import { resolveNetwork } from '../../../../src/networks/resolve-network.ts';
import { recordingLog } from '../../../support/recording-log.ts';
import { exitSigner, signedBy, type TestKey, testKeys } from '../../../support/servers/exit-signer.ts';
import { type Handler, startServer } from '../../../support/servers/http-server.ts';

const network = resolveNetwork('holesky');
const keys = testKeys(4);
const [key, other] = keys as [TestKey, TestKey];
const exit = { validatorIndex: 1234567n, epoch: BigInt(network.capellaForkEpoch), network };
const request = { ...exit, publicKey: key.publicKey };
const honest = exitSigner(keys);

function open(urls: string | readonly string[], options: Partial<SignerClientOptions> = {}) {
  return openSignerClient({ urls: [urls].flat(), timeoutMs: 5_000, ...options });
}

/** Answers one after another; the last one stays. */
function inTurn(...handlers: readonly Handler[]): Handler {
  const left = [...handlers];
  return (seen, response) => ((left.length > 1 ? left.shift() : left[0]) ?? honest)(seen, response);
}

const reset: Handler = (_, response) => {
  response.socket?.resetAndDestroy();
  return undefined;
};
const hang: Handler = () => undefined;
const status =
  (code: number, body = ''): Handler =>
  () => ({ status: code, body });

describe('an exit', () => {
  it('signExit asks as Web3Signer takes it, and gives the right signature', async () => {
    await using signer = await startServer(honest);
    await using client = open(`${signer.url}/`);
    const signature = await client.signExit(request);
    const message = exitSigningRoot(exit, network);
    expect(findInvalidSignatures([{ publicKey: key.publicKey, message, signature }])).toEqual([]);
    const [seen] = signer.seen;
    expect(seen).toMatchObject({ method: 'POST', path: `/api/v1/eth2/sign/${key.hex}` });
    expect(seen?.headers).toMatchObject({ accept: 'application/json', 'content-type': 'application/json' });
    expect(seen?.headers).not.toHaveProperty('origin');
    expect(JSON.parse(seen?.body ?? '')).toEqual({
      type: 'VOLUNTARY_EXIT',
      signing_root: toHex(message),
      fork_info: {
        fork: { previous_version: '0x04017000', current_version: '0x04017000', epoch: '256' },
        genesis_validators_root: toHex(network.genesisValidatorsRoot),
      },
      voluntary_exit: { epoch: '256', validator_index: '1234567' },
    });
  });

  it('signExit has an exit signed over a Unix socket', async () => {
    await using signer = await startServer(honest, { onSocket: true });
    await using client = open(signer.url);
    await expect(client.signExit({ ...request, ...EXIT_PROOF })).resolves.toHaveLength(96);
    expect(signer.seen[0]?.headers.host).toBe('localhost');
    expect(signer.seen[0]?.body).toContain(
      '"voluntary_exit":{"epoch":"18446744073709551615","validator_index":"18446744073709551615"}',
    );
  });

  it.each<readonly [string, Handler, object]>([
    [
      'another key',
      seen => signedBy(other.secretKey, seen),
      { code: 'invalid-signature', message: expect.stringContaining(key.hex) },
    ],
    ['garbage', status(200, '<html>hello</html>'), { code: 'invalid-answer' }],
    ['another form', status(200, '{"signature":"0x1234"}'), { code: 'invalid-answer' }],
    ['bare hex', status(200, `0x${'ab'.repeat(96)}`), { code: 'invalid-answer' }],
    [
      'no point of the curve',
      status(200, `{"signature":"0x${'ab'.repeat(96)}"}`),
      { code: 'invalid-signature' },
    ],
    ['an endless body', status(200, 'x'.repeat(100_000)), { code: 'response-too-large' }],
    [
      '404',
      status(404, 'Not Found'),
      {
        code: 'key-not-loaded',
        message: expect.stringContaining(key.hex),
        hint: expect.stringContaining('uploaded again'),
      },
    ],
    [
      '404 of another server',
      status(404, '<html><body><h1>Resource not found</h1></body></html>'),
      { code: 'web3signer-refused', hint: expect.stringContaining('eth2 mode') },
    ],
    [
      '403',
      status(403, '{"message":"Host not authorized."}'),
      { hint: expect.stringContaining('--http-host-allowlist') },
    ],
    [
      '400',
      status(400, 'Bad Request'),
      { code: 'signer-refused-exit', hint: expect.stringContaining('--network') },
    ],
    ['500', status(500, 'Internal Server Error'), { code: 'signer-refused-exit', retryable: false }],
    ['405', status(405), { code: 'web3signer-refused' }],
    ['406', status(406), { hint: expect.stringContaining('Accept') }],
    ['412', status(412, 'Precondition Failed'), { hint: expect.stringContaining('slashing protection') }],
    ['413', status(413), { code: 'body-too-large' }],
    ['401', status(401), { hint: expect.stringContaining('proxy') }],
    ['418', status(418), { code: 'web3signer-refused', message: expect.stringContaining('HTTP status 418') }],
    [
      '302',
      (_, response) => void response.writeHead(302, { location: 'http://evil.example/' }).end(),
      { code: 'web3signer-refused' },
    ],
    ['503 for ever', status(503), { code: 'signer-busy', retryable: true }],
  ])('signExit fails with its own error when the signer answers with %s', async (_, handler, expected) => {
    await using signer = await startServer(handler);
    await using client = open(signer.url, { timeoutMs: 1_500 });
    await expect(client.signExit(request)).rejects.toMatchObject({ exitCode: 1, ...expected });
    if (!('retryable' in expected && expected.retryable)) expect(signer.seen).toHaveLength(1);
  });

  it('signExit repeats a request once when the socket was reset', async () => {
    await using signer = await startServer(inTurn(reset, honest));
    await using client = open(signer.url);
    await expect(client.signExit(request)).resolves.toHaveLength(96);
    await using broken = await startServer(reset);
    await using unlucky = open(broken.url);
    await expect(unlucky.signExit(request)).rejects.toMatchObject({
      code: 'connection-reset',
      message: `${broken.url} cut the connection.`,
    });
    expect(broken.seen).toHaveLength(2);
  });

  it('signExit waits for a busy signer, and not for one that hangs', async () => {
    await using busy = await startServer(inTurn(status(503), status(429), honest));
    await using patient = open(busy.url);
    await expect(patient.signExit(request)).resolves.toHaveLength(96);
    await using hanging = await startServer(hang);
    await using client = open(hanging.url, { timeoutMs: 500 });
    await expect(client.signExit(request)).rejects.toMatchObject({
      code: 'timeout',
      message: `${hanging.url} did not answer within 0.5 s.`,
    });
  });

  it('signExit waits for a signer that is started again', async () => {
    const first = await startServer(honest);
    await using client = open(first.url);
    await client.signExit(request);
    await first[Symbol.asyncDispose]();
    const signing = client.signExit(request);
    await sleep(300);
    await using second = await startServer(honest, { port: Number(new URL(first.url).port) });
    await expect(signing).resolves.toHaveLength(96);
    expect(second.seen).toHaveLength(1);
  });

  it('signExit says why a signer that is not there cannot be reached', async () => {
    const gone = await startServer(honest);
    await gone[Symbol.asyncDispose]();
    await using client = open(gone.url);
    await expect(client.signExit(request)).rejects.toMatchObject({
      code: 'unreachable',
      message: `${gone.url} refuses connections.`,
    });
    await using socket = open('unix:/nowhere/signer.sock');
    await expect(socket.signExit(request)).rejects.toMatchObject({
      code: 'unreachable',
      message: '/nowhere/signer.sock does not exist.',
    });
    await using host = open('http://signer.invalid:9000');
    await expect(host.signExit(request)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(/^The host name of http:\/\/signer\.invalid:9000 /),
    });
  });

  it('signExit gives up with the caller’s signal', async () => {
    await using signer = await startServer(hang);
    const abort = new AbortController();
    await using client = open(signer.url, { signal: abort.signal });
    const signing = client.signExit(request);
    setTimeout(() => abort.abort(new Error('enough')), 50);
    await expect(signing).rejects.toThrow('enough');
  });
});

describe('many exits', () => {
  const shares = splitSecretKey(key.secretKey, { threshold: 3, count: 5 }).map(secretKey => {
    const publicKey = publicKeyOf(secretKey);
    return { secretKey, publicKey, hex: toHex(publicKey) };
  });
  const requests = [1n, 2n, 3n].flatMap(validatorIndex =>
    shares.map(({ publicKey }) => ({ ...exit, validatorIndex, publicKey })),
  );

  it.each(['each', 'batch'] as const)(
    'signExits gives signatures in the order of the requests, verified (%s)',
    async verify => {
      await using signer = await startServer(exitSigner(shares));
      await using client = open(signer.url);
      let signed = 0;
      const signatures = await client.signExits(requests, { verify, onSigned: () => signed++ });
      expect(signed).toBe(requests.length);
      const sets = requests.map((each, i) => ({
        publicKey: each.publicKey,
        message: exitSigningRoot(each, network),
        signature: signatures[i] ?? new Uint8Array(),
      }));
      expect(findInvalidSignatures(sets)).toEqual([]);
      expect(await client.signExits([], { verify })).toEqual([]);
    },
  );

  it('signExits names the key whose signature spoils a batch', async () => {
    const culprit = shares[2] as TestKey;
    const liar: Handler = (seen, response) =>
      seen.path.endsWith(culprit.hex) ? signedBy(other.secretKey, seen) : exitSigner(shares)(seen, response);
    await using signer = await startServer(liar);
    await using client = open(signer.url);
    await expect(client.signExits(requests, { verify: 'batch' })).rejects.toMatchObject({
      code: 'invalid-signature',
      message: `${signer.url} answered with a signature that is not valid for key ${culprit.hex}.`,
    });
  });

  it('signExits has wrong signatures made good by another signer of the fleet', async () => {
    await using liar = await startServer(seen => signedBy(other.secretKey, seen));
    await using signer = await startServer(exitSigner(shares));
    for (const verify of ['each', 'batch'] as const) {
      const { log, texts } = recordingLog();
      await using client = open([liar.url, signer.url], { log });
      await expect(client.signExits(requests, { verify })).resolves.toHaveLength(requests.length);
      expect(
        texts('warn').some(line => line.startsWith(`${liar.url} answered with a signature that is not`)),
      ).toBe(true);
    }
  });

  it('signExits has requests in flight together up to the bound, over as many kept connections', async () => {
    const slow: Handler = async (seen, response) => {
      await sleep(20);
      return honest(seen, response);
    };
    await using signer = await startServer(slow);
    await using client = open(signer.url, { concurrency: 5 });
    const many = Array.from({ length: 40 }, (_, i) => ({ ...request, validatorIndex: BigInt(i) }));
    await client.signExits(many);
    expect(signer.peak()).toBe(5);
    expect(signer.connections()).toBe(5);
  });

  it('signExits lets requests wait for their turn without running out of time', async () => {
    const slow: Handler = async (seen, response) => {
      await sleep(100);
      return honest(seen, response);
    };
    await using signer = await startServer(slow);
    await using client = open(signer.url, { concurrency: 1, timeoutMs: 1_000 });
    const many = Array.from({ length: 20 }, () => request);
    await expect(client.signExits(many)).resolves.toHaveLength(20);
  });

  it('signExits stops at the first exit that fails', async () => {
    const half: Handler = (seen, response) =>
      seen.path.endsWith(other.hex) ? { status: 404, body: 'Not Found' } : honest(seen, response);
    await using signer = await startServer(half);
    await using client = open(signer.url, { concurrency: 2 });
    const many = Array.from({ length: 50 }, (_, i) =>
      i === 3 ? { ...request, publicKey: other.publicKey } : request,
    );
    await expect(client.signExits(many)).rejects.toMatchObject({ code: 'key-not-loaded' });
    // Time in which no more must come.
    await sleep(50);
    expect(signer.seen.length).toBeLessThan(10);
  });
});

describe('a fleet', () => {
  it('signExit prefers the fastest signer of a fleet', async () => {
    const slow: Handler = async (seen, response) => {
      // Slower than an honest answer on a machine that has much else to do.
      await sleep(2_000);
      return honest(seen, response);
    };
    await using tortoise = await startServer(slow);
    await using hare = await startServer(honest);
    await using client = open([tortoise.url, hare.url]);
    for (let i = 0; i < 12; i++) await client.signExit(request);
    expect(tortoise.seen).toHaveLength(1);
    expect(hare.seen).toHaveLength(11);
  });

  it.each<readonly [string, Handler]>([
    ['hangs', hang],
    ['resets', reset],
    ['answers garbage', status(200, 'garbage')],
    ['is overloaded', status(503)],
    ['refuses this host', status(403)],
    ['lacks the key', status(404, 'Not Found')],
    ['signs with another key', seen => signedBy(other.secretKey, seen)],
  ])('signExit does without a signer of the fleet that %s', async (_, handler) => {
    await using broken = await startServer(handler);
    await using signer = await startServer(honest);
    const { log, texts } = recordingLog();
    await using client = open([broken.url, signer.url], { timeoutMs: 1_000, log });
    for (let i = 0; i < 4; i++) await client.signExit(request);
    const warnings = texts('warn');
    expect(warnings.length).toBeGreaterThan(0);
    expect(warnings[0]).toContain(broken.url);
    expect(warnings[0]).toMatch(/Asking another signer\.$/);
  });

  it('signExit does without a signer of the fleet that is down, and takes it back', async () => {
    await using first = await startServer(honest);
    const second = await startServer(honest);
    await using client = open([second.url, first.url]);
    await client.signExit(request);
    await second[Symbol.asyncDispose]();
    for (let i = 0; i < 3; i++) await client.signExit(request);
    await using back = await startServer(honest, { port: Number(new URL(second.url).port) });
    await first[Symbol.asyncDispose]();
    await expect(client.signExit(request)).resolves.toHaveLength(96);
    expect(back.seen).toHaveLength(1);
  });

  it('signExit asks no other signer of the fleet to sign what one refuses', async () => {
    await using refusing = await startServer(status(500, 'Internal Server Error'));
    await using signer = await startServer(honest);
    await using client = open([refusing.url, signer.url]);
    await expect(client.signExit(request)).rejects.toMatchObject({ code: 'signer-refused-exit' });
    expect(signer.seen).toHaveLength(0);
  });

  it('signExit says of each signer of the fleet why it failed', async () => {
    await using hanging = await startServer(hang);
    await using lacking = await startServer(status(404, 'Not Found'));
    await using client = open([hanging.url, lacking.url], { timeoutMs: 1_500 });
    await expect(client.signExit(request)).rejects.toMatchObject({
      code: 'key-not-loaded',
      message: `${hanging.url} did not answer within 1.5 s. ${lacking.url} has not loaded key ${key.hex}.`,
    });
  });

  it('listPublicKeys lists the keys that all signers of the fleet have, and says which signer is down', async () => {
    await using all = await startServer(honest);
    await using half = await startServer(exitSigner(keys.slice(0, 2)));
    await using broken = await startServer(reset);
    const { log, texts } = recordingLog();
    await using client = open([all.url, half.url, broken.url], { log });
    expect(await client.listPublicKeys()).toEqual(new Set(keys.slice(0, 2).map(({ hex }) => hex)));
    await client.checkUp();
    expect(texts('warn')).toEqual([`${broken.url} cut the connection.`, `${broken.url} cut the connection.`]);
    await using none = open(broken.url);
    await expect(none.listPublicKeys()).rejects.toMatchObject({ code: 'connection-reset' });
    await expect(none.checkUp()).rejects.toMatchObject({ code: 'connection-reset' });
    await using empty = await startServer(exitSigner([]));
    await using idle = open(empty.url);
    expect(await idle.listPublicKeys()).toEqual(new Set());
  });
});

describe('sockets', () => {
  it('signExit takes no harm from sockets that the server closed between two requests', async () => {
    await using signer = await startServer((seen, response) => {
      response.once('finish', () => setTimeout(() => response.socket?.destroy(), 5));
      return honest(seen, response);
    });
    await using client = open(signer.url);
    for (let i = 0; i < 5; i++) {
      await client.signExit(request);
      await sleep(i * 4);
    }
  });
});
