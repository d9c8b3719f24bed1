import { assertWholeCertificate } from '../../clients/signer/signer-tls.ts';
import type { EndpointUrl } from '../../lib/endpoint-url.ts';
import { defaulted, type OptionSpec, optional, type Resolved, repeated } from '../options/option.ts';
import { file, httpUrl, integer, signerUrls, text } from '../options/value-kinds.ts';
import { timeout } from './timeout.ts';

/** `--remote-signer-url`: one signer, or several that hold the same keys. */
export const REMOTE_SIGNER_URL: OptionSpec<readonly EndpointUrl[]> = {
  description:
    'The base URL of the remote signer, e.g. http://signer:9000, or unix:PATH of its socket; several that hold the same keys are separated by commas.',
  env: 'REMOTE_SIGNER_URL',
  value: signerUrls,
};

/** `--web3signer-endpoint` of commands that ask each signer alone. */
export function web3signerEndpoint(description: string) {
  return repeated({ description, value: httpUrl });
}

/** How to know a signer, and to prove oneself to it. */
export const SIGNER_TLS_OPTIONS = {
  signerCa: optional<string>({
    description: 'Certificate authority of the signer, or its self-signed certificate (PEM).',
    env: 'SIGNER_CA',
    value: file({ exists: true }),
  }),
  signerCert: optional<string>({
    description: 'Client certificate for the signer (PEM).',
    env: 'SIGNER_CERT',
    value: file({ exists: true }),
  }),
  signerKey: optional<string>({
    description: 'Key of the client certificate (PEM).',
    env: 'SIGNER_KEY',
    value: file({ exists: true }),
  }),
  signerPfx: optional<string>({
    description: 'Client certificate and key in one PKCS#12 file, instead of the two.',
    env: 'SIGNER_PFX',
    value: file({ exists: true }),
  }),
  signerPfxPassword: optional<string>({
    description: 'Password of the PKCS#12 file, or of the key of the client certificate.',
    env: 'SIGNER_PFX_PASSWORD',
    secret: true,
    hidden: true,
    value: text,
  }),
} as const;

/** @throws UsageError 'tls-incomplete' for half of a client certificate, or one that is given twice */
export function checkSignerTls(given: Resolved<typeof SIGNER_TLS_OPTIONS>): void {
  const { signerCert, signerKey, signerPfx } = given;
  assertWholeCertificate({ cert: signerCert, key: signerKey, pfx: signerPfx });
}

/** How a remote signer is asked. */
export const SIGNER_CONNECTION_OPTIONS = {
  ...SIGNER_TLS_OPTIONS,
  remoteSignerTimeout: timeout('REMOTE_SIGNER_TIMEOUT', 30, 'Time limit of one request to a signer'),
} as const;

/** Options of commands that have exits signed; without a URL the built-in signer does it. */
export const SIGNER_OPTIONS = {
  remoteSignerUrl: optional(REMOTE_SIGNER_URL),
  ...SIGNER_CONNECTION_OPTIONS,
  signerConcurrency: defaulted<number>(() => '64', {
    description: 'Signatures asked for at a time. Default is 64.',
    env: 'SIGNER_CONCURRENCY',
    value: integer({ min: 1, max: 1024 }),
  }),
} as const;
