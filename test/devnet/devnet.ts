import { AbiCoder } from 'ethers/abi';
import { ZeroAddress } from 'ethers/constants';
import { id } from 'ethers/hash';
import { parseEther, toQuantity } from 'ethers/utils';
import { type Anvil, startAnvil } from './anvil.ts';
import { type BeaconNode, startBeaconNode } from './beacon-node.ts';
import { compileContracts } from './compile.ts';
import { type Deposit, depositDataRoot } from './deposit-data.ts';
import { createDepositLog, type DepositLog } from './deposit-log.ts';
import { type DirectValidator, registerDirectly } from './direct-registration.ts';
import { type ElectraChain, followElectra } from './electra-chain.ts';
import { type ElectraNode, startElectraNode } from './electra-node.ts';
import type { ElectraOptions } from './electra-state.ts';
import { hex } from './exit-signature.ts';
import { type IpfsGateway, startIpfsGateway } from './ipfs-gateway.ts';
import { mined } from './mined.ts';
import { BEACON_CHAIN, type NetworkFacts, writeNetworkFile } from './network-file.ts';
import {
  createOracleKey,
  describeOracleSet,
  type OracleKey,
  type OracleSet,
  SIGNATURE_VALIDITY_PERIOD,
} from './oracle-set.ts';
import { createOracles, type Oracles, type OraclesOptions } from './oracles.ts';
import {
  deployProtocol,
  type ElectraAddresses,
  type Protocol,
  type ProtocolAddresses,
  REQUEST_QUEUES,
} from './protocol.ts';
import type { QueueName } from './request-queues.ts';
import { type Distribution, distributeRewards, type EarnedRewards, type TotalRewards } from './rewards.ts';
import { readVaultLog, type VaultLog } from './vault-log.ts';
import { type CompoundingValidator, registerCompounding } from './vault-registration.ts';

export interface DevnetOptions {
  /** 1: root and index in the vault; 2 to 5: validators manager. Another number makes a vault nobody supports. */
  readonly vaultVersion?: number;
  readonly oracles?: number;
  readonly threshold?: number;
  /** Seconds between blocks; without it a block is mined for every transaction. */
  readonly blockTime?: number;
  /** `finalized` is two epochs behind the head; 32 by default. */
  readonly slotsPerEpoch?: number;
  /** Starts an HTTP server for every oracle; without it nobody listens at their endpoints. */
  readonly oracleServers?: OraclesOptions;
  /** Gives the vault a MEV escrow of its own. */
  readonly hasOwnMevEscrow?: boolean;
  /** Adds request queues, checker and redeemer, names them in the network file, and gives `startElectraNode` its chain. */
  readonly electra?: boolean | ElectraOptions;
  readonly chainId?: number;
  /** Deposits are signed for it; 4 bytes, {@link BEACON_CHAIN}'s by default. */
  readonly genesisForkVersion?: Uint8Array;
  readonly name?: string;
  readonly rpcPort?: number;
  readonly ipfsPort?: number;
}

