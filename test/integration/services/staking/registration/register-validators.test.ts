import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../../../../src/lib/bytes.ts';
import { ExternalError } from '../../../../../src/lib/errors.ts';
import {
  type RegistrationScene,
  type SceneVault,
  startRegistrationScene,
} from '../../../../support/scenes/registration-scene.ts';

const ORACLES = 4;
let scene: RegistrationScene;
beforeAll(async () => {
  scene = await startRegistrationScene({ oracles: ORACLES, threshold: 3 });
});
afterAll(() => scene[Symbol.asyncDispose]());
afterEach(() => {
  const { oracles } = scene.devnet;
  oracles.onRequest = undefined;
  oracles.instant = false;
  scene.signer.fault = undefined;
  for (const { faults } of oracles.servers) {
    for (const name of Object.keys(faults)) Reflect.deleteProperty(faults, name);
  }
});

const keysOf = ({ validators }: SceneVault, from = 0, to = validators.length) =>
  validators.slice(from, to).map(({ entry }) => toHex(entry.publicKey));

/** What the oracles were asked of this vault, and what the vault has. */
async function expectRegistered(
  vault: SceneVault,
  keys: readonly string[],
  registrations = 1,
): Promise<void> {
  const log = await scene.devnet.readVaultLog(vault.address);
  expect(log.registered).toEqual(keys);
  expect(log.registrations).toBe(registrations);
}

/** Has this happen once, when the first oracle is asked. */
function onceAsked(change: () => Promise<void>): void {
  let done: Promise<void> | undefined;
  scene.devnet.oracles.onRequest = async () => {
    done ??= change();
    await done;
  };
}

/** Bodies of the requests for approvals of a vault. */
function requestsFor(vault: SceneVault): Record<string, unknown>[] {
  return scene.devnet.oracles.servers.flatMap(({ requests }) =>
    requests
      .filter(({ method }) => method === 'POST')
      .map(({ body }) => JSON.parse(body) as Record<string, unknown>)
      .filter(body => body.vault_address === vault.address),
  );
}

describe('a vault of version 1', () => {
  it('the registrar registers one validator by its proof, then as many as the assets allow by a multi-proof', async () => {
    const vault = await scene.createVault(1, { validators: 4, ether: 40 });
    const { run, lines } = await scene.openRegistrar(vault);
    expect(await run()).toMatchObject({
      status: 'registered',
      publicKeys: keysOf(vault, 0, 1),
      stakeableAssetsWei: 40n * 10n ** 18n,
    });
    expect(await run()).toEqual({ status: 'idle', stakeableAssetsWei: 8n * 10n ** 18n });
    await scene.devnet.depositEther(24 + 32 + 32 + 32 + 32, vault.address);
    expect(await run()).toMatchObject({ status: 'registered', publicKeys: keysOf(vault, 1) });
    await expectRegistered(vault, keysOf(vault), 2);
    expect(lines.filter(line => line.startsWith('Successfully registered'))).toHaveLength(2);
    const used = { status: 'waiting', code: 'deposit-data-used-up' };
    expect(await run()).toMatchObject(used);
    const told = lines.length;
    for (let round = 0; round < 3; round++) expect(await run()).toMatchObject(used);
    expect(lines).toHaveLength(told);
  });
});

describe('fields of the request', () => {
  const alike = [
    'validator_index',
    'vault_address',
    'validators_root',
    'public_keys',
    'deposit_signatures',
    'public_key_shards',
    'exit_signature_shards',
    'deadline',
  ];
  const proof = ['proof', 'proof_flags', 'proof_indexes'];
  const signature = 'validators_manager_signature';

  it.each([
    [1, 'none', [...alike, ...proof], []],
    [2, 'wallet', [...alike, ...proof, signature], proof],
    [3, 'registry', [...alike, ...proof, signature], [signature]],
    [5, 'wallet', [...alike, signature, 'amounts'], ['amounts']],
    // As the Python operator before version 5 asks, with which such a vault goes on.
    [5, 'registry', [...alike, ...proof, signature], [signature]],
  ] as const)(
    'a request for a vault of version %i (manager: %s) has fields of its own, and the contract takes them',
    async (version, manager, fields, empty) => {
      const vault = await scene.createVault(version, { validators: 2, ether: 64, manager });
      const exitShards = version === 5 ? scene.shareKeys(vault) : undefined;
      const { run } = await scene.openRegistrar(vault, exitShards && { options: { exitShards } });
      expect(await run()).toMatchObject({ status: 'registered', publicKeys: keysOf(vault) });
      await expectRegistered(vault, keysOf(vault));
      const bodies = requestsFor(vault);
      expect(bodies).toHaveLength(ORACLES);
      for (const body of bodies) {
        expect(body).toEqual(bodies[0]);
        expect(Object.keys(body)).toEqual(fields);
        expect(fields.filter(name => body[name] === null)).toEqual(empty);
      }
    },
  );
});

