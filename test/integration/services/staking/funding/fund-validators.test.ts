import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { parseEther } from 'ethers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fromHex, type Hex, toHex } from '../../../../../src/lib/bytes.ts';
import type { TransactionIntent } from '../../../../../src/transactions/transaction.ts';
import { credentialsOf } from '../../../../devnet/deposit-data.ts';
import { sendAs } from '../../../../devnet/send-as.ts';
import {
  type FundingDevnet,
  type FundingVault,
  startFundingDevnet,
} from '../../../../support/scenes/funding-scene.ts';
import { waitUntil } from '../../../../support/wait-until.ts';

const ETH = 1_000_000_000n;
const UPDATE_STATE = '1a7ff553';

let place: FundingDevnet;
beforeAll(async () => {
  place = await startFundingDevnet();
});
afterAll(() => place?.[Symbol.asyncDispose]());
afterEach(() => {
  place.beacon.fault = undefined;
  place.beacon.behindSlots = 0;
});

const waitingFor = (code: string, what: string) => ({
  status: 'waiting',
  code,
  waitsFor: expect.stringContaining(what),
});

/** What the beacon chain has of the vault's first validators when all has come, in ether. */
async function listBalances({ publicKeys }: FundingVault): Promise<readonly number[]> {
  await place.devnet.passEpochs(20);
  const { state } = await place.devnet.beacon.sync();
  return publicKeys.map(key => Number(state.find(key)?.balanceGwei ?? 0n) / 1e9);
}

async function indexOf(key: Hex | undefined): Promise<number> {
  const { state } = await place.devnet.beacon.sync();
  return state.find(key ?? '')?.index ?? -1;
}

/** Nothing was topped up or registered, and so nothing in vain. */
async function expectNothing(vault: FundingVault): Promise<void> {
  expect([await vault.listFunded(), await vault.listRegistered(), await vault.listVoid()]).toEqual([
    [],
    [],
    [],
  ]);
}

/** The vault's manager calls it by hand. */
async function callAsManager(vault: string, data: string, valueWei = 0n): Promise<void> {
  const from = place.scene.wallet.address;
  await sendAs(place.devnet.protocol.provider, { from, to: vault, data, valueWei });
}

