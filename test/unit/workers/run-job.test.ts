import { describe, expect, it } from 'vitest';
import { deriveSecretKey, publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { encodeKeyContext } from '../../../src/domain/keys/key-context.ts';
import { concatBytes } from '../../../src/lib/bytes.ts';
import { JOB_HANDLERS } from '../../../src/workers/run-job.ts';

const seed = new Uint8Array(64).fill(5);
const vault = new Uint8Array(20).fill(6);
const ZEROS = new Uint8Array(32);

describe('jobs of a worker', () => {
  it('the jobs that seal and open overwrite the data key and the keys that they are given, also when a row is refused', async () => {
    const secretKey = deriveSecretKey(seed, 0);
    const publicKey = publicKeyOf(secretKey);
    const input = {
      dataKey: new Uint8Array(32).fill(9),
      dataKeyId: 1,
      chainId: 17000,
      vault,
      oracleSet: null,
      secretKeys: secretKey.slice(),
      publicKeys: publicKey,
    };
    const { nonces, ciphertexts } = await JOB_HANDLERS.seal(input);
    expect([input.dataKey, input.secretKeys]).toEqual([ZEROS, ZEROS]);

    const context = encodeKeyContext({
      chainId: 17000,
      vault,
      dataKeyId: 1,
      kind: 'validator',
      publicKey,
      parentPublicKey: null,
      oracleSetHash: null,
      shareIndex: null,
    });
    const rows = concatBytes([context, nonces, ciphertexts]);
    const right = new Uint8Array(32).fill(9);
    expect(await JOB_HANDLERS.open({ dataKeys: [{ id: 1, key: right }], rows })).toEqual({
      secretKeys: secretKey,
      refused: [],
    });
    const wrong = new Uint8Array(32).fill(8);
    expect(await JOB_HANDLERS.open({ dataKeys: [{ id: 1, key: wrong }], rows })).toEqual({
      secretKeys: ZEROS,
      refused: [0],
    });
    expect([right, wrong]).toEqual([ZEROS, ZEROS]);
  });
});
