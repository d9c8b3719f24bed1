import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { CID } from 'multiformats/cid';
import { create } from 'multiformats/hashes/digest';
import { fetchIpfsDocument } from '../../../src/clients/ipfs/ipfs.ts';

/**
 * A small internet in a network namespace of its own: public addresses and those of the inside are all this process's, so
 * that what is connected to is what would be anywhere. Names stand in a hosts file.
 */

export interface RedirectCase {
  /** Host of the gateway. */
  readonly gateway: string;
  /** Where it redirects to. */
  readonly location: string;
  /** What the names are from the gateway's first answer on. */
  readonly hostsThen?: string;
  /** Whether the gateway ends its connection with every answer. */
  readonly closes?: boolean;
}

export interface RedirectOutcome {
  /** The document's text, or the error's message. */
  readonly document?: string;
  readonly error?: string;
  /** Addresses at which a request arrived that was sent there by the gateway. */
  readonly reached: readonly string[];
}

const document = new TextEncoder().encode('{"a":"document"}');
const digest = createHash('sha256').update(document).digest();
const cid = CID.createV1(0x55, create(0x12, digest)).toString();

const { folder, addresses, hosts, cases } = JSON.parse(process.env.GATEWAY_CASES ?? '{}') as {
  readonly folder: string;
  readonly addresses: readonly string[];
  readonly hosts: string;
  readonly cases: readonly RedirectCase[];
};

const hostsFile = join(folder, 'hosts');
writeFileSync(hostsFile, hosts);
execFileSync('mount', ['--bind', hostsFile, '/etc/hosts']);
execFileSync('ip', ['link', 'set', 'lo', 'up']);
for (const address of addresses) {
  const isIpv6 = address.includes(':');
  execFileSync('ip', [
    'addr',
    'add',
    `${address}/${isIpv6 ? 128 : 32}`,
    'dev',
    'lo',
    ...(isIpv6 ? ['nodad'] : []),
  ]);
}

let current: RedirectCase | undefined;
let reached: string[] = [];
const server = createServer((request, response) => {
  const at = (request.socket.localAddress ?? '').replace('::ffff:', '');
  if (current?.closes === true) response.setHeader('connection', 'close');
  if (request.url?.startsWith('/ipfs/')) {
    if (current?.hostsThen !== undefined) writeFileSync(hostsFile, current.hostsThen);
    response.writeHead(302, { location: current?.location ?? '' }).end();
    return;
  }
  reached.push(at);
  response.writeHead(200).end(document);
});
for (const port of [80, 81]) {
  const listener = port === 80 ? server : createServer((...both) => server.emit('request', ...both));
  listener.listen(port, '::');
  await once(listener, 'listening');
  listener.unref();
}

const outcomes: RedirectOutcome[] = [];
for (const one of cases) {
  writeFileSync(hostsFile, hosts);
  current = one;
  reached = [];
  try {
    const bytes = await fetchIpfsDocument({}, cid, { gateways: [`http://${one.gateway}`], timeoutMs: 5_000 });
    outcomes.push({ document: new TextDecoder().decode(bytes), reached });
  } catch (error) {
    outcomes.push({ error: error instanceof Error ? error.message : String(error), reached });
  }
}
process.stdout.write(JSON.stringify(outcomes));
