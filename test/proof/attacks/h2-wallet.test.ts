import { Interface, SigningKey, Transaction, TypedDataEncoder, Wallet } from 'ethers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { UnsignedTransaction } from '../../../src/clients/signer/wallet-signer.ts';
import { listOpenTransactions, listTransactions } from '../../../src/db/transactions.ts';
import { depositDataRoot, depositOfVault } from '../../../src/domain/consensus/deposit.ts';
import { concatBytes, fromHex, type Hex, toHex } from '../../../src/lib/bytes.ts';
import { WEI_PER_GWEI as GWEI } from '../../../src/lib/units.ts';
import { localSigner, type TestOperator } from '../../support/scenes/outbox-scene.ts';
import {
  CEILING_WEI,
  harvestOf,
  KEEPER,
  postToSigner,
  REGISTRY,
  startWalletScene,
  type WalletPlace,
  type WalletScene,
} from '../../support/scenes/wallet-scene.ts';
import { waitUntil } from '../../support/wait-until.ts';

const TRANSACTIONS = 'stakewise_operator.transactions';
const ATTEMPTS = 'stakewise_operator.transaction_attempts';
const STRANGER = '0x7070707070707070707070707070707070707070';
const APPROVE = new Interface(['function approve(address spender, uint256 amount)']);
let scene: WalletScene;
beforeAll(async () => {
  scene = await startWalletScene();
});
afterAll(() => scene?.[Symbol.asyncDispose]());
beforeEach(() => scene.chain.send('evm_setAutomine', [true]));

const never = () => new AbortController().signal;
const bytesOf = (hex: string) => Buffer.from(hex.slice(2), 'hex');
const scopeOf = ({ vault, chainId }: WalletPlace) => ({ chainId, vault: fromHex(vault, 20) });
const mine = () => scene.chain.send('evm_mine', []);

/** The forms of the transaction under way, once there are so many and the chain has the last. */
function untilPending(operator: TestOperator, place: WalletPlace, forms = 1) {
  return waitUntil(`a transaction with ${forms} forms`, async () => {
    const [row] = await listOpenTransactions(operator.database, scopeOf(place));
    const last = row?.attempts.at(-1);
    if (row === undefined || last === undefined || row.attempts.length < forms) return undefined;
    return (await scene.chain.getTransaction(toHex(last.hash))) === null ? undefined : row;
  });
}

/** An operator that has sent a call and was stopped while it waits for a block. */
async function leaveWaiting(place: WalletPlace, key = 'waits'): Promise<void> {
  await scene.chain.send('evm_setAutomine', [false]);
  const stop = new AbortController();
  await using operator = await scene.startOperator(place);
  const sent = operator.outbox.send(harvestOf(place, key), { signal: stop.signal });
  await untilPending(operator, place);
  stop.abort();
  await expect(sent).rejects.toThrow();
}

interface ForgedRow {
  readonly key?: string;
  readonly recipient?: string;
  readonly data?: string;
  readonly sender?: string;
  readonly nonce?: number;
  readonly raw?: string;
}

/** One row and one form of it, as the review's attack inserts them. */
async function insertRow(place: WalletPlace, forged: ForgedRow): Promise<void> {
  const data = forged.data ?? APPROVE.encodeFunctionData('approve', [STRANGER, 2n ** 256n - 1n]);
  // Bytes that no wallet has signed.
  const raw = bytesOf(forged.raw ?? `0x02${place.vault.slice(2)}`);
  const { key = 'forged', recipient = STRANGER, sender = place.wallet, nonce = 0 } = forged;
  const [row] = await scene.sql(
    `insert into ${TRANSACTIONS} (chain_id, vault, kind, intent_key, lease_epoch, sender, nonce, recipient, call_data,
       gas_limit, state, request, fee_ceiling_wei)
     values (1, $1, 'harvest', $2, 1, $3, $4, $5, $6, 1000000, 'sent', 'bump', 9000000000000) returning transaction_id`,
    [bytesOf(place.vault), key, bytesOf(sender), nonce, bytesOf(recipient), bytesOf(data)],
  );
  await scene.sql(
    `insert into ${ATTEMPTS} (hash, transaction_id, lease_epoch, nonce, purpose, raw, max_fee_wei, max_priority_fee_wei)
     values (sha256($1), $2, 1, $3, 'call', $1, 8000000000000, 8000000000000)`,
    [raw, row?.transaction_id, nonce],
  );
}

