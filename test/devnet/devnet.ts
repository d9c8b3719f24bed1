import { AbiCoder } from 'ethers/abi';
import { id } from 'ethers/hash';
import { type Anvil, startAnvil } from './anvil.ts';
import { compileContracts } from './compile.ts';
import { type IpfsGateway, startIpfsGateway } from './ipfs-gateway.ts';
import { type NetworkFacts, writeNetworkFile } from './network-file.ts';
import { createOracleKey, describeOracleSet, type OracleKey, type OracleSet } from './oracle-set.ts';
import { deployProtocol, type Protocol, type ProtocolAddresses } from './protocol.ts';

export interface DevnetOptions {
  /** 1: root and index in the vault; 2 to 5: validators manager. Another number makes a vault nobody supports. */
  readonly vaultVersion?: number;
  readonly oracles?: number;
  readonly threshold?: number;
  /** Seconds between blocks; without it a block is mined for every transaction. */
  readonly blockTime?: number;
  readonly chainId?: number;
  readonly name?: string;
  readonly rpcPort?: number;
  readonly ipfsPort?: number;
}

export interface Devnet extends AsyncDisposable {
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly name: string;
  readonly addresses: ProtocolAddresses & { readonly vault: string };
  readonly ipfs: IpfsGateway;
  readonly protocol: Protocol;
  /** The set that the keeper names, with its secret keys. */
  readonly oracleSet: OracleSet;
  /** Writes the file for `--network`. */
  writeNetworkFile(path: string): Promise<void>;
  /** Another vault of the same protocol. */
  createVault(version: number): Promise<string>;
  /** Makes a deposit data root current, as its manager would: in the vault for version 1, else in the registry. */
  setDepositDataRoot(root: string | Uint8Array, vault?: string): Promise<void>;
  /** Makes the vault's log say that it has registered validators, without oracles, deposits and a tree. */
  emitRegistrations(publicKeys: readonly Uint8Array[], vault?: string): Promise<void>;
  /** Another number of oracles, another threshold; the first ones stay, unless all are replaced. */
  updateOracles(change: {
    readonly count: number;
    readonly threshold: number;
    readonly replace?: boolean;
  }): Promise<OracleSet>;
  /** Makes the keeper point at a document of any content; returns its CID. */
  publishOracleConfig(document: string | Uint8Array | Record<string, unknown>): Promise<string>;
  /** Makes the keeper point at anything. */
  publishConfigHash(configIpfsHash: string): Promise<void>;
  mine(blocks: number): Promise<void>;
  stop(): Promise<void>;
}

/** A contract that logs what it is called with: the first word as the topic, the rest as the data. */
const LOG_CALLDATA = '0x366000600037600051602036036020a100';

/** Starts a chain with the protocol, a vault, an oracle set and its configuration in IPFS, all on loopback. */
export async function startDevnet(options: DevnetOptions = {}): Promise<Devnet> {
  const {
    chainId = 31_337,
    name = 'devnet',
    vaultVersion = 1,
    oracles = 4,
    threshold = 3,
    blockTime,
  } = options;
  await using resources = new AsyncDisposableStack();
  const slotsPerEpoch = 32;
  const [artifacts, anvil, ipfs] = await Promise.all([
    compileContracts(),
    startAnvil({
      chainId,
      slotsPerEpoch,
      ...(options.rpcPort === undefined ? {} : { port: options.rpcPort }),
    }),
    startIpfsGateway(options.ipfsPort === undefined ? {} : { port: options.ipfsPort }),
  ]);
  resources.use(anvil);
  resources.use(ipfs);
  const protocol = await deployProtocol(anvil.rpcUrl, artifacts);
  resources.defer(() => protocol.provider.destroy());
  const vault = await protocol.createVault(vaultVersion);
  const genesis = await protocol.provider.getBlock(0);
  const facts: NetworkFacts = {
    name,
    chainId,
    slotsPerEpoch,
    secondsPerSlot: blockTime ?? 1,
    genesisTimestamp: genesis?.timestamp ?? 0,
    contracts: protocol.addresses,
    ipfsGateways: [ipfs.url],
  };
  const devnet = new RunningDevnet({ anvil, ipfs, protocol, facts, vault, vaultVersion });
  await devnet.updateOracles({ count: oracles, threshold });
  if (blockTime !== undefined) await protocol.provider.send('evm_setIntervalMining', [blockTime]);
  devnet.own(resources.move());
  return devnet;
}

interface Parts {
  readonly anvil: Anvil;
  readonly ipfs: IpfsGateway;
  readonly protocol: Protocol;
  readonly facts: NetworkFacts;
  readonly vault: string;
  readonly vaultVersion: number;
}

