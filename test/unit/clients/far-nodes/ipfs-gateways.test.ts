import { CarWriter } from '@ipld/car/writer';
import { importBytes } from 'ipfs-unixfs-importer';
import { CID } from 'multiformats/cid';
import { sha256 } from 'multiformats/hashes/sha2';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fetchIpfsDocument } from '../../../../src/clients/ipfs/ipfs.ts';
import { PUBLIC_IPFS_GATEWAYS } from '../../../../src/networks/built-in.ts';
import { expectOutcome, type Outcome, withTitles } from '../../../support/scenes/far-rpc.ts';
import { type FarAnswer, type FarNodes, openFarNodes } from '../../../support/servers/far-nodes.ts';

const GATEWAYS = ['ipfs.io', 'dweb.link', 'Cloudflare', 'Pinata', 'Kubo'];

type Form = 'raw' | 'car' | 'plain';
/** What a gateway answers by the form in which the document is asked for; undefined: as one in order. */
type GatewayAnswers = Readonly<Partial<Record<Form, FarAnswer>>>;

interface GatewayQuirk {
  readonly maker: string;
  readonly does: string;
  readonly so: string;
  readonly source: string;
  readonly gateway: string;
  /** The document. Default: one that is its only block. */
  readonly cid?: CID | undefined;
  /** What each place on the way answers, by its origin; or how no connection comes about. */
  readonly answers: Readonly<Record<string, GatewayAnswers | NodeJS.ErrnoException>>;
  /** What comes of it with this gateway only. */
  readonly alone: Outcome;
  /** Whether the next gateway has to be asked. */
  readonly isPassedOver: boolean;
}

const TEXT = '{"oracles":[],"threshold":8}';
const DOCUMENT = new TextEncoder().encode(TEXT);
const RAW_CODEC = 0x55;
const cid = CID.create(1, RAW_CODEC, await sha256.digest(DOCUMENT));
/** The same document in a node of UnixFS: what is its block, is not what it says. */
const wrapped = (
  await importBytes(DOCUMENT, { put: (blockCid: CID) => blockCid }, { cidVersion: 0, rawLeaves: false })
).cid;
/** One of the built-in gateways that are in order. */
const NEXT = PUBLIC_IPFS_GATEWAYS[1] ?? '';

function everyForm(answer: FarAnswer): GatewayAnswers {
  return { raw: answer, car: answer, plain: answer };
}

function plainText(status: number, body: string, headers: Readonly<Record<string, string>> = {}): FarAnswer {
  return { status, headers: Object.assign({ 'content-type': 'text/plain; charset=utf-8' }, headers), body };
}

function html(status: number, body: string): FarAnswer {
  return { status, headers: { 'content-type': 'text/html' }, body };
}

function redirect(to: string): FarAnswer {
  return { status: 301, headers: { location: to }, body: '' };
}

/** An archive that begins as it should, and has no block. */
async function emptyArchive(): Promise<Uint8Array> {
  const { writer, out } = CarWriter.create([cid]);
  const writing = writer.close();
  const parts: Uint8Array[] = [];
  for await (const part of out) parts.push(part);
  await writing;
  return Buffer.concat(parts);
}

function unavailable(reason: string): Outcome {
  return {
    error: {
      code: 'ipfs-unavailable',
      message: `IPFS document ${cid} could not be fetched: ${reason}.`,
      retryable: true,
    },
  };
}

function unproven(gateway: string): Outcome {
  return {
    error: {
      code: 'ipfs-document-unproven',
      message: `IPFS document ${cid} could not be proven: ${gateway}: serves bytes that do not have this CID.`,
      retryable: false,
    },
  };
}

const PROVEN: Outcome = { value: TEXT };