describe('top-ups of validators of a vault', () => {
  it('a validator of 32 ETH is filled up to the limit, and the next pass has nothing to do', async () => {
    const vault = await place.createVault({ validators: [32], ether: 268 });
    const { run, lines } = await vault.open();
    expect(await run()).toMatchObject({ status: 'funded', publicKeys: vault.publicKeys });
    expect(await vault.listFunded()).toEqual([[0, 268]]);
    expect(lines).toContainEqual(`Successfully topped up validators with public keys ${vault.publicKeys[0]}`);
    expect(await run()).toMatchObject({ status: 'idle', stakeableAssetsWei: 0n });
    expect(await listBalances(vault)).toEqual([300]);
    expect(await vault.listVoid()).toEqual([]);
  });

  it('the fullest come first, and the last one gets what is left', async () => {
    const vault = await place.createVault({ validators: [40, 100, 32], ether: 95 });
    const { run } = await vault.open({ maxEther: 110 });
    expect(await run()).toMatchObject({ status: 'funded' });
    expect(await vault.listFunded()).toEqual([
      [1, 10],
      [0, 70],
      [2, 15],
    ]);
    expect(await listBalances(vault)).toEqual([110, 110, 47]);
  });

  it('what is left after top-ups is registered in the same pass, with a harvest before the first of both', async () => {
    const vault = await place.createVault({ validators: [290], ether: 60, freeKeys: 2 });
    await place.devnet.distributeRewards([{ vault: vault.address, unlockedMevWei: parseEther('4') }]);
    const sent: TransactionIntent[] = [];
    const { run } = await vault.open({ beforeSend: async intent => void sent.push(intent) });
    expect(await run()).toMatchObject({ status: 'registered', publicKeys: [vault.freeKeys[0]] });
    expect(await vault.listFunded()).toEqual([[0, 10]]);
    expect(await vault.listRegistered()).toEqual([54]);
    expect(sent.map(({ kind, data }) => [kind, data.includes(UPDATE_STATE)])).toEqual([
      ['fund-validators', true],
      ['register-validators', false],
    ]);
    expect(await vault.listVoid()).toEqual([]);
  });

  it('more than ten validators take two transactions, and only the first one has the harvest', async () => {
    const vault = await place.createVault({ validators: new Array(12).fill(32), ether: 24 });
    await place.devnet.distributeRewards([{ vault: vault.address, consensusWei: 1n }]);
    const sent: TransactionIntent[] = [];
    const { run } = await vault.open({
      maxEther: 34,
      minDepositEther: 1,
      beforeSend: async intent => void sent.push(intent),
    });
    const outcome = await run();
    expect(outcome).toMatchObject({ status: 'funded', hashes: [expect.any(String), expect.any(String)] });
    expect(sent.map(({ validators, data }) => [validators, data.includes(UPDATE_STATE)])).toEqual([
      [10, true],
      [2, false],
    ]);
    expect((await vault.listFunded()).map(([, ether]) => ether)).toEqual(new Array(12).fill(2));
    expect(await vault.listVoid()).toEqual([]);
  });

  it('too soon after a top-up, what the next one takes is kept, and the rest is registered', async () => {
    const vault = await place.createVault({ validators: [32, 32], ether: 268, freeKeys: 1 });
    const { run, lines } = await vault.open({ delayBlocks: 20 });
    expect(await run()).toMatchObject({ status: 'funded' });
    await place.devnet.depositEther(300, vault.address);
    expect(await run()).toMatchObject({ status: 'registered' });
    // 268 are kept.
    expect(await vault.listRegistered()).toEqual([32]);
    const waiting = await run();
    expect(waiting).toMatchObject(waitingFor('funding-interval', '268000000000 gwei are kept'));
    expect(lines.filter(line => line.includes('are kept'))).toHaveLength(1);
    const questions = place.beacon.requests.length;
    expect(await run()).toEqual(waiting);
    expect(place.beacon.requests.length).toBe(questions);
    await place.devnet.mine(20);
    expect(await run()).toMatchObject({ status: 'funded' });
    expect(await vault.listFunded()).toEqual([
      [0, 268],
      [1, 268],
    ]);
    expect(await listBalances(vault)).toEqual([300, 300]);
    expect(await vault.listVoid()).toEqual([]);
  });

  it('an equal top-up on another day is another one, also when the last one is long ago', async () => {
    const vault = await place.createVault({ validators: [32], ether: 10 });
    // 43,200 seconds, in which events are looked for, are ten blocks then.
    const { run } = await vault.open({ maxEther: 42, delayBlocks: 1, secondsPerSlot: 4320 });
    expect(await run()).toMatchObject({ status: 'funded' });
    // The validator loses what it got, and more time passes than events are looked for.
    await place.devnet.passEpochs(20);
    const index = await indexOf(vault.publicKeys[0]);
    await place.devnet.beacon.change(state => state.change(index, { balanceGwei: 32n * ETH }));
    await place.devnet.mine(20);
    await place.devnet.depositEther(10, vault.address);
    expect(await run()).toMatchObject({ status: 'funded' });
    expect(await vault.listFunded()).toEqual([
      [0, 10],
      [0, 10],
    ]);
  });

  it('validators are topped up without free keys in the signer, and where none are registered', async () => {
    const vault = await place.createVault({ validators: [32], ether: 300 });
    const passes = await vault.open();
    // The rest of 32 ETH waits for keys.
    expect(await passes.run()).toMatchObject({ status: 'waiting', code: 'signer-keys-used-up' });
    expect(await vault.listFunded()).toEqual([[0, 268]]);
    const other = await place.createVault({ validators: [32], ether: 300, freeKeys: 1 });
    const { run } = await other.open({ isRegistering: false });
    expect(await run()).toMatchObject({ status: 'funded' });
    expect(await run()).toMatchObject({ status: 'idle' });
    expect([await other.listFunded(), await other.listRegistered()]).toEqual([[[0, 268]], []]);
  });

  it('where top-ups are switched off, and with 0x01 validators, all is registered', async () => {
    const off = await place.createVault({ validators: [32], ether: 40, freeKeys: 1 });
    const { run } = await off.open({ isFunding: false });
    expect(await run()).toMatchObject({ status: 'registered' });
    expect([await off.listFunded(), await off.listRegistered()]).toEqual([[], [40]]);
  });

  it('what the vault keeps is not topped up with', async () => {
    const vault = await place.createVault({ validators: [32], ether: 100 });
    const { run } = await vault.open({ minVaultEther: 60 });
    expect(await run()).toMatchObject({ status: 'funded', stakeableAssetsWei: parseEther('40') });
    expect(await vault.listFunded()).toEqual([[0, 40]]);
  });
});

