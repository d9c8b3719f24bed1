import { Contract, ContractFactory, type ContractTransactionResponse } from 'ethers/contract';
import { JsonRpcProvider, type JsonRpcSigner } from 'ethers/providers';
import type { Artifacts } from './compile.ts';
import { mined } from './mined.ts';

export interface ProtocolAddresses {
  readonly keeper: string;
  readonly keeperGenesisBlock: number;
  readonly depositContract: string;
  readonly depositContractGenesisBlock: number;
  readonly vaultsRegistry: string;
  readonly depositDataRegistry: string;
  readonly sharedMevEscrow: string;
  readonly multicall: string;
}

/** What is there since Electra, on the chain and of the protocol. */
export interface ElectraAddresses {
  readonly validatorsChecker: string;
  readonly withdrawalRequests: string;
  readonly consolidationRequests: string;
  readonly osTokenRedeemer: string;
  readonly osTokenVaultController: string;
}

/** Who sends requests to the beacon chain that are no vault's: not of the protocol, and in no network file. */
interface ElectraContracts {
  readonly addresses: ElectraAddresses;
  readonly stranger: string;
}

/** The request queues of EIP-7002 and EIP-7251, whose addresses are the same on every chain. */
export const REQUEST_QUEUES = {
  withdrawals: {
    address: '0x00000961Ef480Eb55e80D19ad83579A64c007002',
    inputLength: 56,
    targetPerBlock: 2,
    maxPerBlock: 16,
  },
  consolidations: {
    address: '0x0000BBdDc7CE488642fb579F8B00f3a590007251',
    inputLength: 96,
    targetPerBlock: 1,
    maxPerBlock: 2,
  },
} as const;

/** The protocol's contracts on a chain; its owner, and every vault's admin, is the chain's first account. */
export interface Protocol {
  readonly addresses: ProtocolAddresses;
  /** Undefined unless {@link Protocol.addElectra} has been called. */
  readonly electra: ElectraContracts | undefined;
  /** Places the request queues of Electra, and deploys what vaults of version 5 are asked through. */
  addElectra(): Promise<ElectraContracts>;
  readonly owner: JsonRpcSigner;
  readonly provider: JsonRpcProvider;
  /** A contract of that name at that address, with the owner as its caller. */
  at(name: string, address: string): Contract;
  /** Sends a transaction of the owner and waits until it is in a block; the last argument may be an object with `value`. */
  send(contract: Contract, method: string, ...args: readonly unknown[]): Promise<void>;
  /** A vault of version 1 with its own root, or of a later one with a validators manager; registered. 6 and above are as 5. */
  createVault(version: number, options?: { readonly hasOwnMevEscrow?: boolean }): Promise<string>;
  chainId(): Promise<number>;
  /** Blocks come at a pace: what is sent here is mined at once all the same. */
  readonly pace: { isPaced: boolean };
}

/** Deploys the protocol. */
export async function deployProtocol(rpcUrl: string, artifacts: Artifacts): Promise<Protocol> {
  const provider = new JsonRpcProvider(rpcUrl, undefined, {
    cacheTimeout: -1,
    batchMaxCount: 1,
    polling: true,
  });
  provider.pollingInterval = 50;
  const owner = await provider.getSigner(0);
  const pace = { isPaced: false };

  const deploy = async (
    name: string,
    ...args: readonly unknown[]
  ): Promise<{ address: string; block: number }> => {
    const { abi, bytecode } = findArtifact(artifacts, name);
    const contract = await new ContractFactory(abi, bytecode, owner).deploy(...args);
    if (pace.isPaced) await provider.send('evm_mine', []);
    const sent = contract.deploymentTransaction();
    if (sent === null) throw new Error(`${name} was not deployed`);
    return { address: await contract.getAddress(), block: (await mined(provider, sent)).blockNumber };
  };
  // A contract passes on the errors of those it calls, which its own interface does not name.
  const errors = findArtifact(artifacts, 'Errors').abi;
  const at = (name: string, address: string) =>
    new Contract(address, [...findArtifact(artifacts, name).abi, ...errors], owner);
  const send = async (contract: Contract, method: string, ...args: readonly unknown[]): Promise<void> => {
    const response: ContractTransactionResponse = await contract.getFunction(method).send(...args);
    if (pace.isPaced) await provider.send('evm_mine', []);
    await mined(provider, response);
  };
  let chainId: Promise<number> | undefined;

  const depositContract = await deploy('DepositContract');
  const vaultsRegistry = await deploy('VaultsRegistry');
  const keeper = await deploy('Keeper', vaultsRegistry.address, depositContract.address);
  const depositDataRegistry = await deploy('DepositDataRegistry', vaultsRegistry.address);
  const mevEscrow = await deploy('MevEscrow', vaultsRegistry.address);
  const multicall = await deploy('Multicall');

  const createVault: Protocol['createVault'] = async (version, { hasOwnMevEscrow = false } = {}) => {
    const setup = [
      owner.address,
      keeper.address,
      depositContract.address,
      mevEscrow.address,
      hasOwnMevEscrow,
      depositDataRegistry.address,
    ];
    const vault = await deployVault(version, setup);
    await send(at('VaultsRegistry', vaultsRegistry.address), 'addVault', vault.address);
    return vault.address;
  };

  const deployVault = async (version: number, setup: readonly unknown[]) => {
    if (version === 1) return await deploy('VaultV1', setup);
    return await deploy(version < 5 ? 'VaultV2' : 'VaultV5', setup, version);
  };
  let electra: ElectraContracts | undefined;
  const addElectra = async (): Promise<ElectraContracts> => {
    for (const { address, inputLength, targetPerBlock, maxPerBlock } of Object.values(REQUEST_QUEUES)) {
      const model = await deploy('RequestQueue', inputLength, targetPerBlock, maxPerBlock);
      await provider.send('anvil_setCode', [address, await provider.getCode(model.address)]);
    }
    const checked = [depositContract.address, keeper.address, vaultsRegistry.address];
    const checker = await deploy('ValidatorsChecker', ...checked);
    const controller = await deploy('OsTokenVaultController');
    const redeemer = await deploy('OsTokenRedeemer', controller.address);
    const addresses = {
      validatorsChecker: checker.address,
      withdrawalRequests: REQUEST_QUEUES.withdrawals.address,
      consolidationRequests: REQUEST_QUEUES.consolidations.address,
      osTokenRedeemer: redeemer.address,
      osTokenVaultController: controller.address,
    };
    electra = { addresses, stranger: (await deploy('Stranger')).address };
    return electra;
  };

  const protocol: Protocol = {
    get electra() {
      return electra;
    },
    addElectra,
    addresses: {
      keeper: keeper.address,
      keeperGenesisBlock: keeper.block,
      depositContract: depositContract.address,
      depositContractGenesisBlock: depositContract.block,
      vaultsRegistry: vaultsRegistry.address,
      depositDataRegistry: depositDataRegistry.address,
      sharedMevEscrow: mevEscrow.address,
      multicall: multicall.address,
    },
    owner,
    provider,
    at,
    send,
    createVault,
    chainId: () => (chainId ??= provider.getNetwork().then(network => Number(network.chainId))),
    pace,
  };
  return protocol;
}

function findArtifact(artifacts: Artifacts, name: string): Artifacts[string] {
  const artifact = artifacts[name];
  if (artifact === undefined) throw new Error(`no contract ${name} among the devnet's`);
  return artifact;
}
