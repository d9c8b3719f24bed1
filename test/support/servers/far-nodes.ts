import nock from 'nock';

export interface FarRequest {
  readonly method: string;
  readonly url: URL;
  readonly body: string;
}

export interface FarAnswer {
  /** Default: 200. */
  readonly status?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body: string | Uint8Array;
}

/** The network of a test file: only what was put up is there, under whatever name; nothing leaves the machine. */
export interface FarNodes extends Disposable {
  /** Answers every request to an origin. @returns the requests, in the order in which they came */
  answer(origin: string, answer: (request: FarRequest) => FarAnswer): readonly FarRequest[];
  /** Fails every connection to an origin, as a name that is gone or a peer that hangs up. */
  fail(origin: string, code: string, message: string): void;
  /** Takes down what was put up so far. */
  forget(): void;
}

/** Takes the connections of this process, until it is disposed of: then all is as it was, and nothing is taken any more. */
export function openFarNodes(): FarNodes {
  if (!nock.isActive()) nock.activate();
  nock.disableNetConnect();
  return {
    answer: (origin, answer) => {
      const requests: FarRequest[] = [];
      const reply = async (request: Request): Promise<[number, Buffer, Record<string, string>]> => {
        const seen = { method: request.method, url: new URL(request.url), body: await request.text() };
        requests.push(seen);
        const { status = 200, headers = {}, body } = answer(seen);
        return [status, Buffer.from(body), { ...headers }];
      };
      const scope = nock(origin).persist();
      scope.get(/.*/).reply(reply);
      scope.post(/.*/).reply(reply);
      return requests;
    },
    fail: (origin, code, message) => {
      const scope = nock(origin).persist();
      const error = Object.assign(new Error(message), { code });
      scope.get(/.*/).replyWithError(error);
      scope.post(/.*/).replyWithError(error);
    },
    forget: () => nock.cleanAll(),
    [Symbol.dispose]: () => {
      nock.cleanAll();
      nock.enableNetConnect();
      nock.restore();
    },
  };
}
