import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import type { Proxies } from '../proxies.ts';
import { isPublicAddress } from './public-addresses.ts';

/** Reaches a gateway and what it redirects to. */
export interface GatewayDispatcher extends AsyncDisposable {
  readonly dispatcher: Dispatcher;
}

/** Judges the addresses of a name. @returns those that may be connected to */
type Judge = (host: string, addresses: readonly Found[]) => readonly Found[];

interface Found {
  readonly address: string;
  readonly family: number;
}

/**
 * Connects to one gateway, and to others by its redirects: those of a gateway of the public internet lead to public
 * addresses only, whatever name hides another one. What counts is where the connection would go, at the moment at which
 * it is made. A gateway that is itself inside (loopback, a private network) may redirect to anywhere. A proxy looks names up
 * by itself, so a gateway behind one is public by its name, and what leads through it is judged where it is an address.
 */
export function openGatewayDispatcher(gateway: URL, proxies?: Proxies): GatewayDispatcher {
  const seen = { isPublic: false };
  const own = new Agent({
    connect: connectWhere((host, addresses) => {
      const open = addresses.filter(({ address }) => isPublicAddress(address));
      if (open.length > 0) seen.isPublic = true;
      // A name that was public does not become one of the inside between two requests.
      return seen.isPublic ? requireSome(host, open) : addresses;
    }),
  });
  const outside = new Agent({
    connect: connectWhere((host, addresses) =>
      requireSome(
        host,
        addresses.filter(({ address }) => isPublicAddress(address)),
      ),
    ),
  });
  const inside = new Agent();
  const chooseDirect = (server: URL): Agent => {
    if (server.origin === gateway.origin) return own;
    return seen.isPublic ? outside : inside;
  };
  const choose = (origin: string): Dispatcher => {
    const server = new URL(origin);
    if (proxies?.proxyOf(server) === undefined) return chooseDirect(server);
    const isInside = isInsideAddress(server.hostname);
    if (server.origin === gateway.origin) seen.isPublic ||= !isInside;
    return isInside && seen.isPublic ? outside : proxies.dispatcher;
  };
  const dispatcher = own.compose(
    () => (options, handler) => choose(String(options.origin)).dispatch(options, handler),
  );
  return {
    dispatcher,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([own.destroy(), outside.destroy(), inside.destroy()]);
    },
  };
}

/** Whether a host is written as an address, and as none of the public internet. */
function isInsideAddress(host: string): boolean {
  return isIP(host.replace(/^\[|\]$/g, '')) !== 0 && !isPublicAddress(host);
}

function requireSome(host: string, addresses: readonly Found[]): readonly Found[] {
  if (addresses.length > 0) return addresses;
  throw new Error(`${host} is no address of the public internet, to which a public gateway may lead`);
}

/** A connector that connects to an address only after it was judged, whether it is written in the URL or found by DNS. */
function connectWhere(judge: Judge): buildConnector.connector {
  const connect = buildConnector({ lookup: judgedLookup(judge) });
  return (options, callback) => {
    const host = options.hostname.replace(/^\[|\]$/g, '');
    const family = isIP(host);
    try {
      if (family !== 0) judge(host, [{ address: host, family }]);
    } catch (error) {
      callback(error as Error, null);
      return;
    }
    connect(options, callback);
  };
}

function judgedLookup(judge: Judge): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '');
      try {
        const judged = judge(host, addresses);
        const [first] = judged;
        if (options.all === true) callback(null, [...judged]);
        else callback(null, first?.address ?? '', first?.family);
      } catch (refused) {
        callback(refused as NodeJS.ErrnoException, '');
      }
    });
  };
}
