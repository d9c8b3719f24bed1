import type { SignerSettings } from '../settings/signer-settings.ts';
import type { ListenerGiven } from './flags/listener.ts';

/** The part of a signer's settings that the options of its listener make. */
export function listenSettings(given: ListenerGiven): Omit<SignerSettings, 'network' | 'keys'> {
  const { listen, socket, tlsCert, tlsKey, tlsClientCa, clientNames } = given;
  return {
    listen:
      socket === undefined
        ? { kind: 'tcp', ...(listen ?? { host: '127.0.0.1', port: 9000 }) }
        : { kind: 'socket', path: socket },
    tls:
      tlsCert !== undefined && tlsKey !== undefined
        ? { cert: tlsCert, key: tlsKey, clientCa: tlsClientCa }
        : undefined,
    clientNames,
    allowUnauthenticated: given.allowUnauthenticated,
    hosts: given.httpHostAllowlist,
    onlyValidatorIndexes: given.onlyValidatorIndexes,
    rateLimit: given.rateLimit,
  };
}
