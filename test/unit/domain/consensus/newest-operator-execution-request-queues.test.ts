import { getAddress } from 'ethers/address';
import { describe, expect, it } from 'vitest';
import {
  QUEUE_HEADER_SLOTS,
  queueLength,
  REQUEST_CONTRACTS,
  type RequestKind,
  readConsolidationRequests,
  readRequestQueue,
  readWithdrawalRequests,
  requestSlots,
} from '../../../../src/domain/consensus/execution-requests.ts';
import { toHex } from '../../../../src/lib/bytes.ts';
import { readNewestVectors, type Whole } from '../../../support/recorded/newest-vectors.ts';

interface RecordedRequest {
  readonly source_address: string;
  readonly public_key?: string;
  readonly amount?: Whole;
  readonly source_pubkey?: string;
  readonly target_pubkey?: string;
}

const { withdrawal_contract, consolidation_contract, cases } = readNewestVectors<{
  readonly withdrawal_contract: string;
  readonly consolidation_contract: string;
  readonly cases: readonly {
    readonly kind: RequestKind;
    /** Words by their slots, without zeros in front. */
    readonly storage: Readonly<Record<string, string>>;
    readonly result: readonly RecordedRequest[];
  }[];
}>('execution-request-queues');

/** What stands in the first slot until the contract has begun. */
const INHIBITED = 2n ** 256n - 1n;

describe('execution-request-queues.json', () => {
  it('REQUEST_CONTRACTS are the recorded ones', () => {
    const recorded = { withdrawal: withdrawal_contract, consolidation: consolidation_contract };
    expect(REQUEST_CONTRACTS).toEqual(recorded);
    expect(Object.values(recorded).map(getAddress)).toEqual(Object.values(REQUEST_CONTRACTS));
  });

  it.each(cases.map((one, place) => ({ ...one, place })))(
    'the queue of $kind requests is read so: case $place',
    ({ kind, storage, result }) => {
      const words = new Map(Object.entries(storage).map(([slot, word]) => [BigInt(slot), BigInt(word)]));
      const wordAt = (slot: bigint) => words.get(slot) ?? 0n;
      const queue = readRequestQueue(
        Array.from({ length: Number(QUEUE_HEADER_SLOTS) }, (_, slot) => wordAt(BigInt(slot))),
      );
      const excess = wordAt(0n) === INHIBITED ? undefined : wordAt(0n);
      expect(queue).toMatchObject({ excess, countInBlock: wordAt(1n) });
      expect(queueLength(queue)).toBe(result.length);
      const waiting = requestSlots(kind, queue).map(wordAt);
      const requests =
        kind === 'withdrawal'
          ? readWithdrawalRequests(waiting).map(({ source, publicKey, amountGwei }) => ({
              source_address: getAddress(toHex(source)),
              public_key: toHex(publicKey),
              amount: amountGwei,
            }))
          : readConsolidationRequests(waiting).map(({ source, sourceKey, targetKey }) => ({
              source_address: getAddress(toHex(source)),
              source_pubkey: toHex(sourceKey),
              target_pubkey: toHex(targetKey),
            }));
      expect(requests).toEqual(
        result.map(one => {
          const request = { ...one, source_address: getAddress(one.source_address) };
          return one.amount === undefined ? request : { ...request, amount: BigInt(one.amount) };
        }),
      );
    },
  );
});
