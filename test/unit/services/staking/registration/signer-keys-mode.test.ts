import { describe, expect, it } from 'vitest';
import type { BeaconValidator } from '../../../../../src/clients/beacon/beacon-node.ts';
import type { DepositToSign } from '../../../../../src/clients/signer/signer-client.ts';
import type { ValidatorType } from '../../../../../src/domain/consensus/deposit.ts';
import { decodeRegistrations } from '../../../../../src/domain/protocol/validator-entries.ts';
import { type Hex, toHex } from '../../../../../src/lib/bytes.ts';
import { ExternalError } from '../../../../../src/lib/errors.ts';
import { resolveNetwork } from '../../../../../src/networks/resolve-network.ts';
import {
  chooseRegistrationMode,
  type VaultAuthority,
} from '../../../../../src/services/staking/registration/choose-registration-mode.ts';
import { namedKeys, sortedKeysOfSigner } from '../../../../../src/services/staking/registration/own-keys.ts';
import {
  isBatch,
  type PlanBatchOptions,
  type RegistrationFacts,
} from '../../../../../src/services/staking/registration/registration-mode.ts';
import { createSignerKeysMode } from '../../../../../src/services/staking/registration/signer-keys-mode.ts';
import { recordingLog } from '../../../../support/recording-log.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const WALLET = '0xaB4cE16c086735f0497514F0Fe9DF8e8cccFc94e';
const network = resolveNetwork('hoodi');
const wallet = { address: WALLET, signVaultValidators: async () => new Uint8Array(65) };
const facts = { vault: { validatorsManager: WALLET } } as RegistrationFacts;

function keyOf(number: number): Uint8Array {
  const key = new Uint8Array(48).fill(0xa0);
  new DataView(key.buffer).setUint32(44, number);
  return key;
}

/** A signer of which only what it is asked for matters. */
function createSigner(answer: (deposit: DepositToSign) => Uint8Array = () => new Uint8Array(96).fill(5)) {
  const asked: DepositToSign[] = [];
  return {
    asked,
    async signDeposits(deposits: readonly DepositToSign[]) {
      asked.push(...deposits);
      return deposits.map(answer);
    },
  };
}

/** A beacon chain that has validators of these keys, all with credentials of somebody else. */
function createBeacon(known: readonly Uint8Array[] = []) {
  return {
    async fetchValidators(publicKeys: readonly Uint8Array[]): Promise<ReadonlyMap<Hex, BeaconValidator>> {
      const asked = new Set(publicKeys.map(toHex));
      const found = known.filter(key => asked.has(toHex(key)));
      return new Map(
        found.map(publicKey => [
          toHex(publicKey),
          {
            publicKey,
            index: 77n,
            status: 'active_ongoing',
            withdrawalCredentials: new Uint8Array(32).fill(0xee),
            activationEpoch: 0n,
            exitEpoch: 2n ** 64n - 1n,
          },
        ]),
      );
    },
  };
}

function open(
  keys: readonly Uint8Array[],
  type: ValidatorType,
  { signer = createSigner(), beacon = createBeacon() } = {},
) {
  const recorded = recordingLog();
  const mode = createSignerKeysMode(
    { keys: namedKeys('the test', async () => keys), wallet, signer, beacon, log: recorded.log },
    {
      vault: VAULT,
      chainId: network.chainId,
      genesisForkVersion: network.genesisForkVersion,
      validatorType: type,
    },
  );
  const plan = (limit: number, more: Partial<PlanBatchOptions> = {}) =>
    mode.planBatch(facts, {
      limit,
      amountsGwei: Array.from({ length: limit }, () => 32_000_000_000n),
      loadedKeys: new Set(keys.map(toHex)),
      isAtHand: () => true,
      findRegistered: async () => new Set<Hex>(),
      ...more,
    });
  return { plan, signer, warnings: () => recorded.texts('warn') };
}

const keys = Array.from({ length: 60 }, (_, i) => keyOf(i));

