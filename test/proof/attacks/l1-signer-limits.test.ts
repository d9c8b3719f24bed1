import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { encryptKeystoreJson, Wallet } from 'ethers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSigner } from '../../../src/compose/signer.ts';
import { startHealthServer } from '../../../src/operator/probes/probe-server.ts';
import { listenOnLoopback } from '../../devnet/listen.ts';
import { writeKeyFile } from '../../integration/signer/built-in.ts';
import { PROJECT_ROOT, temporaryDirectory } from '../../support/programs/cli.ts';
import { firstLineOf } from '../../support/programs/first-line.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { issueCertificate } from '../../support/servers/certificates.ts';

const SECRET_KEY = '3ee2224386c82ffea477e2adf28a2929f5c349165a4196158c7f3a2ecca40f35';
const PUBLIC_KEY =
  '0x989d34725a2bfc3f15105f3f5fc8741f436c25ee1ee4f948e425d6bcb8c56bce6e06c269635b7e985a7ffa639e2409bf';
const SIGN = `/api/v1/eth2/sign/${PUBLIC_KEY}`;
const MIB = 1024 * 1024;
const HEADERS_MS = 10_000;
const REQUEST_MS = 15_000;
const TOLERANCE_MS = 2_000;
const MAX_CONNECTIONS = 1_280;

const resources = new AsyncDisposableStack();
const sockets: Socket[] = [];
let signer: { process: ChildProcess; port: number };
let keysDir: string;

beforeAll(async () => {
  const directory = resources.use(temporaryDirectory());
  keysDir = directory.path;
  await writeKeyFile(keysDir, [SECRET_KEY]);
  signer = await startSigner([]);
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await resources.disposeAsync();
});

