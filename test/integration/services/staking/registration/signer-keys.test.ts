import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BeaconNode, connectBeaconNode } from '../../../../../src/clients/beacon/beacon-node.ts';
import { openSignerClient, type SignerClient } from '../../../../../src/clients/signer/signer-client.ts';
import type { ValidatorType } from '../../../../../src/domain/consensus/deposit.ts';
import { fromHex, type Hex, toHex } from '../../../../../src/lib/bytes.ts';
import { namedKeys, type OwnKeys } from '../../../../../src/services/staking/registration/own-keys.ts';
import { createSignerKeysMode } from '../../../../../src/services/staking/registration/signer-keys-mode.ts';
import type { BeaconNode as DevnetBeaconNode } from '../../../../devnet/beacon-node.ts';
import { credentialsOf } from '../../../../devnet/deposit-data.ts';
import { recordingLog } from '../../../../support/recording-log.ts';
import {
  type RegistrationScene,
  type SceneVault,
  startRegistrationScene,
} from '../../../../support/scenes/registration-scene.ts';

const GWEI_PER_ETHER = 1_000_000_000n;

let scene: RegistrationScene;
let signer: SignerClient;
let beaconNode: DevnetBeaconNode;
let beacon: BeaconNode;

beforeAll(async () => {
  scene = await startRegistrationScene({ oracles: 3, threshold: 2 });
  signer = openSignerClient({ urls: [scene.signer.url], timeoutMs: 10_000 });
  beaconNode = await scene.devnet.startBeaconNode();
  beacon = await connectBeaconNode(
    {},
    { ...scene.network, endpoints: [beaconNode.url], timeoutMs: 10_000, retryTimeoutMs: 0 },
  );
});
afterAll(async () => {
  await beaconNode[Symbol.asyncDispose]();
  await signer[Symbol.asyncDispose]();
  await scene[Symbol.asyncDispose]();
});
beforeEach(() => {
  scene.signer.fault = undefined;
});

const keysOf = ({ validators }: SceneVault) => validators.map(({ entry }) => toHex(entry.publicKey));
const ownKeysOf = (vault: SceneVault): OwnKeys =>
  namedKeys('the test', async () => vault.validators.map(({ entry }) => entry.publicKey));

/** A registrar of the vault's keys that has no deposit data. */
async function open(
  vault: SceneVault,
  {
    type = '0x02',
    keys = ownKeysOf(vault),
    maxEther = 300n,
    minDepositEther = 10n,
    ...more
  }: {
    readonly type?: ValidatorType;
    readonly keys?: OwnKeys;
    readonly maxEther?: bigint;
    readonly minDepositEther?: bigint;
    readonly signer?: Pick<SignerClient, 'signDeposits'>;
  } = {},
) {
  const { network, wallet, devnet } = scene;
  const mode = createSignerKeysMode(
    { keys, wallet, beacon, signer: more.signer ?? signer, log: recordingLog().log },
    {
      vault: vault.address,
      chainId: devnet.chainId,
      genesisForkVersion: network.genesisForkVersion,
      validatorType: type,
    },
  );
  return scene.openRegistrar(vault, {
    deps: { mode },
    options: {
      staking: {
        type,
        maxValidatorBalanceGwei: maxEther * GWEI_PER_ETHER,
        minDepositAmountGwei: minDepositEther * GWEI_PER_ETHER,
      },
    },
  });
}

/** What the deposit contract has taken of these keys: ether and credentials. */
async function depositsOf(publicKeys: readonly Hex[]) {
  const validators = await scene.devnet.deposits.listValidators();
  return validators
    .filter(({ publicKey }) => publicKeys.includes(toHex(publicKey)))
    .map(({ publicKey, amountGwei, withdrawalCredentials }) => ({
      publicKey: toHex(publicKey),
      ether: Number(amountGwei) / 1e9,
      credentials: toHex(withdrawalCredentials),
    }));
}