describe('createSignerKeysMode', () => {
  it.each<readonly [ValidatorType, number, number]>([
    ['0x01', 22, 22],
    ['0x01', 23, 22],
    ['0x01', 24, 24],
    ['0x01', 46, 45],
    ['0x02', 21, 21],
    ['0x02', 22, 21],
    ['0x02', 23, 23],
    ['0x02', 44, 43],
  ])(
    'the batch of %s validators with a limit of %i has %i, which the contract cannot mistake',
    async (type, limit, count) => {
      const batch = await open(keys, type).plan(limit);
      if (!isBatch(batch)) throw new Error(batch.waitsFor);
      expect(batch.validators).toHaveLength(count);
      expect(
        [batch.encoded.length % 176, batch.encoded.length % 184].filter(rest => rest === 0),
      ).toHaveLength(1);
      expect(decodeRegistrations(batch.encoded)).toMatchObject({ type, entries: { length: count } });
    },
  );

  it('the batch is cut by the keys that are left, not by the limit alone', async () => {
    const batch = await open(keys.slice(0, 23), '0x01').plan(30);
    expect(isBatch(batch) && batch.validators).toHaveLength(22);
  });

  it('the batch has the amounts in their order, and of fewer keys the first of them', async () => {
    const amountsGwei = [300n, 300n, 100n].map(ether => ether * 1_000_000_000n);
    const batch = await open(keys.slice(0, 2), '0x02').plan(3, { amountsGwei });
    expect(isBatch(batch) && batch.validators.map(({ amountGwei }) => amountGwei)).toEqual(
      amountsGwei.slice(0, 2),
    );
  });

  it('the batch begins with the first key that no deposit has used', async () => {
    const used = new Set([keyOf(0), keyOf(2)].map(toHex));
    const batch = await open(keys, '0x02').plan(3, { findRegistered: async () => used });
    expect(isBatch(batch) && batch.validators.map(({ publicKey }) => toHex(publicKey))).toEqual(
      [1, 3, 4].map(number => toHex(keyOf(number))),
    );
  });

  it('a key that the beacon chain has is never registered, whatever the deposits say, and is told of once', async () => {
    const beacon = createBeacon([keyOf(0), keyOf(2)]);
    const { plan, warnings } = open(keys, '0x02', { beacon });
    const batch = await plan(3);
    expect(isBatch(batch) && batch.validators.map(({ publicKey }) => toHex(publicKey))).toEqual(
      [1, 3, 4].map(number => toHex(keyOf(number))),
    );
    await plan(3);
    expect(warnings()).toEqual(
      [0, 2].map(number => expect.stringContaining(`The key ${toHex(keyOf(number))} is not registered`)),
    );
    expect(warnings()[0]).toContain('ee'.repeat(32));
    const { plan: planKnown, signer } = open([keyOf(0)], '0x02', { beacon });
    expect(await planKnown(1)).toMatchObject({ code: 'signer-keys-used-up' });
    expect(signer.asked).toEqual([]);
  });

  it('while no beacon node answers, nothing is signed', async () => {
    const beacon = {
      fetchValidators: () => Promise.reject(new ExternalError('unreachable', 'It refuses connections.')),
    };
    const { plan, signer } = open(keys, '0x02', { beacon });
    await expect(plan(1)).rejects.toMatchObject({ code: 'unreachable' });
    expect(signer.asked).toEqual([]);
  });

  it('nothing is signed of a key whose shares only are in the signer', async () => {
    const { plan, signer } = open(keys.slice(0, 2), '0x02');
    const plan2 = await plan(2, { loadedKeys: new Set() });
    expect(plan2).toEqual({
      code: 'key-not-in-signer',
      waitsFor: `the signer to have the keys of 2 validators of the test, first ${toHex(keyOf(0))}: deposits are signed with whole keys, not with shares`,
    });
    expect(signer.asked).toEqual([]);
  });

  it.each(['key-not-loaded', 'signer-refused-deposit', 'invalid-signature'] as const)(
    'a signer that answers with %s is waited for',
    async code => {
      const signer = createSigner(() => {
        throw new ExternalError(code, 'It does not sign 0xabc.');
      });
      expect(await open(keys, '0x02', { signer }).plan(1)).toEqual({
        code: 'deposit-not-signed',
        waitsFor: 'the signer to sign the deposits: It does not sign 0xabc.',
      });
    },
  );

  it('an outage of the signer is none of the vault’s, and fails the pass', async () => {
    const signer = createSigner(() => {
      throw new ExternalError('unreachable', 'It refuses connections.', { retryable: true });
    });
    await expect(open(keys, '0x02', { signer }).plan(1)).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('the same deposit is signed once, and another amount of the key anew', async () => {
    const { plan, signer } = open(keys, '0x02');
    await plan(2);
    await plan(2);
    await plan(1, { amountsGwei: [33_000_000_000n] });
    expect(signer.asked.map(({ amountGwei }) => amountGwei)).toEqual([
      32_000_000_000n,
      32_000_000_000n,
      33_000_000_000n,
    ]);
    expect(toHex(signer.asked[0]?.withdrawalCredentials ?? new Uint8Array())).toBe(
      `0x02${'00'.repeat(11)}${VAULT.slice(2).toLowerCase()}`,
    );
  });
});

describe('a signer that refuses the deposit of a key that it lists', () => {
  const HOUR_MS = 3_600_000;
  const refusal = (code: 'key-not-loaded' | 'signer-refused-deposit', publicKey: Uint8Array) =>
    new ExternalError(code, `It refused a deposit with key ${toHex(publicKey)}.`);

  /** A mode over a signer that refuses some keys, with its log and a clock that only the test moves. */
  function openWith(answer: (deposit: DepositToSign) => Uint8Array, own = keys) {
    const signer = createSigner(answer);
    const warnings: string[] = [];
    let nowMs = 0;
    const mode = createSignerKeysMode(
      {
        wallet,
        signer,
        beacon: createBeacon(),
        keys: namedKeys('the test', async () => own),
        log: { info: () => undefined, warn: (line: unknown) => warnings.push(String(line)) },
        now: () => nowMs,
      },
      {
        vault: VAULT,
        chainId: network.chainId,
        genesisForkVersion: network.genesisForkVersion,
        validatorType: '0x02',
      },
    );
    const plan = async (limit: number) => {
      const batch = await mode.planBatch(facts, {
        limit,
        amountsGwei: Array.from({ length: limit }, (_, i) => 32_000_000_000n + BigInt(i)),
        loadedKeys: new Set(own.map(toHex)),
        isAtHand: () => true,
        findRegistered: async () => new Set<Hex>(),
      });
      return isBatch(batch)
        ? batch.validators.map(({ publicKey, amountGwei }) => [
            numberOf(publicKey),
            amountGwei - 32_000_000_000n,
          ])
        : batch;
    };
    return {
      plan,
      signer,
      warnings,
      pass: (ms: number) => {
        nowMs += ms;
      },
    };
  }

  const numberOf = (publicKey: Uint8Array) => new DataView(publicKey.buffer).getUint32(44);
  const refusing =
    (numbers: readonly number[], code: 'key-not-loaded' | 'signer-refused-deposit') =>
    ({ publicKey }: DepositToSign) => {
      if (numbers.includes(numberOf(publicKey))) throw refusal(code, publicKey);
      return new Uint8Array(96).fill(5);
    };

  it.each(['key-not-loaded', 'signer-refused-deposit'] as const)(
    'a key that is refused for itself (%s) is left out, the next ones take its place and its amount, and a line names it',
    async code => {
      const { plan, warnings, signer } = openWith(refusing([1], code));
      const expected = [
        [0, 0n],
        [2, 1n],
        [3, 2n],
      ];
      expect(await plan(3)).toEqual(expected);
      expect(warnings).toEqual([
        `It refused a deposit with key ${toHex(keyOf(1))}. This key is left out until the operator is started again.`,
      ]);
      const asked = signer.asked.length;
      expect(await plan(3)).toEqual(expected);
      expect([signer.asked.length, warnings.length]).toEqual([asked, 1]);
    },
  );

  it('a batch of nothing but refused keys makes way where the signer signs with the next one', async () => {
    const { plan, warnings } = openWith(refusing([0, 1, 2], 'key-not-loaded'));
    expect(await plan(2)).toEqual([
      [3, 0n],
      [4, 1n],
    ]);
    expect(warnings).toHaveLength(3);
  });

  it('a signer that signs with none of the keys that are tried has none of them left out', async () => {
    const first = keys.slice(0, 12).map((_, i) => i);
    const { plan, warnings, signer } = openWith(refusing(first, 'signer-refused-deposit'));
    const waits = {
      code: 'deposit-not-signed',
      waitsFor: `the signer to sign the deposits: It refused a deposit with key ${toHex(keyOf(0))}.`,
    };
    expect(await plan(1)).toEqual(waits);
    expect(await plan(1)).toEqual(waits);
    expect(warnings).toEqual([]);
    expect(Math.max(...signer.asked.map(({ publicKey }) => numberOf(publicKey)))).toBe(10);
  });

  it('a wrong signature leaves no key out, also where others were refused before it', async () => {
    const { plan, warnings } = openWith(deposit => {
      if (numberOf(deposit.publicKey) === 2)
        throw new ExternalError('invalid-signature', 'It signs wrongly.');
      return refusing([0], 'key-not-loaded')(deposit);
    });
    expect(await plan(3)).toEqual({
      code: 'deposit-not-signed',
      waitsFor: 'the signer to sign the deposits: It signs wrongly.',
    });
    expect(warnings).toEqual([]);
  });

  it('an outage in the middle leaves no key out, and fails the pass', async () => {
    const { plan, warnings } = openWith(deposit => {
      if (numberOf(deposit.publicKey) === 2) {
        throw new ExternalError('unreachable', 'It refuses connections.', { retryable: true });
      }
      return refusing([0], 'key-not-loaded')(deposit);
    });
    await expect(plan(3)).rejects.toMatchObject({ code: 'unreachable' });
    expect(warnings).toEqual([]);
  });

  it('keys that are left out are told of again each hour', async () => {
    const { plan, warnings, pass } = openWith(refusing([1], 'key-not-loaded'));
    await plan(2);
    pass(HOUR_MS - 1);
    await plan(2);
    expect(warnings).toHaveLength(1);
    pass(1);
    await plan(2);
    await plan(2);
    expect(warnings.slice(1)).toEqual([
      `Registration leaves out 1 of the keys, of which the signer signs no deposit: It refused a deposit with key ${toHex(keyOf(1))}.`,
    ]);
  });

  it('a vault whose other keys are used says that those that are left are refused', async () => {
    const { plan } = openWith(refusing([1], 'key-not-loaded'), keys.slice(0, 2));
    expect(await plan(2)).toEqual([[0, 0n]]);
    const { plan: next } = openWith(refusing([1], 'key-not-loaded'), keys.slice(1, 2));
    expect(await next(1)).toMatchObject({ code: 'deposit-not-signed' });
  });
});

describe('keys of a signer', () => {
  it('a remote signer’s keys come in one order, however it lists them', async () => {
    const list = [keyOf(3), keyOf(1), keyOf(2)].map(toHex);
    const own = sortedKeysOfSigner('the signer');
    const expected = [keyOf(1), keyOf(2), keyOf(3)].map(toHex);
    expect((await own.list(new Set(list))).map(toHex)).toEqual(expected);
    expect((await own.list(new Set(list.toReversed()))).map(toHex)).toEqual(expected);
  });
});

describe('chooseRegistrationMode with keys of the signer', () => {
  const choose = (options: Partial<VaultAuthority>) =>
    chooseRegistrationMode(
      {
        source: { name: 'deposit_data.json', read: async () => [] },
        wallet,
        now: () => 0,
        signerKeys: {
          keys: namedKeys('the test', async () => []),
          signer: createSigner(),
          beacon: createBeacon(),
          log: recordingLog().log,
        },
      },
      {
        vault: VAULT,
        vaultVersion: 5,
        vaultId: new Uint8Array(32),
        validatorsManager: WALLET,
        network,
        ...options,
      },
    ).kind;
  const registry = network.contracts.depositDataRegistry ?? '';

  it.each<readonly [string, Partial<VaultAuthority>, string]>([
    ['says no type', {}, 'signer-keys'],
    ['says 0x02', { validatorType: '0x02' }, 'signer-keys'],
    ['says 0x02, with deposit data', { validatorType: '0x02', hasDepositData: true }, 'signer-keys'],
    ['says 0x01, with deposit data', { validatorType: '0x01', hasDepositData: true }, 'validators-manager'],
    ['says 0x01, without deposit data', { validatorType: '0x01', hasDepositData: false }, 'signer-keys'],
    ['has a vault of version 4', { vaultVersion: 4 }, 'validators-manager'],
    ['has one of version 3 that is Gnosis’ version 5', { vaultVersion: 3, isVersion5: true }, 'signer-keys'],
    ['has the registry for a manager', { validatorsManager: registry }, 'deposit-data'],
  ])('whoever %s registers by the right mode', (_, options, kind) => {
    expect(choose(options)).toBe(kind);
  });

  it.each<readonly [string, Partial<VaultAuthority>]>([
    ['a vault of version 1', { vaultVersion: 1, validatorsManager: null }],
    ['a vault of version 4', { vaultVersion: 4 }],
    ['the registry', { validatorsManager: registry }],
  ])('0x02 is refused for %s', (_, options) => {
    expect(() => choose({ ...options, validatorType: '0x02' })).toThrow(
      expect.objectContaining({ code: 'validator-type-unsupported', exitCode: 2 }),
    );
  });
});
