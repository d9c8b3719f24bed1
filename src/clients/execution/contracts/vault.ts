import { Interface } from 'ethers/abi';
import { z } from 'zod';
import { fromHex, type Hex, toHex } from '../../../lib/bytes.ts';
import { OperatorError } from '../../../lib/errors.ts';
import { HASH_LENGTH, PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import type { ExecutionNode } from '../execution-node.ts';
import { findAllLogs } from '../log-search.ts';
import { readContract, requireContractCode } from './contract-call.ts';
import { fetchRegisteredIndex, fetchRegisteredRoot } from './deposit-data-registry.ts';
import { fetchValidatorsManager } from './vault-views.ts';
import { fetchIsVault } from './vaults-registry.ts';

/** StakeWise V3 IEthVault and IGnoVault, the parts in use. Root and index are of version 1 only, the manager of later ones. */
export const vaultAbi = new Interface([
  'function version() pure returns (uint8)',
  'function vaultId() pure returns (bytes32)',
  'function admin() view returns (address)',
  'function validatorsRoot() view returns (bytes32)',
  'function validatorIndex() view returns (uint256)',
  'function withdrawableAssets() view returns (uint256)',
  'function validatorsManager() view returns (address)',
  'event ValidatorRegistered(bytes publicKey)',
  'event V2ValidatorRegistered(bytes publicKey, uint256 amount)',
]);

/** The contracts of a network that tell what a vault is. */
export interface VaultContracts {
  readonly vaultsRegistry: string;
  readonly depositDataRegistry?: string | undefined;
}

/** The last version of which this program knows where its deposit data root is. */
const LAST_KNOWN_VERSION = 5;

/**
 * Root of the vault's deposit data tree on the chain: the vault's own for version 1, the DepositDataRegistry's for 2 to 5.
 * @returns 32 bytes; null when none is set
 * @throws OperatorError `contract-not-found`, `vault-not-registered`, `unsupported-vault-version` or
 *   `no-deposit-data-registry`
 */
export async function fetchDepositDataRoot(
  node: ExecutionNode,
  vault: string,
  contracts: VaultContracts,
): Promise<Uint8Array | null> {
  const version = await fetchVaultVersion(node, vault, contracts);
  const root =
    version === 1
      ? await fetchValidatorsRoot(node, vault)
      : await fetchRegisteredRoot(node, requireRegistry(contracts, vault, version), vault);
  return root.every(byte => byte === 0) ? null : root;
}

/** How far a contract has come in the deposit data of a vault. */
export interface DepositDataPlace {
  /** Root of the deposit data, 32 bytes; zeros when none is set. */
  readonly root: Uint8Array;
  /** Number of the entry that it takes next, of deposit data with this root: of any other it takes the first one. */
  readonly index: number;
}

/**
 * How far the vault, or for versions 2 to 5 the DepositDataRegistry as its validators manager, has come in its deposit data.
 * @returns null for a vault whose manager is somebody else, who registers in any order
 * @throws OperatorError as {@link fetchDepositDataRoot}
 */
export async function fetchDepositDataPlace(
  node: ExecutionNode,
  vault: string,
  contracts: VaultContracts,
): Promise<DepositDataPlace | null> {
  const version = await fetchVaultVersion(node, vault, contracts);
  if (version === 1) {
    const [root, index] = await Promise.all([
      fetchValidatorsRoot(node, vault),
      fetchValidatorIndex(node, vault),
    ]);
    return { root, index };
  }
  const registry = contracts.depositDataRegistry;
  if (registry === undefined || (await fetchValidatorsManager(node, vault)) !== registry) return null;
  const [root, index] = await Promise.all([
    fetchRegisteredRoot(node, registry, vault),
    fetchRegisteredIndex(node, registry, vault),
  ]);
  return { root, index };
}

/**
 * Version of a vault of the protocol, 1 to 5.
 * @throws OperatorError `contract-not-found`, `vault-not-registered` or `unsupported-vault-version`
 */
export async function fetchVaultVersion(
  node: ExecutionNode,
  vault: string,
  contracts: VaultContracts,
): Promise<number> {
  const [, isVault] = await Promise.all([
    requireContractCode(node, 'vault', vault),
    fetchIsVault(node, contracts.vaultsRegistry, vault),
  ]);
  if (!isVault) {
    throw new OperatorError(
      'vault-not-registered',
      `${vault} is not a vault of the registry ${contracts.vaultsRegistry} on chain ${node.chainId}.`,
      { hint: 'Check the vault address and the network.' },
    );
  }
  const [answer] = await readContract(node, refer(vault), 'version');
  const version = Number(z.bigint().parse(answer));
  if (version < 1 || version > LAST_KNOWN_VERSION) {
    throw new OperatorError(
      'unsupported-vault-version',
      `The vault ${vault} has version ${version}; versions 1 to ${LAST_KNOWN_VERSION} are supported.`,
    );
  }
  return version;
}

/** Kind of the vault: keccak256 of its contract's name, 32 bytes. */
export async function fetchVaultId(node: ExecutionNode, vault: string): Promise<Uint8Array> {
  const [vaultId] = await readContract(node, refer(vault), 'vaultId');
  return fromHex(z.string().parse(vaultId), HASH_LENGTH);
}

/** The vault's admin, checksummed. */
export async function fetchVaultAdmin(node: ExecutionNode, vault: string): Promise<string> {
  const [admin] = await readContract(node, refer(vault), 'admin');
  return z.string().parse(admin);
}

/**
 * Public keys of the validators that the vault has registered, in the order of their registration, each once: those of
 * `ValidatorRegistered` (0x01 credentials) and `V2ValidatorRegistered` (0x02).
 * @param fromBlock - before the vault was made
 * @returns 48 bytes each
 */
export async function fetchRegisteredValidators(
  node: ExecutionNode,
  vault: string,
  fromBlock: number,
): Promise<Uint8Array[]> {
  const found = new Map<Hex, Uint8Array>();
  for (const event of ['ValidatorRegistered', 'V2ValidatorRegistered']) {
    const topics = vaultAbi.encodeFilterTopics(event, []).flatMap(topic => topic ?? []);
    for (const log of await findAllLogs(node, { address: vault, topics, fromBlock })) {
      const [publicKey] = vaultAbi.decodeEventLog(event, log.data, log.topics);
      const bytes = fromHex(z.string().parse(publicKey), PUBLIC_KEY_LENGTH);
      found.set(toHex(bytes), bytes);
    }
  }
  return [...found.values()];
}

/** Version 1: root of the deposit data tree, 32 bytes; zero when none is set. */
async function fetchValidatorsRoot(node: ExecutionNode, vault: string): Promise<Uint8Array> {
  const [root] = await readContract(node, refer(vault), 'validatorsRoot');
  return fromHex(z.string().parse(root), HASH_LENGTH);
}

/** Version 1: index in the deposit data of the next validator to be registered. */
export async function fetchValidatorIndex(node: ExecutionNode, vault: string): Promise<number> {
  const [index] = await readContract(node, refer(vault), 'validatorIndex');
  return Number(z.bigint().parse(index));
}

function requireRegistry({ depositDataRegistry }: VaultContracts, vault: string, version: number): string {
  if (depositDataRegistry !== undefined) return depositDataRegistry;
  throw new OperatorError(
    'no-deposit-data-registry',
    `The vault ${vault} has version ${version}, and the network names no deposit data registry to look its root up in.`,
  );
}

function refer(address: string) {
  return { name: 'vault', address, abi: vaultAbi };
}