describe('a vault that this operator cannot register for', () => {
  it('the registrar refuses a vault that it cannot register for, with its version and the missing call', async () => {
    const unmanaged = await scene.createVault(5, { manager: 'none' });
    await expect(scene.openRegistrar(unmanaged)).rejects.toMatchObject({
      code: 'not-validators-manager',
      message: expect.stringContaining('version 5 and has no validators manager'),
      hint: expect.stringContaining(`setValidatorsManager(${scene.wallet.address})`),
    });
    const foreign = await scene.createVault(6);
    await expect(scene.openRegistrar(foreign)).rejects.toMatchObject({
      code: 'unsupported-vault-version',
      message: expect.stringContaining('version 6'),
    });
  });

  it('the registrar waits when the validators manager is replaced while the operator runs', async () => {
    const vault = await scene.createVault(5, { validators: 1, ether: 32 });
    const { run } = await scene.openRegistrar(vault);
    await scene.devnet.setValidatorsManager(scene.devnet.protocol.owner.address, vault.address);
    expect(await run()).toMatchObject({ status: 'waiting', code: 'not-validators-manager' });
    expect(requestsFor(vault)).toEqual([]);
  });
});

describe('a pending harvest', () => {
  it('the registrar counts a pending harvest as assets, and waits without it only where the vault must harvest', async () => {
    const vault = await scene.createVault(1, { validators: 3, ether: 32 });
    const { run, lines } = await scene.openRegistrar(vault);
    expect(await run()).toMatchObject({ status: 'registered' });
    const { devnet } = scene;
    const earned = { vault: vault.address, consensusWei: -5n, unlockedMevWei: 33n * 10n ** 18n };
    await devnet.distributeRewards([earned]);
    const gone = async () => {
      throw new ExternalError('ipfs-unavailable', 'No gateway answered.', { retryable: true });
    };
    const blind = await scene.openRegistrar(vault, { deps: { fetchHarvest: gone } });
    expect(await blind.run()).toEqual({ status: 'idle', stakeableAssetsWei: 0n });
    await devnet.distributeRewards([{ ...earned, unlockedMevWei: 0n }]);
    await devnet.depositEther(32, vault.address);
    for (let round = 0; round < 2; round++) {
      expect(await blind.run()).toMatchObject({ status: 'waiting', code: 'harvest-not-possible' });
    }
    expect(blind.lines.filter(line => line.includes('No gateway answered'))).toHaveLength(2);
    expect(await run()).toMatchObject({
      status: 'registered',
      publicKeys: keysOf(vault, 1),
      stakeableAssetsWei: 65n * 10n ** 18n,
    });
    const { harvests } = await devnet.readVaultLog(vault.address);
    expect(harvests).toHaveLength(1);
    await expectRegistered(vault, keysOf(vault), 2);
    expect(lines.join()).not.toContain('harvest');
  });
});

