import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BeaconNode, connectBeaconNode } from '../../../src/clients/beacon/beacon-node.ts';
import { fetchValidatorsMinOracles } from '../../../src/clients/execution/contracts/keeper.ts';
import {
  fetchCanHarvest,
  fetchExitSignaturesNonce,
  fetchMevEscrow,
} from '../../../src/clients/execution/contracts/vault-views.ts';
import { connectExecutionNode, type ExecutionNode } from '../../../src/clients/execution/execution-node.ts';
import { openSignerClient, type SignerClient } from '../../../src/clients/signer/signer-client.ts';
import { publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { fromHex, type Hex, toHex } from '../../../src/lib/bytes.ts';
import type { Network } from '../../../src/networks/network.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import {
  type RotateExitSignaturesOptions,
  rotateExitSignatures,
} from '../../../src/services/exits/rotation/rotate-exit-signatures.ts';
import { fetchOracleSet } from '../../../src/services/oracles/fetch-oracle-set.ts';
import { harvestVault } from '../../../src/services/staking/harvest/harvest-vault.ts';
import type { TransactionIntent, TransactionOutcome } from '../../../src/transactions/transaction.ts';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';
import { type Keymanager, startKeymanager } from '../../devnet/keymanager.ts';
import { mined } from '../../devnet/mined.ts';
import { BEACON_CHAIN } from '../../devnet/network-file.ts';
import { testSecretKey } from '../../support/scenes/signing-fixtures.ts';

const COUNT = 5;
const SLOTS_PER_EPOCH = 2;
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined };
const signal = new AbortController().signal;

let devnet: Devnet;
let node: ExecutionNode;
let beacon: BeaconNode;
let keys: Keymanager;
let signer: SignerClient;
let network: Network;
let ipfs: { gateways: readonly string[]; timeoutMs: number };
const resources = new AsyncDisposableStack();

beforeAll(async () => {
  devnet = resources.use(
    await startDevnet({
      oracles: 4,
      threshold: 3,
      slotsPerEpoch: SLOTS_PER_EPOCH,
      oracleServers: { replicas: 2, path: '/oracle' },
    }),
  );
  const directory = await mkdtemp(join(tmpdir(), 'rotation-'));
  resources.defer(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'network.json');
  await devnet.writeNetworkFile(file);
  network = resolveNetwork(file);
  ipfs = { gateways: network.ipfsGateways, timeoutMs: 3_000 };
  node = resources.use(
    await connectExecutionNode(
      {},
      { endpoints: [devnet.rpcUrl], chainId: network.chainId, timeoutMs: 5_000, retryTimeoutMs: 0 },
    ),
  );
  const devnetBeacon = resources.use(await devnet.startBeaconNode());
  beacon = await connectBeaconNode(
    {},
    { ...network, endpoints: [devnetBeacon.url], timeoutMs: 5_000, retryTimeoutMs: 0 },
  );
  keys = resources.use(await startKeymanager(BEACON_CHAIN));
  signer = resources.use(openSignerClient({ urls: [keys.url], timeoutMs: 5_000 }));
  const secretKeys = Array.from({ length: COUNT }, (_, i) => testSecretKey(i + 1));
  const publicKeys = secretKeys.map(publicKeyOf);
  for (const [i, secretKey] of secretKeys.entries()) {
    keys.addKey(toHex(publicKeys[i] ?? new Uint8Array()), { secretKey, path: '', isReadOnly: false });
  }
  await devnet.registerDirectly(publicKeys.map(publicKey => ({ publicKey })));
});
afterAll(() => resources.disposeAsync());

/** Sends at once, from an account of the chain; what the contract refuses is an error. */
const outbox = {
  async send({ to, data }: TransactionIntent): Promise<TransactionOutcome> {
    const response = await devnet.protocol.owner.sendTransaction({ to, data });
    const { blockNumber } = await mined(devnet.protocol.provider, response);
    return { status: 'confirmed', hash: response.hash as Hex, blockNumber };
  },
};