/** Replaces all forms of a row by one that nobody has signed, as of something that was sent and waits. */
async function forgeForm(place: WalletPlace, key: string): Promise<void> {
  const [row] = await scene.sql(
    `select transaction_id, nonce from ${TRANSACTIONS} where vault = $1 and intent_key = $2`,
    [bytesOf(place.vault), key],
  );
  await scene.sql(`delete from ${ATTEMPTS} where transaction_id = $1`, [row?.transaction_id]);
  await scene.sql(
    `insert into ${ATTEMPTS} (hash, transaction_id, lease_epoch, nonce, purpose, raw, max_fee_wei, max_priority_fee_wei)
     values (sha256($1), $2, 1, $3, 'call', $1, 1, 1)`,
    [bytesOf(`0x02${place.vault.slice(2)}`), row?.transaction_id, row?.nonce],
  );
}

/** What operators do with what they find at their start, and then for a while. */
async function runOperator(place: WalletPlace): Promise<TestOperator['lines']> {
  await using operator = await scene.startOperator(place, { reconcileWaitMs: 300, stuckAfterMs: 50 });
  await operator.outbox.reconcile(never());
  await operator.outbox.reconcile(never());
  return operator.lines;
}

/** The calls in blocks that the wallet has sent; what takes back a nonce is none. */
async function callsOf({ wallet }: WalletPlace): Promise<{ to: string; data: string; maxFee: bigint }[]> {
  const calls: { to: string; data: string; maxFee: bigint }[] = [];
  for (let number = await scene.chain.getBlockNumber(); number > 0; number--) {
    const block = await scene.chain.getBlock(number, true);
    for (const { from, to, data, maxFeePerGas } of block?.prefetchedTransactions ?? []) {
      if (from === wallet && to !== wallet) calls.push({ to: to ?? '', data, maxFee: maxFeePerGas ?? 0n });
    }
  }
  return calls;
}

/** How many forms are recorded for the vault that its present wallet has signed. */
async function signedFor({ vault, wallet }: WalletPlace): Promise<number> {
  const forms = await scene.sql(
    `select a.raw from ${ATTEMPTS} a join ${TRANSACTIONS} t using (transaction_id) where t.vault = $1`,
    [bytesOf(vault)],
  );
  const signers = forms.map(({ raw }) => {
    try {
      return Transaction.from(toHex(raw as Uint8Array)).from;
    } catch {
      return null;
    }
  });
  return signers.filter(one => one === wallet).length;
}

