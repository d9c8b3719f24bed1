import { id } from 'ethers/hash';
import { describe, expect, it } from 'vitest';
import type { DepositEntry } from '../../../../../src/domain/consensus/deposit.ts';
import { parseDepositData } from '../../../../../src/domain/consensus/deposit-data.ts';
import { publicKeyOf } from '../../../../../src/domain/keys/derivation.ts';
import { createDepositData } from '../../../../../src/domain/keys/signed-deposit.ts';
import type { HarvestParams } from '../../../../../src/domain/protocol/rewards.ts';
import { fromHex, type Hex, toHex } from '../../../../../src/lib/bytes.ts';
import { resolveNetwork } from '../../../../../src/networks/resolve-network.ts';
import {
  chooseRegistrationMode,
  type VaultAuthority,
} from '../../../../../src/services/staking/registration/choose-registration-mode.ts';
import {
  isBatch,
  type PlanBatchOptions,
  type RegistrationBatch,
  type RegistrationFacts,
} from '../../../../../src/services/staking/registration/registration-mode.ts';
import { ethereumVaultVersion } from '../../../../../src/services/staking/registration/vault-version.ts';
import { readRecorded, readRecordedJson } from '../../../../support/recorded/vectors.ts';
import { testSecretKey } from '../../../../support/scenes/signing-fixtures.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const WALLET = '0xaB4cE16c086735f0497514F0Fe9DF8e8cccFc94e';
const STRANGER = '0x6B5815467da09DaA7DC83Db21c9239d98Bb487b5';
const ZERO = `0x${'00'.repeat(20)}`;
const network = resolveNetwork('holesky');
const REGISTRY = network.contracts.depositDataRegistry ?? '';
const vaultId = fromHex(id('EthVault'), 32);

interface RecordedTransaction {
  readonly case: string;
  readonly kind: string;
  readonly args: Record<string, unknown>;
  readonly tx: { readonly to: string; readonly data: Hex };
  readonly inner?: readonly { readonly function: string; readonly args: Record<string, unknown> }[];
}
interface RecordedApproval {
  readonly validatorsRegistryRoot: Hex;
  readonly deadline: number;
  readonly validators: Hex;
  readonly signatures: Hex;
  readonly exitSignaturesIpfsHash: string;
}
interface RecordedInputs {
  readonly validators_root: Hex;
  readonly validator_index: number;
}

/** Deposit data that changes when the test says so. */
function source(entries: readonly DepositEntry[]) {
  return { name: 'deposit_data.json', entries, reads: 0, now: 0 };
}

function choose(options: Partial<VaultAuthority>, data: ReturnType<typeof source> = source([])) {
  return chooseRegistrationMode(
    {
      source: {
        name: data.name,
        read: async () => {
          data.reads++;
          return data.entries;
        },
      },
      wallet: {
        address: WALLET,
        signVaultValidators: async ({ validators }) => new Uint8Array(65).fill(validators.length / 176),
      },
      now: () => data.now,
    },
    { vault: VAULT, vaultVersion: 1, vaultId, validatorsManager: null, network, ...options },
  );
}

function facts(state: Partial<RegistrationFacts['vault']>): RegistrationFacts {
  return {
    vault: { withdrawableAssetsWei: 0n, depositData: null, validatorsManager: null, ...state },
  };
}

function planning(options: Partial<PlanBatchOptions> = {}): PlanBatchOptions {
  return { limit: 10, isAtHand: () => true, findRegistered: async () => new Set(), ...options };
}

const recorded = parseDepositData(readRecorded('03-remote-db/local_deposit_data.json'));
const transactions = readRecordedJson<RecordedTransaction[]>('07-oracle-requests/decoded-tx.json');
const inputsOf = (name: string) => readRecordedJson<RecordedInputs>(`07-oracle-requests/inputs/${name}.json`);

