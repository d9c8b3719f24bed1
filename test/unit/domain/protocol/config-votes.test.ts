import { describe, expect, it } from 'vitest';
import {
  type ConfigEvent,
  type ConfigVote,
  findAgreedEvent,
} from '../../../../src/domain/protocol/config-votes.ts';
import type { Hex } from '../../../../src/lib/bytes.ts';

const hashOf = (block: number): Hex => `0x${block.toString(16).padStart(64, '0')}`;
const event = (ipfsHash: string, blockNumber: number): ConfigEvent => ({
  ipfsHash,
  blockNumber,
  blockHash: hashOf(blockNumber),
  logIndex: 0,
});
const TRUE = event('true', 10);
const FALSE = event('false', 10);

let voter = 0;
function vote(named: ConfigEvent | null, head = 20): ConfigVote {
  return { voter: voter++, head: { number: head, hash: hashOf(head) }, event: named };
}

describe('findAgreedEvent', () => {
  const cases: readonly (readonly [string, readonly ConfigVote[], number, string | undefined])[] = [
    ['by a single endpoint, alone', [vote(TRUE)], 1, 'true'],
    ['not by one of two', [vote(TRUE)], 2, undefined],
    ['not by one against one', [vote(TRUE), vote(FALSE)], 2, undefined],
    ['by two of two', [vote(TRUE), vote(TRUE)], 2, 'true'],
    ['by two of three', [vote(FALSE), vote(TRUE), vote(TRUE)], 3, 'true'],
    ['by two of three, one of which is silent', [vote(TRUE), vote(TRUE)], 3, 'true'],
    ['not by two against two', [vote(TRUE), vote(TRUE), vote(FALSE), vote(FALSE)], 4, undefined],
    ['by three of five', [vote(FALSE), vote(TRUE), vote(null), vote(TRUE), vote(TRUE)], 5, 'true'],
    ['not where nobody knows of one', [vote(null), vote(null)], 2, undefined],
    [
      'by two, with a third that has not reached its block',
      [vote(TRUE), vote(TRUE), vote(null, 9)],
      3,
      'true',
    ],
    [
      'not by one of a block that the others have not reached',
      [vote(event('false', 30), 30), vote(TRUE), vote(event('else', 9))],
      3,
      undefined,
    ],
    [
      'by the two that have seen a newer one, not by the one that is behind',
      [vote(event('newer', 30), 31), vote(event('newer', 30), 30), vote(TRUE)],
      3,
      'newer',
    ],
  ];
  it.each(cases)('an event of the oracle configuration is agreed on %s', (_, votes, endpoints, expected) => {
    expect(findAgreedEvent(votes, endpoints)?.event.ipfsHash).toBe(expected);
  });

  it('findAgreedEvent agrees only on the same document in the same place of the same block', () => {
    const others: readonly ConfigEvent[] = [
      { ...TRUE, blockNumber: 11 },
      { ...TRUE, blockHash: hashOf(99) },
      { ...TRUE, logIndex: 1 },
      { ...TRUE, ipfsHash: 'True' },
    ];
    for (const other of others) expect(findAgreedEvent([vote(TRUE), vote(other)], 2)).toBeUndefined();
    const upper = { ...TRUE, blockHash: TRUE.blockHash.toUpperCase().replace('0X', '0x') as Hex };
    expect(findAgreedEvent([vote(TRUE), vote(upper)], 2)?.supporters).toHaveLength(2);
  });

  it('findAgreedEvent names those that had a vote and used it otherwise', () => {
    const votes = [vote(FALSE), vote(TRUE), vote(TRUE), vote(null), vote(null, 9), vote(TRUE)];
    expect(findAgreedEvent(votes, 6)).toMatchObject({
      supporters: [votes[1], votes[2], votes[5]],
      dissenters: [votes[0], votes[3]],
    });
  });
});
