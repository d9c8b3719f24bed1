import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';
import type { ElectraNode } from '../../devnet/electra-node.ts';
import { exitSigningRoot, hex, publicKeyOf, sign } from '../../devnet/exit-signature.ts';
import { BEACON_CHAIN } from '../../devnet/network-file.ts';
import { compoundingCredentials, ETH, keyOf, withdrawalEntries } from './vault-entries.ts';

let devnet: Devnet;
let node: ElectraNode;
beforeAll(async () => {
  devnet = await startDevnet({ electra: true, slotsPerEpoch: 2, vaultVersion: 5 });
  node = await devnet.startElectraNode();
  await devnet.setValidatorsManager(devnet.protocol.owner.address);
  await devnet.depositEther(400);
  await devnet.registerCompounding([{ publicKey: keyOf(1), amountGwei: 300n * ETH }]);
  await devnet.passEpochs(300);
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await devnet.stop();
});

async function ask(path: string, body?: unknown) {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(`${node.url}/eth/${path}`, init);
  const answer = (await response.json()) as { data: never; message?: string };
  return { status: response.status, data: answer.data as unknown, message: answer.message };
}

/** Slot and block of the head, as a round of the operator reads them first. */
async function readHead() {
  const { data } = await ask('v2/beacon/blocks/head');
  const { message } = data as {
    message: { slot: string; body: { execution_payload: Record<string, string> } };
  };
  return { slot: message.slot, payload: message.body.execution_payload };
}

