import { describe, expect, it } from 'vitest';
import {
  encodeUpdateExitSignatures,
  findOutdatedSignatures,
  type SignaturesStatus,
} from '../../../../src/domain/protocol/signature-rotation.ts';
import { concatBytes, fromHex } from '../../../../src/lib/bytes.ts';
import { readOracleRequests } from '../../../support/recorded/recorded-oracles.ts';

it('encodeUpdateExitSignatures gives the recorded call of the keeper', () => {
  const { approvals, calls, vault, domain, config } = readOracleRequests('rotatelocal');
  const signed = approvals
    .map(({ oracle, signature }) => ({
      address: BigInt(config.oracles[oracle]?.address ?? 0),
      signature: fromHex(signature, 65),
    }))
    .sort((a, b) => (a.address < b.address ? -1 : 1));
  const { message } = approvals[0]?.typed_data ?? { message: {} };
  const data = encodeUpdateExitSignatures(vault, {
    ipfsHash: String(message.exitSignaturesIpfsHash),
    deadline: BigInt(message.deadline ?? 0),
    signatures: concatBytes(signed.slice(0, 3).map(({ signature }) => signature)),
  });
  expect(data).toBe(calls[0]?.tx.data);
  expect(calls[0]?.tx.to).toBe(domain.keeper);
});

describe('outdated exit signatures', () => {
  const says = (blockNumber: number | null, ...indexes: number[]): SignaturesStatus => ({
    blockNumber,
    outdatedIndexes: indexes.map(BigInt),
  });
  const find = (statuses: readonly SignaturesStatus[], changes = {}) =>
    findOutdatedSignatures({ lastUpdateBlock: 50, finalizedBlock: 60, threshold: 3, statuses, ...changes });

  it('findOutdatedSignatures gives in ascending order what oracles name that have seen the last update', () => {
    const statuses = [says(50, 103, 101), says(51, 101, 103), says(70, 103, 101, 101)];
    expect(find(statuses)).toEqual({ kind: 'known', indexes: [101n, 103n] });
    expect(find([says(50), says(50), says(50)])).toEqual({ kind: 'known', indexes: [] });
  });

  it('findOutdatedSignatures waits until the last update is final', () => {
    expect(find([says(50, 1), says(50, 1), says(50, 1)], { finalizedBlock: 49 })).toMatchObject({
      kind: 'waiting',
      reason: expect.stringContaining('block 50 to be finalized'),
    });
  });

  it.each([
    ['too few have answered', [says(50, 1), says(50, 1)]],
    ['too few have seen the update', [says(50, 1), says(49, 1), says(50, 1), says(0, 1)]],
    ['some have never seen any', [says(50, 1), says(null, 1), says(50, 1), says(null)]],
  ])('findOutdatedSignatures waits while %s', (_, statuses) => {
    expect(find(statuses)).toMatchObject({
      kind: 'waiting',
      reason: expect.stringMatching(/^3 oracles to answer.*block 50 \(now 2\)$/),
    });
  });

  it('findOutdatedSignatures needs no update to have been seen where there was none', () => {
    const statuses = [says(null, 7), says(null, 7), says(3, 7)];
    expect(find(statuses, { lastUpdateBlock: null, finalizedBlock: 0 })).toEqual({
      kind: 'known',
      indexes: [7n],
    });
  });

  it('findOutdatedSignatures lets one oracle neither make up nor hide an index, and ignores a late one', () => {
    const liar = says(99, 1, 2, 3);
    expect(find([liar, says(50), says(50)])).toEqual({ kind: 'known', indexes: [] });
    expect(find([says(50), says(50, 7), says(50, 7)])).toEqual({ kind: 'known', indexes: [7n] });
    expect(find([says(50), says(50), says(50), says(49, 9), says(48, 9), says(47, 9), says(46, 9)])).toEqual({
      kind: 'known',
      indexes: [],
    });
  });
});