async function planRecorded(name: string, limit: number): Promise<RegistrationBatch> {
  const { validators_root, validator_index } = inputsOf(name);
  const depositData = { root: fromHex(validators_root, 32), index: validator_index };
  const plan = await choose({}, source(recorded)).planBatch(facts({ depositData }), planning({ limit }));
  if (!isBatch(plan)) throw new Error(plan.waitsFor);
  return plan;
}

function approvedOf(params: RecordedApproval, batch: RegistrationBatch) {
  expect(toHex(batch.encoded)).toBe(params.validators);
  const { exitSignaturesIpfsHash: ipfsHash, deadline, signatures } = params;
  return {
    registryRoot: fromHex(params.validatorsRegistryRoot, 32),
    validators: batch.encoded,
    approval: { ipfsHash, deadline: BigInt(deadline), signatures: fromHex(signatures) },
  };
}

describe('deposit data, as the Python operator was recorded', () => {
  it.each([
    ['local3', 3],
    ['remote2', 2],
  ])(
    'registration by deposit data sends the recorded registration of the Python operator: %s',
    async (name, count) => {
      const transaction = transactions.find(one => one.case === name && one.kind === 'rawtx');
      const batch = await planRecorded(name, count);
      const params = transaction?.args.keeperParams as RecordedApproval;
      const call = batch.encodeCall(approvedOf(params, batch), null);
      expect(call.to).toBe(VAULT);
      expect(call.data).toBe(transaction?.tx.data);
    },
  );

  it('registration by deposit data sends the recorded harvest and registration in one', async () => {
    const transaction = transactions.find(one => one.case === 'harvest' && one.kind === 'rawtx');
    const [update, registration] = transaction?.inner ?? [];
    const batch = await planRecorded('harvest', 2);
    if (update === undefined) throw new Error('nothing recorded');
    const { rewardsRoot, reward, unlockedMevReward, proof } = update.args.harvestParams as unknown as {
      rewardsRoot: Hex;
      reward: string;
      unlockedMevReward: string;
      proof: Hex[];
    };
    const harvest: HarvestParams = {
      rewardsRoot: fromHex(rewardsRoot, 32),
      rewardWei: BigInt(reward),
      unlockedMevRewardWei: BigInt(unlockedMevReward),
      proof: proof.map(node => fromHex(node, 32)),
    };
    const params = registration?.args.keeperParams as unknown as RecordedApproval;
    expect(batch.encodeCall(approvedOf(params, batch), harvest)).toEqual({
      to: VAULT,
      data: transaction?.tx.data,
    });
  });

  it('registration by deposit data gives the oracles the recorded proof, and indexes in leaf order', async () => {
    const batch = await planRecorded('local3', 3);
    const root = new Uint8Array(32);
    const { proof, proofFlags, proofIndexes } = (await batch.authorize(root)) as never;
    const line = readRecorded('07-oracle-requests/local3.jsonl')
      .split('\n')
      .find(text => text.includes('"method": "POST"'));
    const body = JSON.parse(JSON.parse(line ?? '').body_raw);
    expect((proof as Uint8Array[]).map(toHex)).toEqual(body.proof);
    expect(proofFlags).toEqual(body.proof_flags);
    expect(proofIndexes).toEqual(body.proof_indexes);
    expect(batch.validators.map(({ publicKey }) => toHex(publicKey))).toEqual(body.public_keys);
  });
});

