import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSignerEndpoint } from '../../../src/clients/signer/signer-endpoint.ts';
import { openSigner } from '../../../src/compose/signer.ts';
import { parseDepositData } from '../../../src/domain/consensus/deposit-data.ts';
import { parseRemoteSignerConfig } from '../../../src/domain/fleet/remote-signer-document.ts';
import { readKeyFile } from '../../../src/domain/fleet/web3signer-key-file.ts';
import { parseKeystore } from '../../../src/domain/keys/keystore.ts';
import { decryptWallet } from '../../../src/domain/keys/wallet.ts';
import { parseNetworkFile } from '../../../src/networks/network-file.ts';
import { openKeyRing } from '../../../src/signer/keys/key-ring.ts';
import type { SignThreads } from '../../../src/signer/keys/sign-threads.ts';
import { hashiVaultSource } from '../../../src/signer/keys/sources/hashi-vault.ts';
import { startBuiltIn } from '../../integration/signer/built-in.ts';
import { createDatabaseTemplate, type DatabaseTemplate } from '../../support/postgres/database-template.ts';
import { runCli, temporaryDirectory } from '../../support/programs/cli.ts';
import {
  fillWithRecordedVault,
  RECORDED_ENCRYPT_KEY,
  RECORDED_VAULT,
  recordedSecretKeys,
  writeKeystores,
} from '../../support/recorded/recorded-vault.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { issueCertificate } from '../../support/servers/certificates.ts';
import { startServer } from '../../support/servers/http-server.ts';
import { waitUntil } from '../../support/wait-until.ts';

/** What no answer, log or error may repeat: not even eight characters of it. */
const SECRET = 'deadbeef00112233445566778899aabbccddeeff0123456789fedcba98765432';
const GOOD_KEY = '3ee2224386c82ffea477e2adf28a2929f5c349165a4196158c7f3a2ecca40f35';

/** Texts at which parsers stumble, with the secret at the place. */
const HOSTILE: [string, string][] = [
  ['an alias without an anchor', `type: file-raw\nprivateKey: *${SECRET}\n`],
  ['an alias that is an alias', `? &a *${SECRET}\n: *${SECRET}\n`],
  ['a thousand million aliases', `a: &a [${SECRET}]\n${aliases()}`],
  ['a nesting of 100,000', `type: file-raw\nprivateKey: ${'['.repeat(100_000)}${SECRET}`],
  ['a tag that there is not', `type: file-raw\nprivateKey: !!${SECRET} x\n`],
  ['an anchor on an alias', `a: &x ${SECRET}\nb: &${SECRET} *x\n`],
  ['a quote that never ends', `type: file-raw\nprivateKey: "${SECRET}\n`],
  ['a key twice', `type: file-raw\n${SECRET}: 1\n${SECRET}: 2\n`],
  ['a merge of text', `<<: *${SECRET}\ntype: file-raw\n`],
  ['a list as its key', `type: file-raw\nprivateKey: [${SECRET}]\n`],
  ['an object with a name of JavaScript', `type: file-raw\nprivateKey: {toString: ${SECRET}}\n`],
  [
    'an object as its type of key',
    `type: file-raw\nkeyType: {toString: ${SECRET}}\nprivateKey: 0x${SECRET}\n`,
  ],
  ['a directive that there is not', `%${SECRET} x\n---\ntype: file-raw\n`],
  ['a short key', `type: file-raw\nprivateKey: 0x${SECRET.slice(2)}\n`],
  ['no YAML at all', `${SECRET}: - : [`],
  ['text alone', SECRET],
];

function aliases(): string {
  const names = [...'abcdefghij'];
  return names
    .slice(1)
    .map((name, i) => `${name}: &${name} [${Array(10).fill(`*${names[i]}`).join(', ')}]\n`)
    .join('');
}

/** Whether a text repeats eight characters of the secret in a row. */
function repeatsSecret(text: string): boolean {
  const lower = text.toLowerCase();
  return Array.from({ length: SECRET.length - 7 }, (_, i) => SECRET.slice(i, i + 8)).some(part =>
    lower.includes(part),
  );
}

/** The error with all that hangs on it, as a log could write it. */
async function failureOf(work: () => unknown): Promise<{ code: unknown; text: string }> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    let text = '';
    for (let one: unknown = error; one instanceof Error; one = one.cause)
      text += `${one.message}\n${one.stack}\n`;
    return { code: 'code' in error ? error.code : undefined, text };
  }
  throw new Error('it was read');
}