describe('validators that are not topped up', () => {
  it('slashed and exiting ones, and those with less room than is worth a deposit', async () => {
    const vault = await place.createVault({ validators: [32, 40, 295, 50], ether: 60 });
    const [slashed, exiting] = [await indexOf(vault.publicKeys[0]), await indexOf(vault.publicKeys[1])];
    await place.devnet.beacon.change(state => {
      state.slash(slashed);
      state.exit(exiting);
    });
    expect(await (await vault.open()).run()).toMatchObject({ status: 'funded' });
    expect(await vault.listFunded()).toEqual([[3, 60]]);
    expect(await vault.listVoid()).toEqual([]);
  });

  it('one that the vault has not registered with 0x02 credentials is named, and does not block the others and the rest', async () => {
    const vault = await place.createVault({ validators: [200], ether: 60, freeKeys: 1 });
    const stranger = await place.scene.createVault(5, { validators: 1 });
    const key = stranger.validators[0]?.entry.publicKey ?? new Uint8Array();
    // Its log and the beacon chain have it; what the vault itself knows has not.
    await place.devnet.emitRegistrations([key], vault.address);
    place.devnet.deposits.vouchFor(key);
    await place.devnet.depositForKey({
      publicKey: key,
      withdrawalCredentials: credentialsOf(vault.address, 2),
      amountGwei: 250n * ETH,
      signature: Buffer.alloc(96, 0xcc),
    });
    await place.devnet.passEpochs(20);
    const { run, lines } = await vault.open({ maxEther: 260 });
    // 10 ETH of room in the foreign one come first; 60 in ours.
    expect(await run()).toMatchObject({ status: 'funded' });
    expect(await vault.listFunded()).toEqual([[0, 60]]);
    const told = lines.filter(line => line.includes('cannot be topped up'));
    expect(told).toEqual([expect.stringContaining(toHex(key))]);
  });

  it('a source of a consolidation; its target counts with what is coming', async () => {
    const vault = await place.createVault({ validators: [100, 60, 32], ether: 300 });
    const [source, target] = vault.publicKeys;
    const data = place.devnet.protocol
      .at('VaultV5', vault.address)
      .interface.encodeFunctionData('consolidateValidators', [`${source}${target?.slice(2)}`, '0x', '0x']);
    await place.devnet.passEpochs(300);
    await callAsManager(vault.address, data, 100n);
    const { run } = await vault.open({ maxEther: 200 });
    expect(await run()).toMatchObject({ status: 'waiting', code: 'signer-keys-used-up' });
    // 60 + 100 are 160, and the third gets up to 200; the source nothing.
    expect(await vault.listFunded()).toEqual([
      [1, 40],
      [2, 168],
    ]);
    expect(await vault.listVoid()).toEqual([]);
  });

  it('one that the beacon chain does not know gets something only behind a deposit of its own that waits', async () => {
    const vault = await place.createVault({ validators: [32], ether: 60, isWaiting: true });
    const nobody = Buffer.alloc(48, 0xd7);
    await place.devnet.emitRegistrations([nobody], vault.address);
    const { run } = await vault.open();
    expect(await run()).toMatchObject({ status: 'funded' });
    expect(await vault.listFunded()).toEqual([[0, 60]]);
    expect(await listBalances(vault)).toEqual([92]);
    expect(await vault.listVoid()).toEqual([]);
  });

  it('deposits that somebody else has made for a validator are room that is no longer there', async () => {
    const vault = await place.createVault({ validators: [32], ether: 300, freeKeys: 1 });
    await place.devnet.depositForKey({
      publicKey: fromHex(vault.publicKeys[0] ?? '', 48),
      withdrawalCredentials: Buffer.alloc(32, 1),
      amountGwei: 200n * ETH,
      signature: Buffer.alloc(96, 0xcc),
    });
    const { run } = await vault.open();
    expect(await run()).toMatchObject({ status: 'registered' });
    expect([await vault.listFunded(), await vault.listRegistered()]).toEqual([[[0, 68]], [232]]);
    expect(await listBalances(vault)).toEqual([300]);
  });
});