export interface Devnet extends AsyncDisposable {
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly name: string;
  readonly addresses: ProtocolAddresses & { readonly vault: string };
  /** The addresses that a devnet with `electra` has beyond the others. */
  readonly electraAddresses: ElectraAddresses;
  readonly ipfs: IpfsGateway;
  readonly protocol: Protocol;
  /** The set that the keeper names, with its secret keys. */
  readonly oracleSet: OracleSet;
  /** The oracles' servers with the switches of their faults. */
  readonly oracles: Oracles;
  /** The chain's validators by its deposits. */
  readonly deposits: DepositLog;
  /** Writes the file for `--network`, with some members changed. */
  writeNetworkFile(path: string, changes?: Readonly<Record<string, unknown>>): Promise<void>;
  /** Another vault of the same protocol. */
  createVault(version: number, options?: { readonly hasOwnMevEscrow?: boolean }): Promise<string>;
  /** Puts a vault of version 1 at an address that somebody has chosen. */
  placeVault(address: string): Promise<void>;
  /** Somebody deposits so much ether in the vault. */
  depositEther(ether: number, vault?: string): Promise<void>;
  /** Gives an account so much ether, whatever it had: a hot wallet, or a vault whose validators' rewards arrive. */
  setBalance(address: string, wei: bigint): Promise<void>;
  setValidatorsManager(manager: string, vault?: string): Promise<void>;
  /** Oracles publish what vaults earned since the last time; the shared escrow gets the unlocked MEV. */
  distributeRewards(earned?: readonly EarnedRewards[]): Promise<Distribution>;
  /** Whether the vault has been approved validators, may be harvested, and must be before it registers. */
  readHarvestState(
    vault?: string,
  ): Promise<{ isCollateralized: boolean; canHarvest: boolean; isHarvestRequired: boolean }>;
  /** What has happened to the vault so far. */
  readVaultLog(vault?: string): Promise<VaultLog>;
  /**
   * Makes these validators of the vault without the vault and its oracles, also by the hundred; the exits are taken to be
   * with the current oracle set.
   */
  registerDirectly(validators: readonly DirectValidator[], vault?: string): Promise<void>;
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
  /** A beacon node whose validators are those of the chain's deposits. */
  startBeaconNode(options?: { readonly port?: number }): Promise<BeaconNode>;
  /** A beacon node with Electra's rules over this chain: of a devnet with `electra`. All of them are of one beacon chain. */
  startElectraNode(options?: { readonly port?: number }): Promise<ElectraNode>;
  /** The beacon chain of these nodes. */
  readonly beacon: ElectraChain;
  /** Goes on to the beginning of the epoch that is so many after this one, and mines a block there. */
  passEpochs(epochs: number): Promise<void>;
  /** Registers validators with 0x02 credentials in a vault of version 5 as its manager would, with the keeper's approval. */
  registerCompounding(validators: readonly CompoundingValidator[], vault?: string): Promise<void>;
  /** Somebody deposits for a key, of whomever it is. */
  depositForKey(deposit: Deposit): Promise<void>;
  /** Somebody sends requests of their own to one of the request queues, all in one block, and pays for them. */
  sendRequests(queue: QueueName, requests: readonly Uint8Array[]): Promise<void>;
  /** Makes the keeper point at anything. */
  publishConfigHash(configIpfsHash: string): Promise<void>;
  mine(blocks: number): Promise<void>;
  /** Lets the clock of the chain go on at once, and mines a block. */
  passSeconds(seconds: number): Promise<void>;
  /** The base fee of the next block; later ones move as EIP-1559 has it. */
  setBaseFee(gwei: number): Promise<void>;
  /**
   * Replaces the last blocks with empty ones: what was in them has not happened, and is not pending either, unless it is
   * sent again.
   */
  reorganise(blocks: number, options?: { readonly resends?: boolean }): Promise<void>;
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
    genesisForkVersion = BEACON_CHAIN.genesisForkVersion,
  } = options;
  await using resources = new AsyncDisposableStack();
  const { slotsPerEpoch = 32, hasOwnMevEscrow = false } = options;
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
  const rules = options.electra === true ? {} : (options.electra ?? false);
  const electra = rules === false ? undefined : await protocol.addElectra();
  const vault = await protocol.createVault(vaultVersion, { hasOwnMevEscrow });
  const genesis = await protocol.provider.getBlock(0);
  const facts: NetworkFacts = {
    name,
    chainId,
    slotsPerEpoch,
    secondsPerSlot: blockTime ?? 1,
    genesisTimestamp: genesis?.timestamp ?? 0,
    contracts: protocol.addresses,
    ...(electra === undefined ? {} : { electra: electra.addresses }),
    ipfsGateways: [ipfs.url],
    genesisForkVersion,
  };
  const devnet = new RunningDevnet({
    anvil,
    ipfs,
    protocol,
    facts,
    vault,
    vaultVersion,
    hasOwnMevEscrow,
    ...(options.oracleServers === undefined ? {} : { oracleServers: options.oracleServers }),
  });
  resources.defer(() => devnet.stopOracles());
  await devnet.updateOracles({ count: oracles, threshold });
  if (rules !== false) await devnet.beginBeaconChain(rules);
  if (blockTime !== undefined) {
    await protocol.provider.send('evm_setIntervalMining', [blockTime]);
    protocol.pace.isPaced = true;
  }
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
  readonly hasOwnMevEscrow: boolean;
  readonly oracleServers?: OraclesOptions;
}

