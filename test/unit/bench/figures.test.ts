import { describe, expect, it } from 'vitest';
import { readFigures, titleOf } from '../../bench/compare/figures.ts';

const SEAL = `Node 24.21.0, 2 cores. A fresh process per figure; results are verified.
wall | CPU of all threads | peak resident; then the bare primitives, and the ratio to them.

seal: split, derive and seal 110000 shares of 10000 keys
  input    the recorded mnemonic of the vectors (01-create-keys/holesky), 8 of 11 oracles
  cost     8.64 s | 16.90 s CPU | 295 MB   (load average 4.20)
  bare     845 ms | 15.10 s CPU | 98 MB   blst public key per share, AES-256-GCM per row
  ratio    1.12 (CPU)
  target   8.64 s of 12.00 s wall met
  Python   65 s CPU
  far      4.46 s with a proxy that adds 10 ms to every answer: about 145 round trips
  verified shares of 50 keys opened
`;

describe('readFigures', () => {
  it('readFigures finds the costs of a bench, with its times in seconds, and neither its input nor its targets', () => {
    expect(readFigures(SEAL)).toEqual([
      { name: 'cost', unit: 's', value: 8.64 },
      { name: 'cost, CPU', unit: 's', value: 16.9 },
      { name: 'cost', unit: 'MB', value: 295 },
      { name: 'bare', unit: 's', value: 0.845 },
      { name: 'bare, CPU', unit: 's', value: 15.1 },
      { name: 'bare, blst public key per share', unit: 'MB', value: 98 },
      {
        name: 'far with a proxy that adds # ms to every answer: about # round trips',
        unit: 's',
        value: 4.46,
      },
    ]);
  });

  it.each([
    [
      'shards of 10 validators for 11 oracles, split: median 0.126 s, best 0.122 s (target 0.15 s; the Python operator 0.25 s)',
      [
        ['shards of, split: median', 0.126],
        ['shards of, best', 0.122],
      ],
    ],
    ['ECIES of one shard: 0.11 ms (target 0.3)', [['ECIES of one shard', 0.000_11]]],
    [
      '    snapshot 14.8 s, 135135 validators/s',
      [
        ['snapshot', 14.8],
        ['snapshot', 135_135],
      ],
    ],
    ['  ratio    2.15 (CPU)', []],
    ['', []],
  ])('the line "%s" has the figures %j', (line, expected) => {
    expect(readFigures(line).map(({ name, value }) => [name, value])).toEqual(expected);
  });

  it('a figure that comes twice gets a number, as the same line for both databases does', () => {
    expect(readFigures('  disk     12 MB\n  disk     14 MB').map(({ name }) => name)).toEqual([
      'disk',
      'disk (2)',
    ]);
  });
});

describe('titleOf', () => {
  it('the title of a bench is the line that begins with its name', () => {
    expect(titleOf(SEAL, 'seal')).toBe('seal: split, derive and seal 110000 shares of 10000 keys');
    expect(titleOf(SEAL, 'derive')).toBeUndefined();
  });
});
