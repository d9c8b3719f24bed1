import { describe, expect, it } from 'vitest';
import { explainSignerFailure } from '../../../../src/clients/signer/signer-errors.ts';
import { ExternalError } from '../../../../src/lib/errors.ts';
import { readSignerRecording } from '../../../support/recorded/recorded-signer.ts';

interface RecordedClient {
  readonly client: string;
  readonly result: { readonly error?: string; readonly message?: string };
}

/** What a client saw that was not let in, over all recorded TLS set-ups. */
const refusals = (
  JSON.parse(readSignerRecording('tls')) as { entries: { clients?: readonly RecordedClient[] }[] }
).entries
  .flatMap(entry => entry.clients ?? [])
  .filter(({ result }) => result.error !== undefined);

function explain(code: string, message: string) {
  const cause = Object.assign(new Error(message), { code });
  const failure = new ExternalError('unreachable', 'failed', { retryable: true, cause });
  return explainSignerFailure(failure, 'https://signer:9000') as ExternalError;
}

describe('failures of a connection', () => {
  it('explainSignerFailure says what to change for every recorded refusal of a connection', () => {
    expect(refusals.length).toBeGreaterThan(10);
    const seen = new Set<string>();
    for (const { result } of refusals) {
      const { code, hint, message } = explain(result.error ?? '', result.message ?? '');
      expect(code).toMatch(/^(tls-|connection-reset$)/);
      expect(hint).toBeDefined();
      expect(message).toContain('https://signer:9000');
      seen.add(`${result.error} ${code}`);
    }
    expect([...seen]).toContain('ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN tls-client-certificate');
    expect([...seen]).toContain('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED tls-client-certificate');
    expect([...seen]).toContain('DEPTH_ZERO_SELF_SIGNED_CERT tls-untrusted');
  });

  it.each([
    // Node 24 brings another OpenSSL, with other names.
    ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN', '', 'tls-client-certificate'],
    ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', '', 'tls-client-certificate'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', '', 'tls-client-certificate'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', '', 'tls-failed'],
    [
      'EPROTO',
      'write EPROTO 80:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:x.c:350:',
      'tls-failed',
    ],
    [
      'EPROTO',
      'write EPROTO 80:error:0A000410:SSL routines:f:ssl/tls alert handshake failure:x.c:9:',
      'tls-client-certificate',
    ],
    ['EPROTO', 'write EPROTO', 'tls-failed'],
    ['ECONNRESET', 'read ECONNRESET', 'connection-reset'],
    ['EPIPE', 'write EPIPE', 'connection-reset'],
    ['UND_ERR_SOCKET', 'other side closed', 'connection-reset'],
    ['CERT_NOT_YET_VALID', '', 'tls-expired'],
    ['EACCES', 'connect EACCES', 'unreachable'],
    ['EHOSTUNREACH', 'connect EHOSTUNREACH', 'unreachable'],
  ])('explainSignerFailure explains %s "%s" as %s', (failure, message, code) => {
    expect(explain(failure, message).code).toBe(code);
  });

  it('explainSignerFailure leaves a bug as it is', () => {
    const bug = new TypeError('x is not a function');
    expect(explainSignerFailure(bug, 'signer')).toBe(bug);
  });
});