describe('what top-ups wait for', () => {
  it('assets below the least deposit: no beacon node is asked', async () => {
    const vault = await place.createVault({ validators: [32], ether: 9.9 });
    const { run } = await vault.open();
    const questions = place.beacon.requests.length;
    expect(await run()).toMatchObject({ status: 'idle' });
    expect(place.beacon.requests.length).toBe(questions);
    await expectNothing(vault);
  });

  it('room in validators: while the assets stay the same, it is not looked for before an epoch is over', async () => {
    const vault = await place.createVault({ validators: [300], ether: 20 });
    const { run } = await vault.open();
    expect(await run()).toMatchObject({ status: 'idle' });
    const questions = place.beacon.requests.length;
    expect(await run()).toMatchObject({ status: 'idle' });
    expect(place.beacon.requests.length).toBe(questions);
    await place.devnet.mine(2);
    expect(await run()).toMatchObject({ status: 'idle' });
    expect(place.beacon.requests.length).toBeGreaterThan(questions);
    await expectNothing(vault);
  });

  it('the base fee to fall below the ceiling', async () => {
    const vault = await place.createVault({ validators: [32], ether: 60 });
    const { run } = await vault.open({ maxFeePerGasGwei: 1n });
    await place.devnet.setBaseFee(2);
    await place.devnet.mine(1);
    expect(await run()).toMatchObject(waitingFor('fee-ceiling', 'the base fee to fall to 1 gwei'));
    await expectNothing(vault);
  });

  it('the hot wallet to be the validators manager', async () => {
    const vault = await place.createVault({ validators: [32], ether: 60 });
    const { run } = await vault.open();
    await place.devnet.setValidatorsManager(place.devnet.protocol.owner.address, vault.address);
    expect(await run()).toMatchObject(waitingFor('not-validators-manager', 'to be the validators manager'));
    await expectNothing(vault);
  });

  it.each(['withdrawalRequests', 'consolidationRequests', 'osTokenVaultController'])(
    'a network file that names %s',
    async contract => {
      const vault = await place.createVault({ validators: [32], ether: 60, freeKeys: 1 });
      const { run } = await vault.open({ contracts: { [contract]: undefined } });
      expect(await run()).toMatchObject(waitingFor('network-incomplete', `contracts.${contract}`));
      await expectNothing(vault);
    },
  );

  it.each([
    ['before-electra', 'beacon-query-not-served', 'does not serve pending_'],
    [
      'reorganising',
      'beacon-head-unsettled',
      'a beacon node that tells what the validators of the vault have',
    ],
    ['syncing', 'beacon-head-unsettled', 'it is not synced'],
  ] as const)('a beacon node that is not %s, and nothing is sent meanwhile', async (fault, code, what) => {
    const vault = await place.createVault({ validators: [32], ether: 60, freeKeys: 1 });
    const { run } = await vault.open();
    place.beacon.fault = fault;
    expect(await run()).toMatchObject(waitingFor(code, what));
    await expectNothing(vault);
    place.beacon.fault = undefined;
    expect(await run()).toMatchObject({ status: 'funded' });
  });

  it('a beacon node that has the block which the assets were read at', async () => {
    const vault = await place.createVault({ validators: [32], ether: 60, freeKeys: 1 });
    const { run } = await vault.open();
    await place.devnet.beacon.sync();
    await place.devnet.mine(1);
    place.beacon.behindSlots = 1;
    expect(await run()).toMatchObject(waitingFor('beacon-head-unsettled', 'it is behind the execution node'));
    await expectNothing(vault);
  });

  it('a beacon node that is down lets the pass fail, and nothing is sent', async () => {
    const vault = await place.createVault({ validators: [32], ether: 60, freeKeys: 1 });
    const { run } = await vault.open();
    place.beacon.fault = 'down';
    await expect(run()).rejects.toMatchObject({ code: expect.any(String) });
    await expectNothing(vault);
  });
});

