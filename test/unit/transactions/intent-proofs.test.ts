import { Transaction, Wallet } from 'ethers';
import { describe, expect, it } from 'vitest';
import type { StoredTransaction } from '../../../src/db/transactions.ts';
import { fromHex, toHex } from '../../../src/lib/bytes.ts';
import { IntentProofs } from '../../../src/transactions/intent-proofs.ts';
import { localMac } from '../../support/scenes/local-mac.ts';

const wallet = new Wallet(`0x${'59'.repeat(32)}`);
const chainId = 31337;
const scope = { chainId, vault: new Uint8Array(20).fill(1) };
const proofs = new IntentProofs({ macRecord: localMac(wallet.privateKey) }, scope);
const VAULT = `0x${'01'.repeat(20)}`;

const intent = {
  id: 7n,
  kind: 'harvest',
  key: 'harvest 1',
  sender: fromHex(wallet.address),
  nonce: 4n,
  recipient: fromHex(VAULT),
  data: fromHex('0x1234'),
  valueWei: 0n,
  gasLimit: 90_000n,
  deadline: 1_000n,
  bumpCeilingWei: 100n,
};

async function rowOf(more: Partial<StoredTransaction> = {}): Promise<StoredTransaction> {
  return {
    ...intent,
    leaseEpoch: 1n,
    state: 'sent',
    reason: undefined,
    minedHash: undefined,
    minedBlock: undefined,
    request: undefined,
    feeCeilingWei: undefined,
    attempts: [],
    mac: await proofs.macIntent(intent),
    createdAt: new Date(0),
    updatedAt: new Date(0),
    ...more,
  };
}

async function sign(more: object = {}, key = wallet) {
  const unsigned = Transaction.from({
    type: 2,
    chainId,
    nonce: 4,
    to: VAULT,
    data: '0x1234',
    value: 0n,
    gasLimit: 90_000n,
    maxFeePerGas: 30n,
    maxPriorityFeePerGas: 2n,
    ...more,
  });
  return fromHex(await key.signTransaction(unsigned));
}

/** A form with whatever the row says of it. */
const formOf = (raw: Uint8Array, mac?: Uint8Array) => ({
  hash: new Uint8Array(32),
  nonce: 99n,
  purpose: 'call' as const,
  raw,
  mac,
  maxFeeWei: 8_000n,
  maxPriorityFeeWei: 8_000n,
});

describe('IntentProofs', () => {
  it('IntentProofs takes a row for its recorded call, whatever the row says of its state', async () => {
    expect(await proofs.judge(await rowOf())).toMatchObject({ isProven: true });
    const moved = { state: 'intended', request: 'bump', feeCeilingWei: 9n, leaseEpoch: 5n } as const;
    expect(await proofs.judge(await rowOf(moved))).toMatchObject({ isProven: true });
  });

  it.each<[string, Partial<StoredTransaction>]>([
    ['number', { id: 8n }],
    ['kind', { kind: 'register-validators' }],
    ['key', { key: 'harvest 2' }],
    ['sender', { sender: new Uint8Array(20) }],
    ['nonce', { nonce: 5n }],
    ['receiver', { recipient: new Uint8Array(20) }],
    ['call data', { data: fromHex('0x1235') }],
    ['value', { valueWei: 1n }],
    ['gas', { gasLimit: 90_001n }],
    ['ceiling', { bumpCeilingWei: 101n }],
    ['no ceiling', { bumpCeilingWei: undefined }],
    ['deadline', { deadline: 1_001n }],
    ['no deadline', { deadline: undefined }],
    ['no tag', { mac: undefined }],
    ['a tag of another length', { mac: new Uint8Array(16) }],
  ])('IntentProofs does not take a row for its recorded call with this changed: %s', async (_, change) => {
    expect(await proofs.judge(await rowOf(change))).toMatchObject({ isProven: false });
  });

  it('IntentProofs of another wallet does not take a row for a recorded call', async () => {
    const other = new IntentProofs({ macRecord: localMac(`0x${'58'.repeat(32)}`) }, scope);
    expect(await other.judge(await rowOf())).toMatchObject({ isProven: false });
  });

  it('IntentProofs takes of a form what its bytes say, and nothing of what the row says', async () => {
    const raw = await sign();
    const { attempts } = await proofs.judge(await rowOf({ attempts: [formOf(raw)] }));
    expect(attempts).toMatchObject([
      { nonce: 4n, purpose: 'call', maxFeeWei: 30n, maxPriorityFeeWei: 2n, raw },
    ]);
    expect(toHex(attempts[0]?.hash ?? new Uint8Array())).toBe(Transaction.from(toHex(raw)).hash);
    const nothing = await sign({ to: wallet.address, data: '0x' });
    expect((await proofs.judge(await rowOf({ attempts: [formOf(nothing)] }))).attempts).toMatchObject([
      { purpose: 'cancel' },
    ]);
  });

  it('IntentProofs leaves out forms that are not of the sender, the chain or the call', async () => {
    const earlier = await sign({ data: '0x99' });
    const forms = [
      new Uint8Array([1, 2, 3]),
      await sign({}, new Wallet(`0x${'58'.repeat(32)}`)),
      await sign({ chainId: 1 }),
      await sign({ value: 1n }),
      earlier,
    ];
    const row = await rowOf({ attempts: forms.map(raw => formOf(raw)) });
    expect((await proofs.judge(row)).attempts).toEqual([]);
    // An earlier try of the same key is known by its own tag.
    const hash = fromHex(Transaction.from(toHex(earlier)).hash ?? '');
    const tagged = formOf(earlier, await proofs.macForm(row, hash));
    expect((await proofs.judge({ ...row, attempts: [tagged] })).attempts).toHaveLength(1);
    expect((await proofs.judge({ ...row, key: 'harvest 2', attempts: [tagged] })).attempts).toEqual([]);
  });
});
