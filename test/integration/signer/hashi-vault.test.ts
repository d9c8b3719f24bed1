import { describe, expect, it } from 'vitest';
import { type HashiVaultOptions, readHashiVaultKeys } from '../../../src/clients/hashi-vault.ts';
import { toHex } from '../../../src/lib/bytes.ts';
import { hashiVaultSource } from '../../../src/signer/keys/sources/hashi-vault.ts';
import { issueCertificate } from '../../support/servers/certificates.ts';
import {
  recordedVaultResponse,
  startVaultServer,
  type VaultAnswer,
  type VaultServer,
} from '../../support/servers/hashi-vault-server.ts';
import { startServer } from '../../support/servers/http-server.ts';

const TOKEN = 's.throwaway';

function optionsFor(
  server: Pick<VaultServer, 'url'>,
  changes: Partial<HashiVaultOptions> = {},
): HashiVaultOptions {
  return {
    url: server.url,
    token: TOKEN,
    mount: 'secret',
    keyPaths: ['validators/0x'],
    keyPrefixes: [],
    parallelism: 4,
    timeoutMs: 2_000,
    retryTimeoutMs: 1_500,
    ...changes,
  };
}

function sourceFor(options: HashiVaultOptions) {
  return hashiVaultSource({}, { ...options, readToken: async () => options.token, poolSize: 1 });
}

/** `public key: secret key` of a recorded secret. */
function recordedPairs(name: string): [string, string][] {
  const body = recordedVaultResponse('kv2', name).body as { data: { data: Record<string, string> } };
  return Object.entries(body.data.data);
}

const secretOf = (data: unknown): VaultAnswer => ({
  status: 200,
  body: { data: { data, metadata: { version: 1 } } },
});

