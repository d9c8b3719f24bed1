import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BeaconNode, connectBeaconNode } from '../../../../src/clients/beacon/beacon-node.ts';
import { openSignerClient, type SignerClient } from '../../../../src/clients/signer/signer-client.ts';
import type { RemoteSignerConfig } from '../../../../src/domain/fleet/remote-signer-config.ts';
import { publicKeyOf } from '../../../../src/domain/keys/derivation.ts';
import { splitSecretKey } from '../../../../src/domain/keys/key-share.ts';
import { createPointCombiner } from '../../../../src/domain/protocol/point-combiner.ts';
import { toHex } from '../../../../src/lib/bytes.ts';
import { resolveNetwork } from '../../../../src/networks/resolve-network.ts';
import {
  assertAllExited,
  exitValidators,
  type PlanExitsOptions,
  planExits,
} from '../../../../src/services/exits/exit-validators.ts';
import {
  type BeaconClient,
  type BeaconNode as DevnetNode,
  startBeaconNode,
} from '../../../devnet/beacon-node.ts';
import { type Keymanager, startKeymanager } from '../../../devnet/keymanager.ts';
import {
  credentialsOf,
  EXIT_CHAIN,
  silentProgress,
  TEST_VAULT,
  testSecretKey,
} from '../../../support/scenes/signing-fixtures.ts';

const secretKeys = [1, 2, 3, 4].map(testSecretKey);
const publicKeys = secretKeys.map(publicKeyOf);
const withdrawalCredentials = credentialsOf(TEST_VAULT);

let beacon: DevnetNode;
let keys: Keymanager;
let node: BeaconNode;
let signer: SignerClient;
beforeAll(createPointCombiner);
beforeEach(async () => {
  beacon = await startBeaconNode(EXIT_CHAIN);
  keys = await startKeymanager(EXIT_CHAIN);
  for (const publicKey of publicKeys) beacon.addValidator(publicKey, { withdrawalCredentials });
  node = await connectBeaconNode(
    {},
    {
      endpoints: [beacon.url],
      slotsPerEpoch: 32,
      timeoutMs: 1_000,
      retryTimeoutMs: 0,
      genesisValidatorsRoot: EXIT_CHAIN.genesisValidatorsRoot,
    },
  );
  signer = openSignerClient({ urls: [keys.url], timeoutMs: 5_000 });
});
afterEach(async () => {
  await signer[Symbol.asyncDispose]();
  await keys[Symbol.asyncDispose]();
  await beacon[Symbol.asyncDispose]();
});

function plan(options: Partial<PlanExitsOptions> = {}) {
  return planExits(node, {
    vault: TEST_VAULT,
    network: resolveNetwork('hoodi'),
    publicKeys,
    count: undefined,
    indexes: undefined,
    ...options,
  });
}

async function exit(config?: RemoteSignerConfig) {
  const { validators } = await plan();
  return exitValidators(
    { node, signer, loadCombiner: createPointCombiner, progress: silentProgress },
    { validators, network: EXIT_CHAIN, config, loadedKeys: await signer.listPublicKeys() },
  );
}

function load(...loaded: Uint8Array[]): void {
  for (const secretKey of loaded) {
    keys.addKey(toHex(publicKeyOf(secretKey)), { secretKey, path: '', isReadOnly: false });
  }
}

const indexesOf = (list: readonly { index: bigint }[]) => list.map(({ index }) => Number(index));

function change(place: number, facts: Partial<DevnetNode['validators'][number]>): void {
  Object.assign(beacon.validators[place] ?? {}, facts);
}

describe('the plan', () => {
  it('planExits plans all active validators by index, or the first of them, or those named', async () => {
    expect(indexesOf((await plan()).validators)).toEqual([100, 101, 102, 103]);
    expect(indexesOf((await plan({ count: 2 })).validators)).toEqual([100, 101]);
    expect(indexesOf((await plan({ indexes: [103n, 101n] })).validators)).toEqual([101, 103]);
  });

  it('planExits leaves out validators on their way out, and tells of those that cannot exit yet', async () => {
    change(0, { status: 'active_exiting', exitEpoch: 1_200n });
    change(1, { activationEpoch: 900n });
    change(2, { hasPendingPartialWithdrawal: true });
    const { validators, exited, refused } = await plan();
    expect(indexesOf(validators)).toEqual([103]);
    expect(indexesOf(exited)).toEqual([100]);
    expect(refused.map(({ reason }) => reason)).toEqual([
      'it has been active since epoch 900 and can exit from epoch 1156 on, now is 1000',
      'it has pending partial withdrawals',
    ]);
  });

  it.each(['pending_queued', 'pending_initialized'])(
    'planExits knows no exit for a validator that is %s',
    async status => {
      change(0, { status });
      expect((await plan()).refused[0]?.reason).toBe(`it is not active yet (${status})`);
    },
  );

  it.each(['active_slashed', 'exited_unslashed', 'exited_slashed', 'withdrawal_possible', 'withdrawal_done'])(
    'planExits calls a validator that is %s exited',
    async status => {
      change(0, { status });
      expect(indexesOf((await plan()).exited)).toEqual([100]);
    },
  );

  it('planExits refuses named validators with every reason, and unknown ones', async () => {
    change(1, { activationEpoch: 900n });
    change(2, { hasPendingPartialWithdrawal: true });
    await expect(plan({ indexes: [101n, 102n, 103n] })).rejects.toMatchObject({
      code: 'exit-not-possible',
      message: expect.stringMatching(/101: .*1156.*; 102: .*pending partial.*Nothing was sent/),
    });
    await expect(plan({ indexes: [7n] })).rejects.toMatchObject({ code: 'unknown-validator', exitCode: 2 });
  });

  it('planExits takes validators that withdraw to the V2 pool’s escrow for the genesis vault’s', async () => {
    const escrow = `0x${'55'.repeat(20)}`;
    change(0, { withdrawalCredentials: credentialsOf(escrow) });
    const { contracts } = resolveNetwork('hoodi');
    const network = { contracts: { ...contracts, genesisVault: TEST_VAULT, v2PoolEscrow: escrow } };
    expect(await plan({ network })).toMatchObject({ validators: { length: 4 }, foreign: 0 });
  });

  it('planExits leaves validators of other vaults alone', async () => {
    change(0, { withdrawalCredentials: credentialsOf(`0x${'99'.repeat(20)}`) });
    const { validators, foreign } = await plan();
    expect(indexesOf(validators)).toEqual([101, 102, 103]);
    expect(foreign).toBe(1);
    await expect(plan({ vault: `0x${'77'.repeat(20)}` })).rejects.toMatchObject({
      code: 'no-active-validators',
    });
  });
});

