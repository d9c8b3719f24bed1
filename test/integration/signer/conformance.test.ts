// One table of cases, the recorded exchanges of a real Web3Signer: sent over HTTP to the built-in signer, asked for by this
// program's client there and of the recordings, and all of it again of the signer of WEB3SIGNER_URL.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ConformanceCase,
  conformanceCases,
  historyCases,
  isExit,
} from '../../support/conformance/cases.ts';
import { askSigner, expectedOutcome, giveAnswer } from '../../support/conformance/client.ts';
import { type Difference, differencesOf } from '../../support/conformance/differences.ts';
import {
  type Answer,
  type ComparableAnswer,
  comparable,
  RECORDED_SECRET_KEY,
  type RecordedNetwork,
  sendExchange,
} from '../../support/conformance/exchanges.ts';
import { type BuiltInSigner, startBuiltIn } from './built-in.ts';

/** Whoever answers. */
interface Counterpart {
  readonly answer: (one: ConformanceCase) => Answer | Promise<Answer>;
  /** Where the client can ask it itself. */
  readonly url?: () => string;
  readonly isBuiltIn: boolean;
}

const recordings: Counterpart = { answer: ({ exchange }) => exchange.response, isBuiltIn: false };

function signerAt(url: () => string, { isBuiltIn }: { isBuiltIn: boolean }): Counterpart {
  return { answer: ({ exchange }) => sendExchange(url(), exchange), url, isBuiltIn };
}

function titleOf({ name, difference }: ConformanceCase, { isBuiltIn }: Counterpart): string {
  const answered = `the answer of a signer is as recorded: ${name}`;
  if (difference === undefined) return answered;
  return isBuiltIn ? `${answered} (differs: ${difference.why})` : `${answered} (the built-in signer differs)`;
}

function expectation({ status, contentType, body }: ComparableAnswer) {
  return { status, contentType, body: body instanceof RegExp ? expect.stringMatching(body) : body };
}

function wanted(
  { exchange, difference }: { exchange: ConformanceCase['exchange']; difference: Difference | undefined },
  cases: readonly ConformanceCase[],
): ComparableAnswer {
  const recorded = comparable(exchange, exchange.response);
  if (difference === undefined) return recorded;
  const other = difference.answer(
    recorded,
    cases.map(one => one.exchange),
  );
  expect(other, 'a difference that is none').not.toEqual(recorded);
  return other;
}

/** What is recorded is sent, and the answer compared. */
function testOverHttp(cases: readonly ConformanceCase[], counterpart: Counterpart): void {
  for (const one of cases) {
    it(titleOf(one, counterpart), async () => {
      const { exchange, difference } = one;
      const answer = comparable(exchange, await counterpart.answer(one));
      const expected = wanted(
        { exchange, difference: counterpart.isBuiltIn ? difference : undefined },
        cases,
      );
      expect(answer).toEqual(expectation(expected));
    });
  }
}

/** The client asks by itself where it says what was recorded; otherwise it is given the answer to the recorded request. */
function testThroughClient(cases: readonly ConformanceCase[], counterpart: Counterpart): void {
  for (const one of cases) {
    it(titleOf(one, counterpart), async () => {
      const { ask, exchange, isOwn, difference } = one;
      if (isOwn && counterpart.url && difference === undefined) {
        const outcome = await askSigner(counterpart.url(), ask);
        return expect(outcome).toEqual(expectedOutcome(one, exchange.response));
      }
      const answer = await counterpart.answer(one);
      const { outcome, seen } = await giveAnswer(one, answer);
      expect(outcome).toEqual(expectedOutcome(one, answer));
      if (!isOwn) return;
      const said = seen.find(({ method }) => method === exchange.request.method);
      expect(said).toMatchObject({ method: exchange.request.method, path: exchange.request.path });
      if (ask.kind === 'sign') expect(isExit(JSON.parse(said?.body ?? ''), ask)).toBe(true);
    });
  }
}

for (const network of ['mainnet', 'holesky'] as const satisfies RecordedNetwork[]) {
  const cases = conformanceCases(network);

  describe(`on ${network}, the built-in signer`, () => {
    let signer: BuiltInSigner | undefined;
    beforeAll(async () => {
      signer = await startBuiltIn([RECORDED_SECRET_KEY], { network });
    });
    afterAll(async () => signer?.[Symbol.asyncDispose]());
    const counterpart = signerAt(() => signer?.address ?? '', { isBuiltIn: true });

    describe('over HTTP', () => testOverHttp(cases, counterpart));
    describe('through the client', () => testThroughClient(cases, counterpart));
  });

  describe(`on ${network}, the recordings through the client`, () => testThroughClient(cases, recordings));
}

describe('recordings of servers with a history, through the client', () => {
  testThroughClient(historyCases(), recordings);
});

describe('the table', () => {
  it('the conformance table has an exchange for every difference', () => {
    for (const network of ['mainnet', 'holesky'] as const) {
      const names = new Set(conformanceCases(network).map(({ name }) => name));
      expect([...differencesOf(network).keys()].filter(name => !names.has(name))).toEqual([]);
    }
  });

  it('the conformance table has what the client says itself, on both networks', () => {
    for (const network of ['mainnet', 'holesky'] as const) {
      const own = conformanceCases(network).filter(({ isOwn }) => isOwn);
      expect(own.filter(({ ask }) => ask.kind === 'sign').length).toBeGreaterThan(10);
      if (network === 'mainnet') expect(new Set(own.map(({ ask }) => ask.kind)).size).toBe(5);
    }
  });

  it('the conformance table has signatures in other domains, which the client finds out, and every refusal', () => {
    const cases = conformanceCases('mainnet');
    const outcomes = cases.map(one => expectedOutcome(one, one.exchange.response));
    const errors = outcomes.flatMap(outcome => ('error' in outcome ? [outcome.error] : []));
    expect(new Set(errors)).toEqual(
      new Set([
        'invalid-answer',
        'invalid-signature',
        'key-not-loaded',
        'body-too-large',
        'signer-refused-exit',
        'web3signer-refused',
      ]),
    );
  });
});

/** A real one has the recorded key and the network of WEB3SIGNER_NETWORK: what is recorded must be what it says. */
function testWeb3Signer(url: string): void {
  const cases = conformanceCases(process.env.WEB3SIGNER_NETWORK === 'holesky' ? 'holesky' : 'mainnet');
  const counterpart = signerAt(() => url, { isBuiltIn: false });
  describe('the signer of WEB3SIGNER_URL', () => {
    describe('over HTTP', () => testOverHttp(cases, counterpart));
    describe('through the client', () => testThroughClient(cases, counterpart));
  });
}

if (process.env.WEB3SIGNER_URL) testWeb3Signer(process.env.WEB3SIGNER_URL);
