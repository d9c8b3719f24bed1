import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fetchIpfsDocument } from '../../../../src/clients/ipfs/ipfs.ts';
import {
  type AddOptions,
  type GatewayFault,
  type IpfsGateway,
  startIpfsGateway,
} from '../../../devnet/ipfs-gateway.ts';
import { startServer } from '../../../support/servers/http-server.ts';

const UNREACHABLE = 'http://127.0.0.1:1';
const small = new TextEncoder().encode('{"oracles":[],"threshold":8}');
/** Several blocks of either usual size, no two alike. */
const large = Uint8Array.from(
  { length: 2_500_000 },
  (_, index) => (index * 31 + (index >> 8) * 7 + (index >> 16)) & 0xff,
);

let gateway: IpfsGateway;
let other: IpfsGateway;
beforeEach(async () => {
  [gateway, other] = await Promise.all([startIpfsGateway(), startIpfsGateway()]);
});
afterEach(async () => {
  await Promise.all([gateway.stop(), other.stop()]);
});

function fetchFrom(
  cid: string,
  gateways: readonly string[],
  options: { allowUnverified?: boolean; maxBytes?: number } = {},
) {
  return fetchIpfsDocument({}, cid, { gateways, timeoutMs: 2_000, ...options });
}

const imports: readonly (readonly [string, AddOptions])[] = [
  ['version 1, raw leaves', {}],
  ['version 1, wrapped leaves', { rawLeaves: false }],
  ['version 0', { cidVersion: 0 }],
  ['version 0, raw leaves', { cidVersion: 0, rawLeaves: true }],
  ['version 1, chunks of 1 MiB', { chunkSize: 1_048_576 }],
];

describe.each(imports)('a document imported as %s', (_name, options) => {
  const forms: readonly (readonly [string, GatewayFault | undefined])[] = [
    ['block by block', undefined],
    ['as an archive', 'car-only'],
    ['as plain bytes', 'plain-only'],
  ];
  it.each(forms)('fetchIpfsDocument proves a document %s', async (_form, fault) => {
    for (const document of [small, large]) {
      const cid = await gateway.add(document, options);
      gateway.fault = fault;
      expect(Buffer.compare(await fetchFrom(cid, [gateway.url]), document)).toBe(0);
    }
  });
});

