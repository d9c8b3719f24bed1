import { describe, expect, it } from 'vitest';
import { agreeOnFinished, type FinalizedExits } from '../../../../src/domain/consensus/agreed-exits.ts';
import { hasNoDutyLeft, type ValidatorExit } from '../../../../src/domain/consensus/last-duty.ts';
import { type Hex, toHex } from '../../../../src/lib/bytes.ts';

const FAR_FUTURE = 2n ** 64n - 1n;
const EPOCH = 10_000n;
const keys = Array.from({ length: 4 }, (_, i) => new Uint8Array(48).fill(i + 1));
const exit = (exitEpoch: bigint, withdrawableEpoch = exitEpoch + 256n): ValidatorExit => ({
  exitEpoch,
  withdrawableEpoch,
});
const active: ValidatorExit = { exitEpoch: FAR_FUTURE, withdrawableEpoch: FAR_FUTURE };
const node = (
  exits: readonly (ValidatorExit | undefined)[],
  epoch = EPOCH,
  endpoint = 'http://a:5052',
): FinalizedExits => ({
  endpoint,
  epoch,
  exits: new Map(
    exits.flatMap((one, i): [Hex, ValidatorExit][] =>
      one === undefined ? [] : [[toHex(keys[i] ?? new Uint8Array()), one]],
    ),
  ),
});

describe('who never has to sign again', () => {
  it.each([
    ['is active', active, false],
    ['has an exit in the future', exit(EPOCH + 1n), false],
    ['exits in this epoch', exit(EPOCH), false],
    ['has exited and is not withdrawable', exit(EPOCH - 255n), false],
    ['is withdrawable, and may be in a sync committee of mainnet', exit(EPOCH - 256n), false],
    ['was in a sync committee of Gnosis Chain up to the last epoch', exit(EPOCH - 1_023n), false],
    ['has served in the last sync committee that could have had it', exit(EPOCH - 1_024n), true],
    ['exited long ago', exit(1n), true],
    ['was slashed, and is not withdrawable for 8,192 epochs', exit(EPOCH - 2_000n, EPOCH + 6_192n), false],
    ['was slashed, and could withdraw since this epoch', exit(EPOCH - 8_192n, EPOCH), true],
  ])('a validator that %s: %s', (_, validator, isOver) => {
    expect(hasNoDutyLeft(validator, EPOCH)).toBe(isOver);
  });

  it('agreeOnFinished takes those of whom all nodes say the same, as of the oldest epoch', () => {
    const exits = [exit(1n), active, undefined, exit(EPOCH - 1_025n)];
    expect(agreeOnFinished([node(exits)], keys)).toEqual({ epoch: EPOCH, finished: [keys[0], keys[3]] });
    // One that has not finalized the last duty yet holds it back; nobody differs.
    const older = node(exits, EPOCH - 4n, 'http://b:5052');
    expect(agreeOnFinished([node(exits), older], keys)).toEqual({ epoch: EPOCH - 4n, finished: [keys[0]] });
  });

  it.each([
    ['active', active],
    ['unknown', undefined],
    ['exited at another time', exit(2n)],
    ['withdrawable at another time', exit(1n, 300n)],
  ])('agreeOnFinished refuses when another node calls a finished validator %s', (_, told) => {
    for (const nodes of [
      [node([exit(1n)]), node([told], EPOCH, 'http://liar:5052')],
      [node([told], EPOCH, 'http://liar:5052'), node([exit(1n)]), node([exit(1n)])],
    ]) {
      expect(() => agreeOnFinished(nodes, keys)).toThrow(
        expect.objectContaining({ code: 'beacon-nodes-differ', message: expect.stringContaining('liar') }),
      );
    }
  });

  it('agreeOnFinished refuses a node that is five epochs behind, and no differences that do not matter yet', () => {
    const behind = node([exit(1n)], EPOCH - 5n, 'http://slow:5052');
    expect(() => agreeOnFinished([node([exit(1n)]), behind], keys)).toThrow(
      expect.objectContaining({ code: 'node-behind', message: expect.stringContaining('slow') }),
    );
    const begun = node([exit(EPOCH + 3n)]);
    expect(agreeOnFinished([begun, node([active], EPOCH - 2n)], keys).finished).toEqual([]);
  });
});