describe('registration by keys of the signer', () => {
  it('a vault of version 5 without deposit data registers 0x02 validators with the amounts of its assets, in one batch', async () => {
    const vault = await scene.createVault(5, { validators: 4, ether: 2 * 300 + 40 });
    const { run } = await open(vault);
    const [first, second, third] = keysOf(vault) as [Hex, Hex, Hex];
    expect(await run()).toMatchObject({ status: 'registered', publicKeys: [first, second, third] });
    const credentials = toHex(credentialsOf(vault.address, 2));
    expect(await depositsOf(keysOf(vault))).toEqual([
      { publicKey: first, ether: 300, credentials },
      { publicKey: second, ether: 300, credentials },
      { publicKey: third, ether: 40, credentials },
    ]);
    expect(await run()).toMatchObject({ status: 'idle', stakeableAssetsWei: 0n });
  });

  it('a vault of version 5 without deposit data registers 0x01 validators of 32 ETH each', async () => {
    const vault = await scene.createVault(5, { validators: 3, ether: 70 });
    const { run } = await open(vault, { type: '0x01' });
    const [first, second] = keysOf(vault) as [Hex, Hex];
    expect(await run()).toMatchObject({ status: 'registered', publicKeys: [first, second] });
    const credentials = toHex(credentialsOf(vault.address));
    expect(await depositsOf(keysOf(vault))).toEqual([
      { publicKey: first, ether: 32, credentials },
      { publicKey: second, ether: 32, credentials },
    ]);
  });

  it.each<readonly [ValidatorType, number]>([
    ['0x01', 23],
    ['0x02', 22],
  ])(
    'registration of %s takes two batches for %i validators, since the contract would mistake them for the other type',
    async (type, count) => {
      const vault = await scene.createVault(5, { validators: count, ether: count * 32 });
      const { run } = await open(vault, { type, maxEther: 32n });
      const keys = keysOf(vault);
      expect(await run()).toMatchObject({ status: 'registered', publicKeys: keys.slice(0, -1) });
      expect(await run()).toMatchObject({ status: 'registered', publicKeys: keys.slice(-1) });
    },
  );

  it('nothing is registered with less than a validator takes, or less than is worth a deposit', async () => {
    const vault = await scene.createVault(5, { validators: 1, ether: 31 });
    expect(await (await open(vault)).run()).toMatchObject({ status: 'idle' });
    await scene.devnet.depositEther(20, vault.address);
    expect(await (await open(vault, { minDepositEther: 52n })).run()).toMatchObject({ status: 'idle' });
    expect(await (await open(vault, { minDepositEther: 51n })).run()).toMatchObject({ status: 'registered' });
    expect(await depositsOf(keysOf(vault))).toMatchObject([{ ether: 51 }]);
  });

  it('a key that somebody else has deposited for is passed over, and the next one is registered', async () => {
    const vault = await scene.createVault(5, { validators: 2, ether: 32 });
    const other = await scene.createVault(5, { ether: 32 });
    const [taken, next] = keysOf(vault) as [Hex, Hex];
    // The other vault's operator has the same key.
    const shared = namedKeys('the test', async () => [fromHex(taken)]);
    expect(await (await open(other, { keys: shared })).run()).toMatchObject({ publicKeys: [taken] });
    expect(await (await open(vault)).run()).toMatchObject({ status: 'registered', publicKeys: [next] });
  });

  it('keys of other vaults in a shared signer are never registered', async () => {
    const other = await scene.createVault(5, { validators: 2 });
    const vault = await scene.createVault(5, { validators: 1, ether: 3 * 32 });
    const { run } = await open(vault, { type: '0x01' });
    expect(await run()).toMatchObject({ status: 'registered', publicKeys: keysOf(vault) });
    expect(await run()).toMatchObject({
      status: 'waiting',
      code: 'signer-keys-used-up',
      waitsFor: 'more keys: deposits have used all 1 of the test',
    });
    expect(await depositsOf(keysOf(other))).toEqual([]);
  });

  it('a signer without the key is waited for by name, and nothing is sent', async () => {
    const vault = await scene.createVault(5, { validators: 0, ether: 32 });
    const stranger = `0x${'a7'.repeat(48)}` as Hex;
    const { run } = await open(vault, { keys: namedKeys('the test', async () => [fromHex(stranger)]) });
    expect(await run()).toMatchObject({
      status: 'waiting',
      code: 'key-not-in-signer',
      waitsFor: expect.stringContaining(stranger),
    });
  });

  it('a wrong deposit signature is never used: it is waited for a right one, and then registered', async () => {
    const vault = await scene.createVault(5, { validators: 1, ether: 32 });
    const { run } = await open(vault);
    scene.signer.fault = 'wrong-key';
    const asked = scene.devnet.oracles.decisions.length;
    expect(await run()).toMatchObject({
      status: 'waiting',
      code: 'deposit-not-signed',
      waitsFor: expect.stringContaining(keysOf(vault)[0] ?? ''),
    });
    expect(scene.devnet.oracles.decisions).toHaveLength(asked);
    expect(await depositsOf(keysOf(vault))).toEqual([]);
    scene.signer.fault = undefined;
    expect(await run()).toMatchObject({ status: 'registered', publicKeys: keysOf(vault) });
  });

  it('the signer is asked once for a deposit that another pass asks for again', async () => {
    const vault = await scene.createVault(5, { validators: 1, ether: 32 });
    let asked = 0;
    const counting: Pick<SignerClient, 'signDeposits'> = {
      signDeposits: (deposits, options) => {
        asked += deposits.length;
        return signer.signDeposits(deposits, options);
      },
    };
    scene.devnet.oracles.onRequest = () => {
      throw new Error('no oracle answers');
    };
    try {
      const { run } = await open(vault, { signer: counting });
      await expect(run()).rejects.toMatchObject({ code: 'not-enough-approvals' });
      scene.devnet.oracles.onRequest = undefined;
      expect(await run()).toMatchObject({ status: 'registered' });
      expect(asked).toBe(1);
    } finally {
      scene.devnet.oracles.onRequest = undefined;
    }
  });

  it('registration waits when the hot wallet is not the validators manager any more', async () => {
    const vault = await scene.createVault(5, { validators: 1, ether: 32 });
    const { run } = await open(vault);
    await scene.devnet.setValidatorsManager(scene.devnet.addresses.depositDataRegistry, vault.address);
    expect(await run()).toMatchObject({ status: 'waiting', code: 'not-validators-manager' });
  });
});
