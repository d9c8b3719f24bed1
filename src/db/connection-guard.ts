import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import pg from 'pg';
import { ExternalError } from '../lib/errors.ts';
import { isLoopback } from '../lib/loopback.ts';
import type { PasswordPlace } from './password-file.ts';

/** What a connection may do before it knows whom it talks to. */
export interface ConnectionRules {
  /** The user wrote `sslmode=disable`: the network itself is trusted. */
  readonly isPlainTextWanted: boolean;
  /** `channel_binding=require`: only a server that knows the password's verifier, at the other end of this very TLS, will do. */
  readonly requiresChannelBinding: boolean;
  /** Is told for every connection over a network, before anything is sent. */
  readonly onRemote: (host: string) => void;
  /** Finds a password where the URL has none, when the server asks for one; pg's own way is about to go. */
  readonly findPassword: (place: PasswordPlace) => Promise<string>;
}

/** Message of the server's part of the authentication (`AuthenticationSASL` of the protocol). */
interface SaslMessage {
  readonly mechanisms: readonly string[];
}

/**
 * pg's client, which of itself answers every server that asks for a password in clear text, also one that has just said that
 * it has no TLS. This one answers over TLS, on this machine, or when plain text was asked for; and it honours
 * `channel_binding=require`, which pg does not read.
 */
export function guardedClient(rules: ConnectionRules): new (config?: pg.ClientConfig) => pg.Client {
  return class GuardedClient extends pg.Client {
    constructor(config?: pg.ClientConfig) {
      super(config);
      const { connection } = this;
      const { host } = this;
      const place = { host, port: this.port, database: this.database ?? '', user: this.user ?? '' };
      // pg takes a function here as well as in its settings, where one would come before the URL's own password.
      if (!this.password) Object.assign(this, { password: () => rules.findPassword(place) });
      const emit = connection.emit.bind(connection);
      let isBound = false;
      // The protocol's messages come as events, the client's own listeners send the answers: a message that is not passed on
      // is not answered.
      connection.emit = (event: string | symbol, ...args: unknown[]) => {
        if (event === 'connect' && isRemote(host, connection)) rules.onRemote(host);
        if (event === 'authenticationSASLFinal') isBound = true;
        const refusal = rules.requiresChannelBinding
          ? refuseUnbound(host, connection, event, args[0], isBound)
          : refuseClearText(rules, host, connection, event);
        if (refusal === undefined) return emit(event, ...args);
        connection.stream.destroy(refusal);
        return true;
      };
    }
  };
}

function isRemote(host: string, { stream }: pg.Connection): boolean {
  if (host.startsWith('/')) return false;
  return !(stream instanceof Socket && isLoopback(stream.remoteAddress ?? ''));
}

function refuseClearText(
  { isPlainTextWanted }: ConnectionRules,
  host: string,
  connection: pg.Connection,
  event: string | symbol,
): ExternalError | undefined {
  if (event !== 'authenticationCleartextPassword') return undefined;
  if (connection.stream instanceof TLSSocket || isPlainTextWanted || !isRemote(host, connection))
    return undefined;
  return new ExternalError(
    'db-password-in-clear',
    `The database server at "${host}" asks for the password in clear text, and the connection is not encrypted: it was not sent.`,
    {
      hint: 'Use sslmode=verify-full in the database URL, or sslmode=disable if nobody else can be on the way.',
    },
  );
}

/** Whatever is not SCRAM bound to the server's certificate: another method, SCRAM alone, or no authentication at all. */
function refuseUnbound(
  host: string,
  { stream }: pg.Connection,
  event: string | symbol,
  message: unknown,
  isBound: boolean,
): ExternalError | undefined {
  if (!isUnbound(stream, event, message, isBound)) return undefined;
  return new ExternalError(
    'db-channel-not-bound',
    `The database server at "${host}" does not offer SCRAM with channel binding, which channel_binding=require in the database URL asks for.`,
    { hint: 'Somebody may be between you and the server; else correct the URL or the server.' },
  );
}

function isUnbound(stream: unknown, event: string | symbol, message: unknown, isBound: boolean): boolean {
  switch (event) {
    case 'authenticationCleartextPassword':
    case 'authenticationMD5Password':
      return true;
    case 'authenticationSASL':
      return !(
        stream instanceof TLSSocket && (message as SaslMessage).mechanisms.includes('SCRAM-SHA-256-PLUS')
      );
    case 'authenticationOk':
      return !isBound;
    default:
      return false;
  }
}
