import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSigner } from '../../../src/compose/signer.ts';
import { type BuiltInSigner, startBuiltIn } from '../../integration/signer/built-in.ts';
import { runCli, temporaryDirectory } from '../../support/programs/cli.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { type Certificate, issueCertificate } from '../../support/servers/certificates.ts';

const SECRET_KEY = '3ee2224386c82ffea477e2adf28a2929f5c349165a4196158c7f3a2ecca40f35';
const NAMES = ['operator', 'exits.example.org'];

const resources = new AsyncDisposableStack();
const authority = issueCertificate({ commonName: 'authority', isAuthority: true });
const client = (commonName: string, dnsName?: string): Certificate =>
  issueCertificate({ commonName, issuer: authority, ...(dnsName !== undefined && { dnsName }) });
let signer: BuiltInSigner;
let files: { cert: string; key: string; clientCa: string };

beforeAll(async () => {
  const directory = resources.use(temporaryDirectory());
  const server = client('signer');
  const file = (name: string, content: Buffer) => {
    writeFileSync(join(directory.path, name), content);
    return join(directory.path, name);
  };
  files = {
    cert: file('cert', server.cert),
    key: file('key', server.key),
    clientCa: file('ca', authority.cert),
  };
  signer = resources.use(await startBuiltIn([SECRET_KEY], { tls: files, clientNames: NAMES }));
});
afterAll(() => resources.disposeAsync());

interface Asked {
  readonly answer: string;
  readonly session: Buffer | undefined;
}

/** The answer to a request over a connection with this certificate, or the error that ended it. */
async function ask(
  { cert, key }: Certificate,
  options: { path?: string; session?: Buffer | undefined } = {},
): Promise<Asked> {
  const socket = connectTls({
    host: '127.0.0.1',
    port: Number(new URL(signer.address).port),
    ca: authority.cert,
    cert,
    key,
    session: options.session,
  });
  let session: Buffer | undefined;
  socket.on('session', given => {
    session = given;
  });
  let answer = '';
  socket.on('error', error => {
    answer += `error ${String(error)}`;
  });
  socket.setEncoding('utf8').on('data', (part: string) => {
    answer += part;
  });
  socket.write(`GET ${options.path ?? '/upcheck'} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
  await new Promise(resolve => socket.once('close', resolve));
  return { answer, session };
}

describe('L7 · who may connect to the signer', () => {
  it.each([
    ['a common name of the list', client('operator')],
    ['a DNS name of the list', client('someone', 'exits.example.org')],
  ])('man in the middle: is not there → a client with %s is answered', async (_, certificate) => {
    expect((await ask(certificate)).answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  it.each([
    ['another name', client('prometheus')],
    ['a name in other letters', client('Operator')],
    ['a longer name', client('operator2')],
    ['a name with a space behind', client('operator ')],
    ['a name and a zero byte behind', client('operator\0.evil.example')],
    ['a list of names', client('operator,exits.example.org')],
    ['a wildcard', client('*', '*.example.org')],
    ['a DNS name above one of the list', client('someone', 'example.org')],
    ['a DNS name below one of the list', client('someone', 'www.exits.example.org')],
    ['text that looks like a DNS name of the list', client('someone', 'evil, DNS:exits.example.org')],
    ['no name', client('')],
  ])(
    "man in the middle: has the authority's certificate for %s → 403, on every path",
    async (_, certificate) => {
      for (const path of ['/upcheck', '/metrics', '/api/v1/eth2/publicKeys', '/nowhere']) {
        const { answer } = await ask(certificate, { path });
        expect(answer).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
        expect(answer).toContain("The name in the client's certificate is not one of --client-names.");
        expect(answer).not.toContain('0x');
      }
    },
  );

  it('man in the middle: resumes the session of a refused connection → is refused again; a known client resumes its own', async () => {
    for (const [certificate, status] of [
      [client('prometheus'), '403'],
      [client('operator'), '200'],
    ] as const) {
      const first = await ask(certificate);
      expect(first.session, 'the server gives sessions').toBeInstanceOf(Buffer);
      const { answer } = await ask(certificate, { session: first.session });
      expect(answer).toContain(`HTTP/1.1 ${status}`);
    }
  });

  it('man in the middle: has a certificate of another authority, or none → no answer at all', async () => {
    const other = issueCertificate({ commonName: 'operator' });
    expect((await ask(other)).answer).not.toContain('HTTP/');
    expect((await ask({} as Certificate)).answer).not.toContain('HTTP/');
  });

  it("man in the middle: is refused → the signer's log says who it was", async () => {
    await ask(client('prometheus'));
    expect(signer.lines).toContainEqual({
      level: 'warn',
      fields: { subject: 'CN=prometheus' },
      text: 'refused a client that --client-names does not list',
    });
  });

  it('local user: finds the signer’s default address → a warning had named --socket and client certificates', async () => {
    const warnings: string[] = [];
    const open = async (settings: object) => {
      using directory = temporaryDirectory();
      await using opened = await openSigner(
        {
          network: 'mainnet',
          keys: { kind: 'key-files', directory: signer.keysDirectory },
          poolSize: 1,
          listen: { kind: 'socket', path: join(directory.path, 'run', 'signer.sock') },
          ...settings,
        },
        { log: recordingLog().log, warn: line => warnings.push(line) },
      );
      return opened.address;
    };
    const listen = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
    await open({ listen });
    await open({ listen, tls: { cert: files.cert, key: files.key } });
    expect(warnings).toHaveLength(2);
    for (const warning of warnings) expect(warning).toMatch(/^Whoever reaches 127\.0\.0\.1:0 can exit every/);
    for (const warning of warnings) expect(warning).toMatch(/--socket .*--tls-client-ca.*--client-names/);
    warnings.length = 0;
    await open({});
    await open({ listen, tls: files });
    expect(warnings).toEqual([]);
  });

  it.each([
    [
      'names without an authority',
      ['--client-names', 'operator'],
      /--client-names goes with --tls-client-ca/,
    ],
    ['no name at all', ['--client-names', 'operator,'], /'' is not the name of a client/],
    ['a wildcard', ['--client-names', '*.example.org'], /'\*\.example\.org' is not the name of a client/],
  ])(
    'local user: would profit from %s in --client-names → the command line is refused',
    async (_, args, sentence) => {
      const { stderr, exitCode } = await runCli([
        'signer',
        '--network',
        'mainnet',
        '--keys-dir',
        signer.keysDirectory,
        '--listen',
        '127.0.0.1:0',
        ...args,
      ]);
      expect(stderr).toMatch(sentence);
      expect(exitCode).toBe(2);
    },
  );
});