describe('what a registration waits for', () => {
  it('the registrar waits for a base fee below the ceiling', async () => {
    const vault = await scene.createVault(1, { validators: 1, ether: 32 });
    const { run } = await scene.openRegistrar(vault);
    await scene.devnet.setBaseFee(300);
    await scene.devnet.mine(1);
    expect(await run()).toMatchObject({ status: 'waiting', code: 'fee-ceiling' });
    expect(requestsFor(vault)).toEqual([]);
    await scene.devnet.setBaseFee(1);
    await scene.devnet.mine(1);
    expect(await run()).toMatchObject({ status: 'registered' });
  });

  it.each([
    ['nothing', 0n, 0],
    // At three gwei for a unit of gas.
    ['some gas, and not enough', 100_000n * 3n * 10n ** 9n, 1],
  ])(
    'the registrar asks no oracle, and makes no exit shards, in a pass for which the wallet is known to have too little: %s',
    async (_, balanceWei, attempts) => {
      const vault = await scene.createVault(1, { validators: 1, ether: 32 });
      const { run, lines } = await scene.openRegistrar(vault);
      await scene.devnet.setBaseFee(1);
      await scene.devnet.mine(1);
      await scene.devnet.setBalance(scene.wallet.address, balanceWei);
      const signed = scene.signer.signed.length;
      try {
        // What it takes is known by the first attempt only.
        for (let attempt = 0; attempt < attempts; attempt++)
          await expect(run()).rejects.toMatchObject({ code: 'insufficient-funds' });
        const asked = requestsFor(vault).length;
        expect(asked).toBe(attempts * ORACLES);
        for (let pass = 0; pass < 3; pass++) {
          expect(await run()).toMatchObject({
            status: 'waiting',
            code: 'insufficient-funds',
            waitsFor: expect.stringContaining(scene.wallet.address),
          });
        }
        expect(requestsFor(vault)).toHaveLength(asked);
        expect(scene.signer.signed).toHaveLength(signed + attempts);
        expect(lines.filter(line => line.startsWith('Registration waits for more'))).toHaveLength(1);
      } finally {
        await scene.devnet.setBalance(scene.wallet.address, 10n ** 20n);
      }
      expect(await run()).toMatchObject({ status: 'registered', publicKeys: keysOf(vault) });
    },
  );

  it('the registrar waits for a key that the signer lacks, and registers those before it', async () => {
    const vault = await scene.createVault(1, { validators: 2, ether: 64 });
    const { run, lines } = await scene.openRegistrar(vault);
    const [, second] = vault.validators;
    const name = toHex(second?.entry.publicKey ?? new Uint8Array());
    const key = scene.signer.keys.get(name);
    (scene.signer.keys as Map<string, unknown>).delete(name);
    expect(await run()).toMatchObject({ status: 'registered', publicKeys: keysOf(vault, 0, 1) });
    for (let round = 0; round < 3; round++) {
      expect(await run()).toMatchObject({ status: 'waiting', code: 'key-not-in-signer' });
    }
    expect(lines.filter(line => line.includes(name))).toEqual([
      expect.stringMatching(/^Registration waits for the signer to have the key/),
    ]);
    if (key !== undefined) scene.signer.addKey(name, key);
    expect(await run()).toMatchObject({ status: 'registered', publicKeys: keysOf(vault, 1) });
  });

  it('the registrar waits for the deposit data whose root the vault has', async () => {
    const vault = await scene.createVault(1, { validators: 1, ether: 32 });
    await scene.devnet.setDepositDataRoot(new Uint8Array(32).fill(7), vault.address);
    const { run } = await scene.openRegistrar(vault);
    expect(await run()).toMatchObject({ status: 'waiting', code: 'deposit-data-root-mismatch' });
  });

  it('the registrar waits for the index that the first validator gets', async () => {
    const vault = await scene.createVault(1, { validators: 1, ether: 32 });
    const networkValidators = {
      nextValidatorIndex: async () => {
        throw new ExternalError('network-validators-not-synced', 'Not synced.', { retryable: true });
      },
      findRegistered: async () => new Set<never>(),
    };
    const { run } = await scene.openRegistrar(vault, { deps: { networkValidators } });
    expect(await run()).toMatchObject({ status: 'waiting', code: 'network-validators-not-synced' });
  });

  it('the registrar asks no oracle while the signer signs with a wrong key', async () => {
    const vault = await scene.createVault(1, { validators: 1, ether: 32 });
    const { run } = await scene.openRegistrar(vault);
    scene.signer.fault = 'wrong-key';
    await expect(run()).rejects.toMatchObject({ code: 'invalid-signature' });
    expect(requestsFor(vault)).toEqual([]);
    scene.signer.fault = undefined;
    expect(await run()).toMatchObject({ status: 'registered' });
  });
});

describe('oracles', () => {
  it('the registrar loses no time with a silent oracle while the others are enough', async () => {
    const vault = await scene.createVault(1, { validators: 1, ether: 32 });
    const { run } = await scene.openRegistrar(vault);
    const [, second] = scene.devnet.oracles.servers;
    Object.assign(second?.faults ?? {}, { silent: true });
    const startedAt = performance.now();
    expect(await run()).toMatchObject({ status: 'registered' });
    expect(performance.now() - startedAt).toBeLessThan(4_000);
  });

  it.each([{ lies: 'signature' }, { lies: 'ipfs-hash' }, { lies: 'deadline' }, { down: true }] as const)(
    'the registrar loses one vote only when an oracle has the fault %o',
    async fault => {
      const vault = await scene.createVault(1, { validators: 1, ether: 32 });
      const { run } = await scene.openRegistrar(vault);
      Object.assign(scene.devnet.oracles.servers[0]?.faults ?? {}, fault);
      expect(await run()).toMatchObject({ status: 'registered' });
      await expectRegistered(vault, keysOf(vault));
    },
  );

  it('the registrar asks oracles that refuse again in the next pass, with the shards of the last one', async () => {
    const vault = await scene.createVault(1, { validators: 1, ether: 32 });
    const { run } = await scene.openRegistrar(vault);
    for (const { faults } of scene.devnet.oracles.servers.slice(0, 2)) faults.status = 400;
    const signed = scene.signer.signed.length;
    await expect(run()).rejects.toMatchObject({ code: 'not-enough-approvals' });
    await expect(run()).rejects.toMatchObject({ code: 'not-enough-approvals' });
    for (const { faults } of scene.devnet.oracles.servers) delete faults.status;
    expect(await run()).toMatchObject({ status: 'registered' });
    expect(scene.signer.signed).toHaveLength(signed + 1);
    await expectRegistered(vault, keysOf(vault));
  });
});