describe('exits', () => {
  it('exitValidators has exits signed with the validator keys, and the beacon node takes them', async () => {
    load(...secretKeys);
    const outcomes = await exit();
    expect(outcomes.map(({ result }) => result)).toEqual(Array(4).fill('submitted'));
    expect(beacon.pool.size).toBe(4);
    expect(() => assertAllExited(outcomes)).not.toThrow();
  });

  it.each([
    ['a threshold of them', { threshold: 3, configHash: new Uint8Array(32), ipfsHash: 'Qm' }, 3],
    ['all of them, in a file without a threshold', undefined, 4],
  ])('exitValidators has exits signed with key shares: %s', async (_, oracleSet, asked) => {
    const shares = secretKeys.map(key => splitSecretKey(key, { threshold: 3, count: 4 }));
    load(...shares.flat());
    const validators = publicKeys.map((publicKey, i) => ({
      publicKey,
      shares: (shares[i] ?? []).map(publicKeyOf),
    }));
    expect((await exit({ validators, oracleSet })).every(({ result }) => result === 'submitted')).toBe(true);
    expect(keys.signed).toHaveLength(4 * asked);
  });

  it('exitValidators sends no exit of shares that do not belong together', async () => {
    const [first = new Uint8Array()] = publicKeys;
    const shares = [1, 2, 3].map(n => testSecretKey(n + 50));
    load(...shares);
    const outcomes = await exit({ validators: [{ publicKey: first, shares: shares.map(publicKeyOf) }] });
    expect(outcomes[0]).toMatchObject({ result: 'failed', reason: expect.stringContaining('recombine') });
    expect(beacon.pool.size).toBe(0);
  });

  it.each<BeaconClient>(['lighthouse', 'teku', 'prysm', 'lodestar', 'nimbus'])(
    'exitValidators takes an exit that %s knows already for no error',
    async client => {
      beacon.client = client;
      load(...secretKeys);
      await exit();
      expect((await exit()).some(({ result }) => result === 'failed')).toBe(false);
    },
  );

  it('assertAllExited lists both groups when exits fail for some validators', async () => {
    load(...secretKeys.slice(0, 2));
    const outcomes = await exit();
    expect(outcomes.map(({ result }) => result)).toEqual(['submitted', 'submitted', 'failed', 'failed']);
    expect(() => assertAllExited(outcomes)).toThrow(
      expect.objectContaining({
        code: 'exits-incomplete',
        exitCode: 1,
        message: expect.stringMatching(/^Validators 100, 101 exits .* Failed: 102 \(.*\); 103 \(.*\)$/),
      }),
    );
  });

  it.each(['wrong-key', 'garbage', 'other-network'] as const)(
    'exitValidators sends no exit when the signer has the fault "%s"',
    async fault => {
      load(...secretKeys);
      const { validators } = await plan();
      const loadedKeys = await signer.listPublicKeys();
      keys.fault = fault;
      const outcomes = await exitValidators(
        { node, signer, loadCombiner: createPointCombiner, progress: silentProgress },
        { validators, network: EXIT_CHAIN, config: undefined, loadedKeys },
      );
      expect(outcomes.every(({ result }) => result === 'failed')).toBe(true);
      expect(beacon.pool.size).toBe(0);
    },
  );

  it('assertAllExited says what to change when exits fail', async () => {
    load(...secretKeys);
    keys.fault = 'other-network';
    const outcomes = await exit();
    expect(() => assertAllExited(outcomes)).toThrow(
      expect.objectContaining({ hint: expect.stringMatching(/--network.*\nRun the command again/) }),
    );
  });

  it('exitValidators stops trying when the beacon node is gone', async () => {
    load(...secretKeys);
    const { validators } = await plan();
    const loadedKeys = await signer.listPublicKeys();
    beacon.fault = 'down';
    const outcomes = await exitValidators(
      { node, signer, loadCombiner: createPointCombiner, progress: silentProgress },
      { validators, network: EXIT_CHAIN, config: undefined, loadedKeys },
    );
    expect(outcomes.map(({ reason }) => reason)).toEqual([
      expect.stringContaining('cannot be reached'),
      ...Array(3).fill('not tried'),
    ]);
    expect(keys.signed).toHaveLength(1);
  });
});