describe('keys of a HashiCorp Vault', () => {
  it('hashiVaultSource loads keys of several paths, with and without 0x, proven by their public keys', async () => {
    await using server = await startVaultServer({
      'secret/data/validators/0x': [['kv2', 'read-0x']],
      'secret/data/validators/plain': [['kv2', 'read-plain']],
      'secret/data/validators/mixed': [['kv2', 'read-mixed']],
    });
    const keyPaths = ['validators/0x', '/validators//plain/', 'validators/mixed'];
    const { publicKeys, secretKeys } = await sourceFor(optionsFor(server, { keyPaths })).load();
    const pairs = ['read-0x', 'read-plain', 'read-mixed'].flatMap(recordedPairs);
    const bare = (text: string) => text.toLowerCase().replace(/^0x/, '');
    expect(publicKeys.map(key => toHex(key).slice(2))).toEqual(pairs.map(([name]) => bare(name)));
    expect(toHex(secretKeys).slice(2)).toBe(pairs.map(([, value]) => bare(value)).join(''));
    expect(server.received.map(({ headers }) => headers['x-vault-token'])).toEqual([TOKEN, TOKEN, TOKEN]);
    expect(server.received.every(({ headers }) => headers['x-vault-request'] === 'true')).toBe(true);
  });

  it('readHashiVaultKeys reads keys of another mount, also of a nested one', async () => {
    await using server = await startVaultServer({
      'validators/data/other': [['kv2', 'read-other-mount']],
      'team/keys/data/other': [['kv2', 'read-nested-mount']],
    });
    const keyPaths = ['other'];
    expect(await readHashiVaultKeys({}, optionsFor(server, { mount: 'validators', keyPaths }))).not.toEqual(
      [],
    );
    expect(await readHashiVaultKeys({}, optionsFor(server, { mount: '/team/keys/', keyPaths }))).not.toEqual(
      [],
    );
  });

  it.for<readonly [namespace: string, header: string]>([
    ['team-a', 'team-a'],
    ['/team-a/signing/', 'team-a/signing'],
  ])('readHashiVaultKeys names the namespace %s with every request', async ([namespace, header]) => {
    await using server = await startVaultServer({
      'secret/data/validators/0x': [['kv2', 'read-0x']],
      'secret/metadata/keys?list=true': [{ status: 200, body: { data: { keys: [] } } }],
    });
    expect(await readHashiVaultKeys({}, optionsFor(server, { namespace }))).toHaveLength(3);
    const listing = readHashiVaultKeys(
      {},
      optionsFor(server, { namespace, keyPaths: [], keyPrefixes: ['keys'] }),
    );
    await expect(listing).rejects.toMatchObject({ code: 'hashi-vault-no-keys' });
    expect(server.received.map(({ headers }) => headers['x-vault-namespace'])).toEqual([header, header]);
  });

  it('readHashiVaultKeys names no namespace where none is given, and advises one where access is denied', async () => {
    await using server = await startVaultServer({
      'secret/data/validators/0x': [{ status: 403, body: { errors: ['permission denied'] } }],
    });
    const denied = (changes: Partial<HashiVaultOptions>) =>
      readHashiVaultKeys({}, optionsFor(server, changes)).catch(error => error);
    expect(await denied({})).toMatchObject({
      code: 'hashi-vault-denied',
      hint: expect.stringContaining('--hashi-vault-namespace'),
    });
    expect(await denied({ namespace: 'team-b' })).toMatchObject({
      message: expect.stringMatching(
        / denies access to secret\/validators\/0x in the namespace team-b: it does not know/,
      ),
    });
    expect(server.received.map(({ headers }) => headers['x-vault-namespace'])).toEqual([undefined, 'team-b']);
  });

  it('hashiVaultSource loads keys of a folder with one secret for each key', async () => {
    const [[first = '', firstKey] = [], [second = '', secondKey] = []] = recordedPairs('read-plain');
    await using server = await startVaultServer({
      'secret/metadata/keys?list=true': [
        { status: 200, body: { data: { keys: [first, 'folder/', second] } } },
      ],
      [`secret/data/keys/${first}`]: [secretOf({ value: firstKey })],
      [`secret/data/keys/${second}`]: [secretOf({ anything: `0x${secondKey}` })],
    });
    const { publicKeys } = await sourceFor(
      optionsFor(server, { keyPaths: [], keyPrefixes: ['keys/'] }),
    ).load();
    expect(publicKeys.map(key => toHex(key).slice(2))).toEqual([first, second]);
  });

  it('readHashiVaultKeys waits for a server that is unsealed, and for a quota', async () => {
    const wait: VaultAnswer = {
      status: 429,
      headers: { 'Retry-After': '1' },
      body: { errors: ['rate limit quota exceeded'] },
    };
    await using server = await startVaultServer({
      'secret/data/validators/0x': [['state', 'sealed-read'], wait, ['kv2', 'read-0x']],
    });
    const keys = await readHashiVaultKeys({}, optionsFor(server, { retryTimeoutMs: 10_000 }));
    expect(keys).toHaveLength(3);
    expect(server.received).toHaveLength(3);
  });
});