describe('the chain goes on while the oracles are asked', () => {
  const depositElsewhere = async () => {
    const { publicKey } = (await scene.createVault(1, { validators: 1 })).validators[0]?.entry ?? {};
    await scene.devnet.registerDirectly([{ publicKey: publicKey ?? new Uint8Array() }], other.address);
  };
  let other: SceneVault;
  beforeAll(async () => {
    other = await scene.createVault(1, { validators: 1 });
  });

  it('the registrar sends nothing when somebody else deposits meanwhile, and asks next for the new index', async () => {
    const vault = await scene.createVault(1, { validators: 1, ether: 32 });
    const { run } = await scene.openRegistrar(vault);
    scene.devnet.oracles.instant = true;
    onceAsked(depositElsewhere);
    expect(await run()).toMatchObject({ status: 'restarted', reason: expect.stringContaining('deposited') });
    await expectRegistered(vault, [], 0);
    scene.devnet.oracles.instant = false;
    expect(await run()).toMatchObject({ status: 'registered' });
    const [first, last] = [requestsFor(vault)[0], requestsFor(vault).at(-1)];
    expect(Number(last?.validator_index)).toBe(Number(first?.validator_index) + 1);
  });

  it('the registrar fails when the oracles know another index and root than it asked for, and not the next time', async () => {
    const vault = await scene.createVault(1, { validators: 1, ether: 32 });
    const { run } = await scene.openRegistrar(vault);
    onceAsked(depositElsewhere);
    await expect(run()).rejects.toMatchObject({ code: 'not-enough-approvals' });
    expect(await run()).toMatchObject({ status: 'registered' });
  });

  it('the registrar sends nothing when the deadline passes meanwhile, and asks next with a new one', async () => {
    const vault = await scene.createVault(5, { validators: 1, ether: 32 });
    const { signatureValidityPeriod } = scene.devnet.oracleSet;
    let early = signatureValidityPeriod - 60;
    const { run } = await scene.openRegistrar(vault, {
      deps: {
        fetchOracleConfig: async hash => {
          const config = await scene.fetchOracleConfig(hash);
          return { ...config, signatureValidityPeriodMs: config.signatureValidityPeriodMs - early * 1000 };
        },
      },
    });
    scene.devnet.oracles.instant = true;
    onceAsked(() => scene.devnet.passSeconds(120));
    expect(await run()).toMatchObject({ status: 'restarted', reason: expect.stringContaining('deadline') });
    early = 0;
    expect(await run()).toMatchObject({ status: 'registered' });
    await expectRegistered(vault, keysOf(vault));
  });

  it('the registrar starts over and sends nothing when somebody else registers the same validators', async () => {
    const vault = await scene.createVault(1, { validators: 1, ether: 32 });
    const [first, second] = [await scene.openRegistrar(vault), await scene.openRegistrar(vault)];
    let rival: Promise<unknown> | undefined;
    let asked = 0;
    scene.devnet.oracles.instant = true;
    scene.devnet.oracles.onRequest = async () => {
      asked++;
      if (asked > ORACLES) return;
      rival ??= second.run();
      await rival;
    };
    expect(await first.run()).toMatchObject({ status: 'restarted' });
    expect(await rival).toMatchObject({ status: 'registered' });
    await expectRegistered(vault, keysOf(vault));
    expect(await first.run()).toMatchObject({ status: 'idle' });
  });
});

it('the registrar ends at its next step when it is aborted', async () => {
  const vault = await scene.createVault(1, { validators: 1, ether: 32 });
  const { registrar } = await scene.openRegistrar(vault);
  const stop = new AbortController();
  onceAsked(async () => stop.abort(new Error('stopped')));
  await expect(registrar.run(stop.signal)).rejects.toThrow('stopped');
  await expectRegistered(vault, [], 0);
});
