import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchRedeemablePositions } from '../../../../src/clients/ipfs/redeemable-positions.ts';
import {
  fetchDumpedValidators,
  readDumpedValidators,
} from '../../../../src/clients/ipfs/vault-validators-dump.ts';
import { concatBytes, fromHex } from '../../../../src/lib/bytes.ts';
import { type IpfsGateway, startIpfsGateway } from '../../../devnet/ipfs-gateway.ts';

const VAULT = '0xA1A1a1a1A1A1A1A1A1a1a1a1a1a1A1A1a1A1a1a1';
const OTHER = `0x${'bb'.repeat(20)}`;

let gateway: IpfsGateway;
beforeAll(async () => {
  gateway = await startIpfsGateway();
});
afterAll(() => gateway.stop());

const options = () => ({ gateways: [gateway.url], timeoutMs: 5_000 });

/** A record as the dump has it: written by hand, apart from the reader. */
function record(block: number, vault: string, seed: number): Uint8Array {
  const bytes = Buffer.alloc(72);
  bytes.writeUInt32BE(block);
  bytes.write(vault.slice(2), 4, 'hex');
  bytes.fill(seed, 24);
  return bytes;
}

describe('the dump of what all vaults have registered', () => {
  it('fetchDumpedValidators finds the validators of one vault, in order', async () => {
    const document = concatBytes([
      record(5, VAULT, 1),
      record(5, OTHER, 2),
      record(9, VAULT, 3),
      record(0xfffffffe, OTHER, 4),
    ]);
    const ipfsHash = await gateway.add(document);
    const found = await fetchDumpedValidators({}, { ipfsHash, block: 0xffffffff }, VAULT, options());
    expect(found).toEqual([
      { blockNumber: 5, publicKey: new Uint8Array(48).fill(1) },
      { blockNumber: 9, publicKey: new Uint8Array(48).fill(3) },
    ]);
  });

  it('fetchDumpedValidators reads a dump of many blocks of IPFS', async () => {
    const records = Array.from({ length: 20_065 }, (_, i) => record(i, i % 2 === 0 ? VAULT : OTHER, i % 251));
    const ipfsHash = await gateway.add(concatBytes(records));
    const found = await fetchDumpedValidators({}, { ipfsHash, block: 20_064 }, VAULT, options());
    expect(found).toHaveLength(10_033);
    expect(found.at(-1)).toEqual({ blockNumber: 20_064, publicKey: new Uint8Array(48).fill(20_064 % 251) });
  });

  it('fetchDumpedValidators takes no other bytes than those of the CID', async () => {
    const ipfsHash = await gateway.add(record(5, VAULT, 1));
    gateway.fault = 'wrong-bytes';
    const dump = { ipfsHash, block: 5 };
    await expect(fetchDumpedValidators({}, dump, VAULT, options())).rejects.toMatchObject({
      code: 'ipfs-document-unproven',
    });
    gateway.fault = 'down';
    await expect(fetchDumpedValidators({}, dump, VAULT, options())).rejects.toMatchObject({
      code: 'ipfs-unavailable',
    });
    gateway.fault = undefined;
  });

  it.each([
    ['is empty', new Uint8Array(), 'has 0 bytes, not records of 72'],
    ['is cut off', record(5, VAULT, 1).subarray(1), 'has 71 bytes, not records of 72'],
    ['goes back', concatBytes([record(6, VAULT, 1), record(5, OTHER, 2)]), 'goes back from block 6 to 5'],
    ['goes too far', record(11, OTHER, 1), 'goes to block 11, behind block 10'],
  ])('readDumpedValidators refuses a dump that %s', (_, document, what) => {
    expect(() => readDumpedValidators(document, { ipfsHash: 'bafy', block: 10 }, VAULT)).toThrow(
      expect.objectContaining({
        code: 'invalid-vault-validators-dump',
        message: `The dump bafy of what vaults have registered ${what}.`,
      }),
    );
  });
});

describe('redeemable positions', () => {
  it('fetchRedeemablePositions keeps the order, and shares of any size', async () => {
    const document = [
      { owner: OTHER, vault: VAULT.toLowerCase(), leaf_shares: String(2n ** 255n), more: 1 },
      { owner: VAULT, vault: OTHER, leaf_shares: '0' },
    ];
    const ipfsHash = await gateway.add(JSON.stringify(document));
    expect(await fetchRedeemablePositions({}, ipfsHash, options())).toEqual([
      { owner: fromHex(OTHER, 20), vault: fromHex(VAULT, 20), leafShares: 2n ** 255n },
      { owner: fromHex(VAULT, 20), vault: fromHex(OTHER, 20), leafShares: 0n },
    ]);
  });

  it.each([
    ['no list', '{}'],
    ['no JSON', '[{"owner"'],
    ['an owner that is no address', JSON.stringify([{ owner: '0x12', vault: OTHER, leaf_shares: '1' }])],
    ['shares that are a number', JSON.stringify([{ owner: OTHER, vault: OTHER, leaf_shares: 1 }])],
    ['negative shares', JSON.stringify([{ owner: OTHER, vault: OTHER, leaf_shares: '-1' }])],
    ['shares above 2^256', JSON.stringify([{ owner: OTHER, vault: OTHER, leaf_shares: String(2n ** 256n) }])],
  ])('fetchRedeemablePositions refuses a document with %s', async (_, text) => {
    const ipfsHash = await gateway.add(text);
    await expect(fetchRedeemablePositions({}, ipfsHash, options())).rejects.toMatchObject({
      code: 'redeemable-positions-invalid',
      message: expect.stringContaining(ipfsHash),
    });
  });
});