describe('H2 · the hot wallet is told by rows what to sign', () => {
  it.each([
    ['approve() of a token', { useVault: false }],
    ['a call that the vault needs, at 8000 gwei', { useVault: true }],
  ])('database writer: inserts a transaction, %s → nothing is signed', async (_, { useVault }) => {
    const place = await scene.newPlace();
    const call = useVault ? { recipient: place.vault, data: harvestOf(place, 'forged').data } : {};
    await insertRow(place, call);
    const before = await scene.balanceOf(place);
    await runOperator(place);
    await mine();
    expect([await scene.nonceOf(place), await scene.balanceOf(place)]).toEqual([0, before]);
    const [row] = await scene.sql(`select state from ${TRANSACTIONS} where vault = $1`, [
      bytesOf(place.vault),
    ]);
    expect(row).toEqual({ state: 'abandoned' });
    // What is sent next is not dearer for it.
    await using operator = await scene.startOperator(place);
    expect(await operator.outbox.send(harvestOf(place, 'real'), { signal: never() })).toMatchObject({
      status: 'confirmed',
    });
    expect((await callsOf(place))[0]?.maxFee).toBeLessThanOrEqual(CEILING_WEI);
  });

  it('database writer: shows another call’s success for one that was never made → it is made', async () => {
    const place = await scene.newPlace();
    await using operator = await scene.startOperator(place);
    await operator.outbox.send(harvestOf(place, 'made'), { signal: never() });
    const columns = await columnsOf('transactions', ['transaction_id', 'intent_key']);
    await scene.sql(
      `insert into ${TRANSACTIONS} (intent_key, ${columns}) select 'wanted', ${columns} from ${TRANSACTIONS} where vault = $1`,
      [bytesOf(place.vault)],
    );
    await scene.sql(
      `update ${ATTEMPTS} a set transaction_id = forged.transaction_id from ${TRANSACTIONS} forged, ${TRANSACTIONS} t
       where a.transaction_id = t.transaction_id and t.vault = $1 and forged.vault = $1 and forged.intent_key = 'wanted'`,
      [bytesOf(place.vault)],
    );
    const outcome = await operator.outbox.send(harvestOf(place, 'wanted'), { signal: never() });
    expect(outcome).toMatchObject({ status: 'confirmed' });
    expect(await scene.countHarvests(place)).toBe(2);
  });

  it.each([
    ['intended', `update ${TRANSACTIONS} set state = 'intended'`],
    ['sent, to be bumped', `update ${TRANSACTIONS} set state = 'sent', request = 'bump'`],
    [
      'sent under the next nonce, to be bumped',
      `update ${TRANSACTIONS} set state = 'sent', request = 'bump', nonce = 1`,
    ],
  ])('database writer: resets a confirmed transaction to %s → it is not sent twice', async (_, update) => {
    const place = await scene.newPlace();
    {
      await using operator = await scene.startOperator(place);
      const sent = await operator.outbox.send(harvestOf(place, 'once'), { signal: never() });
      expect(sent).toMatchObject({ status: 'confirmed' });
    }
    await scene.sql(`${update} where vault = $1`, [bytesOf(place.vault)]);
    await runOperator(place);
    await scene.sql(`${update} where vault = $1`, [bytesOf(place.vault)]);
    await forgeForm(place, 'once');
    await runOperator(place);
    await mine();
    expect(await scene.countHarvests(place)).toBe(1);
  });

  it('database writer: copies a transaction under another key and the next nonce → it is not sent again', async () => {
    const place = await scene.newPlace();
    {
      await using operator = await scene.startOperator(place);
      await operator.outbox.send(harvestOf(place, 'original'), { signal: never() });
    }
    const columns = await columnsOf('transactions', [
      'transaction_id',
      'intent_key',
      'nonce',
      'state',
      'request',
    ]);
    await scene.sql(
      `insert into ${TRANSACTIONS} (intent_key, nonce, state, request, ${columns})
       select 'copy', 1, 'sent', 'bump', ${columns} from ${TRANSACTIONS} where vault = $1`,
      [bytesOf(place.vault)],
    );
    await forgeForm(place, 'copy');
    await runOperator(place);
    await mine();
    expect([await scene.countHarvests(place), (await callsOf(place)).length]).toEqual([1, 1]);
  });

  it('database writer: reorders calls among the rows → none is signed that was not recorded so', async () => {
    const place = await scene.newPlace();
    {
      await using operator = await scene.startOperator(place);
      for (const key of ['one', 'two'])
        await operator.outbox.send(harvestOf(place, key), { signal: never() });
    }
    await leaveWaiting(place, 'three');
    // The waiting row does what an earlier one did, and that one is the one that waits.
    await scene.sql(
      `update ${TRANSACTIONS} t set call_data = other.call_data, request = 'bump' from ${TRANSACTIONS} other
       where t.vault = $1 and other.vault = $1 and t.intent_key = 'three' and other.intent_key = 'one'`,
      [bytesOf(place.vault)],
    );
    await runOperator(place);
    await mine();
    const calls = (await callsOf(place)).map(({ data }) => data);
    const wanted = ['one', 'two', 'three'].map(key => harvestOf(place, key).data as string);
    expect(calls.filter(data => !wanted.includes(data))).toEqual([]);
    expect(new Set(calls).size).toBe(calls.length);
  });

  it('database writer: changes the call of a waiting transaction → the changed call is not signed', async () => {
    const place = await scene.newPlace();
    await leaveWaiting(place);
    await scene.sql(
      `update ${TRANSACTIONS} set recipient = $2, call_data = $3, request = 'bump' where vault = $1`,
      [
        bytesOf(place.vault),
        bytesOf(KEEPER),
        bytesOf(
          new Interface([
            'function updateExitSignatures(address, uint256, string, bytes)',
          ]).encodeFunctionData('updateExitSignatures', [place.vault, 1n, 'Qm', '0x']),
        ),
      ],
    );
    await runOperator(place);
    await mine();
    for (const { to } of await callsOf(place)) expect(to).toBe(place.vault);
  });

  it.each([
    ['what a bump may offer', `fee_ceiling_wei = 9000000000000`],
    ['what the row says of its ceiling', `fee_ceiling_wei = 9000000000000, bump_ceiling_wei = 9000000000000`],
  ])(
    'database writer: raises ceilings, %s → no form offers more than the operator may',
    async (_, change) => {
      const place = await scene.newPlace();
      await leaveWaiting(place);
      const before = await scene.balanceOf(place);
      await scene.sql(
        `update ${TRANSACTIONS} set ${change}, request = 'bump', gas_limit = gas_limit where vault = $1`,
        [bytesOf(place.vault)],
      );
      await scene.sql(
        `update ${ATTEMPTS} set max_fee_wei = 8000000000000, max_priority_fee_wei = 8000000000000 where transaction_id in
         (select transaction_id from ${TRANSACTIONS} where vault = $1)`,
        [bytesOf(place.vault)],
      );
      await runOperator(place);
      await mine();
      const spent = before - (await scene.balanceOf(place));
      expect(spent).toBeLessThanOrEqual(200_000n * CEILING_WEI);
      for (const { maxFee } of await callsOf(place)) expect(maxFee).toBeLessThanOrEqual(CEILING_WEI);
    },
  );

  it('database writer: has a call bumped that could only revert now → it is taken back instead', async () => {
    const place = await scene.newPlace();
    await leaveWaiting(place);
    await scene.chain.send('anvil_setCode', [place.vault, '0x5f5ffd']);
    await scene.sql(`update ${TRANSACTIONS} set request = 'bump' where vault = $1`, [bytesOf(place.vault)]);
    await using operator = await scene.startOperator(place, { reconcileWaitMs: 50 });
    await operator.outbox.reconcile(never());
    const row = await untilPending(operator, place, 2);
    expect(row.attempts.map(({ purpose }) => purpose)).toEqual(['call', 'cancel']);
    await mine();
    expect(await callsOf(place)).toEqual([]);
  });

  it('database writer: takes the tag from a waiting transaction → it is followed, and taken back at most', async () => {
    const place = await scene.newPlace();
    await leaveWaiting(place);
    await scene.sql(`update ${TRANSACTIONS} set mac = null where vault = $1`, [bytesOf(place.vault)]);
    await scene.sql(`update ${TRANSACTIONS} set request = 'bump' where vault = $1`, [bytesOf(place.vault)]);
    await using operator = await scene.startOperator(place, { reconcileWaitMs: 50, stuckAfterMs: 30 });
    await operator.outbox.reconcile(never());
    const row = await untilPending(operator, place, 2);
    expect(row.attempts[0]?.purpose).toBe('call');
    expect(row.attempts.slice(1).map(({ purpose }) => purpose)).not.toContain('call');
  });

  it('database writer: gives another wallet’s transaction to this one → it is not signed', async () => {
    const before = await scene.newPlace();
    await leaveWaiting(before);
    const place = await scene.newPlace({ vault: before.vault });
    await scene.sql(`update ${TRANSACTIONS} set sender = $2, request = 'bump' where vault = $1`, [
      bytesOf(place.vault),
      bytesOf(place.wallet),
    ]);
    await runOperator(place);
    expect(await signedFor(place)).toBe(0);
    await mine();
    expect(await scene.nonceOf(place)).toBe(0);
  });

  it('database writer: has a mined transaction wait for a nonce that is far away → it holds up nobody', async () => {
    const place = await scene.newPlace();
    await leaveWaiting(place);
    await scene.chain.send('anvil_setCode', [place.vault, '0x5f5ffd']);
    await mine();
    await runOperator(place);
    await scene.sql(`update ${TRANSACTIONS} set state = 'sent', nonce = 1000 where vault = $1`, [
      bytesOf(place.vault),
    ]);
    await using operator = await scene.startOperator(place, { reconcileWaitMs: 100 });
    await operator.outbox.reconcile(never());
    expect(await operator.outbox.hasPending()).toBe(false);
  });

  it('local user: gives the vault another wallet while a transaction waits → it is followed, and nothing is signed', async () => {
    const before = await scene.newPlace();
    await leaveWaiting(before);
    const place = await scene.newPlace({ vault: before.vault });
    await using operator = await scene.startOperator(place, { reconcileWaitMs: 300, stuckAfterMs: 50 });
    await expect(operator.outbox.reconcile(never())).rejects.toMatchObject({ code: 'wallet-changed' });
    await mine();
    await operator.outbox.reconcile(never());
    const [row] = await listTransactions(operator.database, scopeOf(place), 1);
    expect(row).toMatchObject({ state: 'confirmed', attempts: [{ purpose: 'call' }] });
    expect([await scene.nonceOf(before), await scene.nonceOf(place)]).toEqual([1, 0]);
  });

  it('database writer: copies a transaction to another operator on the same database → it is not signed there', async () => {
    const one = await scene.newPlace();
    const two = await scene.newPlace({ secretKey: one.secretKey });
    await leaveWaiting(one);
    const columns = await columnsOf('transactions', ['transaction_id', 'vault', 'request']);
    await scene.sql(
      `insert into ${TRANSACTIONS} (vault, request, ${columns}) select $2, 'bump', ${columns} from ${TRANSACTIONS} where vault = $1`,
      [bytesOf(one.vault), bytesOf(two.vault)],
    );
    await forgeForm(two, 'waits');
    await runOperator(two);
    expect(await signedFor(two)).toBe(0);
    await mine();
    expect(await scene.nonceOf(one)).toBe(1);
  });

  async function columnsOf(table: string, but: readonly string[]): Promise<string> {
    const rows = await scene.sql(
      'select column_name from information_schema.columns where table_schema = $1 and table_name = $2',
      ['stakewise_operator', table],
    );
    return rows
      .map(({ column_name }) => String(column_name))
      .filter(name => !but.includes(name))
      .join(', ');
  }
});