const QUIRKS: readonly GatewayQuirk[] = [
  {
    maker: 'ipfs.io',
    does: 'sends those who ask for a block to a trustless gateway',
    so: 'is followed there',
    source: 'ipfs-shipyard/ipfs-geoip#119',
    gateway: 'https://ipfs.io',
    answers: {
      'https://ipfs.io': { raw: redirect(`https://trustless-gateway.link/ipfs/${cid}?format=raw`) },
      'https://trustless-gateway.link': {},
    },
    alone: PROVEN,
    isPassedOver: false,
  },
  {
    maker: 'ipfs.io',
    does: 'finds nobody in time who has the document',
    so: 'is passed over, and named when there is no other',
    source: 'ipfs/boxo gateway/errors.go',
    gateway: 'https://ipfs.io',
    answers: { 'https://ipfs.io': everyForm(plainText(504, 'context deadline exceeded\n')) },
    alone: unavailable('https://ipfs.io answered with HTTP status 504'),
    isPassedOver: true,
  },
  {
    maker: 'ipfs.io',
    does: 'has had too many requests, and says for how long',
    so: 'is passed over, and named when there is no other',
    source: 'ipfs/boxo gateway/errors.go',
    gateway: 'https://ipfs.io',
    answers: {
      'https://ipfs.io': everyForm(plainText(429, 'Too Many Requests\n', { 'retry-after': '60' })),
    },
    alone: unavailable('https://ipfs.io answered with HTTP status 429'),
    isPassedOver: true,
  },
  {
    maker: 'ipfs.io',
    does: 'shows the page of a web server that has no site, with status 200',
    so: 'is passed over: a page is no document, whatever its status',
    source: 'ipfs/kubo#6158',
    gateway: 'https://gateway.ipfs.io',
    answers: {
      'https://gateway.ipfs.io': everyForm(html(200, '<h1>Welcome to nginx!</h1>')),
    },
    alone: unavailable('https://gateway.ipfs.io: answers with a web page in place of the document'),
    isPassedOver: true,
  },
  {
    maker: 'ipfs.io',
    does: 'shows a page in place of the document, and calls it something else',
    so: 'is passed over: a page is no document, whatever it is called',
    source: 'ipfs/kubo#6158',
    gateway: 'https://gateway.ipfs.io',
    answers: {
      'https://gateway.ipfs.io': everyForm(plainText(200, '\n<!DOCTYPE html>\n<html><head></head></html>')),
    },
    alone: unavailable('https://gateway.ipfs.io: answers with a web page in place of the document'),
    isPassedOver: true,
  },
  {
    maker: 'dweb.link',
    does: 'sends everybody to a name made of the CID',
    so: 'is followed there',
    source: 'ipfs/infra#479',
    gateway: 'https://dweb.link',
    answers: {
      'https://dweb.link': {
        raw: redirect(`https://${cid}.ipfs.dweb.link/?format=raw`),
        car: redirect(`https://${cid}.ipfs.dweb.link/?format=car`),
        plain: redirect(`https://${cid}.ipfs.dweb.link/`),
      },
      [`https://${cid}.ipfs.dweb.link`]: {},
    },
    alone: PROVEN,
    isPassedOver: false,
  },
  {
    maker: 'dweb.link',
    does: 'loses the form of a request on the way to that name',
    so: 'is followed, and proven by the document itself',
    source: 'ipfs/ipfs-docs#431',
    gateway: 'https://dweb.link',
    cid: wrapped,
    answers: {
      'https://dweb.link': everyForm(redirect(`https://${wrapped.toV1()}.ipfs.dweb.link/`)),
      [`https://${wrapped.toV1()}.ipfs.dweb.link`]: {},
    },
    alone: PROVEN,
    isPassedOver: false,
  },
  {
    maker: 'dweb.link',
    does: 'sends to a name of which there is nothing',
    so: 'is passed over, and quoted when there is no other',
    source: 'ipfs/infra#479',
    gateway: 'https://dweb.link',
    answers: {
      'https://dweb.link': everyForm(redirect(`https://${cid}.ipfs.dweb.link/`)),
      [`https://${cid}.ipfs.dweb.link`]: everyForm(plainText(404, '404 page not found\n')),
    },
    alone: unavailable('https://dweb.link answered with HTTP status 404'),
    isPassedOver: true,
  },
  {
    maker: 'Cloudflare',
    does: 'has taken its gateway’s name away',
    so: 'is passed over, and told of when there is no other',
    source: 'ipfs/ipfs-docs#2187',
    gateway: 'https://cloudflare-ipfs.com',
    answers: {
      'https://cloudflare-ipfs.com': Object.assign(new Error('getaddrinfo ENOTFOUND cloudflare-ipfs.com'), {
        code: 'ENOTFOUND',
      }),
    },
    alone: unavailable(
      'https://cloudflare-ipfs.com cannot be reached: getaddrinfo ENOTFOUND cloudflare-ipfs.com',
    ),
    isPassedOver: true,
  },
  {
    maker: 'Cloudflare',
    does: 'has a status of its own for a server that takes too long',
    so: 'is passed over, and named when there is no other',
    source: 'mstable/mStable-apps#153',
    gateway: 'https://cloudflare-ipfs.com',
    answers: { 'https://cloudflare-ipfs.com': everyForm(html(524, '')) },
    alone: unavailable('https://cloudflare-ipfs.com answered with HTTP status 524'),
    isPassedOver: true,
  },
  {
    maker: 'Cloudflare',
    does: 'shuts out for an hour who asked a hundred times in a minute',
    so: 'is passed over, and named when there is no other',
    source: 'nftstorage/nft.storage#1195',
    gateway: 'https://cloudflare-ipfs.com',
    answers: { 'https://cloudflare-ipfs.com': everyForm(html(429, '')) },
    alone: unavailable('https://cloudflare-ipfs.com answered with HTTP status 429'),
    isPassedOver: true,
  },
  {
    maker: 'Pinata',
    does: 'serves only what its customer has pinned',
    so: 'is passed over, and named when there is no other',
    source: 'PinataCloud/pinata#63',
    gateway: 'https://gateway.pinata.cloud',
    answers: {
      'https://gateway.pinata.cloud': everyForm(
        plainText(401, 'This content cannot be requested through the gateway you are using - ERR_ID:00024'),
      ),
    },
    alone: unavailable('https://gateway.pinata.cloud answered with HTTP status 401'),
    isPassedOver: true,
  },
  {
    // The report shows the sentence where a document was read, and no status: with 200 it is hardest to tell.
    maker: 'Pinata',
    does: 'puts a sentence in the place of a document',
    so: 'is passed over, whatever the status',
    source: 'PinataCloud/pinata#12',
    gateway: 'https://gateway.pinata.cloud',
    answers: {
      'https://gateway.pinata.cloud': everyForm(
        plainText(200, 'This content cannot be requested through the gateway you are using - ERR_ID:00024'),
      ),
    },
    alone: unproven('https://gateway.pinata.cloud'),
    isPassedOver: true,
  },
  {
    // The page tells of the limits, and of no status: with 429 a gateway says so.
    maker: 'Pinata',
    does: 'gives a document fifteen times a minute, to all who ask together',
    so: 'is passed over, and named when there is no other',
    source: 'docs.pinata.cloud/rate-limits',
    gateway: 'https://gateway.pinata.cloud',
    answers: { 'https://gateway.pinata.cloud': everyForm(plainText(429, '')) },
    alone: unavailable('https://gateway.pinata.cloud answered with HTTP status 429'),
    isPassedOver: true,
  },
  {
    maker: 'Kubo',
    does: 'does not look for what it does not have',
    so: 'is passed over, and named when there is no other',
    source: 'ipfs/boxo#593',
    gateway: 'http://kubo:8080',
    answers: {
      'http://kubo:8080': everyForm(
        plainText(
          404,
          `failed to resolve /ipfs/${cid}: block was not found locally (offline): ipld: could not find ${cid}\n`,
        ),
      ),
    },
    alone: unavailable('http://kubo:8080 answered with HTTP status 404'),
    isPassedOver: true,
  },
  {
    maker: 'Kubo',
    does: 'has the document on its list of what it must not serve',
    so: 'is passed over, and named when there is no other',
    source: 'ipfs/kubo#10161',
    gateway: 'http://kubo:8080',
    answers: { 'http://kubo:8080': everyForm(plainText(410, '')) },
    alone: unavailable('http://kubo:8080 answered with HTTP status 410'),
    isPassedOver: true,
  },
  {
    maker: 'Kubo',
    does: 'begins an archive with status 200 and has no block for it',
    so: 'is passed over, and named when there is no other',
    source: 'ipfs/kubo#10805',
    gateway: 'http://kubo:8080',
    answers: {
      'http://kubo:8080': {
        raw: plainText(500, ''),
        car: {
          headers: { 'content-type': 'application/vnd.ipld.car; version=1' },
          body: await emptyArchive(),
        },
        plain: plainText(500, ''),
      },
    },
    alone: unavailable('http://kubo:8080 answered with HTTP status 500'),
    isPassedOver: true,
  },
  {
    maker: 'Kubo',
    does: 'is older than blocks and archives, and serves the document whatever is asked for',
    so: 'is believed, for the document proves itself',
    source: 'ipfs/kubo#8758',
    gateway: 'http://kubo:8080',
    cid: wrapped,
    answers: {
      'http://kubo:8080': everyForm({ headers: { 'content-type': 'application/json' }, body: DOCUMENT }),
    },
    alone: PROVEN,
    isPassedOver: false,
  },
];

