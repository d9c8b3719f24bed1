import { describe, expect, it } from 'vitest';
import { importVariants } from '../../../../src/clients/ipfs/ipfs-import.ts';

const RAW = 0x55;
const DAG_PB = 0x70;
const KIB = 1024;
const MIB = 1024 * KIB;

describe('ways in which a file may have got its CID', () => {
  it.each([
    ['a raw block', 1000, RAW, 1],
    ['one leaf', 256 * KIB, DAG_PB, 5],
    ['one leaf of the larger chunks', 256 * KIB + 1, DAG_PB, 9],
    ['several leaves', 3 * MIB, DAG_PB, 8],
    ['more leaves of the smaller chunks than a node has links', 44 * MIB, DAG_PB, 12],
    ['more leaves of both', 200 * MIB, DAG_PB, 16],
    ['a file that is too large for a raw block', 2 * MIB, RAW, 0],
    ['a CID that is no file', 1000, 0x71, 0],
  ])('importVariants gives as many ways as there are for %s', (_, size, code, count) => {
    expect(importVariants(size, { code, version: 1 })).toHaveLength(count);
  });

  it('importVariants puts the ways of the CID’s version first: wrapped leaves for 0, raw ones for 1', () => {
    const common = { chunkSize: 256 * KIB, maxChildrenPerNode: 174 };
    expect(importVariants(3 * MIB, { code: DAG_PB, version: 0 })[0]).toMatchObject({
      ...common,
      rawLeaves: false,
      cidVersion: 0,
    });
    expect(importVariants(3 * MIB, { code: DAG_PB, version: 1 })[0]).toMatchObject({
      ...common,
      rawLeaves: true,
      cidVersion: 1,
    });
  });
});
