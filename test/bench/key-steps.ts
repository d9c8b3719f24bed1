import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, scryptSync } from 'node:crypto';
import blst from '@chainsafe/blst';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { importDataKey, openSecretKey } from '../../src/domain/keys/envelope.ts';
import { combineKeyShares } from '../../src/domain/keys/key-share.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import { createWorkerPool } from '../../src/workers/pool.ts';
import { readRecordedJson } from '../support/recorded/vectors.ts';
import { recordAt } from '../support/scenes/sealed-vault.ts';
import type { StepResult } from './child-process.ts';
import { benchKeys, benchSeed, CHAIN_ID, fixedBytes, type Scheme, VAULT } from './inputs.ts';
import { check, measure } from './measure.ts';

/** Keys of a mnemonic in worker threads; the first ones are the recorded ones, a sample is derived again by noble. */
export async function deriveStep({ count }: { count: number }): Promise<StepResult> {
  const seed = benchSeed();
  const { cost, value } = await measure(async () => {
    await using pool = createWorkerPool();
    return await pool.deriveKeypairs({ seed, firstIndex: 0, count });
  });
  const recorded = readRecordedJson<{ pubkey: string }[]>(
    '01-create-keys/holesky/1-after-first/deposit_data.json',
  );
  const publicKeys = Array.from({ length: count }, (_, i) => toHex(recordAt(value.publicKeys, i, 48)));
  for (const [i, { pubkey }] of recorded.entries())
    check(publicKeys[i] === `0x${pubkey}`, `recorded key ${i}`);
  check(new Set(publicKeys).size === count, 'the keys are not distinct');
  for (let i = 0; i < count; i += Math.ceil(count / 50)) {
    check(noblePublicKey(recordAt(value.secretKeys, i, 32)) === publicKeys[i], `public key ${i}`);
  }
  return { cost };
}

/** Bare blst: three EIP-2333 children and a public key for each index, one thread. */
export async function deriveBare({ count }: { count: number }): Promise<StepResult> {
  const seed = benchSeed();
  return measure(() => {
    const account = blst.SecretKey.deriveMasterEip2333(seed)
      .deriveChildEip2333(12381)
      .deriveChildEip2333(3600);
    for (let i = 0; i < count; i++) {
      account.deriveChildEip2333(i).deriveChildEip2333(0).deriveChildEip2333(0).toPublicKey().toBytes();
    }
  });
}

/** Split, derive and seal; a sample is opened, recombined and compared. */
export async function sealStep(scheme: Scheme): Promise<StepResult> {
  const { count, oracles, threshold } = scheme;
  const dataKey = fixedBytes('data key', 32);
  const hash = fixedBytes('oracle set', 32);
  const vault = fromHex(VAULT, 20);
  const keys = await (async () => {
    await using pool = createWorkerPool();
    return await benchKeys(pool, count);
  })();
  const { cost, value } = await measure(async () => {
    await using pool = createWorkerPool();
    const oracleSet = { hash, threshold, count: oracles };
    return await pool.sealKeypairs({ dataKey, dataKeyId: 1, chainId: CHAIN_ID, vault, oracleSet, ...keys });
  });
  check(value.shareCiphertexts.length === count * oracles * 48, 'number of shares');
  const context = { chainId: CHAIN_ID, vault, kind: 'share', oracleSetHash: hash, dataKeyId: 1 } as const;
  for (let i = 0; i < count; i += Math.ceil(count / 50)) {
    const parentPublicKey = recordAt(keys.publicKeys, i, 48);
    const shares = Array.from({ length: threshold }, (_, index) => {
      const shareIndex = oracles - 1 - index;
      const at = i * oracles + shareIndex;
      const publicKey = recordAt(value.sharePublicKeys, at, 48);
      const sealed = {
        nonce: recordAt(value.shareNonces, at, 12),
        ciphertext: recordAt(value.shareCiphertexts, at, 48),
      };
      const secretKey = openSecretKey(
        importDataKey(dataKey),
        { ...context, publicKey, parentPublicKey, shareIndex },
        sealed,
      );
      if (index === 0) check(noblePublicKey(secretKey) === toHex(publicKey), `share of key ${i}`);
      return { index: shareIndex, secretKey };
    });
    check(toHex(combineKeyShares(shares)) === toHex(recordAt(keys.secretKeys, i, 32)), `shares of key ${i}`);
  }
  return { cost };
}

/**
 * Bare: a public key by blst for each share, AES-256-GCM with 185 bytes of associated data for each row, one thread. The
 * key is made a KeyObject once: one that is given as bytes is imported for every row, which takes longer than to seal it.
 */
export async function sealBare({ count, oracles }: Scheme): Promise<StepResult> {
  const key = createSecretKey(fixedBytes('data key', 32));
  const associated = new Uint8Array(185);
  return measure(() => {
    for (let i = 0; i < count * (oracles + 1); i++) {
      const secretKey = scalarOf(i);
      if (i < count * oracles) blst.SecretKey.fromBytes(secretKey).toPublicKey().toBytes();
      const cipher = createCipheriv('aes-256-gcm', key, randomBytes(12)).setAAD(associated);
      cipher.update(secretKey);
      cipher.final();
      cipher.getAuthTag();
    }
  });
}

/** Bare: AES-256-GCM opened, by a KeyObject made once, and a public key by blst for each row, one thread. */
export async function openBare({ count, oracles }: Scheme): Promise<StepResult> {
  const key = createSecretKey(fixedBytes('data key', 32));
  const nonce = new Uint8Array(12);
  const associated = new Uint8Array(185);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(associated);
  const ciphertext = Buffer.concat([cipher.update(scalarOf(1)), cipher.final()]);
  const tag = cipher.getAuthTag();
  return measure(() => {
    for (let i = 0; i < count * (oracles + 1); i++) {
      const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(associated).setAuthTag(tag);
      decipher.update(ciphertext);
      decipher.final();
      blst.SecretKey.fromBytes(scalarOf(i)).toPublicKey().toBytes();
    }
  });
}

/** Bare: scrypt of the usual cost, one thread. */
export async function scryptBare({ count }: { count: number }): Promise<StepResult> {
  const cost = { N: 2 ** 18, r: 8, p: 1, maxmem: 2 ** 29 };
  return measure(() => {
    for (let i = 0; i < count; i++) scryptSync('a password', randomBytes(32), 32, cost);
  });
}

function scalarOf(i: number): Uint8Array {
  const secretKey = new Uint8Array(32).fill(0x5a);
  new DataView(secretKey.buffer).setUint32(4, i);
  return secretKey;
}

function noblePublicKey(secretKey: Uint8Array): string {
  return `0x${bls12_381.G1.Point.BASE.multiply(BigInt(toHex(secretKey))).toHex(true)}`;
}