/** What the server answers, and how the client says it: code, message, hint, whether it asked again. */
const TROUBLES: readonly {
  readonly name: string;
  readonly answer: VaultAnswer;
  readonly code: string;
  readonly message: RegExp;
  readonly hint?: RegExp;
  readonly asksAgain?: boolean;
}[] = [
  {
    name: 'sealed',
    answer: ['state', 'sealed-read'],
    code: 'hashi-vault-sealed',
    message: /is sealed or not initialised/,
    asksAgain: true,
  },
  {
    name: 'not initialised',
    answer: ['state', 'uninit-read'],
    code: 'hashi-vault-sealed',
    message: /is sealed/,
    asksAgain: true,
  },
  {
    name: 'standby, redirecting to the active node',
    answer: ['state', 'standby-noread-no-forwarding'],
    code: 'hashi-vault-redirect',
    message: /redirects to another server \(http:\/\/127\.0\.0\.1:8220\); the token was not sent there/,
    hint: /--hashi-vault-url/,
  },
  {
    name: 'rate-limited',
    answer: ['limits', 'quota-bad-token'],
    code: 'hashi-vault-busy',
    message: /refuses more requests for now \(429\)/,
    asksAgain: true,
  },
  {
    name: 'token expired',
    answer: ['auth', 'short-ttl-expired'],
    code: 'hashi-vault-denied',
    message: /denies access to secret\/validators\/0x/,
    hint: /expired/,
  },
  {
    name: 'token revoked',
    answer: ['auth', 'token-wrong'],
    code: 'hashi-vault-denied',
    message: /denies access to secret\/validators\/0x: it does not know the token, which was revoked/,
    hint: /--hashi-vault-token-file/,
  },
  {
    name: 'token revoked, in the words of newer releases',
    answer: {
      status: 403,
      body: { errors: ['2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n'] },
    },
    code: 'hashi-vault-denied',
    message: /does not know the token/,
  },
  {
    name: 'token without policy',
    answer: ['auth', 'no-policy-for-path'],
    code: 'hashi-vault-denied',
    message: /denies access to secret\/validators\/0x\.$/,
    hint: /policy/,
  },
  {
    name: 'path missing',
    answer: ['kv2', 'missing-path'],
    code: 'hashi-vault-path-missing',
    message: /There is no secret at/,
  },
  {
    name: 'path with the mount in it',
    answer: ['kv2', 'no-data-segment'],
    code: 'hashi-vault-path-missing',
    message: /no secret at/,
    hint: /without the mount/,
  },
  {
    name: 'version deleted',
    answer: ['kv2', 'read-deleted-latest'],
    code: 'hashi-vault-version-deleted',
    message: /latest version of .* is deleted/,
  },
  {
    name: 'version destroyed',
    answer: ['kv2', 'read-destroyed'],
    code: 'hashi-vault-version-deleted',
    message: /is deleted/,
  },
  {
    name: 'KV version 1 mount',
    answer: ['kv2', 'v1-by-v2-path'],
    code: 'hashi-vault-path-missing',
    message: /no secret/,
    hint: /KV version 2/,
  },
  {
    name: 'KV version 1 secret named data',
    answer: ['kv2', 'v1-key-named-data'],
    code: 'hashi-vault-no-keys',
    message: /holds no keys/,
    hint: /KV version 2/,
  },
  {
    name: 'mount missing',
    answer: ['kv2', 'mount-missing'],
    code: 'hashi-vault-no-mount',
    message: /has no mount secret/,
  },
  {
    name: 'empty secret',
    answer: ['kv2', 'read-empty-map'],
    code: 'hashi-vault-no-keys',
    message: /holds no keys/,
  },
  {
    name: 'null secret',
    answer: ['kv2', 'read-data-null'],
    code: 'hashi-vault-no-keys',
    message: /holds no keys/,
  },
  {
    name: 'other things in the secret',
    answer: ['kv2', 'read-odd-values'],
    code: 'hashi-vault-invalid-key',
    message: /is not a public key/,
  },
  {
    name: 'TLS port spoken to in plain HTTP',
    answer: ['tls', 'tls-plain-http'],
    code: 'hashi-vault-refused',
    message: /HTTP status 400/,
    hint: /--hashi-vault-url with https:/,
  },
];