const vaultAbi = new Interface([
  'function setAdmin(address newAdmin)',
  'function setValidatorsManager(address)',
  'function multicall(bytes[] data)',
  'function withdrawValidators(bytes validators, bytes signature)',
]);
const registryAbi = new Interface([
  'function updateVaultState(address, (bytes32, int160, uint160, bytes32[]))',
  'function setDepositDataManager(address vault, address manager)',
]);
const keeperAbi = new Interface(['function updateExitSignatures(address, uint256, string, bytes)']);
const HARVEST_TUPLE = [`0x${'11'.repeat(32)}`, 1n, 0n, []];

describe('H2 · the wallet’s process is asked by an operator that was taken over', () => {
  let place: WalletPlace;
  beforeAll(async () => {
    place = await scene.newPlace();
  });

  const baseOf = (more: Partial<UnsignedTransaction>): UnsignedTransaction => ({
    chainId: 1,
    nonce: 0,
    to: place.vault,
    data: harvestOf(place, 'x').data,
    gasLimit: 90_000n,
    maxFeePerGasWei: 30n * GWEI,
    maxPriorityFeePerGasWei: GWEI,
    ...more,
  });
  const encode = (abi: Interface, name: string, args: readonly unknown[]) =>
    abi.encodeFunctionData(name, args) as Hex;

  it.each<[string, () => Partial<UnsignedTransaction>, () => string[]]>([
    [
      'approve() of a token',
      () => ({ to: STRANGER, data: encode(APPROVE, 'approve', [STRANGER, 1n]) }),
      () => [STRANGER, '0x095ea7b3'],
    ],
    [
      'all ether to a stranger',
      () => ({ to: STRANGER, data: '0x', valueWei: 10n ** 18n }),
      () => [STRANGER, 'no selector'],
    ],
    ['ether to the vault', () => ({ data: '0x', valueWei: 1n }), () => [place.vault, 'no selector']],
    ['ether along with a harvest', () => ({ valueWei: 1n }), () => [place.vault, 'sends 1 wei']],
    ['ether to itself', () => ({ to: place.wallet, data: '0x', valueWei: 1n }), () => [place.wallet]],
    [
      'setAdmin() of the vault',
      () => ({ data: encode(vaultAbi, 'setAdmin', [STRANGER]) }),
      () => [place.vault, vaultAbi.getFunction('setAdmin')?.selector ?? ''],
    ],
    [
      'withdrawValidators() of the vault',
      () => ({ data: encode(vaultAbi, 'withdrawValidators', ['0x', '0x']) }),
      () => [vaultAbi.getFunction('withdrawValidators')?.selector ?? ''],
    ],
    [
      'setAdmin() behind a harvest in a multicall',
      () => ({
        data: encode(vaultAbi, 'multicall', [
          [harvestOf(place, 'x').data, encode(vaultAbi, 'setAdmin', [STRANGER])],
        ]),
      }),
      () => [place.vault, vaultAbi.getFunction('setAdmin')?.selector ?? ''],
    ],
    [
      'a multicall in a multicall',
      () => ({
        data: encode(vaultAbi, 'multicall', [
          [encode(vaultAbi, 'multicall', [[harvestOf(place, 'x').data]])],
        ]),
      }),
      () => [place.vault, '0xac9650d8'],
    ],
    ['an empty multicall', () => ({ data: encode(vaultAbi, 'multicall', [[]]) }), () => ['0xac9650d8']],
    [
      'the registry for another vault',
      () => ({ to: REGISTRY, data: encode(registryAbi, 'updateVaultState', [STRANGER, HARVEST_TUPLE]) }),
      () => [REGISTRY, STRANGER, place.vault],
    ],
    [
      'setDepositDataManager() of the registry',
      () => ({ to: REGISTRY, data: encode(registryAbi, 'setDepositDataManager', [place.vault, STRANGER]) }),
      () => [REGISTRY, registryAbi.getFunction('setDepositDataManager')?.selector ?? ''],
    ],
    [
      'the keeper for another vault',
      () => ({ to: KEEPER, data: encode(keeperAbi, 'updateExitSignatures', [STRANGER, 1n, 'Qm', '0x']) }),
      () => [KEEPER, STRANGER, place.vault],
    ],
    [
      'a harvest with bytes behind it',
      () => ({ data: `${harvestOf(place, 'x').data}00` }),
      () => ['not written as'],
    ],
    ['a harvest of another contract', () => ({ to: STRANGER }), () => [STRANGER, '0x1a7ff553']],
    ['8000 gwei for its gas', () => ({ maxFeePerGasWei: 8000n * GWEI }), () => [`ceiling of ${CEILING_WEI}`]],
    [
      'more gas than a transaction can have',
      () => ({ gasLimit: 30_000_000n }),
      () => ['ceiling of 16777216'],
    ],
    ['another chain', () => ({ chainId: 5 }), () => ['chain 5']],
  ])(
    'operator’s own process: wants the hot wallet to sign %s → refused, and named',
    async (_, change, named) => {
      const refused = await place.signer.signTransaction(baseOf(change())).then(
        raw => `signed: ${raw}`,
        (error: Error) => error.message,
      );
      expect(refused).toContain('412');
      for (const text of named()) expect(refused.toLowerCase()).toContain(text.toLowerCase());
    },
  );

  it('operator’s own process: wants the hot wallet to pay more for withdrawals than it was started with, or to send it elsewhere → refused', async () => {
    const maxWithdrawalRequestFeeWei = String(1_000n * GWEI);
    const open = await scene.newPlace({ operations: { funding: true, maxWithdrawalRequestFeeWei } });
    const data = encode(vaultAbi, 'withdrawValidators', [toHex(new Uint8Array(2 * 56).fill(1, 56)), '0x']);
    const most = 2_000n * GWEI;
    const base = { ...baseOf({}), to: open.vault, data, valueWei: most };
    const ask = (change: Partial<UnsignedTransaction>) =>
      open.signer.signTransaction({ ...base, ...change }).then(
        raw => `signed: ${Transaction.from(raw).value} wei`,
        (error: Error) => error.message,
      );
    expect(await ask({})).toBe(`signed: ${most} wei`);
    for (const change of [
      { valueWei: most + 1n },
      { valueWei: 0n },
      { to: STRANGER },
      { to: KEEPER },
      { to: REGISTRY },
      { to: open.wallet },
      { data: '0x' as Hex },
      { data: harvestOf(open, 'x').data },
      { data: encode(vaultAbi, 'multicall', [[data]]) },
      { data: encode(vaultAbi, 'multicall', [[data]]), valueWei: 0n },
      { data: encode(vaultAbi, 'withdrawValidators', [toHex(new Uint8Array(2 * 56)), '0x']) },
      { data: encode(vaultAbi, 'withdrawValidators', [toHex(new Uint8Array(57)), '0x']) },
    ]) {
      expect(await ask(change)).toContain('412');
    }
    // What was not switched on is not signed at all.
    expect(await place.signer.signTransaction({ ...base, to: place.vault }).catch(String)).toContain(
      '0xd40a902f',
    );
  });

  it('operator’s own process: wants the hot wallet to sign what the vault needs, and to take it back → signed', async () => {
    const approval = [`0x${'22'.repeat(32)}`, 1n, '0x', '0x', 'Qm'];
    const approvals = '(bytes32, uint256, bytes, bytes, string)';
    const proof = 'uint256[], bool[], bytes32[]';
    const needed = new Interface([
      `function registerValidators(${approvals}, bytes)`,
      `function registerValidators(address, ${approvals}, ${proof})`,
    ]);
    const byManager = encode(needed, `registerValidators(${approvals}, bytes)`, [approval, '0x']);
    const byRegistry = encode(needed, `registerValidators(address, ${approvals}, ${proof})`, [
      place.vault,
      approval,
      [0],
      [],
      [],
    ]);
    const updated = encode(registryAbi, 'updateVaultState', [place.vault, HARVEST_TUPLE]);
    const signed = await Promise.all(
      [
        {},
        { data: byManager },
        { data: encode(vaultAbi, 'multicall', [[harvestOf(place, 'x').data, byManager]]) },
        { to: REGISTRY, data: encode(vaultAbi, 'multicall', [[updated, byRegistry]]) },
        { to: KEEPER, data: encode(keeperAbi, 'updateExitSignatures', [place.vault, 1n, 'Qm', '0x']) },
        { to: place.wallet, data: '0x' as Hex, gasLimit: 21_000n },
      ].map(one => place.signer.signTransaction(baseOf(one))),
    );
    const local = localSigner(place.secretKey);
    expect(signed[0]).toBe(await local.signTransaction(baseOf({})));
    expect(new Set(signed).size).toBe(signed.length);
  });

  const types = {
    VaultValidators: [
      { name: 'validatorsRegistryRoot', type: 'bytes32' },
      { name: 'validators', type: 'bytes' },
    ],
  };
  const entryOf = (vault: string) => {
    const deposit = { publicKey: new Uint8Array(48).fill(7), signature: new Uint8Array(96).fill(8) };
    const root = depositDataRoot(depositOfVault(deposit, fromHex(vault, 20)));
    return concatBytes([deposit.publicKey, deposit.signature, root]);
  };
  const messageOf = (more: object = {}) => ({
    chainId: 1,
    vault: place.vault,
    validatorsRegistryRoot: `0x${'33'.repeat(32)}`,
    validators: toHex(entryOf(place.vault)),
    ...more,
  });
  const APPROVE_PATH = '/api/v1/stakewise/sign/vault-validators';

  it('operator’s own process: wants an EIP-712 digest of this vault signed → refused', async () => {
    const domain = { name: 'VaultValidators', version: '1', chainId: 1, verifyingContract: place.vault };
    const { validatorsRegistryRoot, validators } = messageOf();
    const data = TypedDataEncoder.encode(domain, types, { validatorsRegistryRoot, validators });
    const key = SigningKey.computePublicKey(place.secretKey, false).slice(4);
    const answer = await postToSigner(place, `/api/v1/eth1/sign/${key}`, { data });
    expect(answer).toEqual({ status: 412, text: 'This signer signs EIP-1559 transactions only.' });
  });

  it.each<[string, () => object, RegExp]>([
    [
      'with a nonce in place of the root, as of a withdrawal',
      () => messageOf({ validatorsRegistryRoot: `0x${'00'.repeat(31)}05` }),
      /a nonce/,
    ],
    [
      'of validators that pay out to a stranger',
      () => messageOf({ validators: toHex(entryOf(STRANGER)) }),
      /own withdrawal credentials/,
    ],
    [
      'of a withdrawal’s entries',
      () => messageOf({ validators: `0x${'44'.repeat(56)}` }),
      /176 bytes each, not 56/,
    ],
    ['of nothing', () => messageOf({ validators: '0x' }), /176 bytes/],
    ['of another vault', () => messageOf({ vault: STRANGER }), /vault only, on chain 1/],
    ['of another chain', () => messageOf({ chainId: 100 }), /vault only, on chain 1/],
  ])('operator’s own process: wants an approval %s → refused', async (_, message, reason) => {
    const answer = await postToSigner(place, APPROVE_PATH, message());
    expect(answer.status).toBe(412);
    expect(answer.text).toMatch(reason);
  });

  it('operator’s own process: gives the members of a registration of this vault → signed, and it is that signature', async () => {
    const { validatorsRegistryRoot, validators } = messageOf();
    const signature = await place.signer.signVaultValidators({
      chainId: 1,
      vault: place.vault,
      validatorsRegistryRoot: fromHex(validatorsRegistryRoot),
      validators: fromHex(validators),
    });
    const domain = { name: 'VaultValidators', version: '1', chainId: 1, verifyingContract: place.vault };
    const wallet = new Wallet(place.secretKey);
    const own = await wallet.signTypedData(domain, types, { validatorsRegistryRoot, validators });
    expect(toHex(signature)).toBe(own);
  });
});

