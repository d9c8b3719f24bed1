import type { ErrorCodeOf } from '../../lib/error-codes.ts';
import { ExternalError } from '../../lib/errors.ts';
import { foreignText } from '../../lib/foreign-text.ts';
import { HttpStatusError } from '../http.ts';

interface Explanation {
  readonly code: ErrorCodeOf<'external'>;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly retryable?: boolean | undefined;
}

/** Codes of a signer's refusal to sign, by what it was asked for. */
export type SigningRefusal = Extract<
  ErrorCodeOf<'external'>,
  'signer-refused-exit' | 'signer-refused-deposit'
>;

/** What was asked of a signer: for messages. */
export interface SignerRequestSubject {
  /** What messages call the signer. */
  readonly name: string;
  readonly path: string;
  /** The key and what is signed, when a signature was asked for. */
  readonly signing?:
    | { readonly publicKey: string; readonly what: string; readonly refusal: SigningRefusal }
    | undefined;
}

const WRONG_SIGNER = 'Check that the URL is that of a Web3Signer in eth2 mode.';

/**
 * An answer that is not the expected one, as an error that says what to change.
 * @returns ExternalError `key-not-loaded`, `signer-refused-exit`, `signer-refused-deposit`, `signer-busy`, `body-too-large` or `web3signer-refused`
 */
export function explainSignerStatus(error: HttpStatusError, subject: SignerRequestSubject): ExternalError {
  const { code, message, hint, retryable } = explanationOf(error, subject);
  return new ExternalError(code, message, { hint, retryable: retryable ?? false, cause: error });
}

function explanationOf(error: HttpStatusError, subject: SignerRequestSubject): Explanation {
  const { name, path, signing } = subject;
  const generic: Explanation = {
    code: 'web3signer-refused',
    message: `${name} answered ${path} with HTTP status ${error.status}.`,
  };
  switch (error.status) {
    case 400:
    case 500:
      if (signing === undefined) return { ...generic, hint: 'Its log says why.' };
      return signing.refusal === 'signer-refused-deposit'
        ? refusedDeposit(error, subject)
        : refusedRoot(error, subject);
    case 401:
      return { ...generic, hint: 'A proxy in front of it asks for credentials: put them into the URL.' };
    case 403:
      return { ...generic, hint: 'Add the name in the URL to the signer’s --http-host-allowlist.' };
    case 404:
      return signing === undefined || isPageNotFound(error)
        ? { ...generic, hint: WRONG_SIGNER }
        : {
            code: 'key-not-loaded',
            message: `${name} has not loaded key ${signing.publicKey}.`,
            hint: 'Load the key and reload the signer; shares have to be uploaded again after a change of the oracle set.',
          };
    case 405:
      return { ...generic, hint: WRONG_SIGNER };
    case 406:
      return {
        ...generic,
        hint: 'Something between changes the Accept header of requests, such as a proxy.',
      };
    case 412:
      // Deposits are no matter of the slashing protection: this is the built-in signer, which says why.
      if (signing?.refusal === 'signer-refused-deposit') return refusedDeposit(error, subject);
      return {
        ...generic,
        hint: 'The signer’s slashing protection refuses: its database is that of another network, or the validator is disabled there.',
      };
    case 413:
      return {
        code: 'body-too-large',
        message: `${name} takes no request of this size on ${path}.`,
        hint: 'Send fewer keys at once; a proxy in front of the signer must allow 10 MiB, too.',
      };
    case 429:
    case 502:
    case 503:
    case 504:
      return {
        code: 'signer-busy',
        message: generic.message,
        hint: 'The signer, or a proxy in front of it, is overloaded or starting.',
        retryable: true,
      };
    default:
      return generic;
  }
}

/** Web3Signer answers 500, and others 400, when the signing root is not the one that they compute themselves. */
function refusedRoot({ status }: HttpStatusError, { name, signing }: SignerRequestSubject): Explanation {
  return {
    code: 'signer-refused-exit',
    message: `${name} refused ${signing?.what} with key ${signing?.publicKey} (HTTP status ${status}).`,
    hint: 'It computes another signing root when its --network is not the network of the vault; its log says why.',
  };
}

/** The built-in signer says why; Web3Signer has a phrase of HTTP's only. */
function refusedDeposit(error: HttpStatusError, { name, signing }: SignerRequestSubject): Explanation {
  const words = foreignText(new TextDecoder().decode(error.body));
  return {
    code: 'signer-refused-deposit',
    message: `${name} refused ${signing?.what} with key ${signing?.publicKey} (HTTP status ${error.status}): ${words}`,
    hint: 'The built-in signer signs deposits with --sign-deposits only, and those of its --vault; a Web3Signer computes another signing root when its --network is not that of the vault.',
  };
}

/** Web3Signer's words for a missing key are plain text; for a missing path it has a page. */
function isPageNotFound(error: HttpStatusError): boolean {
  return new TextDecoder().decode(error.body).trimStart().startsWith('<');
}

