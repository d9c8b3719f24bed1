import { keccak_256 } from '@noble/hashes/sha3.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchRegisteredIndex } from '../../../../../src/clients/execution/contracts/deposit-data-registry.ts';
import { fetchValidatorsMinOracles } from '../../../../../src/clients/execution/contracts/keeper.ts';
import {
  fetchDepositDataPlace,
  fetchDepositDataRoot,
  fetchRegisteredValidators,
  fetchValidatorIndex,
  fetchVaultAdmin,
  fetchVaultId,
  fetchVaultVersion,
} from '../../../../../src/clients/execution/contracts/vault.ts';
import {
  connectExecutionNode,
  type ExecutionNode,
} from '../../../../../src/clients/execution/execution-node.ts';
import { type Devnet, startDevnet } from '../../../../devnet/devnet.ts';

let devnet: Devnet;
let node: ExecutionNode;
beforeAll(async () => {
  devnet = await startDevnet({ oracles: 4, threshold: 3 });
  const endpoints = [devnet.rpcUrl];
  node = await connectExecutionNode(
    {},
    { endpoints, chainId: devnet.chainId, timeoutMs: 5_000, retryTimeoutMs: 0 },
  );
});
afterAll(async () => {
  node.destroy();
  await devnet.stop();
});

describe('a vault', () => {
  it('fetchRegisteredValidators lists the registered validators of a vault, each once, in order', async () => {
    const vault = await devnet.createVault(1);
    expect(await fetchRegisteredValidators(node, vault, 0)).toEqual([]);
    const keys = [3, 1, 2].map(seed => new Uint8Array(48).fill(seed));
    await devnet.emitRegistrations([...keys, ...keys.slice(1)], vault);
    expect(await fetchRegisteredValidators(node, vault, 0)).toEqual(keys);
    expect(await fetchVaultVersion(node, vault, devnet.addresses)).toBe(1);
  });

  it.each([1, 2, 3, 4, 5])(
    'fetchDepositDataRoot finds the deposit data root of a vault of version %i',
    async version => {
      const vault = await devnet.createVault(version);
      expect(await fetchVaultVersion(node, vault, devnet.addresses)).toBe(version);
      expect(await fetchDepositDataRoot(node, vault, devnet.addresses)).toBeNull();
      const root = Uint8Array.from({ length: 32 }, (_, index) => index + version);
      await devnet.setDepositDataRoot(root, vault);
      expect(await fetchDepositDataRoot(node, vault, devnet.addresses)).toEqual(root);
      const index = await (version === 1
        ? fetchValidatorIndex(node, vault)
        : fetchRegisteredIndex(node, devnet.addresses.depositDataRegistry, vault));
      expect(index).toBe(0);
    },
  );

  it.each([
    [1, 'the vault itself', undefined, true],
    [2, 'the registry, as nobody else is named', undefined, true],
    [4, 'the registry, by name', 'registry', true],
    [5, 'the registry, by name', 'registry', true],
    [3, 'somebody else', 'other', false],
    [5, 'nobody', undefined, false],
  ] as const)(
    'fetchDepositDataPlace of a vault of version %i whose validators come from %s',
    async (version, _, manager, isOrdered) => {
      const vault = await devnet.createVault(version);
      const { depositDataRegistry } = devnet.addresses;
      const address = manager === 'registry' ? depositDataRegistry : devnet.protocol.owner.address;
      if (manager !== undefined) await devnet.setValidatorsManager(address, vault);
      const root = new Uint8Array(32).fill(version);
      await devnet.setDepositDataRoot(root, vault);
      expect(await fetchDepositDataPlace(node, vault, devnet.addresses)).toEqual(
        isOrdered ? { root, index: 0 } : null,
      );
    },
  );

  it('fetchDepositDataRoot refuses a vault of an unknown version and names the version', async () => {
    const vault = await devnet.createVault(6);
    await expect(fetchDepositDataRoot(node, vault, devnet.addresses)).rejects.toMatchObject({
      code: 'unsupported-vault-version',
      message: `The vault ${vault} has version 6; versions 1 to 5 are supported.`,
    });
  });

  it('fetchDepositDataRoot refuses an account, and a contract that is no vault', async () => {
    const account = devnet.protocol.owner.address;
    await expect(fetchDepositDataRoot(node, account, devnet.addresses)).rejects.toMatchObject({
      code: 'contract-not-found',
      message: `There is no vault contract at ${account} on chain 31337 (${devnet.rpcUrl}).`,
    });
    const { keeper } = devnet.addresses;
    await expect(fetchDepositDataRoot(node, keeper, devnet.addresses)).rejects.toMatchObject({
      code: 'vault-not-registered',
      message: `${keeper} is not a vault of the registry ${devnet.addresses.vaultsRegistry} on chain 31337.`,
    });
  });

  it('fetchDepositDataRoot fails where a contract of the network is absent or another one', async () => {
    const vault = await devnet.createVault(5);
    const { vaultsRegistry } = devnet.addresses;
    await expect(fetchDepositDataRoot(node, vault, { vaultsRegistry })).rejects.toMatchObject({
      code: 'no-deposit-data-registry',
    });
    const swapped = { vaultsRegistry: devnet.addresses.keeper };
    await expect(fetchDepositDataRoot(node, vault, swapped)).rejects.toMatchObject({
      code: 'contract-call-failed',
    });
    const absent = { vaultsRegistry: devnet.protocol.owner.address };
    await expect(fetchDepositDataRoot(node, vault, absent)).rejects.toMatchObject({
      code: 'contract-not-found',
      message: expect.stringContaining('There is no vaults registry contract at'),
    });
  });

  it('fetchVaultId and fetchVaultAdmin tell the kind and the admin of a vault', async () => {
    const { vault } = devnet.addresses;
    expect(await fetchVaultId(node, vault)).toEqual(keccak_256(new TextEncoder().encode('EthVault')));
    expect(await fetchVaultAdmin(node, vault)).toBe(devnet.protocol.owner.address);
  });
});

describe('the keeper', () => {
  it('fetchValidatorsMinOracles tells how many approvals the keeper asks for', async () => {
    expect(await fetchValidatorsMinOracles(node, devnet.addresses.keeper)).toBe(3);
  });
});
