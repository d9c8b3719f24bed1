import { createSecureContext } from 'node:tls';
import { messageOf, UsageError } from '../../lib/errors.ts';

/** How to know a signer, and how to prove oneself to it. PEM or DER as bytes. */
export interface SignerTls {
  /** Authorities that may have signed the server's certificate, in place of the system's; a self-signed one itself. */
  readonly ca?: Uint8Array | undefined;
  /** Client certificate (PEM, with its chain) and its key. */
  readonly cert?: Uint8Array | undefined;
  readonly key?: Uint8Array | undefined;
  /** The same as PKCS#12. */
  readonly pfx?: Uint8Array | undefined;
  /** Passphrase of the key, or of the PKCS#12 file. */
  readonly passphrase?: string | undefined;
}

/** What `tls.connect` takes. */
export interface TlsConnectOptions {
  ca?: Buffer | undefined;
  cert?: Buffer | undefined;
  key?: Buffer | undefined;
  pfx?: Buffer | undefined;
  passphrase?: string | undefined;
}

/**
 * Checks that a client's certificate is whole, and given in one way; what of it is given may be the bytes or their path.
 * @throws UsageError 'tls-incomplete'
 */
export function assertWholeCertificate(given: { readonly [part in 'cert' | 'key' | 'pfx']?: unknown }): void {
  if ((given.cert === undefined) !== (given.key === undefined)) {
    throw new UsageError(
      'tls-incomplete',
      'A client certificate and its key belong together (--signer-cert and --signer-key).',
    );
  }
  if (given.pfx !== undefined && given.cert !== undefined) {
    throw new UsageError(
      'tls-incomplete',
      'Give a client certificate either as --signer-pfx or as --signer-cert and --signer-key.',
    );
  }
}

/**
 * Checks that TLS material can be read and fits together, before anything is connected.
 * @throws UsageError 'invalid-tls' | 'tls-incomplete'
 */
export function tlsConnectOptions(tls: SignerTls): TlsConnectOptions {
  assertWholeCertificate(tls);
  const options: TlsConnectOptions = {
    ...(tls.ca !== undefined && { ca: Buffer.from(tls.ca) }),
    ...(tls.cert !== undefined && { cert: Buffer.from(tls.cert) }),
    ...(tls.key !== undefined && { key: Buffer.from(tls.key) }),
    ...(tls.pfx !== undefined && { pfx: Buffer.from(tls.pfx) }),
    ...(tls.passphrase !== undefined && { passphrase: tls.passphrase }),
  };
  assertUsable(options);
  return options;
}

/** OpenSSL's words, and which file is meant. */
const FAULTS: readonly (readonly [RegExp, string])[] = [
  [/mac verify failure|invalid password/i, 'The password does not open the PKCS#12 file.'],
  [
    /bad decrypt|bad password read|empty passphrase|interrupted or cancelled/i,
    'The password does not open the client key.',
  ],
  [
    /unsupported/i,
    'The PKCS#12 file uses ciphers that OpenSSL 3 does not read; export it again without -legacy.',
  ],
  [/key values mismatch|key_values_mismatch/i, 'The client key is not the key of the client certificate.'],
];

function assertUsable(options: TlsConnectOptions): void {
  if (options.ca !== undefined && !options.ca.includes('-----BEGIN CERTIFICATE-----')) {
    throw new UsageError('invalid-tls', 'The file of --signer-ca holds no certificate in PEM form.');
  }
  try {
    createSecureContext(options);
  } catch (error) {
    const fault = FAULTS.find(([pattern]) => pattern.test(messageOf(error)))?.[1];
    throw new UsageError(
      'invalid-tls',
      fault ?? `The TLS files of the signer cannot be used: ${messageOf(error)}.`,
      { cause: error },
    );
  }
}