describe('a HashiCorp Vault in trouble', () => {
  for (const { name, answer, code, message, hint, asksAgain } of TROUBLES) {
    it(`readHashiVaultKeys tells of a HashiCorp Vault in trouble, ${name}, with ${code}`, async () => {
      await using server = await startVaultServer({ 'secret/data/validators/0x': [answer] });
      const failure = await readHashiVaultKeys({}, optionsFor(server)).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code, message: expect.stringMatching(message) });
      if (hint !== undefined) expect(failure).toMatchObject({ hint: expect.stringMatching(hint) });
      expect(String(failure)).not.toContain(TOKEN);
      if (asksAgain) expect(server.received.length).toBeGreaterThan(1);
      else expect(server.received).toHaveLength(1);
    });
  }

  it.each([
    ['data/validators', 'secret', 'validators'],
    ['secret/data/validators', 'secret', 'validators'],
    ['/secret/validators/', 'secret', 'validators'],
    ['metadata/validators', 'secret', 'validators'],
    ['team/keys/data/all', 'team/keys', 'all'],
  ])(
    'readHashiVaultKeys says how to write the path %s of the mount %s, missing or denied',
    async (path, mount, right) => {
      for (const answer of [
        ['kv2', 'missing-path'],
        ['auth', 'no-policy-for-path'],
      ] as const) {
        const segments = path.replace(/^\/|\/$/g, '');
        await using server = await startVaultServer({ [`${mount}/data/${segments}`]: [answer] });
        await expect(
          readHashiVaultKeys({}, optionsFor(server, { mount, keyPaths: [path] })),
        ).rejects.toMatchObject({
          hint: `Give the path without the mount and without "data/": ${right} in place of ${segments}.`,
        });
      }
    },
  );

  it('readHashiVaultKeys names the option for the certificate authority that it does not know, at once', async () => {
    await using server = await startServer(() => ({ status: 200 }), {
      tls: issueCertificate({ commonName: 'vault' }),
    });
    const options = optionsFor({ url: server.url }, { retryTimeoutMs: 30_000 });
    await expect(readHashiVaultKeys({}, options)).rejects.toMatchObject({
      code: 'unreachable',
      hint: expect.stringContaining('--hashi-vault-ca'),
    });
  });

  it('readHashiVaultKeys says that a server does not speak TLS', async () => {
    await using server = await startVaultServer({});
    const options = optionsFor({ url: server.url.replace('http:', 'https:') }, { retryTimeoutMs: 0 });
    await expect(readHashiVaultKeys({}, options)).rejects.toMatchObject({
      code: 'unreachable',
      hint: expect.stringContaining('--hashi-vault-url with http://'),
    });
  });

  it('readHashiVaultKeys never takes the token to another host', async () => {
    await using other = await startVaultServer({});
    await using server = await startVaultServer({
      'secret/data/validators/0x': [
        { status: 307, headers: { Location: `${other.url}/v1/secret/data/validators/0x` }, body: '' },
      ],
    });
    await expect(readHashiVaultKeys({}, optionsFor(server))).rejects.toMatchObject({
      code: 'hashi-vault-redirect',
    });
    expect(other.received).toEqual([]);
  });

  it('readHashiVaultKeys fails when the server is down', async () => {
    const server = await startVaultServer({});
    await server[Symbol.asyncDispose]();
    await expect(readHashiVaultKeys({}, optionsFor(server))).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('hashiVaultSource loads no key at all when one stands under another public key', async () => {
    const [[first = '', firstKey] = [], [second = '', secondKey] = []] = recordedPairs('read-0x');
    await using server = await startVaultServer({
      'secret/data/validators/0x': [secretOf({ [first]: secondKey, [second]: firstKey })],
    });
    await expect(sourceFor(optionsFor(server)).load()).rejects.toMatchObject({
      code: 'key-mislabelled',
      message: `The key of ${first} in validators/0x belongs to another public key.`,
    });
  });

  it('readHashiVaultKeys repeats no secret key of a secret with names and values the wrong way round', async () => {
    const pairs = recordedPairs('read-0x').map(([name, value]) => [value, name]);
    await using server = await startVaultServer({
      'secret/data/validators/0x': [secretOf(Object.fromEntries(pairs))],
    });
    const failure = await readHashiVaultKeys({}, optionsFor(server)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'hashi-vault-invalid-key' });
    for (const [secret = ''] of pairs) expect(String(failure)).not.toContain(secret.replace(/^0x/, ''));
  });

  it('hashiVaultSource refuses the zero key', async () => {
    const [[first = ''] = []] = recordedPairs('read-0x');
    await using server = await startVaultServer({
      'secret/data/validators/0x': [secretOf({ [first]: '0'.repeat(64) })],
    });
    await expect(sourceFor(optionsFor(server)).load()).rejects.toMatchObject({ code: 'invalid-key' });
  });

  it('readHashiVaultKeys neither sends nor repeats a token with a line break', async () => {
    const failure = await readHashiVaultKeys(
      {},
      optionsFor({ url: 'http://127.0.0.1:1' }, { token: 'a\nb' }),
    ).catch(String);
    expect(failure).toMatch(/is not a token/);
  });
});