describe('fetchIpfsDocument', () => {
  it('fetchIpfsDocument takes CIDs of both versions, bare or behind a prefix', async () => {
    const v1 = await gateway.add(small);
    const v0 = await gateway.add(small, { cidVersion: 0 });
    expect(v0).toMatch(/^Qm/);
    for (const text of [v1, `ipfs://${v1}`, `/ipfs/${v1}`, v0, `ipfs://${v0}`]) {
      expect(Buffer.compare(await fetchFrom(text, [`${gateway.url}/`]), small)).toBe(0);
    }
  });

  it.each(['', 'nonsense', 'ipfs://', 'bafybei', '../../etc/passwd', 'Qm'])(
    'fetchIpfsDocument refuses %j as a CID',
    async text => {
      await expect(fetchFrom(text, [gateway.url])).rejects.toMatchObject({ code: 'invalid-ipfs-cid' });
      expect(gateway.requests).toEqual([]);
    },
  );

  it('fetchIpfsDocument asks the gateways in order, and the next one only when one fails', async () => {
    const cid = await gateway.add(small);
    await other.add(small);
    await fetchFrom(cid, [gateway.url, other.url]);
    expect(other.requests).toEqual([]);
    for (const fault of ['down', 'missing', 'wrong-bytes', 'wrong-block'] satisfies GatewayFault[]) {
      gateway.fault = fault;
      expect(Buffer.compare(await fetchFrom(cid, [UNREACHABLE, gateway.url, other.url]), small)).toBe(0);
    }
  });

  it('fetchIpfsDocument gives up a slow gateway after its time, all forms together', async () => {
    const cid = await gateway.add(small);
    await other.add(small);
    gateway.fault = 'slow';
    const options = { gateways: [gateway.url, other.url], timeoutMs: 1_500 };
    const start = performance.now();
    expect(Buffer.compare(await fetchIpfsDocument({}, cid, options), small)).toBe(0);
    expect(performance.now() - start).toBeLessThan(4_500);
  });

  it('fetchIpfsDocument says what each gateway did when none answers', async () => {
    const cid = await gateway.add(small);
    gateway.fault = 'slow';
    other.fault = 'missing';
    const fetched = fetchIpfsDocument({}, cid, {
      gateways: [UNREACHABLE, gateway.url, other.url],
      timeoutMs: 1_500,
    });
    await expect(fetched).rejects.toMatchObject({
      code: 'ipfs-unavailable',
      retryable: true,
      message:
        `IPFS document ${cid} could not be fetched: ${UNREACHABLE} cannot be reached: connect ECONNREFUSED 127.0.0.1:1; ` +
        `${gateway.url}: no answer within 1.5 s; ${other.url} answered with HTTP status 404.`,
    });
  });

  it('fetchIpfsDocument refuses another document than that of the CID, unless told to take it', async () => {
    const cid = await gateway.add(small);
    gateway.fault = 'wrong-bytes';
    await expect(fetchFrom(cid, [gateway.url, UNREACHABLE])).rejects.toMatchObject({
      code: 'ipfs-document-unproven',
      message: expect.stringContaining(`${gateway.url}: serves bytes that do not have this CID`),
    });
    const told: string[] = [];
    const taken = await fetchIpfsDocument({}, cid, {
      gateways: [UNREACHABLE, gateway.url],
      timeoutMs: 2_000,
      allowUnverified: true,
      onUnverified: url => told.push(url),
    });
    expect(Buffer.from(taken).toString()).toBe('{"oracles":[],"threshold":1}');
    expect(told).toEqual([gateway.url]);
  });

  it('fetchIpfsDocument takes no web page for a document, and does not advise to', async () => {
    const cid = await gateway.add(small);
    const page = '<!doctype html><html><body>Your access is blocked</body></html>';
    await using blocker = await startServer(() => ({ headers: { 'content-type': 'text/html' }, body: page }));
    for (const allowUnverified of [false, true]) {
      await expect(fetchFrom(cid, [blocker.url], { allowUnverified })).rejects.toMatchObject({
        code: 'ipfs-unavailable',
        message: `IPFS document ${cid} could not be fetched: ${blocker.url}: answers with a web page in place of the document.`,
        hint: 'Name other gateways in IPFS_FETCH_ENDPOINTS.',
      });
    }
    gateway.fault = 'wrong-bytes';
    await expect(fetchFrom(cid, [blocker.url, gateway.url])).rejects.toMatchObject({
      code: 'ipfs-document-unproven',
      hint: expect.stringContaining('--allow-unverified-ipfs'),
    });
  });

  it('fetchIpfsDocument prefers a proven document of a later gateway to an unproven one', async () => {
    const cid = await gateway.add(small);
    await other.add(small);
    gateway.fault = 'wrong-bytes';
    expect(
      Buffer.compare(await fetchFrom(cid, [gateway.url, other.url], { allowUnverified: true }), small),
    ).toBe(0);
  });

  it('fetchIpfsDocument notices a spoiled inner block and takes the archive', async () => {
    const cid = await gateway.add(large);
    gateway.fault = 'wrong-block';
    // The archive of this gateway is in order.
    expect(Buffer.compare(await fetchFrom(cid, [gateway.url]), large)).toBe(0);
    expect(gateway.requests).toContain(`/ipfs/${cid}?format=car`);
  });

  it('fetchIpfsDocument bounds the size of a document', async () => {
    const cid = await gateway.add(large);
    for (const fault of [undefined, 'car-only', 'plain-only'] as const) {
      gateway.fault = fault;
      const fetched = fetchFrom(cid, [gateway.url], { maxBytes: 1_000_000, allowUnverified: true });
      await expect(fetched).rejects.toThrowError(/more than 1000000 bytes/);
    }
  });

  it('fetchIpfsDocument needs gateways that are URLs', async () => {
    const cid = await gateway.add(small);
    await expect(fetchFrom(cid, [])).rejects.toMatchObject({ code: 'no-ipfs-gateway' });
    await expect(fetchFrom(cid, ['ftp://x'])).rejects.toMatchObject({ code: 'invalid-ipfs-gateway' });
    // Without a scheme it is https, which this one does not speak.
    const bare = gateway.url.replace('http://', '');
    await expect(fetchFrom(cid, [bare])).rejects.toThrowError(`https://${bare} cannot be reached`);
  });
});
