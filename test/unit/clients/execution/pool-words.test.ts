import { describe, expect, it } from 'vitest';
import { readPoolWords } from '../../../../src/clients/execution/pool-words.ts';

/** What pools say, with the name of who says it. */
const SAYINGS: Readonly<Record<string, readonly (readonly [by: string, words: string])[]>> = {
  underpriced: [
    ['geth', 'replacement transaction underpriced'],
    ['geth', 'replacement transaction underpriced: new tx gas fee cap 1 <= 2 queued'],
    ['geth', 'transaction underpriced: gas tip cap 1, minimum needed 1000000'],
    ['Reth', 'replacement transaction underpriced'],
    ['Reth, first releases', '[0x12]: insufficient gas price to replace existing transaction.'],
    ['Erigon', 'INTERNAL_ERROR: could not replace existing tx'],
    ['Erigon', 'could not replace existing tx'],
    ['Erigon', 'FEE_TOO_LOW: underpriced'],
    ['Erigon', 'fee too low'],
    ['Nethermind before 2026', 'ReplacementNotAllowed, existing transaction has a higher fee'],
    ['Nethermind before 2026', 'FeeTooLow, MaxFeePerGas too low'],
    ['Nethermind before 2026', 'FeeTooLowToCompete, the pool is full'],
    ['Besu', 'Replacement transaction underpriced'],
    ['Besu', 'Gas price below configured minimum gas price'],
    ['Besu', 'Gas price below current base fee'],
    [
      'OpenEthereum',
      'Transaction gas price 1wei is too low. There is another transaction with same nonce in the queue with gas price 2wei. Try increasing the gas price or incrementing the nonce.',
    ],
    ['a hosted service', 'replacement fee too low'],
  ],
  'nonce-taken': [
    ['geth', 'nonce too low'],
    ['geth', 'nonce too low: next nonce 5, tx nonce 3'],
    ['Reth', 'nonce too low: next nonce 5, tx nonce 3'],
    ['Besu', 'Nonce too low'],
    ['Erigon', 'STALE: nonce too low'],
    ['Nethermind before 2026', 'OldNonce, Current nonce: 5, nonce of rejected tx: 3'],
    ['Nethermind', 'nonce too low'],
    ['OpenEthereum', 'Transaction nonce is too low. Try incrementing the nonce.'],
    [
      'a hosted service',
      'Nonce provided for the transaction is lower than the current nonce of the account.',
    ],
    ['a hosted service', 'nonce has already been used'],
  ],
  known: [
    ['geth', 'already known'],
    ['geth of old', 'known transaction: 1234'],
    ['Reth', 'already known'],
    ['Erigon', 'ALREADY_EXISTS: already known'],
    ['Erigon', 'INTERNAL_ERROR: existing tx with same hash'],
    ['Erigon', 'existing txn with same hash'],
    ['Nethermind before 2026', 'AlreadyKnown'],
    ['Besu', 'Known transaction'],
    ['anvil', 'transaction already imported'],
    ['OpenEthereum', 'Transaction with the same hash was already imported.'],
    ['a hosted service', 'transaction already exists'],
    ['a hosted service', 'tx already in mempool'],
  ],
};

describe('readPoolWords', () => {
  const rows = Object.entries(SAYINGS).flatMap(([verdict, sayings]) =>
    sayings.map(([by, words]) => ({ verdict, by, words })),
  );
  it.each(rows)('readPoolWords takes "$words" of $by for $verdict', ({ verdict, words }) => {
    expect(readPoolWords(words)).toBe(verdict);
  });

  it.each([
    '',
    'insufficient funds for gas * price + value',
    'nonce too high',
    'NonceGap, Future nonce. Expected nonce: 5',
    'exceeds block gas limit',
    'txpool is full',
    'Upfront cost exceeds account balance',
    'execution reverted: price changed',
    'invalid sender',
  ])('readPoolWords takes "%s" for something else', words => {
    expect(readPoolWords(words)).toBeUndefined();
  });
});