/** `operator signer` as it is run. */
async function startSigner(args: readonly string[]): Promise<{ process: ChildProcess; port: number }> {
  const child = spawn(
    join(PROJECT_ROOT, 'operator'),
    ['signer', '--network', 'mainnet', '--keys-dir', keysDir, '--listen', '127.0.0.1:0', ...args],
    { env: { PATH: process.env.PATH ?? '' }, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const closed = once(child, 'close');
  resources.defer(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  const line = await firstLineOf(child);
  const port = Number(/:(\d+)\n/.exec(line)?.[1]);
  expect(port, line).toBeGreaterThan(0);
  return { process: child, port };
}

function open(port: number): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  sockets.push(socket);
  return socket;
}

function headersFor(path: string, length: number): string {
  return `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
}

/** How long a connection lasts that says this and no more. @param limitMs - when the waiting ends */
async function lifetimeOf(port: number, text: string | Buffer, limitMs: number): Promise<number> {
  const socket = open(port).resume();
  await once(socket, 'connect');
  const began = performance.now();
  if (text.length > 0) socket.write(text);
  const timer = setTimeout(() => socket.destroy(new Error('still open')), limitMs);
  await new Promise(resolve => socket.once('close', resolve));
  clearTimeout(timer);
  return performance.now() - began;
}

/** Resident memory of the process behind the launcher, in MiB. */
function memoryOf({ pid }: ChildProcess): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

async function statusOf(port: number, path = '/upcheck'): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } });
  await response.text();
  return response.status;
}

/** First line of the answer to a text. */
async function answerTo(port: number, text: string | Buffer): Promise<string> {
  const socket = open(port);
  let answer = '';
  socket.setEncoding('utf8').on('data', (part: string) => {
    answer += part;
  });
  socket.write(text);
  await new Promise(resolve => socket.once('data', resolve).once('close', resolve));
  socket.destroy();
  return answer.split('\r\n', 1)[0] ?? '';
}

describe('L1 · what a client takes of the signer', () => {
  it('local user: sends the signer rounds of 60 half requests of 9 MB → it keeps less than half of one, and answers', async () => {
    expect(await statusOf(signer.port)).toBe(200);
    const before = memoryOf(signer.process);
    const half = Buffer.concat([Buffer.from(headersFor(SIGN, 9.5 * MIB)), Buffer.alloc(9 * MIB, 0x20)]);
    let highest = before;
    for (let round = 0; round < 4; round++) {
      const attackers = Array.from({ length: 60 }, () => open(signer.port).resume());
      const sent = attackers.map(socket => new Promise<void>(resolve => socket.write(half, () => resolve())));
      for (const one of sent) {
        await one;
        highest = Math.max(highest, memoryOf(signer.process));
      }
      expect(await statusOf(signer.port)).toBe(200);
      highest = Math.max(highest, memoryOf(signer.process));
      for (const socket of attackers) socket.destroy();
    }
    // What is read and thrown away, between two collections; they come later where the machine has other work. A round sends
    // 540 MB, and a signer that kept it grew by more than that.
    expect(highest - before).toBeLessThan(256);
  });

  it('local user: sends bodies byte by byte on 1,000 connections → each costs the signer some KiB', async () => {
    const own = await startSigner([]);
    const attackers = Array.from({ length: 1_000 }, () => open(own.port).resume().setNoDelay(true));
    await Promise.all(attackers.map(socket => once(socket, 'connect')));
    const before = memoryOf(own.process);
    for (const socket of attackers) {
      // Chunks of one byte each, together a third of what is read.
      const chunks = '1\r\n \r\n'.repeat(2_500);
      socket.write(`POST ${SIGN} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`);
    }
    expect(await statusOf(own.port)).toBe(200);
    expect(memoryOf(own.process) - before).toBeLessThan(150);
    for (const socket of attackers) socket.destroy();
  });

  it.each([
    ['8 KiB and a byte, as a request for an exit', 'HTTP/1.1 413', 8 * 1024 + 1],
    ['8 KiB, as a request for an exit', 'HTTP/1.1 400', 8 * 1024],
  ])('local user: sends the signer a whole body of %s → is answered by %s', async (_, status, length) => {
    const text = Buffer.concat([Buffer.from(headersFor(SIGN, length)), Buffer.alloc(length, 0x20)]);
    expect(await answerTo(signer.port, text)).toContain(status);
  });

  it('local user: opens more connections than the signer serves → the further ones are closed at once', async () => {
    const own = await startSigner([]);
    const all = Array.from({ length: MAX_CONNECTIONS + 50 }, () => {
      const socket = open(own.port).resume();
      const closed = new Promise<'closed'>(resolve => socket.once('close', () => resolve('closed')));
      return { socket, closed };
    });
    const open50 = sleep(HEADERS_MS / 2).then(() => 'open' as const);
    const states = await Promise.all(all.map(({ closed }) => Promise.race([closed, open50])));
    expect(states.filter(state => state === 'open')).toHaveLength(MAX_CONNECTIONS);
    for (const { socket } of all) socket.destroy();
  });

  it.each([
    ['nothing', '', HEADERS_MS],
    ['half of its headers', `POST ${SIGN} HTTP/1.1\r\nHost: 127.0.0.1\r\n`, HEADERS_MS],
    ['half of a body', `${headersFor(SIGN, 4000)}{"type":`, REQUEST_MS],
    ['half of a body that is too large', `${headersFor(SIGN, 9 * MIB)}{"type":`, REQUEST_MS],
  ])(
    'local user: connects to the signer and says %s → is cut within two seconds of the limit',
    { concurrent: true },
    async (_, text, limitMs) => {
      const lasted = await lifetimeOf(signer.port, text, limitMs + 5 * TOLERANCE_MS);
      expect(lasted).toBeGreaterThan(limitMs - 500);
      expect(lasted).toBeLessThan(limitMs + TOLERANCE_MS);
    },
  );

  it('local user: connects to the signer’s TLS port and says nothing → is cut within two seconds of the limit', {
    concurrent: true,
  }, async () => {
    const directory = resources.use(temporaryDirectory());
    const { cert, key } = issueCertificate({ commonName: 'signer' });
    await writeFile(join(directory.path, 'cert'), cert);
    await writeFile(join(directory.path, 'key'), key);
    const tls = ['--tls-cert', join(directory.path, 'cert'), '--tls-key', join(directory.path, 'key')];
    const own = await startSigner(tls);
    const lasted = await lifetimeOf(own.port, '', HEADERS_MS + 5 * TOLERANCE_MS);
    expect(lasted).toBeGreaterThan(HEADERS_MS - 500);
    expect(lasted).toBeLessThan(HEADERS_MS + TOLERANCE_MS);
  });

  it("local user: says nothing to the operator's probes and metrics → is cut within two seconds of the limit", {
    concurrent: true,
  }, async () => {
    const status = { report: () => ({ ready: true }) } as never;
    await using health = await startHealthServer({ host: '127.0.0.1', port: 0, name: 'health', status });
    const port = Number(new URL(health.url).port);
    const texts = ['', 'GET /livez HTTP/1.1\r\n', headersFor('/livez', 4000)];
    const lasted = await Promise.all(
      texts.map(text => lifetimeOf(port, text, HEADERS_MS + 5 * TOLERANCE_MS)),
    );
    expect(lasted[0]).toBeGreaterThan(HEADERS_MS - 500);
    expect(Math.max(...lasted)).toBeLessThan(HEADERS_MS + TOLERANCE_MS);
  });
});

describe('L1 · bodies for the hot wallet', () => {
  const key = new Wallet(`0x${'59'.repeat(32)}`);
  const path = `/api/v1/eth1/sign/${key.signingKey.publicKey.slice(4)}`;
  let port: number;

  beforeAll(async () => {
    const directory = resources.use(temporaryDirectory());
    const wallet = {
      file: join(directory.path, 'wallet.json'),
      passwordFile: join(directory.path, 'password.txt'),
      vault: `0x${'11'.repeat(20)}`,
      ceilings: { maxFeePerGasWei: '100000000000', gas: '10000000' },
    };
    await writeFile(wallet.file, await encryptKeystoreJson(key, 'pw', { scrypt: { N: 1024, r: 8, p: 1 } }));
    await writeFile(wallet.passwordFile, 'pw', { mode: 0o600 });
    const listen = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
    const deps = { log: recordingLog().log, warn: () => undefined };
    const opened = resources.use(await openSigner({ network: 'mainnet', wallet, listen }, deps));
    port = Number(new URL(opened.address).port);
  });

  it("operator's own process: asks the hot wallet to sign 128 KiB, the largest that nodes take → the body is read", async () => {
    const body = JSON.stringify({ data: `0x02${'00'.repeat(128 * 1024 - 1)}` });
    expect(await answerTo(port, headersFor(path, body.length) + body)).toContain('HTTP/1.1 412');
  });

  it("operator's own process: sends the hot wallet more than 512 KiB → the body is not read", async () => {
    const body = JSON.stringify({ data: `0x02${'00'.repeat(256 * 1024)}` });
    expect(await answerTo(port, headersFor(path, body.length) + body)).toContain('HTTP/1.1 413');
  });

  it("operator's own process: half sends 200 bodies of 500 KiB to the wallet → 32 MiB are kept, the rest is refused", async () => {
    const length = 500 * 1024;
    const most = Buffer.concat([Buffer.from(headersFor(path, length)), Buffer.alloc(length - 1, 0x20)]);
    const half = Array.from({ length: 200 }, () => open(port));
    await Promise.all(half.map(socket => new Promise<void>(resolve => socket.write(most, () => resolve()))));
    // They are with the signer once a further one finds no room.
    const further = headersFor(path, length) + ' '.repeat(length);
    let seen = '';
    for (const end = performance.now() + 20_000; !seen.includes('503') && performance.now() < end; )
      seen = await answerTo(port, further);
    expect(seen, 'the answer to a further one').toContain('503');
    // Each is given its last byte: those that were kept are read, the others were thrown away.
    const answers = await Promise.all(
      half.map(async socket => {
        const answered = once(socket, 'data');
        socket.write(' ');
        const [data] = await answered;
        return String(data).slice(9, 12);
      }),
    );
    for (const socket of half) socket.destroy();
    const kept = answers.filter(status => status === '400').length;
    expect(answers.filter(status => status === '503')).toHaveLength(200 - kept);
    expect(kept).toBeGreaterThan(30);
    expect(kept).toBeLessThanOrEqual(64);
    // All of it is given back.
    const body = JSON.stringify({ data: '0x02' });
    expect(await answerTo(port, headersFor(path, body.length) + body)).toContain('HTTP/1.1 412');
  });
});

/** What a listener of one's own does, that this file's waits can fail at all. */
describe('L1 · the measurements', () => {
  it('local user: says nothing to a server without limits → the connection lasts as long as the test waits', async () => {
    const server = createServer(socket => sockets.push(socket));
    const port = await listenOnLoopback(server);
    expect(await lifetimeOf(port, '', 1_000)).toBeGreaterThan(990);
    server.close();
  });
});