describe('a beacon node since Electra', () => {
  it('the devnet’s beacon node names a head, and answers for its slot what is in the state', async () => {
    const { protocol, addresses } = devnet;
    const { slot, payload } = await readHead();
    const block = await protocol.provider.getBlock('latest');
    expect(payload).toEqual({
      block_number: String(block?.number),
      block_hash: block?.hash,
      timestamp: String(block?.timestamp),
    });
    const validators = await ask(`v1/beacon/states/${slot}/validators`, {
      ids: [hex(keyOf(1)), hex(keyOf(2))],
    });
    expect(validators.data).toMatchObject([
      {
        index: '0',
        balance: '300000000000',
        status: 'active_ongoing',
        validator: {
          pubkey: hex(keyOf(1)),
          withdrawal_credentials: compoundingCredentials(addresses.vault).toLowerCase(),
          effective_balance: '300000000000',
          slashed: false,
          exit_epoch: '18446744073709551615',
        },
      },
    ]);
    for (const what of ['pending_deposits', 'pending_partial_withdrawals', 'pending_consolidations']) {
      expect(await ask(`v1/beacon/states/${slot}/${what}`)).toMatchObject({ status: 200, data: [] });
    }
    const vault = protocol.at('VaultV5', addresses.vault);
    const entries = withdrawalEntries([[1, 7n * ETH]]);
    await protocol.send(vault, 'withdrawValidators', entries, '0x', { value: 10n });
    await devnet.depositForKey({
      publicKey: keyOf(1),
      withdrawalCredentials: Buffer.from(compoundingCredentials(addresses.vault).slice(2), 'hex'),
      amountGwei: ETH,
      signature: Buffer.alloc(96),
    });
    const later = await readHead();
    expect(Number(later.payload.block_number)).toBe(Number(payload.block_number) + 2);
    expect((await ask(`v1/beacon/states/${later.slot}/pending_partial_withdrawals`)).data).toEqual([
      { validator_index: '0', amount: '7000000000', withdrawable_epoch: expect.stringMatching(/^\d+$/) },
    ]);
    expect((await ask(`v1/beacon/states/${later.slot}/pending_deposits`)).data).toMatchObject([
      { pubkey: hex(keyOf(1)), amount: '1000000000', slot: later.slot },
    ]);
    // The state of before is still what it was.
    expect((await ask(`v1/beacon/states/${slot}/pending_partial_withdrawals`)).data).toEqual([]);
    expect((await ask(`v1/beacon/states/${Number(later.slot) + 1}/pending_deposits`)).status).toBe(404);
    const slots = await Promise.all(
      ['head', 'finalized', 'justified'].map(async id => ask(`v1/beacon/headers/${id}`)),
    );
    expect(slots.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await ask('v1/config/deposit_contract')).toMatchObject({
      data: { chain_id: '31337', address: addresses.depositContract },
    });
  });

  it('the devnet’s beacon node is behind, reorganising, before Electra or half blind when told to', async () => {
    await devnet.mine(6);
    const head = await readHead();
    node.behindSlots = 4;
    const behind = await readHead();
    expect(Number(head.slot) - Number(behind.slot)).toBe(4);
    expect((await ask(`v1/beacon/states/${head.slot}/validators`)).status).toBe(404);
    expect((await ask('v1/node/syncing')).data).toMatchObject({ sync_distance: '4', is_syncing: false });
    node.behindSlots = 0;
    node.fault = 'reorganising';
    const lost = await readHead();
    expect((await ask(`v1/beacon/states/${lost.slot}/pending_deposits`)).status).toBe(404);
    expect((await ask(`v1/beacon/headers/${lost.slot}`)).status).toBe(404);
    const { payload } = lost;
    const blinded = await ask(`v1/beacon/blinded_blocks/${payload.block_hash}`);
    expect(blinded.data).toMatchObject({ message: { body: { execution_payload_header: payload } } });
    expect((await ask('v1/beacon/states/head/pending_deposits')).status).toBe(200);
    node.fault = 'before-electra';
    expect(await ask('v1/beacon/states/head/pending_consolidations')).toMatchObject({ status: 400 });
    node.fault = 'half';
    await node.chain.change(state =>
      state.add(hex(keyOf(8)), compoundingCredentials(devnet.addresses.vault)),
    );
    const known = (await ask('v1/beacon/states/head/validators')).data as { index: string }[];
    expect(known.map(({ index }) => index)).toEqual(['0']);
    node.fault = 'no-post';
    expect((await ask('v1/beacon/states/head/validators', { ids: [] })).status).toBe(405);
    node.fault = 'down';
    await expect(ask('v1/node/syncing')).rejects.toThrow();
    node.fault = undefined;
  });

  it('a test slashes validators and sets balances of the devnet’s beacon chain', async () => {
    await node.chain.change(state => {
      state.slash(0);
      state.change(1, { balanceGwei: 31n * ETH });
    });
    const { data } = await ask('v1/beacon/states/head/validators', { ids: ['0', '1'] });
    expect(data).toMatchObject([
      { index: '1', balance: '31000000000', status: 'active_ongoing' },
      { index: '0', status: 'active_slashed', validator: { slashed: true } },
    ]);
  });

  it('the devnet’s beacon node since Electra takes a signed exit, and none of a validator with pending withdrawals', async () => {
    const secretKey = Buffer.alloc(32, 0x11);
    const credentials = compoundingCredentials(devnet.addresses.vault);
    const { index } = await node.chain.change(state =>
      state.add(hex(publicKeyOf(secretKey)), credentials, { balanceGwei: 64n * ETH }),
    );
    const exit = async (key: Uint8Array) => {
      const root = exitSigningRoot({ epoch: 0n, validatorIndex: BigInt(index) }, BEACON_CHAIN);
      const message = { epoch: '0', validator_index: String(index) };
      const body = JSON.stringify({ message, signature: hex(sign(key, root)) });
      const response = await fetch(`${node.url}/eth/v1/beacon/pool/voluntary_exits`, {
        method: 'POST',
        body,
      });
      return [response.status, await response.text()];
    };
    expect(await exit(Buffer.alloc(32, 0x12))).toEqual([400, expect.stringContaining('invalid signature')]);
    await node.chain.change(state => {
      const partial = { validatorIndex: index, amountGwei: ETH, withdrawableEpoch: 10_000 };
      state.pendingPartials = [partial, ...state.pendingPartials];
    });
    expect(await exit(secretKey)).toEqual([400, expect.stringContaining('pending partial withdrawals')]);
    await node.chain.change(state => {
      state.pendingPartials = state.pendingPartials.slice(1);
    });
    expect(await exit(secretKey)).toEqual([200, '']);
    expect(await exit(secretKey)).toEqual([200, '']);
    const { data } = await ask('v1/beacon/states/head/validators', { ids: [String(index)] });
    expect(data).toMatchObject([{ status: 'active_exiting' }]);
  });

  it('the network file of a devnet since Electra names its contracts', async ({ onTestFinished }) => {
    const directory = await mkdtemp(join(tmpdir(), 'devnet-network-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const path = join(directory, 'network.json');
    await devnet.writeNetworkFile(path);
    const file = JSON.parse(await readFile(path, 'utf8'));
    expect(file).toMatchObject({
      contracts: devnet.electraAddresses,
      maxValidatorBalanceGwei: 300_000_000_000,
    });
  });
});
