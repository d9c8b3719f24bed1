import { describe, expect, it } from 'vitest';
import { verifySignatures } from '../../../../src/domain/consensus/bls.ts';
import { computeDomain, computeSigningRoot, DOMAIN } from '../../../../src/domain/consensus/signing-root.ts';
import { VoluntaryExit } from '../../../../src/domain/consensus/ssz.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { readRecordedJson } from '../../../support/recorded/vectors.ts';

interface RecordedExit {
  fork_version: string;
  epoch: number;
  genesis_validators_root: string;
  validator_index: number;
  signing_root: string;
  public_key: string;
  signature: string;
}

describe('signing root', () => {
  it('computeSigningRoot gives the recorded root of every recorded exit, and the signatures over it hold', () => {
    const exits = readRecordedJson<RecordedExit[]>('06-exits/exits.json');
    expect(exits.length).toBeGreaterThan(10);
    const sets = exits.map(exit => {
      const domain = computeDomain(
        DOMAIN.voluntaryExit,
        fromHex(exit.fork_version),
        fromHex(exit.genesis_validators_root),
      );
      const root = VoluntaryExit.hashTreeRoot({
        epoch: BigInt(exit.epoch),
        validator_index: BigInt(exit.validator_index),
      });
      const message = computeSigningRoot(root, domain);
      expect(toHex(message)).toBe(exit.signing_root);
      return { publicKey: fromHex(exit.public_key), message, signature: fromHex(exit.signature) };
    });
    expect(verifySignatures(sets)).toBe(true);
  });
});