describe('assets that osToken redemptions take', () => {
  it('neither top-ups nor registrations take what the redeemer needs', async () => {
    const vault = await place.createVault({ validators: [32], ether: 60, freeKeys: 1 });
    const other = await place.createVault({ validators: [], ether: 60, freeKeys: 1 });
    const { protocol, electraAddresses, ipfs } = place.devnet;
    const owner = `0x${'12'.repeat(20)}`;
    const shares = parseEther('20');
    const types = ['uint256', 'address', 'uint256', 'address'];
    const redeemer = protocol.at('OsTokenRedeemer', electraAddresses.osTokenRedeemer);
    const controller = protocol.at('OsTokenVaultController', electraAddresses.osTokenVaultController);
    await protocol.send(controller, 'setTotals', parseEther('100'), parseEther('100'));
    const nonce: bigint = await redeemer.getFunction('nonce').staticCall();
    const rows = [vault.address, other.address].map(address => ({ vault: address, owner, shares }));
    const { root } = StandardMerkleTree.of(
      rows.map(row => [nonce, row.vault, row.shares, row.owner]),
      types,
    );
    const document = rows.map(row => ({ vault: row.vault, owner, leaf_shares: String(shares) }));
    const ipfsHash = await ipfs.add(JSON.stringify(document));
    await protocol.send(redeemer, 'setRedeemablePositions', { merkleRoot: root, ipfsHash });
    await protocol.send(redeemer, 'setQueuedShares', 2n * shares);
    try {
      expect(await (await vault.open()).run()).toMatchObject({
        status: 'funded',
        stakeableAssetsWei: parseEther('40'),
      });
      expect(await vault.listFunded()).toEqual([[0, 40]]);
      const passes = await other.open({ isFunding: false });
      expect(await passes.run()).toMatchObject({ status: 'registered' });
      expect(await other.listRegistered()).toEqual([40]);
    } finally {
      await protocol.send(redeemer, 'setQueuedShares', 0n);
    }
  });
});

