import { keccak_256 } from '@noble/hashes/sha3.js';
import { Interface } from 'ethers/abi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileContracts } from '../../devnet/compile.ts';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';

const APPROVAL =
  '(bytes32 validatorsRegistryRoot, uint256 deadline, bytes validators, bytes signatures, string exitSignaturesIpfsHash)';
const HARVEST = '(bytes32 rewardsRoot, int160 reward, uint160 unlockedMevReward, bytes32[] proof)';

const vault = [
  `function updateState(${HARVEST} harvestParams) external`,
  'function isStateUpdateRequired() external view returns (bool)',
  'function withdrawableAssets() external view returns (uint256)',
  'function multicall(bytes[] data) external returns (bytes[] results)',
  'function version() external view returns (uint8)',
  'function vaultId() external pure returns (bytes32)',
  'function admin() external view returns (address)',
  'function mevEscrow() external view returns (address)',
  'function totalAssets() external view returns (uint256)',
  'function totalShares() external view returns (uint256)',
  'function feePercent() external view returns (uint16)',
  'function capacity() external view returns (uint256)',
  'function deposit(address receiver, address referrer) external payable returns (uint256 shares)',
  'event ValidatorRegistered(bytes publicKey)',
];

/** The protocol's interfaces as its documentation has them; everything here must be what the devnet's contracts have. */
const documented: Readonly<Record<string, readonly string[]>> = {
  Keeper: [
    'event ConfigUpdated(string configIpfsHash)',
    'event ExitSignaturesUpdated(address indexed caller, address indexed vault, uint256 nonce, string exitSignaturesIpfsHash)',
    'event Harvested(address indexed vault, bytes32 indexed rewardsRoot, int256 totalAssetsDelta, uint256 unlockedMevDelta)',
    'event OracleAdded(address indexed oracle)',
    'event OracleRemoved(address indexed oracle)',
    'event RewardsMinOraclesUpdated(uint256 oracles)',
    'event RewardsUpdated(address indexed caller, bytes32 indexed rewardsRoot, uint256 avgRewardPerSecond, uint64 updateTimestamp, uint64 nonce, string rewardsIpfsHash)',
    'event ValidatorsApproval(address indexed vault, string exitSignaturesIpfsHash)',
    'event ValidatorsMinOraclesUpdated(uint256 oracles)',
    'function addOracle(address oracle) external',
    `function approveValidators(${APPROVAL} params) external`,
    'function canHarvest(address vault) external view returns (bool)',
    'function canUpdateRewards() external view returns (bool)',
    'function eip712Domain() external view returns (bytes1 fields, string name, string version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] extensions)',
    'function exitSignaturesNonces(address vault) external view returns (uint256)',
    `function harvest(${HARVEST} params) external returns (int256 totalAssetsDelta, uint256 unlockedMevDelta, bool harvested)`,
    'function isCollateralized(address vault) external view returns (bool)',
    'function isHarvestRequired(address vault) external view returns (bool)',
    'function isOracle(address oracle) external view returns (bool)',
    'function lastRewardsTimestamp() external view returns (uint64)',
    'function prevRewardsRoot() external view returns (bytes32)',
    'function removeOracle(address oracle) external',
    'function rewards(address vault) external view returns (int192 assets, uint64 nonce)',
    'function rewardsDelay() external view returns (uint256)',
    'function rewardsMinOracles() external view returns (uint256)',
    'function rewardsNonce() external view returns (uint64)',
    'function rewardsRoot() external view returns (bytes32)',
    'function setRewardsMinOracles(uint256 _rewardsMinOracles) external',
    'function setValidatorsMinOracles(uint256 _validatorsMinOracles) external',
    'function totalOracles() external view returns (uint256)',
    'function unlockedMevRewards(address vault) external view returns (uint192 assets, uint64 nonce)',
    'function updateConfig(string configIpfsHash) external',
    'function updateExitSignatures(address vault, uint256 deadline, string exitSignaturesIpfsHash, bytes oraclesSignatures) external',
    'function updateRewards((bytes32 rewardsRoot, uint256 avgRewardPerSecond, uint64 updateTimestamp, string rewardsIpfsHash, bytes signatures) params) external',
    'function validatorsMinOracles() external view returns (uint256)',
  ],
  VaultV1: [
    ...vault,
    `function registerValidator(${APPROVAL} keeperParams, bytes32[] proof) external`,
    `function registerValidators(${APPROVAL} keeperParams, uint256[] indexes, bool[] proofFlags, bytes32[] proof) external`,
    'function setValidatorsRoot(bytes32 _validatorsRoot) external',
    'function validatorsRoot() external view returns (bytes32)',
    'function validatorIndex() external view returns (uint256)',
    'function keysManager() external view returns (address)',
    'function setKeysManager(address _keysManager) external',
    'event ValidatorsRootUpdated(address indexed caller, bytes32 indexed validatorsRoot)',
    'event KeysManagerUpdated(address indexed caller, address indexed keysManager)',
  ],
  VaultV5: [
    ...vault,
    `function registerValidators(${APPROVAL} keeperParams, bytes validatorsManagerSignature) external`,
    'function setValidatorsManager(address validatorsManager_) external',
    'function validatorsManager() external view returns (address)',
    'function validatorsManagerNonce() external view returns (uint256)',
    'function v2Validators(bytes32 publicKeyHash) external view returns (bool isRegistered)',
    'function setAdmin(address newAdmin) external',
    'function fundValidators(bytes validators, bytes validatorsManagerSignature) external',
    'function withdrawValidators(bytes validators, bytes validatorsManagerSignature) external payable',
    'function consolidateValidators(bytes validators, bytes validatorsManagerSignature, bytes oracleSignatures) external payable',
    'function getExitQueueData() external view returns (uint128 queuedShares, uint128 unclaimedAssets, uint128 totalExitingTickets, uint128 totalExitingAssets, uint256 totalTickets)',
    'function getExitQueueIndex(uint256 positionTicket) external view returns (int256)',
    'function convertToAssets(uint256 shares) external view returns (uint256 assets)',
    'function convertToShares(uint256 assets) external view returns (uint256 shares)',
    'function getShares(address account) external view returns (uint256)',
    'event V2ValidatorRegistered(bytes publicKey, uint256 amount)',
    'event ValidatorFunded(bytes publicKey, uint256 amount)',
    'event ValidatorWithdrawalSubmitted(bytes publicKey, uint256 amount, uint256 feePaid)',
    'event ValidatorConsolidationSubmitted(bytes fromPublicKey, bytes toPublicKey, uint256 feePaid)',
    'event ValidatorsManagerUpdated(address indexed caller, address indexed validatorsManager)',
  ],
  VaultV2: [
    ...vault,
    `function registerValidators(${APPROVAL} keeperParams, bytes validatorsManagerSignature) external`,
    'function setValidatorsManager(address validatorsManager_) external',
    'function validatorsManager() external view returns (address)',
    'event ValidatorsManagerUpdated(address indexed caller, address indexed validatorsManager)',
  ],
  ValidatorsChecker: [
    'function checkValidatorsManagerSignature(address vault, bytes32 validatorsRegistryRoot, bytes validators, bytes signature) external view returns (uint256 blockNumber, uint8 status)',
    `function updateVaultState(address vault, ${HARVEST} harvestParams) external`,
    'function getExitQueueCumulativeTickets(address vault) external view returns (uint256)',
    'function getExitQueueMissingAssets(address vault, uint256 withdrawingAssets, uint256 redemptionAssets, uint256 targetCumulativeTickets) external view returns (uint256 missingAssets)',
    'function multicall(bytes[] data) external returns (bytes[] results)',
  ],
  OsTokenVaultController: [
    'function totalAssets() external view returns (uint256)',
    'function totalShares() external view returns (uint256)',
    'function convertToAssets(uint256 shares) external view returns (uint256)',
    'function convertToShares(uint256 assets) external view returns (uint256)',
  ],
  OsTokenRedeemer: [
    'function nonce() external view returns (uint256)',
    'function queuedShares() external view returns (uint128)',
    'function redeemablePositions() external view returns (bytes32 merkleRoot, string ipfsHash)',
    'function leafToProcessedShares(bytes32 leaf) external view returns (uint256)',
    'function setRedeemablePositions((bytes32 merkleRoot, string ipfsHash) positions) external',
    'function redeemOsTokenPositions((address vault, address owner, uint256 leafShares, uint256 sharesToRedeem)[] positions, bytes32[] proof, bool[] proofFlags) external',
    'function positionsManager() external view returns (address)',
    'event RedeemablePositionsUpdated(bytes32 indexed merkleRoot, string ipfsHash)',
    'event OsTokenPositionsRedeemed(uint256 shares, uint256 assets)',
  ],
  DepositDataRegistry: [
    `function registerValidator(address vault, ${APPROVAL} keeperParams, bytes32[] proof) external`,
    `function registerValidators(address vault, ${APPROVAL} keeperParams, uint256[] indexes, bool[] proofFlags, bytes32[] proof) external`,
    'function depositDataIndexes(address vault) external view returns (uint256 validatorIndex)',
    'function depositDataRoots(address vault) external view returns (bytes32 depositDataRoot)',
    'function getDepositDataManager(address vault) external view returns (address)',
    'function setDepositDataManager(address vault, address depositDataManager) external',
    'function setDepositDataRoot(address vault, bytes32 depositDataRoot) external',
    `function updateVaultState(address vault, ${HARVEST} harvestParams) external`,
    'event DepositDataManagerUpdated(address indexed vault, address depositDataManager)',
    'event DepositDataRootUpdated(address indexed vault, bytes32 depositDataRoot)',
  ],
  DepositContract: [
    'function get_deposit_root() external view returns (bytes32)',
    'function deposit(bytes pubkey, bytes withdrawal_credentials, bytes signature, bytes32 deposit_data_root) external payable',
    'event DepositEvent(bytes pubkey, bytes withdrawal_credentials, bytes amount, bytes signature, bytes index)',
  ],
  VaultsRegistry: [
    'function vaults(address) view returns (bool)',
    'event VaultAdded(address indexed caller, address indexed vault)',
  ],
  Multicall: [
    'function aggregate((address target, bytes callData)[] calls) payable returns (uint256 blockNumber, bytes[] returnData)',
  ],
};