class RunningDevnet implements Devnet {
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly name: string;
  readonly addresses: ProtocolAddresses & { readonly vault: string };
  readonly ipfs: IpfsGateway;
  readonly protocol: Protocol;
  readonly deposits: DepositLog;
  readonly #facts: NetworkFacts;
  readonly #vaultVersions = new Map<string, number>();
  readonly #rewards = new Map<string, TotalRewards>();
  readonly #servers: Oracles | undefined;
  #keys: readonly OracleKey[] = [];
  #oracleSet: OracleSet | undefined;
  #beacon: ElectraChain | undefined;
  #resources: AsyncDisposableStack | undefined;

  constructor(parts: Parts) {
    const { anvil, ipfs, protocol, facts, vault, vaultVersion, hasOwnMevEscrow, oracleServers } = parts;
    this.rpcUrl = anvil.rpcUrl;
    this.chainId = facts.chainId;
    this.name = facts.name;
    this.addresses = { ...protocol.addresses, vault };
    this.ipfs = ipfs;
    this.protocol = protocol;
    this.#facts = facts;
    this.#noteVault(vault, vaultVersion, hasOwnMevEscrow);
    const { genesisForkVersion } = facts;
    this.deposits = createDepositLog(protocol, { genesisForkVersion });
    const { deposits } = this;
    const chain = { genesisForkVersion };
    const deps = { protocol, deposits, ipfs, chain, currentSet: () => this.oracleSet };
    this.#servers = oracleServers === undefined ? undefined : createOracles(deps, oracleServers);
  }