describe('the next validators by deposit data', () => {
  const depositData = { root: fromHex(inputsOf('local3').validators_root, 32), index: 1 };
  const keyAt = (place: number) => recorded[place]?.publicKey ?? new Uint8Array();
  const plan = (options: Partial<PlanBatchOptions>, index = 1) =>
    choose({}, source(recorded)).planBatch(
      facts({ depositData: { ...depositData, index } }),
      planning(options),
    );

  it('registration by deposit data takes validators from the index on, up to the limit and the end', async () => {
    const few = await plan({ limit: 3 });
    expect(isBatch(few) && few.validators.map(one => one.publicKey)).toEqual([1, 2, 3].map(keyAt));
    const rest = await plan({}, 8);
    expect(isBatch(rest) && rest.validators).toHaveLength(recorded.length - 8);
    expect(await plan({}, recorded.length)).toMatchObject({ code: 'deposit-data-used-up' });
  });

  it('registration by deposit data stops before a validator that cannot be registered, and then names it', async () => {
    const missing = toHex(keyAt(3));
    const before = await plan({ isAtHand: key => toHex(key) !== missing });
    expect(isBatch(before) && before.validators).toHaveLength(2);
    expect(await plan({ isAtHand: key => toHex(key) !== missing }, 3)).toEqual({
      code: 'key-not-in-signer',
      waitsFor: expect.stringContaining(`entry 3 of deposit_data.json, ${missing}`),
    });
    const findRegistered = async () => new Set([toHex(keyAt(1))]);
    expect(await plan({ findRegistered })).toMatchObject({ code: 'key-already-registered' });
  });

  it('registration by deposit data waits for the chain’s root, and reads its file again once a minute at most', async () => {
    const unset = facts({ depositData: { root: new Uint8Array(32), index: 0 } });
    expect(await choose({}, source(recorded)).planBatch(unset, planning())).toMatchObject({
      code: 'deposit-data-root-not-set',
      waitsFor: expect.stringContaining(inputsOf('local3').validators_root),
    });
    const data = source(recorded.slice(0, 4));
    const mode = choose({}, data);
    const ask = () => mode.planBatch(facts({ depositData }), planning({ limit: 1 }));
    for (let round = 0; round < 3; round++) {
      expect(await ask()).toMatchObject({ code: 'deposit-data-root-mismatch' });
    }
    expect(data.reads).toBe(1);
    data.entries = recorded;
    data.now += 60_000;
    expect(isBatch(await ask())).toBe(true);
    expect(data.reads).toBe(2);
  });

  it('registration by deposit data never takes deposits that the beacon chain would refuse', async () => {
    const spoiled = recorded.map((entry, place) =>
      place === 1 ? { ...entry, signature: recorded[2]?.signature ?? entry.signature } : entry,
    );
    const mode = choose({}, source(spoiled));
    const mismatch = await mode.planBatch(facts({ depositData }), planning());
    const root = /has (0x[0-9a-f]{64})$/.exec(isBatch(mismatch) ? '' : mismatch.waitsFor)?.[1] ?? '';
    const state = facts({ depositData: { root: fromHex(root, 32), index: 1 } });
    await mode.prepare(state, 10);
    expect(await mode.planBatch(state, planning())).toMatchObject({ code: 'deposit-data-bad-signature' });
  });
});