describe('L2 · the text of a key file', () => {
  it.each(HOSTILE)(
    'hostile file: is a key file with %s → the error is a sentence, with nothing of its text',
    async (_, text) => {
      const { code, text: said } = await failureOf(() => readKeyFile(Buffer.from(text), 'key_0.yaml'));
      expect(code).toBe('invalid-key-file');
      expect(said).toMatch(/^key_0\.yaml is not a key file: /);
      expect(repeatsSecret(said)).toBe(false);
    },
  );

  it('hostile file: is a key file with an alias → the sentence says that it is not YAML that can be read', async () => {
    const read = () => readKeyFile(Buffer.from(HOSTILE[0]?.[1] ?? ''), 'key_0.yaml');
    expect(read).toThrow('key_0.yaml is not a key file: it is not YAML that can be read.');
  });

  it('local user: asks GET /reload after a key file was damaged → no text of the file, in the answer or in the log', async () => {
    await using signer = await startBuiltIn([GOOD_KEY]);
    for (const [, text] of HOSTILE) {
      writeFileSync(join(signer.keysDirectory, 'key_0.yaml'), text);
      expect((await fetch(`${signer.address}/reload`, { method: 'POST' })).status).toBe(202);
      let answer = '';
      const hasEnded = async () => {
        answer = await (await fetch(`${signer.address}/reload`)).text();
        return !answer.includes('"running"');
      };
      await waitUntil('the reload to end', hasEnded, { everyMs: 5, lastSeen: () => answer });
      expect(answer).toContain('"status":"failed"');
      expect(answer).toContain('key_0.yaml is not a key file');
      expect(repeatsSecret(answer)).toBe(false);
    }
    expect(signer.lines.filter(line => line.level === 'error')).toHaveLength(HOSTILE.length);
    expect(repeatsSecret(JSON.stringify(signer.lines))).toBe(false);
  });

  it('local user: asks GET /reload after something unforeseen was thrown → the sentence names no text of it', async () => {
    const threads: SignThreads = {
      size: 1,
      sign: () => Promise.reject(),
      [Symbol.asyncDispose]: async () => {},
    };
    let isDamaged = false;
    const { log, lines } = recordingLog();
    const source = {
      description: 'key files',
      load: async () => {
        if (isDamaged) throw new ReferenceError(`Unresolved alias: ${SECRET}`);
        return { publicKeys: [new Uint8Array(48)], secretKeys: new Uint8Array(32).fill(1) };
      },
    };
    await using ring = await openKeyRing({ source, threads, log });
    isDamaged = true;
    ring.startReload();
    await waitUntil('the reload to end', () => ring.reloadState.status !== 'running', {
      everyMs: 1,
      lastSeen: () => ring.reloadState,
    });
    expect(ring.reloadState).toMatchObject({
      status: 'failed',
      lastError: 'The keys could not be loaded: an internal error.',
    });
    expect(repeatsSecret(JSON.stringify(lines))).toBe(false);
  });
});

describe('L2 · setup-web3signer beside the file of somebody else', () => {
  const keystores = temporaryDirectory();
  let template: DatabaseTemplate;
  beforeAll(async () => {
    writeKeystores(join(keystores.path, 'all'), recordedSecretKeys(10));
    template = await createDatabaseTemplate(url => fillWithRecordedVault(url, join(keystores.path, 'all')));
  });
  afterAll(async () => {
    keystores[Symbol.dispose]();
    await template[Symbol.asyncDispose]();
  });

  it('hostile file: is a key_0.yaml with an alias before setup-web3signer --adopt → left, no bug of the program', async () => {
    await using database = await template.clone();
    using directory = temporaryDirectory();
    const out = join(directory.path, 'out');
    const env = {
      REMOTE_DB_URL: database.url,
      VAULT: RECORDED_VAULT,
      NETWORK: 'holesky',
      DATA_DIR: directory.path,
      REMOTE_DB_ENCRYPT_KEY: RECORDED_ENCRYPT_KEY,
      REMOTE_DB_OUTPUT_DIR: out,
    };
    const run = (...more: string[]) => runCli(['remote-db', 'setup-web3signer', ...more], { env });
    expect((await run()).exitCode).toBe(0);
    for (const name of readdirSync(out).filter(each => each.startsWith('.'))) rmSync(join(out, name));
    writeFileSync(join(out, 'key_0.yaml'), HOSTILE[0]?.[1] ?? '');
    const adopted = await run('--adopt');
    expect([adopted.exitCode, adopted.stderr]).toEqual([0, expect.not.stringContaining('bug')]);
    expect(repeatsSecret(adopted.stderr + adopted.stdout)).toBe(false);
    expect(readdirSync(out)).toContain('key_0.yaml');
  });
});

