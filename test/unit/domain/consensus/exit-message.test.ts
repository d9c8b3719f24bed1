import { describe, expect, it } from 'vitest';
import { verifySignature } from '../../../../src/domain/consensus/bls.ts';
import { EXIT_PROOF, exitSigningRoot } from '../../../../src/domain/consensus/exit-message.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { resolveNetwork } from '../../../../src/networks/resolve-network.ts';
import { readRecordedJson } from '../../../support/recorded/vectors.ts';

interface RecordedExit {
  network: string;
  fork_version: string;
  epoch: number;
  is_reference_default_fork: boolean;
  validator_index: number;
  signing_root: string;
  public_key: string;
  signature: string;
}

const exits = readRecordedJson<RecordedExit[]>('06-exits/exits.json');

describe('exit message', () => {
  it('exitSigningRoot gives the recorded roots on the built-in networks, and the recorded signatures hold', () => {
    let checked = 0;
    for (const exit of exits) {
      const network = resolveNetwork(exit.network);
      if (toHex(network.capellaForkVersion) !== exit.fork_version) continue;
      const message = exitSigningRoot(
        { validatorIndex: BigInt(exit.validator_index), epoch: BigInt(exit.epoch) },
        network,
      );
      expect(toHex(message)).toBe(exit.signing_root);
      const [publicKey, signature] = [fromHex(exit.public_key), fromHex(exit.signature)];
      expect(verifySignature({ publicKey, message, signature })).toBe(true);
      checked++;
    }
    expect(checked).toBeGreaterThan(10);
  });

  it('exitSigningRoot gives the root of Web3Signer’s documented example', () => {
    const root = exitSigningRoot(
      { validatorIndex: 0n, epoch: 119n },
      {
        capellaForkVersion: fromHex('0x00000001'),
        capellaForkEpoch: 1,
        genesisValidatorsRoot: fromHex('0x04700007fabc8282644aed6d1c7c9e21d38a03a0c4ba193f3afe428824b3a673'),
      },
    );
    expect(toHex(root)).toBe('0x38e9f1cfe7926ce5366b633b7fc7113129025737394002d2637faaeefc56913d');
  });

  it('EXIT_PROOF, the exit message that proves a key, holds the largest numbers there are', () => {
    expect(EXIT_PROOF).toEqual({ validatorIndex: 0xffff_ffff_ffff_ffffn, epoch: 0xffff_ffff_ffff_ffffn });
    expect(exitSigningRoot(EXIT_PROOF, resolveNetwork('mainnet'))).toHaveLength(32);
  });
});
