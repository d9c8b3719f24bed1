import { describe, expect, it } from 'vitest';
import { encodeValidator, hashLeaf, hashTree } from '../../../../src/domain/protocol/deposit-leaf.ts';
import { buildDepositTree } from '../../../../src/domain/protocol/deposit-tree.ts';
import { concatBytes } from '../../../../src/lib/bytes.ts';
import { sortRecords } from '../../../../src/lib/record-table.ts';

const vault = new Uint8Array(20).fill(3);

function entriesOf(count: number) {
  return Array.from({ length: count }, (_, i) => ({
    publicKey: new Uint8Array(48).fill(i + 1),
    signature: new Uint8Array(96).fill(255 - i),
  }));
}

describe('hashTree', () => {
  it.each([1, 2, 3, 4, 5, 7, 8, 9, 31, 100])(
    'hashTree gives the tree of %i deposits that is built with all its nodes',
    count => {
      const entries = entriesOf(count);
      const leaves = entries.map((entry, i) => hashLeaf(encodeValidator(entry, vault), i));
      const nodes = hashTree(sortRecords(concatBytes(leaves), 32));
      expect(nodes.slice(0, 32)).toEqual(buildDepositTree(entries, vault).root);
    },
  );

  it('hashTree refuses deposit data without entries', () => {
    expect(() => hashTree(new Uint8Array(0))).toThrow('The deposit data has no entries.');
  });
});
