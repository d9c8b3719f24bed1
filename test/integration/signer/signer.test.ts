import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { openSignerClient } from '../../../src/clients/signer/signer-client.ts';
import { socketUrl } from '../../../src/clients/signer/signer-endpoint.ts';
import { openSigner } from '../../../src/compose/signer.ts';
import { EXIT_PROOF } from '../../../src/domain/consensus/exit-message.ts';
import { encryptTransportKeystore } from '../../../src/domain/keys/keystore.ts';
import { toHex } from '../../../src/lib/bytes.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import type { SignerSettings } from '../../../src/settings/signer-settings.ts';
import { openKeyRing } from '../../../src/signer/keys/key-ring.ts';
import type { SignThreads } from '../../../src/signer/keys/sign-threads.ts';
import { createTestDatabase } from '../../support/postgres/postgres.ts';
import { temporaryDirectory } from '../../support/programs/cli.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { storeTestVault } from '../../support/scenes/stored-vault.ts';
import { issueCertificate } from '../../support/servers/certificates.ts';
import { type TestKey, testKeys } from '../../support/servers/exit-signer.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { startBuiltIn, writeKeyFile } from './built-in.ts';

const network = resolveNetwork('mainnet');
const [first, second] = testKeys(2) as [TestKey, TestKey];
const hexOf = (...keys: TestKey[]) => keys.map(({ secretKey }) => Buffer.from(secretKey).toString('hex'));
const bare = { log: recordingLog().log, warn: () => undefined };

function exitOf(key: TestKey, validatorIndex = 7n) {
  return { publicKey: key.publicKey, validatorIndex, epoch: 400_000n, network };
}

async function openClient(url: string, tls?: { ca: Buffer; cert?: Buffer; key?: Buffer }) {
  return openSignerClient({ urls: [url], timeoutMs: 20_000, tls });
}

/** The text that a recorded sign request would have. */
function exitBody(changes: Record<string, unknown> = {}): string {
  const fork = { previous_version: '0x03000000', current_version: '0x03000000', epoch: '194048' };
  return JSON.stringify({
    type: 'VOLUNTARY_EXIT',
    fork_info: { fork, genesis_validators_root: toHex(network.genesisValidatorsRoot) },
    voluntary_exit: { epoch: '400000', validator_index: '7' },
    ...changes,
  });
}

async function post(url: string, body: string, path = `/api/v1/eth2/sign/${first.hex}`) {
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  const answer = await request(`${url}${path}`, { method: 'POST', headers, body });
  return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
}

