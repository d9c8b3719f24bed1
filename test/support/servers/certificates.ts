import { generateKeyPairSync } from 'node:crypto';
import forge from 'node-forge';

/** A certificate with its key, in PEM. */
export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface CertificateOptions {
  readonly commonName: string;
  /** Self-signed when left out. */
  readonly issuer?: Certificate;
  readonly isAuthority?: boolean;
  /** Default: 127.0.0.1 and localhost. */
  readonly dnsName?: string;
  readonly notAfter?: Date;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Issues a certificate; keys are made by OpenSSL, since node-forge is slow at it. */
export function issueCertificate(options: CertificateOptions): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = privateKey.export({ type: 'pkcs1', format: 'pem' });
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(
    publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  );
  certificate.serialNumber = `01${forge.util.bytesToHex(forge.random.getBytesSync(8))}`;
  certificate.validity.notBefore = new Date(Date.now() - 10 * DAY_MS);
  certificate.validity.notAfter = options.notAfter ?? new Date(Date.now() + 10 * DAY_MS);
  const subject = [{ name: 'commonName', value: options.commonName }];
  const issuer = options.issuer && forge.pki.certificateFromPem(options.issuer.cert.toString());
  certificate.setSubject(subject);
  certificate.setIssuer(issuer?.subject.attributes ?? subject);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: options.isAuthority ?? false },
    {
      name: 'subjectAltName',
      altNames: options.dnsName
        ? [{ type: 2, value: options.dnsName }]
        : [
            { type: 2, value: 'localhost' },
            { type: 7, ip: '127.0.0.1' },
          ],
    },
  ]);
  const signingKey = options.issuer?.key.toString() ?? key.toString();
  certificate.sign(forge.pki.privateKeyFromPem(signingKey), forge.md.sha256.create());
  return { cert: Buffer.from(forge.pki.certificateToPem(certificate)), key: Buffer.from(key) };
}

/** The certificate and its key as a PKCS#12 file. */
export function toPkcs12({ cert, key }: Certificate, password: string): Buffer {
  const document = forge.pkcs12.toPkcs12Asn1(
    forge.pki.privateKeyFromPem(key.toString()),
    [forge.pki.certificateFromPem(cert.toString())],
    password,
    { algorithm: 'aes256' },
  );
  return Buffer.from(forge.asn1.toDer(document).getBytes(), 'binary');
}
