import { once } from 'node:events';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHealthServer } from '../../../src/operator/probes/probe-server.ts';
import { type BuiltInSigner, startBuiltIn } from '../../integration/signer/built-in.ts';

const SECRET_KEY = '3ee2224386c82ffea477e2adf28a2929f5c349165a4196158c7f3a2ecca40f35';

const resources = new AsyncDisposableStack();
/** A signer for each kind of place that it can listen at. */
const signers: { tcp: BuiltInSigner; socket: BuiltInSigner } = {} as never;
let health: string;

beforeAll(async () => {
  signers.tcp = resources.use(await startBuiltIn([SECRET_KEY]));
  const path = join(dirname(signers.tcp.keysDirectory), 'run', 'signer.sock');
  signers.socket = resources.use(await startBuiltIn([SECRET_KEY], { listen: { kind: 'socket', path } }));
  const status = { report: () => ({ ready: true }) } as never;
  health = resources.use(await startHealthServer({ host: '127.0.0.1', port: 0, name: 'health', status })).url;
});
afterAll(() => resources.disposeAsync());

/** Status of the answer to these header lines, exactly as they are; the connection ends with it. */
async function statusOf(address: string, headers: readonly string[], path = '/upcheck'): Promise<number> {
  const socket = address.startsWith('http')
    ? connect(Number(new URL(address).port), '127.0.0.1')
    : connect(address);
  socket.write([`GET ${path} HTTP/1.1`, ...headers, 'Connection: close', '', ''].join('\r\n'));
  const [data] = await once(socket, 'data');
  socket.destroy();
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(String(data))?.[1]);
}

describe('L6 · who is called, and who asks', () => {
  const wrong: [string, readonly string[]][] = [
    ['no Host header', []],
    ['an empty Host header', ['Host:']],
    ['an empty Host header with a port', ['Host: :9000']],
    ['two Host headers, the first one right', ['Host: localhost', 'Host: evil.example']],
    ['two Host headers, the second one right', ['Host: evil.example', 'Host: localhost']],
    ['the right Host header twice', ['Host: localhost', 'host: localhost']],
    ['two names in one Host header', ['Host: localhost, evil.example']],
    ['a name behind another one', ['Host: evil.example@localhost']],
    ['a path in the Host header', ['Host: localhost/evil']],
    ['a port that is none', ['Host: localhost:evil']],
  ];

  it.each(wrong)(
    'another website: sends %s → 400 of the signer, on TCP and on a socket',
    async (_, headers) => {
      const statuses = [
        await statusOf(signers.tcp.address, headers),
        await statusOf(signers.socket.address, headers),
      ];
      expect(statuses).toEqual([400, 400]);
    },
  );

  it.each(wrong)("another website: sends %s → 400 of the operator's probes", async (_, headers) => {
    expect(await statusOf(health, headers, '/livez')).toBe(400);
  });

  it.each(['cross-site', 'same-site', 'Cross-Site', 'none, cross-site', 'anything'])(
    'another website: has a browser ask with Sec-Fetch-Site: %s and no Origin → 403, as for a foreign Origin',
    async site => {
      const headers = ['Host: localhost', `Sec-Fetch-Site: ${site}`];
      expect(await statusOf(signers.tcp.address, headers)).toBe(403);
      expect(await statusOf(signers.socket.address, headers)).toBe(403);
      expect(await statusOf(health, headers, '/readyz')).toBe(403);
    },
  );

  it('another website: has a browser ask for a signature, cross-site → 403, nothing is signed', async () => {
    const key = await fetch(`${signers.tcp.address}/api/v1/eth2/publicKeys`);
    const [publicKey] = (await key.json()) as string[];
    const answer = await fetch(`${signers.tcp.address}/api/v1/eth2/sign/${publicKey}`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain', 'sec-fetch-site': 'cross-site' },
      body: '{}',
    });
    expect([answer.status, answer.statusText]).toEqual([403, 'CORS Rejected - Invalid origin']);
    expect(signers.tcp.lines.filter(line => line.text === 'signed')).toEqual([]);
  });

  it('another website: is not there → the right names are answered, in any case, with and without a port', async () => {
    for (const name of ['localhost', 'LOCALHOST:9000', '127.0.0.1', '127.0.0.1:']) {
      for (const site of [[], ['Sec-Fetch-Site: none'], ['Sec-Fetch-Site: same-origin']])
        expect(await statusOf(signers.tcp.address, [`Host: ${name}`, ...site])).toBe(200);
    }
    expect(await statusOf(signers.tcp.address, ['Host: evil.example'])).toBe(403);
    expect(await statusOf(health, ['Host: 10.0.0.7:8080'], '/livez')).toBe(200);
    // A link that somebody follows from a dashboard.
    const link = ['Host: operator', 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate'];
    expect(await statusOf(health, link, '/readyz')).toBe(200);
  });
});