describe('L2 · the text of other files with secrets', () => {
  const NOT_JSON = [
    SECRET,
    `{"a": ${SECRET}}`,
    `{"${SECRET}": x}`,
    `{"a": "${SECRET}`,
    `["${SECRET}" "${SECRET}"]`,
  ];
  const readers: [string, (text: string) => unknown][] = [
    ['a keystore', text => parseKeystore(text, 'file')],
    ['a wallet', text => decryptWallet(text, 'password', 'file')],
    ['deposit data', text => parseDepositData(text, 'file')],
    ["a remote signer's configuration", text => parseRemoteSignerConfig(text, 'file')],
    ['a network file', text => parseNetworkFile(text, 'file')],
  ];

  it.each(readers)(
    'hostile file: is taken for %s and is not JSON → the error has nothing of its text',
    async (_, read) => {
      for (const text of NOT_JSON) {
        const { code, text: said } = await failureOf(() => read(text));
        expect(code).toEqual(expect.any(String));
        expect(said).toMatch(/file/);
        expect(repeatsSecret(said)).toBe(false);
      }
    },
  );

  it('hostile file: is the PEM file of the signer, or of its client → the error has nothing of its text', async () => {
    using directory = temporaryDirectory();
    const { cert, key } = issueCertificate({ commonName: 'signer' });
    const write = (name: string, content: string | Buffer) => {
      writeFileSync(join(directory.path, name), content);
      return join(directory.path, name);
    };
    const good = { cert: write('cert', cert), key: write('key', key) };
    const pem = `-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----\n`;
    for (const text of [SECRET, pem, pem.replace('END', 'EN')]) {
      const damaged = write('damaged', text);
      for (const tls of [
        { ...good, key: damaged },
        { ...good, cert: damaged },
      ]) {
        const { code, text: said } = await failureOf(async () =>
          openSigner(
            {
              network: 'mainnet',
              keys: { kind: 'key-files', directory: writeKeys(directory.path) },
              listen: { kind: 'tcp', host: '127.0.0.1', port: 0 },
              tls,
              poolSize: 1,
            },
            { log: recordingLog().log, warn: () => undefined },
          ),
        );
        expect(code).toBe('invalid-tls');
        expect(repeatsSecret(said)).toBe(false);
      }
      const client = await failureOf(() =>
        openSignerEndpoint({
          url: 'https://127.0.0.1:1',
          tls: { ca: cert, cert, key: Buffer.from(text) },
          connections: 1,
          timeoutMs: 1000,
        }),
      );
      expect(client.code).toBe('invalid-tls');
      expect(repeatsSecret(client.text)).toBe(false);
    }
  });

  it.each([
    ['what is not JSON', `{"data": ${SECRET}`],
    [
      'a secret key where the public key belongs',
      JSON.stringify({ data: { data: { [SECRET]: SECRET }, metadata: { version: 1 } } }),
    ],
    [
      'a key that is too short',
      JSON.stringify({
        data: { data: { [`0x${'ab'.repeat(48)}`]: SECRET.slice(2) }, metadata: { version: 1 } },
      }),
    ],
  ])(
    'hostile file: is an answer of HashiCorp Vault with %s → the error has nothing of its text',
    async (_, body) => {
      await using server = await startServer(() => ({ status: 200, body }));
      const source = hashiVaultSource(
        {},
        {
          url: server.url,
          readToken: async () => 's.throwaway',
          mount: 'secret',
          keyPaths: ['validators'],
          keyPrefixes: [],
          parallelism: 1,
          timeoutMs: 2_000,
          retryTimeoutMs: 100,
          poolSize: 1,
        },
      );
      const { code, text } = await failureOf(() => source.load());
      expect(code).toEqual(expect.stringMatching(/^(invalid-answer|hashi-vault-invalid-key)$/));
      expect(repeatsSecret(text)).toBe(false);
    },
  );

  it('hostile file: is a mnemonic, given as a network or as a damaged mnemonic → the error has no word of it', async () => {
    using directory = temporaryDirectory();
    const words = 'deadbeef abandon abandon abandon zebra zebra zebra horse';
    const file = join(directory.path, 'mnemonic.json');
    writeFileSync(file, words, { mode: 0o600 });
    const vault = RECORDED_VAULT;
    const runs = [
      ['signer', '--network', file, '--keys-dir', directory.path],
      ['validators-exit', '--vault', vault, '--network', file],
      ['create-keys', '--vault', vault, '--count', '1', '--mnemonic-file', file],
    ];
    for (const args of runs) {
      const { stdout, stderr, exitCode } = await runCli(args, { env: { DATA_DIR: directory.path } });
      expect(exitCode).not.toBe(0);
      expect(exitCode).not.toBe(70);
      expect(`${stdout}${stderr}`).not.toMatch(/deadbeef|abandon|zebra|horse/);
    }
  });
});

function writeKeys(directory: string): string {
  writeFileSync(join(directory, 'k.yaml'), `type: file-raw\nprivateKey: '0x${GOOD_KEY}'\n`);
  return directory;
}