async function rotate(changes: Partial<RotateExitSignaturesOptions> = {}) {
  const { config } = await fetchOracleSet(
    { node, voters: [node], http: {}, warn: () => undefined, error: () => undefined },
    { contracts: network.contracts, ipfs },
  );
  const { vault } = devnet.addresses;
  const { keeper } = network.contracts;
  const fetchNonce = () => fetchExitSignaturesNonce(node, keeper, vault);
  return rotateExitSignatures(
    {
      http: {},
      beacon,
      signer,
      outbox,
      fetchNonce,
      readKeeper: async () => ({ configIpfsHash: 'QmNow', nonce: await fetchNonce() }),
      warned: new Set(),
      now: Date.now,
      log: log as never,
      fetchFinalizedBlock: async () => (await node.getBlock('finalized'))?.number ?? 0,
    },
    {
      vault,
      network,
      isCollateralized: true,
      lastUpdateBlock: null,
      nonce: await fetchNonce(),
      configIpfsHash: 'QmNow',
      oracles: { ...config, validatorsExitRotationBatchLimit: 2 },
      threshold: await fetchValidatorsMinOracles(node, keeper),
      exitShards: { mode: 'auto', config: undefined },
      oracleTimeoutMs: 45_000,
      signal,
      ...changes,
    },
  );
}

describe('on a chain with its oracles', () => {
  it('exit signatures are rotated for another oracle set, in batches that the keeper and all oracles take', async () => {
    expect(await rotate()).toMatchObject({ status: 'up-to-date', outdated: 0 });
    await devnet.updateOracles({ count: 6, threshold: 4 });
    // What two oracles do must not matter: four are enough.
    Object.assign(devnet.oracles.servers[1]?.faults ?? {}, { lies: 'signature' });
    Object.assign(devnet.oracles.servers[4]?.faults ?? {}, { silent: true });
    expect(await rotate()).toMatchObject({
      status: 'rotated',
      outdated: 0,
      skipped: [],
      rotated: [0n, 1n, 2n, 3n, 4n],
    });
    const nonce = await fetchExitSignaturesNonce(node, network.contracts.keeper, devnet.addresses.vault);
    expect(nonce).toBe(3n);
    const refused = devnet.oracles.decisions.filter(({ status }) => status !== 200);
    expect(refused).toEqual([]);
  });

  it('rotateExitSignatures waits until the last update is final before it asks the oracles again', async () => {
    const lastUpdateBlock = await node.getBlockNumber();
    expect(await rotate({ lastUpdateBlock })).toMatchObject({ status: 'waiting' });
    await devnet.mine(3 * SLOTS_PER_EPOCH);
    expect(await rotate({ lastUpdateBlock })).toMatchObject({ status: 'up-to-date', outdated: 0 });
  });

  it.each([false, true])(
    'harvestVault harvests the rewards of a vault on a chain (own MEV escrow: %s)',
    async hasOwnMevEscrow => {
      const vault = hasOwnMevEscrow
        ? await devnet.createVault(1, { hasOwnMevEscrow })
        : devnet.addresses.vault;
      if (hasOwnMevEscrow)
        await devnet.registerDirectly([{ publicKey: publicKeyOf(testSecretKey(50)) }], vault);
      const earned = { consensusWei: 10n ** 18n + 1n, unlockedMevWei: 10n ** 17n + 3n, lockedMevWei: 7n };
      const { rewardsRoot, rewardsIpfsHash } = await devnet.distributeRewards([{ vault, ...earned }]);
      const { keeper, sharedMevEscrow } = network.contracts;
      const escrow = await fetchMevEscrow(node, vault);
      expect(escrow !== sharedMevEscrow).toBe(hasOwnMevEscrow);
      const fetchCan = () => fetchCanHarvest(node, keeper, vault);
      const harvest = async () =>
        harvestVault(
          { http: {}, outbox, fetchCanHarvest: fetchCan, log: log as never },
          {
            vault,
            ipfs,
            signal,
            canHarvest: await fetchCan(),
            rewards: { root: fromHex(rewardsRoot, 32), ipfsHash: rewardsIpfsHash },
            rules: { hasOwnMevEscrow: escrow !== sharedMevEscrow, currency: network.currency },
          },
        );
      expect(await harvest()).toMatchObject({ status: 'harvested' });
      expect(await harvest()).toEqual({ status: 'nothing-to-harvest' });
    },
  );
});