class RunningDevnet implements Devnet {
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly name: string;
  readonly addresses: ProtocolAddresses & { readonly vault: string };
  readonly ipfs: IpfsGateway;
  readonly protocol: Protocol;
  readonly #facts: NetworkFacts;
  readonly #vaultVersions = new Map<string, number>();
  #oracles: readonly OracleKey[] = [];
  #oracleSet: OracleSet | undefined;
  #resources: AsyncDisposableStack | undefined;

  constructor({ anvil, ipfs, protocol, facts, vault, vaultVersion }: Parts) {
    this.rpcUrl = anvil.rpcUrl;
    this.chainId = facts.chainId;
    this.name = facts.name;
    this.addresses = { ...protocol.addresses, vault };
    this.ipfs = ipfs;
    this.protocol = protocol;
    this.#facts = facts;
    this.#vaultVersions.set(vault, vaultVersion);
  }

  own(resources: AsyncDisposableStack): void {
    this.#resources = resources;
  }

  get oracleSet(): OracleSet {
    if (this.#oracleSet === undefined) throw new Error('no oracle set yet');
    return this.#oracleSet;
  }

  async writeNetworkFile(path: string): Promise<void> {
    await writeNetworkFile(path, this.#facts);
  }

  async createVault(version: number): Promise<string> {
    const vault = await this.protocol.createVault(version);
    this.#vaultVersions.set(vault, version);
    return vault;
  }

  async setDepositDataRoot(root: string | Uint8Array, vault = this.addresses.vault): Promise<void> {
    const { protocol, addresses } = this;
    if (this.#vaultVersions.get(vault) === 1) {
      await protocol.send(protocol.at('VaultV1', vault), 'setValidatorsRoot', root);
    } else {
      const registry = protocol.at('DepositDataRegistry', addresses.depositDataRegistry);
      await protocol.send(registry, 'setDepositDataRoot', vault, root);
    }
  }

  async emitRegistrations(publicKeys: readonly Uint8Array[], vault = this.addresses.vault): Promise<void> {
    const { provider, owner } = this.protocol;
    const code = await provider.getCode(vault);
    const topic = id('ValidatorRegistered(bytes)');
    await provider.send('anvil_setCode', [vault, LOG_CALLDATA]);
    for (const publicKey of publicKeys) {
      const event = AbiCoder.defaultAbiCoder().encode(['bytes'], [publicKey]);
      const response = await owner.sendTransaction({ to: vault, data: topic + event.slice(2) });
      await response.wait();
    }
    await provider.send('anvil_setCode', [vault, code]);
  }

  async updateOracles(change: { count: number; threshold: number; replace?: boolean }): Promise<OracleSet> {
    const before = this.#oracles;
    const kept = change.replace === true ? [] : before.slice(0, change.count);
    const added = Array.from({ length: change.count - kept.length }, (_, i) =>
      createOracleKey(kept.length + i),
    );
    this.#oracles = [...kept, ...added];
    const { protocol } = this;
    const keeper = protocol.at('Keeper', this.addresses.keeper);
    for (const { address } of added) await protocol.send(keeper, 'addOracle', address);
    for (const { address } of before.filter(oracle => !this.#oracles.includes(oracle))) {
      await protocol.send(keeper, 'removeOracle', address);
    }
    await protocol.send(keeper, 'setValidatorsMinOracles', change.threshold);
    await protocol.send(keeper, 'setRewardsMinOracles', change.threshold);
    const configIpfsHash = await this.publishOracleConfig(describeOracleSet(this.#oracles, change.threshold));
    this.#oracleSet = { oracles: this.#oracles, threshold: change.threshold, configIpfsHash };
    return this.#oracleSet;
  }

  async publishOracleConfig(document: string | Uint8Array | Record<string, unknown>): Promise<string> {
    const isText = typeof document === 'string' || document instanceof Uint8Array;
    const hash = await this.ipfs.add(isText ? document : JSON.stringify(document));
    await this.publishConfigHash(hash);
    return hash;
  }

  async publishConfigHash(configIpfsHash: string): Promise<void> {
    const keeper = this.protocol.at('Keeper', this.addresses.keeper);
    await this.protocol.send(keeper, 'updateConfig', configIpfsHash);
  }

  async mine(blocks: number): Promise<void> {
    await this.protocol.provider.send('anvil_mine', [`0x${blocks.toString(16)}`]);
  }

  async stop(): Promise<void> {
    await this.#resources?.disposeAsync();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