/** Selectors, topics, what is indexed and what is returned, without names. */
function shapeOf(abi: Interface): Set<string> {
  const shapes = new Set<string>();
  abi.forEachFunction(one => {
    const results = one.outputs.map(output => output.format('sighash')).join();
    shapes.add(`${one.selector} ${one.format('sighash')} returns ${results} ${one.payable ? 'payable' : ''}`);
  });
  abi.forEachEvent(one => {
    const indexed = one.inputs.map(input => (input.indexed === true ? 'indexed' : '')).join();
    shapes.add(`${one.topicHash} ${one.format('sighash')} ${indexed}`);
  });
  return shapes;
}

describe('selectors and topics of the devnet’s contracts', () => {
  it.each(Object.entries(documented))(
    'the devnet’s contract %s has the selectors and topics that the protocol documents',
    async (name, lines) => {
      const artifacts = await compileContracts();
      const compiled = shapeOf(new Interface(artifacts[name]?.abi ?? []));
      const missing = [...shapeOf(new Interface(lines))].filter(shape => !compiled.has(shape));
      expect(missing).toEqual([]);
    },
  );
});

describe('typed data', () => {
  let devnet: Devnet;
  let vaultV5: string;
  beforeAll(async () => {
    devnet = await startDevnet();
    vaultV5 = await devnet.createVault(5);
  });
  afterAll(() => devnet.stop());

  const types = [
    [
      'Keeper',
      'REGISTRATION_TYPE_HASH',
      'KeeperValidators(bytes32 validatorsRegistryRoot,address vault,bytes validators,string exitSignaturesIpfsHash,uint256 deadline)',
    ],
    [
      'Keeper',
      'EXIT_SIGNATURES_TYPE_HASH',
      'KeeperValidators(address vault,string exitSignaturesIpfsHash,uint256 nonce,uint256 deadline)',
    ],
    [
      'Keeper',
      'REWARDS_TYPE_HASH',
      'KeeperRewards(bytes32 rewardsRoot,string rewardsIpfsHash,uint256 avgRewardPerSecond,uint64 updateTimestamp,uint64 nonce)',
    ],
    ['VaultV5', 'VALIDATORS_TYPE_HASH', 'VaultValidators(bytes32 validatorsRegistryRoot,bytes validators)'],
  ] as const;
  it.each(types)(
    'the devnet’s constant %s.%s is the hash of the protocol’s type',
    async (contract, constant, type) => {
      const address = contract === 'Keeper' ? devnet.addresses.keeper : vaultV5;
      const hash: unknown = await devnet.protocol.at(contract, address).getFunction(constant).staticCall();
      expect(hash).toBe(`0x${Buffer.from(keccak_256(new TextEncoder().encode(type))).toString('hex')}`);
    },
  );

  it('the devnet’s contracts have the typed data domains of the protocol', async () => {
    const { keeper } = devnet.addresses;
    const read = (contract: string, address: string) =>
      devnet.protocol.at(contract, address).getFunction('eip712Domain').staticCall();
    expect([...(await read('Keeper', keeper))].slice(1, 5)).toEqual(['KeeperOracles', '1', 31_337n, keeper]);
    expect([...(await read('VaultV5', vaultV5))].slice(1, 5)).toEqual([
      'VaultValidators',
      '1',
      31_337n,
      vaultV5,
    ]);
  });
});
