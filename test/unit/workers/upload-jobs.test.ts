import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { sealKeystores, shareAnew } from '../../../src/workers/upload-jobs.ts';
import { it } from '../../support/fixtures.ts';
import { createCheapKeystore } from '../../support/scenes/bad-input/keystore.ts';

const oracleSet = { hash: new Uint8Array(32).fill(4), threshold: 2, count: 3 };
const targetOf = (dataKey: Uint8Array) => ({
  chainId: 1,
  vault: new Uint8Array(20),
  dataKeyId: 1,
  dataKey,
  oracleSet,
});

function secretKeyOf(number: number): Uint8Array {
  return new Uint8Array(32).fill(number);
}

describe('sealKeystores', () => {
  it('sealKeystores overwrites the data key that it was given, also when a keystore does not open', async ({
    directory,
  }) => {
    const publicKey = publicKeyOf(secretKeyOf(7));
    const path = join(directory, 'keystore.json');
    const hex = Buffer.from(publicKey).toString('hex');
    writeFileSync(path, JSON.stringify(createCheapKeystore(secretKeyOf(7), hex, 'right')));
    for (const [password, isOpened] of [
      ['right', true],
      ['wrong', false],
    ] as const) {
      const dataKey = new Uint8Array(32).fill(3);
      const sealed = sealKeystores({
        target: targetOf(dataKey),
        keystores: [{ path, password, publicKey }],
      });
      if (isOpened) expect((await sealed).shareCiphertexts).toHaveLength(3 * 48);
      else await expect(sealed).rejects.toMatchObject({ code: 'keystore-wrong-password' });
      expect(dataKey).toEqual(new Uint8Array(32));
    }
  });

  it('shareAnew of no row that opens seals nothing, and overwrites the data key', () => {
    const dataKey = new Uint8Array(32).fill(3);
    const rows = new Uint8Array(0);
    const { opened, sealed } = shareAnew({ target: targetOf(dataKey), rows });
    expect([opened.length, sealed.shareCiphertexts.length]).toEqual([0, 0]);
    expect(dataKey).toEqual(new Uint8Array(32));
  });
});