let nodes: FarNodes;
beforeAll(() => {
  nodes = openFarNodes();
});
beforeEach(() => nodes.forget());
afterAll(() => nodes[Symbol.dispose]());

describe('IPFS gateways', () => {
  it.each(withTitles(QUIRKS))('the gateway %s', async (_title, quirk) => {
    for (const [origin, answers] of Object.entries(quirk.answers)) {
      if (answers instanceof Error) nodes.fail(origin, answers.code ?? '', answers.message);
      else nodes.answer(origin, ({ url }) => answerForm(url, answers));
    }
    const next = nodes.answer(NEXT, ({ url }) => answerForm(url, {}));
    const fetchFrom = async (gateways: readonly string[]) => {
      const name = String(quirk.cid ?? cid);
      const document = await fetchIpfsDocument({}, name, { gateways, timeoutMs: 10_000 });
      return new TextDecoder().decode(document);
    };
    await expectOutcome(fetchFrom([quirk.gateway]), quirk.alone);
    expect(await fetchFrom([quirk.gateway, NEXT])).toBe(TEXT);
    expect(next.length > 0).toBe(quirk.isPassedOver);
  });
});

it.each(GATEWAYS)('the table of IPFS gateways knows at least two ways in which %s answers', maker => {
  expect(QUIRKS.filter(quirk => quirk.maker === maker).length).toBeGreaterThanOrEqual(2);
});

function answerForm(url: URL, answers: GatewayAnswers): FarAnswer {
  const format = url.searchParams.get('format');
  const form: Form = format === 'raw' || format === 'car' ? format : 'plain';
  // A gateway in order that does not make archives, since blocks are asked for first.
  return answers[form] ?? { headers: { 'content-type': 'application/octet-stream' }, body: DOCUMENT };
}