describe('top-ups that something gets in the way of', () => {
  it('assets that leave between plan and transaction: nothing is sent, and the next pass has the rest', async () => {
    const vault = await place.createVault({ validators: [32], ether: 60, freeKeys: 1 });
    const contract = place.devnet.protocol.at('VaultV5', vault.address);
    const leave = async () => {
      const shares = await contract.getFunction('convertToShares').staticCall(parseEther('30'));
      await place.devnet.protocol.send(
        contract,
        'enterExitQueue',
        shares,
        place.devnet.protocol.owner.address,
      );
    };
    const first = await vault.open({ beforeSend: leave });
    expect(await first.run()).toMatchObject({
      status: 'restarted',
      reason: expect.stringContaining('less assets than the top-ups take'),
    });
    await expectNothing(vault);
    const { run } = await vault.open();
    expect(await run()).toMatchObject({ status: 'funded' });
    expect(await vault.listFunded()).toEqual([[0, 30]]);
  });

  it('a vault that refuses: the pass fails, nothing is registered, and the next pass starts anew', async () => {
    const vault = await place.createVault({ validators: [32], ether: 332, freeKeys: 1 });
    const { owner } = place.devnet.protocol;
    const first = await vault.open({
      beforeSend: () => place.devnet.setValidatorsManager(owner.address, vault.address),
    });
    await expect(first.run()).rejects.toMatchObject({ code: 'funding-refused', retryable: true });
    await expectNothing(vault);
    await place.devnet.setValidatorsManager(place.scene.wallet.address, vault.address);
    const { run } = await vault.open();
    expect(await run()).toMatchObject({ status: 'registered' });
    expect([await vault.listFunded(), await vault.listRegistered()]).toEqual([[[0, 268]], [64]]);
  });

  it('top-ups that somebody has made by hand in between are not made again', async () => {
    const vault = await place.createVault({ validators: [32], ether: 300 });
    const overtake = async (intent: TransactionIntent) => callAsManager(vault.address, intent.data);
    const { run } = await vault.open({ beforeSend: overtake });
    expect(await run()).toMatchObject({ status: 'waiting', code: 'signer-keys-used-up' });
    expect(await vault.listFunded()).toEqual([[0, 268]]);
  });

  it('a plan that has waited too long is made anew', async () => {
    const vault = await place.createVault({ validators: [32], ether: 60 });
    const { run } = await vault.open({ beforeSend: () => place.devnet.mine(40) });
    expect(await run()).toMatchObject({
      status: 'restarted',
      reason: 'the chain has moved past these top-ups',
    });
    await expectNothing(vault);
  });

  it('a wallet that cannot pay is waited for before anything is signed', async () => {
    const vault = await place.createVault({ validators: [32], ether: 60 });
    const { address } = place.scene.wallet;
    const { provider } = place.devnet.protocol;
    const before = await provider.getBalance(address);
    await place.devnet.setBalance(address, 1n);
    try {
      await expect((await vault.open()).run()).rejects.toMatchObject({ code: 'insufficient-funds' });
    } finally {
      await place.devnet.setBalance(address, before);
    }
    await expectNothing(vault);
  });

  it('a process that ends between two batches: the rest is kept until the interval is over, and nothing is sent twice', async () => {
    const vault = await place.createVault({ validators: new Array(12).fill(32), ether: 24 });
    let sent = 0;
    const changes = { maxEther: 34, minDepositEther: 1, delayBlocks: 10 };
    const first = await vault.open({
      ...changes,
      beforeSend: async () => {
        sent += 1;
        if (sent === 2) throw new Error('the process ends');
      },
    });
    await expect(first.run()).rejects.toThrow('the process ends');
    await vault.restart();
    const { run } = await vault.open(changes);
    expect(await run()).toMatchObject(waitingFor('funding-interval', '4000000000 gwei are kept'));
    await place.devnet.mine(11);
    expect(await run()).toMatchObject({ status: 'funded' });
    const funded = await vault.listFunded();
    expect(funded.map(([place]) => place).sort((a, b) => a - b)).toEqual([...Array(12).keys()]);
    expect(funded.map(([, ether]) => ether)).toEqual(new Array(12).fill(2));
  });

  it('a process that is killed while its top-up waits for a block: the next one sees it mined, once', async () => {
    const vault = await place.createVault({ validators: [32], ether: 60 });
    const { provider } = place.devnet.protocol;
    const stop = new AbortController();
    await provider.send('evm_setAutomine', [false]);
    try {
      const passes = await vault.open();
      const ended = passes.run(stop.signal).then(
        () => 'went on',
        () => 'stopped',
      );
      await waitUntil('the top-up to be pending', async () => {
        return (await provider.send('txpool_status', [])).pending === '0x1';
      });
      stop.abort();
      expect(await ended).toBe('stopped');
    } finally {
      await provider.send('evm_setAutomine', [true]);
    }
    await place.devnet.mine(1);
    await vault.restart();
    const { run } = await vault.open({ delayBlocks: 1 });
    await place.devnet.mine(3);
    expect(await run()).toMatchObject({ status: 'idle' });
    expect(await vault.listFunded()).toEqual([[0, 60]]);
    expect(await listBalances(vault)).toEqual([92]);
  });
});