describe('the next validators of a validators manager', () => {
  const own = Array.from({ length: 5 }, (_, i) =>
    createDepositData({ secretKey: testSecretKey(i + 1), vault: fromHex(VAULT, 20), network }),
  );
  const managed = { vaultVersion: 5, validatorsManager: WALLET };
  const state = facts({ validatorsManager: WALLET });
  const keyAt = (place: number) => publicKeyOf(testSecretKey(place + 1));

  it('registration by a manager takes what can be registered, and looks all up again when none is left', async () => {
    const data = source(own);
    const mode = choose(managed, data);
    const asked: number[] = [];
    let registered = new Set([toHex(keyAt(0)), toHex(keyAt(2))]);
    const options = planning({
      limit: 2,
      isAtHand: key => toHex(key) !== toHex(keyAt(1)),
      findRegistered: async keys => {
        asked.push(keys.length);
        return registered;
      },
    });
    const first = await mode.planBatch(state, options);
    expect(isBatch(first) && first.validators.map(one => one.publicKey)).toEqual([keyAt(3), keyAt(4)]);
    expect(isBatch(first) && first.encoded).toHaveLength(352);
    registered = new Set(own.map(({ publicKey }) => toHex(publicKey)));
    expect(await mode.planBatch(state, options)).toMatchObject({ code: 'deposit-data-used-up' });
    // From entry 1 on, then once more all of them.
    expect(asked).toEqual([5, 4, 5]);
  });

  it('registration by a manager is authorized by the signature of the wallet', async () => {
    const batch = await choose(managed, source(own)).planBatch(state, planning({ limit: 3 }));
    if (!isBatch(batch)) throw new Error(batch.waitsFor);
    expect(await batch.authorize(new Uint8Array(32))).toEqual({
      kind: 'manager-signature',
      signature: new Uint8Array(65).fill(3),
    });
  });

  it('registration by a manager says what is missing', async () => {
    const mode = choose(managed, source(own));
    expect(await mode.planBatch(state, planning({ isAtHand: () => false }))).toEqual({
      code: 'key-not-in-signer',
      waitsFor: `the signer to have the keys of 5 validators of deposit_data.json, first ${toHex(keyAt(0))}`,
    });
    const replaced = facts({ validatorsManager: STRANGER });
    expect(await mode.planBatch(replaced, planning())).toMatchObject({ code: 'not-validators-manager' });
    const foreign = own.map(entry => ({ ...entry, signature: own[0]?.signature ?? entry.signature }));
    const bad = await choose(managed, source(foreign.slice(1))).planBatch(state, planning());
    expect(bad).toMatchObject({ code: 'deposit-data-bad-signature' });
  });
});

describe('chooseRegistrationMode', () => {
  it('chooseRegistrationMode follows the vault’s version and validators manager', () => {
    expect(choose({ vaultVersion: 1 }).kind).toBe('deposit-data');
    for (const vaultVersion of [2, 3, 4, 5]) {
      expect(choose({ vaultVersion, validatorsManager: WALLET }).kind).toBe('validators-manager');
    }
    for (const vaultVersion of [2, 3, 4, 5]) {
      expect(choose({ vaultVersion, validatorsManager: REGISTRY }).kind).toBe('deposit-data');
    }
  });

  it.each([
    ['no manager', 5, ZERO, 'version 5 and has no validators manager'],
    ['another manager', 3, STRANGER, `version 3 and has the validators manager ${STRANGER};`],
  ])(
    'chooseRegistrationMode refuses %s, and says which call is missing',
    (_, vaultVersion, validatorsManager, message) => {
      expect(() => choose({ vaultVersion, validatorsManager })).toThrowError(
        expect.objectContaining({
          code: 'not-validators-manager',
          message: expect.stringContaining(message),
          hint: expect.stringContaining(
            `setValidatorsManager(${WALLET}) of the vault, or setValidatorsManager(${REGISTRY})`,
          ),
        }),
      );
    },
  );

  it('chooseRegistrationMode refuses versions and kinds of vaults that it does not know', () => {
    expect(() => choose({ vaultVersion: 6, validatorsManager: WALLET })).toThrowError(/has version 6/);
    const meta = { vaultVersion: 5, validatorsManager: WALLET, vaultId: fromHex(id('EthMetaVault'), 32) };
    expect(() => choose(meta)).toThrowError(/version 5; it is an EthMetaVault/);
  });

  it('ethereumVaultVersion counts Gnosis’ versions as Ethereum’s', () => {
    const gnosis = resolveNetwork('gnosis');
    const genesis = gnosis.contracts.genesisVault ?? '';
    expect([2, 3].map(version => ethereumVaultVersion(gnosis, VAULT, version))).toEqual([2, 5]);
    expect([3, 4].map(version => ethereumVaultVersion(gnosis, genesis, version))).toEqual([2, 5]);
    expect([1, 4, 5].map(version => ethereumVaultVersion(network, VAULT, version))).toEqual([1, 4, 5]);
  });
});
