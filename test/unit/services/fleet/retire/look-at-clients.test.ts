import { describe, expect, it } from 'vitest';
import { validatorsDigest } from '../../../../../src/domain/fleet/fact-digests.ts';
import { RetiredKeys } from '../../../../../src/domain/fleet/retired-keys.ts';
import { lookAtClients } from '../../../../../src/services/fleet/retire/look-at-clients.ts';

const key = (number: number) => new Uint8Array(48).fill(number);
/** Keys 0 to 4 are client 0's, 5 to 9 client 1's. */
const plan = {
  totalClients: 2,
  isIntact: true,
  assignments: Array.from({ length: 10 }, (_, i) => ({ publicKey: key(i), clientIndex: i < 5 ? 0 : 1 })),
};
const written = (clientIndex: number, keys: readonly number[]) => ({
  clientIndex,
  totalClients: 2,
  keyCount: keys.length,
  digest: validatorsDigest(keys.map(key)),
  manifestCounter: 1n,
  host: `host-${clientIndex}`,
  writtenAt: new Date(0),
});
const retiredAt = (stage: 'signers' | 'clients' | 'rotation', ...numbers: number[]) =>
  new RetiredKeys(numbers.map(number => ({ publicKey: key(number), stage })));

describe('the files of validator clients', () => {
  it('a client has let a key go when its files were written without it, and each client counts for its own keys', () => {
    const retired = retiredAt('clients', 1, 6);
    const files = [written(0, [0, 2, 3, 4]), written(1, [5, 6, 7, 8, 9])];
    const { haveLetGo, missing } = lookAtClients({ plan, written: files }, retired);
    expect(haveLetGo(key(1))).toBe(true);
    expect(haveLetGo(key(6))).toBe(false);
    expect(missing).toEqual([
      {
        stage: 'clients',
        where: 'validator client #1 on host-1',
        what: 'has files of before 1 retired key was retired, or of another plan',
        remedy:
          'operator remote-db setup-validator --validator-index=1 --total-validators=2 on its machine, then restart the client',
      },
    ]);
  });

  it('a client whose files nobody was told of has let nothing go, and a key of no client needs none', () => {
    const { haveLetGo, missing } = lookAtClients({ plan, written: [] }, retiredAt('clients', 1));
    expect(haveLetGo(key(1))).toBe(false);
    expect(missing).toMatchObject([{ where: 'validator client #0' }]);
    const withoutPlan = lookAtClients({ plan: undefined, written: [] }, retiredAt('clients', 1));
    expect(withoutPlan.haveLetGo(key(1))).toBe(true);
    expect(withoutPlan.missing).toEqual([]);
  });

  it('keys that signers may have still, and those that are out of the rotation, ask nothing of clients', () => {
    const whole = [written(0, [0, 1, 2, 3, 4]), written(1, [5, 6, 7, 8, 9])];
    expect(lookAtClients({ plan, written: whole }, retiredAt('signers', 1)).missing).toEqual([]);
    expect(lookAtClients({ plan, written: whole }, retiredAt('rotation', 1)).missing).toEqual([]);
  });
});
