import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Wallet } from 'ethers/wallet';
import { createChainReader } from '../../../src/clients/execution/chain-snapshot.ts';
import { fetchVaultId } from '../../../src/clients/execution/contracts/vault.ts';
import { connectExecutionNode, type ExecutionNode } from '../../../src/clients/execution/execution-node.ts';
import { fetchIpfsDocument } from '../../../src/clients/ipfs/ipfs.ts';
import { openSignerClient } from '../../../src/clients/signer/signer-client.ts';
import type { WalletSigner } from '../../../src/clients/signer/wallet-signer.ts';
import { openDatabase } from '../../../src/db/database.ts';
import type { DepositDataEntry } from '../../../src/domain/consensus/deposit-data.ts';
import { publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { splitSecretKey } from '../../../src/domain/keys/key-share.ts';
import { createDepositData } from '../../../src/domain/keys/signed-deposit.ts';
import { buildDepositTree } from '../../../src/domain/protocol/deposit-tree.ts';
import { type OracleConfig, oracleSetHash } from '../../../src/domain/protocol/oracle-config.ts';
import { parseOracleConfig } from '../../../src/domain/protocol/oracle-document.ts';
import { fromHex, toHex } from '../../../src/lib/bytes.ts';
import { WEI_PER_GWEI } from '../../../src/lib/units.ts';
import type { Network } from '../../../src/networks/network.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import { fetchHarvestParams } from '../../../src/services/staking/harvest/fetch-harvest-params.ts';
import { chooseRegistrationMode } from '../../../src/services/staking/registration/choose-registration-mode.ts';
import {
  type RegisterValidatorsDeps,
  type RegisterValidatorsOptions,
  type RegistrationOutcome,
  ValidatorRegistrar,
} from '../../../src/services/staking/registration/register-validators.ts';
import { holdLease } from '../../../src/transactions/lease.ts';
import { createOutbox, type Outbox } from '../../../src/transactions/outbox.ts';
import { type Devnet, type DevnetOptions, startDevnet } from '../../devnet/devnet.ts';
import { type Keymanager, startKeymanager } from '../../devnet/keymanager.ts';
import { createTestDatabase } from '../postgres/postgres.ts';
import { countDeposits } from './chain-deposits.ts';
import { localSigner, type OutboxPlace } from './outbox-scene.ts';

/** A validator of a test, whose deposit is signed. */
interface SceneValidator {
  readonly secretKey: Uint8Array;
  readonly entry: DepositDataEntry;
}

export interface SceneVault {
  readonly address: string;
  readonly version: number;
  readonly validators: readonly SceneValidator[];
}

interface OpenedRegistrar {
  readonly registrar: ValidatorRegistrar;
  /** One pass. */
  run(): Promise<RegistrationOutcome>;
  /** What was logged. */
  readonly lines: string[];
}

/** A devnet with oracles, a signer, a wallet and a database: all that registration needs. */
export interface RegistrationScene extends AsyncDisposable {
  readonly devnet: Devnet;
  readonly network: Network;
  readonly node: ExecutionNode;
  readonly signer: Keymanager;
  readonly wallet: WalletSigner;
  /** What an operator with this wallet and database is started at, for a vault. */
  placeOf(vault: string): OutboxPlace;
  /** A vault whose validators' keys are in the signer, with so much ether, and its authority set. */
  createVault(
    version: number,
    options?: { validators?: number; ether?: number; manager?: 'wallet' | 'registry' | 'none' },
  ): Promise<SceneVault>;
  openRegistrar(
    vault: SceneVault,
    changes?: {
      readonly deps?: Partial<RegisterValidatorsDeps>;
      readonly options?: Partial<RegisterValidatorsOptions>;
    },
  ): Promise<OpenedRegistrar>;
  fetchOracleConfig(configIpfsHash: string): Promise<OracleConfig>;
  /** Puts key shares of the current oracle set into the signer, and tells of them. */
  shareKeys(vault: SceneVault): RegisterValidatorsOptions['exitShards'];
}

/** Starts everything; blocks are mined on demand unless the options say otherwise. */
export async function startRegistrationScene(options: DevnetOptions = {}): Promise<RegistrationScene> {
  await using stack = new AsyncDisposableStack();
  const devnet = stack.use(await startDevnet({ oracleServers: {}, ...options }));
  const network = await readNetwork(devnet);
  const endpoints = { endpoints: [devnet.rpcUrl], chainId: devnet.chainId };
  const node = stack.use(
    await connectExecutionNode({}, { ...endpoints, timeoutMs: 10_000, retryTimeoutMs: 0 }),
  );
  const signer = stack.use(await startKeymanager(network));
  const client = stack.use(openSignerClient({ urls: [signer.url], timeoutMs: 10_000 }));
  const clone = stack.use(await createTestDatabase());
  const database = stack.use(await openDatabase({ url: clone.url }));
  const ipfs = { gateways: network.ipfsGateways, timeoutMs: 5_000 };
  const { privateKey: secretKey } = Wallet.createRandom();
  const wallet = localSigner(secretKey);
  await devnet.setBalance(wallet.address, 10n ** 20n);
  const leases = stack.use(new AsyncDisposableStack());
  let keys = 0;

  const outboxes = new Map<string, Promise<Outbox>>();

  const openOutbox = async (vault: string): Promise<Outbox> => {
    const log = { info: () => undefined, warn: () => undefined };
    const lease = await holdLease({ database, log }, { chainId: devnet.chainId, vault, holder: 'test' });
    leases.use(lease);
    const maxFeePerGasWei = 100n * WEI_PER_GWEI;
    return createOutbox(
      { database, node, signer: wallet, lease, log },
      { chainId: devnet.chainId, vault, maxFeePerGasWei, pollMs: 100 },
    );
  };

  /** One for all registrars of a vault: a second one would wait for the lease. */
  const outboxOf = (vault: string): Promise<Outbox> => {
    const outbox = outboxes.get(vault) ?? openOutbox(vault);
    outboxes.set(vault, outbox);
    return outbox;
  };

  const scene: Omit<RegistrationScene, typeof Symbol.asyncDispose> = {
    devnet,
    network,
    node,
    signer,
    wallet,
    placeOf: vault => ({
      vault,
      secretKey,
      databaseUrl: clone.url,
      rpcUrl: devnet.rpcUrl,
      chainId: devnet.chainId,
    }),
    async createVault(version, { validators = 3, ether = 0, manager = 'wallet' } = {}) {
      const address = await devnet.createVault(version);
      const made = Array.from({ length: validators }, () => createValidator(address, network, ++keys));
      for (const { secretKey, entry } of made) loadKey(signer, secretKey, entry.publicKey);
      if (version > 1 && manager === 'wallet') await devnet.setValidatorsManager(wallet.address, address);
      // Earlier versions have it where nobody has named another.
      if (version === 5 && manager === 'registry') {
        await devnet.setValidatorsManager(devnet.addresses.depositDataRegistry, address);
      }
      if (version === 1 || manager === 'registry') {
        const { root } = buildDepositTree(
          made.map(({ entry }) => entry),
          fromHex(address, 20),
        );
        await devnet.setDepositDataRoot(root, address);
      }
      if (ether > 0) await devnet.depositEther(ether, address);
      return { address, version, validators: made };
    },
    async openRegistrar({ address: vault, version: vaultVersion, validators }, changes = {}) {
      const chain = createChainReader(node, {
        contracts: network.contracts,
        vault,
        vaultVersion,
        wallet: wallet.address,
        maxAgeMs: 0,
      });
      const { vault: state } = await chain.readSnapshot();
      const source = { name: 'deposit_data.json', read: async () => validators.map(({ entry }) => entry) };
      const mode = chooseRegistrationMode(
        { source, wallet, now: Date.now },
        {
          vault,
          vaultVersion,
          network,
          validatorsManager: state.validatorsManager,
          vaultId: await fetchVaultId(node, vault),
        },
      );
      const lines: string[] = [];
      const registrar = new ValidatorRegistrar(
        {
          mode,
          chain,
          node,
          signer: client,
          http: {},
          now: Date.now,
          outbox: changes.deps?.outbox ?? (await outboxOf(vault)),
          networkValidators: countDeposits(devnet),
          fetchOracleConfig: scene.fetchOracleConfig,
          fetchHarvest: ({ events }) =>
            fetchHarvestParams(
              { http: {} },
              {
                vault,
                rewards: events.rewards,
                ipfs,
                rules: { hasOwnMevEscrow: false, currency: 'ETH' },
              },
            ),
          log: collectLines(lines),
          ...changes.deps,
        },
        {
          vault,
          vaultVersion,
          network,
          maxFeePerGasGwei: 100n,
          oraclesTimeoutMs: 45_000,
          exitShards: { mode: 'split', config: undefined },
          ...changes.options,
        },
      );
      return { registrar, lines, run: () => registrar.run(new AbortController().signal) };
    },
    fetchOracleConfig: async hash => parseOracleConfig(await fetchIpfsDocument({}, hash, ipfs)),
    shareKeys({ validators }) {
      const { oracles, threshold, configIpfsHash } = devnet.oracleSet;
      const shared = validators.map(({ secretKey, entry }) => {
        const shares = splitSecretKey(secretKey, { threshold, count: oracles.length });
        for (const share of shares) loadKey(signer, share, publicKeyOf(share));
        return { publicKey: entry.publicKey, shares: shares.map(publicKeyOf) };
      });
      const configHash = oracleSetHash({ oracles, exitSignatureRecoverThreshold: threshold });
      return {
        mode: 'key-shares',
        config: { validators: shared, oracleSet: { configHash, ipfsHash: configIpfsHash, threshold } },
      };
    },
  };
  const resources = stack.move();
  return { ...scene, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

async function readNetwork(devnet: Devnet): Promise<Network> {
  const directory = await mkdtemp(join(tmpdir(), 'stakewise-registration-'));
  try {
    await devnet.writeNetworkFile(join(directory, 'network.json'));
    return resolveNetwork(join(directory, 'network.json'));
  } finally {
    await rm(directory, { recursive: true });
  }
}

function createValidator(vault: string, network: Network, number: number): SceneValidator {
  const secretKey = new Uint8Array(32);
  new DataView(secretKey.buffer).setUint32(20, number + 1000);
  return { secretKey, entry: createDepositData({ secretKey, vault: fromHex(vault, 20), network }) };
}

function loadKey(signer: Keymanager, secretKey: Uint8Array, publicKey: Uint8Array): void {
  signer.addKey(toHex(publicKey), { secretKey, path: '', isReadOnly: false });
}

function collectLines(lines: string[]): RegisterValidatorsDeps['log'] {
  const write = (first: unknown, message?: unknown) =>
    void lines.push(String(typeof first === 'string' ? first : message));
  return { debug: () => undefined, info: write, warn: write };
}
