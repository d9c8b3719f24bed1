import blst from '@chainsafe/blst';
import { describe, expect, it } from 'vitest';
import {
  createKeyDeriver,
  deriveSecretKey,
  publicKeyOf,
  validatorKeyPath,
} from '../../../../src/domain/keys/derivation.ts';
import { mnemonicToSeed } from '../../../../src/domain/keys/mnemonic.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { readRecordedJson } from '../../../support/recorded/vectors.ts';

/** The test cases of EIP-2333. */
const EIP_2333 = [
  {
    seed: '0xc55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04',
    master: 6083874454709270928345386274498605044986640685124978867557563392430687146096n,
    index: 0,
    child: 20397789859736650942317412262472558107875392172444076792671091975210932703118n,
  },
  {
    seed: '0x3141592653589793238462643383279502884197169399375105820974944592',
    master: 29757020647961307431480504535336562678282505419141012933316116377660817309383n,
    index: 3141592653,
    child: 25457201688850691947727629385191704516744796114925897962676248250929345014287n,
  },
  {
    seed: '0x0099FF991111002299DD7744EE3355BBDD8844115566CC55663355668888CC00',
    master: 27580842291869792442942448775674722299803720648445448686099262467207037398656n,
    index: 4294967295,
    child: 29358610794459428860402234341874281240803786294062035874021252734817515685787n,
  },
  {
    seed: '0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3',
    master: 19022158461524446591288038168518313374041767046816487870552872741050760015818n,
    index: 42,
    child: 31372231650479070279774297061823572166496564838472787488249775572789064611981n,
  },
];

const scalar = (bytes: Uint8Array) => BigInt(toHex(bytes));

describe('derivation', () => {
  it.each(EIP_2333)(
    'blst derives the keys of the EIP-2333 test case with index $index',
    ({ seed, master, index, child }) => {
      const key = blst.SecretKey.deriveMasterEip2333(fromHex(seed));
      expect(scalar(key.toBytes())).toBe(master);
      expect(scalar(key.deriveChildEip2333(index).toBytes())).toBe(child);
    },
  );

  it('createKeyDeriver derives the recorded public keys', () => {
    const seed = mnemonicToSeed(
      'okay session silver direct slot fun meat life cargo fall muffin convince discover together apart token ten suffer science sponsor fruit abandon cause diamond',
    );
    const derive = createKeyDeriver(seed);
    const recorded = readRecordedJson<{ pubkey: string }[]>(
      '01-create-keys/holesky/1-after-first/deposit_data.json',
    );
    expect(recorded).toHaveLength(5);
    for (const [index, { pubkey }] of recorded.entries()) {
      expect(toHex(publicKeyOf(derive(index))).slice(2)).toBe(pubkey);
      expect(derive(index)).toEqual(deriveSecretKey(seed, index));
    }
    expect(validatorKeyPath(7)).toBe('m/12381/3600/7/0/0');
  });

  it('publicKeyOf refuses a secret key of zero and one above the order', () => {
    expect(() => publicKeyOf(new Uint8Array(32))).toThrow();
    expect(() => publicKeyOf(new Uint8Array(32).fill(0xff))).toThrow();
  });
});
