import { execFile } from 'node:child_process';
import crypto from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchIpfsDocument } from '../../../src/clients/ipfs/ipfs.ts';
import { startIpfsGateway } from '../../devnet/ipfs-gateway.ts';
import type { RedirectCase, RedirectOutcome } from '../../support/programs/gateway-redirect-child.ts';
import { startServer } from '../../support/servers/http-server.ts';

const MIB = 1024 * 1024;
const GATEWAY = '93.184.216.34';
const ANOTHER = '93.184.216.35';
const INSIDE = '10.0.0.7';
/** All addresses of the small internet, besides loopback. */
const ADDRESSES = [
  GATEWAY,
  ANOTHER,
  INSIDE,
  '172.16.9.9',
  '192.168.3.4',
  '100.64.0.9',
  '169.254.169.254',
  '168.63.129.16',
  'fd00::7',
  'fe80::7',
  '2606:2800:220:1::34',
];
const HOSTS = [
  ['127.0.0.1', 'localhost'],
  [GATEWAY, 'gateway.example'],
  [INSIDE, 'inside.example'],
  ['fd00::7', 'inside6.example'],
  [ANOTHER, 'another.example'],
]
  .map(line => `${line.join(' ')}\n`)
  .join('');

/** Runs the cases in a network namespace of their own. @throws when this machine lets nobody make one */
async function runCases(cases: readonly RedirectCase[]): Promise<readonly RedirectOutcome[]> {
  const folder = mkdtempSync(join(tmpdir(), 'stakewise-gateway-'));
  const child = join(import.meta.dirname, '../../support/programs/gateway-redirect-child.ts');
  const input = JSON.stringify({ folder, addresses: ADDRESSES, hosts: HOSTS, cases });
  try {
    const run = await promisify(execFile)(
      'unshare',
      ['--net', '--mount', '--map-root-user', process.execPath, child],
      { env: { ...process.env, GATEWAY_CASES: input } },
    );
    return JSON.parse(run.stdout) as RedirectOutcome[];
  } catch (error) {
    throw new Error(
      `This test has to give itself public and private addresses in a network namespace, by "unshare", "mount" and "ip", and could not: ${error instanceof Error ? error.message : error}. Run it as root, or with unprivileged user namespaces allowed.`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('L10 · redirects of an IPFS gateway', () => {
  const targets: readonly (readonly [what: string, location: string])[] = [
    ['loopback', 'http://127.0.0.1/doc'],
    ['loopback in one number', 'http://2130706433/doc'],
    ['loopback by its name', 'http://localhost/doc'],
    ['loopback of IPv6', 'http://[::1]/doc'],
    ['this host', 'http://0.0.0.0/doc'],
    ['10/8', `http://${INSIDE}/doc`],
    ['172.16/12', 'http://172.16.9.9/doc'],
    ['192.168/16', 'http://192.168.3.4/doc'],
    ['10/8 written as IPv6', `http://[::ffff:${INSIDE}]/doc`],
    ['shared addresses (CGNAT)', 'http://100.64.0.9/doc'],
    ['the metadata of a cloud', 'http://169.254.169.254/latest/meta-data'],
    ['the metadata of Azure', 'http://168.63.129.16/doc'],
    ['unique local addresses', 'http://[fd00::7]/doc'],
    ['a name of a private address', 'http://inside.example/doc'],
    ['a name of a unique local address', 'http://inside6.example/doc'],
  ];
  const rebinding = HOSTS.replace(GATEWAY, INSIDE);
  const allowed: readonly (readonly [what: string, RedirectCase])[] = [
    ['a public gateway to another public address', { gateway: GATEWAY, location: `http://${ANOTHER}/doc` }],
    [
      'a public gateway to another public name',
      { gateway: 'gateway.example', location: 'http://another.example/doc' },
    ],
    ['a public gateway to itself', { gateway: 'gateway.example', location: '/doc' }],
    ['a public gateway to IPv6', { gateway: GATEWAY, location: 'http://[2606:2800:220:1::34]/doc' }],
    ['a private gateway to loopback', { gateway: INSIDE, location: 'http://127.0.0.1/doc' }],
    [
      'a private gateway, by its name, to another one',
      { gateway: 'inside.example', location: 'http://192.168.3.4/doc' },
    ],
    [
      'a gateway on loopback to a public address',
      { gateway: 'localhost', location: `http://${ANOTHER}/doc` },
    ],
  ];
  const rebound: readonly RedirectCase[] = [
    { gateway: 'gateway.example', location: 'http://gateway.example:81/doc', hostsThen: rebinding },
    { gateway: 'gateway.example', location: '/doc', hostsThen: rebinding, closes: true },
  ];
  let outcomes: readonly RedirectOutcome[];
  beforeAll(async () => {
    outcomes = await runCases([
      ...targets.map(([, location]) => ({ gateway: GATEWAY, location })),
      ...rebound,
      ...allowed.map(([, one]) => one),
    ]);
  });

  it.each(targets.map(([what], i) => [what, i] as const))(
    'one gateway: public, redirects to %s → nothing is asked there',
    (_, index) => {
      const outcome = outcomes[index];
      expect(outcome?.reached).toEqual([]);
      expect(outcome?.error).toMatch(/no address of the public internet/);
      expect(outcome?.document).toBeUndefined();
    },
  );

  it('one gateway: public, whose name becomes a private address between two requests → nothing is asked there', () => {
    for (const outcome of outcomes.slice(targets.length, targets.length + rebound.length)) {
      expect(outcome.reached).toEqual([]);
      expect(outcome.error).toMatch(/gateway\.example is no address of the public internet/);
    }
  });

  it.each(allowed.map(([what], i) => [what, i] as const))(
    'one gateway: in order, redirects from %s → it is followed',
    (_, index) => {
      const outcome = outcomes[targets.length + rebound.length + index];
      expect(outcome?.error).toBeUndefined();
      expect(outcome?.document).toBe('{"a":"document"}');
      expect(outcome?.reached).toHaveLength(1);
    },
  );
});

describe('L10 · imports of plain bytes', () => {
  const original = crypto.createHash;
  let hashed = 0;
  beforeAll(() => {
    // Every import of a file hashes all of it: that is what is counted.
    crypto.createHash = ((...args: Parameters<typeof original>) => {
      const hash = original(...args);
      const update = hash.update.bind(hash) as (data: Uint8Array) => typeof hash;
      hash.update = ((data: Uint8Array) => {
        hashed += data.length;
        return update(data);
      }) as typeof hash.update;
      return hash;
    }) as typeof original;
    syncBuiltinESMExports();
  });
  afterAll(() => {
    crypto.createHash = original;
    syncBuiltinESMExports();
  });

  /** A gateway that serves bytes of its own, whatever is asked for. */
  const startHostile = (bytes: number, filling: number) =>
    startServer(() => ({ headers: {}, body: Buffer.alloc(bytes, filling) as never }));
  const cidOf = async (document: Uint8Array) => {
    await using gateway = await startIpfsGateway();
    return await gateway.add(document);
  };

  it('one gateway: serves 16 MiB of other bytes → at most its share of 256 MiB is hashed, the others get theirs', async () => {
    const cid = await cidOf(crypto.randomBytes(3 * MIB));
    await using one = await startHostile(16 * MIB, 1);
    await using two = await startHostile(16 * MIB, 2);
    hashed = 0;
    const gateways = [one.url, two.url];
    await expect(fetchIpfsDocument({}, cid, { gateways, timeoutMs: 60_000 })).rejects.toMatchObject({
      code: 'ipfs-document-unproven',
    });
    expect(hashed).toBeGreaterThan(16 * MIB);
    // What each served as the block itself is hashed once, too.
    expect(hashed).toBeLessThan((256 + 2 * 16 + 1) * MIB);
  });

  it('one gateway: serves 100 MiB where the list of validators is asked for → it is hashed twice at most', async () => {
    const cid = await cidOf(crypto.randomBytes(3 * MIB));
    await using hostile = await startHostile(100 * MIB, 1);
    hashed = 0;
    const options = { gateways: [hostile.url], timeoutMs: 120_000, maxBytes: 512 * MIB };
    await expect(fetchIpfsDocument({}, cid, options)).rejects.toMatchObject({
      code: 'ipfs-document-unproven',
    });
    expect(hashed).toBeGreaterThan(100 * MIB);
    expect(hashed).toBeLessThan(400 * MIB);
  });

  it('one gateway: uses up what may be imported → an honest one after it is still proven by its plain bytes', async () => {
    const document = crypto.randomBytes(3 * MIB);
    await using honest = await startIpfsGateway();
    const cid = await honest.add(document);
    honest.fault = 'plain-only';
    await using hostile = await startHostile(16 * MIB, 1);
    const gateways = [hostile.url, hostile.url, hostile.url, honest.url];
    expect(await fetchIpfsDocument({}, cid, { gateways, timeoutMs: 60_000 })).toEqual(document);
  });

  it('one gateway: serves a small document of other bytes → no more than five ways are tried', async () => {
    const cid = await cidOf(crypto.randomBytes(200_000));
    await using hostile = await startHostile(200_000, 1);
    hashed = 0;
    await expect(
      fetchIpfsDocument({}, cid, { gateways: [hostile.url], timeoutMs: 10_000 }),
    ).rejects.toMatchObject({ code: 'ipfs-document-unproven' });
    expect(hashed).toBeLessThan(10 * 200_000);
  });
});
