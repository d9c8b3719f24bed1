import type { X509Certificate } from 'node:crypto';
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Logger } from '../../lib/logger.ts';
import { answer, TEXT_TYPE } from './http-answers.ts';

const SENTENCE = "The name in the client's certificate is not one of --client-names.";

/**
 * Lets requests through whose client's certificate has one of these names. Others are answered 403 before anything of
 * their request is looked at: that an authority has signed a certificate does not say that its holder may exit validators.
 */
export function onlyClients(
  names: readonly string[],
  log: Pick<Logger, 'warn'>,
  listener: RequestListener,
): RequestListener {
  // A connection's certificate stays the same: it is looked at once.
  const known = new WeakMap<Socket, boolean>();
  const isKnown = (socket: Socket): boolean => {
    const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
    const isNamed = certificate !== undefined && names.some(name => hasName(certificate, name));
    if (!isNamed)
      log.warn({ subject: certificate?.subject }, 'refused a client that --client-names does not list');
    return isNamed;
  };
  return (request, response) => {
    const { socket } = request;
    const isAdmitted = known.get(socket) ?? isKnown(socket);
    known.set(socket, isAdmitted);
    if (isAdmitted) listener(request, response);
    else answer(response, 403, SENTENCE, { 'content-type': TEXT_TYPE, connection: 'close' });
  };
}

/**
 * Whether a certificate's subject has the name as a common name, character for character, or the certificate has it as a
 * DNS name. Wildcards count as no name: they would let in whoever has a host below.
 */
function hasName(certificate: X509Certificate, name: string): boolean {
  const commonNames: unknown = certificate.toLegacyObject().subject?.CN;
  if ([commonNames].flat().includes(name)) return true;
  // With a dot in front, OpenSSL would take it for every host below.
  if (name.startsWith('.')) return false;
  const options = { subject: 'never', wildcards: false, partialWildcards: false } as const;
  return certificate.checkHost(name, options) !== undefined;
}
