import { inspect } from 'node:util';
import { UsageError } from './errors.ts';
import { secretPartsOf } from './scrub.ts';

const SOCKET_SCHEME = 'unix:';

/**
 * The URL of a server of somebody else (a signer, a key manager, a node, HashiCorp Vault), which may hold credentials: in
 * front of the host, as a segment of the path, in the query. However it gets into a text, a log, a JSON document or an
 * inspection, it shows scheme, host and port only; what connects to the server asks for the whole by name.
 */
export class EndpointUrl {
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  /**
   * Reads an http or https URL, or `unix:` and the path of a socket; slashes at its end do not count.
   * @throws UsageError 'invalid-url', which does not repeat what may be a password
   */
  static parse(text: string): EndpointUrl {
    const isSocket = text.startsWith(SOCKET_SCHEME) && text.length > SOCKET_SCHEME.length;
    if (!isSocket && !(URL.canParse(text) && /^https?:$/.test(new URL(text).protocol))) {
      throw new UsageError('invalid-url', `'${withoutSecrets(text)}' is not an http or https URL.`, {
        hint: text.includes('@')
          ? 'In a password, write %23 for #, %2F for /, %3F for ?, %40 for @, %2C for a comma and %25 for %.'
          : 'Write it with its scheme, for example http://localhost:9000.',
      });
    }
    return new EndpointUrl(text.replace(/\/+$/, ''));
  }

  /** Parses a URL; one that was parsed before is taken as it is. @throws UsageError 'invalid-url' */
  static from(given: EndpointUrl | string): EndpointUrl {
    return typeof given === 'string' ? EndpointUrl.parse(given) : given;
  }

  /** Path of the socket; undefined for http and https. */
  get socketPath(): string | undefined {
    return this.#text.startsWith(SOCKET_SCHEME) ? this.#text.slice(SOCKET_SCHEME.length) : undefined;
  }

  /** What messages call the server: scheme, host and port, or the path of its socket. */
  get name(): string {
    return this.socketPath ?? new URL(this.#text).origin;
  }

  /** The parts that must never be shown: of most URLs none. */
  get secrets(): readonly string[] {
    return this.socketPath === undefined ? secretPartsOf(this.#text) : [];
  }

  /** The whole, for a connection, or for the file of a program that connects. Never for a message. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return this.name;
  }

  toJSON(): string {
    return this.name;
  }

  [inspect.custom](): string {
    return this.name;
  }
}

/** A text that was to be a URL, as far as it may be repeated: without what stands in front of an @ or behind a "?". */
export function withoutSecrets(text: string): string {
  return text.replace(/^([^@]*?:\/\/)?.*@/s, '$1***@').replace(/\?.*/s, '?***');
}