/** Codes of OpenSSL, Node and undici, and what they mean here. The first that fits. */
const FAILURES: readonly (readonly [RegExp, (name: string) => Explanation])[] = [
  [
    /^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/,
    name => ({
      code: 'connection-reset',
      message: `${name} cut the connection.`,
      hint: name.startsWith('https:')
        ? 'It may have been restarted, or does not accept the client certificate (--signer-cert and --signer-key, or --signer-pfx).'
        : 'It may have been restarted, or expects https where the URL says http.',
      retryable: true,
    }),
  ],
  [
    /^ECONNREFUSED$/,
    name => ({
      code: 'unreachable',
      message: `${name} refuses connections.`,
      hint: 'Check host and port, and that the signer runs: Web3Signer opens its port when all keys are loaded.',
      retryable: true,
    }),
  ],
  [
    /^ENOENT$/,
    name => ({
      code: 'unreachable',
      message: `${name} does not exist.`,
      hint: 'Check the path of the socket, and that the signer runs.',
      retryable: true,
    }),
  ],
  [
    /^EACCES$/,
    name => ({
      code: 'unreachable',
      message: `${name} may not be opened by this user.`,
      hint: 'Run as the user of the signer.',
    }),
  ],
  [
    /^(ENOTFOUND|EAI_AGAIN)$/,
    name => ({
      code: 'unreachable',
      message: `The host name of ${name} cannot be resolved.`,
      hint: 'Check the URL of the signer.',
      retryable: true,
    }),
  ],
  [
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/,
    name => ({
      code: 'tls-failed',
      message: `${name} does not speak TLS.`,
      hint: 'Write its URL with http://, or give the signer a TLS keystore.',
    }),
  ],
  [
    /^HPE_/,
    name => ({
      code: 'invalid-answer',
      message: `${name} does not speak HTTP.`,
      hint: 'Write its URL with https:// when it has TLS.',
    }),
  ],
  [
    /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED|INVALID_CA/,
    name => ({
      code: 'tls-untrusted',
      message: `The certificate of ${name} is not signed by a trusted authority.`,
      hint: 'Give the authority, or a self-signed certificate itself, with --signer-ca.',
    }),
  ],
  [
    /^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/,
    name => ({
      code: 'tls-expired',
      message: `The certificate of ${name} has expired or is not valid yet.`,
      hint: 'Renew it, and check the clocks of both machines.',
    }),
  ],
  [
    /ALTNAME_INVALID|HOSTNAME_MISMATCH/,
    name => ({
      code: 'tls-wrong-name',
      message: `The certificate of ${name} is for another name.`,
      hint: 'Use a name of the certificate in the URL.',
    }),
  ],
  [
    /ALERT_CERTIFICATE_REQUIRED|ALERT_HANDSHAKE_FAILURE/,
    name => ({
      code: 'tls-client-certificate',
      message: `${name} wants a client certificate.`,
      hint: 'Give it with --signer-cert and --signer-key, or --signer-pfx.',
    }),
  ],
  [
    /ALERT_(CERTIFICATE_|BAD_CERTIFICATE|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|DECRYPT_ERROR)/,
    name => ({
      code: 'tls-client-certificate',
      message: `${name} does not accept this client certificate.`,
      hint: 'Put its common name and SHA-256 fingerprint into the signer’s --tls-known-clients-file and restart it.',
    }),
  ],
  [
    /^(EPROTO|ERR_SSL_)/,
    name => ({
      code: 'tls-failed',
      message: `The TLS handshake with ${name} failed.`,
      hint: 'Check --signer-ca, --signer-cert and --signer-key; the signer may want a client certificate.',
    }),
  ],
];

/**
 * A failed connection as an error that says what to change. Errors that already say it are returned as they are.
 * @returns ExternalError `connection-reset`, `unreachable`, `tls-…`, `invalid-answer`, `timeout`
 */
export function explainSignerFailure(error: unknown, name: string): unknown {
  if (error instanceof HttpStatusError || !(error instanceof ExternalError)) return error;
  for (const failureCode of codesOf(error)) {
    const explain = FAILURES.find(([pattern]) => pattern.test(failureCode))?.[1];
    if (explain === undefined) continue;
    const { code, message, hint, retryable } = explain(name);
    return new ExternalError(code, message, { hint, retryable: retryable ?? false, cause: error });
  }
  return error;
}

/** Codes along the chain of causes. EPROTO stands for many things: OpenSSL's own reason, in the message, comes before it. */
function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  for (let e = error; e instanceof Error; e = e.cause) {
    if (e instanceof AggregateError) for (const code of e.errors.flatMap(codesOf)) codes.push(code);
    const reason = /:SSL routines:[^:]*:([^:]+):/.exec(e.message)?.[1];
    if (reason !== undefined) codes.push(`ERR_SSL_${reason.trim().toUpperCase().replaceAll(' ', '_')}`);
    if ('code' in e && !(e instanceof ExternalError)) codes.push(String(e.code));
  }
  return codes;
}
