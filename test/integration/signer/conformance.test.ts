import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltInSigner, startBuiltIn } from './built-in.ts';
import {
  type ComparableAnswer,
  differencesOf,
  RECORDED_SECRET_KEY,
  type RecordedNetwork,
  recordedExchanges,
  replay,
} from './conformance.ts';

function expectation({ status, contentType, body }: ComparableAnswer) {
  return { status, contentType, body: body instanceof RegExp ? expect.stringMatching(body) : body };
}

for (const network of ['mainnet', 'holesky'] as const satisfies RecordedNetwork[]) {
  describe(`the built-in signer on ${network}`, () => {
    const exchanges = recordedExchanges(network);
    const differences = differencesOf(network);
    let signer: BuiltInSigner | undefined;
    beforeAll(async () => {
      signer = await startBuiltIn([RECORDED_SECRET_KEY], { network });
    });
    afterAll(async () => signer?.[Symbol.asyncDispose]());

    it('knows every exchange that it answers otherwise', () => {
      const names = new Set(exchanges.map(({ name }) => name));
      expect([...differences.keys()].filter(name => !names.has(name))).toEqual([]);
    });

    for (const exchange of exchanges) {
      const difference = differences.get(exchange.name);
      const title =
        difference === undefined ? exchange.name : `${exchange.name} (differs: ${difference.why})`;
      it(title, async () => {
        const { actual, recorded } = await replay(signer?.address ?? '', exchange);
        if (difference === undefined) return expect(actual).toEqual(recorded);
        const wanted = difference.answer(recorded, exchanges);
        expect(actual).toEqual(expectation(wanted));
        expect(wanted, 'a difference that is none').not.toEqual(recorded);
      });
    }
  });
}

/** Against a real Web3Signer, where one is at hand: the recorded answers without any difference. */
function testWeb3Signer(url: string): void {
  describe('the signer of WEB3SIGNER_URL', () => {
    const network: RecordedNetwork = process.env.WEB3SIGNER_NETWORK === 'holesky' ? 'holesky' : 'mainnet';
    for (const exchange of recordedExchanges(network)) {
      it(exchange.name, async () => {
        const { actual, recorded } = await replay(url, exchange);
        expect(actual).toEqual(recorded);
      });
    }
  });
}

if (process.env.WEB3SIGNER_URL) testWeb3Signer(process.env.WEB3SIGNER_URL);