describe('signing', () => {
  it('the built-in signer gives signatures that verify, many at once, over TCP', async () => {
    await using signer = await startBuiltIn(hexOf(first, second), { poolSize: 2 });
    await using client = await openClient(signer.address);
    expect(await client.listPublicKeys()).toEqual(new Set([first.hex, second.hex]));
    const requests = Array.from({ length: 200 }, (_, i) => exitOf(i % 2 ? first : second, BigInt(i)));
    expect(await client.signExits(requests)).toHaveLength(200);
  });

  it('the built-in signer logs a line for every signature, never the signature', async () => {
    await using signer = await startBuiltIn(hexOf(first));
    const { text } = await post(signer.address, exitBody());
    const { signature } = JSON.parse(text) as { signature: string };
    expect(signer.lines.filter(line => line.text === 'signed')).toEqual([
      {
        level: 'info',
        fields: { key: first.hex, type: 'VOLUNTARY_EXIT', validatorIndex: '7', epoch: '400000' },
        text: 'signed',
      },
    ]);
    expect(JSON.stringify(signer.lines)).not.toContain(signature.slice(2, 40));
  });

  it.each<readonly [string, string, number]>([
    ['signing_root twice, once in each spelling', exitBody({ signing_root: null, signingRoot: null }), 400],
    ['numbers that JSON cannot hold', exitBody().replace('"7"', '18446744073709551615'), 400],
    [
      'a member twice inside fork_info',
      exitBody().replace('"epoch":"194048"', '"epoch":"1","epoch":"194048"'),
      400,
    ],
    [
      'a member twice by an escape',
      exitBody().replace('"type"', String.raw`"typ\u0065":"BLOCK","type"`),
      400,
    ],
    ['a long genesis validators root', exitBody().replace('0x4b363d', '0x004b363d'), 400],
  ])('the built-in signer refuses a request with %s', async (_, body, status) => {
    await using signer = await startBuiltIn(hexOf(first));
    expect((await post(signer.address, body)).status).toBe(status);
  });

  it('the built-in signer reads a body that comes in pieces, of any size', async () => {
    await using signer = await startBuiltIn(hexOf(first));
    const whole = (await post(signer.address, exitBody())).text;
    const body = Buffer.from(exitBody({ padding: 'x'.repeat(6_000) }));
    for (const size of [1, 7, 1_000, 4_095, 4_096, 6_000]) {
      const pieces = async function* () {
        for (let from = 0; from < body.length; from += size) {
          yield body.subarray(from, from + size);
          if (size > 100) await sleep(2);
        }
      };
      const answer = await request(`${signer.address}/api/v1/eth2/sign/${first.hex}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: Readable.from(pieces()),
      });
      expect([answer.statusCode, await answer.body.text()]).toEqual([200, whole]);
    }
  });

  it('the built-in signer counts keys, signatures and refusals', async () => {
    await using signer = await startBuiltIn(hexOf(first, second));
    await post(signer.address, exitBody());
    await post(signer.address, '{');
    await post(signer.address, exitBody(), `/api/v1/eth2/sign/0x${'ab'.repeat(48)}`);
    const { body } = await request(`${signer.address}/metrics`);
    const text = await body.text();
    expect(text).toMatch(/^signing_signers_loaded_count 2$/m);
    expect(text).toMatch(/^signing_bls_signing_duration_count 1$/m);
    expect(text).toMatch(/^http_bls_malformed_request_count_total 1$/m);
    expect(text).toMatch(/^signing_bls_missing_identifier_count_total 1$/m);
  });
});

describe('what may be signed', () => {
  it('--only-validator-indexes bounds what the built-in signer signs, but for the proof that no chain accepts', async () => {
    await using signer = await startBuiltIn(hexOf(first), { onlyValidatorIndexes: ['7', '9'] });
    await using client = await openClient(signer.address);
    await expect(client.signExit(exitOf(first, 7n))).resolves.toHaveLength(96);
    await expect(client.signExit({ ...exitOf(first), ...EXIT_PROOF })).resolves.toHaveLength(96);
    const answer = await post(
      signer.address,
      exitBody({ voluntary_exit: { epoch: '1', validator_index: '8' } }),
    );
    expect(answer).toMatchObject({
      status: 412,
      text: 'This signer signs for the validator indexes of --only-validator-indexes only, not for 8.',
    });
  });

  it('--rate-limit bounds how often the built-in signer signs', async () => {
    await using signer = await startBuiltIn(hexOf(first), { rateLimit: { count: 2, perMs: 3_600_000 } });
    expect((await post(signer.address, exitBody())).status).toBe(200);
    expect((await post(signer.address, exitBody())).status).toBe(200);
    const refused = await post(signer.address, exitBody());
    expect(refused).toMatchObject({ status: 429, text: 'The rate limit of this signer is reached.' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(1_000);
  });
});

describe('reload', () => {
  async function reload(url: string) {
    expect((await post(url, '', '/reload')).status).toBe(202);
    return waitUntil('the reload to end', async () => {
      const { body } = await request(`${url}/reload`);
      const state = (await body.json()) as { status: string; lastError?: string };
      return state.status === 'running' ? undefined : state;
    });
  }

  it('a reload of the built-in signer takes up new keys and lets go of removed ones', async () => {
    await using signer = await startBuiltIn(hexOf(first));
    await writeKeyFile(signer.keysDirectory, hexOf(second));
    expect(await reload(signer.address)).toMatchObject({ status: 'completed' });
    expect((await post(signer.address, exitBody())).status).toBe(404);
    expect((await post(signer.address, exitBody(), `/api/v1/eth2/sign/${second.hex}`)).status).toBe(200);
  });

  it('a reload of the signer keeps the present keys when new ones cannot be had, and says so until they can', async () => {
    await using signer = await startBuiltIn(hexOf(first));
    appendFileSync(join(signer.keysDirectory, 'keys.yaml'), '---\nnonsense: true\n');
    expect(await reload(signer.address)).toMatchObject({
      status: 'failed',
      lastError: expect.stringContaining('keys.yaml is not a key file'),
    });
    expect((await post(signer.address, exitBody())).status).toBe(200);
    expect((await request(`${signer.address}/healthcheck`)).statusCode).toBe(503);
    await writeKeyFile(signer.keysDirectory, hexOf(first));
    expect(await reload(signer.address)).toMatchObject({ status: 'completed' });
    expect((await request(`${signer.address}/healthcheck`)).statusCode).toBe(200);
  });

  it('the signer’s key ring overwrites the source’s keys at once, old ones after their last signature', async () => {
    const given: Uint8Array[] = [];
    const shared: SharedArrayBuffer[] = [];
    const pending = Promise.withResolvers<Uint8Array>();
    const threads: SignThreads = {
      size: 1,
      sign: secretKeys => {
        shared.push(secretKeys);
        return pending.promise;
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
    const source = {
      description: 'test',
      load: async () => {
        const secretKeys = Uint8Array.from(first.secretKey);
        given.push(secretKeys);
        return { publicKeys: [first.publicKey], secretKeys };
      },
    };
    const isWiped = (bytes: Uint8Array | undefined) => bytes?.every(byte => byte === 0);
    const ring = await openKeyRing({ source, threads, log: recordingLog().log });
    expect(isWiped(given[0])).toBe(true);
    const signing = ring.sign(first.hex, new Uint8Array(32));
    const old = new Uint8Array(shared[0] ?? new SharedArrayBuffer(0));
    expect(ring.startReload()).toBe(true);
    expect(ring.startReload()).toBe(false);
    await waitUntil('the reload to end', () => ring.reloadState.status !== 'running', {
      everyMs: 5,
      lastSeen: () => ring.reloadState,
    });
    expect(old).toEqual(first.secretKey);
    pending.resolve(new Uint8Array(96));
    await signing;
    expect(isWiped(old)).toBe(true);
    await ring.sign(first.hex, new Uint8Array(32));
    const present = new Uint8Array(shared[1] ?? new SharedArrayBuffer(0));
    expect(present).toEqual(first.secretKey);
    await ring[Symbol.asyncDispose]();
    expect(isWiped(present)).toBe(true);
  });
});

describe('the listener', () => {
  it.each(['0.0.0.0', '::', '::ffff:127.0.0.1'])(
    'the signer’s listener on %s asks for client certificates, or to be told that it need not',
    async host => {
      const listen = { kind: 'tcp', host, port: 0 } as const;
      await expect(startBuiltIn(hexOf(first), { listen })).rejects.toMatchObject({
        code: 'listener-unauthenticated',
        exitCode: 2,
        hint: expect.stringContaining('--allow-unauthenticated'),
      });
      await using signer = await startBuiltIn(hexOf(first), { listen, allowUnauthenticated: true });
      expect(signer.address).toMatch(/^http:/);
    },
  );

  it('the signer’s listener takes TLS without client certificates for no protection', async () => {
    using directory = temporaryDirectory();
    const { cert, key } = issueCertificate({ commonName: 'signer' });
    writeFileSync(join(directory.path, 'cert'), cert);
    writeFileSync(join(directory.path, 'key'), key);
    const tls = { cert: join(directory.path, 'cert'), key: join(directory.path, 'key') };
    const listen = { kind: 'tcp', host: '0.0.0.0', port: 0 } as const;
    await expect(startBuiltIn(hexOf(first), { listen, tls })).rejects.toMatchObject({
      code: 'listener-unauthenticated',
    });
  });

  it('the signer’s listener with mutual TLS answers clients of the authority only', async () => {
    using directory = temporaryDirectory();
    const authority = issueCertificate({ commonName: 'authority', isAuthority: true });
    const server = issueCertificate({ commonName: 'signer', issuer: authority });
    const client = issueCertificate({ commonName: 'operator', issuer: authority });
    const stranger = issueCertificate({ commonName: 'stranger' });
    const file = (name: string, content: Buffer) => {
      writeFileSync(join(directory.path, name), content);
      return join(directory.path, name);
    };
    const tls = {
      cert: file('cert', server.cert),
      key: file('key', server.key),
      clientCa: file('ca', authority.cert),
    };
    const listen = { kind: 'tcp', host: '0.0.0.0', port: 0 } as const;
    await using signer = await startBuiltIn(hexOf(first), { listen, tls });
    const url = signer.address.replace('0.0.0.0', '127.0.0.1');
    await using good = await openClient(url, { ca: authority.cert, ...client });
    await expect(good.signExit(exitOf(first))).resolves.toHaveLength(96);
    for (const other of [{ ca: authority.cert }, { ca: authority.cert, ...stranger }]) {
      await using bad = await openClient(url, other);
      await expect(bad.signExit(exitOf(first))).rejects.toMatchObject({ name: 'ExternalError' });
    }
    await using plain = await openClient(url.replace('https:', 'http:'));
    await expect(plain.checkUp()).rejects.toMatchObject({ name: 'ExternalError' });
    expect(signer.lines.filter(line => line.text === 'signed')).toHaveLength(1);
  });

  it('the built-in signer says that a certificate cannot be used', async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, 'cert');
    writeFileSync(path, 'no certificate');
    const tls = { cert: path, key: path };
    await expect(startBuiltIn(hexOf(first), { tls })).rejects.toMatchObject({ code: 'invalid-tls' });
  });

  it('the built-in signer says that a port is taken', async () => {
    await using signer = await startBuiltIn(hexOf(first));
    const listen = { kind: 'tcp', host: '127.0.0.1', port: Number(new URL(signer.address).port) } as const;
    await expect(startBuiltIn(hexOf(first), { listen })).rejects.toMatchObject({ code: 'cannot-listen' });
  });
});

describe('the socket', () => {
  async function startOn(path: string) {
    return startBuiltIn(hexOf(first), { listen: { kind: 'socket', path } });
  }

  it('the signer’s socket lies in a fresh directory that only this user may enter, and goes with it', async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, 'run', 'signer.sock');
    {
      await using signer = await startOn(path);
      expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      await using client = await openClient(socketUrl(signer.address));
      await expect(client.signExit(exitOf(first))).resolves.toHaveLength(96);
    }
    expect(existsSync(dirname(path))).toBe(false);
  });

  it('the built-in signer refuses a socket path that is taken, and a directory that others may enter', async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, 'signer.sock');
    chmodSync(directory.path, 0o750);
    await expect(startOn(path)).rejects.toMatchObject({ code: 'socket-directory-open' });
    chmodSync(directory.path, 0o700);
    const left = createServer().listen(path);
    await once(left, 'listening');
    await expect(startOn(path)).rejects.toMatchObject({ code: 'socket-path-taken' });
    left.close();
    writeFileSync(path, '');
    await expect(startOn(path)).rejects.toMatchObject({ code: 'socket-path-taken' });
    rmSync(path);
    await using signer = await startOn(path);
    expect(signer.address).toBe(path);
  });

  it('the built-in signer refuses a socket path of more than 107 bytes', async () => {
    await expect(startOn(`/tmp/${'x'.repeat(110)}/s`)).rejects.toMatchObject({
      code: 'socket-path-too-long',
    });
  });
});

describe('keystores', () => {
  async function writeKeystore(
    directory: string,
    key: TestKey,
    options: { passwordIn?: string | undefined } = {},
  ) {
    mkdirSync(directory, { recursive: true });
    const path = 'm/12381/3600/0/0/0';
    const { text, password } = await encryptTransportKeystore({ secretKey: key.secretKey, path });
    const name = `keystore-${key.hex.slice(2, 10)}`;
    writeFileSync(join(directory, `${name}.json`), text);
    writeFileSync(join(options.passwordIn ?? directory, `${name}.txt`), password, { mode: 0o600 });
    return join(directory, name);
  }

  const settingsFor = (keystoresDir: string, passwordsDir?: string): Partial<SignerSettings> => ({
    keys: {
      kind: 'keystores',
      keystoresDir,
      passwordsDir,
      passwordFiles: [join(keystoresDir, 'password.txt')],
    },
  });

  it('the built-in signer loads keystores of a directory and below, with passwords beside them or elsewhere', async () => {
    using directory = temporaryDirectory();
    await writeKeystore(directory.path, first);
    await writeKeystore(join(directory.path, 'below', 'deeper'), second);
    {
      await using signer = await startBuiltIn([], settingsFor(directory.path));
      await using client = await openClient(signer.address);
      expect(await client.listPublicKeys()).toEqual(new Set([first.hex, second.hex]));
    }
    using other = temporaryDirectory();
    using passwords = temporaryDirectory();
    await writeKeystore(other.path, first, { passwordIn: passwords.path });
    await using signer = await startBuiltIn([], settingsFor(other.path, passwords.path));
    expect(signer.keyCount).toBe(1);
  });

  it('the built-in signer refuses a directory without keystores', async () => {
    using directory = temporaryDirectory();
    await expect(startBuiltIn([], settingsFor(directory.path))).rejects.toMatchObject({
      code: 'keystores-missing',
    });
  });

  it('the built-in signer loads nothing when one keystore has a wrong password', async () => {
    using directory = temporaryDirectory();
    const name = await writeKeystore(directory.path, first);
    await writeKeystore(directory.path, second);
    writeFileSync(`${name}.txt`, 'wrong');
    await expect(startBuiltIn([], settingsFor(directory.path))).rejects.toMatchObject({
      code: 'keystore-wrong-password',
      message: expect.stringContaining(name),
    });
  });
});

describe('key files', () => {
  it.each<readonly [string, string, string]>([
    ['the zero key', '0'.repeat(64), 'invalid-key'],
    ['a key that is not below the order', 'f'.repeat(64), 'invalid-key'],
    ['a short key, which Web3Signer would pad', '12', 'invalid-key-file'],
  ])('the built-in signer refuses key files with %s', async (_, key, code) => {
    await expect(startBuiltIn([...hexOf(first), key])).rejects.toMatchObject({ code });
  });

  it('the built-in signer refuses a directory without key files', async () => {
    using directory = temporaryDirectory();
    const keys = { kind: 'key-files', directory: directory.path } as const;
    await expect(startBuiltIn([], { keys })).rejects.toMatchObject({ code: 'key-files-missing' });
  });

  it('the built-in signer takes key files that name a key twice or lie beside other files', async () => {
    using directory = temporaryDirectory();
    await writeKeyFile(directory.path, hexOf(first, second), 'a.yaml');
    await writeKeyFile(directory.path, hexOf(first), 'b.YML');
    await writeKeyFile(directory.path, ['00'], '.hidden.yaml');
    writeFileSync(join(directory.path, 'notes.txt'), 'x');
    await using signer = await startBuiltIn([], { keys: { kind: 'key-files', directory: directory.path } });
    expect(signer.keyCount).toBe(2);
  });
});

describe('the remote database', () => {
  it('the built-in signer serves validator keys and shares of the remote database, with the key from a file', async () => {
    using directory = temporaryDirectory();
    await using test = await createTestDatabase();
    const stored = await storeTestVault(test.url, { validators: 2, oracles: 3 });
    const file = join(directory.path, 'encrypt-key');
    writeFileSync(file, stored.encryptKey, { mode: 0o600 });
    const db = {
      vault: stored.address,
      network: 'holesky',
      dbSchema: undefined,
      dataDir: directory.path,
      dbUrl: { url: test.url, file: undefined },
    };
    const { log, lines } = recordingLog();
    const open = (value: string, from?: string) =>
      openSigner(
        {
          network: 'holesky',
          keys: { kind: 'remote-db', db, encryptKey: { value, file: from } },
          listen: { kind: 'tcp', host: '127.0.0.1', port: 0 },
          poolSize: 1,
        },
        { log, warn: () => undefined },
      );
    await using signer = await open('', file);
    await using client = await openClient(signer.address);
    const listed = await client.listPublicKeys();
    expect(listed.size).toBe(2 * (1 + 3));
    expect(stored.publicKeys.filter(key => !listed.has(key))).toEqual([]);
    await expect(open(Buffer.alloc(32).toString('base64'))).rejects.toMatchObject({
      code: 'invalid-encryption-key',
    });
    expect(JSON.stringify(lines)).not.toContain(stored.encryptKey);
  });
});

it('the built-in signer leaves nothing behind when it cannot start', async () => {
  using directory = temporaryDirectory();
  const listen = { kind: 'socket', path: join(directory.path, 'run', 'signer.sock') } as const;
  const keys = { kind: 'key-files', directory: join(directory.path, 'none') } as const;
  await expect(openSigner({ network: 'mainnet', keys, listen }, bare)).rejects.toMatchObject({
    code: 'key-files-missing',
  });
  expect(readdirSync(directory.path)).toEqual([]);
});
