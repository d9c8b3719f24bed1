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

describe('execution-request-queues.json', () => {
  it('REQUEST_CONTRACTS are the recorded ones', () => {
    const recorded = { withdrawal: withdrawal_contract, consolidation: consolidation_contract };
    expect(REQUEST_CONTRACTS).toEqual(recorded);
    expect(Object.values(recorded).map(getAddress)).toEqual(Object.values(REQUEST_CONTRACTS));
  });

  it.each(cases.map((one, place) => ({ ...one, place })))(
    'the queue of $kind requests is read so: case $place',
    ({ kind, storage, result }) => {
      const wordAt = (slot: bigint) => BigInt(storage[String(slot)] ?? '0x0');
      const queue = readRequestQueue(
        Array.from({ length: Number(QUEUE_HEADER_SLOTS) }, (_, slot) => wordAt(BigInt(slot))),
      );
      expect(queue).toMatchObject({ excess: wordAt(0n), countInBlock: wordAt(1n) });
      expect(queueLength(queue)).toBe(result.length);
      const words = requestSlots(kind, queue).map(wordAt);
      const requests =
        kind === 'withdrawal'
          ? readWithdrawalRequests(words).map(({ source, publicKey, amountGwei }) => ({
              source_address: getAddress(toHex(source)),
              public_key: toHex(publicKey),
              amount: amountGwei,
            }))
          : readConsolidationRequests(words).map(({ source, sourceKey, targetKey }) => ({
              source_address: getAddress(toHex(source)),
              source_pubkey: toHex(sourceKey),
              target_pubkey: toHex(targetKey),
            }));
      expect(requests).toEqual(
        result.map(one => ({ ...one, ...(one.amount !== undefined && { amount: BigInt(one.amount) }) })),
      );
    },
  );
});