describe('L5 · two vaults have one wallet and one database', () => {
  it('operator’s own process: two vaults of one wallet send at once → each waits for the other, nothing is cancelled', {
    timeout: 120_000,
  }, async () => {
    const one = await scene.newPlace();
    const two = await scene.newPlace({ secretKey: one.secretKey });
    await scene.chain.send('evm_setAutomine', [false]);
    await scene.chain.send('evm_setIntervalMining', [1]);
    try {
      await using first = await scene.startOperator(one);
      await using second = await scene.startOperator(two);
      const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
      const sendAll = (operator: TestOperator, place: WalletPlace) =>
        Promise.all(keys.map(key => operator.outbox.send(harvestOf(place, key), { signal: never() })));
      const outcomes = await Promise.all([sendAll(first, one), sendAll(second, two)]);
      expect(outcomes.flat().map(({ status }) => status)).toEqual([...keys, ...keys].map(() => 'confirmed'));
      expect([await scene.countHarvests(one), await scene.countHarvests(two)]).toEqual([6, 6]);
      expect(await scene.nonceOf(one)).toBe(12);
      for (const [operator, place] of [
        [first, one],
        [second, two],
      ] as const) {
        const rows = await listTransactions(operator.database, scopeOf(place), 10);
        expect(rows.map(({ state, attempts }) => [state, attempts.length])).toEqual(
          keys.map(() => ['confirmed', 1]),
        );
      }
      const waited = [...first.lines, ...second.lines].filter(line => line.includes('for another vault'));
      expect(waited.length).toBeGreaterThan(0);
    } finally {
      await scene.chain.send('evm_setIntervalMining', [0]);
    }
  });

  it('operator’s own process: waits for a vault of its wallet that is gone → the nonce is taken in the end', async () => {
    const gone = await scene.newPlace();
    const here = await scene.newPlace({ secretKey: gone.secretKey });
    await leaveWaiting(gone);
    await using operator = await scene.startOperator(here, { stuckAfterMs: 300 });
    const sent = operator.outbox.send(harvestOf(here, 'after'), { signal: never() });
    await untilPending(operator, here);
    expect(operator.lines.filter(line => line.includes('for another vault')).length).toBeGreaterThan(1);
    await mine();
    expect(await sent).toMatchObject({ status: 'confirmed' });
    expect([await scene.countHarvests(gone), await scene.countHarvests(here)]).toEqual([0, 1]);
  });
});
