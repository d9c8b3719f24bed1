import type { ServerOptions } from 'node:https';
import { describe, expect, it } from 'vitest';
import { openSignerClient } from '../../../../src/clients/signer/signer-client.ts';
import type { SignerTls } from '../../../../src/clients/signer/signer-tls.ts';
import { resolveNetwork } from '../../../../src/networks/resolve-network.ts';
import { issueCertificate, toPkcs12 } from '../../../support/servers/certificates.ts';
import { exitSigner, type TestKey, testKeys } from '../../../support/servers/exit-signer.ts';
import { startServer } from '../../../support/servers/http-server.ts';

const network = resolveNetwork('mainnet');
const [key] = testKeys(1) as [TestKey];
const authority = issueCertificate({ commonName: 'team authority', isAuthority: true });
const otherAuthority = issueCertificate({ commonName: 'other authority', isAuthority: true });
const server = issueCertificate({ commonName: 'signer', issuer: authority });
const client = issueCertificate({ commonName: 'operator', issuer: authority });
const stranger = issueCertificate({ commonName: 'stranger', issuer: otherAuthority });
const past = new Date(Date.now() - 24 * 60 * 60 * 1000);

// Node's servers close the connection of a client whose certificate they do not accept, without saying why.
const mutual: ServerOptions = { ...server, ca: authority.cert, requestCert: true, rejectUnauthorized: true };
const mutual12: ServerOptions = { ...mutual, maxVersion: 'TLSv1.2' };

async function sign(serverOptions: ServerOptions, tls: SignerTls | undefined) {
  await using signer = await startServer(exitSigner([key]), { tls: serverOptions });
  await using signing = openSignerClient({ urls: [signer.url], timeoutMs: 5_000, tls });
  return await signing.signExit({ publicKey: key.publicKey, validatorIndex: 1n, epoch: 2n, network });
}

describe('TLS to a signer', () => {
  it.each<readonly [string, ServerOptions, SignerTls]>([
    ['a private authority', server, { ca: authority.cert }],
    ['a self-signed certificate given itself', authority, { ca: authority.cert }],
    ['a client certificate', mutual, { ca: authority.cert, ...client }],
    ['a client certificate under TLS 1.2', mutual12, { ca: authority.cert, ...client }],
    ['PKCS#12', mutual, { ca: authority.cert, pfx: toPkcs12(client, 'secret'), passphrase: 'secret' }],
  ])('the signer client works over TLS with %s', async (_, serverOptions, tls) => {
    await expect(sign(serverOptions, tls)).resolves.toHaveLength(96);
  });

  it.each<readonly [string, ServerOptions, SignerTls | undefined, string, string]>([
    ['nothing given', server, undefined, 'tls-untrusted', '--signer-ca'],
    ['a self-signed certificate', authority, undefined, 'tls-untrusted', '--signer-ca'],
    ['a wrong authority', server, { ca: otherAuthority.cert }, 'tls-untrusted', '--signer-ca'],
    ['no client certificate', mutual, { ca: authority.cert }, 'tls-client-certificate', '--signer-cert'],
    [
      'no client certificate, TLS 1.2',
      mutual12,
      { ca: authority.cert },
      'tls-client-certificate',
      '--signer-cert',
    ],
    [
      'an unknown client certificate',
      mutual,
      { ca: authority.cert, ...stranger },
      'connection-reset',
      '--signer-cert',
    ],
    [
      'an unknown client certificate, TLS 1.2',
      mutual12,
      { ca: authority.cert, ...stranger },
      'connection-reset',
      '--signer-cert',
    ],
    [
      'an expired client certificate',
      mutual,
      {
        ca: authority.cert,
        ...issueCertificate({ commonName: 'operator', issuer: authority, notAfter: past }),
      },
      'connection-reset',
      '--signer-cert',
    ],
    [
      'an expired server certificate',
      issueCertificate({ commonName: 'signer', issuer: authority, notAfter: past }),
      { ca: authority.cert },
      'tls-expired',
      'clocks',
    ],
    [
      'a certificate for another name',
      issueCertificate({ commonName: 'signer', issuer: authority, dnsName: 'signer.example' }),
      { ca: authority.cert },
      'tls-wrong-name',
      'name of the certificate',
    ],
  ])(
    'the signer client fails over TLS with a hint what to change: %s',
    async (_, serverOptions, tls, code, hint) => {
      await expect(sign(serverOptions, tls)).rejects.toMatchObject({
        code,
        exitCode: 1,
        message: expect.stringContaining('https://127.0.0.1:'),
        hint: expect.stringContaining(hint),
      });
    },
  );

  it('the signer client tells TLS and plain HTTP apart', async () => {
    const ask = async (url: string) => {
      await using signing = openSignerClient({ urls: [url], timeoutMs: 2_000 });
      return await signing.signExit({ publicKey: key.publicKey, validatorIndex: 1n, epoch: 2n, network });
    };
    await using plain = await startServer(exitSigner([key]));
    await expect(ask(plain.url.replace('http:', 'https:'))).rejects.toMatchObject({
      code: 'tls-failed',
      hint: expect.stringContaining('http://'),
    });
    await using secure = await startServer(exitSigner([key]), { tls: server });
    await expect(ask(secure.url.replace('https:', 'http:'))).rejects.toMatchObject({
      code: expect.stringMatching(/^(connection-reset|invalid-answer)$/),
      hint: expect.stringContaining('https'),
    });
  });

  it.each<readonly [string, SignerTls, RegExp]>([
    ['a certificate without its key', { cert: client.cert }, /belong together/],
    ['a key without its certificate', { key: client.key }, /belong together/],
    ['both forms', { ...client, pfx: toPkcs12(client, 'x') }, /either/],
    [
      'a key of another certificate',
      { cert: client.cert, key: stranger.key },
      /not the key of the client certificate/,
    ],
    [
      'a wrong password',
      { pfx: toPkcs12(client, 'right'), passphrase: 'wrong' },
      /does not open the PKCS#12/,
    ],
    ['no password', { pfx: toPkcs12(client, 'right') }, /does not open the PKCS#12/],
    ['another file as PKCS#12', { pfx: client.cert }, /cannot be used/],
    ['another file as authority', { ca: Buffer.from('hello') }, /no certificate in PEM form/],
    ['another file as certificate', { cert: Buffer.from('hello'), key: client.key }, /cannot be used/],
  ])('openSignerClient refuses unusable TLS files before it connects: %s', (_, tls, message) => {
    expect(() => openSignerClient({ urls: ['https://127.0.0.1:1'], timeoutMs: 1_000, tls })).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringMatching(message) }),
    );
  });
});
