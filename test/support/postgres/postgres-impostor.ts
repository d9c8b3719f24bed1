import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { Certificate } from '../servers/certificates.ts';

/** A server that pretends to be Postgres, or stands before one, and notes what it is given. */
export interface Impostor extends AsyncDisposable {
  readonly port: number;
  /** Every message that answered a request for a password, as text. */
  readonly answers: readonly string[];
  /** How many connections began, the packets that ask for TLS aside. */
  readonly startups: number;
}

export interface ImpostorOptions {
  /** Address or path to listen on. */
  readonly listen: { readonly host: string } | { readonly path: string };
  /** Certificate of the server, which says without one that it has no TLS. */
  readonly certificate?: Certificate;
  readonly asksFor: 'clear text' | 'md5' | 'scram' | 'nothing';
}

const SSL_REQUEST = 80_877_103;
const PASSWORD_MESSAGE = 0x70;
const REQUESTS = {
  'clear text': authentication(3),
  md5: authentication(5, Buffer.from('salt')),
  scram: authentication(10, Buffer.from('SCRAM-SHA-256\0\0')),
  nothing: authentication(0),
};

export async function startImpostor(options: ImpostorOptions): Promise<Impostor> {
  const answers: string[] = [];
  const sockets = new Set<Socket>();
  let startups = 0;
  const server = createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });

  function serve(socket: Socket): void {
    let pending = Buffer.alloc(0);
    let hasBegun = false;
    const onData = (data: Buffer) => {
      pending = Buffer.concat([pending, data]);
      if (!hasBegun) {
        if (pending.length < 8) return;
        if (pending.readInt32BE(4) === SSL_REQUEST) {
          pending = pending.subarray(8);
          if (options.certificate === undefined) socket.write('N');
          else startTls(socket, options.certificate, onData);
          return;
        }
        if (pending.length < pending.readInt32BE(0)) return;
        pending = pending.subarray(pending.readInt32BE(0));
        hasBegun = true;
        startups += 1;
        socket.write(REQUESTS[options.asksFor]);
      }
      while (pending.length >= 5 && pending.length >= 1 + pending.readInt32BE(1)) {
        const end = 1 + pending.readInt32BE(1);
        if (pending[0] === PASSWORD_MESSAGE) answers.push(pending.subarray(5, end).toString('latin1'));
        pending = pending.subarray(end);
        socket.end(failure());
      }
    };
    socket.on('data', onData);
  }

  function startTls(raw: Socket, certificate: Certificate, onData: (data: Buffer) => void): void {
    raw.off('data', onData);
    const secure = new TLSSocket(raw, { isServer: true, secureContext: createSecureContext(certificate) });
    secure.on('error', () => undefined);
    raw.write('S');
    serve(secure);
  }

  server.listen('host' in options.listen ? { host: options.listen.host, port: 0 } : options.listen);
  await once(server, 'listening');
  const address = server.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    answers,
    get startups() {
      return startups;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** An address of this machine that is not loopback: for the program, one of a network. */
export function networkAddress(): string {
  const found = Object.values(networkInterfaces())
    .flat()
    .find(each => each !== undefined && each.family === 'IPv4' && !each.internal);
  if (found === undefined)
    throw new Error('this machine has no network address: the attack needs one besides 127.0.0.1');
  return found.address;
}

function authentication(kind: number, more: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.write('R');
  head.writeInt32BE(8 + more.length, 1);
  head.writeInt32BE(kind, 5);
  return Buffer.concat([head, more]);
}

/** The server refuses the password: the connection ends in order. */
function failure(): Buffer {
  const fields = Buffer.from('SFATAL\0C28P01\0Mpassword authentication failed\0\0');
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(4 + fields.length, 1);
  return Buffer.concat([head, fields]);
}