  #noteVault(vault: string, version: number, hasOwnMevEscrow: boolean): void {
    this.#vaultVersions.set(vault, version);
    this.#rewards.set(vault, { consensusWei: 0n, unlockedMevWei: 0n, lockedMevWei: 0n, hasOwnMevEscrow });
  }

  own(resources: AsyncDisposableStack): void {
    this.#resources = resources;
  }

  get oracleSet(): OracleSet {
    if (this.#oracleSet === undefined) throw new Error('no oracle set yet');
    return this.#oracleSet;
  }

  get oracles(): Oracles {
    if (this.#servers === undefined) throw new Error('the devnet was started without oracleServers');
    return this.#servers;
  }

  get electraAddresses(): ElectraAddresses {
    return this.#electra().addresses;
  }

  get beacon(): ElectraChain {
    if (this.#beacon === undefined) throw new Error('the devnet was started without electra');
    return this.#beacon;
  }

  async beginBeaconChain(rules: ElectraOptions): Promise<void> {
    const { genesisTimestamp, secondsPerSlot, slotsPerEpoch } = this.#facts;
    const clock = { genesisTimestamp, secondsPerSlot, slotsPerEpoch };
    this.#beacon = await followElectra(this.protocol, this.deposits, { ...clock, rules });
  }

  #electra() {
    const { electra } = this.protocol;
    if (electra === undefined) throw new Error('the devnet was started without electra');
    return electra;
  }

  async stopOracles(): Promise<void> {
    await this.#servers?.[Symbol.asyncDispose]();
  }

  async writeNetworkFile(path: string, changes?: Readonly<Record<string, unknown>>): Promise<void> {
    await writeNetworkFile(path, this.#facts, changes);
  }

  async createVault(version: number, options: { readonly hasOwnMevEscrow?: boolean } = {}): Promise<string> {
    const vault = await this.protocol.createVault(version, options);
    this.#noteVault(vault, version, options.hasOwnMevEscrow ?? false);
    return vault;
  }

  async placeVault(address: string): Promise<void> {
    const { protocol } = this;
    const { provider, addresses } = protocol;
    // Of a new vault only the admin, in the first slot, is in its storage; all else is in its code.
    const model = await protocol.createVault(1);
    await provider.send('anvil_setCode', [address, await provider.getCode(model)]);
    const admin = await provider.send('eth_getStorageAt', [model, '0x0', 'latest']);
    await provider.send('anvil_setStorageAt', [address, `0x${'0'.repeat(64)}`, admin]);
    await protocol.send(protocol.at('VaultsRegistry', addresses.vaultsRegistry), 'addVault', address);
    this.#noteVault(address, 1, false);
  }

  async depositEther(ether: number, vault = this.addresses.vault): Promise<void> {
    const { protocol } = this;
    const { address } = protocol.owner;
    const value = parseEther(`${ether}`);
    await this.setBalance(address, value + parseEther('10000'));
    await protocol.send(protocol.at('VaultV5', vault), 'deposit', address, ZeroAddress, { value });
  }

  async setBalance(address: string, wei: bigint): Promise<void> {
    await this.protocol.provider.send('anvil_setBalance', [address, toQuantity(wei)]);
  }

  async setValidatorsManager(manager: string, vault = this.addresses.vault): Promise<void> {
    await this.protocol.send(this.protocol.at('VaultV5', vault), 'setValidatorsManager', manager);
  }

  async distributeRewards(earned: readonly EarnedRewards[] = []): Promise<Distribution> {
    const { protocol, ipfs, oracleSet, addresses } = this;
    let unlockedWei = 0n;
    for (const { vault, consensusWei = 0n, unlockedMevWei = 0n, lockedMevWei = 0n } of earned) {
      const total = this.#rewards.get(vault);
      if (total === undefined) throw new Error(`no vault ${vault}`);
      total.consensusWei += consensusWei;
      total.unlockedMevWei += unlockedMevWei;
      total.lockedMevWei += lockedMevWei;
      if (!total.hasOwnMevEscrow) unlockedWei += unlockedMevWei;
    }
    const escrowed = await protocol.provider.getBalance(addresses.sharedMevEscrow);
    await this.setBalance(addresses.sharedMevEscrow, escrowed + unlockedWei);
    return await distributeRewards({ protocol, ipfs, oracleSet }, this.#rewards);
  }

  async readHarvestState(vault = this.addresses.vault) {
    const keeper = this.protocol.at('Keeper', this.addresses.keeper);
    const read = (name: string): Promise<boolean> => keeper.getFunction(name).staticCall(vault);
    return {
      isCollateralized: await read('isCollateralized'),
      canHarvest: await read('canHarvest'),
      isHarvestRequired: await read('isHarvestRequired'),
    };
  }

  async readVaultLog(vault = this.addresses.vault): Promise<VaultLog> {
    return await readVaultLog(this.protocol, vault);
  }

  async registerDirectly(
    validators: readonly DirectValidator[],
    vault = this.addresses.vault,
  ): Promise<void> {
    const { protocol, deposits, ipfs, oracleSet } = this;
    const exits = await registerDirectly({ protocol, deposits, ipfs, oracleSet }, vault, validators);
    this.#servers?.addExits(exits.ipfsHash, exits.document);
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
      await mined(provider, response);
    }
    await provider.send('anvil_setCode', [vault, code]);
  }

  async updateOracles(change: { count: number; threshold: number; replace?: boolean }): Promise<OracleSet> {
    const before = this.#keys;
    const kept = change.replace === true ? [] : before.slice(0, change.count);
    const added: OracleKey[] = [];
    for (let i = kept.length; i < change.count; i++) {
      const key = createOracleKey(i);
      added.push((await this.#servers?.start(key)) ?? key);
    }
    this.#keys = [...kept, ...added];
    const { protocol } = this;
    const keeper = protocol.at('Keeper', this.addresses.keeper);
    for (const { address } of added) await protocol.send(keeper, 'addOracle', address);
    for (const { address } of before.filter(oracle => !this.#keys.includes(oracle))) {
      await protocol.send(keeper, 'removeOracle', address);
    }
    await protocol.send(keeper, 'setValidatorsMinOracles', change.threshold);
    await protocol.send(keeper, 'setRewardsMinOracles', change.threshold);
    const configIpfsHash = await this.publishOracleConfig(describeOracleSet(this.#keys, change.threshold));
    this.#oracleSet = {
      oracles: this.#keys,
      threshold: change.threshold,
      configIpfsHash,
      signatureValidityPeriod: SIGNATURE_VALIDITY_PERIOD,
    };
    await this.#servers?.keep(this.#keys);
    return this.#oracleSet;
  }

  async publishOracleConfig(document: string | Uint8Array | Record<string, unknown>): Promise<string> {
    const isText = typeof document === 'string' || document instanceof Uint8Array;
    const hash = await this.ipfs.add(isText ? document : JSON.stringify(document));
    await this.publishConfigHash(hash);
    return hash;
  }

  async startBeaconNode(options: { readonly port?: number } = {}): Promise<BeaconNode> {
    const { secondsPerSlot, slotsPerEpoch, genesisTimestamp } = this.#facts;
    const { provider } = this.protocol;
    return await startBeaconNode(BEACON_CHAIN, {
      ...options,
      follow: {
        listValidators: () => this.deposits.listValidators(),
        clock: { genesisTimestamp, secondsPerSlot, slotsPerEpoch },
        readTimestamp: async () =>
          Number((await provider.send('eth_getBlockByNumber', ['latest', false])).timestamp),
      },
    });
  }

  async startElectraNode(options: { readonly port?: number } = {}): Promise<ElectraNode> {
    const { genesisTimestamp, slotsPerEpoch, chainId, contracts } = this.#facts;
    const { depositContract } = contracts;
    const facts = { genesisTimestamp, slotsPerEpoch, chainId, depositContract, exitChain: BEACON_CHAIN };
    return await startElectraNode(this.beacon, { ...facts, ...options });
  }

  async passEpochs(epochs: number): Promise<void> {
    const { genesisTimestamp, secondsPerSlot, slotsPerEpoch } = this.#facts;
    const { state, timestamp } = await this.beacon.sync();
    const slot = (state.epoch + epochs) * slotsPerEpoch;
    await this.passSeconds(Math.max(genesisTimestamp + slot * secondsPerSlot - timestamp, 0));
    await this.beacon.sync();
  }

  async registerCompounding(
    validators: readonly CompoundingValidator[],
    vault = this.addresses.vault,
  ): Promise<void> {
    const { protocol, deposits, ipfs, oracleSet } = this;
    const registered = await registerCompounding({ protocol, deposits, ipfs, oracleSet }, vault, validators);
    for (const { ipfsHash, document } of registered) this.#servers?.addExits(ipfsHash, document);
  }

  async depositForKey(deposit: Deposit): Promise<void> {
    const { protocol, addresses } = this;
    const { publicKey, withdrawalCredentials, signature, amountGwei } = deposit;
    const value = amountGwei * 10n ** 9n;
    await this.setBalance(protocol.owner.address, value + parseEther('10000'));
    const contract = protocol.at('DepositContract', addresses.depositContract);
    const root = depositDataRoot(deposit);
    await protocol.send(contract, 'deposit', publicKey, withdrawalCredentials, signature, root, { value });
  }

  async sendRequests(queue: QueueName, requests: readonly Uint8Array[]): Promise<void> {
    const { protocol } = this;
    const stranger = protocol.at('Stranger', this.#electra().stranger);
    const value = parseEther('1000');
    await this.setBalance(protocol.owner.address, value + parseEther('10000'));
    // What it takes depends on whether the block before has ended when it is mined.
    const gasLimit = 200_000n + 150_000n * BigInt(requests.length);
    const { address } = REQUEST_QUEUES[queue];
    await protocol.send(stranger, 'send', address, requests.map(hex), { value, gasLimit });
  }

  async publishConfigHash(configIpfsHash: string): Promise<void> {
    const keeper = this.protocol.at('Keeper', this.addresses.keeper);
    await this.protocol.send(keeper, 'updateConfig', configIpfsHash);
  }

  async mine(blocks: number): Promise<void> {
    await this.protocol.provider.send('anvil_mine', [toQuantity(blocks)]);
  }

  async passSeconds(seconds: number): Promise<void> {
    await this.protocol.provider.send('evm_increaseTime', [seconds]);
    await this.mine(1);
  }

  async setBaseFee(gwei: number): Promise<void> {
    const wei = toQuantity(BigInt(gwei) * 10n ** 9n);
    await this.protocol.provider.send('anvil_setNextBlockBaseFeePerGas', [wei]);
  }

  async reorganise(blocks: number, { resends = false }: { readonly resends?: boolean } = {}): Promise<void> {
    const { provider } = this.protocol;
    const head = Number(await provider.send('eth_blockNumber', []));
    const transactions: string[] = [];
    for (let number = head - blocks + 1; resends && number <= head; number++) {
      const block = await provider.send('eth_getBlockByNumber', [toQuantity(number), false]);
      for (const hash of block.transactions) {
        transactions.push(await provider.send('debug_getRawTransaction', [hash]));
      }
    }
    const replace = async () => void (await provider.send('anvil_reorg', [blocks, []]));
    await (this.#beacon?.goBackTo(head - blocks, replace) ?? replace());
    for (const transaction of transactions) {
      const hash = await provider.send('eth_sendRawTransaction', [transaction]);
      // The chain answers before it mines, and who reads at once may read what was before.
      if (!this.protocol.pace.isPaced) await mined(provider, { hash });
    }
  }

  async stop(): Promise<void> {
    await this.#resources?.disposeAsync();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
