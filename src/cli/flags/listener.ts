import { UsageError } from '../../lib/errors.ts';
import type { RateLimit } from '../../settings/signer-settings.ts';
import { flag, optional, type Resolved, repeated, type ValueKind } from '../options/option.ts';
import { file, text } from '../options/value-kinds.ts';

interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

const hostAndPort: ValueKind<HostAndPort> = {
  placeholder: 'HOST:PORT',
  parse(value) {
    const [, host, port] =
      /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(value)?.filter(part => part !== undefined) ?? [];
    if (host === undefined || Number(port) > 65_535)
      throw new UsageError('invalid-listen', `'${value}' is not a host and a port, such as 127.0.0.1:9000.`);
    return { host, port: Number(port) };
  },
};

const UNITS_MS = { s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;

const rate: ValueKind<RateLimit> = {
  placeholder: 'COUNT/UNIT',
  parse(value) {
    const [, count, unit] = /^([1-9]\d{0,8})\/(s|min|h|d)$/.exec(value) ?? [];
    const perMs = Object.entries(UNITS_MS).find(([name]) => name === unit)?.[1];
    if (count === undefined || perMs === undefined)
      throw new UsageError('invalid-rate', `'${value}' is not a rate, such as 100/s, 60/min, 20/h or 50/d.`);
    return { count: Number(count), perMs };
  },
};

export const validatorIndexes: ValueKind<readonly string[]> = {
  placeholder: 'INDEX[,INDEX…]',
  parse(value) {
    const indexes = value.split(',').map(part => part.trim());
    const wrong = indexes.find(index => !/^\d{1,20}$/.test(index));
    if (wrong !== undefined) throw new UsageError('invalid-index', `'${wrong}' is not a validator index.`);
    return indexes;
  },
};

const clientNames: ValueKind<readonly string[]> = {
  placeholder: 'NAME[,NAME…]',
  parse(value) {
    const names = value.split(',').map(part => part.trim());
    const wrong = names.find(name => !/^[\x20-\x7e]{1,253}$/.test(name) || name.includes('*'));
    if (wrong === undefined) return names;
    throw new UsageError(
      'invalid-client-name',
      `'${wrong}' is not the name of a client: it is compared as it is, and cannot be empty or have wildcards.`,
    );
  },
};

/** Where and for whom the built-in signer answers. */
export const LISTEN_OPTIONS = {
  listen: optional<HostAndPort>({
    description: 'Host and port to listen on. Default is 127.0.0.1:9000.',
    env: 'SIGNER_LISTEN',
    value: hostAndPort,
  }),
  socket: optional({
    description: 'Unix socket to listen on instead; its directory is made, for this user only.',
    env: 'SIGNER_SOCKET',
    value: text,
  }),
  tlsCert: optional({ description: 'Certificate of the listener, PEM.', value: file({ exists: true }) }),
  tlsKey: optional({ description: 'Key of the certificate, PEM.', value: file({ exists: true }) }),
  tlsClientCa: optional({
    description: 'Certificate authority of the clients, PEM: only they are answered.',
    value: file({ exists: true }),
  }),
  clientNames: optional<readonly string[]>({
    description:
      "Which of the authority's clients are answered: the common name or a DNS name of each one's certificate. Default is all of them.",
    env: 'SIGNER_CLIENT_NAMES',
    value: clientNames,
  }),
  allowUnauthenticated: flag({
    description:
      'Listens beyond this machine without client certificates: whoever reaches it can exit every validator.',
  }),
  httpHostAllowlist: repeated({
    description:
      'Further names in Host headers that are answered; * for all. Default is localhost, 127.0.0.1 and the host of --listen.',
    value: text,
  }),
  onlyValidatorIndexes: optional<readonly string[]>({
    description: 'Signs exits of these validators only.',
    value: validatorIndexes,
  }),
  rateLimit: optional<RateLimit>({
    description: 'At most so many signatures in a time, such as 60/min or 20/h.',
    value: rate,
  }),
} as const;

export type ListenerGiven = Resolved<typeof LISTEN_OPTIONS>;

/** @throws UsageError for options that do not go together */
export function checkListener(given: ListenerGiven): void {
  const { listen, socket, tlsCert, tlsKey, tlsClientCa, clientNames } = given;
  if (listen !== undefined && socket !== undefined)
    throw new UsageError('contradiction', 'Give --listen or --socket, not both.');
  if (
    (tlsCert === undefined) !== (tlsKey === undefined) ||
    (tlsClientCa !== undefined && tlsCert === undefined)
  )
    throw new UsageError(
      'tls-incomplete',
      'TLS needs --tls-cert and --tls-key; --tls-client-ca goes with both.',
    );
  if (clientNames !== undefined && tlsClientCa === undefined)
    throw new UsageError(
      'client-names-without-ca',
      'Clients have names where they show certificates: --client-names goes with --tls-client-ca.',
    );
}
